# ruff: noqa: E402  the platform stands before the imports, so that mypy stops there elsewhere
"""The peer program of fdpass on Windows, with the operations that there are on it.

There is no fork there and no flags of a descriptor that could be asked for; no bytes go with a
handle. The table is the C library's: it has no limit that could be set, so the numbers above one
are occupied.
"""

from __future__ import annotations

import os
import sys

assert sys.platform == "win32"

import _winapi
import msvcrt
import platform
import socket
import time
from typing import Any

from . import reference
from .reference import ReferencePeer

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .session import Request

_MOST = 8192  # of the C library; Wine's has fewer
_PAUSE = 0.002  # seconds between two looks at a pipe, which cannot be waited for
_FILE_TYPE_PIPE = 3
_BACKUP_SEMANTICS = 0x02000000  # FILE_FLAG_BACKUP_SEMANTICS, without which no directory is opened


class WindowsPeer(ReferencePeer):
    """fdpass on Windows."""

    op_fork: Any = None
    op_wait: Any = None
    op_flags: Any = None
    op_set_nonblocking: Any = None
    op_recv_with_data: Any = None

    def __init__(self) -> None:
        super().__init__()
        self._barred: set[int] = set()

    def op_hello(self, request: Request) -> object:
        """Tell who this is, and on which system, without a process id that means anything."""
        about = dict(super().op_hello(request))  # type: ignore[call-overload]
        del about["pid"]
        return {**about, "system": _system()}

    def op_open(self, request: Request) -> object:
        """Open a path; a directory is opened as Windows wants it."""
        if "directory" not in request["flags"]:
            return super().op_open(request)
        handle = _winapi.CreateFile(
            request["path"], _winapi.GENERIC_READ, 0, 0, _winapi.OPEN_EXISTING, _BACKUP_SEMANTICS, 0
        )
        return {"fd": msvcrt.open_osfhandle(handle, os.O_NOINHERIT)}

    def op_limit(self, request: Request) -> object:
        """Occupy all numbers from the limit on that are free, and no others."""
        for fd in self._barred:
            os.close(fd)
        self._barred.clear()
        try:
            for fd in range(request["descriptors"], _MOST):
                if not _is_open(fd):
                    os.dup2(2, fd, inheritable=False)
                    self._barred.add(fd)
        except OSError:  # the C library's own limit is lower
            pass
        return {}

    def op_socketpair(self, request: Request) -> object:  # noqa: ARG002
        """Open a connected pair of sockets, as descriptors."""
        return {"fds": [_descriptor_of(end) for end in socket.socketpair()]}

    def op_write(self, request: Request) -> object:
        """Write."""
        return {"count": os.write(request["fd"], bytes.fromhex(request["hex"]))}

    def op_read(self, request: Request) -> object:
        """Read what there is, once there is something."""
        handle = msvcrt.get_osfhandle(request["fd"])
        timeout = request.get("timeout")
        deadline = None if timeout is None else time.monotonic() + timeout
        while not _is_readable(handle):
            if deadline is not None and time.monotonic() > deadline:
                raise TimeoutError(f"nothing to read within {timeout} s")
            time.sleep(_PAUSE)
        return {"hex": os.read(request["fd"], request["count"]).hex()}

    def op_table(self, request: Request) -> object:  # noqa: ARG002
        """List the open descriptors."""
        return {"fds": [fd for fd in range(_MOST) if fd not in self._barred and _is_open(fd)]}

    def reap(self) -> None:
        """There are no children."""


def _descriptor_of(sock: socket.socket) -> int:
    """Give a descriptor of a copy of the handle; closes the socket, so that Winsock forgets it."""
    here = _winapi.GetCurrentProcess()
    with sock:
        copy = _winapi.DuplicateHandle(
            here, sock.fileno(), here, 0, False, _winapi.DUPLICATE_SAME_ACCESS
        )
        return msvcrt.open_osfhandle(copy, os.O_NOINHERIT)


def _is_readable(handle: int) -> bool:
    if _winapi.GetFileType(handle) != _FILE_TYPE_PIPE:
        return True
    try:
        return _winapi.PeekNamedPipe(handle, 0)[-2] != 0
    except OSError:  # the end, which a read tells
        return True


def _is_open(fd: int) -> bool:
    try:
        msvcrt.get_osfhandle(fd)
    except OSError:
        return False
    return True


def _system() -> str:
    import ctypes

    name = f"Windows {platform.win32_ver()[0]}"
    try:
        version = ctypes.WinDLL("ntdll").wine_get_version
    except AttributeError:
        return name
    version.restype = ctypes.c_char_p
    return f"{name}, Wine {version().decode()}"


def main() -> None:
    """Answer the harness until it closes standard input."""
    reference.main(WindowsPeer)
