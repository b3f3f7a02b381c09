"""Faults: what a send or a receive does that cannot do what it is asked to."""

from __future__ import annotations

from typing import TYPE_CHECKING

from conformance.requirement import may, must, should

if TYPE_CHECKING:
    from conformance.platform.script import Script

_SEND = "POSIX.1-2017 XSH sendmsg, EAGAIN: O_NONBLOCK is set and it would block"
_RECEIVE = "POSIX.1-2017 XSH recvmsg, EAGAIN: O_NONBLOCK is set and nothing has arrived"
_BAD = "unix(7), EBADF: a descriptor in SCM_RIGHTS is not open"
_SHORT = "gVisor, socket_unix_cmsg.cc, ShortCmsg: a length of 1 is EINVAL"
_LONG = "NetBSD uipc_usrreq.c, unp_internalize: a length beyond the control data is EINVAL"
_PADDED = "mozilla/audioipc 9: a length with padding sent descriptor 0 beside each descriptor"
_TYPES = "NetBSD uipc_usrreq.c, unp_internalize: any type but SCM_RIGHTS is EINVAL"
_SEND_NOWHERE = "send(2), EFAULT: an argument is at an invalid address"
_UNIX_ONLY = "unix(7): descriptors are passed over Unix domain sockets"
_NO_COPY = "FreeBSD unix_passfd_test.c, copyout_rights_error: what cannot be told of is not leaked"
_RECEIVE_NOWHERE = "recv(2), EFAULT: the receive buffer is outside of the address space"
_INTERRUPTED = "POSIX.1-2017 XSH recvmsg, EINTR: interrupted before any data was available"
_INTERRUPTED_SEND = "POSIX.1-2017 XSH sendmsg, EINTR: interrupted before any data was transmitted"
_BROKEN = "POSIX.1-2017 XSH sendmsg, EPIPE: no longer connected; ECONNRESET: closed by the peer"
_NO_SIGNAL = "POSIX.1-2017 XSH sendmsg, MSG_NOSIGNAL: no SIGPIPE, and the error all the same"
_UNCONNECTED = "POSIX.1-2017 XSH sendmsg, ENOTCONN: connection-mode, and not connected"
_SHUT_DOWN = "POSIX.1-2017 XSH sendmsg, EPIPE: the socket is shut down for writing"
_HALF = "POSIX.1-2017 XSH shutdown, SHUT_WR: disables further send operations"
_ORDERLY = "POSIX.1-2017 XSH recvmsg: 0 if no messages are available and the peer has shut down"
_AWAITING = "FreeBSD unix(4): what awaits delivery is closed when the destination is closed"
_GONE = ("EPIPE", "ECONNRESET")
_AS_DUP = "unix(7), SCM_RIGHTS: as if by dup(2)"


@must("faults.nothing-there", _RECEIVE, subject="platform", endangers=("nonblocking",))
def test_nothing_there(s: Script) -> None:
    """A non-blocking receive from an empty channel fails with EAGAIN.

    Nothing is spoilt by it: what is sent later is received.
    """
    a, b = s.socketpair()
    null = s.null()
    s.set_nonblocking(b)

    early = s.recv(b, 1)
    s.send(a, b"x", [null])
    late = s.recv(b, 1)

    s.expect(early.errno, "EAGAIN", "the receive from an empty channel did not say so")
    s.expect(late.fds, 1, "the descriptor that came later was not received")


@must("faults.full-channel", _SEND, subject="platform", endangers=("nonblocking", "fifo"))
def test_full_channel(s: Script) -> None:
    """A non-blocking send of a descriptor into a full channel fails with EAGAIN.

    Another process has the receiving end too, but receives nothing. POSIX knows no other error for
    it on a stream.
    """
    a, b = s.socketpair()
    null = s.null()
    with s.process():
        s.poll(b)
    s.set_nonblocking(a)

    refused = s.flood(a, b"x" * 1000, [null])

    s.expect(refused.errno, "EAGAIN", "a full channel gave another error")
    s.expect(refused.count.at_least(1), "not even one message went")


