# The line loop of the peer programs in Ruby: a request a line in, an answer a line out.
# It knows nothing of descriptors or passers.
require "json"

# The outcome of an operation, as an answer has it.
def outcome(peer, it)
  return { unsupported: { reason: "unknown operation" } } unless peer.respond_to?("op_#{it["op"]}")

  { ok: peer.public_send("op_#{it["op"]}", it) }
rescue Refused => e
  { error: { class: "usage", name: "usage", message: e.message } }
rescue Failed => e
  { error: { class: "passer", name: e.condition, message: e.message } }
rescue IOError => e
  { error: { class: "passer", name: "closed", message: e.message } }
rescue SystemCallError => e
  name = { "Errno::EAGAIN" => "would-block", "Errno::EPIPE" => "peer-reset",
           "Errno::ECONNRESET" => "peer-reset" }[e.class.name]
  { error: { class: name ? "passer" : "os", name: name || "os", message: e.message,
             errno: e.class.name.split("::").last } }
end

def answer_all(peer)
  # What the runtime opens for threads and timers is to be open before anything is counted.
  Thread.new { sleep 0.001 }.join
  unread = +""
  loop do
    until (line = unread.slice!(/\A[^\n]*\n/))
      begin
        unread << $stdin.sysread(65_536)
      rescue EOFError
        exit!(0)
      end
    end
    it = JSON.parse(line)
    said = JSON.generate({ id: it["id"], **outcome(peer, it) }) << "\n"
    said = said.byteslice($stdout.syswrite(said)..) until said.empty?
  end
end
