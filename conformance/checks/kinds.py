"""Kinds: which descriptors can be passed; each is used after it has come.

Which of the rest a system passes (event queues, timers, semaphores and the like) is a fact:
``python -m conformance facts``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from conformance.requirement import should

if TYPE_CHECKING:
    from conformance.platform.script import Script
    from conformance.platform.steps import Fd

_ANY = "FreeBSD unix(4): any valid descriptor may be sent in a message"
_SHARED = "POSIX.1-2017 XBD 3.258, Open File Description: its status is of all its descriptors"
_BOUND = "POSIX.1-2017 XSH bind, listen: done to a socket, by whichever descriptor of it"
_NAMED = "POSIX.1-2017 XSH getsockname; XSH 2.10.16, SO_ACCEPTCONN: both are of the socket"
_COUNTER = "eventfd(2): who inherits or duplicates it has the same counter"
_MEMFD = "memfd_create(2): shared by passing the descriptor over a Unix socket"
_TIMER = "timerfd_create(2): a file descriptor that refers to the timer"
_PIDFD = "pidfd_open(2): the descriptor is readable when the process has ended"
_PATH = "open(2), O_PATH: to pass it by a Unix socket is among what it is for"
_TYPE = "POSIX.1-2017 XSH 2.10.16, SO_TYPE: of the socket"
_QUEUE = "epoll(7): the interest list is of the open file description"
_MEMORY = "XNU fg_sendable: files, sockets, pipes and shared memory objects can be sent"


def _pass(s: Script, fd: Fd) -> Fd:
    """Pass a descriptor; what came is of the same file."""
    a, b = s.socketpair()
    s.send(a, b"x", [fd])
    came = s.recv(b, 1)
    same = s.same_file(came.fd(), fd)
    s.expect(same, True, "what came is another file")
    return came.fd()


@should("kinds.directory", _ANY, subject="platform", endangers=("bidirectional",))
def test_directory(s: Script) -> None:
    """A directory can be passed, and files can be opened from it."""
    root = s.directory()

    came = _pass(s, root)
    opened = s.open_at(came, "dev/null")

    s.expect(opened.errno, "", "from the directory that came no file can be opened")
    null = s.null()
    same = s.same_file(opened, null)
    s.expect(same, True, "from the directory that came another file was opened")


@should("kinds.device", _ANY, subject="platform", endangers=("bidirectional",))
def test_device(s: Script) -> None:
    """A character device can be passed, and read."""
    root = s.directory()
    zero = s.open_at(root, "dev/zero")
    s.need(zero.errno.equals(""), "a device /dev/zero")

    came = _pass(s, zero)
    zeros = s.read(came, 2)

    s.expect(zeros.data, b"\0\0", "the device that came gave other bytes")


@should("kinds.pipe", _ANY, subject="platform", endangers=("bidirectional", "fifo"))
def test_pipe(s: Script) -> None:
    """Both ends of a pipe can be passed; the last close of one is the end of file."""
    read_end, write_end = s.pipe()

    reading = _pass(s, read_end)
    writing = _pass(s, write_end)
    s.close(read_end)
    s.close(write_end)
    s.write(writing, b"through")
    s.close(writing)
    heard = s.read(reading, 10)
    ended = s.eof(reading)

    s.expect(heard.data, b"through", "the pipe that came has other bytes")
    s.expect(ended, True, "the pipe that came has no end")


@should("kinds.fifo", _ANY, subject="platform", endangers=("bidirectional",))
def test_fifo(s: Script) -> None:
    """Both ends of a FIFO can be passed."""
    read_end, write_end = s.named_pipe()

    reading = _pass(s, read_end)
    writing = _pass(s, write_end)
    s.write(writing, b"through")
    heard = s.read(reading, 10)

    s.expect(heard.data, b"through", "the FIFO that came has other bytes")


@should("kinds.terminal", _ANY, subject="platform", endangers=("bidirectional",))
def test_terminal(s: Script) -> None:
    """Both ends of a pseudo terminal can be passed, and it is still one.

    A line that is typed at its master is read at its slave: by the terminal's own rules.
    """
    master, slave = s.pty()

    keyboard = _pass(s, master)
    screen = _pass(s, slave)
    s.write(keyboard, b"line\n")
    typed = s.read(screen, 100)

    s.expect(typed.data, b"line\n", "the terminal that came has other bytes")


@should("kinds.terminal-settings", _ANY, subject="platform", endangers=("bidirectional",))
def test_terminal_settings(s: Script) -> None:
    """A terminal that is passed keeps how it was set, and its size.

    They belong to the terminal. Who hands over one without echo, as for a password, relies on it.
    """
    master, slave = s.pty()
    done = s.set_terminal(slave, 17, 51)
    s.need(done.errno.equals(""), "a terminal that can be set")

    screen = _pass(s, slave)
    kept = s.terminal(screen)
    s.expect(kept, "raw 17x51", "the settings were lost on the way")
    s.write(master, b"c")
    typed = s.read(screen, 10)

    s.expect(typed.data, b"c", "the terminal that came has other bytes")


@should("kinds.stream-socket", _ANY, subject="platform", endangers=("passers", "bidirectional"))
def test_stream_socket(s: Script) -> None:
    """A Unix stream socket can be passed, with the bytes that wait in it."""
    c, d = s.socketpair()
    s.send(c, b"1")

    came = _pass(s, d)
    early = s.recv(came, 1, flags=("DONTWAIT",))
    s.expect(early.errno, "", "what waited in the socket is lost")
    s.send(c, b"2")
    late = s.read(came, 6)
    s.write(came, b"3")
    back = s.read(c, 10)

    s.expect(early.data, b"1", "other bytes waited in the socket")
    s.expect(late.data, b"2", "the socket that came hears nothing")
    s.expect(back.data, b"3", "the socket that came says nothing")


@should("kinds.loaded-socket", _ANY, subject="platform", endangers=("passers", "bidirectional"))
def test_loaded_socket(s: Script) -> None:
    """A socket can be passed with all the bytes that it can hold waiting in it.

    Another one gets its bytes while it is in flight, with no other descriptor of it open.
    """
    a, b = s.socketpair()
    full, loaded = s.socketpair()
    held = s.flood(full, b"x")
    s.need(held.errno.is_one_of("EAGAIN", "ENOBUFS"), "a socket that is full at some time")
    late, empty = s.socketpair()
    s.send(a, b"x", [loaded, empty])
    s.close(loaded)
    s.close(empty)
    written = s.send(late, b"y")

    came = s.recv(b, 1)
    waited = s.drain(came.fd(0))
    heard = s.drain(came.fd(1))

    s.expect(waited.count, held.count, "of what waited in the socket some is lost")
    s.expect(heard.count, written.count, "what came to a socket in flight is lost")


@should("kinds.unbound-socket", _BOUND, subject="platform", endangers=("passers",))
def test_unbound_socket(s: Script) -> None:
    """A socket that is passed before it has a name is bound by whom it comes to.

    Privileges are dropped like this: who may bind is not who has opened.
    """
    opened = s.socket()
    path = s.path()

    came = _pass(s, opened)
    s.bind(came, path)
    s.listen(came, 1)
    client = s.socket()
    joined = s.connect_to(client, path)
    accepted = s.accept(opened)
    s.write(accepted, b"h")
    heard = s.read(client, 10)

    s.expect(joined.errno, "", "the socket that was bound where it came to is not the sent one")
    s.expect(heard.data, b"h", "the connection has other bytes")


@should("kinds.one-description", _SHARED, subject="platform", endangers=("status",))
def test_one_description(s: Script) -> None:
    """A pipe, a FIFO, a terminal and a socket are shared, not opened again.

    Else one side alone would become non-blocking, where the other has set it for both.
    """
    pipe, _ = s.pipe()
    fifo, _ = s.named_pipe()
    _, terminal = s.pty()
    stream, _ = s.socketpair()
    datagrams, _ = s.socketpair("dgram")

    for sent in (pipe, fifo, terminal, stream, datagrams):
        came = _pass(s, sent)
        s.set_nonblocking(came)
        here = s.nonblocking(sent)
        s.expect(here, True, "what came is another open file description of the same file")


@should("kinds.datagram-socket", _ANY, subject="platform", endangers=("passers", "bidirectional"))
def test_datagram_socket(s: Script) -> None:
    """A Unix datagram socket can be passed, with the datagrams that wait in it."""
    c, d = s.socketpair("dgram")
    s.send(c, b"early")

    came = _pass(s, d)
    early = s.recv(came, 10, flags=("DONTWAIT",))
    s.expect(early.errno, "", "what waited in the socket is lost")
    s.send(came, b"back")
    back = s.recv(c, 10)

    s.expect(early.data, b"early", "another datagram waited in the socket")
    s.expect(back.data, b"back", "the socket that came says nothing")


@should("kinds.tcp-socket", _ANY, subject="platform", endangers=("bidirectional",))
def test_tcp_socket(s: Script) -> None:
    """A connected TCP socket can be passed, and goes on from where it is.

    As a server does that lets another process answer. To close one that came leaves the others
    working.
    """
    c, d = s.inet("tcp")
    other = _pass(s, d)
    s.close(other)
    s.write(c, b"question")
    here = s.write(d, b"wait")
    s.expect(here.errno, "", "to close a socket that came has shut down the sent one")
    waited = s.read(c, 4)
    s.expect(waited.data, b"wait", "the sent socket says other bytes")

    came = _pass(s, d)
    s.close(d)
    question = s.read(came, 8)
    s.write(came, b"answer")
    answer = s.read(c, 6)
    s.close(came)
    ended = s.eof(c)

    s.expect(question.data, b"question", "the socket that came hears other bytes")
    s.expect(answer.data, b"answer", "the socket that came says other bytes")
    s.expect(ended, True, "the connection goes on though the socket that came was closed")


@should("kinds.udp-socket", _ANY, subject="platform", endangers=("bidirectional",))
def test_udp_socket(s: Script) -> None:
    """A UDP socket can be passed, and keeps its address and its peer."""
    c, d = s.inet("udp")

    came = _pass(s, d)
    s.send(c, b"question")
    question = s.recv(came, 10)
    s.send(came, b"answer")
    answer = s.recv(c, 10)

    s.expect(question.data, b"question", "the socket that came hears other bytes")
    s.expect(answer.data, b"answer", "the socket that came says other bytes")


@should("kinds.tcp-over-ipv6", _ANY, subject="platform", endangers=("bidirectional",))
def test_tcp_over_ipv6(s: Script) -> None:
    """A connected TCP socket over IPv6 can be passed, too."""
    c, d = s.inet("tcp6")
    s.write(c, b"question")

    came = _pass(s, d)
    question = s.read(came, 8)
    s.write(came, b"answer")
    answer = s.read(c, 6)

    s.expect(question.data, b"question", "the socket that came hears other bytes")
    s.expect(answer.data, b"answer", "the socket that came says other bytes")


@should("kinds.listener", _ANY, subject="platform", endangers=("passers",))
def test_listener(s: Script) -> None:
    """A listening socket can be passed, with a connection that waits; it accepts more."""
    listener = s.listener()
    early = s.connect(listener)
    s.write(early, b"1")

    came = _pass(s, listener)
    first = s.accept(came)
    late = s.connect(listener)
    s.write(late, b"2")
    second = s.accept(came)
    one = s.read(first, 10)
    other = s.read(second, 10)

    s.expect(one.data, b"1", "the connection that waited was not the first to be accepted")
    s.expect(other.data, b"2", "the listener that came accepts other connections")


@should("kinds.known-listener", _NAMED, subject="platform", endangers=("passers",))
def test_known_listener(s: Script) -> None:
    """A listening socket that comes is told by its name, and as listening.

    Daemons that are started with several find out which is which by that (sd_is_socket).
    """
    listener = s.socket()
    path = s.path()
    s.bind(listener, path)
    s.listen(listener, 1)
    plain = s.socket()
    due = s.getsockopt(listener, "ACCEPTCONN")

    came = _pass(s, listener)
    named = s.is_named(came, path)
    listens = s.getsockopt(came, "ACCEPTCONN")
    other = _pass(s, plain)
    too = s.is_named(other, path)
    does_not = s.getsockopt(other, "ACCEPTCONN")

    s.expect(named, True, "the listener that came has another name")
    s.expect(listens, due, "the listener that came is not told as listening")
    s.expect(too, False, "a socket without a name has got that of another one")
    s.expect(does_not, False, "a socket that does not listen is told as a listener")


@should("kinds.known-types", _TYPE, subject="platform", endangers=("passers",))
def test_known_types(s: Script) -> None:
    """A socket that comes is told by its type: of a stream, of datagrams, of records.

    Who is given a socket decides by that how to speak over it.
    """
    for kind in ("stream", "dgram", "seqpacket"):
        sent, _ = s.socketpair(kind)
        due = s.getsockopt(sent, "TYPE")
        came = _pass(s, sent)
        told = s.getsockopt(came, "TYPE")

        s.expect(told, due, "the socket that came is told as one of another type")


@should("kinds.shared-memory", _MEMORY, subject="platform", endangers=("bidirectional",))
def test_shared_memory(s: Script) -> None:
    """A shared memory object can be passed, and both processes have the same memory.

    Graphics and sound are passed so: the descriptor goes over the socket, the bytes do not.
    """
    a, b = s.socketpair()
    memory = s.memory(4096)
    s.send(a, b"x", [memory])
    with s.child():
        there = s.recv(b, 1)
        same = s.same_file(there.fd(), memory)
        s.expect(same, True, "what came is another file")
        s.map_write(there.fd(), b"seen")

    here = s.map_read(memory, 4)

    s.expect(here.data, b"seen", "the memory is not shared")


@should("kinds.at-its-end", _ANY, subject="platform", endangers=("bidirectional", "fifo"))
def test_at_its_end(s: Script) -> None:
    """A pipe whose writers are gone can be passed, with the bytes that are left in it."""
    read_end, write_end = s.pipe()
    s.write(write_end, b"last words")
    s.close(write_end)

    came = _pass(s, read_end)
    words = s.read(came, 20)
    ended = s.eof(came)

    s.expect(words.data, b"last words", "what was left in the pipe is lost")
    s.expect(ended, True, "the pipe that came has no end")


@should("kinds.event-counter", _COUNTER, subject="platform", endangers=("bidirectional",))
def test_event_counter(s: Script) -> None:
    """An event counter (eventfd) can be passed, and both count the same."""
    counter = s.event_counter()

    came = _pass(s, counter)
    s.write(came, b"\1" * 8)
    ready = s.poll(counter)
    s.expect(ready.readable, True, "what was counted at the receiver is not seen by the sender")
    here = s.read(counter, 8)
    s.write(counter, b"\2" * 8)
    there = s.read(came, 8)

    s.expect(here.data, b"\1" * 8, "the sender counts otherwise")
    s.expect(there.data, b"\2" * 8, "the receiver counts otherwise")


@should("kinds.memory-file", _MEMFD, subject="platform", endangers=("bidirectional",))
def test_memory_file(s: Script) -> None:
    """A file in memory (memfd_create) can be passed, with its content."""
    memory = s.memory_file()
    s.write(memory, b"before ")

    came = _pass(s, memory)
    s.write(came, b"after")
    s.seek(memory, 0)
    content = s.read(memory, 20)

    s.expect(content.data, b"before after", "the file that came has another content")


@should("kinds.event-queue", _QUEUE, subject="platform", endangers=("bidirectional",))
def test_event_queue(s: Script) -> None:
    """An event queue (epoll) can be passed, and tells of what it watches."""
    read_end, write_end = s.pipe()
    queue = s.event_queue(read_end)

    came = _pass(s, queue)
    before = s.poll(came)
    s.write(write_end, b"x")
    after = s.poll(came)

    s.expect(before.readable, False, "the queue that came tells of nothing that was")
    s.expect(after.readable, True, "the queue that came does not tell of what it watches")


@should("kinds.timer", _TIMER, subject="platform", endangers=("bidirectional",))
def test_timer(s: Script) -> None:
    """A timer (timerfd) can be passed; that it has run out is taken from it once."""
    timer = s.timer()
    s.need(timer.errno.equals(""), "timers that are descriptors")

    came = _pass(s, timer)
    before = s.poll(came)
    taken = s.read(came, 8)
    after = s.poll(timer)

    s.expect(before.readable, True, "the timer that came has not run out")
    s.expect(taken.count, 8, "the timer that came does not tell how often")
    s.expect(after.readable, False, "it is another timer than that of the sender")


@should("kinds.process", _PIDFD, subject="platform", endangers=("bidirectional",))
def test_process(s: Script) -> None:
    """A descriptor of a process (pidfd) can be passed, and tells of its end."""
    with s.process() as process:
        pass
    descriptor = s.process_descriptor(process)
    s.need(descriptor.errno.equals(""), "descriptors of processes")

    came = _pass(s, descriptor)
    before = s.poll(came)
    s.kill(process)
    after = s.poll(came)

    s.expect(before.readable, False, "what came tells of the end of a process that is there")
    s.expect(after.readable, True, "what came does not tell of the end of the process")


@should("kinds.path-only", _PATH, subject="platform", endangers=("bidirectional",))
def test_path_only(s: Script) -> None:
    """A descriptor that is a place alone (O_PATH) can be passed, and stays that."""
    place = s.path_only()

    came = _pass(s, place)
    opened = s.open_at(came, "dev/null")
    refused = s.read(came, 1)

    s.expect(opened.errno, "", "from the place that came no file can be opened")
    s.expect(refused.errno, "EBADF", "what is a place alone can be read where it came to")
