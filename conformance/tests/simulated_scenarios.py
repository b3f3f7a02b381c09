"""What a program sees of the simulated illumos: run by test_simulated, in processes of their own.

``python -m conformance.tests.simulated_scenarios SCENARIO`` prints a line of JSON.
"""

from __future__ import annotations

import ctypes
import fcntl
import json
import os
import select
import signal
import socket
import stat
import struct
import subprocess
import sys
import threading
from contextlib import suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

from . import simulated_meetings, simulated_rights
from .simulated_calls import (
    I_PEEK,
    I_PUSH,
    I_SENDFD,
    SOON,
    append_from,
    attempt,
    called,
    ended,
    full_table,
    in_child,
    open_descriptors,
    ready,
    receive_fd,
    same_file,
    send_fd,
    stream_pipe,
)


def order() -> object:
    """Bytes and passed files come as they went, and a call that wants the other says EBADMSG."""
    left, right = stream_pipe()
    os.write(left, b"hello")
    send_fd(left, 0)
    os.write(left, b"rest")
    said = [attempt(receive_fd, right), attempt(os.read, right, 3), attempt(os.read, right, 9)]
    said += [attempt(os.read, right, 9), same_file(receive_fd(right)[0], 0)]
    return [*said, attempt(os.read, right, 9)]


def both_ways() -> object:
    """A stream pipe is one pipe in each direction."""
    left, right = stream_pipe()
    os.write(left, b"there")
    os.write(right, b"back")
    return [attempt(os.read, right, 9), attempt(os.read, left, 9)]


def kinds() -> object:
    """A stream is a FIFO and no socket; what Python itself makes stays Linux's."""
    left, right = stream_pipe()
    plain, writing = os.pipe()
    sock, other = socket.socketpair()
    said: list[object] = [stat.S_ISFIFO(os.fstat(left).st_mode)]
    said += [stat.S_ISSOCK(os.fstat(sock.fileno()).st_mode)]
    said += [called("isastream", fd) for fd in (left, right, plain, sock.fileno())]
    said += [attempt(called, "isastream", 99), attempt(send_fd, writing, 0)]
    duplicate = os.dup(left)
    said += [attempt(lambda: socket.socket(fileno=duplicate)), attempt(send_fd, left, 99)]
    return [*said, attempt(other.getsockname), attempt(fcntl.ioctl, left, 0x53FF, 0)]


def received() -> object:
    """strrecvfd: the number, the sender's ids; the descriptor is not close-on-exec."""
    left, right = stream_pipe()

    def send() -> None:
        if not os.geteuid():
            os.setegid(1234)
            os.seteuid(2345)
        send_fd(left, 0)

    child = in_child(send)
    if ended(child):
        return "the child failed"
    fd, uid, gid = receive_fd(right)
    wanted = (os.geteuid(), os.getegid()) if os.geteuid() else (2345, 1234)
    return [(uid, gid) == wanted, os.get_inheritable(fd)]


def without_blocking() -> object:
    """O_NONBLOCK counts for receiving; I_SENDFD never waits."""
    left, right = stream_pipe()
    os.set_blocking(right, False)
    said = [attempt(os.read, right, 9), attempt(receive_fd, right), ready(right)]
    sent = 0
    while attempt(send_fd, left, 0) != "EAGAIN":
        sent += 1
    said += [sent > 16, "POLLOUT" in ready(left)]
    count = 0
    while not isinstance(got := attempt(receive_fd, right), str):
        os.close(got[0])
        count += 1
    return [*said, count == sent, ready(left)]


def blocking() -> object:
    """Without O_NONBLOCK a read and I_RECVFD wait."""
    left, right = stream_pipe()
    said = []
    waits: tuple[Callable[[], bool], ...] = (
        lambda: os.read(right, 9) == b"x",
        lambda: same_file(receive_fd(right)[0], 0),
    )
    sends: tuple[Callable[[], object], ...] = (
        lambda: os.write(left, b"x"),
        lambda: send_fd(left, 0),
    )
    for wait, send in zip(waits, sends, strict=True):
        came: list[bool] = []
        thread = threading.Thread(target=append_from, args=(came, wait))
        thread.start()
        thread.join(0.05)
        said += [thread.is_alive()]
        send()
        thread.join(10)
        said += came
    return said


