"""Cycles: sockets that wait in one another's queues, until nobody can reach them any more.

A socket can be sent over itself. Once all its numbers are closed, only the message in its own queue
holds it: a count of references never ends, so a system has to look for such sockets and close them.
What it must not close are those that somebody can still receive.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from conformance.requirement import should

if TYPE_CHECKING:
    from conformance.platform.script import Script
    from conformance.platform.steps import Fd

_AWAITING = "FreeBSD unix(4): what awaits delivery is closed when the destination is closed"
_SELFTEST = "Linux selftest af_unix/scm_rights.c: no socket is left when all numbers are closed"
_BUNDLE = "FreeBSD unix_passfd_test, bundle: an end that is sent over itself is received"
_DUP = "unix(7), SCM_RIGHTS: as if by dup(2)"


def _close(s: Script, *fds: Fd) -> None:
    """Close them, and another socket: some systems look for unreachable ones only then."""
    for fd in fds:
        s.close(fd)
    other, another = s.socketpair()
    s.close(other)
    s.close(another)


def _goes_with(s: Script, read_end: Fd, ends: tuple[Fd, ...], words: str) -> None:
    """Expect that the writing end in flight is held until these are closed, and no longer."""
    before = s.poll(read_end)
    _close(s, *ends)
    released = s.eof(read_end)

    s.expect(before.hangup, False, "what was in flight was not held")
    s.expect(released, True, words)


@should("cycles.self", _SELFTEST, subject="platform", endangers=("table", "passers"))
def test_self(s: Script) -> None:
    """A socket in its own queue is closed when nobody can receive it any more.

    With it goes the writing end of a pipe, which stands in the same message.
    """
    a, b = s.socketpair()
    read_end, write_end = s.pipe()
    s.send(a, b"x", [b, write_end])
    s.close(write_end)

    _goes_with(s, read_end, (a, b), "a socket in its own queue stays open for ever")


@should("cycles.both-ends", _AWAITING, subject="platform", endangers=("table", "passers"))
def test_both_ends(s: Script) -> None:
    """Both ends of a channel, each in the queue of the other, are closed."""
    a, b = s.socketpair()
    read_end, write_end = s.pipe()
    s.send(a, b"x", [a, write_end])
    s.send(b, b"x", [b])
    s.close(write_end)

    _goes_with(s, read_end, (a, b), "two ends that hold each other stay open for ever")


@should("cycles.crossed", _SELFTEST, subject="platform", endangers=("table", "passers"))
def test_crossed(s: Script) -> None:
    """Two channels, an end of each in the queue of the other, are closed."""
    a, b = s.socketpair()
    c, d = s.socketpair()
    read_end, write_end = s.pipe()
    s.send(a, b"x", [d])
    s.send(c, b"x", [b, write_end])
    s.close(write_end)

    _goes_with(s, read_end, (a, b, c, d), "two channels that hold each other stay open for ever")


@should("cycles.triangle", _SELFTEST, subject="platform", endangers=("table", "passers"))
def test_triangle(s: Script) -> None:
    """Three channels, each in the queue of the next, are closed."""
    a, b = s.socketpair()
    c, d = s.socketpair()
    e, f = s.socketpair()
    read_end, write_end = s.pipe()
    s.send(a, b"x", [d])
    s.send(c, b"x", [f])
    s.send(e, b"x", [b, write_end])
    s.close(write_end)

    _goes_with(
        s, read_end, (a, b, c, d, e, f), "three channels that hold one another stay open for ever"
    )


@should("cycles.datagrams", _SELFTEST, subject="platform", endangers=("table",))
def test_datagrams(s: Script) -> None:
    """A datagram socket in its own queue is closed when nobody can receive it."""
    a, b = s.socketpair("dgram")
    read_end, write_end = s.pipe()
    s.send(a, b"x", [b, write_end])
    s.close(write_end)

    _goes_with(s, read_end, (a, b), "a socket in its own queue stays open for ever")


@should("cycles.listener", _SELFTEST, subject="platform", endangers=("table", "passers"))
def test_listener(s: Script) -> None:
    """A listener that was sent over a connection nobody has accepted is closed.

    It stands in the queue of a socket which only it can give: the connection that waits.
    """
    listener = s.listener()
    c = s.connect(listener)
    read_end, write_end = s.pipe()
    s.send(c, b"x", [listener, write_end])
    s.close(write_end)

    _goes_with(
        s, read_end, (c, listener), "a listener that waits in its own backlog stays open for ever"
    )


@should("cycles.chain", _AWAITING, subject="platform", endangers=("table", "passers"))
def test_chain(s: Script) -> None:
    """Channels in the queues of channels are all closed with the outermost.

    No cycle, but a chain: to close one is to close the next. Some systems refuse to send so deep.
    """
    a, b = s.socketpair()
    c, d = s.socketpair()
    e, f = s.socketpair()
    g, h = s.socketpair()
    read_end, write_end = s.pipe()
    s.send(g, b"x", [write_end])
    s.send(e, b"x", [h])
    third = s.send(c, b"x", [f])
    fourth = s.send(a, b"x", [d])
    s.need(third.errno.equals("") & fourth.errno.equals(""), "sockets that can be sent four deep")
    for end in (c, d, e, f, g, h, write_end):
        s.close(end)

    _goes_with(s, read_end, (a, b), "the innermost of a chain is still open somewhere")


@should("cycles.nested", _DUP, subject="platform", endangers=("passers", "fifo"))
def test_nested(s: Script) -> None:
    """A channel that came over a channel brings another one, and this a descriptor.

    All three were closed by the sender, with what waits in them still unread.
    """
    a, b = s.socketpair()
    c, d = s.socketpair()
    e, f = s.socketpair()
    read_end, write_end = s.pipe()
    s.send(e, b"inner", [write_end])
    s.send(c, b"middle", [f])
    s.send(a, b"outer", [d])
    for end in (c, d, e, f, write_end):
        s.close(end)

    outer = s.recv(b, 20)
    s.expect(outer.fds, 1, "the first channel did not come")
    middle = s.recv(outer.fd(), 20)
    s.expect(middle.fds, 1, "the second channel did not come")
    inner = s.recv(middle.fd(), 20)
    s.expect(inner.fds, 1, "what waited in the second channel did not come")
    s.write(inner.fd(), b"alive")
    heard = s.read(read_end, 5)

    s.expect(heard.data, b"alive", "what came is not the descriptor that was sent")


@should("cycles.over-itself", _BUNDLE, subject="platform", endangers=("passers",))
def test_over_itself(s: Script) -> None:
    """An end that is sent over itself and closed comes at the other end, and works."""
    a, b = s.socketpair()
    s.send(a, b"x", [a])
    s.close(a)

    came = s.recv(b, 1)
    ends = s.poll(b)
    s.expect(ends.hangup, False, "the end was closed on its way")
    s.send(came.fd(), b"!")
    heard = s.recv(b, 10, flags=("DONTWAIT",))

    s.expect(heard.data, b"!", "what came is not the end that was sent")


@should("cycles.live-stays", _DUP, subject="platform", endangers=("passers", "fifo"))
def test_live_stays(s: Script) -> None:
    """A search for unreachable sockets spares what can still be received.

    Two channels hold each other, but an end of one is open. Others, which nobody can reach, are
    closed meanwhile; what waits in the live ones must not be lost with them.
    """
    a, b = s.socketpair()
    c, d = s.socketpair()
    s.send(c, b"i")
    s.send(c, b"!", [b])
    s.send(a, b"x", [d])
    s.close(d)
    with s.repeat(10):
        one, other = s.socketpair()
        s.send(one, b"x", [other])
        _close(s, one, other)

    came = s.recv(b, 1)
    s.expect(came.fds, 1, "a live socket did not come")
    inside = s.recv(came.fd(), 1, flags=("DONTWAIT",))
    s.expect(inside.errno, "", "the bytes that waited in a live socket are lost")
    message = s.recv(came.fd(), 1, flags=("DONTWAIT",))

    s.expect(inside.data, b"i", "other bytes waited in a live socket")
    s.expect(message.fds, 1, "the descriptor that waited in a live socket is lost")
