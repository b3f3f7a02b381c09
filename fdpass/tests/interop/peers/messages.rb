# Over a connection to a path: "send" passes the files that are named, all in one message; "receive"
# takes such a message, says which they are and what came with them, and writes to each.
require "socket"

path, task, *names = ARGV
channel = UNIXSocket.new(path)
if task == "send"
  files = names.map { |name| File.open(name, "r+") }
  channel.sendmsg("all of them", 0, nil, Socket::AncillaryData.unix_rights(*files))
else
  text, _, _, control = channel.recvmsg(100, 0, 1000, scm_rights: true)
  puts text
  control.unix_rights.each do |io|
    puts "#{io.stat.dev} #{io.stat.ino}"
    io.syswrite("through it")
  end
end
