"""BSD4.4: descriptors over connected Unix stream sockets, in SCM_RIGHTS control messages.

Knows the messages. Never waits by itself, keeps no state of a stream, and never decides what
a loss means: that is :mod:`fdpass.survival` and the passer.
"""

from __future__ import annotations

import errno
import os
from array import array

from . import scm_rights, unix_sockets
from .scm_rights import (
    CTRUNC,
    PEEKING,
    RECEIVING,
    ROOM,
    SCM_RIGHTS,
    SENDING,
    SOL_SOCKET,
    descriptors,
    probe,
)
from .unix import alone, wait_readable
from .unix_sockets import bind, longest_path, start, stop

TYPE_CHECKING = False
if TYPE_CHECKING:
    import socket
    from collections.abc import Sequence

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

NAME = "bsd44"
TRY_LATER = scm_rights.TRY_LATER
TOO_MANY = scm_rights.TOO_MANY
MOST_PER_MESSAGE = scm_rights.MOST_PER_MESSAGE
PUTS_BACK = False
CARRIES_TEXT = True
peek_works = scm_rights.peek_works


class Endpoint(unix_sockets.SocketEndpoint):
    """One end of a connected Unix stream socket; owns it."""

    def __init__(self, sock: socket.socket) -> None:
        super().__init__(sock)
        self._sendmsg, self._recvmsg = scm_rights.messages(sock)
        self._cloexec_by_hand = not probe()["cloexec"]

    def send(self, data: bytes, fds: Sequence[int]) -> int:
        if not fds:
            return self._sendmsg((data,), (), SENDING)
        rights = fds if type(fds) is array else array("i", fds)
        return self._sendmsg((data,), ((SOL_SOCKET, SCM_RIGHTS, rights),), SENDING)

    def receive(self, size: int, flags: int = RECEIVING) -> tuple[bytes, list[int], bool]:
        data, control, got, _ = self._recvmsg(size, ROOM, flags)
        fds = descriptors(control)
        if self._cloexec_by_hand:
            for fd in fds:
                os.set_inheritable(fd, False)
        return data, fds, bool(got & CTRUNC)

    def peek(self, size: int) -> tuple[bytes, list[int], bool]:
        if self._cloexec_by_hand:
            return self.receive(size, PEEKING)
        data, control, got, _ = self._recvmsg(size, ROOM, PEEKING)
        return data, descriptors(control), got & CTRUNC != 0


def open_pair() -> tuple[Endpoint, Endpoint]:
    """Open both ends of a channel."""
    one, other = unix_sockets.open_sockets()
    return Endpoint(one), Endpoint(other)


def adopt(fd: int) -> Endpoint:
    """Take over a connected Unix stream socket.

    Raises:
        ValueError: it is something else; the caller keeps it, still open.

    """
    return Endpoint(unix_sockets.adopt_socket(fd))


def accept(listener: int) -> Endpoint:
    """Accept one connection."""
    return Endpoint(unix_sockets.accept_socket(listener))


def connect(path: str, timeout: float | None) -> Endpoint:  # noqa: ARG001
    """Connect to *path*, or say at once that the listener is too busy."""
    return Endpoint(unix_sockets.connect_socket(path))


def missing() -> str | None:
    """Say in a sentence why SCM_RIGHTS does not work here, or None; by doing."""
    if reason := scm_rights.missing():
        return reason
    try:
        return None if probe()["works"] else "a descriptor sent over a fresh pair did not arrive"
    except OSError as error:
        if error.errno in {errno.EMFILE, errno.ENFILE}:
            raise
        return f"passing a descriptor over a fresh pair failed: {error}"
