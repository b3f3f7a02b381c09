"""What the peer programs in Python share whose passer is a function over a Unix socket.

They translate; they repair nothing. So whatever such a function loses is lost.
"""

from __future__ import annotations

import os
import select
import socket
import sys

from .descriptors import Descriptors
from .session import BadRequest, Session, wait_for

TYPE_CHECKING = False  # importing typing would double the time to start
if TYPE_CHECKING:
    from .session import Request


class PeerClosed(Exception):
    """The stream has ended."""


class Lost(Exception):
    """A byte came without its descriptor."""

    lost = 1


class SocketPeer(Descriptors):
    """The operations that a socket makes, with a function to send by and one to receive by."""

    name = ""
    version = sys.version.split()[0]
    dialects = ("nul",)

    def pass_on(self, end: socket.socket, fd: int) -> None:
        """Send a descriptor, at once or not at all."""
        raise NotImplementedError

    def receive(self, end: socket.socket) -> int:
        """Receive a descriptor, at once or not at all."""
        raise NotImplementedError

    def __init__(self) -> None:
        super().__init__()
        self._sockets: dict[str, socket.socket] = {}

    def condition_of(self, error: Exception) -> str | None:
        """Name the condition that *error* stands for."""
        if isinstance(error, PeerClosed):
            return "peer-closed"
        if isinstance(error, Lost):
            return "lost"
        return super().condition_of(error)

    def _socket(self, name: str) -> socket.socket:
        if name not in self._sockets:
            raise BadRequest(f"there is no {name!r} here")
        return self._sockets[name]

    def _named(self, end: socket.socket) -> str:
        end.setblocking(False)
        name = f"s{len(self._sockets) + 1}"
        self._sockets[name] = end
        return name

    def op_hello(self, request: Request) -> object:  # noqa: ARG002
        """Tell who this is."""
        spoken = list(self.dialects)
        return self.about(self.name, self.version, backends={}, survivals={}, dialects=spoken)

    def op_adopt(self, request: Request) -> object:
        """Make a passer of a descriptor, which it takes over."""
        return {"passer": self._named(socket.socket(fileno=request["fd"]))}

    def op_pair(self, request: Request) -> object:  # noqa: ARG002
        """Make both ends of a channel."""
        return {"passers": [self._named(end) for end in socket.socketpair(socket.AF_UNIX)]}

    def op_listen(self, request: Request) -> object:
        """Listen at a path."""
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(request["path"])
        listener.listen()
        return {"listener": self._named(listener)}

    def op_accept(self, request: Request) -> object:
        """Accept a connection."""
        listener = self._socket(request["listener"])
        self._wait(listener, request)
        return {"passer": self._named(listener.accept()[0])}

    def op_connect(self, request: Request) -> object:
        """Connect to a path."""
        end = socket.socket(socket.AF_UNIX)
        try:
            end.connect(request["path"])
        except OSError:
            end.close()
            raise
        return {"passer": self._named(end)}

    def op_drop(self, request: Request) -> object:
        """Close a passer or a listener."""
        self._socket(request["passer"]).close()
        return {}

    def op_send(self, request: Request) -> object:
        """Send a descriptor, at once or not at all."""
        self.pass_on(self._socket(request["passer"]), request["fd"])
        if request.get("close", False):
            os.close(request["fd"])
        return {}

    def op_flush(self, request: Request) -> object:
        """Do nothing: nothing is ever queued."""
        self._socket(request["passer"])
        return {}

    def op_recv(self, request: Request) -> object:
        """Receive a descriptor."""
        end = self._socket(request["passer"])
        self._wait(end, request)
        return {"fd": self.receive(end)}

    def op_recv_nowait(self, request: Request) -> object:
        """Receive a descriptor if it is there."""
        return {"fd": self.receive(self._socket(request["passer"]))}

    def _wait(self, end: socket.socket, request: Request) -> None:
        if not wait_for(end.fileno(), select.POLLIN, request.get("timeout")):
            raise TimeoutError("nothing has arrived in time")


def main(peer_class: type[SocketPeer]) -> None:
    """Answer the harness until it closes standard input."""
    peer = peer_class()
    Session(peer).run()
    peer.reap()
    sys.stderr.flush()
    os._exit(0)