@should("faults.full-channel-keeps-nothing", _SEND, subject="platform", endangers=("table",))
def test_full_channel_keeps_nothing(s: Script) -> None:
    """A descriptor whose send failed for want of room is not held by the system."""
    a, b = s.socketpair()
    null = s.null()
    read_end, write_end = s.pipe()
    s.set_nonblocking(a)
    s.flood(a, b"x" * 1000, [null])

    refused = s.send(a, b"x" * 1000, [write_end])
    s.close(write_end)
    released = s.eof(read_end)

    s.need(refused.errno.is_one_of("EAGAIN", "ENOBUFS", "ETOOMANYREFS"), "a channel that is full")
    s.expect(released, True, "what was refused is still open somewhere")
    s.close(b)


@should("faults.closed-descriptor", _BAD, subject="platform", endangers=("fifo",))
def test_closed_descriptor(s: Script) -> None:
    """To send a descriptor that is closed fails with EBADF, and nothing is sent."""
    a, b = s.socketpair()
    null = s.null()
    s.close(null)

    sent = s.send(a, b"x", [null])
    came = s.recv(b, 1, flags=("DONTWAIT",))

    s.expect(sent.errno, "EBADF", "the send did not say that the descriptor is closed")
    s.expect(came.errno, "EAGAIN", "something was sent all the same")


@should("faults.one-bad-of-many", _BAD, subject="platform", endangers=("fifo", "table"))
def test_one_bad_of_many(s: Script) -> None:
    """One closed descriptor among open ones makes the send fail; none is held."""
    a, b = s.socketpair()
    read_end, write_end = s.pipe()

    sent = s.send(a, b"x", [write_end, s.number(-1), write_end])
    came = s.recv(b, 1, flags=("DONTWAIT",))
    s.close(write_end)
    released = s.eof(read_end)

    s.expect(sent.errno, "EBADF", "the send did not say that a descriptor is closed")
    s.expect(came.errno, "EAGAIN", "something was sent all the same")
    s.expect(released, True, "an open one among them is held by the system")


# -- who sends what is no descriptor, or no control message ---------------------------------------


@should("faults.no-such-number", _BAD, subject="platform", endangers=("fifo",))
def test_no_such_number(s: Script) -> None:
    """To send a number beyond the descriptor table fails, and nothing is sent.

    A number that was never looked at may be anything; a system must not take it for an index.
    """
    a, b = s.socketpair()

    sent = s.send(a, b"x", [s.number(0x7FFFFFFF)])
    came = s.recv(b, 1, flags=("DONTWAIT",))

    s.expect(sent.errno, "EBADF", "the send did not say that there is no such descriptor")
    s.expect(came.errno, "EAGAIN", "something was sent all the same")


@should("faults.short-control-message", _SHORT, subject="platform", endangers=("fifo",))
def test_short_control_message(s: Script) -> None:
    """A control message that is shorter than its header makes the send fail.

    The descriptor in it can only be lost; a send that succeeds would hide it.
    """
    a, b = s.socketpair()
    null = s.null()

    sent = s.send_oddly(a, b"x", [null], "short")
    came = s.recv(b, 1, flags=("DONTWAIT",))

    s.expect(sent.errno, "EINVAL", "the send did not say that the control message is too short")
    s.expect(came.errno, "EAGAIN", "something was sent all the same")


@should("faults.long-control-message", _LONG, subject="platform", endangers=("fifo",))
def test_long_control_message(s: Script) -> None:
    """A control message that ends behind the control data makes the send fail.

    What stands there is the program's own memory, and was never meant to be sent.
    """
    a, b = s.socketpair()
    null = s.null()

    sent = s.send_oddly(a, b"x", [null], "long")
    came = s.recv(b, 1, flags=("DONTWAIT",))

    s.expect(sent.errno, "EINVAL", "the send did not say that the control message is too long")
    s.expect(came.errno, "EAGAIN", "something was sent all the same")


@should("faults.half-a-number", _PADDED, subject="platform", endangers=("fifo", "table"))
def test_half_a_number(s: Script) -> None:
    """Half a number at the end of a control message is not sent as a descriptor.

    The send fails, or what is whole comes. Rounded up, the half and the padding behind it make
    descriptor 0, which programs with a wrong length have sent for years.
    """
    a, b = s.socketpair()
    null = s.null()

    sent = s.send_oddly(a, b"x", [null], "half")
    came = s.recv(b, 1, flags=("DONTWAIT",))

    refused = sent.errno.is_one_of("EINVAL", "EBADF") & came.errno.equals("EAGAIN")
    s.expect(refused | came.fds.equals(1), "other than whole descriptors came")


