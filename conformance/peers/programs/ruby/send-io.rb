# The peer program of Ruby's UNIXSocket#send_io and recv_io.
# Both wait by themselves where a channel is full or empty, so there is no recv_nowait.
require "socket"
require_relative "descriptors"
require_relative "session"

class SendIO < Descriptors
  def initialize
    super
    @sockets = {}
  end

  def op_hello(_)
    {
      protocol: 1, name: "ruby", version: RUBY_VERSION, language: RUBY_DESCRIPTION[/\A\S+ \S+/],
      pid: Process.pid, backends: {}, survivals: {},
      ops: methods.grep(/\Aop_/).map { |name| name.to_s.delete_prefix("op_") }.sort,
    }
  end

  def named(socket)
    @sockets["s#{@sockets.size + 1}"] = socket
    "s#{@sockets.size}"
  end

  def socket(it, which = "passer")
    @sockets.fetch(it[which]) { raise Refused, "there is no such passer here" }
  end

  def op_adopt(it)
    borrowed(it["fd"]).stat.socket? or raise Errno::ENOTSOCK
    { passer: named(UNIXSocket.for_fd(it["fd"])) }
  end

  def op_pair(_)
    { passers: UNIXSocket.pair.map { |one| named(one) } }
  end

  def op_listen(it)
    { listener: named(UNIXServer.new(it["path"])) }
  end

  def op_accept(it)
    listener = socket(it, "listener")
    wait_for(listener, it["timeout"], "nobody has connected in time")
    { passer: named(listener.accept) }
  end

  def op_connect(it)
    { passer: named(UNIXSocket.new(it["path"])) }
  end

  def op_drop(it)
    socket(it).close
    {}
  end

  def op_send(it)
    socket(it).send_io(it["fd"])
    close_fd(it["fd"]) if it["close"]
    {}
  end

  def op_flush(it)
    socket(it)
    {}
  end

  def op_recv(it)
    one = socket(it)
    wait_for(one, it["timeout"], "nothing has arrived in time")
    { fd: one.recv_io(nil) }
  rescue SocketError => e # which is also what it says at the end of the stream
    raise Failed.new("lost", e.message)
  end
end

answer_all(SendIO.new)
