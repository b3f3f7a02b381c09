"""Datagrams and records: what holds of a stream, asked of the sockets that keep messages apart."""

from __future__ import annotations

from typing import TYPE_CHECKING

from conformance.platform.steps import length
from conformance.requirement import must, should

if TYPE_CHECKING:
    from conformance.platform.script import Script

_ARRAY = "unix(7), SCM_RIGHTS: an array of descriptors, each as if created by dup(2)"
_CLOEXEC = "recv(2), MSG_CMSG_CLOEXEC: close-on-exec is set on what SCM_RIGHTS brings"
_CTRUNC = "POSIX.1-2017 XSH recvmsg, MSG_CTRUNC: control data was truncated"
_MSG_TRUNC = "POSIX.1-2017 XSH recvmsg, MSG_TRUNC: a message too long is cut, which is told"
_ABSENT = "unix(7), SCM_RIGHTS: without a buffer for them the descriptors are closed"
_NOBODY = "POSIX.1-2017 XSH send, ECONNREFUSED: the connection is refused, or not established"
_BROKEN = "POSIX.1-2017 XSH sendmsg, EPIPE: no longer connected; ECONNRESET: closed by the peer"
_SENT = "POSIX.1-2017 XSH sendmsg: -1 tells of errors detected locally, else the bytes are sent"
_PEEK = "recv(2), MSG_PEEK: the data is not removed, a later receive gives the same"
_RELIABLE = "unix(7): Unix datagram sockets are always reliable and do not reorder datagrams"
_ORDERLY = "POSIX.1-2017 XSH recvmsg: 0 if no messages are available and the peer has shut down"
_RECEIVE = "POSIX.1-2017 XSH recvmsg, EAGAIN: O_NONBLOCK is set and nothing has arrived"
_TYPES = "POSIX.1-2017 XSH 2.10.6, socket types: no operation gives parts of two records"
_NO_DATA = "POSIX.1-2017 XSH 2.10.11: a segment may have ancillary data only"
_GONE = ("EPIPE", "ECONNRESET", "ENOTCONN")
_FULL = ("EAGAIN", "ENOBUFS", "ETOOMANYREFS")


# -- what a message brings ------------------------------------------------------------------------


def _array(s: Script, kind: str) -> None:
    """Send five files in a message, the second of them twice."""
    a, b = s.socketpair(kind)
    files = [s.file(name) for name in (b"first", b"second", b"third", b"fourth", b"fifth")]
    s.send(a, b"x", [*files, files[1]])

    before = s.table()
    came = s.recv(b, 1)
    after = s.table()
    s.expect(came.fds, 6, "other descriptors than were listed came")
    s.expect(after, before + 6, "the table does not have what the receive told of")
    for number, file in enumerate([*files, files[1]]):
        same = s.same_file(came.fd(number), file)
        s.expect(same, True, "they came in another order")
    s.close(came.fd(1))
    again = s.read(came.fd(5), 6)

    s.expect(again.data, b"second", "what is listed twice was closed with the other one")


@should("messages.array-of-a-datagram", _ARRAY, subject="platform", endangers=("fifo", "table"))
def test_array_of_a_datagram(s: Script) -> None:
    """The descriptors of a datagram come in order, each with a number of its own.

    One is listed twice, and comes as two, of which each is closed by itself.
    """
    _array(s, "dgram")


@should("messages.array-of-a-record", _ARRAY, subject="platform", endangers=("fifo", "table"))
def test_array_of_a_record(s: Script) -> None:
    """The descriptors of a record come in order, each with a number of its own.

    One is listed twice, and comes as two, of which each is closed by itself.
    """
    _array(s, "seqpacket")


def _cloexec(s: Script, kind: str) -> None:
    """Receive three descriptors of a message with MSG_CMSG_CLOEXEC."""
    a, b = s.socketpair(kind)
    null = s.null()
    s.send(a, b"x", [null, null, null])

    came = s.recv(b, 1, flags=("CMSG_CLOEXEC",))
    s.expect(came.fds, 3, "other descriptors than were listed came")
    for which, words in enumerate(("first", "second", "last")):
        flag = s.cloexec(came.fd(which))
        s.expect(flag, True, f"the {words} one is not close-on-exec")


@should("messages.cloexec-of-a-datagram", _CLOEXEC, subject="platform", endangers=("table",))
def test_cloexec_of_a_datagram(s: Script) -> None:
    """MSG_CMSG_CLOEXEC makes every descriptor of a datagram close-on-exec."""
    _cloexec(s, "dgram")


@should("messages.cloexec-of-a-record", _CLOEXEC, subject="platform", endangers=("table",))
def test_cloexec_of_a_record(s: Script) -> None:
    """MSG_CMSG_CLOEXEC makes every descriptor of a record close-on-exec."""
    _cloexec(s, "seqpacket")


