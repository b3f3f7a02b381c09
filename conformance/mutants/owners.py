"""Passers that do not know what is theirs, or lose their way at an error or a fork."""

from __future__ import annotations

import errno
import os
from contextlib import suppress

import fdpass
from conformance.peers.reference import ReferencePeer

from .crossers import OneQueue
from .queuers import SendsNothingMeanwhile

TYPE_CHECKING = False
if TYPE_CHECKING:
    from conformance.peers.session import Request


class KeepsSeveral(ReferencePeer):
    """Leaves open in the sender what it was to take over together."""

    def op_send_many(self, request: Request) -> object:
        """Send them, and forget to close them."""
        self.passer(request).send_many(request["fds"])
        return {}


class KeepsWhatHasData(ReferencePeer):
    """Leaves open in the sender what it was to take over with bytes beside it."""

    def op_send(self, request: Request) -> object:
        """Send it, and forget to close it if there are bytes."""
        if "hex" in request:
            request["close"] = False
        return super().op_send(request)


class ClosesTwice(ReferencePeer):
    """Queues a duplicate of what it takes over, and closes the number again when that has gone."""

    def __init__(self) -> None:
        super().__init__()
        self._closed: list[int] = []

    def op_send(self, request: Request) -> object:
        """Send it, or queue a duplicate and close it, for the first time."""
        if not self.passer(request).queued or not request.get("close"):
            return super().op_send(request)
        self.passer(request).send(request["fd"])
        os.close(request["fd"])
        self._closed.append(request["fd"])
        return {}

    def op_flush(self, request: Request) -> object:
        """Flush, and close by number what waited."""
        super().op_flush(request)
        while self._closed:
            with suppress(OSError):
                os.close(self._closed.pop())
        return {}


class LeavesItsQueueOpen(ReferencePeer):
    """Forgets its queue when it is closed, without closing what is in it."""

    def op_drop(self, request: Request) -> object:
        """Close the channel, and nothing else."""
        passer = self.passer(request)
        if isinstance(passer, fdpass.Passer):
            passer._outbox._queue.clear()
        return super().op_drop(request)


class ClosesWhatNobodyGets(ReferencePeer):
    """Closes what it was to take over, also if nobody is there to receive it."""

    def op_send(self, request: Request) -> object:
        """Send it, or close it at least."""
        try:
            return super().op_send(request)
        except (BrokenPipeError, ConnectionResetError):
            if request.get("close"):
                os.close(request["fd"])
            raise


class ClosesTheFirstRefused(ReferencePeer):
    """Closes the first of several for which it has no room."""

    def op_send_many(self, request: Request) -> object:
        """Send them, or close one at least."""
        try:
            return super().op_send_many(request)
        except fdpass.QueueFull:
            if request.get("close"):
                os.close(request["fds"][0])
            raise


class HidesAPart(ReferencePeer):
    """Says that nothing was sent where a part was."""

    def op_send_many(self, request: Request) -> object:
        """Send them, all or a part."""
        try:
            return super().op_send_many(request)
        except fdpass.SentInPart as error:
            raise OSError(errno.EBADF, "one is not open") from error


class ClosesAllOfAPart(ReferencePeer):
    """Closes all that it was to take over where it has accepted a part."""

    def op_send_many(self, request: Request) -> object:
        """Send them, all or a part."""
        try:
            return super().op_send_many(request)
        except fdpass.SentInPart as error:
            for fd in request["fds"][error.accepted :] if request.get("close") else ():
                with suppress(OSError):
                    os.close(fd)
            raise


class TellsTheEndOnce(ReferencePeer):
    """Tells the end of the channel once, and waits for more after it."""

    def __init__(self) -> None:
        super().__init__()
        self._told = False

    def op_recv(self, request: Request) -> object:
        """Receive, and take the end for silence when it is told again."""
        try:
            return super().op_recv(request)
        except fdpass.ChannelEnded:
            if self._told:
                raise TimeoutError("nothing has arrived") from None
            self._told = True
            raise


class RestsWithoutALimit(SendsNothingMeanwhile):
    """Leaves its queue alone while it waits to receive without a limit."""

    def op_recv(self, request: Request) -> object:
        """Receive; help the queue on if there is a limit."""
        if "timeout" in request:
            return ReferencePeer.op_recv(self, request)
        return super().op_recv(request)


class OvertakesWhenTakenOver(ReferencePeer):
    """Sends what it takes over past its queue, where the channel has room."""

    def goes_first(self, request: Request) -> bool:
        """Tell whether it is such a one."""
        return bool(request.get("close"))

    def op_send(self, request: Request) -> object:
        """Send it, in its turn or before."""
        passer = self.passer(request)
        if passer.queued and self.goes_first(request):
            data = bytes.fromhex(request.get("hex", "")) + b"\0"
            if passer._outbox._hand_over([request["fd"]], data)[0]:
                if request.get("close"):
                    os.close(request["fd"])
                return {}
        return super().op_send(request)


class OvertakesWithData(OvertakesWhenTakenOver):
    """Sends what has bytes beside it past its queue, where the channel has room."""

    def goes_first(self, request: Request) -> bool:
        """Tell whether it is such a one."""
        return "hex" in request


class SwallowsTheNext(ReferencePeer):
    """Drops the next one when a send has failed, as its descriptor was not open."""

    def __init__(self) -> None:
        super().__init__()
        self._failed = False

    def op_send(self, request: Request) -> object:
        """Send it, or say so at least."""
        if self._failed:
            self._failed = False
            if request.get("close"):
                os.close(request["fd"])
            return {}
        try:
            return super().op_send(request)
        except OSError as error:
            self._failed = error.errno == errno.EBADF
            raise


class QueuesAfterAnError(OneQueue):
    """Sends nothing without a flush any more when a send has failed."""

    def __init__(self) -> None:
        super().__init__()
        self._failed = False

    def op_send(self, request: Request) -> object:
        """Send it, or queue it."""
        if self._failed:
            self._queue.append(os.dup(request["fd"]))
            return {}
        try:
            return super().op_send(request)
        except OSError:
            self._failed = True
            raise


class ForgetsAtAFork(ReferencePeer):
    """Closes at a fork what it has received and nobody has asked for."""

    def op_fork(self, request: Request) -> object:
        """Empty all inboxes, and fork."""
        for passer in filter(None, self._objects.values()):
            while passer._ready:
                os.close(passer._ready.popleft())
        return super().op_fork(request)


class FlushesAtTheEnd(ReferencePeer):
    """Hands over what there is room for when it closes its end, as its fork will do again."""

    def op_drop(self, request: Request) -> object:
        """Send what can go, and close."""
        passer = self.passer(request)
        if isinstance(passer, fdpass.Passer):
            with suppress(OSError):
                passer.flush_nowait()
        return super().op_drop(request)
