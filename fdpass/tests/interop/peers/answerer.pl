# Receives so many sockets over standard input, says which they are, and answers what each is asked.
use strict;
use warnings;
use IO::FDPass;

for (1 .. $ARGV[0]) {
    my $fd = IO::FDPass::recv 0;
    $fd >= 0 or die "recv: $!";
    open my $socket, "+<&=", $fd or die "open: $!";
    my ($device, $inode) = stat $socket;
    print "$device $inode\n";
    sysread $socket, my $question, 100 or die "read: $!";
    syswrite $socket, uc $question or die "write: $!";
}
