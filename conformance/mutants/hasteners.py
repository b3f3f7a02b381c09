"""Passers that end a wait too soon or too late, or tell too little of what was cut off or lost."""

from __future__ import annotations

import errno
import select
import socket
import time
from collections import deque
from contextlib import suppress

import fdpass
from conformance.peers.reference import ReferencePeer
from conformance.peers.session import wait_for

from .naive import Naive

TYPE_CHECKING = False
if TYPE_CHECKING:
    from conformance.peers.session import Request

_ROOM = socket.CMSG_SPACE(50 * 4) if hasattr(socket, "CMSG_SPACE") else 0


class FlushesInHaste(ReferencePeer):
    """Waits for room for a third of a second, whatever it may."""

    def op_flush(self, request: Request) -> object:
        """Flush, in haste."""
        self.passer(request).flush(min(request["timeout"], 0.3))
        return {}


class FlushesForASecond(ReferencePeer):
    """Takes a second for ever where it waits for room, and says that all has gone then."""

    def op_flush(self, request: Request) -> object:
        """Flush, and give up silently."""
        if "timeout" in request:
            return super().op_flush(request)
        with suppress(TimeoutError):
            self.passer(request).flush(1.0)
        return {}


class KeepsOneInHand(ReferencePeer):
    """Says that all has gone while the last is still in its hand."""

    def op_flush(self, request: Request) -> object:
        """Flush, but for one."""
        end = time.monotonic() + request["timeout"]
        passer = self.passer(request)
        while not passer.flush_nowait() and passer.queued > 1:
            if time.monotonic() >= end:
                raise TimeoutError("there was no room in time")
            time.sleep(0.005)
        return {}


class RenewsItsTime(ReferencePeer):
    """Begins to wait for room anew with each that goes."""

    def op_flush(self, request: Request) -> object:
        """Flush, for as long as something goes within the time."""
        passer = self.passer(request)
        while True:
            before = passer.queued
            try:
                return super().op_flush(request)
            except TimeoutError:
                if passer.queued == before:
                    raise


class LooksNowAndThen(ReferencePeer):
    """Sleeps for a while before it looks again whether something has come."""

    def op_recv(self, request: Request) -> object:
        """Look, and look again."""
        end = time.monotonic() + request["timeout"]
        while True:
            try:
                return super().op_recv_nowait(request)
            except BlockingIOError:
                left = end - time.monotonic()
                if left <= 0:
                    raise TimeoutError("nothing has come") from None
                time.sleep(min(0.4, left))


class LingersOverNothing(ReferencePeer):
    """Waits for a moment where it is not to wait at all."""

    def op_recv_nowait(self, request: Request) -> object:
        """Receive, and linger."""
        wait_for(self.passer(request).fileno(), select.POLLIN, 0.3)
        return super().op_recv_nowait(request)


class RevivedByBytes(ReferencePeer):
    """Begins to wait anew with each byte that comes."""

    def op_recv(self, request: Request) -> object:
        """Receive; what is no descriptor yet is a sign of life."""
        while wait_for(self.passer(request).fileno(), select.POLLIN, request["timeout"]):
            with suppress(BlockingIOError):
                return super().op_recv_nowait(request)
        raise TimeoutError("nothing has come")


class ForgetsBeyond512(ReferencePeer):
    """Sends no more than 512 of those that it is given at once."""

    def op_send_many(self, request: Request) -> object:
        """Send the first of them."""
        self.passer(request).send_many(request["fds"][:512])
        return {}


class SelectsForRoom(ReferencePeer):
    """Waits for room as with select(2), whose sets end at 1024."""

    def op_flush(self, request: Request) -> object:
        """Flush, if there is a bit for the channel."""
        passer = self.passer(request)
        if passer.fileno() >= 1024 and passer.queued:
            raise OSError(errno.EINVAL, "no bit in the set")
        return super().op_flush(request)


class SeesAGoodEnd(ReferencePeer):
    """Takes the end amid a message for one in good order."""

    def op_recv_with_data(self, request: Request) -> object:
        """Receive; what was cut off was not sent."""
        try:
            return super().op_recv_with_data(request)
        except fdpass.DescriptorsLost:
            raise fdpass.PeerClosed("the peer closed its end") from None


class CountsOneLost(ReferencePeer):
    """Tells every loss as one of one."""

    def op_recv(self, request: Request) -> object:
        """Receive, or tell a little."""
        try:
            return super().op_recv(request)
        except fdpass.DescriptorsLost as loss:
            raise fdpass.DescriptorsLost(str(loss), 1) from None


class TellsTheLossFirst(ReferencePeer):
    """Tells a loss before it gives what had come ahead of it."""

    def __init__(self) -> None:
        super().__init__()
        self._kept: deque[int] = deque()

    def op_recv(self, request: Request) -> object:
        """Receive all that is there, and one more."""
        if not self._kept:
            self._kept.extend(self.passer(request).recv_many(request["timeout"]))
            with suppress(BlockingIOError):
                self._kept.append(self.passer(request).recv_nowait())
        return {"fd": self._kept.popleft()}


class HasRoomForFifty(Naive):
    """Takes of a large message what it has room for, and never tells that there was more."""

    def receive(self, request: Request) -> list[int]:
        """Receive a message, and look for nothing but descriptors in it."""
        borrowed = socket.socket(fileno=self.passer(request).fileno())
        try:
            data, control, _, _ = borrowed.recvmsg(253, _ROOM, socket.MSG_CMSG_CLOEXEC)
        finally:
            borrowed.detach()
        if not data:
            raise fdpass.PeerClosed("the peer closed its end")
        rights = [content for _, kind, content in control if kind == socket.SCM_RIGHTS]
        return [fd for content in rights for fd in memoryview(content).cast("i")]
