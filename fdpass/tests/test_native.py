from __future__ import annotations

import array
import errno
import os
import signal
import socket
import struct
import threading
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

import pytest

from fdpass.backends import native, systems
from fdpass.tests.descriptors import close_all, eventually, identities

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Make = Callable[[int], list[int]]
    Sockets = tuple[socket.socket, socket.socket]
    Received = tuple[bytes, list[tuple[int, int, bytes]], int]
    Sending = Callable[..., int]
    Receiving = Callable[..., Received]

_PYTHON_SAYS_THE_SAME = hasattr(socket.socket, "sendmsg") and not systems.running().simulated
pytestmark = pytest.mark.skipif(
    native.missing() is not None or not _PYTHON_SAYS_THE_SAME,
    reason="compares what ctypes does with what Python does",
)

RIGHTS = (socket.SOL_SOCKET, socket.SCM_RIGHTS)
DONTWAIT = socket.MSG_DONTWAIT
ROOM = socket.CMSG_SPACE(253 * 4)


def by_python(sock: socket.socket, *arguments: object) -> int:
    return sock.sendmsg(*arguments)  # type: ignore[arg-type]


def by_ctypes(sock: socket.socket, *arguments: object) -> int:
    return native.sendmsg(sock.fileno(), *arguments)  # type: ignore[arg-type]


def to_python(sock: socket.socket, *arguments: int) -> Received:
    return sock.recvmsg(*arguments)[:3]


def to_ctypes(sock: socket.socket, *arguments: int) -> Received:
    return native.recvmsg(sock.fileno(), *arguments)[:3]


WAYS = pytest.mark.parametrize(
    ("send", "receive"),
    [(by_ctypes, to_python), (by_python, to_ctypes), (by_ctypes, to_ctypes)],
    ids=["ctypes-to-python", "python-to-ctypes", "ctypes-to-ctypes"],
)
RECEIVERS = pytest.mark.parametrize("receive", [to_python, to_ctypes], ids=["python", "ctypes"])


@pytest.fixture
def sockets() -> Iterator[Sockets]:
    one, other = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
    with one, other:
        yield one, other


@contextmanager
def received(control: list[tuple[int, int, bytes]]) -> Iterator[list[int]]:
    """Give the descriptors in control messages, and close them."""
    fds: list[int] = []
    for level, kind, data in control:
        assert (level, kind) == RIGHTS
        fds += struct.unpack(f"{len(data) // 4}i", data[: len(data) & ~3])
    yield fds
    close_all(fds)


# -- bytes


@WAYS
@pytest.mark.parametrize(
    ("buffers", "expected"),
    [
        ([b"one"], b"one"),
        ([b"one", b"", b"two"], b"onetwo"),
        (
            [bytearray(b"one"), memoryview(b"-two-")[1:-1], array.array("b", b"three")],
            b"onetwothree",
        ),
        ([bytes([n]) for n in range(200)], bytes(range(200))),
    ],
)
def test_buffers_go_one_after_the_other(
    send: Sending, receive: Receiving, buffers: list[bytes], expected: bytes, sockets: Sockets
) -> None:
    one, other = sockets

    assert send(one, buffers) == len(expected)
    assert receive(other, 1000, ROOM) == (expected, [], 0)


@WAYS
def test_a_stream_is_received_in_pieces_and_ends(
    send: Sending, receive: Receiving, sockets: Sockets
) -> None:
    one, other = sockets
    send(one, [b"abcdef"])

    assert receive(other, 4) == (b"abcd", [], 0)
    assert receive(other, 0) == (b"", [], 0)
    assert receive(other, 4) == (b"ef", [], 0)

    one.close()

    assert receive(other, 4, ROOM) == (b"", [], 0)


@WAYS
def test_a_cut_datagram_says_so(send: Sending, receive: Receiving) -> None:
    one, other = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    with one, other:
        send(one, [b"abcdef"])
        send(one, [])

        assert receive(other, 4) == (b"abcd", [], socket.MSG_TRUNC)
        assert receive(other, 4) == (b"", [], 0)


def test_a_send_that_does_not_fit_gives_what_was_taken(sockets: Sockets) -> None:
    one, other = sockets
    data = b"x" * 10_000_000

    taken = native.sendmsg(one.fileno(), [data], (), DONTWAIT)

    assert 0 < taken < len(data)
    assert len(other.recv(taken, socket.MSG_WAITALL)) == taken
    with pytest.raises(BlockingIOError):
        other.recv(1, DONTWAIT)


def test_a_full_channel_would_block(sockets: Sockets) -> None:
    one, _ = sockets
    one.setblocking(False)
    with suppress(BlockingIOError):
        while one.send(b"x" * 100_000):
            pass

    with pytest.raises(BlockingIOError):
        native.sendmsg(one.fileno(), [b"!"], (), DONTWAIT)