@should("messages.record-without-bytes", _NO_DATA, subject="platform", endangers=("fifo",))
def test_record_without_bytes(s: Script) -> None:
    """A record without a byte brings its descriptor, or the send fails."""
    a, b = s.socketpair("seqpacket")
    null = s.null()

    sent = s.send(a, b"", [null])
    came = s.recv(b, 1, flags=("DONTWAIT",))

    brought = came.errno.equals("") & came.fds.equals(1)
    refused = sent.errno.is_one_of("EINVAL", "EMSGSIZE", "ENOBUFS", "EOPNOTSUPP")
    s.expect(brought | refused, "the descriptor was lost without an error")


def _long(s: Script, kind: str) -> None:
    """Send a message of 20000 bytes and one of a byte, and receive each at once."""
    a, b = s.socketpair(kind)
    null = s.null()
    sent = s.send(a, b"x" * 20000, [null], flags=("DONTWAIT",))
    s.need(sent.errno.equals(""), "a channel that takes a message of 20000 bytes")
    sent = s.send(a, b"!", [null], flags=("DONTWAIT",))
    s.need(sent.errno.equals(""), "a channel that takes another message beside it")

    came = s.recv(b, 30000)
    s.expect(came.count, 20000, "other bytes came than those of the message")
    following = s.recv(b, 30000)

    s.expect(came.fds, 1, "it came without its descriptor, or with another one")
    s.expect(following.data, b"!", "the next message came with other bytes")
    s.expect(following.fds, 1, "the next message came without its descriptor")


@should("messages.long-datagram", _TYPES, subject="platform", endangers=("fifo",))
def test_long_datagram(s: Script) -> None:
    """A datagram of 20000 bytes is one message, and brings its descriptor.

    Not every system takes as much.
    """
    _long(s, "dgram")


@should("messages.long-record", _TYPES, subject="platform", endangers=("fifo",))
def test_long_record(s: Script) -> None:
    """A record of 20000 bytes is one message, and brings its descriptor.

    Not every system takes as much.
    """
    _long(s, "seqpacket")


# -- messages that are cut ------------------------------------------------------------------------


def _truncated(s: Script, kind: str) -> None:
    """Receive four descriptors where there is room for one, and then another message."""
    a, b = s.socketpair(kind)
    null = s.null()
    read_end, write_end = s.pipe()
    s.send(a, b"x", [null, null, write_end, write_end])
    s.send(a, b"y", [null])
    s.close(write_end)

    before = s.table()
    came = s.recv(b, 1, length(1))
    after = s.table()
    released = s.eof(read_end)
    following = s.recv(b, 1)

    told = came.ctrunc.equals(1) | came.errno.equals("EMSGSIZE")
    s.expect(told, "descriptors were lost, and nothing tells of it")
    s.expect(after, before + came.fds, "the receive left more open than it told of")
    s.expect(came.fds.at_most(2), "there was no room for so many")
    s.expect(released, True, "what found no room is still open somewhere")
    s.expect(following.data, b"y", "the next message came with other bytes")
    s.expect(following.fds, 1, "the next message came without its descriptor")
    s.expect(following.ctrunc, False, "MSG_CTRUNC is set although there was room")


@should("messages.truncated-datagram", _CTRUNC, subject="platform", endangers=("fifo", "table"))
def test_truncated_datagram(s: Script) -> None:
    """It is told that there was not room for all descriptors of a datagram.

    By MSG_CTRUNC, or by an error. What found no room is closed, and the next datagram is whole.
    """
    _truncated(s, "dgram")


@should("messages.truncated-record", _CTRUNC, subject="platform", endangers=("fifo", "table"))
def test_truncated_record(s: Script) -> None:
    """It is told that there was not room for all descriptors of a record.

    By MSG_CTRUNC, or by an error. What found no room is closed, and the next record is whole.
    """
    _truncated(s, "seqpacket")


@should("messages.cut-record", _MSG_TRUNC, subject="platform", endangers=("fifo", "table"))
def test_cut_record(s: Script) -> None:
    """A record that is cut tells so by MSG_TRUNC, and still brings its descriptor.

    The rest of its bytes is lost: what is received next is the next record.
    """
    a, b = s.socketpair("seqpacket")
    null = s.null()
    s.send(a, b"HELLO", [null])
    s.send(a, b"!", [null])

    came = s.recv(b, 2)
    following = s.recv(b, 5)

    s.expect(came.data, b"HE", "other bytes than the first two came")
    s.expect(came.trunc, True, "MSG_TRUNC is not set")
    s.expect(came.fds, 1, "the descriptor was lost with the rest of the bytes")
    s.expect(came.ctrunc, False, "MSG_CTRUNC is set although there was room")
    s.expect(following.data, b"!", "the next record came with other bytes")
    s.expect(following.fds, 1, "the next record came without its descriptor")
    s.expect(following.trunc, False, "MSG_TRUNC is set although there was room")


