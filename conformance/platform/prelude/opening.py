"""Opening descriptors, and naming sockets."""

from __future__ import annotations

import ctypes
import errno
import os
import pty
import select
import socket
import struct
import sys
import tempfile
import time

from .saying import Result, State, missing, wrong
from .steps import borrowed, gives, numbered, opens


def place(name: str) -> str:
    """Give a path for what is to be made; it is removed in the end."""
    if not State.folder:
        temporary = os.environ.get("TMPDIR", "")
        if not 0 < len(temporary) < 48:  # the name of a socket has to fit into its address
            temporary = "/tmp"  # noqa: S108
        State.folder = tempfile.mkdtemp(prefix="fd-", dir=temporary)
    State.made.append(os.path.join(State.folder, f"{name}{len(State.made)}"))
    return State.made[-1]


def kind_of(name: str) -> int:
    kind = getattr(socket, f"SOCK_{name.upper()}", None)
    if kind is None:
        missing(f"this Python has no SOCK_{name.upper()}")
    return int(kind)


@opens(2)
def do_socketpair(kind: str) -> tuple[int, int]:
    one, other = socket.socketpair(socket.AF_UNIX, kind_of(kind))
    return one.detach(), other.detach()


@opens(2)
def do_inet(kind: str) -> tuple[int, int]:
    family, home = (socket.AF_INET6, "::1") if kind == "tcp6" else (socket.AF_INET, "127.0.0.1")
    one = socket.socket(family, kind_of("dgram" if kind == "udp" else "stream"))
    one.bind((home, 0))
    other = socket.socket(family, one.type)
    if kind == "udp":
        other.bind((home, 0))
        one.connect(other.getsockname())
        other.connect(one.getsockname())
        return one.detach(), other.detach()
    one.listen(1)
    other.connect(one.getsockname())
    accepted, _ = one.accept()
    one.close()
    return other.detach(), accepted.detach()


@opens(2)
def do_pipe() -> tuple[int, int]:
    return os.pipe()


@opens(2)
def do_pty() -> tuple[int, int]:
    return pty.openpty()


@opens(1)
def do_listener() -> int:
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    sock.bind(place("socket"))
    sock.listen(8)
    return sock.detach()


@opens(1, prepares=False)
def do_connect(listener: int) -> int:
    with borrowed(listener) as there:
        name = there.getsockname()
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    sock.connect(name)
    return sock.detach()


@opens(1, prepares=False)
def do_accept(listener: int) -> int:
    with borrowed(listener) as there:
        sock, _ = there.accept()
    return sock.detach()


@opens(1)
def do_socket(kind: str) -> int:
    return socket.socket(socket.AF_UNIX, kind_of(kind)).detach()


@gives()
def do_path(size: int) -> Result:
    result = Result()
    result.text = place("path")
    if len(result.text) > size > 0:
        missing("the temporary directory has a path that is too long")
    result.text += "x" * (size - len(result.text))
    State.made[-1] = result.text
    return result


@gives()
def do_abstract() -> Result:
    result = Result()
    result.text = f"@{place('name')}"
    return result


def name_call(name: str, sock: int, path: str) -> None:
    """Call bind or connect, which Python itself does not do with a long path."""
    inside = path.encode()
    inside = b"\0" + inside[1:] if path[0] == "@" else inside + b"\0"
    with_size = "bsd" in sys.platform or sys.platform in {"darwin", "dragonfly"}
    head = bytes([min(len(inside) + 2, 255), socket.AF_UNIX])
    address = (head if with_size else struct.pack("=H", socket.AF_UNIX)) + inside
    call = getattr(ctypes.CDLL(None, use_errno=True), name)
    again: set[int] = set()
    while call(sock, address, len(address)) < 0:
        error = ctypes.get_errno()
        if error == errno.EISCONN and again:
            return  # an interrupted connect goes on by itself
        if error not in {errno.EINTR, *again}:
            raise OSError(error, "")
        again = {errno.EALREADY}


@gives()
def do_bind(sock: int, path: str) -> Result:
    name_call("bind", sock, path)
    return Result()


