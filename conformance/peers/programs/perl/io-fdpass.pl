# The peer program of IO::FDPass: its two functions, and what they leave in $!.
use strict;
use warnings;
use FindBin;
use lib $FindBin::RealBin;
use IO::FDPass;
use Passing;
use Peer;

Peer::passes_by(
    sub {
        my ($socket, $fd) = @_;
        IO::FDPass::send(fileno $socket, $fd) or Peer::fail_os();
    },
    sub {
        my ($socket) = @_;
        $! = 0;    # its end is told by nothing but an error without a number
        my $fd = IO::FDPass::recv(fileno $socket);
        return $fd if $fd >= 0;
        Peer::fail('peer-closed', 'the stream has ended') if !$!;
        # EDOM is all it says of a message without a descriptor, whatever it was.
        Peer::fail('not-a-passer', "$!", errno => 'EDOM') if $!{EDOM};
        Peer::fail_os();
    },
);
Peer::run('io-fdpass', $IO::FDPass::VERSION);
