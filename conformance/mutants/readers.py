"""Passers that do wrong with what they receive: many at once, read ahead, or with an error."""

from __future__ import annotations

import fcntl
import os
import select
import socket

import fdpass
from conformance.peers.reference import ReferencePeer
from conformance.peers.session import wait_for

from .spoilers import Spoiler

TYPE_CHECKING = False
if TYPE_CHECKING:
    from conformance.peers.session import Request


class ManySpoiler(ReferencePeer):
    """Does something to all that it receives together."""

    def spoil(self, fds: list[int], passer: fdpass.Passer) -> None:
        """Do it."""

    def op_recv_many(self, request: Request) -> object:
        """Receive all that is there, and spoil it."""
        passer = self.passer(request)
        fds = passer.recv_many(request.get("timeout"))
        self.spoil(fds, passer)
        return {"fds": fds}


class BequeathsAllButTheFirst(ManySpoiler):
    """Leaves all but the first of what it receives together to every program that is started."""

    def spoil(self, fds: list[int], passer: fdpass.Passer) -> None:  # noqa: ARG002
        """Make them inheritable."""
        for fd in fds[1:]:
            os.set_inheritable(fd, True)


class SetsMany(ManySpoiler):
    """Sets O_NONBLOCK of what it receives together."""

    def spoil(self, fds: list[int], passer: fdpass.Passer) -> None:  # noqa: ARG002
        """Set it."""
        for fd in fds:
            os.set_blocking(fd, False)


class ForgetsManyAtTheEnd(ManySpoiler):
    """Closes what it has received together if the end of the channel is behind it."""

    def spoil(self, fds: list[int], passer: fdpass.Passer) -> None:
        """Look for the end, and close them."""
        try:
            passer.fill_nowait()
        except BlockingIOError:
            return
        except EOFError:
            for fd in fds:
                os.close(fd)
            raise


class SendsNothingBeforeMany(ReferencePeer):
    """Leaves its queue alone for as long as it waits to receive all that is there."""

    def op_recv_many(self, request: Request) -> object:
        """Wait for something to receive, and for nothing else."""
        if not wait_for(self.passer(request).fileno(), select.POLLIN, request.get("timeout")):
            raise TimeoutError("nothing has arrived")
        return super().op_recv_many(request)


class AheadSpoiler(ReferencePeer):
    """Does something to what it has received while it waited for room."""

    def spoil(self, fds: list[int]) -> list[int]:
        """Do it, and give them back."""
        return fds

    def op_flush(self, request: Request) -> object:
        """Flush, and spoil what has come meanwhile."""
        ready = self.passer(request)._ready
        before = len(ready)
        try:
            return super().op_flush(request)
        finally:
            came = [ready.pop() for _ in range(len(ready) - before)]
            ready.extend(self.spoil(came[::-1]))


class BequeathsWhatItReadAhead(AheadSpoiler):
    """Leaves what it receives while it waits for room to every program that is started."""

    def spoil(self, fds: list[int]) -> list[int]:
        """Make them inheritable."""
        for fd in fds:
            os.set_inheritable(fd, True)
        return fds


class SetsWhatItReadAhead(AheadSpoiler):
    """Sets O_NONBLOCK of what it receives while it waits for room."""

    def spoil(self, fds: list[int]) -> list[int]:
        """Set it."""
        for fd in fds:
            os.set_blocking(fd, False)
        return fds


class ReadsAheadBackwards(AheadSpoiler):
    """Gives the newest first of what it has received while it waited for room."""

    def spoil(self, fds: list[int]) -> list[int]:
        """Turn them round."""
        return fds[::-1]


class TellsTheQueueFirst(ReferencePeer):
    """Tells that its queue cannot be sent any more before what has arrived."""

    def op_recv(self, request: Request) -> object:
        """Receive, if what is queued can go on."""
        self.passer(request).flush_nowait()
        return super().op_recv(request)


