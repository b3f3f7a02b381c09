# What a peer program in Ruby does with plain descriptors, and with its table.
# It does not fork: in a child the runtime opens descriptors of its own when it likes. Nothing here
# passes descriptors. See ../../../PROTOCOL.md.
require "fcntl"

class Refused < StandardError; end

# An outcome by its name in the protocol.
class Failed < StandardError
  attr_reader :condition

  def initialize(condition, message)
    super(message)
    @condition = condition
  end
end

# The operations that every peer has, as methods op_NAME.
class Descriptors
  FLAGS = {
    "read" => File::RDONLY, "write" => File::WRONLY, "both" => File::RDWR,
    "append" => File::APPEND, "nonblocking" => File::NONBLOCK, "create" => File::CREAT,
    "directory" => (File.const_defined?(:DIRECTORY) ? File::DIRECTORY : 0o200000),
  }.freeze
  ACCESS = { File::RDONLY => "read", File::WRONLY => "write", File::RDWR => "both" }.freeze
  KINDS = {
    "file" => "file", "directory" => "directory", "fifo" => "pipe", "socket" => "socket",
    "characterSpecial" => "character device", "blockSpecial" => "block device",
  }.freeze

  def initialize
    @filling = []
  end

  # The descriptor stays whose it is.
  def borrowed(fd)
    IO.for_fd(fd, autoclose: false)
  end

  def close_fd(fd)
    IO.for_fd(fd).close
  end

  def wait_for(io, seconds, what)
    IO.select([io], nil, nil, seconds) or raise Failed.new("timed-out", what)
  end

  def op_open(it)
    flags = it["flags"].map { |word| FLAGS.fetch(word) { raise Refused, "no such flag: #{word}" } }
    { fd: IO.sysopen(it["path"], flags.reduce(File::NOCTTY, :|), 0o600) }
  end

  def op_socketpair(_)
    fds = UNIXSocket.pair.map { |one| one.autoclose = false; one.fileno }
    fds.each { |fd| block(fd, true) } # Ruby's own sockets are born non-blocking; plain ones are not
    { fds: fds }
  end

  def op_write(it)
    data = [it["hex"]].pack("H*")
    done = 0
    begin
      done += borrowed(it["fd"]).syswrite(data.byteslice(done..)) while done < data.bytesize
    rescue Errno::EAGAIN
      raise if done.zero?
    end
    { count: done }
  end

  def op_read(it)
    io = borrowed(it["fd"])
    wait_for(io, it["timeout"], "nothing to read in time")
    { hex: io.sysread(it["count"]).unpack1("H*") }
  rescue EOFError
    { hex: "" }
  end

  def op_seek(it)
    { offset: borrowed(it["fd"]).sysseek(it["offset"]) }
  end

  def op_close(it)
    close_fd(it["fd"])
    {}
  end

  def op_flags(it)
    io = borrowed(it["fd"])
    flags = io.fcntl(Fcntl::F_GETFL)
    {
      nonblocking: flags.anybits?(File::NONBLOCK), append: flags.anybits?(File::APPEND),
      access: ACCESS.fetch(flags & Fcntl::O_ACCMODE, "none"), cloexec: io.close_on_exec?,
    }
  end

  def op_set_nonblocking(it)
    block(it["fd"], !it["on"])
    {}
  end

  def block(fd, on)
    io = borrowed(fd)
    flags = io.fcntl(Fcntl::F_GETFL)
    io.fcntl(Fcntl::F_SETFL, on ? flags & ~File::NONBLOCK : flags | File::NONBLOCK)
  end

  def op_identity(it)
    about = borrowed(it["fd"]).stat
    { dev: about.dev, ino: about.ino, kind: KINDS.fetch(about.ftype, "other") }
  end

  # -- the table --

  def op_limit(it)
    Process.setrlimit(:NOFILE, it["descriptors"], Process.getrlimit(:NOFILE).last)
    {}
  end

  def op_fill(it)
    begin
      loop { @filling << $stderr.fcntl(Fcntl::F_DUPFD, 0) }
    rescue Errno::EMFILE, Errno::EINVAL # full, or its limit is below what is open
      nil
    end
    let_go(it["leave"])
    { filled: @filling.size }
  end

  def op_free(it)
    { freed: let_go(it["count"] || @filling.size) }
  end

  def let_go(count)
    @filling.pop(count).each { |fd| close_fd(fd) }.size
  end

  def op_table(_)
    most = Process.getrlimit(:NOFILE).first
    { fds: (0...most).select { |fd| open?(fd) } }
  end

  def open?(fd)
    borrowed(fd)
    true
  rescue SystemCallError, ArgumentError # the latter: one that Ruby keeps for itself
    false
  end
end
