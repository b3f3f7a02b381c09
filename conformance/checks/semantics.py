"""Semantics: what a descriptor that was passed is, and with which bytes it comes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from conformance.requirement import must, should

if TYPE_CHECKING:
    from conformance.platform.script import Received, Script
    from conformance.platform.steps import Fd

_FIRST_OCTET = "POSIX.1-2017 XSH 2.10.11: as if queued along with the first normal data octet"
_ONE_SEGMENT = "POSIX.1-2017 XSH 2.10.11: never data or ancillary data of more than one segment"
_DUP = "unix(7), SCM_RIGHTS: as if by dup(2)"
_GATHERED = "POSIX.1-2017 XSH sendmsg: the data of each storage area of msg_iov is sent in turn"
_SCATTERED = "POSIX.1-2017 XSH recvmsg: each storage area of msg_iov is filled in turn"
_TYPES = "POSIX.1-2017 XSH 2.10.6, socket types: no operation gives parts of two records"
_NOT_REORDERED = "unix(7): Unix datagram sockets are always reliable and do not reorder datagrams"
_SEQUENCED = "POSIX.1-2017 XSH 2.10.6: SOCK_SEQPACKET, as SOCK_STREAM, is reliable and sequenced"
_ALL_OF_IT = "POSIX.1-2017 XSH recvmsg, MSG_WAITALL: it waits until all data can be returned"


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
