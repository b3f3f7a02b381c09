"""Passers that change the order of descriptors, repeat one, or drop one."""

from __future__ import annotations

import os

from conformance.peers.reference import ReferencePeer

from .crossers import (
    GivesTwentyFour,
    KeepsByNumber,
    LosesOneLate,
    OneConnection,
    OneInbox,
    OneQueue,
)
from .mutant import HASTY, Mutant
from .naive import FirstControlMessage
from .owners import (
    FlushesAtTheEnd,
    ForgetsAtAFork,
    OvertakesWhenTakenOver,
    OvertakesWithData,
    QueuesAfterAnError,
    SwallowsTheNext,
)
from .spoilers import Reopens
from .strays import ManyBackwards, ReadsAheadAtAFork, SendsItWithTheRest

TYPE_CHECKING = False
if TYPE_CHECKING:
    from conformance.peers.session import Request

_ORDER = "another order than sent"


class Swapper(ReferencePeer):
    """Holds every first one back until the second has gone."""

    def __init__(self) -> None:
        super().__init__()
        self._held = -1

    def op_send(self, request: Request) -> object:
        """Hold one back, or send this and then the one held back."""
        if self._held < 0:
            self._held = os.dup(request["fd"])
            return {}
        super().op_send(request)
        self.passer(request).send(self._held, close=True)
        self._held = -1
        return {}


class LateWaker(ReferencePeer):
    """Wakes for the second of the first two that it waits for, and gives the first after it."""

    def __init__(self) -> None:
        super().__init__()
        self._has_woken = False
        self._late: list[int] = []

    def op_recv(self, request: Request) -> object:
        """Receive; of the first two the second first."""
        passer, timeout = self.passer(request), request["timeout"]
        if self._late:
            return {"fd": self._late.pop()}
        if not self._has_woken:
            self._late.append(passer.recv(timeout))
            self._has_woken = True
        return {"fd": passer.recv(timeout)}


class NewestPortionFirst(ReferencePeer):
    """Takes the next portion of two before what is left over of the first portion of three."""

    def __init__(self) -> None:
        super().__init__()
        self._received = 0
        self._left: list[int] = []

    def op_recv(self, request: Request) -> object:
        """Receive; of the third and the fourth the fourth first."""
        passer, timeout = self.passer(request), request["timeout"]
        self._received += 1
        if self._received == 3:
            self._left.append(passer.recv(timeout))
        elif self._left:
            return {"fd": self._left.pop()}
        return {"fd": passer.recv(timeout)}


class OneOrderForBoth(ReferencePeer):
    """Gives the second first of the two that crossed what it has sent itself."""

    def __init__(self) -> None:
        super().__init__()
        self._next: list[int] = []
        self._has_sent = False

    def op_send(self, request: Request) -> object:
        """Send it, and remember that."""
        self._has_sent = True
        return super().op_send(request)

    def op_recv(self, request: Request) -> object:
        """Receive the next one, or the next but one."""
        if self._next:
            return {"fd": self._next.pop()}
        if self._has_sent:
            self._has_sent = False
            self._next = [self.passer(request).recv(request["timeout"])]
        return super().op_recv(request)


class RepeatsLast(ReferencePeer):
    """Sends the last one again when it closes its end."""

    def __init__(self) -> None:
        super().__init__()
        self._last = -1

    def op_send(self, request: Request) -> object:
        """Send it, and remember it."""
        self._last = request["fd"]
        return super().op_send(request)

    def op_drop(self, request: Request) -> object:
        """Send once more."""
        if self._last >= 0:
            self.passer(request).send(self._last)
            self._last = -1
        return super().op_drop(request)


class RotatesLongArrays(ReferencePeer):
    """Puts the first of more than twenty-eight last."""

    def op_send_many(self, request: Request) -> object:
        """Send several."""
        fds = request["fds"]
        if len(fds) > 28:
            fds = [*fds[1:], fds[0]]
        self.passer(request).send_many(fds)
        return {}


class RemainderFirst(ReferencePeer):
    """Sends first what does not fill a message."""

    def op_send_many(self, request: Request) -> object:
        """Send the remainder, and then the rest."""
        passer, fds = self.passer(request), request["fds"]
        full = len(fds) - len(fds) % passer.batch
        passer.send_many(fds[full:])
        passer.send_many(fds[:full])
        return {}


class QueueOfLifo(ReferencePeer):
    """Hands over first what was queued last."""

    def op_send(self, request: Request) -> object:
        """Send it, or put it at the head of the queue."""
        super().op_send(request)
        queue = self.passer(request)._outbox._queue
        if queue:
            queue.appendleft(queue.pop())
        return {}


