"""Passers that leave open what should be closed, or close what is not theirs."""

from __future__ import annotations

import os
import socket
import stat

import fdpass
from conformance.peers.reference import ReferencePeer

from .spoilers import Spoiler

TYPE_CHECKING = False
if TYPE_CHECKING:
    from conformance.peers.session import Request


class KeepsWhatItTakesOver(ReferencePeer):
    """Leaves open in the sender what it was to take over."""

    def op_send(self, request: Request) -> object:
        """Send it, and forget to close it."""
        self.passer(request).send(request["fd"])
        return {}


class KeepsATenth(ReferencePeer):
    """Keeps a duplicate of every tenth that it sends."""

    def __init__(self) -> None:
        super().__init__()
        self._sent = 0

    def op_send(self, request: Request) -> object:
        """Send it, and keep one now and then."""
        self._sent += 1
        if self._sent % 10 == 0:
            os.dup(request["fd"])
        return super().op_send(request)


class ClosesWhatItSends(ReferencePeer):
    """Closes what it has only borrowed to send it."""

    def op_send(self, request: Request) -> object:
        """Send it as if it were to be taken over."""
        self.passer(request).send(request["fd"], close=True)
        return {}


class KeepsItsEnd(ReferencePeer):
    """Keeps a duplicate of its end of the channel open when it closes it."""

    def op_drop(self, request: Request) -> object:
        """Close it, or one of two."""
        os.dup(self.passer(request).fileno())
        return super().op_drop(request)


class KeepsPairs(ReferencePeer):
    """Keeps a duplicate of the second end of every pair that it opens."""

    def op_socketpair(self, request: Request) -> object:
        """Open a pair, and half of it twice."""
        answer = super().op_socketpair(request)
        assert isinstance(answer, dict)
        os.dup(answer["fds"][1])
        return answer


class KeepsListeners(Spoiler):
    """Keeps a duplicate of every listening socket that it receives."""

    def spoil(self, fd: int, passer: fdpass.Passer) -> None:  # noqa: ARG002
        """Keep one."""
        if not stat.S_ISSOCK(os.fstat(fd).st_mode):
            return
        borrowed = socket.socket(fileno=fd)
        try:
            if borrowed.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
                os.dup(fd)
        finally:
            borrowed.detach()


class ClosesWhatItRefuses(ReferencePeer):
    """Closes what it was to take over, also where it refuses it."""

    def op_send(self, request: Request) -> object:
        """Send it, or close it at least."""
        try:
            return super().op_send(request)
        except fdpass.QueueFull:
            if request.get("close"):
                os.close(request["fd"])
            raise


class LeavesItsEndsToAll(ReferencePeer):
    """Leaves the ends of its channels to every program that it starts."""

    def _name(self, prefix: str, thing: object) -> str:
        if isinstance(thing, fdpass.Passer):
            os.set_inheritable(thing.fileno(), True)
        return super()._name(prefix, thing)


class BequeathsAtOnce(ReferencePeer):
    """Leaves what it receives without waiting to every program that is started."""

    def op_recv_nowait(self, request: Request) -> object:
        """Receive it, inheritable."""
        return _inheritable(super().op_recv_nowait(request))


class BequeathsWithData(ReferencePeer):
    """Leaves what it receives with data to every program that is started."""

    def op_recv_with_data(self, request: Request) -> object:
        """Receive it, inheritable."""
        return _inheritable(super().op_recv_with_data(request))


class BequeathsItsListener(ReferencePeer):
    """Leaves the socket it listens with to every program that is started."""

    def op_listen(self, request: Request) -> object:
        """Listen, inheritably."""
        answer = super().op_listen(request)
        assert isinstance(answer, dict)
        os.set_inheritable(self._named(answer["listener"]).fileno(), True)
        return answer


class ClosesWhatCame(ReferencePeer):
    """Closes with its channel what came over it."""

    def __init__(self) -> None:
        super().__init__()
        self._came: dict[str, list[int]] = {}

    def op_recv(self, request: Request) -> object:
        """Receive it, and note what it came over."""
        answer = super().op_recv(request)
        assert isinstance(answer, dict)
        self._came.setdefault(request["passer"], []).append(answer["fd"])
        return answer

    def op_drop(self, request: Request) -> object:
        """Close it, and what is noted."""
        for fd in self._came.pop(request["passer"], []):
            os.close(fd)
        return super().op_drop(request)


def _inheritable(answer: object) -> object:
    assert isinstance(answer, dict)
    os.set_inheritable(answer["fd"], True)
    return answer


class BequeathsAfterASend(ReferencePeer):
    """Leaves what it receives to every program that is started, once it has sent something."""

    def __init__(self) -> None:
        super().__init__()
        self._has_sent = False

    def op_send(self, request: Request) -> object:
        """Send it."""
        self._has_sent = True
        return super().op_send(request)

    def op_recv(self, request: Request) -> object:
        """Receive it, inheritable or not."""
        answer = super().op_recv(request)
        return _inheritable(answer) if self._has_sent else answer