@should("faults.unknown-control-message", _TYPES, subject="platform", endangers=("fifo", "table"))
def test_unknown_control_message(s: Script) -> None:
    """A control message of unknown type makes the send fail; no descriptor is held."""
    a, b = s.socketpair()
    read_end, write_end = s.pipe()

    sent = s.send(a, b"x", control=[s.rights(write_end), s.control("9999", b"what")])
    came = s.recv(b, 1, flags=("DONTWAIT",))
    s.close(write_end)
    released = s.eof(read_end)

    s.expect(sent.errno, "EINVAL", "the send took what it does not know")
    s.expect(came.errno, "EAGAIN", "something was sent all the same")
    s.expect(released, True, "the descriptor beside it is still open somewhere")


@should("faults.control-nowhere", _SEND_NOWHERE, subject="platform", endangers=("fifo",))
def test_control_nowhere(s: Script) -> None:
    """Control data at an address without memory makes the send fail with EFAULT.

    Nothing is sent, not even the bytes: a descriptor cannot follow them later.
    """
    a, b = s.socketpair()
    null = s.null()

    sent = s.send_oddly(a, b"x", [null], "control")
    came = s.recv(b, 1, flags=("DONTWAIT",))

    s.expect(sent.errno, "EFAULT", "the send did not say that there is no control data")
    s.expect(came.errno, "EAGAIN", "something was sent all the same")


@should("faults.data-nowhere", _SEND_NOWHERE, subject="platform", endangers=("fifo", "table"))
def test_data_nowhere(s: Script) -> None:
    """Data at an address without memory makes the send fail, and none is held."""
    a, b = s.socketpair()
    read_end, write_end = s.pipe()

    sent = s.send_oddly(a, b"x", [write_end], "data")
    came = s.recv(b, 1, flags=("DONTWAIT",))
    s.close(write_end)
    released = s.eof(read_end)

    s.expect(sent.errno, "EFAULT", "the send did not say that there is no data")
    s.expect(came.errno, "EAGAIN", "something was sent all the same")
    s.expect(released, True, "the descriptor is still open somewhere")


@may("faults.not-over-the-network", _UNIX_ONLY, subject="platform", endangers=("fifo",))
def test_not_over_the_network(s: Script) -> None:
    """A send of a descriptor over TCP fails: there is nobody it could be given to.

    Who tries an interface out by a send alone is deceived where it succeeds. A passer has to look
    at what comes at the other end.
    """
    a, b = s.inet("tcp")
    null = s.null()

    sent = s.send(a, b"x", [null])

    refused = sent.count.equals(0) & sent.errno.is_one_of("EINVAL", "EOPNOTSUPP", "ENOTSUP")
    s.expect(refused, "the bytes went, and the descriptor was lost without an error")
    s.close(b)


# -- who receives where nothing can be put --------------------------------------------------------


@should("faults.no-room-nowhere", _NO_COPY, subject="platform", endangers=("table",))
def test_no_room_nowhere(s: Script) -> None:
    """A receive of control data to nowhere leaves nothing open.

    Some systems fail with EFAULT, some give the bytes with MSG_CTRUNC. Either way the numbers of
    the descriptors can be told to nobody.
    """
    a, b = s.socketpair()
    read_end, write_end = s.pipe()
    s.send(a, b"x", [write_end])
    s.close(write_end)

    before = s.table()
    came = s.recv_oddly(b, 1, "control")
    after = s.table()
    rest = s.recv(b, 1, 0, flags=("DONTWAIT",))
    released = s.eof(read_end)

    s.expect(came.errno.equals("EFAULT") | came.ctrunc.equals(1), "nothing tells of the loss")
    s.expect(rest.errno.is_one_of("", "EAGAIN"), "the next receive fails too")
    s.expect(after, before, "the receive left something open that nobody knows of")
    s.expect(released, True, "the descriptor is still open somewhere")


@should("faults.receive-nowhere", _RECEIVE_NOWHERE, subject="platform", endangers=("table", "fifo"))
def test_receive_nowhere(s: Script) -> None:
    """A receive to an address without memory fails, and leaves nothing open.

    Whether the message can still be received after that differs; if it can, it is whole.
    """
    a, b = s.socketpair()
    read_end, write_end = s.pipe()
    s.send(a, b"x", [write_end])
    s.close(write_end)

    before = s.table()
    came = s.recv_oddly(b, 1, "data")
    after = s.table()
    again = s.recv(b, 1, flags=("DONTWAIT",))
    later = s.table()

    s.expect(came.errno, "EFAULT", "the receive did not say that there is no room")
    s.expect(after, before, "the receive left something open that nobody knows of")
    s.expect(later, before + again.fds, "the next receive left something open that nobody knows of")
    s.close(read_end)


