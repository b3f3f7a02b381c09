"""Passers that do wrong with what has to wait, or while it waits."""

from __future__ import annotations

import fcntl
import os
import select
import time

import fdpass
from conformance.peers.reference import ReferencePeer
from conformance.peers.session import wait_for

from .crossers import OneQueue

TYPE_CHECKING = False
if TYPE_CHECKING:
    from conformance.peers.session import Request


class SetsWhatItQueues(ReferencePeer):
    """Sets O_NONBLOCK of what has to wait in its queue."""

    def op_send(self, request: Request) -> object:
        """Send it; if something waits now, that is meant."""
        answer = super().op_send(request)
        if self.passer(request).queued:
            os.set_blocking(request["fd"], False)
        return answer


class RestoresWhatItQueued(ReferencePeer):
    """Gives what waited the status flags again that it had when it was queued."""

    def __init__(self) -> None:
        super().__init__()
        self._noted: list[tuple[int, int]] = []

    def op_send(self, request: Request) -> object:
        """Send it, or note its flags."""
        answer = super().op_send(request)
        if self.passer(request).queued:
            copy = os.dup(request["fd"])
            self._noted.append((copy, fcntl.fcntl(copy, fcntl.F_GETFL)))
        return answer

    def op_flush(self, request: Request) -> object:
        """Restore the flags, and flush."""
        while self._noted:
            copy, flags = self._noted.pop()
            fcntl.fcntl(copy, fcntl.F_SETFL, flags)
            os.close(copy)
        return super().op_flush(request)


class TurnsAFullChannel(ReferencePeer):
    """Sets O_NONBLOCK of its channel when that is full, or clears it."""

    def __init__(self) -> None:
        super().__init__()
        self._turned: set[str] = set()

    def op_send(self, request: Request) -> object:
        """Send it, and turn the channel if something waits."""
        answer = super().op_send(request)
        passer = self.passer(request)
        if passer.queued and request["passer"] not in self._turned:
            self._turned.add(request["passer"])
            os.set_blocking(passer.fileno(), not os.get_blocking(passer.fileno()))
        return answer


class AllLikeTheFirstOfThem(ReferencePeer):
    """Gives all that it sends together the O_NONBLOCK of the first."""

    def op_send_many(self, request: Request) -> object:
        """Make them alike, and send them."""
        fds = request["fds"]
        for fd in fds:
            os.set_blocking(fd, os.get_blocking(fds[0]))
        return super().op_send_many(request)


class SpinsForRoom(ReferencePeer):
    """Looks for room again and again where it should sleep until there is some."""

    pause = 0.0
    """Seconds from one look to the next."""

    def op_flush(self, request: Request) -> object:
        """Try, for as long as there is time."""
        end = time.monotonic() + request["timeout"]
        while not self.passer(request).flush_nowait():
            left = end - time.monotonic()
            if left <= 0:
                raise TimeoutError("there was no room in time")
            if self.pause:
                time.sleep(min(self.pause, left))
        return {}


class LooksForRoomNowAndThen(SpinsForRoom):
    """Sleeps for a while before it looks for room again."""

    pause = 0.9


class SendsNothingMeanwhile(ReferencePeer):
    """Leaves its queue alone for as long as it waits to receive."""

    def op_recv(self, request: Request) -> object:
        """Wait for something to receive, and for nothing else."""
        if not wait_for(self.passer(request).fileno(), select.POLLIN, request.get("timeout")):
            raise TimeoutError("nothing has arrived")
        return super().op_recv(request)


class DropsOneAtAnError(OneQueue):
    """Drops the last that waits when a send fails."""

    def op_send(self, request: Request) -> object:
        """Send it, or drop another one."""
        try:
            return super().op_send(request)
        except OSError:
            if self._queue:
                os.close(self._queue.pop())
            raise


class CountsForGood(ReferencePeer):
    """Counts as queued for ever what has once waited in its queue."""

    def __init__(self) -> None:
        super().__init__()
        self._most = 0

    def op_send(self, request: Request) -> object:
        """Send it, unless the queue was full at any time and is not empty."""
        passer = self.passer(request)
        if self._most >= 50 and passer.queued:
            raise fdpass.QueueFull
        answer = super().op_send(request)
        self._most = max(self._most, passer.queued)
        return answer


class FlushesToNobody(ReferencePeer):
    """Says that all has gone when there is nobody to whom it could go."""

    def op_flush(self, request: Request) -> object:
        """Flush, and take a dead receiver for an empty queue."""
        try:
            return super().op_flush(request)
        except (BrokenPipeError, ConnectionResetError):
            return {}


class KeepsTheRefused(ReferencePeer):
    """Sends later, when it is flushed, what was kept of what it had refused."""

    def __init__(self) -> None:
        super().__init__()
        self._refused: list[int] = []

    def op_flush(self, request: Request) -> object:
        """Send what was queued, and what was refused."""
        super().op_flush(request)
        while self._refused:
            self.passer(request).send(self._refused.pop(), close=True)
        return super().op_flush(request)


class SendsTheRefused(KeepsTheRefused):
    """Refuses what it has no room for, and sends it later all the same."""

    def op_send(self, request: Request) -> object:
        """Send it, or refuse and keep it."""
        try:
            return super().op_send(request)
        except fdpass.QueueFull:
            self._refused.append(os.dup(request["fd"]))
            raise


class SendsAPart(KeepsTheRefused):
    """Refuses several for which it has no room, and sends the first of them later."""

    def op_send_many(self, request: Request) -> object:
        """Send them, or refuse them and keep one."""
        try:
            return super().op_send_many(request)
        except fdpass.QueueFull:
            self._refused.append(os.dup(request["fds"][0]))
            raise


class BequeathsItsQueue(OneQueue):
    """Has duplicates in its queue that are inherited over exec."""

    def op_send(self, request: Request) -> object:
        """Send it, or queue a duplicate."""
        answer = super().op_send(request)
        if self._queue:
            os.set_inheritable(self._queue[-1], True)
        return answer


class RepeatsAfterAVainFlush(ReferencePeer):
    """Sends the last once more if it could not be flushed in time."""

    def __init__(self) -> None:
        super().__init__()
        self._last = -1
        self._again = False

    def op_send(self, request: Request) -> object:
        """Send it, and keep a duplicate."""
        answer = super().op_send(request)
        if self._last >= 0:
            os.close(self._last)
        self._last = os.dup(request["fd"])
        return answer

    def op_flush(self, request: Request) -> object:
        """Flush, and send what seems not to have gone."""
        try:
            answer = super().op_flush(request)
        except TimeoutError:
            self._again = True
            raise
        if self._again:
            self.passer(request).send(self._last, close=True)
            self._again, self._last = False, -1
        return answer