# -- descriptors


@WAYS
@pytest.mark.parametrize("count", [1, 2, 3, 252])
def test_descriptors_arrive_in_order(
    send: Sending, receive: Receiving, count: int, sockets: Sockets, make: Make
) -> None:
    one, other = sockets
    sent = make(min(count, 5))
    fds = array.array("i", [sent[n % len(sent)] for n in range(count)])

    assert send(one, [b"!"], [(*RIGHTS, fds)]) == 1
    data, control, flags = receive(other, 10, ROOM)

    with received(control) as got:
        assert (data, flags) == (b"!", 0)
        assert identities(got) == identities(fds)


@WAYS
def test_several_control_messages_go_in_one(
    send: Sending, receive: Receiving, sockets: Sockets, make: Make
) -> None:
    one, other = sockets
    fds = make(3)
    rights = [(*RIGHTS, array.array("i", fds[:1])), (*RIGHTS, array.array("i", fds[1:]))]

    send(one, [b"!"], iter(rights))
    _, control, flags = receive(other, 10, ROOM)

    with received(control) as got:
        assert flags == 0
        assert identities(got) == identities(fds)


@RECEIVERS
@pytest.mark.skipif(not hasattr(socket, "SO_PASSCRED"), reason="two kinds come on Linux only")
def test_several_control_messages_are_taken_apart(
    receive: Receiving, sockets: Sockets, make: Make
) -> None:
    one, other = sockets
    other.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
    fds = make(1)
    by_python(one, [b"!"], [(*RIGHTS, array.array("i", fds))])

    _, control, _ = receive(other, 10, ROOM)

    kinds = {kind: data for _, kind, data in control}
    with received([(*RIGHTS, kinds.pop(socket.SCM_RIGHTS))]) as got:
        assert identities(got) == identities(fds)
    assert [len(control), len(kinds)] == [2, 1]
    assert struct.unpack("iII", next(iter(kinds.values())))[0] == os.getpid()


@WAYS
@pytest.mark.parametrize("room", [0, 1, 15, 16, 19, 20, 23, 24, 27, 28, 32])
def test_too_little_room_cuts_as_with_python(
    send: Sending, receive: Receiving, room: int, sockets: Sockets, make: Make
) -> None:
    one, other = sockets
    rights = [(*RIGHTS, array.array("i", make(3)))]

    by_python(one, [b"!"], rights)
    data, control, flags = to_python(other, 10, room)
    with received(control) as expected:
        pass
    send(one, [b"!"], rights)
    got = receive(other, 10, room)

    with received(got[1]) as fds:
        assert (got[0], got[2]) == (data, flags)
        assert [len(content) for _, _, content in got[1]] == [
            len(content) for _, _, content in control
        ]
        assert len(fds) == len(expected)
        assert bool(flags & socket.MSG_CTRUNC) == (len(fds) < 3)


@WAYS
@pytest.mark.skipif(not hasattr(socket, "MSG_CMSG_CLOEXEC"), reason="there is no such flag")
def test_flags_go_in_and_come_out(
    send: Sending, receive: Receiving, sockets: Sockets, make: Make
) -> None:
    one, other = sockets
    fds = make(1)
    send(one, [b"!"], [(*RIGHTS, array.array("i", fds))])

    for flag in (socket.MSG_PEEK, socket.MSG_CMSG_CLOEXEC):
        data, control, flags = receive(other, 10, ROOM, flag)
        with received(control) as got:
            assert data == b"!"
            assert not flags & socket.MSG_CTRUNC
            assert identities(got) == identities(fds)
            assert os.get_inheritable(got[0]) == (flag == socket.MSG_PEEK)
    with pytest.raises(BlockingIOError):
        receive(other, 10, ROOM, DONTWAIT)


def test_room_is_counted_as_in_the_header() -> None:
    assert [native.cmsg_space(size) for size in range(40)] == [
        socket.CMSG_SPACE(size) for size in range(40)
    ]


# -- errors


def test_an_empty_channel_would_block(sockets: Sockets) -> None:
    with pytest.raises(BlockingIOError) as caught:
        native.recvmsg(sockets[0].fileno(), 10, ROOM, DONTWAIT)

    assert caught.value.errno == errno.EAGAIN
    assert caught.value.strerror == os.strerror(errno.EAGAIN)


def test_a_closed_channel_is_a_broken_pipe(sockets: Sockets) -> None:
    sockets[1].close()

    with pytest.raises(BrokenPipeError):
        native.sendmsg(sockets[0].fileno(), [b"!"], (), socket.MSG_NOSIGNAL)


