"""Semantics: what a descriptor that was passed is, and with which bytes it comes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from conformance.platform.steps import space
from conformance.requirement import may, must, should

if TYPE_CHECKING:
    from conformance.platform.script import Received, Script
    from conformance.platform.steps import Fd

_FIRST_OCTET = "POSIX.1-2017 XSH 2.10.11: as if queued along with the first normal data octet"
_ONE_SEGMENT = "POSIX.1-2017 XSH 2.10.11: never data or ancillary data of more than one segment"
_FLAGS = "POSIX.1-2017 XSH fcntl, F_SETFL: the flags are of the open file description"
_DUP = "unix(7), SCM_RIGHTS: as if by dup(2)"
_GETFL = "POSIX.1-2017 XSH fcntl, F_GETFL: flags and access mode are of the open file description"
_GETFD = "POSIX.1-2017 XSH fcntl, F_GETFD: descriptor flags are of a single descriptor"
_LOCKS = "POSIX.1-2017 XSH fcntl: locks of a file go when the process closes a descriptor of it"
_GATHERED = "POSIX.1-2017 XSH sendmsg: the data of each storage area of msg_iov is sent in turn"
_SCATTERED = "POSIX.1-2017 XSH recvmsg: each storage area of msg_iov is filled in turn"
_TYPES = "POSIX.1-2017 XSH 2.10.6, socket types: no operation gives parts of two records"
_NOT_REORDERED = "unix(7): Unix datagram sockets are always reliable and do not reorder datagrams"
_SEQUENCED = "POSIX.1-2017 XSH 2.10.6: SOCK_SEQPACKET, as SOCK_STREAM, is reliable and sequenced"
_READY = "POSIX.1-2017 XSH select: ready for reading if a call to an input function would not block"
_EPOLL = "epoll(7): a descriptor in the ready list has input, as by poll"
_WRITABLE = "POSIX.1-2017 XSH poll, POLLOUT: normal data may be written without blocking"
_SHUT = "POSIX.1-2017 XSH shutdown: of a full-duplex connection on the socket"
_FORK = "POSIX.1-2017 XSH fork: the child has its own copy of the parent's descriptors"
_FLOCK = "flock(2): the lock is of the open file description, and goes with its last descriptor"
_OPTIONS = "POSIX.1-2017 XSH 2.10.16, Use of Options: the options are of the socket"
_ABSENT = "unix(7), SCM_RIGHTS: without a buffer for them the descriptors are closed"
_NOT_PASSED = "FreeBSD unix(4): descriptor flags, set with fcntl(2), are not passed to a receiver"
_UNRECEIVED = "FreeBSD unix(4): what awaits delivery is closed when the destination is closed"
_WAITS = "POSIX.1-2017 XSH read, recvmsg: without O_NONBLOCK they block until there is something"
_EXEC = "POSIX.1-2017 XSH exec: descriptors stay open, attributes of the description unchanged"
_PER_CALL = "recv(2), MSG_DONTWAIT: of one call, where O_NONBLOCK is of the open file description"
_HANGUP = "POSIX.1-2017 XSH poll: POLLHUP and POLLIN are not mutually exclusive"
_ALL_OF_IT = "POSIX.1-2017 XSH recvmsg, MSG_WAITALL: it waits until all data can be returned"
_CLOFORK = "POSIX.1-2024 XBD <sys/socket.h>, MSG_CMSG_CLOFORK: FD_CLOFORK is set on what comes"


@must("semantics.first-byte", _FIRST_OCTET, subject="platform", endangers=("fifo", "bidirectional"))
def test_first_byte(s: Script) -> None:
    """A descriptor comes with the first byte of its message, and once only.

    The first message is read in two parts. A passer that reads byte by byte relies on it.
    """
    a, b = s.socketpair()
    read_end, write_end = s.pipe()
    sent = s.send(a, b"HELLO", [write_end])
    s.need(sent.count.equals(5), "a channel that takes five bytes at once")
    s.send(a, b"!", [read_end])

    first = s.recv(b, 2)
    s.need(first.count.equals(2), "a receive that gives two bytes where five are")
    rest = s.recv(b, 3)
    second = s.recv(b, 1)

    s.expect(first.data, b"HE", "the first read has other bytes")
    s.expect(first.fds, 1, "the descriptor did not come with the first byte")
    s.expect(rest.fds, 0, "the descriptor came again with the rest of its message")
    s.expect(second.fds, 1, "the second message came without its descriptor")


@must("semantics.one-message", _ONE_SEGMENT, subject="platform", endangers=("fifo", "table"))
def test_one_message(s: Script) -> None:
    """One receive gives what one message has, however much room there is for more."""
    a, b = s.socketpair()
    read_end, write_end = s.pipe()
    s.send(a, b"1", [write_end])
    s.send(a, b"2", [read_end])

    first = s.recv(b, 100)
    s.expect(first.data, b"1", "other bytes than those of the first message")
    s.expect(first.fds, 1, "other descriptors than those of the first message")
    second = s.recv(b, 100)

    s.expect(second.data, b"2", "other bytes than those of the second message")
    s.expect(second.fds, 1, "other descriptors than those of the second message")


@should("semantics.bytes-before", _ONE_SEGMENT, subject="platform", endangers=("fifo",))
def test_bytes_before(s: Script) -> None:
    """Plain bytes are not joined with the message of a descriptor sent after them.

    XSH 2.10.11 asks for it: what has ancillary data is a segment of its own. Where both come in one
    receive, it is not seen to which bytes the descriptor belongs.
    """
    a, b = s.socketpair()
    _, write_end = s.pipe()
    s.send(a, b"a")
    s.send(a, b"B", [write_end])

    plain = s.recv(b, 20)
    message = s.recv(b, 20, flags=("DONTWAIT",))

    s.expect(plain.data, b"a", "the bytes before were joined with the message")
    s.expect(plain.fds, 0, "the descriptor came with the bytes before its own")
    s.expect(message.errno, "", "nothing came after the bytes")
    s.expect(message.fds, 1, "the descriptor did not come with its message")


def _brings_the_pipe(s: Script, came: Received, read_end: Fd) -> None:
    """Expect the five bytes, and with them the writing end of a pipe."""
    s.need(came.count.equals(5), "a receive that gives five bytes where five are")
    s.write(came.fd(), b"through")
    heard = s.read(read_end, 7)

    s.expect(came.data, b"HELLO", "other bytes than those that were sent")
    s.expect(came.fds, 1, "the descriptor did not come")
    s.expect(heard.data, b"through", "what came is not the descriptor that was sent")


@must("semantics.gathered", _GATHERED, subject="platform", endangers=("bidirectional",))
def test_gathered(s: Script) -> None:
    """A message that is sent from several buffers carries its descriptor.

    The buffers are three, and one is empty.
    """
    a, b = s.socketpair()
    read_end, write_end = s.pipe()

    sent = s.send_oddly(a, b"HELLO", [write_end], "pieces")
    s.need(sent.count.equals(5), "a channel that takes five bytes at once")
    came = s.recv(b, 5)

    _brings_the_pipe(s, came, read_end)


@must("semantics.scattered", _SCATTERED, subject="platform", endangers=("bidirectional",))
def test_scattered(s: Script) -> None:
    """A message that is received into several buffers brings its descriptor.

    The buffers are three, and one is empty.
    """
    a, b = s.socketpair()
    read_end, write_end = s.pipe()
    sent = s.send(a, b"HELLO", [write_end])
    s.need(sent.count.equals(5), "a channel that takes five bytes at once")

    came = s.recv_oddly(b, 5, "pieces")

    _brings_the_pipe(s, came, read_end)


@should("semantics.rest-alone", _ONE_SEGMENT, subject="platform", endangers=("fifo",))
def test_rest_alone(s: Script) -> None:
    """The rest of a message read in part is not joined with the next message.

    XSH 2.10.11 asks for it: no receive gives data of two segments. Else a reader that took a part
    gets the next message's descriptors too early.
    """
    a, b = s.socketpair()
    read_end, write_end = s.pipe()
    sent = s.send(a, b"HELLO", [write_end])
    s.need(sent.count.equals(5), "a channel that takes five bytes at once")
    s.send(a, b"WORLD", [read_end])

    first = s.recv(b, 2)
    rest = s.recv(b, 20)

    s.expect(first.fds, 1, "the descriptor did not come with the first byte")
    s.expect(rest.count.at_most(3), "the rest was joined with the next message")
    s.expect(rest.fds, 0, "the rest came with the descriptor of the next message")


@must("semantics.shared-nonblock", _FLAGS, subject="platform", endangers=("status",))
def test_shared_nonblock(s: Script) -> None:
    """O_NONBLOCK of a passed descriptor is that of the sender's, then and later.

    What comes is a descriptor of the same open file description, which the flag is a part of.
    """
    a, b = s.socketpair()
    read_end, write_end = s.pipe()
    s.set_nonblocking(read_end)
    s.send(a, b"x", [read_end])

    came = s.recv(b, 1)
    on_arrival = s.nonblocking(came.fd())
    s.set_nonblocking(came.fd(), on=False)
    at_the_sender = s.nonblocking(read_end)

    s.expect(on_arrival, True, "O_NONBLOCK was lost on the way")
    s.expect(at_the_sender, False, "O_NONBLOCK is not shared with the sender")
    s.close(write_end)

    c, d = s.socketpair()
    s.set_nonblocking(c)
    s.send(a, b"xy", [c, d])
    sockets = s.recv(b, 2)
    nonblocking = s.nonblocking(sockets.fd(0))
    blocking = s.nonblocking(sockets.fd(1))

    s.expect(nonblocking, True, "O_NONBLOCK of a socket was lost on the way")
    s.expect(blocking, False, "O_NONBLOCK of a socket was set on the way")


@must("semantics.nonblock-in-datagrams", _FLAGS, subject="platform", endangers=("status",))
def test_nonblock_in_datagrams(s: Script) -> None:
    """O_NONBLOCK is kept in datagrams, too, of each descriptor of a message."""
    a, b = s.socketpair("dgram")
    read_end, write_end = s.pipe()
    s.set_nonblocking(write_end)
    s.send(a, b"x", [read_end, write_end, read_end])

    came = s.recv(b, 1)
    for which, due in enumerate((False, True, False)):
        told = s.nonblocking(came.fd(which))
        s.expect(told, due, "O_NONBLOCK has changed on the way")


@must("semantics.nonblock-in-flight", _FLAGS, subject="platform", endangers=("status",))
def test_nonblock_in_flight(s: Script) -> None:
    """O_NONBLOCK that is changed while a message waits is changed for its receiver.

    Set for one descriptor, and cleared for another: what is sent is not a copy of the flags.
    """
    a, b = s.socketpair()
    read_end, write_end = s.pipe()
    c, d = s.socketpair()
    s.set_nonblocking(write_end)
    s.set_nonblocking(d)
    s.send(a, b"x", [read_end, write_end, c, d])
    for fd, on in ((read_end, True), (write_end, False), (c, True), (d, False)):
        s.set_nonblocking(fd, on)

    came = s.recv(b, 1)
    for which, due in enumerate((True, False, True, False)):
        told = s.nonblocking(came.fd(which))
        s.expect(told, due, "O_NONBLOCK is as it was when the message was sent")
    for fd, due in ((read_end, True), (write_end, False), (c, True), (d, False)):
        here = s.nonblocking(fd)
        s.expect(here, due, "the receive has changed O_NONBLOCK at the sender")


def _keeps_nonblock(s: Script, fds: list[Fd], before: int = 0) -> None:
    """Send them non-blocking, behind so many others, close them, and look at what comes."""
    a, b = s.socketpair()
    null = s.null()
    for fd in fds:
        s.set_nonblocking(fd)
    s.send(a, b"x", [*[null] * before, *fds])
    for fd in fds:
        s.close(fd)

    came = s.recv(b, 1, space(64))
    for which in range(len(fds)):
        kept = s.nonblocking(came.fd(before + which))
        s.expect(kept, True, "O_NONBLOCK was lost on the way")


@must("semantics.nonblock-of-all", _FLAGS, subject="platform", endangers=("status", "passers"))
def test_nonblock_of_all(s: Script) -> None:
    """O_NONBLOCK is kept where the sender has closed its own before the receive.

    Of pipes, of sockets and of a listener, at the start of a message and behind eight others.
    """
    for before in (0, 8):
        read_end, write_end = s.pipe()
        c, _ = s.socketpair()
        datagrams, _ = s.socketpair("dgram")
        _keeps_nonblock(s, [read_end, write_end, c, datagrams, s.listener()], before)


@must("semantics.nonblock-of-a-terminal", _FLAGS, subject="platform", endangers=("status",))
def test_nonblock_of_a_terminal(s: Script) -> None:
    """O_NONBLOCK of a passed terminal is kept, though the sender has closed its own.

    The other end stays open, and as it was.
    """
    master, slave = s.pty()

    _keeps_nonblock(s, [slave])
    other = s.nonblocking(master)
    s.expect(other, False, "O_NONBLOCK of the other end was set on the way")


@must("semantics.nonblock-of-tcp", _FLAGS, subject="platform", endangers=("status",))
def test_nonblock_of_tcp(s: Script) -> None:
    """O_NONBLOCK of a TCP socket is kept, though the sender has closed its own."""
    c, d = s.inet("tcp")

    _keeps_nonblock(s, [c])
    other = s.nonblocking(d)
    s.expect(other, False, "O_NONBLOCK of the other end was set on the way")


@should("semantics.dontwait-once", _PER_CALL, subject="platform", endangers=("status",))
def test_dontwait_once(s: Script) -> None:
    """MSG_DONTWAIT changes no flags: neither of the channel nor of what comes.

    It is of one call. Asked of a channel that waits and of one with O_NONBLOCK, where there is
    nothing to receive, something, and no room to send.
    """
    for nonblocking in (False, True):
        a, b = s.socketpair()
        read_end, _ = s.pipe()
        c, _ = s.socketpair()
        s.set_nonblocking(a, nonblocking)
        s.set_nonblocking(b, nonblocking)
        sender = s.status_flags(a)
        receiver = s.status_flags(b)

        nothing = s.recv(b, 1, flags=("DONTWAIT",))
        after_nothing = s.status_flags(b)
        sent = s.send(a, b"x", [read_end, c], flags=("DONTWAIT",))
        s.need(sent.errno.equals(""), "a channel that takes a message at once")
        after_sending = s.status_flags(a)
        came = s.recv(b, 1, flags=("DONTWAIT",))
        s.need(came.errno.equals(""), "a channel that gives a message at once")
        after_receiving = s.status_flags(b)
        pipe = s.nonblocking(came.fd(0))
        socket = s.nonblocking(came.fd(1))
        flooded = s.flood(a, b"x" * 512)
        after_flooding = s.status_flags(a)

        s.expect(nothing.errno, "EAGAIN", "there was something before it was sent")
        s.expect(after_nothing, receiver, "to receive nothing has changed the receiver's flags")
        s.expect(after_sending, sender, "to send has changed the sender's flags")
        s.expect(after_receiving, receiver, "to receive has changed the receiver's flags")
        s.expect(pipe, False, "O_NONBLOCK of a pipe was set on the way")
        s.expect(socket, False, "O_NONBLOCK of a socket was set on the way")
        s.expect(flooded.count.at_least(1), "the emptied channel takes nothing")
        s.expect(after_flooding, sender, "to send without room has changed the sender's flags")


@should("semantics.number-zero", _DUP, subject="platform", endangers=("table", "bidirectional"))
def test_number_zero(s: Script) -> None:
    """A descriptor is sent as well as number 0, and comes as well as number 0.

    So it is in a daemon that has closed its standard descriptors, and 0 is easily taken for none.
    """
    a, b = s.socketpair()
    s.close(s.number(0))
    file = s.file(b"the file")
    null = s.null()
    s.send(a, b"x", [null, file])
    s.send(a, b"y", [file])
    s.close(file)

    both = s.recv(b, 1)
    s.expect(both.fds, 2, "not both of them came")
    same = s.read(both.fd(1), 8)
    s.close(both.fd(0))
    alone = s.recv(b, 1)
    offset = s.tell(alone.fd())

    s.expect(same.data, b"the file", "what came is not the descriptor that was sent")
    s.expect(offset, 8, "what came later is not the descriptor that was sent")


@should("semantics.shared-offset", _DUP, subject="platform", endangers=("fifo", "status"))
def test_shared_offset(s: Script) -> None:
    """The file offset of a passed descriptor is that of the sender's.

    It is one open file description: four bytes that are read through the one are read for both.
    """
    a, b = s.socketpair()
    file = s.file(b"0123456789")
    s.send(a, b"x", [file])

    came = s.recv(b, 1)
    same = s.same_file(came.fd(), file)
    four = s.read(came.fd(), 4)
    offset = s.tell(file)

    s.expect(same, True, "what came is another file")
    s.expect(four.data, b"0123", "the file was not read from its start")
    s.expect(offset, 4, "the file offset is not shared")


@should("semantics.two-opens", _DUP, subject="platform", endangers=("fifo", "status"))
def test_two_opens(s: Script) -> None:
    """A file that was opened twice comes as two, each with an offset of its own.

    That the file is the same does not make them one open file description.
    """
    a, b = s.socketpair()
    file = s.file(b"0123456789")
    again = s.file_again()
    s.seek(file, 2)
    s.seek(again, 5)
    s.send(a, b"x", [file, again])

    came = s.recv(b, 1)
    first = s.read(came.fd(0), 1)
    second = s.read(came.fd(1), 1)
    here = s.tell(file)
    there = s.tell(again)

    s.expect(first.data, b"2", "the first one has another offset than it had")
    s.expect(second.data, b"5", "the second one has another offset than it had")
    s.expect(here, 3, "the offset of the first one is not shared with what came")
    s.expect(there, 6, "the offset of the second one is not shared with what came")


@should("semantics.shared-read-only", _DUP, subject="platform", endangers=("fifo", "status"))
def test_shared_read_only(s: Script) -> None:
    """The file offset is shared where the file was opened for reading only.

    A system that opens the file again for the receiver can do so for some access modes only.
    """
    a, b = s.socketpair()
    file = s.file(b"0123456789", "read")
    s.send(a, b"x", [file])

    came = s.recv(b, 1)
    s.read(came.fd(), 4)
    offset = s.tell(file)

    s.expect(offset, 4, "the file offset is not shared")


@should("semantics.shared-write-only", _DUP, subject="platform", endangers=("fifo", "status"))
def test_shared_write_only(s: Script) -> None:
    """The file offset is shared where the file was opened for writing only.

    What both of them write stands one behind the other.
    """
    a, b = s.socketpair()
    file = s.file(b"", "write")
    s.send(a, b"x", [file])

    came = s.recv(b, 1)
    s.write(came.fd(), b"0123")
    offset = s.tell(file)

    s.expect(offset, 4, "the file offset is not shared")


@should("semantics.shared-directory", _FLAGS, subject="platform", endangers=("status",))
def test_shared_directory(s: Script) -> None:
    """A flag that is set on a directory after it was passed is set on what came, too.

    It is one open file description. The flag is O_NONBLOCK, which means nothing for a directory.
    """
    a, b = s.socketpair()
    root = s.directory()
    s.send(a, b"x", [root])

    came = s.recv(b, 1)
    before = s.nonblocking(came.fd())
    done = s.set_nonblocking(root)
    s.need(done.errno.equals(""), "a directory whose flags can be set")
    here = s.nonblocking(root)
    s.need(here.equals(1), "a directory that keeps its flags")
    there = s.nonblocking(came.fd())

    s.expect(before, False, "O_NONBLOCK was set on the way")
    s.expect(there, True, "what came is not of the same open file description")


@should("semantics.flock-kept", _FLOCK, subject="platform", endangers=("status",))
def test_flock_kept(s: Script) -> None:
    """A lock by flock is held by what came, after the sender has closed its own.

    Such a lock belongs to the open file description, not to a process as a record lock does.
    """
    a, b = s.socketpair()
    file = s.file(b"the file")
    other = s.file_again()
    locked = s.flock(file)
    s.need(locked.errno.equals(""), "a file that flock can lock")
    s.send(a, b"x", [file])

    came = s.recv(b, 1)
    s.close(file)
    refused = s.flock(other)
    s.expect(refused.errno, "EAGAIN", "the lock was lost on the way")
    s.close(came.fd())
    granted = s.flock(other)

    s.expect(granted.errno, "", "the lock is held although the last descriptor was closed")


@should("semantics.options-kept", _OPTIONS, subject="platform", endangers=("passers", "status"))
def test_options_kept(s: Script) -> None:
    """Options of a passed socket are as they were set: its timeout, and SO_KEEPALIVE.

    They are the socket's, of which what came is another descriptor. So is TCP_NODELAY, which is an
    option of TCP.
    """
    a, b = s.socketpair()
    c, _ = s.inet("tcp")
    timeout = s.setsockopt(c, "RCVTIMEO", 7)
    s.need(timeout.errno.equals(""), "a socket that has SO_RCVTIMEO")
    s.setsockopt(c, "KEEPALIVE", 1)
    s.setsockopt(c, "NODELAY", 1)
    s.send(a, b"x", [c])

    came = s.recv(b, 1)
    seconds = s.getsockopt(came.fd(), "RCVTIMEO")
    keepalive = s.getsockopt(came.fd(), "KEEPALIVE")
    nodelay = s.getsockopt(came.fd(), "NODELAY")
    here = s.getsockopt(c, "RCVTIMEO")

    s.expect(seconds, 7, "SO_RCVTIMEO has changed on the way")
    s.expect(keepalive, True, "SO_KEEPALIVE has changed on the way")
    s.expect(nodelay, True, "TCP_NODELAY has changed on the way")
    s.expect(here, 7, "SO_RCVTIMEO has changed at the sender")


@should("semantics.shut-down-together", _SHUT, subject="platform", endangers=("nonblocking",))
def test_shut_down_together(s: Script) -> None:
    """A received socket that is shut down is shut down for the sender too.

    Its peer reads the end, and the sender can write no more.
    """
    a, b = s.socketpair()
    c, d = s.socketpair()
    s.send(a, b"x", [c])

    came = s.recv(b, 1)
    s.shutdown(came.fd(), "write")
    ended = s.eof(d)
    refused = s.send(c, b"x")

    s.expect(ended, True, "the peer does not read the end of a socket that was shut down")
    s.expect(refused.errno, "EPIPE", "what was shut down can be written by the sent descriptor")


@should(
    "semantics.kept-by-a-child", _FORK, subject="platform", endangers=("bidirectional", "table")
)
def test_kept_by_a_child(s: Script) -> None:
    """A child that is forked after the receive has the received descriptor too."""
    a, b = s.socketpair()
    read_end, write_end = s.pipe()
    s.send(a, b"x", [write_end])
    s.close(write_end)

    came = s.recv(b, 1)
    with s.child():
        written = s.write(came.fd(), b"child")
        s.expect(written.errno, "", "the child has not got what was received before the fork")
    seen = s.read(read_end, 10)

    s.expect(seen.data, b"child", "what the child wrote is not there")


@should(
    "semantics.kept-by-a-program", _EXEC, subject="platform", endangers=("bidirectional", "status")
)
def test_kept_by_a_program(s: Script) -> None:
    """A program that is started has what was received, with O_NONBLOCK as it was.

    Except what is close-on-exec. Servers hand on their sockets like this.
    """
    a, b = s.socketpair()
    heard, said = s.pipe()
    gone, closed = s.pipe()
    s.set_nonblocking(said)
    s.send(a, b"x", [said, closed])
    s.close(said)
    s.close(closed)

    came = s.recv(b, 1)
    s.set_cloexec(came.fd(1))
    with s.process() as program:
        s.become_another()
    nonblocking = s.nonblocking(came.fd(0))
    s.close(came.fd(0))
    s.close(came.fd(1))
    held = s.poll(heard)
    not_held = s.eof(gone)
    s.kill(program)
    released = s.eof(heard)

    s.expect(nonblocking, True, "starting a program has cleared O_NONBLOCK")
    s.expect(held.hangup, False, "the program has not got what was received before its start")
    s.expect(not_held, True, "the program has what is close-on-exec")
    s.expect(released, True, "it is open still when the program is gone")


@should("semantics.sender-exits", _DUP, subject="platform", endangers=("fifo", "nonblocking"))
def test_sender_exits(s: Script) -> None:
    """A descriptor that was sent arrives although its sender has exited.

    Of the pipe only what is in flight was left, and it still writes.
    """
    a, b = s.socketpair()
    read_end, write_end = s.pipe()
    with s.child():
        s.send(a, b"x", [write_end])
    s.close(a)
    s.close(write_end)

    before = s.poll(read_end)
    came = s.recv(b, 1)
    s.write(came.fd(), b"alive")
    heard = s.read(read_end, 5)

    s.expect(before.hangup, False, "what was in flight was not held")
    s.expect(heard.data, b"alive", "what arrived is not the descriptor that was sent")


@should("semantics.unread-is-released", _DUP, subject="platform", endangers=("table", "passers"))
def test_unread_is_released(s: Script) -> None:
    """What is in flight is released when both ends of its channel are closed."""
    a, b = s.socketpair()
    read_end, write_end = s.pipe()
    s.send(a, b"x", [write_end])
    s.close(write_end)
    before = s.poll(read_end)

    s.close(a)
    s.close(b)
    released = s.eof(read_end)

    s.expect(before.hangup, False, "what was in flight was not held")
    s.expect(released, True, "what was in flight is still open somewhere")


@must("semantics.read-stops", _ONE_SEGMENT, subject="platform", endangers=("fifo", "table"))
def test_read_stops(s: Script) -> None:
    """A read(2) gives the bytes of one message with descriptors, not of two.

    It shows no descriptors, and yet it may not run over the place where one belongs: who reads a
    header by read and then calls recvmsg relies on it.
    """
    a, b = s.socketpair()
    null = s.null()
    s.send(a, b"1", [null])
    s.send(a, b"2", [null])

    first = s.read(b, 100)
    s.expect(first.data, b"1", "the read ran on into the next message")
    second = s.recv(b, 100)

    s.expect(second.data, b"2", "the second message came with other bytes")
    s.expect(second.fds, 1, "the second message came without its descriptor")


@must("semantics.partial-send", _FIRST_OCTET, subject="platform", endangers=("fifo",))
def test_partial_send(s: Script) -> None:
    """Of a message that was taken in part, the descriptor comes with the first byte.

    The channel has room for some of a million bytes. The descriptor has gone with these, and who
    sends the rest must not attach it again.
    """
    a, b = s.socketpair()
    null = s.null()
    s.set_nonblocking(a)

    sent = s.send(a, b"x" * 1000000, [null])
    in_part = sent.errno.equals("") & sent.count.at_most(999999)
    s.need(in_part, "a channel that takes some of a million bytes, and not all")
    s.need(sent.count.at_least(2), "a channel that takes more than a byte")
    first = s.recv(b, 1)
    second = s.recv(b, 1)

    s.expect(first.fds, 1, "the descriptor did not come with the first byte")
    s.expect(second.fds, 0, "the descriptor came again with later bytes of its message")


@should("semantics.long-message", _FIRST_OCTET, subject="platform", endangers=("fifo",))
def test_long_message(s: Script) -> None:
    """All bytes of a long message come as they were sent, beside a descriptor.

    Of a stream as many as the channel takes; datagrams of 2000 and 20000 bytes, and a record.
    """
    null = s.null()
    for kind, size in (("stream", 60000), ("dgram", 2000), ("dgram", 20000), ("seqpacket", 20000)):
        a, b = s.socketpair(kind)
        sent = s.send(a, b"x" * size, [null], flags=("DONTWAIT",))
        s.need(sent.errno.equals(""), f"a channel that takes a message of {size} bytes")
        came = s.drain(b)

        s.expect(came.count, sent.count, "of the bytes that were taken some are lost")
        s.expect(came.others, 0, "bytes have changed on the way")
        s.expect(came.fds, 1, "it came without its descriptor, or with another one")


@should("semantics.several-beside-much", _FIRST_OCTET, subject="platform", endangers=("fifo",))
def test_several_beside_much(s: Script) -> None:
    """Three descriptors beside a long message come with its first bytes, in order.

    It has five thousand bytes. Where a channel takes some of them only, the descriptors have gone
    with these.
    """
    a, b = s.socketpair()
    files = s.files(3)
    sent = s.send(a, b"x" * 5000, files, flags=("DONTWAIT",))
    s.need(sent.errno.equals(""), "a channel that takes some of 5000 bytes at once")

    first = s.recv(b, 100)
    s.number_each(first)
    wrong = s.unlike(files, 3)
    rest = s.drain(b)

    s.expect(first.fds, 3, "not all of them came with the first bytes")
    s.expect(wrong, "none", "another file came in its place")
    s.expect(first.count + rest.count, sent.count, "other bytes came than were taken")
    s.expect(rest.fds, 0, "a descriptor came with the rest too")


@should("semantics.all-of-it", _ALL_OF_IT, subject="platform", endangers=("fifo",))
def test_all_of_it(s: Script) -> None:
    """A receive that waits for all bytes (MSG_WAITALL) brings their descriptor."""
    a, b = s.socketpair()
    read_end, write_end = s.pipe()
    sent = s.send(a, b"HELLO", [write_end])
    s.need(sent.count.equals(5), "a channel that takes five bytes at once")

    came = s.recv(b, 5, flags=("WAITALL",))
    same = s.same_file(came.fd(), write_end)

    s.expect(same, True, "what came is another file")
    _brings_the_pipe(s, came, read_end)


@must("semantics.one-datagram", _ONE_SEGMENT, subject="platform", endangers=("fifo",))
def test_one_datagram(s: Script) -> None:
    """One receive gives one datagram and its descriptors, however much room there is."""
    a, b = s.socketpair("dgram")
    read_end, write_end = s.pipe()
    s.send(a, b"one", [write_end])
    s.send(a, b"two", [read_end])

    first = s.recv(b, 100)
    s.expect(first.data, b"one", "other bytes than those of the first datagram")
    s.expect(first.fds, 1, "other descriptors than those of the first datagram")
    second = s.recv(b, 100)
    s.expect(second.data, b"two", "other bytes than those of the second datagram")
    s.expect(second.fds, 1, "other descriptors than those of the second datagram")

    written = s.write(first.fd(), b"through")
    s.expect(written.errno, "", "the first datagram brought another descriptor than its own")
    heard = s.read(second.fd(), 7)
    s.expect(heard.data, b"through", "the second datagram brought another descriptor than its own")


@must("semantics.one-record", _TYPES, subject="platform", endangers=("fifo",))
def test_one_record(s: Script) -> None:
    """One receive from a SOCK_SEQPACKET socket gives one record and its descriptors.

    Not every system has these sockets for AF_UNIX.
    """
    a, b = s.socketpair("seqpacket")
    read_end, write_end = s.pipe()
    s.send(a, b"one", [write_end])
    s.send(a, b"two", [read_end])

    first = s.recv(b, 100)
    s.expect(first.data, b"one", "other bytes than those of the first record")
    s.expect(first.fds, 1, "other descriptors than those of the first record")
    second = s.recv(b, 100)
    s.expect(second.data, b"two", "other bytes than those of the second record")
    s.expect(second.fds, 1, "other descriptors than those of the second record")

    written = s.write(first.fd(), b"through")
    s.expect(written.errno, "", "the first record brought another descriptor than its own")
    heard = s.read(second.fd(), 7)
    s.expect(heard.data, b"through", "the second record brought another descriptor than its own")


def _in_order(s: Script, kind: str) -> None:
    """Send eight messages with a file each, receive what was taken, and look at each file."""
    a, b = s.socketpair(kind)
    files = s.files(8)

    sent = s.send_each(a, files)
    s.need(sent.count.at_least(2), "a channel that takes two messages at once")
    came = s.recv_each(b)
    wrong = s.unlike(files, sent.count)

    s.expect(came.data, sent.data, "other messages came, or in another order")
    s.expect(came.fds, sent.count, "a message came without its descriptor, or with more")
    s.expect(wrong, "none", "a message brought another file than its own")


@must("semantics.datagrams-in-order", _NOT_REORDERED, subject="platform", endangers=("fifo",))
def test_datagrams_in_order(s: Script) -> None:
    """Each of eight waiting datagrams comes in its turn, and brings its own file.

    Where the queue of a socket takes fewer, as many as it takes.
    """
    _in_order(s, "dgram")


@must("semantics.records-in-order", _SEQUENCED, subject="platform", endangers=("fifo",))
def test_records_in_order(s: Script) -> None:
    """Each of eight waiting records comes in its turn, and brings its own file.

    The sockets are SOCK_SEQPACKET, which not every system has for AF_UNIX.
    """
    _in_order(s, "seqpacket")


@must("semantics.two-receivers", _ONE_SEGMENT, subject="platform", endangers=("fifo", "passers"))
def test_two_receivers(s: Script) -> None:
    """Processes and threads that receive from one socket get each message once.

    Two processes, each of which receives by two threads, all at once. Which of them receives a
    message differs; a file comes with the byte of its own. So workers do that share a queue.
    """
    a, b = s.socketpair()
    files = s.files(40)
    sent = s.send_each(a, files)
    s.need(sent.count.at_least(8), "a channel that takes eight messages at once")

    came = s.recv_by(b, 2, 2)
    wrong = s.unlike(files, sent.count)

    s.expect(wrong, "none", "a file was not received once, with the byte of its own message")
    s.expect(came.count, sent.count, "other descriptors came than were sent")


@must("semantics.two-senders", _ONE_SEGMENT, subject="platform", endangers=("fifo", "passers"))
def test_two_senders(s: Script) -> None:
    """What processes and threads send at once comes whole, each file with its byte.

    Two processes, each of which sends by two threads over the same socket. In which order their
    messages come differs.
    """
    a, b = s.socketpair()
    files = s.files(40)

    sent = s.send_by(a, files, 2, 2)
    s.need(sent.count.equals(40), "a channel that takes forty messages at once")
    came = s.recv_by(b, 1, 1)
    wrong = s.unlike(files, 40)

    s.expect(wrong, "none", "a file did not come once, with the byte of its own message")
    s.expect(came.count, 40, "other descriptors came than were sent")


@should("semantics.readable-by-select", _READY, subject="platform", endangers=("nonblocking",))
def test_readable_by_select(s: Script) -> None:
    """A message with a descriptor makes a socket readable for select and for poll.

    For a stream and for datagrams alike; before it came, the socket was not.
    """
    null = s.null()
    for kind in ("stream", "dgram"):
        a, b = s.socketpair(kind)
        before = s.select(b)
        s.send(a, b"x", [null])
        by_select = s.select(b)
        by_poll = s.poll(b)
        came = s.recv(b, 1)

        s.expect(before.readable, False, "select tells of a message that was not sent yet")
        s.expect(by_select.readable, True, "select does not tell of the message")
        s.expect(by_poll.readable, True, "poll does not tell of the message")
        s.expect(came.fds, 1, "the message came without its descriptor")


@must("semantics.nonblock-works", _FLAGS, subject="platform", endangers=("status", "nonblocking"))
def test_nonblock_works(s: Script) -> None:
    """A received descriptor whose O_NONBLOCK is set does not wait.

    That the flag is there is not all: who reads from an empty pipe, or writes to a full one, is
    told so at once.
    """
    a, b = s.socketpair()
    read_end, write_end = s.pipe()
    s.set_nonblocking(read_end)
    s.set_nonblocking(write_end)
    s.send(a, b"x", [read_end, write_end])

    came = s.recv(b, 1)
    nothing = s.read(came.fd(0), 10)
    last = s.write(came.fd(1), b"x" * 65536)
    with s.repeat(20):
        last = s.write(came.fd(1), b"x" * 65536)

    s.expect(nothing.errno, "EAGAIN", "to read from an empty pipe did not fail")
    s.expect(last.errno, "EAGAIN", "to write to a full pipe did not fail")


@must("semantics.blocking-waits", _WAITS, subject="platform", endangers=("status", "nonblocking"))
def test_blocking_waits(s: Script) -> None:
    """A received descriptor without O_NONBLOCK waits for what comes a moment later.

    Asked of a pipe, of a socket, and of the channel by which both came.
    """
    a, b = s.socketpair()
    read_end, write_end = s.pipe()
    c, d = s.socketpair()
    s.send(a, b"x", [read_end, d])

    came = s.recv(b, 1)
    s.write_soon(write_end, b"1")
    by_pipe = s.read(came.fd(0), 1)
    s.write_soon(c, b"2")
    by_socket = s.recv(came.fd(1), 1)
    s.write_soon(a, b"3")
    by_channel = s.recv(b, 1)

    for seen, data in ((by_pipe, b"1"), (by_socket, b"2"), (by_channel, b"3")):
        s.expect(seen.errno, "", "what has no O_NONBLOCK does not wait")
        s.expect(seen.data, data, "it has not waited for what was written")


@should("semantics.readable-by-queue", _EPOLL, subject="platform", endangers=("nonblocking",))
def test_readable_by_queue(s: Script) -> None:
    """A message with a descriptor is told of by an event queue (epoll), as by poll.

    Event loops wait by one. For a stream and for datagrams; before it came, nothing is told.
    """
    null = s.null()
    for kind in ("stream", "dgram"):
        a, b = s.socketpair(kind)
        queue = s.event_queue(b)
        before = s.events(queue)
        s.send(a, b"x", [null])
        after = s.events(queue)
        came = s.recv(b, 1)

        s.expect(before, 0, "the queue tells of a message that was not sent yet")
        s.expect(after, 1, "the queue does not tell of the message")
        s.expect(came.fds, 1, "the message came without its descriptor")


@should("semantics.received-is-ready", _READY, subject="platform", endangers=("nonblocking",))
def test_received_is_ready(s: Script) -> None:
    """A received pipe or socket is readable for poll when something waits in it.

    In the pipe a byte does, in the socket a message with a descriptor.
    """
    a, b = s.socketpair()
    read_end, write_end = s.pipe()
    c, d = s.socketpair()
    s.send(a, b"x", [read_end, d])

    came = s.recv(b, 1)
    s.write(write_end, b"1")
    s.send(c, b"2", [write_end])
    pipe = s.poll(came.fd(0))
    socket = s.poll(came.fd(1))
    byte = s.read(came.fd(0), 1)
    message = s.recv(came.fd(1), 1)

    s.expect(pipe.readable, True, "poll does not tell of a byte in a pipe that came")
    s.expect(socket.readable, True, "poll does not tell of a message in a socket that came")
    s.expect(byte.data, b"1", "other bytes waited in the pipe")
    s.expect(message.fds, 1, "the message came without its descriptor")


@should("semantics.received-in-a-queue", _EPOLL, subject="platform", endangers=("nonblocking",))
def test_received_in_a_queue(s: Script) -> None:
    """An event queue (epoll) watches what came, also where one watches the sent one.

    A pipe and a socket; what waits in them is a byte, and a message with a descriptor.
    """
    a, b = s.socketpair()
    read_end, write_end = s.pipe()
    c, d = s.socketpair()
    s.event_queue(read_end)
    s.event_queue(d)
    s.send(a, b"x", [read_end, d])

    came = s.recv(b, 1)
    pipes = s.event_queue(came.fd(0))
    sockets = s.event_queue(came.fd(1))
    s.expect(pipes.errno, "", "a queue refuses a pipe that came")
    s.expect(sockets.errno, "", "a queue refuses a socket that came")
    before = s.events(pipes)
    s.write(write_end, b"1")
    s.send(c, b"2", [write_end])
    pipe = s.events(pipes)
    socket = s.events(sockets)
    message = s.recv(came.fd(1), 1)

    s.expect(before, 0, "the queue tells of a byte that was not written yet")
    s.expect(pipe, 1, "the queue does not tell of a byte in a pipe that came")
    s.expect(socket, 1, "the queue does not tell of a message in a socket that came")
    s.expect(message.fds, 1, "the message came without its descriptor")


@should("semantics.readable-at-the-end", _HANGUP, subject="platform", endangers=("nonblocking",))
def test_readable_at_the_end(s: Script) -> None:
    """A message whose sender has closed makes its channel readable for poll.

    That the other end is gone may be told beside it, and not in its place.
    """
    a, b = s.socketpair()
    null = s.null()
    s.send(a, b"x", [null])
    s.close(a)

    told = s.poll(b)
    came = s.recv(b, 1)

    s.expect(told.readable, True, "poll does not tell of the message")
    s.expect(came.data, b"x", "the byte of the message did not come")
    s.expect(came.fds, 1, "the message came without its descriptor")


@should("semantics.writable-with-room", _WRITABLE, subject="platform", endangers=("nonblocking",))
def test_writable_with_room(s: Script) -> None:
    """A full channel is not writable for poll, and is again when it was emptied.

    A passer that is told otherwise tries again and again, or never.
    """
    a, b = s.socketpair()
    flooded = s.flood(a, b"x" * 512)
    s.need(flooded.errno.is_one_of("EAGAIN", "ENOBUFS"), "a channel that is full at some time")

    full = s.poll(a)
    s.drain(b)
    emptied = s.poll(a)

    s.expect(full.writable, False, "poll tells of room in a full channel")
    s.expect(emptied.writable, True, "poll does not tell of room in an empty channel")


@must("semantics.append-kept", _GETFL, subject="platform", endangers=("status",))
def test_append_kept(s: Script) -> None:
    """O_APPEND of a passed descriptor is as it was when sent.

    A log file that loses it is overwritten from its start.
    """
    a, b = s.socketpair()
    log = s.file(b"old ", "append")
    s.send(a, b"x", [log, log, log])

    came = s.recv(b, 1)
    appending = s.appending(came.fd())
    second = s.appending(came.fd(1))
    third = s.appending(came.fd(2))
    s.write(came.fd(), b"new")
    s.seek(log, 0)
    content = s.read(log, 20)

    s.expect(appending, True, "O_APPEND was lost on the way")
    s.expect(second, True, "O_APPEND of the second one was lost on the way")
    s.expect(third, True, "O_APPEND of the last one was lost on the way")
    s.expect(content.data, b"old new", "what was written did not go to the end")


@must("semantics.flags-kept", _GETFL, subject="platform", endangers=("status",))
def test_flags_kept(s: Script) -> None:
    """All that F_GETFL tells of a passed descriptor is as it was when sent.

    Asked of a file whose writes are synchronous, and of a socket that signals (O_ASYNC).
    """
    a, b = s.socketpair()
    journal = s.file(b"", "sync")
    c, _ = s.socketpair()
    signals = s.set_async(c)
    s.need(signals.errno.equals(""), "sockets that signal (O_ASYNC)")
    of_the_file = s.status_flags(journal)
    of_the_socket = s.status_flags(c)
    s.send(a, b"x", [journal, c])

    came = s.recv(b, 1)
    file_came = s.status_flags(came.fd(0))
    socket_came = s.status_flags(came.fd(1))

    s.expect(file_came, of_the_file, "the flags of the file have changed on the way")
    s.expect(socket_came, of_the_socket, "O_ASYNC was lost on the way")


@must("semantics.access-kept", _GETFL, subject="platform", endangers=("status",))
def test_access_kept(s: Script) -> None:
    """A descriptor can be read and written as the sent one, whatever the file allows.

    Who passes a file that was opened for reading only gives no right to write it.
    """
    a, b = s.socketpair()
    reading = s.file(b"0123", "read")
    writing = s.file(b"", "write")
    s.send(a, b"x", [reading, writing])

    came = s.recv(b, 1)
    first = s.access(came.fd(0))
    second = s.access(came.fd(1))
    refused = s.write(came.fd(0), b"x")

    s.expect(first, "read", "the access mode has changed on the way")
    s.expect(second, "write", "the access mode has changed on the way")
    s.expect(refused.errno, "EBADF", "what was opened for reading only can be written")


@must("semantics.own-descriptor-flags", _GETFD, subject="platform", endangers=("status",))
def test_own_descriptor_flags(s: Script) -> None:
    """FD_CLOEXEC that is set on a received descriptor is not set on the sent one.

    Nor does sending change it: where it was set it stays so, where it was not neither.
    """
    a, b = s.socketpair()
    for on in (True, False):
        null = s.null()
        s.set_cloexec(null, on)
        s.send(a, b"x", [null])
        sent = s.cloexec(null)
        s.recv(b, 1)
        received = s.cloexec(null)
        s.expect(sent, on, "sending has changed FD_CLOEXEC of the sent descriptor")
        s.expect(received, on, "receiving has changed FD_CLOEXEC of the sent descriptor")

    s.send(a, b"x", [null])

    came = s.recv(b, 1)
    s.set_cloexec(came.fd())
    at_the_sender = s.cloexec(null)

    s.expect(at_the_sender, False, "FD_CLOEXEC was set on the sent descriptor too")


@should("semantics.cloexec-stays", _NOT_PASSED, subject="platform", endangers=("bidirectional",))
def test_cloexec_stays(s: Script) -> None:
    """FD_CLOEXEC of the sent descriptor does not come along.

    It belongs to the number, not to the open file description. So a receiver has to ask for it:
    what it receives without MSG_CMSG_CLOEXEC is handed on to every program it starts. Nor does it
    come from the channel, where that is close-on-exec.
    """
    a, b = s.socketpair()
    null = s.null()
    s.set_cloexec(null)
    s.send(a, b"x", [null])

    came = s.recv(b, 1)
    cloexec = s.cloexec(came.fd())

    s.expect(cloexec, False, "FD_CLOEXEC came along")

    other = s.null()
    s.set_cloexec(a)
    s.set_cloexec(b)
    s.send(a, b"y", [other])
    later = s.recv(b, 1)
    cloexec = s.cloexec(later.fd())
    channel = s.cloexec(b)

    s.expect(cloexec, False, "what came has FD_CLOEXEC of the channel")
    s.expect(channel, True, "the channel has lost its FD_CLOEXEC")


@may("semantics.close-on-fork", _CLOFORK, subject="platform", endangers=("bidirectional",))
def test_close_on_fork(s: Script) -> None:
    """MSG_CMSG_CLOFORK lets a received descriptor be closed in a forked child.

    New in POSIX.1-2024; few systems have it.
    """
    a, b = s.socketpair()
    null = s.null()
    s.send(a, b"x", [null])

    came = s.recv(b, 1, flags=("CMSG_CLOFORK",))
    here = s.write(came.fd(), b"x")
    with s.child():
        there = s.write(came.fd(), b"x")
        s.expect(there.errno, "EBADF", "the child has the descriptor too")

    s.expect(here.count, 1, "the descriptor that came cannot be written")


@should("semantics.closed-apart", _DUP, subject="platform", endangers=("bidirectional", "table"))
def test_closed_apart(s: Script) -> None:
    """To close a received descriptor leaves the sent one open.

    A pipe goes on, a socket, and a listener.
    """
    a, b = s.socketpair()
    read_end, write_end = s.pipe()
    s.send(a, b"x", [write_end])

    came = s.recv(b, 1)
    s.close(came.fd())
    written = s.write(write_end, b"alive")

    s.expect(written.errno, "", "to close what came has closed what was sent")
    heard = s.read(read_end, 5)
    s.expect(heard.data, b"alive", "what was sent is another descriptor now")

    c, d = s.socketpair()
    listener = s.listener()
    s.send(a, b"y", [c, listener])
    sockets = s.recv(b, 1)
    s.close(sockets.fd(0))
    s.close(sockets.fd(1))
    there = s.send(c, b"1")
    back = s.send(d, b"2")
    s.expect(there.errno, "", "to close a socket that came has shut down the sent one")
    s.expect(back.errno, "", "to close a socket that came has shut down the sent one")
    at_the_peer = s.recv(d, 1)
    here = s.recv(c, 1)
    client = s.connect(listener)
    s.expect(client.errno, "", "to close a listener that came has shut down the sent one")
    accepted = s.accept(listener)
    s.write(client, b"3")
    over_it = s.read(accepted, 1)

    s.expect(at_the_peer.data, b"1", "the sent socket says nothing any more")
    s.expect(here.data, b"2", "the sent socket hears nothing any more")
    s.expect(over_it.data, b"3", "the sent listener accepts other connections")


@should("semantics.offset-in-flight", _DUP, subject="platform", endangers=("status",))
def test_offset_in_flight(s: Script) -> None:
    """A seek of the sender moves also the descriptor that is in flight."""
    a, b = s.socketpair()
    file = s.file(b"0123456789")
    s.send(a, b"x", [file])

    s.seek(file, 6)
    came = s.recv(b, 1)
    rest = s.read(came.fd(), 10)

    s.expect(rest.data, b"6789", "it came with the offset it had when it was sent, or none")


@should("semantics.shared-across-processes", _DUP, subject="platform", endangers=("status",))
def test_shared_across_processes(s: Script) -> None:
    """The file offset is shared with another process that receives the descriptor.

    As a log that several workers write, or a queue that several read.
    """
    a, b = s.socketpair()
    file = s.file(b"0123456789")
    s.send(a, b"x", [file])
    with s.child():
        came = s.recv(b, 1)
        four = s.read(came.fd(), 4)
        s.expect(four.data, b"0123", "the file was not read from its start")

    offset = s.tell(file)

    s.expect(offset, 4, "the file offset is not shared with the other process")


@must("semantics.record-locks", _LOCKS, subject="platform", endangers=("status",))
def test_record_locks(s: Script) -> None:
    """To close a received descriptor releases the process's record locks on its file.

    These locks belong to the process and the file. A process that receives a file which it has
    locked already, by another descriptor, loses the lock with the first close. So a passer must
    not close and duplicate what it is given.
    """
    a, b = s.socketpair()
    file = s.file(b"0123")
    s.lock(file)
    s.send(a, b"x", [file])
    came = s.recv(b, 1)
    with s.child():
        refused = s.lock(file)
        s.expect(refused.errno.is_one_of("EAGAIN", "EACCES"), "the lock was lost with the receive")

    s.close(came.fd())
    with s.child():
        granted = s.lock(file)
        s.expect(granted.errno, "", "the lock is held although a descriptor was closed")


@should("semantics.sender-closes", _DUP, subject="platform", endangers=("passers", "fifo"))
def test_sender_closes(s: Script) -> None:
    """A socket whose sender closes it at once arrives and works; forty times.

    Nothing but the message in flight holds it.
    """
    a, b = s.socketpair()
    with s.repeat(40):
        c, d = s.socketpair()
        s.send(a, b"x", [d])
        s.close(d)
        came = s.recv(b, 1)
        ends = s.poll(c)
        s.expect(ends.hangup, False, "the socket was closed on its way")
        s.write(c, b"!")
        heard = s.read(came.fd(), 5)
        s.expect(heard.data, b"!", "what arrived is not the socket that was sent")
        s.close(came.fd())
        s.close(c)


@should("semantics.receiver-closes", _UNRECEIVED, subject="platform", endangers=("table", "fifo"))
def test_receiver_closes(s: Script) -> None:
    """What is in flight is released when the receiving end is closed.

    The sending end stays open, and no other message follows.
    """
    a, b = s.socketpair()
    read_end, write_end = s.pipe()
    s.send(a, b"x", [write_end])
    s.close(write_end)
    before = s.poll(read_end)

    s.close(b)
    released = s.eof(read_end)

    s.expect(before.hangup, False, "what was in flight was not held")
    s.expect(released, True, "what was in flight is still open somewhere")


@should("semantics.never-accepted", _UNRECEIVED, subject="platform", endangers=("table",))
def test_never_accepted(s: Script) -> None:
    """What was sent over a connection that is never accepted goes with the listener."""
    listener = s.listener()
    c = s.connect(listener)
    read_end, write_end = s.pipe()
    s.send(c, b"x", [write_end])
    s.close(write_end)
    before = s.poll(read_end)

    s.close(listener)
    s.close(c)
    released = s.eof(read_end)

    s.expect(before.hangup, False, "what was in flight was not held")
    s.expect(released, True, "what was in flight is still open somewhere")


@should("semantics.read-discards", _ABSENT, subject="platform", endangers=("table", "fifo"))
def test_read_discards(s: Script) -> None:
    """A read(2) of a message gives its bytes, and closes its descriptors.

    None is left open with a number that nobody knows; the next message comes as it was sent.
    """
    a, b = s.socketpair()
    null = s.null()
    read_end, write_end = s.pipe()
    s.send(a, b"x", [write_end])
    s.send(a, b"y", [null])
    s.close(write_end)

    before = s.table()
    byte = s.read(b, 1)
    after = s.table()
    released = s.eof(read_end)
    following = s.recv(b, 1)

    s.expect(byte.data, b"x", "the read gave other bytes")
    s.expect(after, before, "the read left a descriptor open that nobody knows")
    s.expect(released, True, "what was not received is still open somewhere")
    s.expect(following.data, b"y", "the next message came with other bytes")
    s.expect(following.fds, 1, "the next message came without its descriptor")
