"""Security: what nobody has asked for, and what nobody may learn, forge or gain."""

from __future__ import annotations

from typing import TYPE_CHECKING

from conformance.platform.steps import length, space
from conformance.requirement import may, should

if TYPE_CHECKING:
    from conformance.platform.script import Script

_NO_ROOM = "unix(7), SCM_RIGHTS: what finds no room, or no buffer at all, is closed"
_BOUNDED = "unix(7), ETOOMANYREFS: without a limit a process held any number in flight"
_CLOSED = "FreeBSD unix(4): what awaits delivery is closed when the destination is closed"
_FORGED = "unix(7), SCM_CREDENTIALS: the kernel checks what the sender says it is"
_DUP = "unix(7), SCM_RIGHTS: a reference to the open file description, as if by dup(2)"
_POINTERS = "XNU tests/scm_rights_leak.c: a peek at descriptors tells no address of the kernel"
_CONTROL = "cmsg(3), CMSG_LEN: a control message says how long it is, and is read so far only"
_PLACED = "POSIX.1-2017 XSH recvmsg: the areas are filled with the data that was received"


# -- what nobody has asked for --------------------------------------------------------------------


@should("security.read-installs-nothing", _NO_ROOM, subject="platform", endangers=("table",))
def test_read_installs_nothing(s: Script) -> None:
    """A plain read of bytes that came with a descriptor leaves no descriptor open.

    Who reads has not asked for any, and learns no number to close. With such a leak every peer
    fills the table of every server.
    """
    a, b = s.socketpair()
    read_end, write_end = s.pipe()
    s.send(a, b"x", [write_end, write_end])
    s.close(write_end)

    before = s.table()
    seen = s.read(b, 1)
    after = s.table()
    released = s.eof(read_end)

    s.expect(seen.data, b"x", "the byte did not come")
    s.expect(after, before, "the read left a descriptor open that nobody knows of")
    s.expect(released, True, "what nobody received is still open somewhere")


@should("security.unasked-are-closed", _NO_ROOM, subject="platform", endangers=("table",))
def test_unasked_are_closed(s: Script) -> None:
    """Descriptors that come where there is no room leave nothing open, in any number.

    Fifty messages of sixteen each: as much as a peer can do to one that expects none.
    """
    a, b = s.socketpair()
    null = s.null()
    before = s.table()

    with s.repeat(50):
        s.send(a, b"x", [null] * 16)
        s.recv(b, 1, 0)
    after = s.table()

    s.expect(after, before, "descriptors are open that nobody has asked for")


@should("security.room-is-kept-to", _NO_ROOM, subject="platform", endangers=("table",))
def test_room_is_kept_to(s: Script) -> None:
    """Who has room for one descriptor and is sent many gets what the room holds.

    That may be two: CMSG_SPACE is rounded up. All that is open is told of, so it can be closed.
    """
    a, b = s.socketpair()
    null = s.null()
    s.send(a, b"x", [null] * 16)

    before = s.table()
    came = s.recv(b, 1, space(1))
    after = s.table()

    s.expect(came.fds.at_most(2), "more descriptors came than there was room for")
    s.expect(after, before + came.fds, "descriptors are open that nobody was told of")


@should("security.flood-ends", _BOUNDED, subject="platform", endangers=("nonblocking", "table"))
def test_flood_ends(s: Script) -> None:
    """A channel is full in the end if descriptors are sent and never received.

    The table of the receiver is not touched by what waits for it.
    """
    a, b = s.socketpair()
    s.setsockopt(a, "SNDBUF", 4096)  # else it has room for megabytes, where the system is set so
    s.setsockopt(b, "RCVBUF", 4096)
    null = s.null()
    s.unprivileged()

    before = s.table()
    refused = s.flood(a, b"x", [null])
    after = s.table()

    full = refused.errno.is_one_of("EAGAIN", "ENOBUFS", "ETOOMANYREFS", "EMFILE", "ENOMEM")
    s.expect(full, "a flood of descriptors goes on and on")
    s.expect(after, before, "what waits to be received is in the table already")
    s.close(b)


@should(
    "security.flood-is-released", _CLOSED, subject="platform", endangers=("table", "nonblocking")
)
def test_flood_is_released(s: Script) -> None:
    """What a flood has left in a channel is released with it.

    As an unprivileged user, whose descriptors in flight are counted on some systems.
    """
    a, b = s.socketpair()
    read_end, write_end = s.pipe()
    c, d = s.socketpair()
    null = s.null()
    s.unprivileged()
    first = s.flood(a, b"x" * 1000, [write_end])
    s.close(write_end)

    s.close(a)
    s.close(b)
    released = s.eof(read_end)
    second = s.flood(c, b"x" * 1000, [null])

    s.need(first.errno.is_one_of("EAGAIN", "ENOBUFS", "ETOOMANYREFS", "EMFILE"), "a full channel")
    s.expect(released, True, "what was in the channel is still open somewhere")
    s.expect(second.count.at_least(1), "not one more can be sent")
    s.close(d)


# -- what nobody may gain -------------------------------------------------------------------------


@should(
    "security.credentials-not-forged", _FORGED, subject="platform", endangers=("bidirectional",)
)
def test_credentials_not_forged(s: Script) -> None:
    """An unprivileged process cannot send credentials that say it is root.

    The bytes are those of process 0 of user 0. Nothing is sent: no descriptor arrives in the name
    of somebody else. Where credentials cannot be sent at all, there is nothing to try.
    """
    a, b = s.socketpair()
    null = s.null()
    s.setsockopt(b, "PASSCRED", 1)
    s.unprivileged()

    forged = s.control("CREDENTIALS", bytes(12))
    sent = s.send(a, b"x", control=[forged, s.rights(null)])
    came = s.recv(b, 1, flags=("DONTWAIT",))

    s.expect(sent.errno, "EPERM", "credentials went that are not the sender's")
    s.expect(came.errno, "EAGAIN", "something was sent all the same")