# -- signals --------------------------------------------------------------------------------------


@must("faults.interrupted-receive", _INTERRUPTED, subject="platform", endangers=("nonblocking",))
def test_interrupted_receive(s: Script) -> None:
    """A receive that a signal interrupts fails with EINTR, and loses no message."""
    a, b = s.socketpair()
    null = s.null()

    before = s.table()
    nothing = s.recv_oddly(b, 1, "interrupted")
    after = s.table()
    s.send(a, b"x", [null])
    came = s.recv(b, 1)

    s.expect(nothing.errno, "EINTR", "the interrupted receive did not say so")
    s.expect(after, before, "the interrupted receive left something open")
    s.expect(came.fds, 1, "the next descriptor was not received")


@must("faults.interrupted-send", _INTERRUPTED_SEND, subject="platform", endangers=("nonblocking",))
def test_interrupted_send(s: Script) -> None:
    """A send that a signal interrupts fails with EINTR, and no descriptor is held.

    The channel is full, so it waited. Nothing has gone: who tries again does not send it twice.
    """
    a, b = s.socketpair()
    read_end, write_end = s.pipe()
    s.flood(a, b"x" * 1000)

    sent = s.send_oddly(a, b"x" * 1000, [write_end], "interrupted")
    s.close(write_end)
    released = s.eof(read_end)

    s.expect(sent.errno, "EINTR", "the interrupted send did not say so")
    s.expect(released, True, "what was not sent is still open somewhere")
    s.close(b)


# -- ends that are closed -------------------------------------------------------------------------


@must("faults.closed-peer", _BROKEN, subject="platform", endangers=("nonblocking", "bidirectional"))
def test_closed_peer(s: Script) -> None:
    """A send to a peer that has closed its end fails with EPIPE or ECONNRESET.

    POSIX has an error for an end that is shut, and one for a peer that has closed it.
    """
    a, b = s.socketpair()
    null = s.null()
    s.close(b)

    sent = s.send(a, b"x", [null])

    s.expect(sent.errno.is_one_of(*_GONE), "the send did not say that the peer is gone")


@should("faults.closed-peer-keeps-nothing", _BROKEN, subject="platform", endangers=("table",))
def test_closed_peer_keeps_nothing(s: Script) -> None:
    """A descriptor that cannot be sent, since the peer is gone, is not held."""
    a, b = s.socketpair()
    read_end, write_end = s.pipe()
    s.close(b)

    sent = s.send(a, b"x", [write_end])
    s.close(write_end)
    released = s.eof(read_end)

    s.need(sent.errno.is_one_of("EPIPE", "ECONNRESET", "ENOTCONN"), "a send that fails")
    s.expect(released, True, "what was refused is still open somewhere")


@must("faults.no-signal", _NO_SIGNAL, subject="platform", endangers=("bidirectional",))
def test_no_signal(s: Script) -> None:
    """With MSG_NOSIGNAL a send to a closed peer fails, and there is no SIGPIPE."""
    a, b = s.socketpair()
    null = s.null()
    s.close(b)

    with s.child():
        s.sigpipe()
        sent = s.send(a, b"x", [null], flags=("NOSIGNAL",))
        s.expect(sent.errno.is_one_of(*_GONE), "the send did not say that the peer is gone")


@must("faults.not-connected", _UNCONNECTED, subject="platform", endangers=("bidirectional",))
def test_not_connected(s: Script) -> None:
    """A send of a descriptor on an unconnected stream socket fails with ENOTCONN."""
    sock = s.socket()
    null = s.null()

    sent = s.send(sock, b"x", [null])

    s.expect(sent.errno, "ENOTCONN", "the send did not say that nobody is connected")


@must("faults.shut-down-for-writing", _SHUT_DOWN, subject="platform", endangers=("fifo",))
def test_shut_down_for_writing(s: Script) -> None:
    """After a shutdown for writing no descriptor goes; what went before comes.

    Behind it the receiver sees the end of the stream.
    """
    a, b = s.socketpair()
    null = s.null()
    s.send(a, b"x", [null])
    s.shutdown(a, "write")

    sent = s.send(a, b"y", [null])
    came = s.recv(b, 1)
    end = s.recv(b, 1)

    s.expect(sent.count, 0, "a descriptor went although the socket is shut down")
    s.expect(sent.errno, "EPIPE", "the send did not say that the socket is shut down")
    s.expect(came.fds, 1, "what went before the shutdown did not come")
    s.expect(end.count, 0, "the end of the stream is not seen")


