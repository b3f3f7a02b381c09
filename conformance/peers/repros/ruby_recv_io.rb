# UNIXSocket#recv_io in a full descriptor table gives the next descriptor in place of the one it lost.
#
# Expected: an exception, such as Errno::EMFILE or the SocketError "file descriptor was not passed".
#   recvmsg(2), unix(7): a descriptor that finds no free slot is discarded and MSG_CTRUNC is set; the
#   byte that came with it has been taken. Whoever calls recvmsg again gets the next message.
# Seen: recv_io collects garbage, which frees slots, and calls recvmsg(2) a second time. It returns
#   the descriptor of the second message; the first is lost without a word. Had there been no second
#   message, recv_io would wait for one for ever. (unix_recv_io in ext/socket/unixsocket.c, retry)
# Measured: Ruby 3.1.2, on Linux 6.18, Debian 12:
#   the first is lost, the second was returned in its place
# Run: ruby ruby_recv_io.rb
# Shown by: python -m conformance run --peer ruby --check table.waits
require "socket"
require "timeout"

sender, receiver = UNIXSocket.pair
first, second = File.open("/dev/null"), File.open("/dev/zero")
sender.send_io(first)
sender.send_io(second)

Process.setrlimit(:NOFILE, 256)
def fill # with files that nobody refers to once it has returned
  files = []
  loop { files << File.open("/dev/full") }
rescue Errno::EMFILE
  files.size
end
fill

begin
  got = Timeout.timeout(10) { receiver.recv_io(File) }
rescue SystemCallError, SocketError => e
  puts "the lost descriptor is told: #{e.class}: #{e.message}"
  exit 0
rescue Timeout::Error
  puts "recv_io took the first message, lost its descriptor, and waits for another"
  exit 1
end
same = got.stat.rdev == first.stat.rdev
puts same ? "the first that was sent has come" : "the first is lost, the second was returned in its place"
exit same ? 0 : 1
