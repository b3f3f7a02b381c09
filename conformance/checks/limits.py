"""Limits: a message, a table or a channel that is full, and a user who has sent too much."""

from __future__ import annotations

from typing import TYPE_CHECKING

from conformance.platform.steps import space
from conformance.requirement import may, should

if TYPE_CHECKING:
    from conformance.platform.script import Script

_CTRUNC = "POSIX.1-2017 XSH recvmsg, MSG_CTRUNC: control data was truncated"
_SENT = "POSIX.1-2017 XSH sendmsg: -1 tells of errors detected locally, else the bytes are sent"
_QUEUE = "POSIX.1-2017 XSH 2.10.11: what is in the receive queue stays until it is received"
_AS_ANY = "unix(7), SCM_RIGHTS: as if by dup(2); RLIMIT_NOFILE is what bounds their numbers"
_MOST = "unix(7), SCM_MAX_FD: to send a larger array fails"
_ARRAY = "unix(7), SCM_RIGHTS: an array of descriptors, of SCM_MAX_FD at most"
_EXCESS = "unix(7), SCM_RIGHTS: what would exceed RLIMIT_NOFILE is closed in the receiving process"
_SLOT = "POSIX.1-2017 XSH close: the descriptor is deallocated, and made available again"
_IN_FLIGHT = "unix(7), ETOOMANYREFS: the descriptors in flight exceed RLIMIT_NOFILE"
_NOT_EXPLOITED = "FreeBSD unix_passfd_test.c, send_a_lot: EMFILE beyond the limit, none installed"
_NO_BYTE_MISSED = "FreeBSD unix_passfd_test.c, send_a_lot: the stream does not miss a byte"
_TOO_MANY = ("EINVAL", "EMSGSIZE", "E2BIG", "ENOBUFS", "ENOMEM", "ETOOMANYREFS")


# -- in one message -------------------------------------------------------------------------------


@may(
    "limits.sixty-four",
    "unix(7), SCM_MAX_FD: 253; FreeBSD unix_passfd_test.c, MAXFDS: 254",
    subject="platform",
    endangers=("fifo",),
)
def test_sixty_four(s: Script) -> None:
    """Sixty-four descriptors go in one message, and come in their order.

    Not every system takes so many. With fewer a passer needs more calls for the same.
    """
    a, b = s.socketpair()
    limited = s.limit(700)
    s.need(limited.errno.equals(""), "a process that may have 700 descriptors")
    files = s.files(64)

    sent = s.send(a, b"x", files)
    s.expect(sent.errno, "", "so many are refused")
    came = s.recv(b, 1, space(64))
    s.number_each(came)
    wrong = s.unlike(files, 64)

    s.expect(came.fds, 64, "not all of them came")
    s.expect(came.ctrunc, False, "MSG_CTRUNC is set although there was room")
    s.expect(wrong, "none", "another file came in its place")


@should("limits.largest-array", _ARRAY, subject="platform", endangers=("fifo", "table"))
def test_largest_array(s: Script) -> None:
    """The largest array that a message takes comes whole, each file in its place.

    How large that is, is found by trying, from three hundred downwards.
    """
    a, b = s.socketpair()
    limited = s.limit(700)
    s.need(limited.errno.equals(""), "a process that may have 700 descriptors")
    files = s.files(300)

    sent = s.send_most(a, files)
    s.need(sent.count.at_least(2), "a message that takes two descriptors")
    came = s.recv(b, 1, space(300))
    s.number_each(came)
    wrong = s.unlike(files, sent.count)

    s.expect(came.fds, sent.count, "not all of them came")
    s.expect(came.ctrunc, False, "MSG_CTRUNC is set although there was room")
    s.expect(wrong, "none", "another file came in its place")


