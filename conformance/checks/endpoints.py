"""Endpoints: how two that do not know one another come to a channel, by a path."""

from __future__ import annotations

from typing import TYPE_CHECKING

from conformance.requirement import may, must, should

if TYPE_CHECKING:
    from conformance.platform.script import Script

_IN_USE = "POSIX.1-2017 XSH bind, EADDRINUSE: the address is already in use"
_STAYS = "unix(7), NOTES: the socket in the file system is there until it is unlinked"
_REFUSED = "POSIX.1-2017 XSH connect, ECONNREFUSED: the target was not listening"
_NOTHING = "POSIX.1-2017 XSH connect, ENOENT: the pathname names no existing file"
_CUT = "unix(7), Pathname sockets: a path is to fit; POSIX.1-2017 XSH bind, EINVAL, ENAMETOOLONG"
_ROOM = "POSIX.1-2017 XBD sys/un.h: sun_path has typically 92 to 108 bytes"
_WRITABLE = "FreeBSD unix(4): the destination of a connect must be writable"
_ABSTRACT = "unix(7), Abstract sockets: they disappear when all references are closed"
_FIRST = "POSIX.1-2017 XSH accept: extracts the first connection on the queue"
_EMPTY = "POSIX.1-2017 XSH accept, EAGAIN: O_NONBLOCK is set and no connections are present"
_LISTENING = "POSIX.1-2017 XSH accept: the original socket remains open and can accept more"
_QUEUE = "POSIX.1-2017 XSH listen: a limited queue of connections that nobody has accepted yet"
_AT_ONCE = "POSIX.1-2017 XSH connect: with O_NONBLOCK it fails if it cannot connect immediately"
_READABLE = "accept(2): a readable event tells of a new connection"
_UNLINKED = "unix(7), NOTES: it can be unlinked at any time, as an open file can"
_AWAITING = "FreeBSD unix(4): what awaits delivery is closed when the destination is closed"
_ADDRESSED = "POSIX.1-2017 XSH sendmsg: a connectionless message goes to the address of msghdr"


# -- paths ----------------------------------------------------------------------------------------


@must("endpoints.path-in-use", _IN_USE, subject="platform", endangers=("bidirectional",))
def test_path_in_use(s: Script) -> None:
    """To bind to a path at which somebody listens fails, and disturbs nobody.

    Else two servers would share a path, and half of the clients came to the wrong one.
    """
    path = s.path()
    first = s.socket()
    s.bind(first, path)
    s.listen(first)
    second = s.socket()

    bound = s.bind(second, path)
    client = s.socket()
    connected = s.connect_to(client, path)
    s.set_nonblocking(first)
    accepted = s.accept(first)

    s.expect(bound.errno, "EADDRINUSE", "a path that is in use was bound to once more")
    s.expect(connected.errno, "", "nobody can connect any more")
    s.expect(accepted.errno, "", "the connection came to somebody else")


@must("endpoints.stale-path-refuses", _REFUSED, subject="platform", endangers=("bidirectional",))
def test_stale_path_refuses(s: Script) -> None:
    """To connect to a path whose listener is gone fails with ECONNREFUSED.

    That is how a server that comes back learns that the path is nobody's, and may be removed.
    """
    path = s.path()
    listener = s.socket()
    s.bind(listener, path)
    s.listen(listener)
    s.close(listener)

    client = s.socket()
    connected = s.connect_to(client, path)
    there = s.exists(path)

    s.need(there.equals(1), "a path that stays when its socket is closed")
    s.expect(connected.errno, "ECONNREFUSED", "a path without a listener does not say so")


@should("endpoints.stale-path-is-in-use", _STAYS, subject="platform", endangers=("bidirectional",))
def test_stale_path_is_in_use(s: Script) -> None:
    """A path whose listener is gone can be bound to again when it was unlinked.

    Until then it is in use: what stands at a path is never replaced silently.
    """
    path = s.path()
    gone = s.socket()
    s.bind(gone, path)
    s.close(gone)

    sock = s.socket()
    before = s.bind(sock, path)
    s.unlink(path)
    another = s.socket()
    after = s.bind(another, path)

    s.expect(before.errno, "EADDRINUSE", "what stood at the path was replaced")
    s.expect(after.errno, "", "the path is not free although it was unlinked")


@must("endpoints.no-such-path", _NOTHING, subject="platform", endangers=("bidirectional",))
def test_no_such_path(s: Script) -> None:
    """To connect to a path where nothing is fails with ENOENT."""
    path = s.path()
    client = s.socket()

    connected = s.connect_to(client, path)

    s.expect(connected.errno, "ENOENT", "a path where nothing is does not say so")


