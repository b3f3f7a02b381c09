# Passes the files that are named over standard input.
require "socket"

channel = UNIXSocket.for_fd(0)
ARGV.each { |path| File.open(path, "r+") { |file| channel.send_io(file) } }
