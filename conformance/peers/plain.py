"""The standard library as a passer: ``socket.send_fds`` and ``recv_fds``, a descriptor a byte."""

from __future__ import annotations

import os
import socket

from .over_sockets import Lost, PeerClosed, SocketPeer
from .over_sockets import main as answer


class PlainPeer(SocketPeer):
    """The operations that two calls and a socket make."""

    name = "send-fds"

    def pass_on(self, end: socket.socket, fd: int) -> None:
        """Send a descriptor, at once or not at all."""
        socket.send_fds(end, [b"\0"], [fd])

    def receive(self, end: socket.socket) -> int:
        """Receive a descriptor, at once or not at all."""
        data, fds, _, _ = socket.recv_fds(end, 1, 1)
        if not data:
            raise PeerClosed("the stream has ended")
        if not fds:
            raise Lost("a byte came without its descriptor")
        os.set_inheritable(fds[0], False)
        return fds[0]


def main() -> None:
    """Answer the harness until it closes standard input."""
    answer(PlainPeer)
