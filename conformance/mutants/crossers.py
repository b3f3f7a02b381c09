"""Passers that take one channel for another, or come to an end of what they can count."""

from __future__ import annotations

import os
from contextlib import suppress

import fdpass
from conformance.peers.reference import ReferencePeer

TYPE_CHECKING = False
if TYPE_CHECKING:
    from conformance.peers.session import Request


class OneInbox(ReferencePeer):
    """Looks into all its channels, and gives what has come to whoever asks next."""

    def __init__(self) -> None:
        super().__init__()
        self._inbox: list[int] = []

    def op_recv(self, request: Request) -> object:
        """Receive from this channel, and look into the others."""
        if self._inbox:
            return {"fd": self._inbox.pop(0)}
        received = super().op_recv(request)
        for name, other in self._objects.items():
            if isinstance(other, fdpass.Passer) and name != request["passer"]:
                with suppress(BlockingIOError, EOFError):
                    self._inbox.append(other.recv_nowait())
        return received


class OneQueue(ReferencePeer):
    """Has one queue for all its channels, and sends it over the one that is flushed first."""

    def __init__(self) -> None:
        super().__init__()
        self._queue: list[int] = []

    def op_send(self, request: Request) -> object:
        """Send it, or queue it."""
        if not self.passer(request).queued and not self._queue:
            return super().op_send(request)
        self._queue.append(os.dup(request["fd"]))
        return {}

    def op_queued(self, request: Request) -> object:
        """Tell how many wait."""
        return {"queued": self.passer(request).queued + len(self._queue)}

    def op_flush(self, request: Request) -> object:
        """Send all that waits."""
        while self._queue:
            self.passer(request).send(self._queue.pop(0), close=True)
        return super().op_flush(request)


class OneConnection(ReferencePeer):
    """Forgets what waits in a connection when it accepts the next."""

    def __init__(self) -> None:
        super().__init__()
        self._last: fdpass.Passer | None = None

    def op_accept(self, request: Request) -> object:
        """Accept a connection, and empty the one before."""
        answer = super().op_accept(request)
        assert isinstance(answer, dict)
        if self._last:
            for fd in self._last.recv_many():
                os.close(fd)
        self._last = self._named(answer["passer"])
        return answer


class GivesTwentyFour(ReferencePeer):
    """Gives twenty-four at a time, and closes what has come beyond."""

    def op_recv_many(self, request: Request) -> object:
        """Receive all that are there."""
        fds = self.passer(request).recv_many(request["timeout"])
        for fd in fds[24:]:
            os.close(fd)
        return {"fds": fds[:24]}


class LosesOneLate(ReferencePeer):
    """Loses the 1201st descriptor that it receives."""

    def __init__(self) -> None:
        super().__init__()
        self._received = 0

    def op_recv(self, request: Request) -> object:
        """Receive, and lose one once."""
        self._received += 1
        if self._received == 1201:
            os.close(self.passer(request).recv(request["timeout"]))
        return super().op_recv(request)


class KeepsByNumber(ReferencePeer):
    """Keeps what came for a channel by the number of its end, and gives it to the next one."""

    def __init__(self) -> None:
        super().__init__()
        self._left: dict[int, list[int]] = {}

    def op_drop(self, request: Request) -> object:
        """Close it, and keep what it had received."""
        passer = self.passer(request)
        if isinstance(passer, fdpass.Passer):
            left = self._left.setdefault(passer.fileno(), [])
            with suppress(OSError, EOFError):
                while True:
                    left.append(passer.recv_nowait())
        return super().op_drop(request)

    def op_recv(self, request: Request) -> object:
        """Receive, what is left first."""
        if left := self._left.get(self.passer(request).fileno()):
            return {"fd": left.pop(0)}
        return super().op_recv(request)
