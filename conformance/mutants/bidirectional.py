"""Passers that do not pass both ways, or pass something other than they were given."""

from __future__ import annotations

import os
import select
import stat
import time

import fdpass
from conformance.peers.reference import ReferencePeer

from .keepers import (
    BequeathsAfterASend,
    BequeathsAtOnce,
    BequeathsItsListener,
    BequeathsWithData,
    ClosesWhatCame,
    ClosesWhatItSends,
    KeepsATenth,
    KeepsItsEnd,
    KeepsWhatItTakesOver,
    LeavesItsEndsToAll,
)
from .mutant import HASTY, Mutant
from .owners import (
    ClosesAllOfAPart,
    ClosesTheFirstRefused,
    ClosesTwice,
    ClosesWhatNobodyGets,
    HidesAPart,
    KeepsSeveral,
    KeepsWhatHasData,
    LeavesItsQueueOpen,
    RestsWithoutALimit,
    TellsTheEndOnce,
)
from .queuers import BequeathsItsQueue
from .readers import (
    BequeathsAllButTheFirst,
    BequeathsWhatItReadAhead,
    BequeathsWithLongData,
    CutsWhatItQueues,
    ForgetsManyAtTheEnd,
    ForgetsWhatItReadAhead,
    KeepsDataByNumber,
    ReadsAheadBackwards,
    SendsNothingBeforeMany,
    SetsWhatItReadAhead,
    TellsTheQueueFirst,
)
from .spoilers import Reopens, Spoiler
from .strays import ForgetsAtAnError, GivesTheRoot, KnowsOneDevice, ShiftsTheBytes, TextMode
from .waiters import BequeathsTheAwaited

TYPE_CHECKING = False
if TYPE_CHECKING:
    from conformance.peers.session import Request

_NOT_SENT = "what arrived is not the descriptor that was sent"


class _SendsNothing(ReferencePeer):
    """Sends /dev/null instead of what it is given, at one end of the channel."""

    spoiled_end = ""

    def __init__(self) -> None:
        super().__init__()
        self.end = ""

    def op_accept(self, request: Request) -> object:
        """Accept a connection."""
        self.end = "accepted"
        return super().op_accept(request)

    def op_connect(self, request: Request) -> object:
        """Connect to a path."""
        self.end = "connected"
        return super().op_connect(request)

    def op_send(self, request: Request) -> object:
        """Send the wrong descriptor, if this is the end."""
        if self.end != self.spoiled_end:
            return super().op_send(request)
        self.passer(request).send(os.open(os.devnull, os.O_RDWR), close=True)
        return {}


class ServerSendsNothing(_SendsNothing):
    """Sends /dev/null instead of what it is given where it has accepted the connection."""

    spoiled_end = "accepted"


class ClientSendsNothing(_SendsNothing):
    """Sends /dev/null instead of what it is given where it has made the connection."""

    spoiled_end = "connected"


class KeepsCopies(ReferencePeer):
    """Keeps a duplicate of everything it sends."""

    def op_send(self, request: Request) -> object:
        """Send it, and keep one."""
        os.dup(request["fd"])
        return super().op_send(request)


class HalfDuplex(ReferencePeer):
    """Throws away what has arrived when it starts to send."""

    def op_send(self, request: Request) -> object:
        """Make room for sending."""
        try:
            while True:
                os.close(self.passer(request).recv_nowait())
        except BlockingIOError:
            return super().op_send(request)


class FlushesDeaf(ReferencePeer):
    """Reads nothing while it waits for its queue to be empty."""

    def op_flush(self, request: Request) -> object:
        """Wait for nothing but room."""
        passer = self.passer(request)
        deadline = time.monotonic() + request["timeout"]
        while not passer.flush_nowait():
            room = select.poll()
            room.register(passer, select.POLLOUT)
            if not room.poll(max(0.0, deadline - time.monotonic()) * 1000):
                raise TimeoutError("no room came")
        return {}


class Echo(ReferencePeer):
    """Receives what it has sent itself."""

    def __init__(self) -> None:
        super().__init__()
        self._sent: list[int] = []

    def op_send(self, request: Request) -> object:
        """Send it to the peer, and to itself."""
        self._sent.append(os.dup(request["fd"]))
        return super().op_send(request)

    def op_recv(self, request: Request) -> object:
        """Receive, its own first."""
        return {"fd": self._sent.pop(0)} if self._sent else super().op_recv(request)