def interrupted() -> object:
    """A signal whose handler raises ends a read and I_RECVFD that wait."""
    _, right = stream_pipe()

    def rise(*_: object) -> None:
        raise TimeoutError

    signal.signal(signal.SIGALRM, rise)
    said = []
    for wait in (lambda: os.read(right, 1), lambda: receive_fd(right)):
        signal.setitimer(signal.ITIMER_REAL, 0.05)
        try:
            wait()
        except (TimeoutError, InterruptedError):
            said.append("interrupted")
    return said


def put_back() -> object:
    """With a full table I_RECVFD says EMFILE as often as it is asked, and nothing is lost."""
    left, right = stream_pipe()
    os.set_blocking(right, False)
    send_fd(left, left)
    send_fd(left, right)
    with full_table() as fillers:
        said = [attempt(receive_fd, right) for _ in range(3)]
        os.close(fillers.pop())
        said.append(attempt(lambda: same_file(receive_fd(right)[0], left)))
        said.append(attempt(receive_fd, right))
    said.append(attempt(lambda: same_file(receive_fd(right)[0], right)))
    return [*said, attempt(receive_fd, right)]


def put_back_under_churn() -> object:
    """Another thread takes and frees the only slot all the time: nothing is lost or leaked."""
    left, right = stream_pipe()
    os.set_blocking(right, False)
    files = [os.memfd_create(str(i)) for i in range(20)]
    for fd in files:
        send_fd(left, fd)
    before = open_descriptors()
    came: list[bool] = []
    emfile, done = 0, threading.Event()
    with full_table() as fillers:
        os.close(fillers.pop())

        def churn() -> None:
            while not done.is_set():
                with suppress(OSError):
                    os.close(os.dup(0))

        thread = threading.Thread(target=churn)
        thread.start()
        while len(came) < len(files):
            got = attempt(receive_fd, right)
            if got == "EMFILE":
                emfile += 1
                continue
            came.append(same_file(got[0], files[len(came)]))
            os.close(got[0])
        done.set()
        thread.join()
    return [all(came), attempt(receive_fd, right), open_descriptors() == before]


def hang_up() -> object:
    """What was queued still comes; then EOF, ENXIO, EPIPE with SIGPIPE, and no reset."""
    left, right = stream_pipe()
    signals: list[int] = []
    signal.signal(signal.SIGPIPE, lambda number, _: signals.append(number))
    send_fd(left, 0)
    os.write(left, b"last")
    os.write(right, b"never read")
    os.close(left)
    said = [ready(right), same_file(receive_fd(right)[0], 0), attempt(os.read, right, 9)]
    said += [attempt(os.read, right, 9), attempt(receive_fd, right), attempt(send_fd, right, 0)]
    said += [attempt(os.write, right, b"x")]
    said += [list(map(int, signals)), ready(right)]
    return [*said, attempt(send_fd, right, 99), attempt(fcntl.ioctl, right, I_PUSH, b"connld\0")]


def unread_at_close() -> object:
    """The end that is closed with bytes unread leaves a plain hang-up: EOF, ENXIO, EPIPE first."""
    said = []
    signal.signal(signal.SIGPIPE, signal.SIG_IGN)
    for then in (
        lambda end: os.read(end, 9),
        receive_fd,
        lambda end: os.write(end, b"x"),
        lambda end: send_fd(end, 0),
    ):
        left, right = stream_pipe()
        os.write(right, b"never read")
        os.close(left)
        said.append(attempt(then, right))
        os.close(right)
    return said