# -- what nobody receives -------------------------------------------------------------------------


def _unread(s: Script, kind: str) -> None:
    """Read a message by read(2), receive one, and close the sockets with one unread."""
    a, b = s.socketpair(kind)
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

    heard, said = s.pipe()
    s.send(a, b"z", [said])
    s.close(said)
    held = s.poll(heard)
    s.close(b)
    s.close(a)
    ended = s.eof(heard)

    s.expect(held.hangup, False, "what was in flight was not held")
    s.expect(ended, True, "what was unread when the sockets closed is still open somewhere")


@should("messages.unread-datagram", _ABSENT, subject="platform", endangers=("table", "fifo"))
def test_unread_datagram(s: Script) -> None:
    """What a datagram brings is closed by a read(2), and if nobody ever receives it.

    None is left open with a number that nobody knows; the next datagram comes as it was sent.
    """
    _unread(s, "dgram")


@should("messages.unread-record", _ABSENT, subject="platform", endangers=("table", "fifo"))
def test_unread_record(s: Script) -> None:
    """What a record brings is closed by a read(2), and if nobody ever receives it.

    None is left open with a number that nobody knows; the next record comes as it was sent.
    """
    _unread(s, "seqpacket")


# -- sends that are refused -----------------------------------------------------------------------


def _to_nobody(s: Script, kind: str, *gone: str) -> None:
    """Send a descriptor to a peer that has closed its end."""
    a, b = s.socketpair(kind)
    read_end, write_end = s.pipe()
    s.close(b)

    sent = s.send(a, b"x", [write_end])
    s.close(write_end)
    released = s.eof(read_end)

    s.expect(sent.errno.is_one_of(*gone), "the send did not say that the peer is gone")
    s.expect(released, True, "what was refused is still open somewhere")
    s.close(a)


@should("messages.datagram-to-nobody", _NOBODY, subject="platform", endangers=("fifo", "table"))
def test_datagram_to_nobody(s: Script) -> None:
    """A datagram to a peer that is gone is refused, and its descriptor is not held.

    By which error differs.
    """
    _to_nobody(s, "dgram", *_GONE, "ECONNREFUSED", "EDESTADDRREQ", "ENOENT")


@should("messages.record-to-nobody", _BROKEN, subject="platform", endangers=("fifo", "table"))
def test_record_to_nobody(s: Script) -> None:
    """A record to a peer that is gone is refused, and its descriptor is not held."""
    _to_nobody(s, "seqpacket", *_GONE)


def _full(s: Script, kind: str) -> None:
    """Fill a channel and empty it; fill it again, and try one more."""
    a, b = s.socketpair(kind)
    null = s.null()
    read_end, write_end = s.pipe()

    filled = s.flood(a, b"x" * 200, [null])
    s.need(filled.count.at_least(1), "a channel that takes a descriptor")
    came = s.drain(b)

    s.expect(came.fds, filled.count, "other descriptors came than were taken")
    s.expect(came.ctrunc, False, "MSG_CTRUNC is set although there was room")

    s.flood(a, b"x" * 200)
    refused = s.send(a, b"x" * 200, [write_end], flags=("DONTWAIT",))
    s.need(refused.errno.is_one_of(*_FULL), "a channel that is full at some time")
    s.close(write_end)
    released = s.eof(read_end)

    s.expect(released, True, "what was refused is still open somewhere")
    s.close(b)


@should("messages.full-of-datagrams", _SENT, subject="platform", endangers=("fifo", "nonblocking"))
def test_full_of_datagrams(s: Script) -> None:
    """All datagrams that a channel takes arrive; of one it refuses nothing is held.

    How many it takes differs.
    """
    _full(s, "dgram")


@should("messages.full-of-records", _SENT, subject="platform", endangers=("fifo", "nonblocking"))
def test_full_of_records(s: Script) -> None:
    """All records that a channel takes arrive; of one it refuses nothing is held.

    How many it takes differs.
    """
    _full(s, "seqpacket")


# -- looks, ends, and nothing at all --------------------------------------------------------------