@must("faults.half-closed", _HALF, subject="platform", endangers=("bidirectional",))
def test_half_closed(s: Script) -> None:
    """Who has shut its end down for writing still receives descriptors."""
    a, b = s.socketpair()
    null = s.null()
    s.send(a, b"question", [null])
    s.shutdown(a, "write")
    asked = s.recv(b, 8)

    s.send(b, b"!", [null])
    answered = s.recv(a, 6)

    s.expect(asked.fds, 1, "the descriptor of the question did not come")
    s.expect(answered.data, b"!", "the answer did not come")
    s.expect(answered.fds, 1, "the answer came without its descriptor")


@must("faults.end-comes-last", _ORDERLY, subject="platform", endangers=("fifo",))
def test_end_comes_last(s: Script) -> None:
    """The end of a stream is seen after all descriptors that were sent before it."""
    _end_comes_last(s, "stream")


@must("faults.end-of-records-last", _ORDERLY, subject="platform", endangers=("fifo",))
def test_end_of_records_last(s: Script) -> None:
    """The end of a SOCK_SEQPACKET is seen after all records with descriptors."""
    _end_comes_last(s, "seqpacket")


def _end_comes_last(s: Script, kind: str) -> None:
    a, b = s.socketpair(kind)
    read_end, write_end = s.pipe()
    s.send(a, b"x", [read_end])
    s.send(a, b"y", [write_end])
    s.close(a)

    first = s.recv(b, 1)
    second = s.recv(b, 1)
    end = s.recv(b, 1)

    s.expect(first.fds, 1, "the first descriptor was lost")
    s.expect(second.fds, 1, "the second descriptor was lost")
    s.expect(end.count, 0, "the end is not seen")
    s.expect(end.fds, 0, "a descriptor came with the end")


@should("faults.closed-with-unread", _AWAITING, subject="platform", endangers=("fifo", "table"))
def test_closed_with_unread(s: Script) -> None:
    """A peer that closes its end with a descriptor unread takes back none it has sent.

    What it has not read is released. Whether the stream then ends or is reset differs.
    """
    a, b = s.socketpair()
    null = s.null()
    read_end, write_end = s.pipe()
    s.send(a, b"x", [null])
    s.send(b, b"y", [write_end])
    s.close(write_end)
    s.close(a)

    came = s.recv(b, 1)
    end = s.recv(b, 1)
    released = s.eof(read_end)

    s.expect(came.fds, 1, "what the peer had sent before it closed was lost")
    s.expect(end.errno.is_one_of("", "ECONNRESET"), "the stream has another end")
    s.expect(end.count, 0, "something came behind the end")
    s.expect(released, True, "what was never read is still open somewhere")


# -- processes that are killed --------------------------------------------------------------------


@should("faults.killed-receiver", _AWAITING, subject="platform", endangers=("table", "nonblocking"))
def test_killed_receiver(s: Script) -> None:
    """What waits for a receiver is released when that is killed."""
    a, b = s.socketpair()
    read_end, write_end = s.pipe()
    with s.process() as receiver:
        s.close(a)
        s.close(read_end)
        s.close(write_end)
    s.close(b)
    s.send(a, b"x", [write_end])
    s.close(write_end)
    before = s.poll(read_end)

    s.kill(receiver)
    released = s.eof(read_end)

    s.expect(before.hangup, False, "what was in flight was not held")
    s.expect(released, True, "what nobody can receive is still open somewhere")


@should("faults.killed-sender", _AS_DUP, subject="platform", endangers=("fifo", "nonblocking"))
def test_killed_sender(s: Script) -> None:
    """A descriptor that was sent arrives although its sender has been killed."""
    a, b = s.socketpair()
    read_end, write_end = s.pipe()
    with s.process() as sender:
        s.send(a, b"x", [write_end])
    s.close(a)
    s.close(write_end)

    s.kill(sender)
    came = s.recv(b, 1)
    s.write(came.fd(), b"alive")
    heard = s.read(read_end, 5)
    end = s.recv(b, 1)

    s.expect(heard.data, b"alive", "what arrived is not the descriptor that was sent")
    s.expect(end.count, 0, "the end of the stream is not seen")