@should("endpoints.path-of-ninety-one", _ROOM, subject="platform", endangers=("bidirectional",))
def test_path_of_ninety_one(s: Script) -> None:
    """A path of 91 bytes can be bound and connected to, and descriptors come.

    With its null byte that fills the shortest sun_path known. More differs: 103 or 107 mostly.
    """
    path = s.path(91)
    null = s.null()
    listener = s.socket()
    bound = s.bind(listener, path)
    client = s.socket()

    s.expect(bound.errno, "", "a path of 91 bytes is refused")
    s.listen(listener)
    s.connect_to(client, path)
    server = s.accept(listener)
    s.send(client, b"x", [null])
    came = s.recv(server, 1)

    s.expect(came.fds, 1, "the descriptor did not come")


@should("endpoints.long-path-is-not-cut", _CUT, subject="platform", endangers=("bidirectional",))
def test_long_path_is_not_cut(s: Script) -> None:
    """A path that is too long for an address is refused or taken whole, never cut.

    Cut off, the endpoint would stand at another path than the one that clients are told.
    """
    path = s.path(200)
    sock = s.socket()

    bound = s.bind(sock, path)
    there = s.exists(path)

    refused = bound.errno.is_one_of("EINVAL", "ENAMETOOLONG") & there.equals(0)
    whole = bound.errno.equals("") & there.equals(1)
    s.expect(refused | whole, "the socket was bound to another path than was asked for")


@may("endpoints.permission-to-connect", _WRITABLE, subject="platform", endangers=("bidirectional",))
def test_permission_to_connect(s: Script) -> None:
    """Who may not write to a socket's path cannot connect to it.

    Some systems never look at it; put an endpoint into a directory that only its users can enter.
    """
    path = s.path()
    listener = s.socket()
    s.bind(listener, path)
    s.listen(listener)
    s.forbid(path)

    with s.child():
        s.as_nobody()
        client = s.socket()
        connected = s.connect_to(client, path)
        s.expect(connected.errno, "EACCES", "somebody connected who may not")


@may("endpoints.abstract-name-disappears", _ABSTRACT, subject="platform", endangers=())
def test_abstract_name_disappears(s: Script) -> None:
    """An abstract name is free again when its socket is closed.

    Not every system has them.
    """
    name = s.abstract()
    null = s.null()
    listener = s.socket()
    bound = s.bind(listener, name)
    s.need(bound.errno.equals(""), "abstract names")
    s.listen(listener)
    client = s.socket()
    s.connect_to(client, name)
    server = s.accept(listener)
    s.send(client, b"x", [null])
    came = s.recv(server, 1)
    s.close(server)
    s.close(client)
    s.close(listener)

    another = s.socket()
    again = s.bind(another, name)

    s.expect(came.fds, 1, "the descriptor did not come")
    s.expect(again.errno, "", "the name is still in use")


# -- listening and connecting ---------------------------------------------------------------------


@must("endpoints.nobody-waits", _EMPTY, subject="platform", endangers=("nonblocking",))
def test_nobody_waits(s: Script) -> None:
    """A non-blocking accept fails with EAGAIN where nobody waits."""
    listener = s.listener()
    s.set_nonblocking(listener)

    early = s.accept(listener)
    client = s.connect(listener)
    late = s.accept(listener)

    s.expect(early.errno, "EAGAIN", "an accept where nobody waits did not say so")
    s.expect(late.errno, "", "who came later was not accepted")
    s.close(client)


@should(
    "endpoints.readable-when-somebody-waits",
    _READABLE,
    subject="platform",
    endangers=("nonblocking",),
)
def test_readable_when_somebody_waits(s: Script) -> None:
    """A listener is readable when somebody waits to be accepted, and not before."""
    listener = s.listener()

    before = s.poll(listener)
    client = s.connect(listener)
    after = s.poll(listener)

    s.expect(before.readable, False, "a listener is readable though nobody waits")
    s.expect(after.readable, True, "a listener is not readable though somebody waits")
    s.close(client)


@must(
    "endpoints.accepted-in-order", _FIRST, subject="platform", endangers=("fifo", "bidirectional")
)
def test_accepted_in_order(s: Script) -> None:
    """Who connects first is accepted first, with the descriptors that it sent."""
    listener = s.listener()
    file = s.file(b"of the first")
    null = s.null()
    first = s.connect(listener)
    second = s.connect(listener)
    s.send(second, b"2", [null])
    s.send(first, b"1", [file])

    one = s.accept(listener)
    other = s.accept(listener)
    came = s.recv(one, 1)
    same = s.same_file(came.fd(), file)
    then = s.recv(other, 1)

    s.expect(came.data, b"1", "who came first was not accepted first")
    s.expect(same, True, "a descriptor came over another connection than it was sent on")
    s.expect(then.data, b"2", "who came second was not accepted second")


@should(
    "endpoints.sent-before-accept", _QUEUE, subject="platform", endangers=("fifo", "nonblocking")
)
def test_sent_before_accept(s: Script) -> None:
    """A descriptor that a client sends before it is accepted is received then."""
    listener = s.listener()
    client = s.connect(listener)
    read_end, write_end = s.pipe()
    s.set_nonblocking(client)
    sent = s.send(client, b"x", [write_end])
    s.close(write_end)

    server = s.accept(listener)
    came = s.recv(server, 1)
    s.write(came.fd(), b"alive")
    heard = s.read(read_end, 5)

    s.expect(sent.errno, "", "the descriptor could not be sent before the accept")
    s.expect(heard.data, b"alive", "what arrived is not the descriptor that was sent")


