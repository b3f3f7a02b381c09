"""``multiprocessing.reduction`` as a passer: a descriptor a message.

The byte that goes with each is the number of descriptors, one. On macOS, and since Python 3.14, the
sender waits for an answer to each, and so this peer does.
"""

from __future__ import annotations

import errno
import socket  # noqa: TC003 (the base class says it at run time)
from multiprocessing import reduction

from ..harness.dialects import MULTIPROCESSING
from .over_sockets import Lost, PeerClosed, SocketPeer
from .over_sockets import main as answer


class NotAPasser(Exception):
    """The byte is not the number of descriptors."""


class ReductionPeer(SocketPeer):
    """The operations that two functions and a socket make."""

    name = "multiprocessing"
    dialects = (MULTIPROCESSING,)

    def condition_of(self, error: Exception) -> str | None:
        """Name the condition that *error* stands for."""
        return "not-a-passer" if isinstance(error, NotAPasser) else super().condition_of(error)

    def pass_on(self, end: socket.socket, fd: int) -> None:
        """Send a descriptor, at once or not at all."""
        reduction.sendfds(end, [fd])

    def receive(self, end: socket.socket) -> int:
        """Receive a descriptor, at once or not at all."""
        try:
            return self.receive_one(end)
        except EOFError:
            raise PeerClosed("the stream has ended") from None
        except RuntimeError as refusal:  # its text is all that tells one from the other
            kind = Lost if "items of ancdata" in str(refusal) else NotAPasser
            raise kind(str(refusal)) from None
        except AssertionError as refusal:
            raise NotAPasser(str(refusal)) from None

    def receive_one(self, end: socket.socket) -> int:
        """Receive a descriptor by multiprocessing, whose errors are its own."""
        return int(reduction.recvfds(end, 1)[0])


class HandlePeer(ReductionPeer):
    """The same by ``send_handle`` and ``recv_handle``, which duplicate the socket for each call."""

    name = "multiprocessing-handle"

    def condition_of(self, error: Exception) -> str | None:
        """Name the condition that *error* stands for."""
        # The duplicate finds no slot, before anything is received.
        if isinstance(error, OSError) and error.errno in {errno.EMFILE, errno.ENFILE}:
            return "table-full"
        return super().condition_of(error)

    def pass_on(self, end: socket.socket, fd: int) -> None:
        """Send a descriptor, at once or not at all."""
        reduction.send_handle(end, fd, 0)

    def receive_one(self, end: socket.socket) -> int:
        """Receive a descriptor, at once or not at all."""
        return int(reduction.recv_handle(end))


def main(*words: str) -> None:
    """Answer the harness until it closes standard input; *words*: handle, for the latter two."""
    answer(HandlePeer if words else ReductionPeer)
