"""Passers that lose descriptors when the table is full, or take nothing for something."""

from __future__ import annotations

import os
import resource
import select
import socket
import time

import fdpass
from conformance.peers.reference import ReferencePeer

from .mutant import HASTY, Mutant

TYPE_CHECKING = False
if TYPE_CHECKING:
    from conformance.peers.session import Request

_ROOM = socket.CMSG_SPACE(64 * 4)


class NoRoom(TimeoutError):
    """The table is full, as far as this passer can see."""


class Naive(ReferencePeer):
    """Receives without a thought for the table: what finds no free slot is gone, silently."""

    def __init__(self) -> None:
        super().__init__()
        self._left: list[int] = []

    def op_recv(self, request: Request) -> object:
        """Wait for a message that brings something."""
        deadline = time.monotonic() + request["timeout"]
        while not self._left:
            self.wait(request, max(0.0, deadline - time.monotonic()))
            try:
                self._left = self.receive(request)
            except NoRoom:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.001)
        return {"fd": self._left.pop(0)}

    def wait(self, request: Request, timeout: float) -> None:
        """Wait for a message."""
        waiting = select.poll()
        waiting.register(self.passer(request), select.POLLIN)
        if not waiting.poll(timeout * 1000):
            raise TimeoutError("nothing came")

    def receive(self, request: Request) -> list[int]:
        """Receive a message; gives the descriptors that came with it, if any."""
        borrowed = socket.socket(fileno=self.passer(request).fileno())
        try:
            data, control, _, _ = borrowed.recvmsg(1, _ROOM, socket.MSG_CMSG_CLOEXEC)
        finally:
            borrowed.detach()
        if not data:
            raise fdpass.PeerClosed("the peer closed its end")
        return [fd for _, _, content in control for fd in memoryview(content).cast("i")]


class TakesWhatFits(Naive):
    """Takes of a message what finds a free slot, and forgets the rest."""

    def receive(self, request: Request) -> list[int]:
        """Receive a part of a message, if there is a slot."""
        _require_slots(1)
        return super().receive(request)


class CountsDescriptors(Naive):
    """Waits while as many descriptors are open as the limit says, but not if there are more."""

    def receive(self, request: Request) -> list[int]:
        """Receive if the count allows it."""
        limit, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
        if sum(map(_is_open, range(256))) == limit:
            raise NoRoom("the table is full")
        return super().receive(request)


class NaiveOnceItHasSent(Naive):
    """Loses what finds no free slot, but only after it has sent something itself."""

    def __init__(self) -> None:
        super().__init__()
        self._has_sent = False

    def op_send(self, request: Request) -> object:
        """Send it, and remember that."""
        self._has_sent = True
        return super().op_send(request)

    def op_recv(self, request: Request) -> object:
        """Receive with thought, or without."""
        return super().op_recv(request) if self._has_sent else ReferencePeer.op_recv(self, request)


class GivesUpAtHangUp(ReferencePeer):
    """Takes the end of the channel for the end of what waits in it, if there is no room."""

    def __init__(self) -> None:
        super().__init__()
        self._ended = False

    def op_recv(self, request: Request) -> object:
        """Receive, or give up."""
        if self._ended:
            raise fdpass.PeerClosed("the peer closed its end")
        try:
            return super().op_recv(request)
        except TimeoutError:
            waiting = select.poll()
            waiting.register(self.passer(request), 0)
            self._ended = bool(waiting.poll(0))  # POLLHUP comes unasked
            raise


class LooksBeforehand(Naive):
    """Makes sure of a free slot, and receives a moment later."""

    slots = 1

    def receive(self, request: Request) -> list[int]:
        """Look, and receive."""
        _require_slots(self.slots)
        time.sleep(0.0005)
        return super().receive(request)


class LooksForSixteen(LooksBeforehand):
    """Makes sure of sixteen free slots, and receives a moment later."""

    slots = 16


class GivesStandardOutput(Naive):
    """Takes the number of bytes that came for a descriptor if none came with them."""

    def receive(self, request: Request) -> list[int]:
        """Receive something."""
        return super().receive(request) or [os.dup(1)]


def _require_slots(count: int) -> None:
    taken = []
    try:
        for _ in range(count):
            taken.append(os.dup(2))  # noqa: PERF401  what was taken must be known
    except OSError:
        raise NoRoom("the table is full") from None
    finally:
        for fd in taken:
            os.close(fd)


def _is_open(fd: int) -> bool:
    try:
        os.fstat(fd)
    except OSError:
        return False
    return True


_NEVER = "never arrived: peer B: recv: timed-out (nothing came)"

MUTANTS = (
    Mutant("drops-when-full", "table.intermittent", because="was lost", system="drops-when-full"),
    Mutant(
        "Naive",
        "table.waits",
        because=_NEVER,
        peer=Naive,
        timeout_scale=HASTY,
    ),
    Mutant(
        "SkipsToNext", "table.next-is-not-skipped", because="another order than sent", peer=Naive
    ),
    Mutant(
        "stuck-after-full",
        "table.one-slot-at-a-time",
        because="never arrived",
        system="stuck-after-full",
        timeout_scale=HASTY,
    ),
    Mutant(
        "TakesWhatFits",
        "table.several-in-one-message",
        because=_NEVER,
        peer=TakesWhatFits,
        timeout_scale=HASTY,
    ),
    Mutant(
        "leaks-when-full",
        "table.fills-and-clears",
        because="more than at the start",
        system="leaks-when-full",
    ),
    Mutant(
        "CountsDescriptors",
        "table.limit-lowered",
        because=_NEVER,
        peer=CountsDescriptors,
        timeout_scale=HASTY,
    ),
    Mutant(
        "NaiveOnceItHasSent",
        "table.both-full",
        because=_NEVER,
        peer=NaiveOnceItHasSent,
        timeout_scale=HASTY,
    ),
    Mutant("GivesUpAtHangUp", "table.sender-ends", because="peer-closed", peer=GivesUpAtHangUp),
    Mutant(
        "LooksBeforehand",
        "table.under-churn",
        because=_NEVER,
        peer=LooksBeforehand,
        timeout_scale=HASTY,
    ),
    Mutant(
        "LooksForSixteen",
        "table.under-churn-in-batches",
        because="never arrived",
        peer=LooksForSixteen,
        timeout_scale=HASTY,
    ),
    Mutant(
        "SaysNothing", "table.loss-is-not-silent", because=_NEVER, peer=Naive, timeout_scale=HASTY
    ),
    Mutant(
        "GivesStandardOutput",
        "table.byte-without-descriptor",
        because="a descriptor was delivered",
        peer=GivesStandardOutput,
    ),
    Mutant(
        "send-needs-slot",
        "table.sender-full",
        because="recv: timed-out",
        system="send-needs-slot",
        timeout_scale=HASTY,
    ),
)
