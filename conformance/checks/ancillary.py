"""Ancillary data: how many descriptors one message carries, and what happens where room lacks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from conformance.platform.steps import length, space
from conformance.requirement import may, must, should

if TYPE_CHECKING:
    from conformance.platform.script import Script

_CTRUNC = "POSIX.1-2017 XSH recvmsg, MSG_CTRUNC: control data was truncated"
_FLAGS = "POSIX.1-2017 XSH recvmsg: msg_flags tell of what was detected for the received message"
_MSG_TRUNC = "POSIX.1-2017 XSH recvmsg, MSG_TRUNC: a message too long is cut, which is told"
_PEEK = "recv(2), MSG_PEEK: the data is not removed, a later receive gives the same"
_FIRST_OCTET = "POSIX.1-2017 XSH 2.10.11: as if queued along with the first normal data octet"
_NO_DATA = "POSIX.1-2017 XSH 2.10.11: a segment may have ancillary data only"
_CLOSED = "unix(7), SCM_RIGHTS: what finds no room is closed in the receiving process"
_ARRAY = "unix(7), SCM_RIGHTS: the data is an array of descriptors"
_ONE_EACH = "unix(7), SCM_RIGHTS: a message is to have one of each type"
_CREDENTIALS = "unix(7), SCM_CREDENTIALS: received where SO_PASSCRED is set"
_SPACE = "cmsg(3), CMSG_SPACE: the bytes that a control message takes with such data"
_LENGTH = "cmsg(3), CMSG_NXTHDR: the next control message within the buffer, else none"
_CLOEXEC = "recv(2), MSG_CMSG_CLOEXEC: close-on-exec is set on what SCM_RIGHTS brings"


# -- arrays ---------------------------------------------------------------------------------------


@should("ancillary.array-order", _ARRAY, subject="platform", endangers=("fifo",))
def test_array_order(s: Script) -> None:
    """The descriptors of one message come in the order in which it lists them.

    Nothing else tells a receiver which is which.
    """
    a, b = s.socketpair()
    names = [b"%02d" % number for number in range(20)]
    files = [s.file(name) for name in names]
    s.send(a, b"x", files)

    came = s.recv(b, 1, space(20))
    for number, name in enumerate(names):
        read = s.read(came.fd(number), 2)
        s.expect(read.data, name, "they came in another order")


@should(
    "ancillary.one-for-each",
    "unix(4) of FreeBSD: the length tells their number, each as if created by dup(2)",
    subject="platform",
    endangers=("table", "fifo"),
)
def test_one_for_each(s: Script) -> None:
    """A descriptor that is listed three times comes as three descriptors.

    Each is closed by itself. Who counts what was sent, and closes what came, relies on it.
    """
    a, b = s.socketpair()
    file = s.file(b"still open")
    s.send(a, b"x", [file, file, file])

    before = s.table()
    came = s.recv(b, 1)
    after = s.table()
    s.expect(came.fds, 3, "other descriptors than were listed came")
    s.expect(after, before + 3, "the table does not have what the receive told of")
    s.close(came.fd(0))
    last = s.read(came.fd(2), 5)

    s.expect(last.data, b"still", "one was closed with the other")


@should(
    "ancillary.sixteen",
    "Message of 2014-10-07 to the D-Bus list: since 1.8.8 a message has 16 descriptors at most",
    subject="platform",
    endangers=("fifo",),
)
def test_sixteen(s: Script) -> None:
    """Sixteen descriptors go in one message, and come in their order.

    Systems take very different numbers. So many are what protocols over them count on.
    """
    a, b = s.socketpair()
    file = s.file(b"the last one")
    null = s.null()
    s.send(a, b"x", [*[null] * 15, file])

    came = s.recv(b, 1)
    last = s.read(came.fd(15), 3)

    s.expect(came.fds, 16, "not all of them came")
    s.expect(came.ctrunc, False, "MSG_CTRUNC is set although there was room")
    s.expect(last.data, b"the", "they came in another order")


@may("ancillary.empty-array", _ARRAY, subject="platform", endangers=("fifo",))
def test_empty_array(s: Script) -> None:
    """An array of no descriptors goes, and brings none.

    Some systems refuse it. The message after it comes with its own.
    """
    a, b = s.socketpair()
    null = s.null()

    sent = s.send(a, b"x", control=[s.rights()])
    s.need(sent.errno.equals(""), "a system that sends an empty array")
    empty = s.recv(b, 1)
    s.send(a, b"y", [null])
    real = s.recv(b, 1)

    s.expect(empty.data, b"x", "the byte of the message did not come")
    s.expect(empty.fds, 0, "a descriptor came that nobody sent")
    s.expect(real.fds, 1, "the next message came without its descriptor")


# -- several control messages ---------------------------------------------------------------------


@should(
    "ancillary.two-control-messages",
    _ONE_EACH,
    subject="platform",
    endangers=("fifo", "table"),
)
def test_two_control_messages(s: Script) -> None:
    """Descriptors in two control messages all come, or the send fails.

    Some systems join them, some refuse them; to lose the second without a word is neither. What
    comes does so in the order in which it was listed.
    """
    a, b = s.socketpair()
    null = s.null()

    sent = s.send(a, b"x", control=[s.rights(null), s.rights(null, null)])
    came = s.recv(b, 1, flags=("DONTWAIT",))

    all_came = sent.errno.equals("") & came.fds.equals(3)
    none_came = sent.count.equals(0) & came.errno.equals("EAGAIN")
    s.expect(all_came | none_came, "some descriptors were lost without an error")

    files = s.files(4)
    parts = [s.rights(files.fd(0), files.fd(1)), s.rights(files.fd(2), files.fd(3))]
    sent = s.send(a, b"y", control=parts)
    came = s.recv(b, 1, flags=("DONTWAIT",))
    s.number_each(came)
    wrong = s.unlike(files, came.fds)

    all_came = sent.errno.equals("") & came.fds.equals(4)
    none_came = sent.count.equals(0) & came.errno.equals("EAGAIN")
    s.expect(all_came | none_came, "some descriptors were lost without an error")
    s.expect(wrong, "none", "they came in another order")


@should(
    "ancillary.empty-beside-full",
    _ONE_EACH,
    subject="platform",
    endangers=("fifo", "table"),
)
def test_empty_beside_full(s: Script) -> None:
    """An empty array does not cost the array beside it its descriptors.

    Or the send fails, and nothing is sent.
    """
    a, b = s.socketpair()
    null = s.null()

    sent = s.send(a, b"x", control=[s.rights(), s.rights(null, null)])
    came = s.recv(b, 1, flags=("DONTWAIT",))

    all_came = sent.errno.equals("") & came.fds.equals(2)
    none_came = sent.count.equals(0) & came.errno.equals("EAGAIN")
    s.expect(all_came | none_came, "some descriptors were lost without an error")


@should("ancillary.credentials-beside", _CREDENTIALS, subject="platform", endangers=("fifo",))
def test_credentials_beside(s: Script) -> None:
    """Descriptors come beside the credentials that their receiver has asked for.

    In which order is not said: who receives has to look at every control message. This needs
    SO_PASSCRED; other systems have other ways.
    """
    a, b = s.socketpair()
    file = s.file(b"the file")
    s.setsockopt(b, "PASSCRED", 1)
    s.send(a, b"x", [file])

    came = s.recv(b, 1, space(1) + 200)
    same = s.read(came.fd(), 8)

    s.expect(came.messages.at_least(2), "not both control messages came")
    s.expect(came.ctrunc, False, "MSG_CTRUNC is set although there was room")
    s.expect(same.data, b"the file", "what came is not the descriptor that was sent")


@should(
    "ancillary.credentials-in-the-way",
    _CTRUNC,
    subject="platform",
    endangers=("table", "fifo"),
)
def test_credentials_in_the_way(s: Script) -> None:
    """Where credentials take the room of a descriptor, MSG_CTRUNC tells so.

    Somebody has set SO_PASSCRED, and the receiver has room for its descriptor only. What it gets
    looks like a whole message of somebody who can be trusted, but for that flag.
    """
    a, b = s.socketpair()
    null = s.null()
    s.setsockopt(b, "PASSCRED", 1)
    s.send(a, b"x", [null])

    before = s.table()
    came = s.recv(b, 1, space(1))
    after = s.table()

    told = came.fds.equals(1) | came.ctrunc.equals(1) | came.errno.equals("EMSGSIZE")
    s.expect(told, "the descriptor was lost, and nothing tells of it")
    s.expect(after, before + came.fds, "the receive left more open than it told of")


# -- room that is just enough, or is not ----------------------------------------------------------


@should("ancillary.space-is-enough", _SPACE, subject="platform", endangers=("fifo",))
def test_space_is_enough(s: Script) -> None:
    """In the bytes that CMSG_SPACE gives for three descriptors, three come.

    MSG_CTRUNC is not set then: a receiver that gives just enough would take the message for lost.
    """
    a, b = s.socketpair()
    null = s.null()
    s.send(a, b"x", [null, null, null])

    came = s.recv(b, 1, space(3))

    s.expect(came.fds, 3, "not all of them came")
    s.expect(came.ctrunc, False, "MSG_CTRUNC is set although there was room")


@may(
    "ancillary.length-is-enough",
    "CPython issue 111675: who gives so many bytes receives nothing on FreeBSD",
    subject="platform",
    endangers=("fifo",),
)
def test_length_is_enough(s: Script) -> None:
    """In the bytes that CMSG_LEN gives for three descriptors, three come.

    That is CMSG_SPACE without the padding at the end. Some systems want room for it and give
    none of them; some receivers leave it out.
    """
    a, b = s.socketpair()
    null = s.null()
    s.send(a, b"x", [null, null, null])

    came = s.recv(b, 1, length(3))

    s.expect(came.fds, 3, "not all of them came")
    s.expect(came.ctrunc, False, "MSG_CTRUNC is set although there was room")


@must("ancillary.truncated-is-told", _CTRUNC, subject="platform", endangers=("fifo", "table"))
def test_truncated_is_told(s: Script) -> None:
    """MSG_CTRUNC is set when there was not room for all descriptors of a message.

    Three are sent, and there is room for one. Without the flag nobody knows that two are lost. And
    twenty, with room for ten.
    """
    a, b = s.socketpair()
    null = s.null()
    s.send(a, b"x", [null, null, null])

    came = s.recv(b, 1, length(1))

    s.expect(came.data, b"x", "the byte of the message did not come")
    s.expect(came.ctrunc, True, "MSG_CTRUNC is not set")

    sent = s.send(a, b"y", [null] * 20)
    s.need(sent.errno.equals(""), "a system that sends twenty descriptors in a message")
    half = s.recv(b, 1, length(10))

    s.expect(half.data, b"y", "the byte of the message did not come")
    s.expect(half.ctrunc, True, "MSG_CTRUNC is not set where half of many found no room")


@must("ancillary.next-is-whole", _FLAGS, subject="platform", endangers=("fifo", "table"))
def test_next_is_whole(s: Script) -> None:
    """The message after a truncated one comes whole, without MSG_CTRUNC.

    The flag is of one message. Some systems fail the receive instead of cutting the message.
    """
    a, b = s.socketpair()
    null = s.null()
    s.send(a, b"x", [null, null, null])
    s.send(a, b"y", [null, null, null])

    cut = s.recv(b, 1, length(1))
    whole = s.recv(b, 1)

    s.expect(cut.ctrunc.equals(1) | cut.errno.equals("EMSGSIZE"), "the first was not truncated")
    s.expect(whole.fds, 3, "not all descriptors of the next message came")
    s.expect(whole.ctrunc, False, "MSG_CTRUNC is set although there was room")


@should("ancillary.truncated-is-closed", _CLOSED, subject="platform", endangers=("table",))
def test_truncated_is_closed(s: Script) -> None:
    """Of a truncated message nothing stays open but the descriptors that came.

    The table has as many more as the receive has told of; when these and the sender's are closed,
    the reader of the pipe sees its end.
    """
    a, b = s.socketpair()
    null = s.null()
    read_end, write_end = s.pipe()
    s.send(a, b"x", [null, null, write_end, write_end])
    s.close(write_end)

    before = s.table()
    came = s.recv(b, 1, length(1))
    after = s.table()
    released = s.eof(read_end)

    told = came.ctrunc.equals(1) | came.errno.equals("EMSGSIZE")
    s.expect(told, "the message was not truncated")
    s.expect(after, before + came.fds, "the receive left more open than it told of")
    s.expect(came.fds.at_most(2), "there was no room for so many")
    s.expect(released, True, "what found no room is still open somewhere")


@should("ancillary.no-room-for-one", _CLOSED, subject="platform", endangers=("table",))
def test_no_room_for_one(s: Script) -> None:
    """Where a control buffer has not even room for one descriptor, none is left open.

    One byte; almost a header; a header; almost a descriptor behind it.
    """
    a, b = s.socketpair()
    null = s.null()
    with s.repeat(4):
        s.send(a, b"x", [null])

    before = s.table()
    byte = s.recv(b, 1, 1)
    almost_header = s.recv(b, 1, length(0) - 1)
    header = s.recv(b, 1, length(0))
    almost_one = s.recv(b, 1, length(1) - 1)
    after = s.table()

    s.expect(after, before, "a receive left open what it had no room to tell of")
    s.expect(byte.ctrunc.equals(1) | byte.errno.equals("EMSGSIZE"), "the loss is not told of")
    told = almost_header.ctrunc.equals(1) | almost_header.errno.equals("EMSGSIZE")
    s.expect(told, "the loss is not told of")
    s.expect(header.ctrunc.equals(1) | header.errno.equals("EMSGSIZE"), "the loss is not told of")
    told = almost_one.ctrunc.equals(1) | almost_one.errno.equals("EMSGSIZE")
    s.expect(told, "the loss is not told of")


@should("ancillary.room-for-a-part", _CLOSED, subject="platform", endangers=("table", "fifo"))
def test_room_for_a_part(s: Script) -> None:
    """Room for a descriptor and a half brings whole descriptors only.

    One or none, as the system likes; what does not come is closed.
    """
    a, b = s.socketpair()
    null = s.null()
    s.send(a, b"x", [null, null, null])
    s.send(a, b"y", [null, null, null])

    before = s.table()
    half = s.recv(b, 1, length(1) + 2)
    almost_two = s.recv(b, 1, length(2) - 1)
    after = s.table()

    s.expect(half.fds.at_most(1), "there was no room for so many")
    s.expect(almost_two.fds.at_most(1), "there was no room for so many")
    s.expect(after, before + half.fds + almost_two.fds, "more is open than the receives told of")


@should("ancillary.truncated-length", _LENGTH, subject="platform", endangers=("table",))
def test_truncated_length(s: Script) -> None:
    """The control messages of a truncated receive end within the control buffer.

    A length that goes on beyond it leads who walks through them to whatever stands there, and to
    close or use numbers that are no descriptors of theirs.
    """
    a, b = s.socketpair()
    null = s.null()
    s.send(a, b"x", [null] * 9)

    came = s.recv(b, 1, space(2))

    told = came.ctrunc.equals(1) | came.errno.equals("EMSGSIZE")
    s.expect(told, "the message was not truncated")
    s.expect(came.overrun, False, "a control message says that it goes on beyond the buffer")


@should("ancillary.no-control-buffer", _CLOSED, subject="platform", endangers=("table", "fifo"))
def test_no_control_buffer(s: Script) -> None:
    """A receive without a control buffer gives the bytes, and closes the descriptors.

    Whether MSG_CTRUNC is set then differs. read(2) and recv(2) are such receives.
    """
    a, b = s.socketpair()
    read_end, write_end = s.pipe()
    s.send(a, b"x", [write_end, write_end])
    s.close(write_end)

    before = s.table()
    came = s.recv(b, 1, 0)
    after = s.table()
    released = s.eof(read_end)

    s.expect(came.data, b"x", "the byte of the message did not come")
    s.expect(after, before, "the receive left a descriptor open that nobody knows")
    s.expect(released, True, "what nobody received is still open somewhere")


@should("ancillary.full-table-is-told", _CTRUNC, subject="platform", endangers=("table", "fifo"))
def test_full_table_is_told(s: Script) -> None:
    """A receive into a full table tells so, and leaves nothing open unseen.

    By an error or by MSG_CTRUNC: both are known. The table then has as many more as came.
    """
    a, b = s.socketpair()
    null = s.null()
    s.send(a, b"x", [null, null, null])
    s.limit(40)
    s.fill(leave=2)

    before = s.table()
    came = s.recv(b, 1)
    after = s.table()

    s.expect(after, before + came.fds, "the receive left more open than it told of")
    s.expect(came.fds.at_most(2), "more descriptors came than there were slots")
    told = came.ctrunc.equals(1) | came.errno.is_one_of("EMFILE", "EMSGSIZE")
    s.expect(told, "descriptors were lost, and nothing tells of it")


# -- datagrams, and messages without bytes --------------------------------------------------------


@should("ancillary.cut-datagram", _MSG_TRUNC, subject="platform", endangers=("fifo", "table"))
def test_cut_datagram(s: Script) -> None:
    """A datagram that is cut tells so by MSG_TRUNC, and still brings its descriptor.

    There was room for the control message. A receiver that has it can close it.
    """
    a, b = s.socketpair("dgram")
    null = s.null()
    s.send(a, b"HELLO", [null])

    came = s.recv(b, 2)

    s.expect(came.data, b"HE", "other bytes than the first two came")
    s.expect(came.trunc, True, "MSG_TRUNC is not set")
    s.expect(came.fds, 1, "the descriptor was lost with the rest of the bytes")
    s.expect(came.ctrunc, False, "MSG_CTRUNC is set although there was room")


@should("ancillary.datagram-without-bytes", _NO_DATA, subject="platform", endangers=("fifo",))
def test_datagram_without_bytes(s: Script) -> None:
    """A datagram without a byte brings its descriptor, or the send fails."""
    a, b = s.socketpair("dgram")
    null = s.null()

    sent = s.send(a, b"", [null])
    came = s.recv(b, 1, flags=("DONTWAIT",))

    brought = came.errno.equals("") & came.fds.equals(1)
    refused = sent.errno.is_one_of("EINVAL", "EMSGSIZE", "ENOBUFS", "EOPNOTSUPP")
    s.expect(brought | refused, "the descriptor was lost without an error")


@may("ancillary.stream-without-bytes", _NO_DATA, subject="platform", endangers=("fifo",))
def test_stream_without_bytes(s: Script) -> None:
    """A message without a byte brings its descriptor on a stream too.

    Or the send fails. unix(7) tells of a system where neither is so, and a passer that is to be
    portable sends a byte. It is asked because such a loss shows nowhere else.
    """
    a, b = s.socketpair()
    null = s.null()

    sent = s.send(a, b"", [null])
    came = s.recv(b, 1, flags=("DONTWAIT",))

    brought = came.errno.equals("") & came.fds.equals(1)
    refused = sent.errno.is_one_of("EINVAL", "EMSGSIZE", "ENOBUFS", "EOPNOTSUPP")
    s.expect(brought | refused, "the descriptor was lost without an error")


@should("ancillary.short-send", _FIRST_OCTET, subject="platform", endangers=("fifo", "nonblocking"))
def test_short_send(s: Script) -> None:
    """A send that was taken in part has sent its descriptors, with the first byte.

    So who sends the rest sends it without them. Nothing of what was taken is lost.
    """
    a, b = s.socketpair()
    null = s.null()
    s.set_nonblocking(a)
    s.setsockopt(a, "SNDBUF", 16384)

    sent = s.send(a, b"x" * 4_000_000, [null])
    s.need(sent.count.at_most(3_999_999), "a channel that does not take it all")
    first = s.recv(b, 1)
    rest = s.drain(b)

    s.expect(first.fds, 1, "the descriptor did not come with the first byte")
    s.expect(rest.fds, 0, "a descriptor came with the rest too")
    s.expect(rest.count + 1, sent.count, "other bytes came than were taken")


# -- looking ahead --------------------------------------------------------------------------------


@should("ancillary.peek-leaves-it", _PEEK, subject="platform", endangers=("fifo", "table"))
def test_peek_leaves_it(s: Script) -> None:
    """After a look with MSG_PEEK the message still comes with its descriptor.

    What such a look shows of it differs; who uses it needs the receive to be as if it had not been.
    """
    a, b = s.socketpair()
    file = s.file(b"the file")
    s.send(a, b"x", [file])

    look = s.recv(b, 5, flags=("PEEK",))
    came = s.recv(b, 5)
    same = s.read(came.fd(), 8)

    s.need_a_look(look)
    s.expect(look.data, b"x", "the look showed other bytes")
    s.expect(came.data, b"x", "the look has taken some bytes away")
    s.expect(came.fds, 1, "not just the one descriptor came")
    s.expect(came.ctrunc, False, "MSG_CTRUNC is set after the look, although there was room")
    s.expect(same.data, b"the file", "what came is not the descriptor that was sent")


@should("ancillary.peek-twice", _PEEK, subject="platform", endangers=("fifo",))
def test_peek_twice(s: Script) -> None:
    """A second look with MSG_PEEK shows the descriptor as the first one does.

    And then it is received. Where a look shows no descriptor, or a wrong number, there is nothing
    to compare.
    """
    a, b = s.socketpair()
    read_end, write_end = s.pipe()
    s.send(a, b"x", [write_end])

    first = s.inspect(b, 1, flags=("PEEK",))
    s.need_a_look(first)
    s.need(first.fds.equals(1), "a look that shows an open descriptor")
    shown = s.same_file(first.fd(), write_end)
    s.need(shown.equals(1), "a look that shows the descriptor itself")
    second = s.inspect(b, 1, flags=("PEEK",))
    s.expect(second.fds, 1, "the second look shows other descriptors than the first one")
    again = s.same_file(second.fd(), write_end)
    came = s.recv(b, 1)
    s.write(came.fd(), b"through")
    heard = s.read(read_end, 7)

    s.expect(again, True, "the second look shows another descriptor than the first one")
    s.expect(heard.data, b"through", "what came is not the descriptor that was sent")


@should("ancillary.peek-leaves-no-more", _PEEK, subject="platform", endangers=("table",))
def test_peek_leaves_no_more(s: Script) -> None:
    """Looks with MSG_PEEK leave nothing open but what they tell of.

    Some systems install the descriptors at each look, others none; the table has to agree with one
    of the two.
    """
    a, b = s.socketpair()
    null = s.null()
    s.send(a, b"x", [null])

    before = s.table()
    first = s.recv(b, 1, flags=("PEEK",))
    s.need_a_look(first)
    second = s.recv(b, 1, flags=("PEEK",))
    came = s.recv(b, 1)
    after = s.table()

    all_told = after.equals(before + first.fds + second.fds + came.fds)
    last_only = after.equals(before + came.fds)
    s.expect(all_told | last_only, "more is open than was told of")

    s.send(a, b"x", [null] * 5)
    before = s.table()
    look = s.recv(b, 1, space(2), flags=("PEEK",))
    s.drain(b)
    after = s.table()

    told = after.equals(before + look.fds) | after.equals(before)
    s.expect(told, "a look with room for a part left more open than it told of")


# -- close-on-exec --------------------------------------------------------------------------------


@should("ancillary.cloexec", _CLOEXEC, subject="platform", endangers=("table", "status"))
def test_cloexec(s: Script) -> None:
    """MSG_CMSG_CLOEXEC makes a received descriptor close-on-exec.

    To set the flag afterwards is too late where another thread starts a program meanwhile. Not
    every system has it.
    """
    a, b = s.socketpair()
    null = s.null()
    s.send(a, b"x", [null])

    came = s.recv(b, 1, flags=("CMSG_CLOEXEC",))
    flag = s.cloexec(came.fd())
    at_the_sender = s.cloexec(null)

    s.expect(flag, True, "the descriptor that came is not close-on-exec")
    s.expect(at_the_sender, False, "the sender's descriptor has become close-on-exec")
    with s.child():
        inherited = s.cloexec(came.fd())
        s.expect(inherited, True, "a child has it, and it is not close-on-exec there")


@should("ancillary.cloexec-on-each", _CLOEXEC, subject="platform", endangers=("table",))
def test_cloexec_on_each(s: Script) -> None:
    """MSG_CMSG_CLOEXEC makes every descriptor of a message close-on-exec.

    Those whose numbers are high, too: the flags of a table stand in words of 64 bits. And of
    whatever kind they are.
    """
    a, b = s.socketpair()
    null = s.null()
    c, _ = s.socketpair()
    read_end, _ = s.pipe()
    for high in (False, True):
        if high:
            s.files(64)  # so that what comes now has higher numbers
        s.send(a, b"x", [null, c, read_end])

        came = s.recv(b, 1, flags=("CMSG_CLOEXEC",))
        first = s.cloexec(came.fd(0))
        second = s.cloexec(came.fd(1))
        third = s.cloexec(came.fd(2))

        s.expect(first, True, "the first one is not close-on-exec")
        s.expect(second, True, "the second one is not close-on-exec")
        s.expect(third, True, "the last one is not close-on-exec")


@should("ancillary.cloexec-high", _CLOEXEC, subject="platform", endangers=("table",))
def test_cloexec_high(s: Script) -> None:
    """MSG_CMSG_CLOEXEC works for numbers of 256 and more, too.

    As a server has them with as many connections.
    """
    a, b = s.socketpair()
    null = s.null()
    limited = s.limit(700)
    s.need(limited.errno.equals(""), "a process that may have 700 descriptors")
    s.files(256)  # so that what comes now has higher numbers
    s.send(a, b"x", [null, b])

    came = s.recv(b, 1, flags=("CMSG_CLOEXEC",))
    file = s.cloexec(came.fd(0))
    socket = s.cloexec(came.fd(1))

    s.expect(file, True, "a file that came is not close-on-exec")
    s.expect(socket, True, "a socket that came is not close-on-exec")


@should("ancillary.cloexec-when-cut", _CLOEXEC, subject="platform", endangers=("table",))
def test_cloexec_when_cut(s: Script) -> None:
    """What comes of a cut message by MSG_CMSG_CLOEXEC is close-on-exec, too.

    Four are sent, and there is room for two. Some systems deliver none of them then.
    """
    a, b = s.socketpair()
    null = s.null()
    s.send(a, b"x", [null, null, null, null])

    came = s.recv(b, 1, length(2), flags=("CMSG_CLOEXEC",))
    s.need(came.fds.equals(2), "a cut message that brings what there is room for")
    first = s.cloexec(came.fd(0))
    second = s.cloexec(came.fd(1))

    s.expect(first, True, "the first one is not close-on-exec")
    s.expect(second, True, "the second one is not close-on-exec")


@should("ancillary.cloexec-in-turn", _CLOEXEC, subject="platform", endangers=("table", "status"))
def test_cloexec_in_turn(s: Script) -> None:
    """MSG_CMSG_CLOEXEC is of one receive: the next one without it sets no flag.

    And one that asks for it again sets it again.
    """
    a, b = s.socketpair()
    null = s.null()
    with s.repeat(3):
        s.send(a, b"x", [null])

    asked = s.recv(b, 1, flags=("CMSG_CLOEXEC",))
    plain = s.recv(b, 1)
    again = s.recv(b, 1, flags=("CMSG_CLOEXEC",))
    first = s.cloexec(asked.fd())
    second = s.cloexec(plain.fd())
    third = s.cloexec(again.fd())

    s.expect(first, True, "what came first is not close-on-exec")
    s.expect(second, False, "what came without MSG_CMSG_CLOEXEC is close-on-exec")
    s.expect(third, True, "what came last is not close-on-exec")


@should("ancillary.cloexec-at-exec", _CLOEXEC, subject="platform", endangers=("table",))
def test_cloexec_at_exec(s: Script) -> None:
    """What came with MSG_CMSG_CLOEXEC is not open in a program that is started.

    The flag alone is not all: the descriptor has to be closed, and nothing else.
    """
    a, b = s.socketpair()
    heard, said = s.pipe()
    s.send(a, b"x", [said])
    s.close(said)

    came = s.recv(b, 1, flags=("CMSG_CLOEXEC",))
    with s.process() as program:
        s.become_another()
    kept = s.write(came.fd(), b"x")
    s.close(came.fd())
    released = s.eof(heard)
    s.kill(program)

    s.expect(kept.errno, "", "starting a program has closed it here")
    s.expect(released, True, "the program has it")
