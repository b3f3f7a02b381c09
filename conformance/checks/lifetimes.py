"""Semantics, continued: who holds what was passed, and until when."""

from __future__ import annotations

from typing import TYPE_CHECKING

from conformance.requirement import should

if TYPE_CHECKING:
    from conformance.platform.script import Script

_DUP = "unix(7), SCM_RIGHTS: as if by dup(2)"
_SHUT = "POSIX.1-2017 XSH shutdown: of a full-duplex connection on the socket"
_FORK = "POSIX.1-2017 XSH fork: the child has its own copy of the parent's descriptors"
_ABSENT = "unix(7), SCM_RIGHTS: without a buffer for them the descriptors are closed"
_UNRECEIVED = "FreeBSD unix(4): what awaits delivery is closed when the destination is closed"
_EXEC = "POSIX.1-2017 XSH exec: descriptors stay open, attributes of the description unchanged"


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
