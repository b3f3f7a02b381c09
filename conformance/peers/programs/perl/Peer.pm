# What the peer programs in Perl share: the line loop, plain descriptors, the table, children.
# Nothing here knows of channels. See ../../../PROTOCOL.md.
package Peer;
use strict;
use warnings;
use Errno ();
use Fcntl qw(F_GETFD F_GETFL F_SETFL FD_CLOEXEC O_NONBLOCK O_APPEND O_ACCMODE O_RDONLY O_WRONLY
  O_RDWR O_CREAT O_DIRECTORY O_NOCTTY S_ISREG S_ISDIR S_ISFIFO S_ISSOCK S_ISCHR S_ISBLK);
use IO::Handle;
use IO::Poll qw(POLLIN);
use JSON::PP;
use POSIX ();
use Socket qw(AF_UNIX SOCK_STREAM PF_UNSPEC);

our %op;         # what each operation does with a request; it gives what stands behind "ok"
our $idle = sub { };    # what is done before a request is waited for
my %handle;      # of descriptors that Perl has had to make a file handle for
my $unread = '';
my $json = JSON::PP->new->canonical->allow_nonref;
my %name_of;     # of the numbers of errors
$name_of{ Errno->can($_)->() } //= $_ for sort grep { Errno->can($_) } keys %!;

# -- outcomes ---------------------------------------------------------------------------------------

sub fail {
    my ($name, $message, %more) = @_;
    die { class => 'passer', name => $name, message => $message, %more };
}