@should("limits.too-many", _MOST, subject="platform", endangers=("fifo", "table"))
def test_too_many(s: Script) -> None:
    """A message with too many descriptors is not sent, nor a part of it.

    Three thousand are tried. By which error the send fails differs. A system that takes so many
    delivers them, or tells of those for which the table had no room.
    """
    a, b = s.socketpair()
    null = s.null()

    sent = s.send(a, b"x", [null] * 3000)
    came = s.recv(b, 1, space(3000), flags=("DONTWAIT",))

    refused = sent.errno.is_one_of(*_TOO_MANY) & came.errno.equals("EAGAIN")
    taken = sent.errno.equals("") & (came.fds.equals(3000) | came.ctrunc.equals(1))
    s.expect(refused | taken, "a part of the message was sent, or lost without an error")


@should("limits.too-many-are-not-held", _MOST, subject="platform", endangers=("table",))
def test_too_many_are_not_held(s: Script) -> None:
    """Of a message with too many descriptors the system holds none."""
    a, b = s.socketpair()
    read_end, write_end = s.pipe()

    sent = s.send(a, b"x", [write_end] * 3000)
    s.close(write_end)
    released = s.eof(read_end)

    s.need(sent.errno.is_one_of(*_TOO_MANY), "a system that does not take so many")
    s.expect(released, True, "what was refused is still open somewhere")
    s.close(b)


# -- in the table of a receiver -------------------------------------------------------------------


@should("limits.last-slots", _EXCESS, subject="platform", endangers=("table",))
def test_last_slots(s: Script) -> None:
    """Three descriptors come whole into a table with three free slots.

    Nothing exceeds the limit then. Who keeps just enough slots free loses nothing.
    """
    a, b = s.socketpair()
    null = s.null()
    s.send(a, b"x", [null, null, null])
    s.limit(40)
    s.fill(leave=3)

    came = s.recv(b, 1)

    s.expect(came.fds, 3, "not all of them came although there were slots")
    s.expect(came.ctrunc, False, "MSG_CTRUNC is set although there were slots")


@should("limits.one-slot", _EXCESS, subject="platform", endangers=("table", "fifo"))
def test_one_slot(s: Script) -> None:
    """Any number of descriptors go through one free slot, one after another.

    Each is closed before the next is received. That is how a passer lives with a full table.
    """
    a, b = s.socketpair()
    null = s.null()
    with s.repeat(4):
        s.send(a, b"x", [null])
    s.limit(40)
    s.fill(leave=1)

    with s.repeat(4):
        came = s.recv(b, 1)
        s.expect(came.fds, 1, "a message came without its descriptor although there was a slot")
        s.close(came.fd())


@should("limits.next-after-full", _QUEUE, subject="platform", endangers=("table", "fifo"))
def test_next_after_full(s: Script) -> None:
    """After a receive into a full table the next message brings its descriptor.

    What becomes of the first differs: lost, refused, or put back. The second was not touched.
    """
    a, b = s.socketpair()
    null = s.null()
    s.send(a, b"x", [null])
    s.send(a, b"y", [null])
    s.limit(40)
    s.fill()

    full = s.recv(b, 1, flags=("DONTWAIT",))
    s.free(5)
    later = s.drain(b)

    told = full.ctrunc.equals(1) | full.errno.is_one_of("EMFILE", "EMSGSIZE")
    s.expect(full.fds, 0, "a descriptor came into a table that was full")
    s.expect(told, "the descriptor was lost, and nothing tells of it")
    s.expect(later.fds.at_least(1), "nothing is received any more although there are slots")


@may("limits.full-keeps-bytes", _NO_BYTE_MISSED, subject="platform", endangers=("table", "fifo"))
def test_full_keeps_bytes(s: Script) -> None:
    """A receive into a full table does not cost a stream a byte.

    Now or by the next receive, the byte comes. A stream with a byte less is out of step.
    """
    a, b = s.socketpair()
    null = s.null()
    s.send(a, b"x", [null])
    s.limit(40)
    s.fill()

    full = s.recv(b, 1, flags=("DONTWAIT",))
    s.free(5)
    later = s.drain(b)

    s.expect(full.errno.is_one_of("", "EMFILE", "EMSGSIZE"), "the receive failed otherwise")
    s.expect(full.count + later.count, 1, "the byte of the message was lost, or came twice")


