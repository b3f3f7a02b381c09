# The peer program of AnyEvent::FDpasser, as its documentation has it. Its event loop runs while an
# operation waits, and while a request does.
use strict;
use warnings;
use FindBin;
use lib $FindBin::RealBin;
# The event loop that has nothing open, and need not be told of a fork.
BEGIN { $ENV{PERL_ANYEVENT_MODEL} = 'Perl' }
use AnyEvent;
use AnyEvent::FDpasser;
use IO::Poll qw(POLLIN);
use Peer;
use Scalar::Util qw(weaken);

my %passer;      # what is known of each, by its name: passer, handle, came, wanted, queued, error
my %listener;    # sockets, by their names
my $named = 0;
my $moved = AE::cv;    # sent to whenever something has happened

sub name_it { my ($of, $it) = @_; $of->{ 's' . ++$named } = $it; return "s$named" }

sub passer {
    my ($it) = @_;
    exists $passer{ $it->{passer} // '' } or Peer::refuse('there is no such passer here');
    my $of = $passer{ $it->{passer} } // Peer::fail('closed', 'it has been dropped');
    Peer::fail(@{ $of->{error} }) if $of->{error} && !@{ $of->{came} };
    return $of;
}

# What it gives; it dies where something fails, or gives a handle that is not open.
sub tried {
    my ($call) = @_;
    my @given = eval { $call->() };
    Peer::fail('os', $@) if $@;
    Peer::fail_os() if grep { ref eq 'GLOB' && !defined fileno $_ } @given;
    return wantarray ? @given : $given[0];
}

sub made {
    my ($handle) = @_;
    my $of = { handle => $handle, came => [], wanted => 0, queued => 0 };
    weaken(my $known = $of);    # or the passer would keep itself
    my $told = sub { $known->{error} = meaning($@); $moved->send };
    $of->{passer} = tried(sub { AnyEvent::FDpasser->new(fh => $handle, on_error => $told) });
    return name_it(\%passer, $of);
}

# What its error callback finds in $@, by a name of the protocol.
sub meaning {
    my ($why) = @_;
    return ['peer-closed', 'the other end was closed'] if !defined $why;
    return ['lost', $why] if $why =~ /truncated/;
    return ['peer-reset', $why] if $why =~ /Broken pipe|reset by peer/;
    return ['os', $why];
}

# Runs the event loop until it is done, and tells whether that came in time.
sub run_until {
    my ($done, $seconds) = @_;
    my $late = 0;
    AE::now_update;    # the loop has not run while a request was waited for
    my $timer = defined $seconds ? AE::timer($seconds, 0, sub { $late = 1; $moved->send }) : undef;
    until ($done->() || $late) { $moved = AE::cv; $moved->recv }
    return 1 if $done->();
    my $at_once = AE::idle(sub { });    # a timer comes before descriptors: a last look at these
    AnyEvent::Loop::one_event();
    return $done->();
}

# Tells it to receive one; one that somebody else has taken first is still wanted.
sub want {
    my ($of) = @_;
    return if $of->{error};
    $of->{wanted} = 1;
    weaken(my $known = $of);
    $of->{passer}->push_recv_fh(
        sub { push @{ $known->{came} }, $_[0]; $known->{wanted} = 0; $moved->send });
}

$Peer::op{recv} = sub {
    my ($it) = @_;
    my $of = passer($it);
    my $done = sub { @{ $of->{came} } || $of->{error} };
    if (!$done->() && !$of->{wanted}) {
        # What it is once told to receive it cannot be told to leave: not to another process either,
        # as a child of fork. It is therefore not told before there is something.
        my $there = 0;
        my $watch = AE::io($of->{handle}, 0, sub { $there = 1; $moved->send });
        run_until(sub { $there || $done->() }, $it->{timeout})
          or Peer::fail('timed-out', 'nothing has arrived');
        undef $watch;
        want($of);
    }
    run_until($done, $it->{timeout}) or Peer::fail('timed-out', 'nothing has arrived');
    my $handle = shift @{ $of->{came} } or Peer::fail(@{ $of->{error} });
    return { fd => Peer::keep_handle($handle) };
};

$Peer::op{adopt} = sub {
    my ($it) = @_;
    defined getsockname Peer::handle($it->{fd}) or Peer::fail_os();
    return { passer => made(Peer::taken_handle($it->{fd})) };
};

$Peer::op{pair} = sub {
    return { passers => [map { made($_) } tried(\&AnyEvent::FDpasser::fdpasser_socketpair)] };
};

$Peer::op{listen} = sub {
    my ($it) = @_;
    my $listener = tried(sub { AnyEvent::FDpasser::fdpasser_server($it->{path}, 128) });
    return { listener => name_it(\%listener, $listener) };
};

$Peer::op{accept} = sub {
    my ($it) = @_;
    my $listener = $listener{ $it->{listener} // '' } // Peer::refuse('there is no such listener');
    Peer::wait_for(fileno $listener, POLLIN, $it->{timeout})
      or Peer::fail('timed-out', 'nobody has connected');
    return { passer => made(scalar tried(sub { AnyEvent::FDpasser::fdpasser_accept($listener) })) };
};

$Peer::op{connect} = sub {
    my ($it) = @_;
    return { passer => made(scalar tried(sub { AnyEvent::FDpasser::fdpasser_connect($it->{path}) })) };
};

$Peer::op{drop} = sub {
    my ($it) = @_;
    return {} if delete $listener{ $it->{passer} // '' };
    my $of = $passer{ $it->{passer} // '' } // Peer::refuse('there is no such passer here');
    $passer{ $it->{passer} } = undef;
    close $of->{handle};    # a passer that waits for something does not go with its last reference
    return {};
};

$Peer::op{send} = sub {
    my ($it) = @_;
    my $of = passer($it);
    # It closes what nobody else has: with close that is this handle, else Peer keeps it.
    my $handle = $it->{close} ? Peer::taken_handle($it->{fd}) : Peer::handle($it->{fd});
    $of->{queued}++;
    weaken(my $known = $of);
    $of->{passer}->push_send_fh($handle, sub { $known->{queued}--; $moved->send });
    return {};
};

$Peer::op{flush} = sub {
    my ($it) = @_;
    my $of = passer($it);
    run_until(sub { !$of->{queued} || $of->{error} }, $it->{timeout})
      or Peer::fail('timed-out', "$of->{queued} are queued");
    Peer::fail(@{ $of->{error} }) if $of->{queued};
    return {};
};

$Peer::op{queued} = sub { return { queued => passer($_[0])->{queued} } };

# What is still to be sent is to be forgotten and not closed, says its documentation.
$Peer::op{close} = sub { Peer::taken_handle($_[0]{fd}); return {} };

$Peer::idle = sub {
    my $asked = AE::cv;
    my $watch = AE::io(*STDIN, 0, sub { $asked->send });
    $asked->recv;
};

# What the event loop opens is to be open before anything is counted.
run_until(sub { 0 }, 0);
Peer::run('anyevent-fdpasser', $AnyEvent::FDpasser::VERSION);