@should("security.read-only-stays", _DUP, subject="platform", endangers=("status",))
def test_read_only_stays(s: Script) -> None:
    """A descriptor opened for reading only cannot be written by who receives it.

    The receiver is root, or the owner of the file, and could open it for writing.
    """
    a, b = s.socketpair()
    file = s.file(b"0123456789", "read")
    s.send(a, b"x", [file])

    came = s.recv(b, 1)
    written = s.write(came.fd(), b"!")
    mode = s.access(came.fd())

    s.expect(written.errno, "EBADF", "the receiver can write what the sender cannot")
    s.expect(mode, "read", "the access mode is another one")


@should("security.write-only-stays", _DUP, subject="platform", endangers=("status",))
def test_write_only_stays(s: Script) -> None:
    """A descriptor opened for writing only cannot be read by who receives it.

    So a log can be handed out without what others have written to it.
    """
    a, b = s.socketpair()
    file = s.file(b"secret", "write")
    s.send(a, b"x", [file])

    came = s.recv(b, 1)
    seen = s.read(came.fd(), 6)
    mode = s.access(came.fd())

    s.expect(seen.errno, "EBADF", "the receiver can read what the sender cannot")
    s.expect(mode, "write", "the access mode is another one")


@should("security.rights-of-the-opener", _DUP, subject="platform", endangers=("passers", "status"))
def test_rights_of_the_opener(s: Script) -> None:
    """A descriptor can be used by a receiver that could not open the file itself.

    Permissions are checked when a file is opened. That is what descriptors are passed for. The file
    is root's, and nobody else may read it.
    """
    a, b = s.socketpair()
    file = s.file(b"0123456789", "read")
    s.send(a, b"x", [file])

    with s.child():
        s.as_nobody()
        came = s.recv(b, 1)
        seen = s.read(came.fd(), 4)
        s.expect(came.fds, 1, "the descriptor did not come")
        s.expect(seen.data, b"0123", "the receiver cannot read what it was given to read")


# -- what nobody may learn ------------------------------------------------------------------------


@should("security.received-numbers-are-open", _CONTROL, subject="platform", endangers=("table",))
def test_received_numbers_are_open(s: Script) -> None:
    """Every number that a receive tells of is an open descriptor.

    Who closes what came would else close what is somebody else's.
    """
    a, b = s.socketpair()
    null = s.null()
    s.send(a, b"x", [null, null, null])

    came = s.inspect(b, 1)

    s.expect(came.fds, 3, "not all descriptors came")
    s.expect(came.unopened, 0, "a number came that is no open descriptor")
    s.expect(came.addresses, 0, "an address of the kernel came")


@should("security.peek-tells-no-address", _POINTERS, subject="platform", endangers=("fifo",))
def test_peek_tells_no_address(s: Script) -> None:
    """A peek at a message with descriptors tells no address of the kernel.

    Some systems install the descriptors at each peek, some show zeros; some showed their own
    pointers, which help who breaks in, and which no passer can use.
    """
    a, b = s.socketpair()
    null = s.null()
    s.send(a, b"x", [null] * 10)

    seen = s.inspect(b, 1, space(32), flags=("PEEK",))
    came = s.recv(b, 1)

    s.need_a_look(seen)
    s.expect(seen.addresses, 0, "a peek shows an address of the kernel")
    s.expect(came.fds, 10, "after the peek the descriptors did not come")


@should("security.padding-is-clean", _CONTROL, subject="platform", endangers=("fifo",))
def test_padding_is_clean(s: Script) -> None:
    """The padding of received control data is zero, or as it was before.

    One descriptor leaves four bytes of it where control messages are aligned to eight.
    """
    a, b = s.socketpair()
    null = s.null()
    s.send(a, b"x", [null])

    came = s.inspect(b, 1)

    s.expect(came.fds, 1, "the descriptor did not come")
    s.expect(came.stale, 0, "bytes of something else are in the padding")


@should("security.nothing-beyond", _PLACED, subject="platform", endangers=("table",))
def test_nothing_beyond(s: Script) -> None:
    """A receive changes no byte behind the data and the control data that it tells of.

    The control buffer is shorter than the message: what was cut is not written either.
    """
    a, b = s.socketpair()
    null = s.null()
    s.send(a, b"x", [null, null, null])

    came = s.inspect(b, 100, length(1))

    s.expect(came.data, b"x", "the byte of the message did not come")
    s.expect(came.beyond, 0, "bytes have changed behind what the receive tells of")


@may("security.truncated-numbers-are-open", _CONTROL, subject="platform", endangers=("table",))
def test_truncated_numbers_are_open(s: Script) -> None:
    """Also of a message that was cut, every number told of is an open descriptor.

    The room ends within a number. Some systems cut there, some at whole descriptors, and some give
    none of them.
    """
    a, b = s.socketpair()
    null = s.null()
    s.send(a, b"x", [null, null, null])

    before = s.table()
    came = s.inspect(b, 1, length(2) - 2)
    after = s.table()

    s.expect(came.unopened, 0, "a number came that is no open descriptor")
    s.expect(after, before + came.fds, "descriptors are open that nobody was told of")
