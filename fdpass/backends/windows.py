# ruff: noqa: E402  the platform stands before the imports, so that mypy stops there elsewhere
"""Windows: handles by DuplicateHandle, over any connected stream socket, as IO::FDPass does it.

Every descriptor is one record: the id of a process (4 bytes) and the value that a copy of the
handle has there (8 bytes, or 4 where the sender is a 32-bit program), in the machine's byte order.
There is no room for other bytes. The receiver takes the copy out of that process, which must still
be there: passing is a rendezvous, and ``send`` alone proves nothing. Nor may a peer be talked to
that is not trusted: it names any process and handle that it likes, and we are the one to take it.

Limits: both ends are programs of the same width; the C library's own flags of a descriptor, such
as O_APPEND, do not travel; the receiver needs the right PROCESS_DUP_HANDLE on the sender, which
programs of one user and one level of privileges have on each other.

Source: IO::FDPass 1.3, FDPass.xs (the wire); Microsoft's page on DuplicateHandle.
"""

from __future__ import annotations

import sys

assert sys.platform == "win32"

import errno
import os
import socket

from .loopback import (
    accept_one,
    alone,
    bind,
    longest_path,
    narrow,
    reach,
    start,
    stop,
    wait_readable,
)
from .records import MOST_PER_MESSAGE, Endpoint
from .sockets import registered

__all__ = [
    "CARRIES_TEXT",
    "MOST_PER_MESSAGE",
    "NAME",
    "PUTS_BACK",
    "TOO_MANY",
    "TRY_LATER",
    "Endpoint",
    "accept",
    "adopt",
    "adopt_socket",
    "alone",
    "bind",
    "connect",
    "longest_path",
    "missing",
    "open_pair",
    "peek_works",
    "start",
    "stop",
    "wait_readable",
]

NAME = "windows"
TRY_LATER = frozenset({errno.EAGAIN, errno.EWOULDBLOCK, errno.ENOBUFS})
TOO_MANY = frozenset({errno.EMSGSIZE})
PUTS_BACK = True
CARRIES_TEXT = False

_found: dict[str, bool] = {}


def missing() -> str | None:
    """Say in a sentence why handles cannot be passed here, or None; by doing, once."""
    if _found.get("works"):
        return None
    try:
        reading, writing = os.pipe()
        try:
            one, other = open_pair()
            try:
                one.send(b"\0", [writing])
                other.wait(read=True, write=False, timeout=5.0)
                _, fds, _ = other.receive(1)
                os.close(fds[0])
            finally:
                one.close()
                other.close()
        finally:
            os.close(reading)
            os.close(writing)
    except OSError as error:
        if error.errno in {errno.EMFILE, errno.ENFILE}:
            raise
        return f"passing a handle over a fresh pair failed: {error}"
    _found["works"] = True
    return None


def peek_works() -> bool:
    """Tell whether a handle can be looked at and left; it cannot, nor need it be."""
    return False


def open_pair() -> tuple[Endpoint, Endpoint]:
    """Open both ends of a channel: a TCP connection over the loopback interface."""
    one, other = socket.socketpair()
    for sock in (one, other):
        narrow(sock)
    return Endpoint(one), Endpoint(other)


def adopt(fd: int) -> Endpoint:
    """Take over a descriptor of a connected stream socket; for a socket object: adopt_socket.

    Raises:
        ValueError: it is something else; the caller keeps it, still open.

    """
    sock = registered(fd)
    try:
        _check(sock)
        return Endpoint(sock, fd=fd)
    except BaseException:
        sock.close()
        raise


def adopt_socket(number: int) -> Endpoint:
    """Take over a connected stream socket by its own number, which is no descriptor.

    Raises:
        ValueError: it is something else; the caller keeps it, still open.

    """
    sock = socket.socket(fileno=number)
    try:
        _check(sock)
        return Endpoint(sock)
    except BaseException:
        sock.detach()
        raise


def _check(sock: socket.socket) -> None:
    if sock.type != socket.SOCK_STREAM:
        raise ValueError(f"it is a socket of {sock.type!r}; a connected stream was due")
    try:
        sock.getpeername()
    except OSError as error:
        raise ValueError(f"it is a socket that is not connected: {error}") from None


def accept(listener: int) -> Endpoint:
    """Accept one connection of somebody who knows the word in the file."""
    sock, answer = accept_one(listener)
    try:
        endpoint = Endpoint(sock)
        sock.sendall(answer)  # a fresh connection has room for it
    except BaseException:
        sock.close()
        raise
    return endpoint


def connect(path: str, timeout: float | None = 0) -> Endpoint:
    """Connect to who listens at *path*; what is to be heard first from there shows that it is."""
    sock, answer = reach(path, timeout)
    try:
        return Endpoint(sock, answer)
    except BaseException:
        sock.close()
        raise
