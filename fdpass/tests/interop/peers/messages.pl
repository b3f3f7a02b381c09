# Over a connection to a path: "send" passes the files that are named, all in one message; "receive"
# takes such a message, says which they are and what came with them, and writes to each.
use strict;
use warnings;
use IO::Socket::UNIX;
use Socket qw(SOL_SOCKET SCM_RIGHTS);
use Socket::MsgHdr;

my ($path, $task, @names) = @ARGV;
my $channel = IO::Socket::UNIX->new($path) or die "connect: $!";
if ($task eq "send") {
    my @files = map { open my $file, "+<", $_ or die "open: $!"; $file } @names;
    my $message = Socket::MsgHdr->new(buf => "all of them");
    $message->cmsghdr(SOL_SOCKET, SCM_RIGHTS, pack "i*", map { fileno $_ } @files);
    sendmsg $channel, $message or die "sendmsg: $!";
} else {
    my $message = Socket::MsgHdr->new(buflen => 100, controllen => 1000);
    recvmsg $channel, $message or die "recvmsg: $!";
    my (undef, undef, $rights) = $message->cmsghdr;
    print $message->buf, "\n";
    for my $fd (unpack "i*", $rights) {
        open my $file, "+<&=", $fd or die "open: $!";
        my ($device, $inode) = stat $file;
        print "$device $inode\n";
        syswrite $file, "through it" or die "write: $!";
    }
}
