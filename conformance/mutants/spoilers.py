"""Faults that break more than one promise, and what faulty peers have in common."""

from __future__ import annotations

import fcntl
import os

from conformance.peers.reference import ReferencePeer

TYPE_CHECKING = False
if TYPE_CHECKING:
    import fdpass
    from conformance.peers.session import Request


class Spoiler(ReferencePeer):
    """Does something to every descriptor that it receives."""

    def spoil(self, fd: int, passer: fdpass.Passer) -> None:
        """Do it."""

    def op_recv(self, request: Request) -> object:
        """Receive a descriptor, and spoil it."""
        passer = self.passer(request)
        fd = passer.recv(request.get("timeout"))
        self.spoil(fd, passer)
        return {"fd": fd}


class Reopens(ReferencePeer):
    """Sends the file opened anew instead of the descriptor it is given."""

    def __init__(self) -> None:
        super().__init__()
        self._paths: dict[int, str] = {}

    def op_open(self, request: Request) -> object:
        """Open a path, and remember it."""
        answer = super().op_open(request)
        assert isinstance(answer, dict)
        self._paths[answer["fd"]] = request["path"]
        return answer

    def flags(self, fd: int) -> int:
        """Give the flags with which it is to be opened."""
        return fcntl.fcntl(fd, fcntl.F_GETFL)

    def op_send(self, request: Request) -> object:
        """Open the file again, and send that."""
        fd = request["fd"]
        if fd in self._paths:
            fd = os.open(self._paths[fd], self.flags(fd))
        self.passer(request).send(fd, close=fd != request["fd"])
        return {}
