# Socket::MsgHdr: the flags that recvmsg(2) gives do not come back, so truncation cannot be seen.
#
# Expected: $msg->flags has MSG_CTRUNC after a recvmsg that discarded control data. recvmsg(2): "The
#   msg_flags field is set on return"; the documentation of Socket::MsgHdr has "flags" as the member
#   of that name.
# Seen: 0. A lost descriptor looks like a message without one.
# Measured: Socket::MsgHdr 0.05, Perl 5.36.0, on Linux 6.18, Debian 12:
#   control data was discarded; flags is 0, without MSG_CTRUNC (8)
# Run: perl socket_msghdr_flags.pl    (Debian: libsocket-msghdr-perl)
# Shown by: python -m conformance run --peer socket-msghdr --check table.waits
use strict;
use warnings;
use Socket;
use Socket::MsgHdr;

socketpair(my $left, my $right, AF_UNIX, SOCK_STREAM, PF_UNSPEC) or die "socketpair: $!";
my $sent = Socket::MsgHdr->new(buf => 'x');
$sent->cmsghdr(SOL_SOCKET, SCM_RIGHTS, pack 'i', 0);
defined sendmsg($left, $sent, 0) or die "sendmsg: $!";
my $received = Socket::MsgHdr->new(buflen => 1, controllen => 8);    # too small for a control message
defined recvmsg($right, $received, 0) or die "recvmsg: $!";
my $told = $received->flags & MSG_CTRUNC;
printf "control data was discarded; flags is %d, %s MSG_CTRUNC (%d)\n",
  $received->flags, $told ? 'with' : 'without', MSG_CTRUNC;
exit($told ? 0 : 1);