class RestoresOneFlag(Spoiler):
    """Sets O_NONBLOCK of what had it, and clears O_APPEND by that."""

    def spoil(self, fd: int, passer: fdpass.Passer) -> None:  # noqa: ARG002
        """Set it, and nothing else."""
        if not os.get_blocking(fd):
            fcntl.fcntl(fd, fcntl.F_SETFL, os.O_NONBLOCK)


class QueuesWithoutAppend(ReferencePeer):
    """Clears O_APPEND of what has to wait in its queue."""

    def op_send(self, request: Request) -> object:
        """Send it; if something waits now, that is meant."""
        answer = super().op_send(request)
        if self.passer(request).queued:
            flags = fcntl.fcntl(request["fd"], fcntl.F_GETFL)
            fcntl.fcntl(request["fd"], fcntl.F_SETFL, flags & ~os.O_APPEND)
        return answer


class ClearsWithData(ReferencePeer):
    """Clears O_NONBLOCK of what it receives with data."""

    def op_recv_with_data(self, request: Request) -> object:
        """Receive it, and clear that."""
        answer = super().op_recv_with_data(request)
        assert isinstance(answer, dict)
        os.set_blocking(answer["fd"], True)
        return answer


class LeavesTheChannelSet(ReferencePeer):
    """Sets O_NONBLOCK of its channel to receive, and leaves it so when nothing comes."""

    def op_recv(self, request: Request) -> object:
        """Receive, and clear it only if that succeeds."""
        end = self.passer(request).fileno()
        os.set_blocking(end, False)
        answer = super().op_recv(request)
        os.set_blocking(end, True)
        return answer


class ShutsDown(ReferencePeer):
    """Shuts its channel down when it closes it, for all who have that end."""

    def op_drop(self, request: Request) -> object:
        """End the connection, and close it."""
        passer = self.passer(request)
        if isinstance(passer, fdpass.Passer):
            with socket.socket(fileno=os.dup(passer.fileno())) as end:
                end.shutdown(socket.SHUT_RDWR)
        return super().op_drop(request)


class ForgetsWhatItReadAhead(ReferencePeer):
    """Closes what it has received while it waited for room when it sees the end behind it."""

    def op_flush(self, request: Request) -> object:
        """Flush, and look for the end."""
        inbox = self.passer(request)._inbox
        try:
            return super().op_flush(request)
        finally:
            while inbox._ended is not None and inbox.ready:
                os.close(inbox.ready.pop())


class KeepsDataByNumber(ReferencePeer):
    """Keeps the bytes that nobody asks for, and gives them with the next of that number."""

    def __init__(self) -> None:
        super().__init__()
        self._kept: dict[int, bytes] = {}

    def op_recv(self, request: Request) -> object:
        """Receive, and keep the bytes beside it."""
        fd, self._kept[fd] = self.passer(request).recv_with_data(request.get("timeout"))
        return {"fd": fd}

    def op_recv_with_data(self, request: Request) -> object:
        """Receive, with what is kept for that number."""
        fd, data = self.passer(request).recv_with_data(request.get("timeout"))
        return {"fd": fd, "hex": (data or self._kept.pop(fd, b"")).hex()}


class CutsWhatItQueues(ReferencePeer):
    """Queues no more than 4 KiB of the bytes beside a descriptor."""

    def op_send(self, request: Request) -> object:
        """Send it, or as much as is queued."""
        passer = self.passer(request)
        if not passer.queued:
            return super().op_send(request)
        passer.send(request["fd"], data=bytes.fromhex(request.get("hex", ""))[:4096])
        return {}


class BequeathsWithLongData(ReferencePeer):
    """Leaves what it receives with long data to every program that is started."""

    def op_recv_with_data(self, request: Request) -> object:
        """Receive it, inheritable if more is beside it than one read brings."""
        fd, data = self.passer(request).recv_with_data(request.get("timeout"))
        os.set_inheritable(fd, len(data) >= 4096)
        return {"fd": fd, "hex": data.hex()}
