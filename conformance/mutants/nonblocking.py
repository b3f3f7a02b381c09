"""Passers that wait for somebody, or lose what cannot go at once."""

from __future__ import annotations

import errno
import os
import select
import time

import fdpass
from conformance.peers.reference import ReferencePeer

from .hasteners import (
    FlushesForASecond,
    FlushesInHaste,
    ForgetsBeyond512,
    KeepsOneInHand,
    LingersOverNothing,
    LooksNowAndThen,
    RenewsItsTime,
    RevivedByBytes,
)
from .keepers import ClosesWhatItRefuses
from .mutant import HASTY, Mutant
from .queuers import (
    CountsForGood,
    DropsOneAtAnError,
    FlushesToNobody,
    LooksForRoomNowAndThen,
    RepeatsAfterAVainFlush,
    SendsAPart,
    SendsNothingMeanwhile,
    SendsTheRefused,
    SpinsForRoom,
)
from .waiters import (
    BeginsAnew,
    FlushesForever,
    Impatient,
    NeverWithoutATime,
    QueuesNumbers,
    SendsFirst,
    Spins,
    StartledByContinue,
    TrustsTheFlag,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from conformance.peers.session import Request


class NowaitWaits(ReferencePeer):
    """Waits for a descriptor where it is not to wait."""

    def op_recv_nowait(self, request: Request) -> object:
        """Receive, however long it takes."""
        return {"fd": self.passer(request).recv()}


class NowaitIsIdle(ReferencePeer):
    """Says that nothing is there where it is not to wait, without looking."""

    def op_recv_nowait(self, request: Request) -> object:  # noqa: ARG002
        """Receive nothing."""
        raise BlockingIOError(errno.EAGAIN, "nothing is there")


class SleepsSoundly(ReferencePeer):
    """Is not woken by what arrives while it waits."""

    def op_recv(self, request: Request) -> object:
        """Sleep for as long as there is time."""
        time.sleep(request["timeout"])
        raise TimeoutError("nothing was there when I went to sleep")


class WaitsForever(ReferencePeer):
    """Waits for a descriptor without regard to the time."""

    def op_recv(self, request: Request) -> object:
        """Receive, however long it takes."""
        return {"fd": self.passer(request).recv()}


class Rendezvous(ReferencePeer):
    """Waits until the receiver says that it has received."""

    def op_send(self, request: Request) -> object:
        """Send, and wait for a word of the receiver."""
        super().op_send(request)
        said = select.poll()
        said.register(self.passer(request), select.POLLIN)
        said.poll()
        return {}


class FlushesEverySend(ReferencePeer):
    """Waits for room where it should queue."""

    def op_send(self, request: Request) -> object:
        """Send, however long it takes."""
        super().op_send(request)
        self.passer(request).flush()
        return {}


class SaysYes(ReferencePeer):
    """Accepts what it has no room for, and drops it."""

    def op_send(self, request: Request) -> object:
        """Send it, or say so at least."""
        try:
            return super().op_send(request)
        except fdpass.QueueFull:
            return {}


class IgnoresTheEnd(ReferencePeer):
    """Waits on when the channel has come to its end."""

    def op_recv(self, request: Request) -> object:
        """Receive, and take the end for silence."""
        try:
            return super().op_recv(request)
        except fdpass.ChannelEnded:
            raise TimeoutError("nothing has arrived") from None


class InventsADescriptor(ReferencePeer):
    """Takes the end of the channel for a descriptor."""

    def op_recv(self, request: Request) -> object:
        """Receive, and make something of whatever comes."""
        try:
            return super().op_recv(request)
        except fdpass.ChannelEnded:
            return {"fd": os.dup(1)}


MUTANTS = (
    Mutant(
        "NowaitWaits",
        "nonblocking.recv-before-send",
        because="recv_nowait: no answer within",
        peer=NowaitWaits,
        timeout_scale=HASTY,
    ),
    Mutant(
        "CountsForGood",
        "nonblocking.room-again",
        because="that it took at first it takes",
        peer=CountsForGood,
    ),
    Mutant(
        "NowaitIsIdle",
        "nonblocking.recv-at-once",
        because="says would-block each time",
        peer=NowaitIsIdle,
    ),
    Mutant(
        "SleepsSoundly",
        "nonblocking.waiting-recv-wakes",
        because="recv: timed-out",
        peer=SleepsSoundly,
        timeout_scale=HASTY,
    ),
    Mutant(
        "WaitsForever",
        "nonblocking.recv-times-out",
        because="recv: no answer within",
        peer=WaitsForever,
        timeout_scale=HASTY,
    ),
    Mutant(
        "Rendezvous",
        "nonblocking.send-before-recv",
        because="send: no answer within",
        peer=Rendezvous,
        timeout_scale=HASTY,
    ),
    Mutant(
        "FlushesEverySend",
        "nonblocking.send-to-a-stopped-receiver",
        because="send: no answer within",
        peer=FlushesEverySend,
        timeout_scale=HASTY,
    ),
    Mutant(
        "SaysYes",
        "nonblocking.full-channel",
        because="recv: timed-out",
        peer=SaysYes,
        timeout_scale=HASTY,
    ),
    Mutant(
        "SendsTheRefused",
        "nonblocking.refused-is-not-sent",
        because="a refused one was sent",
        peer=SendsTheRefused,
    ),
    Mutant(
        "IgnoresTheEnd",
        "nonblocking.peer-close-wakes",
        because="expected peer-closed",
        peer=IgnoresTheEnd,
    ),
    Mutant(
        "InventsADescriptor",
        "nonblocking.peer-dies",
        because="the death of the peer is not told",
        peer=InventsADescriptor,
    ),
    Mutant(
        "receive-blocks",
        "nonblocking.recv-before-send",
        because="recv_nowait: no answer within",
        system="receive-blocks",
        timeout_scale=HASTY,
    ),
    Mutant(
        "late-readiness",
        "nonblocking.waiting-recv-wakes",
        because="it was not woken",
        system="late-readiness",
        timeout_scale=HASTY,
    ),
    Mutant(
        "ignores-dontwait",
        "nonblocking.recv-times-out",
        because="recv: no answer within",
        system="ignores-dontwait",
        timeout_scale=HASTY,
    ),
    Mutant(
        "send-blocks",
        "nonblocking.send-to-a-stopped-receiver",
        because="send: no answer within",
        system="send-blocks",
        timeout_scale=HASTY,
    ),
    Mutant(
        "drops-when-channel-full",
        "nonblocking.full-channel",
        because="recv: timed-out",
        system="drops-when-channel-full",
        timeout_scale=HASTY,
    ),
    Mutant(
        "sends-twice",
        "nonblocking.refused-is-not-sent",
        because="a refused one was sent",
        system="sends-twice",
    ),
    Mutant(
        "leaks-refused",
        "nonblocking.refused-is-not-sent",
        because="more than at the start",
        system="leaks-refused",
    ),
    Mutant(
        "drops-fiftieth",
        "nonblocking.send-to-a-stopped-receiver",
        because="recv: lost",
        system="drops-fiftieth",
    ),
    Mutant(
        "WaitsForever",
        "nonblocking.recv-from-a-stopped-sender",
        because="recv: no answer within",
        peer=WaitsForever,
        timeout_scale=HASTY,
    ),
    Mutant(
        "StartledByContinue",
        "nonblocking.stopped-while-waiting",
        because="recv: os (EINTR",
        peer=StartledByContinue,
    ),
    Mutant(
        "QueuesNumbers",
        "nonblocking.queued-is-kept",
        because="closing the sender's own spoiled what was queued",
        peer=QueuesNumbers,
    ),
    Mutant(
        "FlushesForever",
        "nonblocking.flush-times-out",
        because="flush: no answer within",
        peer=FlushesForever,
        timeout_scale=HASTY,
    ),
    Mutant(
        "SendsFirst",
        "nonblocking.busy-recv-times-out",
        because="recv: no answer within",
        peer=SendsFirst,
        timeout_scale=HASTY,
    ),
    Mutant(
        "TrustsTheFlag",
        "nonblocking.recv-on-a-blocking-channel",
        because="recv_nowait: no answer within",
        peer=TrustsTheFlag,
        timeout_scale=HASTY,
    ),
    Mutant(
        "TrustsTheFlag",
        "nonblocking.send-on-a-blocking-channel",
        because="send: no answer within",
        peer=TrustsTheFlag,
        timeout_scale=HASTY,
    ),
    Mutant(
        "Impatient",
        "nonblocking.recv-waits-its-time",
        because="it may wait 1.0 s, and after 0.",
        peer=Impatient,
    ),
    Mutant(
        "Spins",
        "nonblocking.waits-idle",
        because="s of processor time",
        peer=Spins,
    ),
    Mutant(
        "ClosesWhatItRefuses",
        "nonblocking.refused-taken-over",
        because="what was refused is closed",
        peer=ClosesWhatItRefuses,
    ),
    Mutant(
        "NeverWithoutATime",
        "nonblocking.recv-without-limit",
        because="it did not wait",
        peer=NeverWithoutATime,
    ),
    Mutant(
        "BeginsAnew",
        "nonblocking.stops-do-not-lengthen",
        because="it begins to wait anew",
        peer=BeginsAnew,
    ),
    Mutant(
        "SpinsForRoom",
        "nonblocking.flush-waits-idle",
        because="s of processor time",
        peer=SpinsForRoom,
    ),
    Mutant(
        "SendsNothingMeanwhile",
        "nonblocking.queue-moves-in-recv",
        because="waits until its sender has received",
        peer=SendsNothingMeanwhile,
        timeout_scale=HASTY,
    ),
    Mutant(
        "DropsOneAtAnError",
        "nonblocking.error-spares-the-queue",
        because="recv: timed-out",
        peer=DropsOneAtAnError,
        timeout_scale=HASTY,
    ),
    Mutant(
        "FlushesToNobody",
        "nonblocking.queue-of-the-dead",
        because="told as ok",
        peer=FlushesToNobody,
    ),
    Mutant(
        "SendsAPart",
        "nonblocking.refused-at-once",
        because="some of those that were refused were sent",
        peer=SendsAPart,
    ),
    Mutant(
        "LooksForRoomNowAndThen",
        "nonblocking.waiting-flush-wakes",
        because="room does not wake it",
        peer=LooksForRoomNowAndThen,
    ),
    Mutant(
        "RepeatsAfterAVainFlush",
        "nonblocking.flush-times-out",
        because="more came than was sent",
        peer=RepeatsAfterAVainFlush,
    ),
    Mutant(
        "FlushesInHaste",
        "nonblocking.flush-waits-its-time",
        because="it may wait 1.0 s, and after 0.",
        peer=FlushesInHaste,
    ),
    Mutant(
        "FlushesForASecond",
        "nonblocking.flush-without-limit",
        because="it may wait for ever, and after 1.",
        peer=FlushesForASecond,
    ),
    Mutant(
        "KeepsOneInHand",
        "nonblocking.flushed-has-gone",
        because="what was flushed went with its sender: 1 of",
        peer=KeepsOneInHand,
    ),
    Mutant(
        "RenewsItsTime",
        "nonblocking.flush-ends-in-time",
        because="with each that goes it begins to wait anew",
        peer=RenewsItsTime,
    ),
    Mutant(
        "LooksNowAndThen",
        "nonblocking.recv-wakes-soon",
        because="what comes does not wake it",
        peer=LooksNowAndThen,
    ),
    Mutant(
        "LingersOverNothing",
        "nonblocking.nowait-takes-no-time",
        because="s to say that nothing is there",
        peer=LingersOverNothing,
    ),
    Mutant(
        "RevivedByBytes",
        "nonblocking.bytes-do-not-lengthen",
        because="with each byte that comes it begins to wait anew",
        peer=RevivedByBytes,
    ),
    Mutant(
        "ForgetsBeyond512",
        "nonblocking.six-hundred-at-once",
        because="513 of 600 never arrived",
        peer=ForgetsBeyond512,
        timeout_scale=HASTY,
    ),
)
