"""A raw end: the harness speaks the wire itself, to send what no passer would.

It uses sendmsg and recvmsg directly, for the checks that say "a raw message" and no others.
"""

from __future__ import annotations

import array
import errno
import os
import socket
import time
from typing import TYPE_CHECKING, TypeVar

from ..errors import Lacking

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from .dialects import Dialect
    from .patience import Patience
    from .player import Openable

Done = TypeVar("Done")

_ROOM = socket.CMSG_SPACE(64 * array.array("i").itemsize) if hasattr(socket, "CMSG_SPACE") else 0
# What the system says when it must recover first.
_TRY_LATER = {errno.EAGAIN, errno.EWOULDBLOCK, errno.ENOBUFS} | {
    getattr(errno, name) for name in ("ETOOMANYREFS",) if hasattr(errno, name)
}
_PAUSE = 0.002  # seconds
_FEW = 16  # descriptors, which every system takes in one message


class RawEnd:
    """The end of a channel that the harness holds."""

    def __init__(self, end: socket.socket, patience: Patience, dialect: Dialect) -> None:
        self.dialect = dialect
        self._socket = end
        self._patience = patience
        # Tried, and not polled for: on Linux a socket with room may not count as writable.
        self._socket.setblocking(False)

    def send(self, data: bytes, fds: Sequence[int] = ()) -> None:
        """Send one message; borrows *fds*, which are the harness' own.

        Raises:
            Lacking: they are many, and the system refuses so many in one message.

        """
        rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", fds))] if fds else []
        while data:
            try:
                sent = self._persistently(lambda: self._socket.sendmsg([data], rights))  # noqa: B023
            except OSError as error:
                if error.errno == errno.EINVAL and len(fds) > _FEW:
                    raise Lacking(f"{len(fds)} descriptors in one message are refused") from None
                raise
            data, rights = data[sent:], []

    def send_opened(self, data: bytes, things: Sequence[Openable]) -> None:
        """Open tokens or files for writing, send them all in one message, and close our own."""
        fds = [os.open(thing.path, os.O_WRONLY | os.O_APPEND) for thing in things]
        try:
            self.send(data, fds)
        finally:
            for fd in fds:
                os.close(fd)

    def send_one(self, thing: Openable) -> None:
        """Open a token or a file for writing, and send it as the dialect has it."""
        self.send_opened(self.dialect.one, [thing])

    def end(self) -> None:
        """Send no more: the peer finds the end of the channel behind what was sent."""
        self._socket.shutdown(socket.SHUT_WR)

    def recv(self, size: int = 4096) -> tuple[bytes, list[int]]:
        """Receive at most *size* bytes of one message, and descriptors; the caller owns those."""
        data, control, _, _ = self._persistently(lambda: self._socket.recvmsg(size, _ROOM))
        fds = array.array("i")
        for level, kind, content in control:
            if (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS):
                fds.frombytes(content[: len(content) - len(content) % fds.itemsize])
        return data, list(fds)

    def _persistently(self, call: Callable[[], Done]) -> Done:
        deadline = self._patience.deadline()
        while True:
            try:
                return call()
            except OSError as error:
                if error.errno not in _TRY_LATER or deadline.passed:
                    raise
                time.sleep(_PAUSE)

    def close(self) -> None:
        """Close this end."""
        self._socket.close()
