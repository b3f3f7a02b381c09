"""A passer for ``--peer conformance.peers.examples.in_process:factory``: a NUL byte a descriptor.

Put the calls of your own passer in place of those of the socket, and what it raises into
``conditions``. More methods are more checks: PROTOCOL.md, In-process, has them all.
"""

from __future__ import annotations

import os
import select
import socket

TYPE_CHECKING = False  # importing typing would double the time to start
if TYPE_CHECKING:
    from typing import ClassVar


class Lost(Exception):
    """A byte came without its descriptor."""


class Passer:
    """One end of a channel."""

    def __init__(self, end: socket.socket) -> None:
        end.setblocking(False)
        self._end = end

    def send(self, fd: int) -> None:
        """Send a descriptor at once, or raise BlockingIOError."""
        socket.send_fds(self._end, [b"\0"], [fd])

    def flush(self, timeout: float | None) -> None:
        """Do nothing: nothing is ever queued."""

    def recv(self, timeout: float | None) -> int:
        """Wait for a descriptor."""
        waiting = select.poll()
        waiting.register(self._end, select.POLLIN)
        if not waiting.poll(None if timeout is None else timeout * 1000):
            raise TimeoutError(f"nothing came within {timeout} s")
        return self.recv_nowait()

    def recv_nowait(self) -> int:
        """Receive a descriptor, or raise BlockingIOError."""
        data, fds, _, _ = socket.recv_fds(self._end, 1, 1)
        if not data:
            raise EOFError("the other end was closed")
        if not fds:
            raise Lost("a byte came without its descriptor")
        os.set_inheritable(fds[0], False)
        return fds[0]

    def close(self) -> None:
        """Close the channel."""
        self._end.close()


class Maker:
    """What makes passers."""

    name = "send-fds-in-process"
    version = "1"
    conditions: ClassVar[dict[type[Exception], str]] = {Lost: "lost"}

    def adopt(self, fd: int) -> Passer:
        """Make a passer of a connected socket, and take it over."""
        return Passer(socket.socket(fileno=fd))

    def pair(self) -> tuple[Passer, Passer]:
        """Make both ends of a channel."""
        one, other = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        return Passer(one), Passer(other)


def factory() -> Maker:
    """Give what makes passers; called once, before anything is asked."""
    return Maker()
