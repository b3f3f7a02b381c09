"""Semantics, continued: what came is of the same open file description, with its flags."""

from __future__ import annotations

from typing import TYPE_CHECKING

from conformance.platform.steps import space
from conformance.requirement import may, must, should

if TYPE_CHECKING:
    from conformance.platform.script import Script
    from conformance.platform.steps import Fd

_FLAGS = "POSIX.1-2017 XSH fcntl, F_SETFL: the flags are of the open file description"
_DUP = "unix(7), SCM_RIGHTS: as if by dup(2)"
_GETFL = "POSIX.1-2017 XSH fcntl, F_GETFL: flags and access mode are of the open file description"
_GETFD = "POSIX.1-2017 XSH fcntl, F_GETFD: descriptor flags are of a single descriptor"
_LOCKS = "POSIX.1-2017 XSH fcntl: locks of a file go when the process closes a descriptor of it"
_FLOCK = "flock(2): the lock is of the open file description, and goes with its last descriptor"
_OPTIONS = "POSIX.1-2017 XSH 2.10.16, Use of Options: the options are of the socket"
_NOT_PASSED = "FreeBSD unix(4): descriptor flags, set with fcntl(2), are not passed to a receiver"
_PER_CALL = "recv(2), MSG_DONTWAIT: of one call, where O_NONBLOCK is of the open file description"
_CLOFORK = "POSIX.1-2024 XBD <sys/socket.h>, MSG_CMSG_CLOFORK: FD_CLOFORK is set on what comes"


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