def big_write() -> object:
    """More than fits goes in parts: a non-blocking write is short, a blocking one waits."""
    left, right = stream_pipe()
    data = bytes(range(256)) * 2000
    os.set_blocking(left, False)
    sent = os.write(left, data)
    said = [0 < sent < len(data), attempt(os.write, left, b"x")]
    os.set_blocking(left, True)

    def write_on() -> None:
        os.write(left, data[sent:])
        os.close(left)

    thread = threading.Thread(target=write_on)
    thread.start()
    came = b""
    while part := os.read(right, 70_000):
        came += part
    thread.join()
    return [*said, came == data]


def peeked() -> object:
    """I_PEEK: bytes are shown and stay, a passed file is EBADMSG, nothing is 0."""
    left, right = stream_pipe()

    def peek(size: int) -> tuple[int, int, int, bytes]:
        shown = ctypes.create_string_buffer(max(size, 0) + 1)
        asked = bytearray(struct.pack("iiPiiPI4x", -1, 0, 0, size, 0, ctypes.addressof(shown), 0))
        given = fcntl.ioctl(right, I_PEEK, asked)
        _, control, _, _, length, _, flags = struct.unpack("iiPiiPI4x", asked)
        assert flags == 0
        return given, control, length, shown.raw[: max(length, 0)]

    said: list[object] = [attempt(peek, 9)[0]]
    os.write(left, b"hello")
    send_fd(left, 0)
    said += [[*map(str, peek(size))] for size in (3, 9, 0, -1)]
    said += [attempt(os.read, right, 9), attempt(peek, 9)]
    os.close(receive_fd(right)[0])
    os.close(left)
    return [*said, attempt(peek, 9)[0]]


def many_readers() -> object:
    """Processes and threads that read one end share what comes, and nothing is torn."""
    left, right = stream_pipe()
    reading, writing = os.pipe()
    count = 60

    def read_on() -> None:
        os.close(left)
        os.set_blocking(right, False)
        poll = select.poll()
        poll.register(right, select.POLLIN)
        while poll.poll(SOON):
            got = attempt(os.read, right, 1)
            if got == "":
                return
            os.write(writing, b"d" if got == "x" else b"")
            got = attempt(receive_fd, right)
            if not isinstance(got, str):
                os.close(got[0])
                os.write(writing, b"f")
            else:
                assert got in {"EAGAIN", "EBADMSG", "ENXIO"}

    children = [in_child(read_on) for _ in range(3)]
    os.close(right)
    for _ in range(count):
        os.write(left, b"x")
        while attempt(send_fd, left, 0) == "EAGAIN":
            ready(left, SOON)
    os.close(left)
    said = [ended(child) for child in children]
    os.close(writing)
    heard = b"".join(iter(lambda: os.read(reading, 999), b""))
    return [said, heard.count(b"d") == count, heard.count(b"f") == count]


def heirs() -> object:
    """An end is what it is after fork, after exec and after passing, also by SCM_RIGHTS."""
    left, right = stream_pipe()
    sock, other = socket.socketpair()
    socket.send_fds(sock, [b"x"], [left])
    passed = socket.recv_fds(other, 1, 1)[1][0]
    os.write(passed, b"1")
    send_fd(left, left)
    nested = [attempt(os.read, right, 9), receive_fd(right)[0]]
    os.write(nested[1], b"2")
    ended(in_child(lambda: os.write(left, b"3")))
    program = f"import os,fcntl; os.write({left}, b'4'); fcntl.ioctl({left}, {I_SENDFD}, 0)"
    subprocess.run([sys.executable, "-S", "-c", program], pass_fds=[left], check=True)
    said = [nested[0], attempt(os.read, right, 9), same_file(receive_fd(right)[0], 0)]
    return [*said, all(stat.S_ISFIFO(os.fstat(fd).st_mode) for fd in (passed, nested[1]))]


def discarded() -> object:
    """What a read makes of a passed file."""
    left, right = stream_pipe()
    os.set_blocking(right, False)
    send_fd(left, 0)
    said = [attempt(os.read, right, 9)]
    os.write(left, b"x")
    return [*said, attempt(receive_fd, right) if said == ["EAGAIN"] else ""]


if __name__ == "__main__":
    known = vars(simulated_meetings) | vars(simulated_rights) | globals()
    print(json.dumps(known[sys.argv[1]]()))
