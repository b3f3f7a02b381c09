# The operations on channels that the peer programs in Perl share, and those of a passer by what it
# sends and receives with.
package Peer;
use strict;
use warnings;
use IO::Poll qw(POLLIN);
use IO::Socket::UNIX;
use Peer;
use Socket qw(AF_UNIX SOCK_STREAM PF_UNSPEC);

our %op;
my %passer;    # sockets, by their names
my $named = 0;

sub passer {
    my ($it, $which) = @_;
    exists $passer{ $it->{ $which // 'passer' } } or refuse('there is no such passer here');
    return $passer{ $it->{ $which // 'passer' } } // fail('closed', 'it has been dropped');
}

sub _named {
    my ($socket) = @_;
    keep_nonblocking($socket, 1);
    $passer{ 's' . ++$named } = $socket;
    return "s$named";
}

$op{adopt} = sub {
    my ($it) = @_;
    defined getsockname handle($it->{fd}) or fail_os();
    return { passer => _named(taken_handle($it->{fd})) };
};

$op{pair} = sub {
    socketpair(my $left, my $right, AF_UNIX, SOCK_STREAM, PF_UNSPEC) or fail_os();
    return { passers => [map { _named($_) } $left, $right] };
};

$op{listen} = sub {
    my ($it) = @_;
    my $listener = IO::Socket::UNIX->new(Local => $it->{path}, Listen => 128) or fail_os();
    return { listener => _named($listener) };
};

$op{accept} = sub {
    my ($it) = @_;
    my $listener = passer($it, 'listener');
    wait_for(fileno $listener, POLLIN, $it->{timeout}) or fail('timed-out', 'nobody has connected');
    accept(my $socket, $listener) or fail_os();
    return { passer => _named($socket) };
};

$op{connect} = sub {
    my ($it) = @_;
    my $socket = IO::Socket::UNIX->new(Peer => $it->{path}) or fail_os();
    return { passer => _named($socket) };
};

$op{drop} = sub {
    my ($it) = @_;
    my $socket = passer($it);
    $passer{ $it->{passer} } = undef;
    close $socket or fail_os();
    return {};
};

# The operations of a passer, by what it sends and receives with: each is called with a socket, and
# leaves by fail().
sub passes_by {
    my ($send, $receive) = @_;
    $op{send} = sub {
        my ($it) = @_;
        $send->(passer($it), $it->{fd});
        close_fd($it->{fd}) if $it->{close};
        return {};
    };
    $op{flush} = sub { passer($_[0]); return {} };    # nothing is ever queued
    $op{recv} = sub {
        my ($it) = @_;
        my $socket = passer($it);
        wait_for(fileno $socket, POLLIN, $it->{timeout}) or fail('timed-out', 'nothing has arrived');
        return { fd => $receive->($socket) };
    };
    $op{recv_nowait} = sub { return { fd => $receive->(passer($_[0])) } };
}

1;
