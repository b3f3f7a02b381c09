"""Semantics, continued: what came can be waited for, and it waits or does not."""

from __future__ import annotations

from typing import TYPE_CHECKING

from conformance.requirement import must, should

if TYPE_CHECKING:
    from conformance.platform.script import Script

_FLAGS = "POSIX.1-2017 XSH fcntl, F_SETFL: the flags are of the open file description"
_READY = "POSIX.1-2017 XSH select: ready for reading if a call to an input function would not block"
_EPOLL = "epoll(7): a descriptor in the ready list has input, as by poll"
_WRITABLE = "POSIX.1-2017 XSH poll, POLLOUT: normal data may be written without blocking"
_WAITS = "POSIX.1-2017 XSH read, recvmsg: without O_NONBLOCK they block until there is something"
_HANGUP = "POSIX.1-2017 XSH poll: POLLHUP and POLLIN are not mutually exclusive"


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
