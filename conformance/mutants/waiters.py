"""Passers that wait where nobody asked them to, or fail where they should wait on."""

from __future__ import annotations

import errno
import os
import select
import signal
import socket
import time
from array import array

from conformance.peers.reference import ReferencePeer
from conformance.peers.session import wait_for

TYPE_CHECKING = False
if TYPE_CHECKING:
    import fdpass
    from conformance.peers.session import Request

_ROOM = socket.CMSG_SPACE(4) if hasattr(socket, "CMSG_SPACE") else 0


class StartledByContinue(ReferencePeer):
    """Gives up waiting when its process was stopped and goes on."""

    def __init__(self) -> None:
        super().__init__()
        self._waits = self._is_startled = False
        signal.signal(signal.SIGCONT, self._startle)

    def _startle(self, *_: object) -> None:
        self._is_startled = True
        if self._waits:
            raise InterruptedError(errno.EINTR, "a signal came")

    def op_recv(self, request: Request) -> object:
        """Receive, unless a signal comes first."""
        self._waits = True
        try:
            if self._is_startled:
                raise InterruptedError(errno.EINTR, "a signal had come")
            return super().op_recv(request)
        finally:
            self._waits = False


class QueuesNumbers(ReferencePeer):
    """Queues the number of a descriptor, and looks in its turn what it is open on."""

    def __init__(self) -> None:
        super().__init__()
        self._numbers: list[Request] = []

    def op_send(self, request: Request) -> object:
        """Send it, or note its number."""
        if not self.passer(request).queued:
            return super().op_send(request)
        self._numbers.append(request)
        return {}

    def op_close(self, request: Request) -> object:
        """Close a descriptor; if its number is queued, something else gets it."""
        os.close(request["fd"])
        if any(request["fd"] == noted["fd"] for noted in self._numbers):
            null = os.open(os.devnull, os.O_RDWR)
            if null != request["fd"]:
                os.dup2(null, request["fd"])
                os.close(null)
        return {}

    def op_flush(self, request: Request) -> object:
        """Flush the queue, and then what was noted."""
        super().op_flush(request)
        while self._numbers:
            super().op_send(self._numbers.pop(0))
        return super().op_flush(request)


class FlushesForever(ReferencePeer):
    """Waits for its queue to be empty without regard to the time."""

    def op_flush(self, request: Request) -> object:
        """Flush, however long it takes."""
        self.passer(request).flush()
        return {}


class SendsFirst(ReferencePeer):
    """Receives nothing before its queue is empty."""

    def op_recv(self, request: Request) -> object:
        """Flush, however long it takes, and receive then."""
        self.passer(request).flush()
        return super().op_recv(request)


class TrustsTheFlag(ReferencePeer):
    """Sets O_NONBLOCK on a channel that it adopts, and relies on its staying so."""

    def op_adopt(self, request: Request) -> object:
        """Adopt a descriptor, and make it non-blocking."""
        os.set_blocking(request["fd"], False)
        return super().op_adopt(request)

    def op_recv_nowait(self, request: Request) -> object:
        """Receive, and wait if the channel does."""
        borrowed = _borrow(self.passer(request))
        try:
            _, control, _, _ = borrowed.recvmsg(1, _ROOM, socket.MSG_CMSG_CLOEXEC)
        finally:
            borrowed.detach()
        return {"fd": array("i", control[0][2])[0]}

    def op_send(self, request: Request) -> object:
        """Send, and wait if the channel does."""
        borrowed = _borrow(self.passer(request))
        rights = (socket.SOL_SOCKET, socket.SCM_RIGHTS, array("i", [request["fd"]]))
        try:
            borrowed.sendmsg([b"\0"], [rights])
        finally:
            borrowed.detach()
        return {}


def _borrow(passer: fdpass.Passer) -> socket.socket:
    return socket.socket(fileno=passer.fileno())


class Impatient(ReferencePeer):
    """Waits for a tenth of the time that it may."""

    def op_recv(self, request: Request) -> object:
        """Receive, in haste."""
        return {"fd": self.passer(request).recv(request["timeout"] / 10)}


class Spins(ReferencePeer):
    """Looks again and again while it waits."""

    def op_recv(self, request: Request) -> object:
        """Receive, and never sleep."""
        deadline = time.monotonic() + request["timeout"]
        while time.monotonic() < deadline:
            try:
                return {"fd": self.passer(request).recv_nowait()}
            except BlockingIOError:
                continue
        raise TimeoutError("nothing was there, however often I looked")


class KnowsAThousand(ReferencePeer):
    """Waits as with select(2), whose sets end at 1024."""

    def op_recv(self, request: Request) -> object:
        """Receive, if there is a bit for the channel."""
        if self.passer(request).fileno() >= 1024:
            raise OSError(errno.EINVAL, "no bit in the set")
        return super().op_recv(request)


class NeverWithoutATime(ReferencePeer):
    """Takes a receive that is given no time for one that is not to wait."""

    def op_recv(self, request: Request) -> object:
        """Receive, with a time or at once."""
        if "timeout" in request:
            return super().op_recv(request)
        return super().op_recv_nowait(request)


class BeginsAnew(ReferencePeer):
    """Begins to wait anew when its process was stopped and goes on."""

    def __init__(self) -> None:
        super().__init__()
        self._stops = 0
        signal.signal(signal.SIGCONT, self._count)

    def _count(self, *_: object) -> None:
        self._stops += 1

    def op_recv(self, request: Request) -> object:
        """Receive, and wait the whole time after each stop."""
        while True:
            before = self._stops
            try:
                return super().op_recv(request)
            except TimeoutError:
                if self._stops == before:
                    raise


class SpoilsTheAwaited(ReferencePeer):
    """Does something to what it receives after it has waited for it."""

    def spoil(self, fd: int) -> None:
        """Do it."""

    def op_recv(self, request: Request) -> object:
        """Receive; what is there already is left as it is."""
        awaited = not wait_for(self.passer(request).fileno(), select.POLLIN, 0)
        answer = super().op_recv(request)
        assert isinstance(answer, dict)
        if awaited:
            self.spoil(answer["fd"])
        return answer


class ClearsTheAwaited(SpoilsTheAwaited):
    """Clears O_NONBLOCK of what it was waiting for."""

    def spoil(self, fd: int) -> None:
        """Clear it."""
        os.set_blocking(fd, True)


class BequeathsTheAwaited(SpoilsTheAwaited):
    """Leaves what it was waiting for to every program that is started."""

    def spoil(self, fd: int) -> None:
        """Make it inheritable."""
        os.set_inheritable(fd, True)