class LooksForTheEndFirst(ReferencePeer):
    """Tells the end of the channel before what has arrived."""

    def op_recv(self, request: Request) -> object:
        """Receive, unless the peer has closed."""
        end = select.poll()
        end.register(self.passer(request), 0)  # POLLHUP is always told
        if end.poll(0):
            raise fdpass.PeerClosed("it has hung up")
        return super().op_recv(request)


class Sniffs(Spoiler):
    """Reads the beginning of a file that it receives, to see what it is."""

    def spoil(self, fd: int, passer: fdpass.Passer) -> None:  # noqa: ARG002
        """Read a byte."""
        if stat.S_ISREG(os.fstat(fd).st_mode):
            os.read(fd, 1)


class KnowsNoSockets(Spoiler):
    """Delivers /dev/null where a socket was sent."""

    def spoil(self, fd: int, passer: fdpass.Passer) -> None:  # noqa: ARG002
        """Replace it."""
        if stat.S_ISSOCK(os.fstat(fd).st_mode):
            null = os.open(os.devnull, os.O_RDWR)
            os.dup2(null, fd, inheritable=False)
            os.close(null)


class RemembersNumbers(ReferencePeer):
    """Notes the number of what it is to send, and looks later what it is open on."""

    def __init__(self) -> None:
        super().__init__()
        self._noted: list[Request] = []

    def op_send(self, request: Request) -> object:
        """Note it."""
        self._noted.append(request)
        return {}

    def op_flush(self, request: Request) -> object:  # noqa: ARG002
        """Find nothing to wait for."""
        return {}

    def op_close(self, request: Request) -> object:
        """Close a descriptor; its number goes to the next that is opened. Then send."""
        os.close(request["fd"])
        null = os.open(os.devnull, os.O_RDWR)
        for noted in self._noted:
            super().op_send(noted)
        os.close(null)
        return {}