MUTANTS = (
    Mutant("Swapper", "fifo.order", because=_ORDER, peer=Swapper),
    Mutant("LateWaker", "fifo.received-first", because=_ORDER, peer=LateWaker),
    Mutant("NewestPortionFirst", "fifo.three-then-two", because=_ORDER, peer=NewestPortionFirst),
    Mutant("OneOrderForBoth", "fifo.both-directions", because=_ORDER, peer=OneOrderForBoth),
    Mutant("RepeatsLast", "fifo.never-twice", because="and it succeeded", peer=RepeatsLast),
    Mutant("reverses-arrays", "fifo.many-at-once", because=_ORDER, system="reverses-arrays"),
    Mutant("RotatesLongArrays", "fifo.array-order", because=_ORDER, peer=RotatesLongArrays),
    Mutant("RemainderFirst", "fifo.mixed-sizes", because=_ORDER, peer=RemainderFirst),
    Mutant("QueueOfLifo", "fifo.beyond-the-channel", because=_ORDER, peer=QueueOfLifo),
    Mutant("stacks-messages", "fifo.order", because=_ORDER, system="stacks-messages"),
    Mutant("repeats", "fifo.order", because=_ORDER, system="repeats"),
    Mutant(
        "drops-at-close",
        "fifo.sender-closes",
        because="descriptor 1 of 20 was lost",
        system="drops-at-close",
        timeout_scale=HASTY,
    ),
    Mutant(
        "Reopens",
        "fifo.the-same-again",
        because="they are not of one open file description",
        peer=Reopens,
    ),
    Mutant("ManyBackwards", "fifo.recv-many", because=_ORDER, peer=ManyBackwards),
    Mutant(
        "drops-at-close",
        "fifo.sender-dies",
        because="descriptor 1 of 20 was lost",
        system="drops-at-close",
    ),
    Mutant(
        "ReadsAheadAtAFork",
        "fifo.across-a-fork",
        because="recv: timed-out",
        peer=ReadsAheadAtAFork,
        timeout_scale=HASTY,
    ),
    Mutant(
        "SendsItWithTheRest",
        "fifo.data-in-parts",
        because="recv_with_data: not-a-passer (expected one NUL for each descriptor",
        peer=SendsItWithTheRest,
    ),
    Mutant(
        "FirstControlMessage",
        "fifo.behind-credentials",
        because="recv: timed-out (nothing came)",
        peer=FirstControlMessage,
        timeout_scale=HASTY,
    ),
    Mutant(
        "GivesTwentyFour",
        "fifo.recv-many-hundred",
        because="of 120 came, and then: ",
        peer=GivesTwentyFour,
        timeout_scale=HASTY,
    ),
    Mutant(
        "LosesOneLate",
        "fifo.thousands",
        because="descriptor 1230 of 1230 never arrived",
        peer=LosesOneLate,
        timeout_scale=HASTY,
    ),
    Mutant(
        "OneInbox",
        "fifo.two-channels",
        because="came over the second [1, 0, 3], expected 1, 3, 5",
        peer=OneInbox,
    ),
    Mutant(
        "OneConnection",
        "fifo.two-connections",
        because="descriptor 1 of 3 never arrived",
        peer=OneConnection,
        transport="filesystem",
        timeout_scale=HASTY,
    ),
    Mutant(
        "OneQueue",
        "fifo.two-queues",
        because="over the second channel: number 1 to arrive is none of those sent",
        peer=OneQueue,
    ),
    Mutant(
        "KeepsByNumber",
        "fifo.new-channel-is-empty",
        because="what was left in a closed channel came out",
        peer=KeepsByNumber,
    ),
    Mutant(
        "OneInbox",
        "fifo.forty-channels",
        because="what was sent over another one",
        peer=OneInbox,
    ),
    Mutant(
        "OvertakesWhenTakenOver",
        "fifo.behind-the-queue",
        because=_ORDER,
        peer=OvertakesWhenTakenOver,
    ),
    Mutant(
        "OvertakesWithData",
        "fifo.data-behind-the-queue",
        because=_ORDER,
        peer=OvertakesWithData,
    ),
    Mutant(
        "SwallowsTheNext",
        "fifo.after-a-refused",
        because="recv: timed-out",
        peer=SwallowsTheNext,
        timeout_scale=HASTY,
    ),
    Mutant(
        "QueuesAfterAnError",
        "fifo.goes-after-a-refused",
        because="waits to be flushed",
        peer=QueuesAfterAnError,
        timeout_scale=HASTY,
    ),
    Mutant(
        "ForgetsAtAFork",
        "fifo.read-ahead-across-a-fork",
        because="recv: timed-out",
        peer=ForgetsAtAFork,
        timeout_scale=HASTY,
    ),
    Mutant(
        "FlushesAtTheEnd",
        "fifo.queue-across-a-fork",
        because="when the child had closed its end: another order",
        peer=FlushesAtTheEnd,
    ),
)
