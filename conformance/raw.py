"""A raw end: the harness speaks the wire itself, to send what no passer would.

It uses sendmsg and recvmsg directly, for the checks that say "a raw message" and no others.
"""

from __future__ import annotations

import array
import os
import socket
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .patience import Patience
    from .player import Openable

_ROOM = socket.CMSG_SPACE(64 * array.array("i").itemsize) if hasattr(socket, "CMSG_SPACE") else 0


class RawEnd:
    """The end of a channel that the harness holds."""

    def __init__(self, end: socket.socket, patience: Patience) -> None:
        self._socket = end
        self._socket.settimeout(patience.seconds())

    def send(self, data: bytes, fds: Sequence[int] = ()) -> None:
        """Send one message; borrows *fds*, which are the harness' own."""
        rights = (socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", fds))
        sent = self._socket.sendmsg([data], [rights] if fds else [])
        self._socket.sendall(data[sent:])

    def send_opened(self, data: bytes, things: Sequence[Openable]) -> None:
        """Open tokens or files for writing, send them all in one message, and close our own."""
        fds = [os.open(thing.path, os.O_WRONLY | os.O_APPEND) for thing in things]
        try:
            self.send(data, fds)
        finally:
            for fd in fds:
                os.close(fd)

    def recv(self, size: int = 4096) -> tuple[bytes, list[int]]:
        """Receive at most *size* bytes of one message, and descriptors; the caller owns those."""
        data, control, _, _ = self._socket.recvmsg(size, _ROOM)
        fds = array.array("i")
        for level, kind, content in control:
            if (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS):
                fds.frombytes(content[: len(content) - len(content) % fds.itemsize])
        return data, list(fds)

    def close(self) -> None:
        """Close this end."""
        self._socket.close()
