"""anyio's ``UNIXSocketStream`` on asyncio: ``send_fds``, ``receive_fds``, a descriptor a byte."""

from __future__ import annotations

import errno
import os
import socket
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

import anyio
from anyio.abc import UNIXSocketStream

from .event_loops import SOON, LoopPeer, answer, within
from .over_sockets import Lost, PeerClosed
from .session import BadRequest

if TYPE_CHECKING:
    from .session import Request


class AnyioPeer(LoopPeer):
    """The operations that a stream and a listener of anyio's make."""

    name = "anyio"
    version = version("anyio")
    op_recv_nowait: Any = None  # anyio has none

    def __init__(self) -> None:
        super().__init__()
        self._ends: dict[str, Any] = {}

    def condition_of(self, error: Exception) -> str | None:
        """Name the condition that *error* stands for."""
        if isinstance(error, anyio.ClosedResourceError):
            return "closed"
        if isinstance(error, anyio.BrokenResourceError):
            cause = error.__cause__  # what the system has said
            return super().condition_of(cause) if isinstance(cause, OSError) else "peer-reset"
        if isinstance(error, RuntimeError) and "ancillary data" in str(error):
            return "not-a-passer"
        return super().condition_of(error)

    def _end(self, name: str) -> Any:
        if name not in self._ends:
            raise BadRequest(f"there is no {name!r} here")
        return self._ends[name]

    def _called(self, end: object) -> str:
        name = f"s{len(self._ends) + 1}"
        self._ends[name] = end
        return name

    def _adopted(self, end: socket.socket | int) -> str:
        try:
            return self._called(self.run(UNIXSocketStream.from_socket(end), None))
        except ValueError as refusal:
            raise OSError(errno.ENOTSOCK, str(refusal)) from None

    def op_adopt(self, request: Request) -> object:
        """Make a passer of a descriptor, which it takes over."""
        return {"passer": self._adopted(request["fd"])}

    def op_pair(self, request: Request) -> object:  # noqa: ARG002
        """Make both ends of a channel."""
        return {"passers": [self._adopted(end) for end in socket.socketpair(socket.AF_UNIX)]}

    def op_listen(self, request: Request) -> object:
        """Listen at a path."""
        return {
            "listener": self._called(self.run(anyio.create_unix_listener(request["path"]), None))
        }

    def op_accept(self, request: Request) -> object:
        """Accept a connection."""
        accepting = self._end(request["listener"]).accept()
        return {"passer": self._called(self.run(accepting, within(request.get("timeout"))))}

    def op_connect(self, request: Request) -> object:
        """Connect to a path."""
        return {"passer": self._called(self.run(anyio.connect_unix(request["path"]), None))}

    def op_drop(self, request: Request) -> object:
        """Close a passer or a listener."""
        self.run(self._end(request["passer"]).aclose(), None)
        return {}

    def op_send(self, request: Request) -> object:
        """Send a descriptor, as soon as there is room."""
        sending = self._end(request["passer"]).send_fds(b"\0", [request["fd"]])
        try:
            self.run(sending, SOON)
        except TimeoutError:
            raise BlockingIOError("there is no room") from None
        if request.get("close", False):
            os.close(request["fd"])
        return {}

    def op_flush(self, request: Request) -> object:
        """Do nothing: nothing is ever queued."""
        self._end(request["passer"])
        return {}

    def op_recv(self, request: Request) -> object:
        """Receive a descriptor."""
        receiving = self._end(request["passer"]).receive_fds(1, 1)
        try:
            _, fds = self.run(receiving, within(request.get("timeout")))
        except anyio.EndOfStream:
            raise PeerClosed("the stream has ended") from None
        if not fds:
            raise Lost("a byte came without its descriptor")
        return {"fd": fds[0]}


def main() -> None:
    """Answer the harness until it closes standard input."""
    answer(AnyioPeer)
