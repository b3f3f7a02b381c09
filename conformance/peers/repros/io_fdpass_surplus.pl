# IO::FDPass::recv leaves descriptors open that came with the one it returns, or with none.
#
# Expected: what is not given to the caller is closed. unix(7): received descriptors are as open as
#   if by dup(2); a peer that sends more than one at a time fills the table of the receiver.
# Seen: its control buffer of CMSG_SPACE(sizeof (int)) has room for two on 64-bit systems. It returns
#   the first and leaves the other open.
# Measured: IO::FDPass 1.3, Perl 5.36.0, on Linux 6.18, Debian 12:
#   three were sent; recv returned 5, and 1 others are open
# Run: perl io_fdpass_surplus.pl    (Debian: libio-fdpass-perl, libsocket-msghdr-perl; needs /proc)
# Shown by: python -m conformance run --peer io-fdpass --check table.surplus-is-closed
use strict;
use warnings;
use IO::FDPass;
use Socket;
use Socket::MsgHdr;

sub open_descriptors {
    opendir(my $all, '/proc/self/fd') or die "/proc: $!";
    return scalar(() = readdir $all);
}

socketpair(my $left, my $right, AF_UNIX, SOCK_STREAM, PF_UNSPEC) or die "socketpair: $!";
my $message = Socket::MsgHdr->new(buf => "\0");
$message->cmsghdr(SOL_SOCKET, SCM_RIGHTS, pack 'i3', 0, 0, 0);
defined sendmsg($left, $message, 0) or die "sendmsg: $!";
my $before = open_descriptors();
my $fd = IO::FDPass::recv(fileno $right);
my $why = $fd < 0 ? " ($!)" : '';
my $leaked = open_descriptors() - $before - ($fd >= 0);
print "three were sent; recv returned $fd$why, and $leaked others are open\n";
exit($leaked > 0);
