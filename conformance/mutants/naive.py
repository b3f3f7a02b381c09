"""Passers that lose descriptors when the table is full, or take nothing for something."""

from __future__ import annotations

import os
import resource
import select
import socket
import time

import fdpass
from conformance.peers.descriptors import is_open
from conformance.peers.reference import ReferencePeer

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
        if sum(map(is_open, range(256))) == limit:
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


class TakesAll(Naive):
    """Receives all that is there, however few slots are free."""

    def op_recv_many(self, request: Request) -> object:
        """Receive message after message; what finds no slot is gone."""
        fds: list[int] = []
        try:
            while True:
                self.wait(request, 0.2 if fds else request["timeout"])
                fds += self.receive(request)
        except TimeoutError:
            return {"fds": fds}


class TakesTheFirst(Naive):
    """Takes the first descriptor of a message, and forgets the others; they stay open."""

    def receive(self, request: Request) -> list[int]:
        """Receive a message."""
        return super().receive(request)[:1]


class FirstControlMessage(Naive):
    """Looks for descriptors in the first control message only: weechat 790, pesign 69."""

    def receive(self, request: Request) -> list[int]:
        """Receive a message, and close what stands further behind."""
        borrowed = socket.socket(fileno=self.passer(request).fileno())
        try:
            _, control, _, _ = borrowed.recvmsg(1, 2 * _ROOM, socket.MSG_CMSG_CLOEXEC)
        finally:
            borrowed.detach()
        found = [
            list(memoryview(content).cast("i")) if kind == socket.SCM_RIGHTS else []
            for _, kind, content in control
        ]
        for fd in [fd for fds in found[1:] for fd in fds]:
            os.close(fd)
        return found[0] if found else []


class DropsWhatItCannotKeep(ReferencePeer):
    """Accepts what it has no slot to keep a duplicate in, and drops it."""

    def op_send(self, request: Request) -> object:
        """Send it, or say so at least."""
        try:
            return super().op_send(request)
        except OSError:
            return {}


class GivesUpAccepting(ReferencePeer):
    """Accepts nobody any more, once somebody came who found the table full."""

    def __init__(self) -> None:
        super().__init__()
        self._has_given_up = False

    def op_accept(self, request: Request) -> object:
        """Accept a connection, or none for ever."""
        if self._has_given_up:
            raise TimeoutError("nobody is accepted any more")
        try:
            return super().op_accept(request)
        except OSError:
            self._has_given_up = True
            raise


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