def _peeked(s: Script, kind: str) -> None:
    """Look at two messages, without and with room for control data, and receive them."""
    a, b = s.socketpair(kind)
    first, second = s.file(b"first"), s.file(b"second")
    s.send(a, b"1", [first])
    s.send(a, b"2", [second])

    before = s.table()
    bare = s.recv(b, 5, 0, flags=("PEEK",))
    s.need_a_look(bare)
    one = s.recv(b, 5)
    look = s.recv(b, 5, flags=("PEEK",))
    two = s.recv(b, 5)
    after = s.table()

    s.expect(bare.data, b"1", "the look showed other bytes")
    s.expect(one.data, b"1", "the look has taken some bytes away")
    s.expect(one.fds, 1, "the look without room has taken the descriptor away")
    s.expect(look.data, b"2", "the look showed other bytes")
    s.expect(two.data, b"2", "the look has taken some bytes away")
    s.expect(two.fds, 1, "the look has taken the descriptor away")
    s.expect(two.ctrunc, False, "MSG_CTRUNC is set although there was room")
    told = after.equals(before + 2) | after.equals(before + look.fds + 2)
    s.expect(told, "the looks left more open than they told of")
    same = s.same_file(one.fd(), first)
    s.expect(same, True, "what came is not the descriptor that was sent")
    same = s.same_file(two.fd(), second)
    s.expect(same, True, "what came is not the descriptor that was sent")


@should("messages.peeked-datagram", _PEEK, subject="platform", endangers=("fifo", "table"))
def test_peeked_datagram(s: Script) -> None:
    """After a look with MSG_PEEK a datagram still comes with its descriptor.

    After one without room for control data, too.
    """
    _peeked(s, "dgram")


@should("messages.peeked-record", _PEEK, subject="platform", endangers=("fifo", "table"))
def test_peeked_record(s: Script) -> None:
    """After a look with MSG_PEEK a record still comes with its descriptor.

    After one without room for control data, too.
    """
    _peeked(s, "seqpacket")


@should(
    "messages.datagram-outlives-sender",
    _RELIABLE,
    subject="platform",
    endangers=("fifo", "passers"),
)
def test_datagram_outlives_sender(s: Script) -> None:
    """A datagram comes with its descriptor although its sender has closed both."""
    a, b = s.socketpair("dgram")
    read_end, write_end = s.pipe()
    s.send(a, b"x", [write_end])
    s.close(write_end)
    s.close(a)

    before = s.poll(read_end)
    came = s.recv(b, 1, flags=("DONTWAIT",))
    s.expect(before.hangup, False, "what was in flight was not held")
    s.expect(came.data, b"x", "the datagram was lost with its sender")
    s.write(came.fd(), b"alive")
    heard = s.read(read_end, 5)

    s.expect(heard.data, b"alive", "what arrived is not the descriptor that was sent")


@must("messages.record-outlives-sender", _ORDERLY, subject="platform", endangers=("fifo",))
def test_record_outlives_sender(s: Script) -> None:
    """A record with its descriptor outlives its sender; behind it the end is seen.

    That has shut its socket down for writing, or has closed it.
    """
    for ended in ("shut down", "closed"):
        a, b = s.socketpair("seqpacket")
        read_end, write_end = s.pipe()
        s.send(a, b"x", [write_end])
        s.close(write_end)
        if ended == "closed":
            s.close(a)
        else:
            s.shutdown(a, "write")

        before = s.poll(read_end)
        came = s.recv(b, 1)
        s.expect(before.hangup, False, "what was in flight was not held")
        s.expect(came.data, b"x", f"the record was lost when its socket was {ended}")
        s.write(came.fd(), b"alive")
        heard = s.read(read_end, 5)
        end = s.recv(b, 1)

        s.expect(heard.data, b"alive", "what arrived is not the descriptor that was sent")
        s.expect(end.count, 0, "the end is not seen")


def _nothing(s: Script, kind: str) -> None:
    """Receive where nothing is, with MSG_DONTWAIT and with O_NONBLOCK, and then a message."""
    a, b = s.socketpair(kind)
    null = s.null()

    by_flag = s.recv(b, 1, flags=("DONTWAIT",))
    s.set_nonblocking(b)
    by_status = s.recv(b, 1)
    s.set_nonblocking(b, on=False)
    s.send(a, b"x", [null])
    came = s.recv(b, 1)

    s.expect(by_flag.errno, "EAGAIN", "the receive from an empty channel did not say so")
    s.expect(by_status.errno, "EAGAIN", "the receive from an empty channel did not say so")
    s.expect(came.fds, 1, "the descriptor that came later was not received")


@must("messages.no-datagram", _RECEIVE, subject="platform", endangers=("nonblocking",))
def test_no_datagram(s: Script) -> None:
    """Where no datagram waits, a receive that may not wait fails with EAGAIN.

    With no bytes and no error it would be an empty datagram.
    """
    _nothing(s, "dgram")


@must("messages.no-record", _RECEIVE, subject="platform", endangers=("nonblocking",))
def test_no_record(s: Script) -> None:
    """Where no record waits, a receive that may not wait fails with EAGAIN.

    With no bytes and no error it would be the end of all records.
    """
    _nothing(s, "seqpacket")