def test_what_is_no_descriptor_of_a_socket_is_an_error(sockets: Sockets, make: Make) -> None:
    one, other = sockets
    for fd, number in ((-1, errno.EBADF), (make(1)[0], errno.ENOTSOCK)):
        with pytest.raises(OSError) as caught:
            native.sendmsg(fd, [b"!"])
        assert caught.value.errno == number
        with pytest.raises(OSError) as caught:
            native.recvmsg(fd, 10)
        assert caught.value.errno == number

    with pytest.raises(OSError) as caught:
        native.sendmsg(one.fileno(), [b"!"], [(*RIGHTS, array.array("i", [-1]))])
    assert caught.value.errno == errno.EBADF
    with pytest.raises(BlockingIOError):
        other.recv(1, DONTWAIT)


def test_what_python_refuses_is_refused(sockets: Sockets) -> None:
    one, _ = sockets
    for arguments in ((-1,), (1, -1)):
        with pytest.raises(ValueError, match="negative buffer size"):
            native.recvmsg(one.fileno(), *arguments)
    for wrong in (["text"], [1], 1):
        with pytest.raises(TypeError):
            native.sendmsg(one.fileno(), wrong)  # type: ignore[arg-type]
    with pytest.raises(TypeError):
        native.sendmsg(one.fileno(), [b"!"], [(*RIGHTS, 4)])  # type: ignore[list-item]


def test_no_address_is_taken(sockets: Sockets) -> None:
    with pytest.raises(OSError) as caught:
        native.sendmsg(sockets[0].fileno(), [b"!"], (), 0, "/nowhere")

    assert caught.value.errno == errno.EOPNOTSUPP


def test_a_signal_does_not_end_a_wait(sockets: Sockets) -> None:
    one, other = sockets
    came: list[int] = []
    before = signal.signal(signal.SIGUSR1, lambda number, _: came.append(number))
    main = threading.get_ident()

    def interrupted() -> bool:
        signal.pthread_kill(main, signal.SIGUSR1)
        return len(came) >= 3

    def interrupt() -> None:
        eventually(interrupted)
        one.send(b"!")

    thread = threading.Thread(target=interrupt)
    try:
        thread.start()
        data = native.recvmsg(other.fileno(), 10)[0]
    finally:
        thread.join()
        signal.signal(signal.SIGUSR1, before)

    assert data == b"!"
    assert len(came) >= 3


def test_a_handler_that_raises_ends_a_wait(sockets: Sockets) -> None:
    class Enough(Exception):
        pass

    def stop(*_: object) -> None:
        raise Enough

    before = signal.signal(signal.SIGALRM, stop)
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.05, 0.05)
        with pytest.raises(Enough):
            native.recvmsg(sockets[0].fileno(), 10)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def test_threads_do_not_disturb_each_other(sockets: Sockets) -> None:
    pairs = [sockets, *(socket.socketpair() for _ in range(3))]
    wrong: list[object] = []

    def talk(here: socket.socket, there: socket.socket, word: bytes) -> None:
        for _ in range(300):
            native.sendmsg(here.fileno(), [word, word])
            got = native.recvmsg(there.fileno(), 100, ROOM)
            if got[:3] != (word * 2, [], 0):
                wrong.append(got)
            try:
                native.recvmsg(there.fileno(), 1, 0, DONTWAIT)
            except BlockingIOError:
                continue
            wrong.append("no error")

    threads = [
        threading.Thread(target=talk, args=(*pair, b"word%d" % number))
        for number, pair in enumerate(pairs)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for ends in pairs[1:]:
        for end in ends:
            end.close()

    assert wrong == []


# -- what there is


def test_linux_has_control_messages_and_no_access_rights() -> None:
    if systems.running() is not systems.TABLE["linux"]:
        pytest.skip("this is another system")

    assert native.missing() is None
    reason = "Linux has control messages in place of access rights (msg_accrights)"
    assert native.rights_missing() == reason
    with pytest.raises(OSError, match="in place of access rights") as caught:
        native.send_rights(0, b"!", [0])
    assert caught.value.errno == errno.ENOSYS
    with pytest.raises(OSError, match="in place of access rights"):
        native.receive_rights(0, 1, 1)


@pytest.mark.parametrize(
    "name", ["SOL_SOCKET", "SCM_RIGHTS", "MSG_CTRUNC", "MSG_PEEK", "MSG_DONTWAIT", "MSG_NOSIGNAL"]
)
def test_constants_are_those_of_python(name: str) -> None:
    assert native.constant(name) == getattr(socket, name)
    assert type(native.constant(name)) is int


def test_an_unknown_constant_is_nothing() -> None:
    assert native.constant("MSG_NEVER_HEARD_OF") == 0