# An error of a system call, by what $! says.
sub fail_os {
    my $number = $! + 0;
    my %error = (message => "$!", errno => $name_of{$number} // "$number");
    fail('would-block', delete $error{message}, %error) if $!{EAGAIN} || $!{EWOULDBLOCK};
    fail('peer-reset',  delete $error{message}, %error) if $!{EPIPE}  || $!{ECONNRESET};
    die { class => 'os', name => 'os', %error };
}

sub refuse { die { class => 'usage', name => 'usage', message => $_[0] } }

sub wait_for {
    my ($fd, $mask, $seconds) = @_;
    my $wait = defined $seconds ? POSIX::ceil(1000 * $seconds) : -1;
    my $found;
    do { $found = IO::Poll::_poll($wait, $fd, my $wanted = $mask) } while $found < 0 && $!{EINTR};
    return $found > 0;
}

# -- the loop ---------------------------------------------------------------------------------------

sub run {
    my ($name, $version) = @_;
    $op{hello} = sub {
        return {
            protocol => 1, name => $name, version => "$version", language => "Perl $^V",
            pid => $$, backends => {}, survivals => {}, ops => [sort keys %op],
        };
    };
    while (defined(my $line = read_line())) {
        my $request = $json->decode($line);
        my $answer = answer($request);
        write_all($json->encode({ id => $request->{id}, %$answer }) . "\n") if $answer;
    }
    1 while wait > 0;    # the children of fork, whose input ends before this one's
    POSIX::_exit(0);
}

sub answer {
    my ($request) = @_;
    my $run = $op{ $request->{op} } or return { unsupported => { reason => 'unknown operation' } };
    my $said = eval { $run->($request) };
    return { ok => $said } if $said;
    return undef if !ref $@ && $@ eq "forked\n";
    die $@ unless ref $@;
    return { error => $@ };
}

sub read_line {
    until ($unread =~ /\n/) {
        $idle->();
        my $got = sysread STDIN, $unread, 65536, length $unread;
        next if !defined $got && ($!{EINTR} || $!{EAGAIN});
        return undef unless $got;
    }
    $unread =~ s/^(.*)\n//;
    return $1;
}

sub write_all {
    my ($line) = @_;
    while (length $line) {
        my $done = syswrite STDOUT, $line;
        substr($line, 0, $done) = '' if $done;
    }
}

# -- descriptors ------------------------------------------------------------------------------------

# A file handle of a descriptor: for what Perl does with handles alone. It is kept, since it closes
# the descriptor when it goes.
sub handle {
    my ($fd) = @_;
    local $^F = 1 << 30;    # or it would be made close-on-exec on the way
    $handle{$fd} //= do { open(my $made, '+<&=', $fd) or fail_os(); $made };
    return $handle{$fd};
}

# The same, for who closes it.
sub taken_handle {
    my ($fd) = @_;
    my $made = handle($fd);
    delete $handle{$fd};
    return $made;
}

# And for what is a handle already when it comes.
sub keep_handle {
    my ($made) = @_;
    $handle{ fileno $made } = $made;
    return fileno $made;
}

sub close_fd {
    my ($fd) = @_;
    my $made = delete $handle{$fd};
    ($made ? close $made : POSIX::close($fd)) or fail_os();
}

my %flag = (
    read => O_RDONLY, write => O_WRONLY, both => O_RDWR, append => O_APPEND,
    nonblocking => O_NONBLOCK, create => O_CREAT, directory => O_DIRECTORY,
);

$op{open} = sub {
    my ($it) = @_;
    my $flags = O_NOCTTY;
    $flags |= $flag{$_} // refuse("no such flag: $_") for @{ $it->{flags} };
    my $fd = POSIX::open($it->{path}, $flags, 0600) // fail_os();
    return { fd => $fd + 0 };
};

$op{socketpair} = sub {
    socketpair(my $left, my $right, AF_UNIX, SOCK_STREAM, PF_UNSPEC) or fail_os();
    $handle{ fileno $_ } = $_ for $left, $right;
    return { fds => [fileno($left), fileno($right)] };
};

$op{write} = sub {
    my ($it) = @_;
    my $data = pack 'H*', $it->{hex};
    my $done = 0;
    while ($done < length $data) {
        my $some = POSIX::write($it->{fd}, substr($data, $done), length($data) - $done);
        if (defined $some) { $done += $some }
        elsif ($!{EAGAIN} && $done) { last }
        elsif (!$!{EINTR}) { fail_os() }
    }
    return { count => $done };
};

$op{read} = sub {
    my ($it) = @_;
    wait_for($it->{fd}, POLLIN, $it->{timeout}) or fail('timed-out', 'nothing to read in time');
    my $got = POSIX::read($it->{fd}, my $data, $it->{count});
    defined $got or fail_os();
    return { hex => unpack 'H*', substr($data, 0, $got) };
};

$op{seek} = sub {
    my ($it) = @_;
    my $offset = POSIX::lseek($it->{fd}, $it->{offset}, POSIX::SEEK_SET()) // fail_os();
    return { offset => $offset + 0 };
};

$op{close} = sub { close_fd($_[0]{fd}); return {} };

$op{flags} = sub {
    my $made = handle($_[0]{fd});
    my $flags = fcntl($made, F_GETFL, 0) // fail_os();
    my $more = fcntl($made, F_GETFD, 0) // fail_os();
    my $access = $flags & O_ACCMODE;
    return {
        nonblocking => _truth($flags & O_NONBLOCK), append => _truth($flags & O_APPEND),
        cloexec => _truth($more & FD_CLOEXEC),
        access => $access == O_RDONLY ? 'read' : $access == O_WRONLY ? 'write' : 'both',
    };
};

sub _truth { return $_[0] ? JSON::PP::true : JSON::PP::false }

$op{set_nonblocking} = sub {
    my ($it) = @_;
    keep_nonblocking(handle($it->{fd}), $it->{on});
    return {};
};

sub keep_nonblocking {
    my ($made, $on) = @_;
    my $flags = fcntl($made, F_GETFL, 0) // fail_os();
    fcntl($made, F_SETFL, $on ? $flags | O_NONBLOCK : $flags & ~O_NONBLOCK) or fail_os();
}

$op{identity} = sub {
    my ($dev, $ino, $mode) = POSIX::fstat($_[0]{fd}) or fail_os();
    my $kind = S_ISREG($mode) ? 'file' : S_ISDIR($mode) ? 'directory' : S_ISFIFO($mode) ? 'pipe'
      : S_ISSOCK($mode) ? 'socket' : S_ISCHR($mode) ? 'character device'
      : S_ISBLK($mode) ? 'block device' : 'other';
    return { dev => $dev + 0, ino => $ino + 0, kind => $kind };
};

# -- the table --------------------------------------------------------------------------------------

my @filling;

# Perl has no setrlimit(2) of its own; where there is no prlimit(1), there is no such operation.
my ($prlimit) = grep { -x } map { "$_/prlimit" } split /:/, $ENV{PATH} // '';
$op{limit} = sub {
    my ($it) = @_;
    system($prlimit, "--pid=$$", "--nofile=$it->{descriptors}:") == 0
      or die { class => 'os', name => 'os', message => 'prlimit has failed' };
    return {};
} if $prlimit;

$op{fill} = sub {
    my ($it) = @_;
    while (defined(my $fd = POSIX::dup(2))) { push @filling, $fd + 0 }
    let_go($it->{leave});
    return { filled => scalar @filling };
};

$op{free} = sub { return { freed => let_go($_[0]{count} // scalar @filling) } };

sub let_go {
    my ($count) = @_;
    my @freed = splice @filling, $count < @filling ? -$count : 0, $count if $count;
    POSIX::close($_) for @freed;
    return scalar @freed;
}

$op{table} = sub {
    my @open = grep { defined((POSIX::fstat($_))[0]) } 0 .. POSIX::sysconf(POSIX::_SC_OPEN_MAX()) - 1;
    return { fds => \@open };
};

# -- children ---------------------------------------------------------------------------------------

$op{fork} = sub {
    my ($it) = @_;
    my $pid = fork // fail_os();
    if (!$pid) {
        POSIX::dup2($it->{stdin},  0);
        POSIX::dup2($it->{stdout}, 1);
        $unread = '';
    }
    close_fd($it->{$_}) for qw(stdin stdout);
    die "forked\n" if !$pid;
    return { pid => $pid };
};

$op{wait} = sub {
    my ($it) = @_;
    my $left = $it->{timeout};
    my $found;
    until ($found = waitpid $it->{pid}, POSIX::WNOHANG()) {
        ($left -= 0.001) < 0 and fail('timed-out', 'it has not ended');
        select undef, undef, undef, 0.001;
    }
    fail_os() if $found < 0;
    return { status => $? & 127 ? -($? & 127) : $? >> 8 };
};

1;
