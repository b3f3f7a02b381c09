# The peer program of Socket::MsgHdr: a NUL byte and a control message of one descriptor, as its
# documentation has it. The flags go to the system as they are; none come back.
use strict;
use warnings;
use FindBin;
use lib $FindBin::RealBin;
use Passing;
use Peer;
use Socket qw(SOL_SOCKET SCM_RIGHTS MSG_DONTWAIT MSG_NOSIGNAL);
use Socket::MsgHdr;

my $room = length Socket::MsgHdr::pack_cmsghdr(SOL_SOCKET, SCM_RIGHTS, pack 'i', 0);

Peer::passes_by(
    sub {
        my ($socket, $fd) = @_;
        my $message = Socket::MsgHdr->new(buf => "\0");
        $message->cmsghdr(SOL_SOCKET, SCM_RIGHTS, pack 'i', $fd);
        defined sendmsg($socket, $message, MSG_DONTWAIT | MSG_NOSIGNAL) or Peer::fail_os();
    },
    sub {
        my ($socket) = @_;
        my $message = Socket::MsgHdr->new(buflen => 1, controllen => $room);
        my $got = recvmsg($socket, $message, MSG_DONTWAIT);
        defined $got or Peer::fail_os();
        Peer::fail('peer-closed', 'the stream has ended') if $got == 0;
        my ($level, $type, $data) = $message->cmsghdr;
        my $is_rights = defined $level && $level == SOL_SOCKET && $type == SCM_RIGHTS;
        my @fds = $is_rights ? unpack('i*', $data) : ();
        return $fds[0] if @fds == 1;
        POSIX::close($_) for @fds;    # they are ours: it gives all that came
        Peer::fail('lost', 'a byte came without its descriptor') if !@fds && $message->buf eq "\0";
        Peer::fail('not-a-passer', 'what came is not a NUL byte with one descriptor');
    },
);
Peer::run('socket-msghdr', $Socket::MsgHdr::VERSION);