@should("endpoints.gone-before-accept", _QUEUE, subject="platform", endangers=("fifo",))
def test_gone_before_accept(s: Script) -> None:
    """What a client has sent before it went is received by who accepts it later.

    Some systems say that the connection was aborted (ECONNABORTED); then nothing is held.
    """
    listener = s.listener()
    client = s.connect(listener)
    read_end, write_end = s.pipe()
    s.send(client, b"x", [write_end])
    s.close(write_end)
    s.close(client)

    server = s.accept(listener)
    s.need(server.errno.equals(""), "an accept of who has gone")
    came = s.recv(server, 1)
    last = s.recv(server, 1)

    s.expect(came.fds, 1, "what was sent before the accept was lost")
    s.expect(last.count, 0, "the end of the stream is not seen")
    s.close(read_end)


@should("endpoints.unaccepted-is-released", _AWAITING, subject="platform", endangers=("table",))
def test_unaccepted_is_released(s: Script) -> None:
    """What waits at a listener that never accepts is released when that is closed."""
    listener = s.listener()
    client = s.connect(listener)
    read_end, write_end = s.pipe()
    s.send(client, b"x", [write_end])
    s.close(write_end)
    before = s.poll(read_end)

    s.close(listener)
    released = s.eof(read_end)

    s.expect(before.hangup, False, "what was in flight was not held")
    s.expect(released, True, "what nobody can receive is still open somewhere")
    s.close(client)


@should("endpoints.full-queue", _AT_ONCE, subject="platform", endangers=("nonblocking",))
def test_full_queue(s: Script) -> None:
    """A non-blocking connect to a listener whose queue is full does not wait.

    It fails, by different errors. When somebody was accepted there is room again.
    """
    path = s.path()
    listener = s.socket()
    s.bind(listener, path)
    s.listen(listener, 1)
    with s.repeat(40):
        client = s.socket()
        s.set_nonblocking(client)
        refused = s.connect_to(client, path)
        full = refused.errno

    first = s.accept(listener)
    another = s.socket()
    s.set_nonblocking(another)
    later = s.connect_to(another, path)

    known = full.is_one_of("EAGAIN", "ECONNREFUSED", "EINPROGRESS", "ETIMEDOUT")
    s.need(known | full.equals(""), "a queue of a known kind")
    s.expect(known, "a queue for one took forty")
    room = later.errno.is_one_of("", "EINPROGRESS")
    s.expect(room, "after an accept there is no room for another one")
    s.close(first)


@should(
    "endpoints.outlives-its-listener", _UNLINKED, subject="platform", endangers=("bidirectional",)
)
def test_outlives_its_listener(s: Script) -> None:
    """A connection goes on when its listener is closed and its path is unlinked."""
    path = s.path()
    null = s.null()
    listener = s.socket()
    s.bind(listener, path)
    s.listen(listener)
    client = s.socket()
    s.connect_to(client, path)
    server = s.accept(listener)

    s.unlink(path)
    s.close(listener)
    s.send(client, b"x", [null])
    there = s.recv(server, 1)
    s.send(server, b"y", [null])
    back = s.recv(client, 1)

    s.expect(there.fds, 1, "no descriptor came to the one that had accepted")
    s.expect(back.fds, 1, "no descriptor came to the one that had connected")


@must("endpoints.accepts-more", _LISTENING, subject="platform", endangers=("bidirectional",))
def test_accepts_more(s: Script) -> None:
    """A listener accepts others after one that it has accepted is closed."""
    listener = s.listener()
    null = s.null()
    first = s.connect(listener)
    accepted = s.accept(listener)
    s.close(accepted)
    s.close(first)

    second = s.connect(listener)
    server = s.accept(listener)
    s.expect(second.errno, "", "nobody can connect any more")
    s.expect(server.errno, "", "nobody is accepted any more")
    s.send(second, b"x", [null])
    came = s.recv(server, 1)

    s.expect(came.fds, 1, "the descriptor did not come")


@should(
    "endpoints.addressed-datagram", _ADDRESSED, subject="platform", endangers=("bidirectional",)
)
def test_addressed_datagram(s: Script) -> None:
    """A datagram to a path takes descriptors with it, without a connection."""
    path = s.path()
    null = s.null()
    receiver = s.socket("dgram")
    s.bind(receiver, path)
    sender = s.socket("dgram")

    sent = s.send_to(sender, path, b"x", [null])
    came = s.recv(receiver, 1, flags=("DONTWAIT",))

    s.expect(sent.errno, "", "the datagram could not be sent")
    s.expect(came.errno, "", "the datagram did not come")
    s.expect(came.fds, 1, "the descriptor did not come")