@should("limits.lost-is-not-held", _EXCESS, subject="platform", endangers=("table",))
def test_lost_is_not_held(s: Script) -> None:
    """A descriptor that found no slot is not held once its channel is closed."""
    a, b = s.socketpair()
    read_end, write_end = s.pipe()
    s.send(a, b"x", [write_end])
    s.close(write_end)
    s.limit(40)
    s.fill()

    full = s.recv(b, 1, flags=("DONTWAIT",))
    s.close(a)
    s.close(b)
    released = s.eof(read_end)

    s.expect(full.fds, 0, "a descriptor came into a table that was full")
    s.expect(full.errno.is_one_of("", "EMFILE", "EMSGSIZE"), "the receive failed otherwise")
    s.expect(released, True, "what found no slot is still open somewhere")


@should("limits.lowered", _NOT_EXPLOITED, subject="platform", endangers=("table",))
def test_lowered(s: Script) -> None:
    """No descriptor is received beyond a limit that was lowered below what is open.

    A process that limits itself before it listens to others relies on it.
    """
    a, b = s.socketpair()
    null = s.null()
    s.send(a, b"x", [null])
    s.limit(3)

    before = s.table()
    came = s.recv(b, 1)
    after = s.table()

    s.expect(after, before, "a descriptor was installed beyond the limit")
    told = came.ctrunc.equals(1) | came.errno.is_one_of("EMFILE", "EMSGSIZE")
    s.expect(told, "the descriptor was lost, and nothing tells of it")


@should("limits.full-with-credentials", _CTRUNC, subject="platform", endangers=("table",))
def test_full_with_credentials(s: Script) -> None:
    """Beside credentials too it is told that a full table has cost a descriptor.

    The control buffer has room for both, and the credentials come. A receiver that looks at them
    only would take the message for whole.
    """
    a, b = s.socketpair()
    null = s.null()
    s.setsockopt(b, "PASSCRED", 1)
    s.send(a, b"x", [null])
    s.limit(40)
    s.fill()

    full = s.recv(b, 1)

    told = full.ctrunc.equals(1) | full.errno.is_one_of("EMFILE", "EMSGSIZE")
    s.expect(full.fds, 0, "a descriptor came into a table that was full")
    s.expect(told, "the descriptor was lost, and nothing tells of it")


@should("limits.high-numbers", _AS_ANY, subject="platform", endangers=("table", "bidirectional"))
def test_high_numbers(s: Script) -> None:
    """Descriptors with numbers of 1024 and more are received, and sent on.

    1024 is what select(2) ends at, and no limit of a table. What came is used, too.
    """
    a, b = s.socketpair()
    file = s.file(b"the file")
    read_end, write_end = s.pipe()
    s.send(a, b"x", [file, write_end])
    limited = s.limit(1100)
    s.need(limited.errno.equals(""), "a process that may have 1100 descriptors")
    s.fill(leave=8)

    came = s.recv(b, 1)
    s.expect(came.fds, 2, "not all of them came although there were slots")
    s.expect(came.ctrunc, False, "MSG_CTRUNC is set although there were slots")
    file_came = s.same_file(came.fd(0), file)
    pipe_came = s.same_file(came.fd(1), write_end)
    s.send(a, b"y", [came.fd(1), came.fd(0)])
    again = s.recv(b, 1)
    s.expect(again.fds, 2, "not all of what was sent on came")
    pipe_again = s.same_file(again.fd(0), write_end)
    file_again = s.same_file(again.fd(1), file)
    s.expect(pipe_again, True, "what was sent on is another file")
    s.write(again.fd(0), b"through")
    heard = s.read(read_end, 10)

    s.expect(file_came, True, "what came is another file")
    s.expect(pipe_came, True, "what came is another file")
    s.expect(file_again, True, "what was sent on is another file")
    s.expect(heard.data, b"through", "what was written into it is not there")


