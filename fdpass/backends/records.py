# ruff: noqa: E402  the platform stands before the imports, so that mypy stops there elsewhere
"""Records over a stream socket: for every descriptor a process and a handle in it.

Knows the wire, of which a record may come or go in parts, and nothing of how a channel is made;
the handles themselves are the matter of handles.py.

Source: IO::FDPass 1.3, FDPass.xs.
"""

from __future__ import annotations

import sys

assert sys.platform == "win32"

import _winapi
import errno
import msvcrt
import os
import select
import socket
import struct
from time import monotonic

from ..credentials import Credentials
from ..errors import DescriptorsLost, NotAPasser
from .handles import KEEPER, as_descriptor, take

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

MOST_PER_MESSAGE = 1
_RECORD = struct.Struct("=I" + ("Q" if sys.maxsize > 1 << 32 else "I"))
_STEP = 0.25  # seconds; Ctrl-C does not interrupt a select on Windows


class Endpoint:
    """One end of a connected stream socket; owns it, and parts of records on their way."""

    def __init__(self, sock: socket.socket, expected: bytes = b"", fd: int | None = None) -> None:
        """Take over *sock*, on which the peer says *expected* before all else.

        *fd* is the descriptor that it was made of, and is closed with it.
        """
        self._sock = sock
        self._fd = fd
        sock.setblocking(False)
        if sock.family in {socket.AF_INET, socket.AF_INET6}:
            # Twelve bytes at a time are not to wait for the acknowledgement of the last twelve.
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._expected = expected
        self._came = b""  # the beginning of a record
        self._rest = b""  # the end of one whose beginning is on the wire
        self._handle: int | None = None  # taken, and without a free slot yet
        self._broken: NotAPasser | None = None
        self._sender: int | None = None
        self._token = object()
        self._told: dict[int, None] = {}  # values of copies that the peer knows; some are taken

    def fileno(self) -> int:
        return self._sock.fileno()

    def send(self, data: bytes, fds: Sequence[int]) -> int:
        if not fds:
            return self._go_on(data)
        if len(fds) > MOST_PER_MESSAGE:
            raise OSError(errno.EMSGSIZE, f"a record has one handle; {len(fds)} came")
        if data != b"\0":
            raise ValueError(
                f"a record of a handle has no room for bytes of yours; {len(data) - 1} came"
            )
        value = KEEPER.keep(msvcrt.get_osfhandle(fds[0]), self._token)
        record = _RECORD.pack(KEEPER.pid, value)
        try:
            taken = self._sock.send(record)
        except BaseException:
            KEEPER.close(self._token, [value])
            raise
        self._told[value] = None
        self._rest = record[taken:]
        # The byte counts as taken when the whole record is; the descriptor is, from now on.
        return 0 if self._rest else 1

    def _go_on(self, data: bytes) -> int:
        while self._rest:
            self._rest = self._rest[self._sock.send(self._rest) :]
        return len(data)

    def receive(self, size: int) -> tuple[bytes, list[int], bool]:
        if size < 1:
            return b"", [], False
        if self._broken is not None:
            raise NotAPasser(*self._broken.args)
        if self._handle is None:
            if not self._has_record():
                return b"", [], False
            (self._sender, value), self._came = _RECORD.unpack(self._came), b""
            try:
                self._handle = take(self._sender, value)
            except NotAPasser as error:
                self._broken = error
                raise
        try:
            fd = as_descriptor(self._handle)
        except OSError as error:
            if error.errno in {errno.EMFILE, errno.ENFILE}:
                raise
            handle, self._handle = self._handle, None
            _winapi.CloseHandle(handle)
            raise DescriptorsLost(f"the handle that came has no descriptor: {error}", 1) from error
        self._handle = None
        return b"\0", [fd], False

    def _has_record(self) -> bool:
        """Read until a record is whole; tell whether one is, and not the end of the stream."""
        while self._expected or len(self._came) < _RECORD.size:
            due = len(self._expected) or _RECORD.size
            some = self._read(due - len(self._came))
            if not some:
                left, self._came = self._came, b""
                if left and not self._expected:
                    raise DescriptorsLost(
                        f"the peer ended after {len(left)} bytes of a record of {due}", 1
                    )
                return False
            self._came += some
            if self._expected and len(self._came) == due:
                if self._came != self._expected:
                    self._broken = NotAPasser("whoever answered is not the one who listens there")
                    raise self._broken
                self._expected = self._came = b""
        return True

    def _read(self, size: int) -> bytes:
        try:
            return self._sock.recv(size)
        except ConnectionAbortedError as error:  # WSAECONNABORTED: it has timed out
            raise ConnectionResetError(errno.ECONNRESET, str(error)) from error

    def peek(self, size: int) -> tuple[bytes, list[int], bool]:
        raise OSError(errno.EOPNOTSUPP, f"a handle is taken or not; no peek at {size} bytes")

    def discard(self, count: int) -> None:
        raise OSError(errno.EOPNOTSUPP, f"nothing was peeked at, so no {count} bytes are left out")

    def wait(self, *, read: bool, write: bool, timeout: float | None) -> bool:
        if read and self._handle is not None:
            return True
        if not read and not write:
            return False
        end = None if timeout is None else monotonic() + timeout
        while True:
            left = _STEP if end is None else min(_STEP, max(0.0, end - monotonic()))
            found = select.select([self._sock][: int(read)], [self._sock][: int(write)], [], left)
            if any(found):
                return True
            if end is not None and monotonic() >= end:
                return False

    def credentials(self) -> Credentials:
        """Give the process that keeps what came last: the sender's own, or a part of it."""
        return Credentials(self._sender, None, None)

    def release(self) -> None:
        """Let go of the socket without closing it; whoever has its number owns it."""
        if self._fd is None:
            self._sock.detach()
        else:
            self._sock.close()
        self._drop_handle()

    def close(self) -> None:
        """Close this end, what has arrived and nobody took, and what nobody can take any more."""
        self._drop_handle()
        if self._sock.fileno() < 0:
            return
        # Records left unread would be copies left open at the sender's, and closing a socket with
        # unread bytes would make the system drop those that we have sent (a reset).
        gone = self._drop_arrived()
        self._sock.close()
        if self._fd is not None:
            os.close(self._fd)
        if gone:
            KEEPER.close(self._token, self._told)
        self._told.clear()

    def _drop_arrived(self) -> bool:
        """Close all that has arrived; tell whether the peer has ended."""
        while True:
            try:
                _, fds, _ = self.receive(1)
            except DescriptorsLost:
                continue
            except BlockingIOError:
                return False
            except NotAPasser:
                return True
            except OSError as error:
                if self._handle is None:
                    return not isinstance(error, BlockingIOError)
                self._drop_handle()  # the table is full
                continue
            if not fds:
                return True
            os.close(fds[0])

    def _drop_handle(self) -> None:
        if self._handle is not None:
            _winapi.CloseHandle(self._handle)
            self._handle = None