@gives()
def do_listen(sock: int, backlog: int) -> Result:
    with borrowed(sock) as there:
        there.listen(backlog)
    return Result()


@gives()
def do_connect_to(sock: int, path: str) -> Result:
    name_call("connect", sock, path)
    return Result()


@gives()
def do_unlink(path: str) -> Result:
    os.unlink(path)
    return Result()


@gives()
def do_forbid(path: str) -> Result:
    os.chmod(path, 0)
    return Result()


@gives("number")
def do_exists(path: str) -> Result:
    return numbered(os.path.lexists(path))


@opens(1)
def do_fifo() -> int:
    path = place("fifo")
    os.mkfifo(path)
    return os.open(path, os.O_RDONLY | os.O_NONBLOCK)


@opens(2)
def do_named_pipe() -> tuple[int, int]:
    path = place("fifo")
    os.mkfifo(path)
    reading = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    writing = os.open(path, os.O_WRONLY)
    os.set_blocking(reading, True)
    return reading, writing


@opens(1)
def do_file(content: bytes, mode: str) -> int:
    path = place("file")
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    os.write(fd, content)
    os.close(fd)
    modes = {"read": os.O_RDONLY, "write": os.O_WRONLY, "both": os.O_RDWR}
    modes |= {"append": os.O_RDWR | os.O_APPEND, "sync": os.O_RDWR | os.O_SYNC}
    return os.open(path, modes[mode])


@opens(1)
def do_file_again() -> int:
    return os.open(State.made[-1], os.O_RDWR)


@opens(1)
def do_event_counter() -> int:
    if not hasattr(os, "eventfd"):
        missing("this Python has no os.eventfd")
    return os.eventfd(0, 0)


@opens(1)
def do_memory_file() -> int:
    if not hasattr(os, "memfd_create"):
        missing("this Python has no os.memfd_create")
    return os.memfd_create("fd", 0)


@opens(1)
def do_event_queue(fd: int) -> int:
    if not hasattr(select, "epoll"):
        missing("this Python has no select.epoll")
    queue = select.epoll()
    queue.register(fd, select.EPOLLIN)
    number = os.dup(queue.fileno())
    queue.close()
    return number


@opens(1)
def do_timer() -> int:
    library = ctypes.CDLL(None, use_errno=True)  # os.timerfd_create is of Python 3.13
    if not hasattr(library, "timerfd_create"):
        missing("this system has no timerfd_create")
    timer: int = library.timerfd_create(time.CLOCK_MONOTONIC, 0)
    soon = (ctypes.c_long * 4)(0, 0, 0, 1)  # in a nanosecond, once
    if timer < 0 or library.timerfd_settime(timer, 0, soon, None) < 0:
        raise OSError(ctypes.get_errno(), "")
    if not select.select([timer], [], [], State.seconds)[0]:
        wrong("a timer did not run out")
    return timer


@opens(1)
def do_process_descriptor(process: int) -> int:
    if not hasattr(os, "pidfd_open"):
        missing("this Python has no os.pidfd_open")
    return os.pidfd_open(process)


@opens(1)
def do_path_only() -> int:
    if not hasattr(os, "O_PATH"):
        missing("this Python has no os.O_PATH")
    return os.open("/", os.O_PATH)


@opens(1)
def do_directory() -> int:
    return os.open("/", os.O_RDONLY | os.O_DIRECTORY)


@opens(1, prepares=False)
def do_open_at(directory: int, path: str) -> int:
    return os.open(path, os.O_RDONLY, dir_fd=directory)


@opens(1)
def do_memory(size: int) -> int:
    try:
        shared = __import__("_posixshmem")
    except ImportError:
        missing("this Python has no _posixshmem; the C program can be tried")
    name = f"/fd-{os.getpid()}"
    fd = int(shared.shm_open(name, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
    shared.shm_unlink(name)
    os.ftruncate(fd, size)
    return fd


@opens(1)
def do_null() -> int:
    return os.open("/dev/null", os.O_RDWR)


@opens(1, prepares=False)
def do_dup(fd: int) -> int:
    return os.dup(fd)


@gives()
def do_close(fd: int) -> Result:
    os.close(fd)
    return Result()