# -- at the sender --------------------------------------------------------------------------------


@should(
    "limits.full-sender",
    "POSIX.1-2017 XSH sendmsg, ERRORS: a full descriptor table is none of them",
    subject="platform",
    endangers=("table", "nonblocking"),
)
def test_full_sender(s: Script) -> None:
    """A process whose descriptor table is full can still send its descriptors.

    To send one needs no slot, and often it is what frees one.
    """
    a, b = s.socketpair()
    file = s.file(b"the file")
    s.limit(40)
    s.fill()

    s.send(a, b"x", [file])  # what fails here is kept from sending by its own table
    s.free(1)
    came = s.recv(b, 1)
    same = s.read(came.fd(), 8)

    s.expect(same.data, b"the file", "what came is not the descriptor that was sent")


@should("limits.taken-arrives", _SENT, subject="platform", endangers=("fifo", "nonblocking"))
def test_taken_arrives(s: Script) -> None:
    """From a channel filled to the brim comes all that it took.

    How many messages a channel takes differs. What was refused does not come.
    """
    a, b = s.socketpair()
    null = s.null()

    filled = s.flood(a, b"x", [null])
    came = s.drain(b)

    s.need(filled.count.at_least(1), "a channel that takes a descriptor")
    s.expect(came.count, filled.count, "other bytes came than were taken")
    s.expect(came.fds, filled.count, "other descriptors came than were taken")
    s.expect(came.ctrunc, False, "MSG_CTRUNC is set although there was room")
    s.need(filled.count.at_most(4999), "a channel that is full at some time")


@should("limits.thousand-leave-nothing", _SLOT, subject="platform", endangers=("table",))
def test_thousand_leave_nothing(s: Script) -> None:
    """A thousand descriptors that came and were closed leave none behind.

    What is left of one in a hundred fills the table of a server in a day.
    """
    a, b = s.socketpair()
    null = s.null()
    before = s.table()

    with s.repeat(250):
        s.send(a, b"x", [null, null, null, null])
        came = s.recv(b, 1)
        for which in range(4):
            s.close(came.fd(which))
    after = s.table()

    s.expect(came.fds, 4, "not all of them came")
    s.expect(after, before, "of what came and was closed something is still open")


@should("limits.in-flight", _IN_FLIGHT, subject="platform", endangers=("fifo", "table"))
def test_in_flight(s: Script) -> None:
    """What the system lets go in flight before it refuses more, all arrives.

    The user is nobody special and may have 200 descriptors open. Some systems count those in
    flight, by user or in all; others have no limit but the channel's. Neither loses one.
    """
    a, b = s.socketpair()
    null = s.null()
    s.unprivileged()
    limited = s.limit(700)
    s.need(limited.errno.equals(""), "a process that may have 700 descriptors")

    filled = s.flood(a, b"x" * 100, [null])
    came = s.drain(b)

    s.expect(came.fds, filled.count, "other descriptors came than were taken")
    s.expect(came.ctrunc, False, "MSG_CTRUNC is set although there was room")


@should("limits.in-flight-ends", _IN_FLIGHT, subject="platform", endangers=("nonblocking",))
def test_in_flight_ends(s: Script) -> None:
    """Descriptors that nobody received do not count when their channel is closed.

    Sixteen at a time, and more in all than the limit. If they counted on, nobody could send.
    """
    null = s.null()
    s.unprivileged()
    limited = s.limit(600)
    s.need(limited.errno.equals(""), "a process that may have 600 descriptors")

    with s.repeat(50):
        a, b = s.socketpair()
        s.send(a, b"x", [null] * 16)  # to fail is to count on
        s.close(a)
        s.close(b)
