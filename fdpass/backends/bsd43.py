"""BSD4.3: descriptors over connected Unix stream sockets, as access rights (msg_accrights).

The older form of sendmsg(2) and recvmsg(2), whose msghdr has no flags: that descriptors were cut
off shows only in there being fewer of them than bytes. CPython has no such call; it is made through
ctypes, where the layout is known (:mod:`fdpass.backends.systems`).

Source: illumos sys/socket.h, struct omsghdr; recvmsg(3SOCKET), msg_accrights.
"""

from __future__ import annotations

import errno
import os
from array import array

from . import native, unix, unix_sockets
from .scm_rights import MOST_PER_MESSAGE, TOO_MANY, TRY_LATER
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

NAME = "bsd43"
PUTS_BACK = False
CARRIES_TEXT = True
_works = False  # found out once in a process


class Endpoint(unix_sockets.SocketEndpoint):
    """One end of a connected Unix stream socket; owns it."""

    def __init__(self, sock: socket.socket) -> None:
        super().__init__(sock)
        dontwait = native.constant("MSG_DONTWAIT")
        if not dontwait:
            sock.setblocking(False)
        self._flags = dontwait
        self._sending = dontwait | native.constant("MSG_NOSIGNAL")

    def send(self, data: bytes, fds: Sequence[int]) -> int:
        rights = fds if type(fds) is array else array("i", fds)
        return native.send_rights(self._sock.fileno(), data, rights, self._sending)

    def receive(self, size: int) -> tuple[bytes, list[int], bool]:
        fd = self._sock.fileno()
        data, fds = native.receive_rights(fd, size, MOST_PER_MESSAGE, self._flags)
        for received in fds:
            os.set_inheritable(received, False)
        return data, fds, False

    def peek(self, size: int) -> tuple[bytes, list[int], bool]:
        raise NotImplementedError(f"peek_works() says that {size} bytes cannot be peeked at")


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


def peek_works() -> bool:
    """Tell that what MSG_PEEK gives in access rights is never used.

    No system is known to document it, and without flags a cut would not show.
    """
    return False


def missing() -> str | None:
    """Say in a sentence why access rights do not work here, or None; by doing."""
    global _works
    if _works:
        return None
    if reason := native.rights_missing():
        return reason
    try:
        one, other = open_pair()
        try:
            _works = unix.passes(one, other)
        finally:
            one.close()
            other.close()
    except OSError as error:
        if error.errno in {errno.EMFILE, errno.ENFILE}:
            raise
        return f"passing a descriptor over a fresh pair failed: {error}"
    return None if _works else "a descriptor sent over a fresh pair did not arrive"
