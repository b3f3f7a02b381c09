"""Flags, options and identity."""

from __future__ import annotations

import fcntl
import os
import socket
import struct
import termios

from .saying import Result, missing
from .steps import borrowed, gives, numbered


@gives("number")
def do_nonblocking(fd: int) -> Result:
    return numbered(bool(fcntl.fcntl(fd, fcntl.F_GETFL) & os.O_NONBLOCK))


@gives()
def do_set_nonblocking(fd: int, on: int) -> Result:
    flags = fcntl.fcntl(fd, fcntl.F_GETFL) & ~os.O_NONBLOCK
    fcntl.fcntl(fd, fcntl.F_SETFL, flags | (os.O_NONBLOCK if on else 0))
    return Result()


@gives("number")
def do_appending(fd: int) -> Result:
    return numbered(bool(fcntl.fcntl(fd, fcntl.F_GETFL) & os.O_APPEND))


@gives("number")
def do_status_flags(fd: int) -> Result:
    return numbered(fcntl.fcntl(fd, fcntl.F_GETFL))


@gives()
def do_set_async(fd: int) -> Result:
    if not hasattr(os, "O_ASYNC"):
        missing("this Python has no os.O_ASYNC")
    fcntl.fcntl(fd, fcntl.F_SETFL, fcntl.fcntl(fd, fcntl.F_GETFL) | os.O_ASYNC)
    return Result()


@gives("text")
def do_access(fd: int) -> Result:
    result = Result()
    modes = {os.O_RDONLY: "read", os.O_WRONLY: "write", os.O_RDWR: "both"}
    mask = os.O_RDONLY | os.O_WRONLY | os.O_RDWR  # O_ACCMODE, which PyPy does not name
    result.text = modes[fcntl.fcntl(fd, fcntl.F_GETFL) & mask]
    return result


_BY_LINES = termios.ICANON | termios.ECHO
LOCAL = 3  # where the local modes stand in what tcgetattr gives


@gives()
def do_set_terminal(fd: int, rows: int, columns: int) -> Result:
    modes = termios.tcgetattr(fd)
    modes[LOCAL] &= ~_BY_LINES
    termios.tcsetattr(fd, termios.TCSANOW, modes)
    fcntl.ioctl(fd, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
    return Result()


@gives("text")
def do_terminal(fd: int) -> Result:
    result = Result()
    mode = "lines" if termios.tcgetattr(fd)[LOCAL] & _BY_LINES else "raw"
    size = fcntl.ioctl(fd, termios.TIOCGWINSZ, bytes(8))
    rows, columns, _, _ = struct.unpack("HHHH", size)
    result.text = f"{mode} {rows}x{columns}"
    return result


@gives("number")
def do_cloexec(fd: int) -> Result:
    return numbered(bool(fcntl.fcntl(fd, fcntl.F_GETFD) & fcntl.FD_CLOEXEC))


@gives()
def do_set_cloexec(fd: int, on: int) -> Result:
    fcntl.fcntl(fd, fcntl.F_SETFD, fcntl.FD_CLOEXEC if on else 0)
    return Result()


def option_of(option: str) -> tuple[int, int]:
    """Give the level and the number of an option."""
    if option == "NODELAY":
        return socket.IPPROTO_TCP, socket.TCP_NODELAY
    number = getattr(socket, f"SO_{option}", None)
    if number is None:
        missing(f"this Python has no SO_{option}")
    return socket.SOL_SOCKET, number


@gives()
def do_setsockopt(sock: int, option: str, value: int) -> Result:
    level, number = option_of(option)
    with borrowed(sock) as there:
        if option == "RCVTIMEO":
            there.setsockopt(level, number, struct.pack("ll", value, 0))
        else:
            there.setsockopt(level, number, value)
    return Result()


@gives("number")
def do_getsockopt(sock: int, option: str) -> Result:
    level, number = option_of(option)
    size = struct.calcsize("ll" if option == "RCVTIMEO" else "i")
    with borrowed(sock) as there:
        seen = there.getsockopt(level, number, size)
    (first,) = struct.unpack_from("l" if option == "RCVTIMEO" else "i", seen)
    return numbered(first if option in {"RCVTIMEO", "TYPE"} else bool(first))


@gives("number")
def do_is_named(sock: int, path: str) -> Result:
    with borrowed(sock) as there:
        return numbered(there.getsockname() == path)


@gives("number")
def do_same_file(one: int, other: int) -> Result:
    return numbered(os.path.samestat(os.fstat(one), os.fstat(other)))
