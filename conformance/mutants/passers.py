"""Passers for which a received end of a channel is not as good as any other."""

from __future__ import annotations

import os
from contextlib import suppress

from conformance.peers.reference import ReferencePeer

from .keepers import KeepsListeners, KeepsPairs, LeavesItsEndsToAll
from .mutant import HASTY, Mutant
from .readers import ShutsDown
from .strays import SparesTheChannel

TYPE_CHECKING = False
if TYPE_CHECKING:
    from conformance.peers.session import Request


class SecondHand(ReferencePeer):
    """Knows which of its passers came to it over another."""

    def __init__(self) -> None:
        super().__init__()
        self.received: set[int] = set()
        self.second_hand: list[str] = []

    def op_recv(self, request: Request) -> object:
        """Receive a descriptor, and remember it."""
        answer = super().op_recv(request)
        assert isinstance(answer, dict)
        self.received.add(answer["fd"])
        return answer

    def op_adopt(self, request: Request) -> object:
        """Adopt a descriptor, and remember whether it was received."""
        answer = super().op_adopt(request)
        assert isinstance(answer, dict)
        if request["fd"] in self.received:
            self.second_hand.append(answer["passer"])
        return answer


class OneWay(SecondHand):
    """Receives /dev/null over a passer that it has received."""

    def op_recv(self, request: Request) -> object:
        """Receive it, or something else."""
        answer = super().op_recv(request)
        if request["passer"] in self.second_hand:
            assert isinstance(answer, dict)
            other = os.open(os.devnull, os.O_RDWR | os.O_CLOEXEC)
            os.dup2(other, answer["fd"], inheritable=False)
            os.close(other)
        return answer


class SwapsAtSecondHand(SecondHand):
    """Swaps two at a time over a passer that it has received."""

    def __init__(self) -> None:
        super().__init__()
        self._held = -1

    def op_send(self, request: Request) -> object:
        """Hold one back, or send this and then the one held back."""
        if request["passer"] not in self.second_hand:
            return super().op_send(request)
        if self._held < 0:
            self._held = os.dup(request["fd"])
            return {}
        super().op_send(request)
        self.passer(request).send(self._held, close=True)
        self._held = -1
        return {}


class OneAtATime(SecondHand):
    """Closes the passer that it received before when it adopts another."""

    def op_adopt(self, request: Request) -> object:
        """Adopt a descriptor in place of the last one."""
        if self.second_hand:
            self._named(self.second_hand.pop()).close()
        return super().op_adopt(request)


class EmptiesAdopted(SecondHand):
    """Throws away what waits in a channel that it adopts."""

    def op_adopt(self, request: Request) -> object:
        """Adopt a descriptor, and begin with nothing."""
        answer = super().op_adopt(request)
        assert isinstance(answer, dict)
        with suppress(BlockingIOError):
            while True:
                os.close(self._named(answer["passer"]).recv_nowait())
        return answer


class KeepsSockets(SecondHand):
    """Sends /dev/null instead of what it has received."""

    def op_send(self, request: Request) -> object:
        """Send only what is its own."""
        if request["fd"] not in self.received:
            return super().op_send(request)
        self.passer(request).send(os.open(os.devnull, os.O_RDWR), close=True)
        return {}


_NOT_SENT = "what arrived is not the descriptor that was sent"

MUTANTS = (
    Mutant(
        "mutes-passed-sockets",
        "passers.basic",
        because="recv: lost",
        system="mutes-passed-sockets",
        timeout_scale=HASTY,
    ),
    Mutant("OneWay", "passers.both-directions", because=f"there: {_NOT_SENT}", peer=OneWay),
    Mutant(
        "SwapsAtSecondHand",
        "passers.order",
        because="from the one who got it: another order",
        peer=SwapsAtSecondHand,
    ),
    Mutant("OneAtATime", "passers.both-ends", because="closed", peer=OneAtATime),
    Mutant(
        "not-held-in-flight",
        "passers.sender-closes",
        because="adopt: os (ENOTSOCK",
        system="not-held-in-flight",
    ),
    Mutant(
        "EmptiesAdopted",
        "passers.loaded",
        because="descriptor 4 of 6 never arrived",
        peer=EmptiesAdopted,
        timeout_scale=HASTY,
    ),
    Mutant("KeepsSockets", "passers.passed-on", because="adopt: os (ENOTSOCK", peer=KeepsSockets),
    Mutant(
        "one-deep",
        "passers.three-deep",
        because="recv: lost",
        system="one-deep",
        timeout_scale=HASTY,
    ),
    Mutant(
        "toggles-passed-sockets",
        "passers.status",
        because="O_NONBLOCK was lost on the way",
        system="toggles-passed-sockets",
    ),
    Mutant(
        "one-deep",
        "passers.nested-in-flight",
        because="recv: lost",
        system="one-deep",
        timeout_scale=HASTY,
    ),
    Mutant(
        "SparesTheChannel",
        "passers.over-itself",
        because="send: os (EINVAL",
        peer=SparesTheChannel,
    ),
    Mutant(
        "KeepsPairs",
        "passers.cycle-is-collected",
        because="what waits in the channel is still open",
        peer=KeepsPairs,
        timeout_scale=HASTY,
    ),
    Mutant(
        "KeepsListeners",
        "passers.listener",
        because="somebody else has the socket open",
        peer=KeepsListeners,
    ),
    Mutant(
        "reverses-arrays",
        "passers.several-at-once",
        because="over a passed end came",
        system="reverses-arrays",
    ),
    Mutant(
        "forgets-cloexec",
        "passers.close-on-exec",
        because="would be inherited over exec",
        system="forgets-cloexec",
    ),
    Mutant(
        "sets-nonblock",
        "passers.several-at-once",
        because="O_NONBLOCK has changed over a passed end",
        system="sets-nonblock",
    ),
    Mutant(
        "LeavesItsEndsToAll",
        "passers.end-close-on-exec",
        because="its end would be inherited over exec",
        peer=LeavesItsEndsToAll,
    ),
    Mutant(
        "ShutsDown",
        "passers.copy-outlives",
        because="send: peer-reset",
        peer=ShutsDown,
    ),
)