MUTANTS = (
    Mutant(
        "ServerSendsNothing",
        "bidirectional.first-to-second",
        because=_NOT_SENT,
        peer=ServerSendsNothing,
        transport="filesystem",
    ),
    Mutant(
        "ClientSendsNothing",
        "bidirectional.second-to-first",
        because=_NOT_SENT,
        peer=ClientSendsNothing,
        transport="filesystem",
    ),
    Mutant(
        "KeepsCopies",
        "bidirectional.there-and-back",
        because="still open somewhere",
        peer=KeepsCopies,
        timeout_scale=HASTY,
    ),
    Mutant(
        "HalfDuplex",
        "bidirectional.simultaneous",
        because="recv: timed-out",
        peer=HalfDuplex,
        timeout_scale=HASTY,
    ),
    Mutant(
        "FlushesDeaf",
        "bidirectional.both-flush",
        because="flush: timed-out",
        peer=FlushesDeaf,
        timeout_scale=HASTY,
    ),
    Mutant(
        "Echo",
        "bidirectional.not-to-oneself",
        because="received what it had sent itself",
        peer=Echo,
    ),
    Mutant(
        "LooksForTheEndFirst",
        "bidirectional.one-direction-ends",
        because="recv: peer-closed",
        peer=LooksForTheEndFirst,
    ),
    Mutant(
        "Reopens",
        "bidirectional.same-description",
        because="the file offset is not shared",
        peer=Reopens,
    ),
    Mutant(
        "Sniffs",
        "bidirectional.regular-file",
        because="does not read what is in the file",
        peer=Sniffs,
    ),
    Mutant(
        "KnowsNoSockets",
        "bidirectional.socket",
        because="does not hear what is said to the socket",
        peer=KnowsNoSockets,
    ),
    Mutant(
        "RemembersNumbers",
        "bidirectional.sender-closes",
        because="closing the sender's own spoiled what was sent",
        peer=RemembersNumbers,
    ),
    Mutant("null-device", "bidirectional.first-to-second", because=_NOT_SENT, system="null-device"),
    Mutant(
        "leaks-sent",
        "bidirectional.first-to-second",
        because="more than at the start",
        system="leaks-sent",
    ),
    Mutant("read-only", "bidirectional.second-to-first", because=_NOT_SENT, system="read-only"),
    Mutant(
        "leaks-once",
        "bidirectional.second-to-first",
        because="1 descriptor more than at the start",
        system="leaks-once",
    ),
    Mutant(
        "leaks-received",
        "bidirectional.there-and-back",
        because="still open somewhere",
        system="leaks-received",
        timeout_scale=HASTY,
    ),
    Mutant(
        "surplus",
        "bidirectional.there-and-back",
        because="still open somewhere",
        system="surplus",
        timeout_scale=HASTY,
    ),
    Mutant(
        "drops-replies",
        "bidirectional.there-and-back",
        because="recv: lost",
        system="drops-replies",
    ),
    Mutant(
        "drops-in-collision",
        "bidirectional.simultaneous",
        because="recv: lost",
        system="drops-in-collision",
    ),
    Mutant(
        "drops-at-close",
        "bidirectional.one-direction-ends",
        because="recv: lost",
        system="drops-at-close",
    ),
    Mutant(
        "reopens",
        "bidirectional.same-description",
        because="the file offset is not shared",
        system="reopens",
    ),
    Mutant(
        "not-held-in-flight",
        "bidirectional.sender-closes",
        because="closing the sender's own spoiled what was sent",
        system="not-held-in-flight",
    ),
    Mutant(
        "forgets-cloexec",
        "bidirectional.close-on-exec",
        because="would be inherited over exec",
        system="forgets-cloexec",
    ),
    Mutant(
        "cloexec-first-only",
        "bidirectional.close-on-exec-all",
        because="some would be inherited",
        system="cloexec-first-only",
    ),
    Mutant(
        "late-descriptor",
        "bidirectional.first-to-second",
        because="recv: lost",
        system="late-descriptor",
    ),
    Mutant(
        "swaps-messages",
        "bidirectional.simultaneous",
        because="did not receive what was sent",
        system="swaps-messages",
    ),
    Mutant(
        "ForgetsAtAnError",
        "bidirectional.error-does-not-hide",
        because="recv: peer-closed",
        peer=ForgetsAtAnError,
    ),
    Mutant("GivesTheRoot", "bidirectional.directory", because=_NOT_SENT, peer=GivesTheRoot),
    Mutant(
        "KnowsOneDevice",
        "bidirectional.device",
        because="another device than was sent",
        peer=KnowsOneDevice,
    ),
    Mutant(
        "ShiftsTheBytes",
        "bidirectional.data-beside",
        because="the bytes are not those that were sent with it",
        peer=ShiftsTheBytes,
    ),
    Mutant(
        "ClosesWhatItSends",
        "bidirectional.sender-keeps",
        because="the sender's own does not work any more",
        peer=ClosesWhatItSends,
    ),
    Mutant(
        "KeepsWhatItTakesOver",
        "bidirectional.taken-over",
        because="has not closed what its passer had taken over",
        peer=KeepsWhatItTakesOver,
        timeout_scale=HASTY,
    ),
    Mutant(
        "RemembersNumbers",
        "bidirectional.in-flight-holds",
        because="the pipe came to its end with a descriptor in flight",
        peer=RemembersNumbers,
    ),
    Mutant(
        "KeepsItsEnd",
        "bidirectional.unread-is-released",
        because="the descriptor outlived the channel it was in",
        peer=KeepsItsEnd,
        timeout_scale=HASTY,
    ),
    Mutant(
        "KeepsATenth",
        "bidirectional.no-copies",
        because="still open somewhere",
        peer=KeepsATenth,
        timeout_scale=HASTY,
    ),
    Mutant(
        "TextMode",
        "bidirectional.data-unchanged",
        because="number 2 of the data came as b'\\n', expected b'\\r\\n'",
        peer=TextMode,
    ),
    Mutant(
        "LeavesItsEndsToAll",
        "bidirectional.channel-close-on-exec",
        because="its end would be inherited over exec",
        peer=LeavesItsEndsToAll,
        transport="filesystem",
    ),
    Mutant(
        "BequeathsAtOnce",
        "bidirectional.close-on-exec-at-once",
        because="it would be inherited over exec",
        peer=BequeathsAtOnce,
    ),
    Mutant(
        "BequeathsWithData",
        "bidirectional.close-on-exec-data",
        because="it would be inherited over exec",
        peer=BequeathsWithData,
    ),
    Mutant(
        "BequeathsItsListener",
        "bidirectional.listener-close-on-exec",
        because="its listener would be inherited over exec",
        peer=BequeathsItsListener,
    ),
    Mutant(
        "BequeathsItsQueue",
        "bidirectional.queue-close-on-exec",
        because="what is queued would be inherited over exec",
        peer=BequeathsItsQueue,
    ),
    Mutant(
        "BequeathsTheAwaited",
        "bidirectional.close-on-exec-in-time",
        because="what was waited for would be inherited",
        peer=BequeathsTheAwaited,
    ),
    Mutant(
        "BequeathsAfterASend",
        "bidirectional.close-on-exec",
        because="that peer A received would be inherited",
        peer=BequeathsAfterASend,
    ),
    Mutant(
        "ClosesWhatCame",
        "bidirectional.outlives-its-channel",
        because="closing the channel has closed what came over it",
        peer=ClosesWhatCame,
    ),
    Mutant(
        "TellsTheEndOnce",
        "bidirectional.end-stays",
        because="the end of the channel is not told each time",
        peer=TellsTheEndOnce,
    ),
    Mutant(
        "RestsWithoutALimit",
        "bidirectional.queue-moves-without-limit",
        because="what is queued waits until its sender has received",
        peer=RestsWithoutALimit,
        timeout_scale=HASTY,
    ),
    Mutant(
        "KeepsSeveral",
        "bidirectional.many-taken-over",
        because="has not closed what its passer had taken over",
        peer=KeepsSeveral,
        timeout_scale=HASTY,
    ),
    Mutant(
        "KeepsWhatHasData",
        "bidirectional.data-taken-over",
        because="has not closed what its passer had taken over",
        peer=KeepsWhatHasData,
        timeout_scale=HASTY,
    ),
    Mutant(
        "ClosesTwice",
        "bidirectional.queued-taken-over",
        because="was opened while others waited in the queue, and is closed",
        peer=ClosesTwice,
    ),
    Mutant(
        "LeavesItsQueueOpen",
        "bidirectional.queue-is-released",
        because="what was taken over outlived the queue it was in",
        peer=LeavesItsQueueOpen,
        timeout_scale=HASTY,
    ),
    Mutant(
        "ClosesWhatNobodyGets",
        "bidirectional.unsent-is-kept",
        because="what was refused is closed, or another one by now: it was sent to nobody",
        peer=ClosesWhatNobodyGets,
    ),
    Mutant(
        "ClosesTheFirstRefused",
        "bidirectional.unsent-are-kept",
        because="number 1 of 3: what was refused is closed",
        peer=ClosesTheFirstRefused,
    ),
    Mutant(
        "HidesAPart",
        "bidirectional.bad-one-amid",
        because="0 are said to be accepted, and 2 arrived",
        peer=HidesAPart,
    ),
    Mutant(
        "ClosesAllOfAPart",
        "bidirectional.bad-one-amid",
        because="number 1 of 2: what was refused is closed",
        peer=ClosesAllOfAPart,
    ),
    Mutant(
        "BequeathsAllButTheFirst",
        "bidirectional.close-on-exec-many",
        because="some of many would be inherited",
        peer=BequeathsAllButTheFirst,
    ),
    Mutant(
        "ForgetsManyAtTheEnd",
        "bidirectional.many-at-the-end",
        because="recv_many: peer-closed",
        peer=ForgetsManyAtTheEnd,
    ),
    Mutant(
        "SendsNothingBeforeMany",
        "bidirectional.queue-moves-in-recv-many",
        because="what is queued waits until its sender has received",
        peer=SendsNothingBeforeMany,
        timeout_scale=HASTY,
    ),
    Mutant(
        "ReadsAheadBackwards",
        "bidirectional.while-flushing",
        because="while it waited for room came",
        peer=ReadsAheadBackwards,
    ),
    Mutant(
        "SetsWhatItReadAhead",
        "bidirectional.while-flushing",
        because="O_NONBLOCK of what came meanwhile has changed",
        peer=SetsWhatItReadAhead,
    ),
    Mutant(
        "BequeathsWhatItReadAhead",
        "bidirectional.close-on-exec-while-flushing",
        because="what came meanwhile would be inherited",
        peer=BequeathsWhatItReadAhead,
    ),
    Mutant(
        "TellsTheQueueFirst",
        "bidirectional.lost-queue-does-not-hide",
        because="recv: peer-reset (EPIPE",
        peer=TellsTheQueueFirst,
    ),
    Mutant(
        "ForgetsAtAnError",
        "bidirectional.lost-queue-does-not-hide",
        because="recv: peer-reset (ECONNRESET",
        peer=ForgetsAtAnError,
    ),
    Mutant(
        "ForgetsWhatItReadAhead",
        "bidirectional.end-while-flushing",
        because="recv: peer-closed",
        peer=ForgetsWhatItReadAhead,
    ),
    Mutant(
        "KeepsDataByNumber",
        "bidirectional.data-not-of-another",
        because="bytes of an earlier descriptor came with a later one",
        peer=KeepsDataByNumber,
    ),
    Mutant(
        "CutsWhatItQueues",
        "bidirectional.long-data-queued",
        because="of 10200 bytes that had to wait came 4096",
        peer=CutsWhatItQueues,
    ),
    Mutant(
        "BequeathsWithLongData",
        "bidirectional.close-on-exec-long-data",
        because="beside 4096 bytes it would be inherited",
        peer=BequeathsWithLongData,
    ),
)
