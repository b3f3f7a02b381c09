"""A careful sender and receiver of descriptors on plain sockets, for system_scenarios.

``how`` is the way of receiving: ``direct`` with recvmsg; ``peek`` looks twice with MSG_PEEK, then
takes the bytes with recv.
"""

from __future__ import annotations

import errno
import json
import os
import resource
import select
import signal
import socket
from array import array
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

DONTWAIT = socket.MSG_DONTWAIT
ROOM = socket.CMSG_SPACE(256 * 4)
TRANSIENT = {errno.EAGAIN, errno.ENOBUFS, errno.ETOOMANYREFS}


class Tokens:
    """Pipes; what is written through a descriptor tells which of them it is."""

    def __init__(self, count: int) -> None:
        pipes = [os.pipe() for _ in range(count)]
        self.reading = [reading for reading, _ in pipes]
        self.writing = [writing for _, writing in pipes]
        for fd in self.reading:
            os.set_blocking(fd, False)

    def heard(self, fd: int) -> int | None:
        try:
            os.write(fd, b"!")
        except OSError:
            return None
        for index, reading in enumerate(self.reading):
            try:
                os.read(reading, 16)
            except BlockingIOError:
                continue
            return index
        return None


class Got:
    """What one receive gave."""

    def __init__(self, data: bytes, control: list[tuple[int, int, bytes]], flags: int) -> None:
        self.data = data
        self.kinds = [kind for _, kind, _ in control]
        self.cut = bool(flags & socket.MSG_CTRUNC)
        self.fds: list[int] = []
        for _, kind, rights in control:
            if kind == socket.SCM_RIGHTS:
                self.fds += array("i", rights[: len(rights) // 4 * 4]).tolist()

    def heard(self, tokens: Tokens) -> list[int | None]:
        return [tokens.heard(fd) for fd in self.fds]

    def close(self) -> Got:
        for fd in self.fds:
            os.close(fd)
        return self


def patiently(sock: socket.socket, events: int, call: Callable[[], Any]) -> Any:
    """Repeat a call that the system refuses for the moment; the alarm of main() ends it."""
    waiting = select.poll()
    waiting.register(sock, events)
    while True:
        try:
            return call()
        except OSError as error:
            if error.errno not in TRANSIENT:
                raise
            waiting.poll(50)


def look(sock: socket.socket, how: str) -> Got:
    """Receive once, without waiting; a peek leaves the message."""
    flags = socket.MSG_CMSG_CLOEXEC | DONTWAIT
    if how == "direct":
        return Got(*sock.recvmsg(64, ROOM, flags)[:3])
    Got(*sock.recvmsg(64, ROOM, flags | socket.MSG_PEEK)[:3]).close()
    return Got(*sock.recvmsg(64, ROOM, flags | socket.MSG_PEEK)[:3])


def take(sock: socket.socket, how: str) -> Got:
    got: Got = patiently(sock, select.POLLIN, lambda: look(sock, how))
    left = len(got.data) if how == "peek" else 0
    while left:
        left -= len(patiently(sock, select.POLLIN, partial(sock.recv, left, DONTWAIT)))
    return got


def readable(sock: socket.socket, seconds: float = 0) -> bool:
    poll = select.poll()
    poll.register(sock, select.POLLIN)
    return bool(poll.poll(seconds * 1000))


def send(sock: socket.socket, fds: list[int]) -> None:
    """Send a byte for each descriptor; what a short write leaves goes without them."""
    left = b"x" * len(fds)
    control = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array("i", fds))]
    while left:
        once = partial(sock.sendmsg, [left], control, DONTWAIT)
        sent = patiently(sock, select.POLLOUT, once)
        left, control = left[sent:], []


def in_child(*work: Callable[[], object]) -> int:
    """Do it in a child process, which then ends without closing anything."""
    child = os.fork()
    if child == 0:
        try:
            for step in work:
                step()
        except BaseException as error:
            print(json.dumps(f"the child failed: {error!r}"), flush=True)
        finally:
            os._exit(0)
    return child


def after_child(*work: Callable[[], object]) -> None:
    os.waitpid(in_child(*work), 0)


def error_name(error: OSError) -> str:
    return errno.errorcode[error.errno or 0]


def attempt(call: Callable[[], object]) -> str:
    """Try a call that must not wait: its result, its errno, or that it waited."""

    def too_long(number: int, frame: object) -> None:
        raise TimeoutError

    signal.signal(signal.SIGVTALRM, too_long)
    signal.signal(signal.SIGALRM, too_long)
    before = signal.setitimer(signal.ITIMER_REAL, 0.5)
    try:
        call()
    except TimeoutError:
        return "waited"
    except OSError as error:
        return error_name(error)
    finally:
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.setitimer(signal.ITIMER_REAL, max(before[0], 1))
    return "done"


def open_count() -> int:
    return len(os.listdir("/proc/self/fd"))


@contextmanager
def full_table(limit: int = 40) -> Iterator[list[int]]:
    """Fill the descriptor table; give what fills it, to be closed bit by bit."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (limit, before[1]))
    filling: list[int] = []
    try:
        while True:
            try:
                filling.append(os.dup(0))
            except OSError:
                break
        yield filling
    finally:
        for fd in filling:
            os.close(fd)
        resource.setrlimit(resource.RLIMIT_NOFILE, before)
