# ruff: noqa: E402  the platform stands before the imports, so that mypy stops there elsewhere
"""Sockets of Windows as descriptors, and back: a socket's number there is a handle, no descriptor.

DuplicateHandle, by which a socket is passed like all else, goes past the books that Winsock keeps
of its sockets; WSADuplicateSocket enters it there, before it is used.

Source: Microsoft's pages on DuplicateHandle ("should not be used" for sockets) and
WSADuplicateSocketW. Wine 8 refuses a socket that was only duplicated.
"""

from __future__ import annotations

import sys

assert sys.platform == "win32"

import _winapi
import msvcrt
import os
import socket
from contextlib import contextmanager

from .handles import as_descriptor

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import Any, Protocol

    class HasFileno(Protocol):
        """A socket, or what has one."""

        def fileno(self) -> int:
            """Give the socket's number."""

        def close(self) -> None:
            """Close it."""


_PROTOCOL_INFO = 628  # bytes of a WSAPROTOCOL_INFOW


def as_socket(fd: int) -> socket.socket:
    """Make a socket object of a received descriptor, and take the descriptor over.

    Raises:
        ValueError: it is no socket; the caller keeps it, still open.

    """
    sock = registered(fd)
    os.close(fd)
    return sock


def registered(fd: int) -> socket.socket:
    """Make a socket object of a copy that Winsock knows; borrows the descriptor.

    Raises:
        ValueError: it is no socket.

    """
    return _copy_of(msvcrt.get_osfhandle(fd), f"descriptor {fd}")


def inherited(handle: int) -> socket.socket:
    """Make a socket object of a handle that came from the parent process; takes it over."""
    sock = _copy_of(handle, f"handle {handle}")
    _winapi.CloseHandle(handle)
    return sock


def _copy_of(handle: int, what: str) -> socket.socket:
    import ctypes

    winsock = ctypes.WinDLL("ws2_32")
    about = ctypes.create_string_buffer(_PROTOCOL_INFO)
    if winsock.WSADuplicateSocketW(ctypes.c_void_p(handle), os.getpid(), about) != 0:
        error = ctypes.WinError(winsock.WSAGetLastError())
        raise ValueError(f"{what} is no socket: {error.strerror}")
    return socket.fromshare(about.raw)


def copy_socket(sock: HasFileno) -> int:
    """Make a descriptor of a copy of the socket's handle; the caller owns it."""
    here = _winapi.GetCurrentProcess()
    same = _winapi.DUPLICATE_SAME_ACCESS
    handle = _winapi.DuplicateHandle(here, sock.fileno(), here, 0, False, same)
    try:
        return as_descriptor(handle)
    except BaseException:
        _winapi.CloseHandle(handle)
        raise


class _Copy:
    """Stands for a socket: has the descriptor of its copy, and closes the socket itself."""

    def __init__(self, sock: HasFileno) -> None:
        self.fd = copy_socket(sock)
        self.fileno = lambda: self.fd
        self.close = sock.close


@contextmanager
def descriptors_of(files: Sequence[Any], kind: type[HasFileno]) -> Iterator[list[Any]]:
    """Give *files* with a stand-in for every socket, for as long as this lasts.

    What is of that *kind* has the number of a socket, too.
    """
    copies: list[_Copy] = []
    given = []
    try:
        for file in files:
            if isinstance(file, (socket.socket, kind)):
                copies.append(_Copy(file))
                given.append(copies[-1])
            else:
                given.append(file)
        yield given
    finally:
        for copy in copies:
            os.close(copy.fd)
