# Receives so many sockets over standard input, says which they are, and answers what each is asked.
require "socket"

channel = UNIXSocket.for_fd(0)
ARGV[0].to_i.times do
  socket = channel.recv_io(UNIXSocket)
  puts "#{socket.stat.dev} #{socket.stat.ino}"
  socket.write(socket.readpartial(100).upcase)
end
