"""What a peer process holds: its descriptors and passers, and the books kept of them."""

from __future__ import annotations

import os
import signal
from contextlib import suppress
from typing import TYPE_CHECKING, NamedTuple

from ..errors import PeerFailed, hidden
from .patience import WITHIN

if TYPE_CHECKING:
    from collections.abc import Iterable

    from .peer import Answer, Peer, Pending

__tracebackhide__ = hidden

NEVER_OPEN = 3000
"""A number that no peer has open: they open few, and the lowest that are free."""

_AUDIT = 0.5  # seconds for what a peer closes a moment later, in another thread for example


class Flags(NamedTuple):
    """The status flags of an open file description, and close-on-exec of the descriptor."""

    nonblocking: bool
    append: bool
    access: str
    cloexec: bool


class Identity(NamedTuple):
    """What a descriptor is open on."""

    dev: int
    ino: int
    kind: str


class Held:
    """A descriptor in a peer's table. The bench closes it at the end."""

    def __init__(self, books: Books, number: int) -> None:
        self._books = books
        self.number = number

    def __repr__(self) -> str:
        return f"descriptor {self.number} of {self._books.peer.name}"

    @property
    def books(self) -> Books:
        """The books of the process that has it."""
        return self._books

    def ask(self, op: str, **fields: object) -> Pending:
        """Ask for something to be done with it; the answer can be waited for later."""
        return self._books.peer.ask(op, fd=self.number, **fields)

    def write(self, data: bytes) -> int:
        """Write; gives how many bytes were."""
        return int(self.ask("write", hex=data.hex()).answer()["count"])

    def read(self, count: int, timeout: float = WITHIN) -> bytes:
        """Read at most *count* bytes; nothing at the end of the file."""
        within = self._books.peer.patience.seconds(timeout)
        return bytes.fromhex(self.ask("read", count=count, timeout=within).answer()["hex"])

    def seek(self, offset: int) -> int:
        """Move the file offset to *offset* bytes from the start."""
        return int(self.ask("seek", offset=offset).answer()["offset"])

    def flags(self) -> Flags:
        """Ask for its flags."""
        answer = self.ask("flags").answer()
        return Flags(*(answer[name] for name in Flags._fields))

    def set_nonblocking(self, on: bool = True) -> None:
        """Set or clear O_NONBLOCK of its open file description."""
        self.ask("set_nonblocking", on=on).answer()

    def identity(self) -> Identity:
        """Ask what it is open on."""
        answer = self.ask("identity").answer()
        return Identity(*(answer[name] for name in Identity._fields))

    def close(self) -> None:
        """Close it."""
        self._books.strike(self)
        self.ask("close").answer()

    def again(self) -> Held:
        """Enter it again, which a passer was to take over and has refused."""
        return self._books.enter(self.number)


class Books:
    """What one peer process should have open, as far as the harness knows."""

    def __init__(self, peer: Peer, at_the_start: Iterable[int]) -> None:
        self.peer = peer
        self.at_the_start = set(at_the_start)
        self.held: dict[int, Held] = {}
        self.passers: list[str] = []
        self.is_stopped = False
        self.to_undo: dict[str, dict[str, object]] = {}
        self.sent = self.received = 0  # descriptors: those that passers were to send, and came

    def enter(self, number: int) -> Held:
        """Enter a descriptor that the peer has opened or received."""
        if number in self.held:
            raise PeerFailed(
                f"{self.peer.name}: descriptor {number} comes anew, "
                "so the one of that number was closed behind its owner's back"
            )
        self.held[number] = Held(self, number)
        return self.held[number]

    def strike(self, held: Held) -> None:
        """Strike out a descriptor that is closed now, or belongs to a passer."""
        if self.held.get(held.number) is held:
            del self.held[held.number]

    def value_of(self, answer: Answer) -> object:
        """Give an answer's value; enter the descriptors that came with it."""
        if "fds" in answer:
            return [self.enter(fd) for fd in answer["fds"]]
        if "fd" in answer and "hex" in answer:
            return self.enter(answer["fd"]), bytes.fromhex(answer["hex"])
        if "fd" in answer:
            return self.enter(answer["fd"])
        return answer

    def received_of(self, answer: Answer) -> object:
        """Give the value of an answer that brings what a passer has received."""
        self.received += len(answer["fds"]) if "fds" in answer else 1
        return self.value_of(answer)

    def child(self, peer: Peer) -> Books:
        """Copy the books for the child of a fork."""
        books = Books(peer, self.at_the_start)
        books.held = {number: Held(books, number) for number in self.held}
        books.passers = list(self.passers)
        books.to_undo = {op: how for op, how in self.to_undo.items() if op != "churn"}
        return books

    # -- the end ------------------------------------------------------------------------------

    def give_everything_back(self) -> None:
        """Have the peer close all that the check has left open."""
        if self.is_stopped:
            self.peer.signal(signal.SIGCONT)
        self.peer.settle()
        with self.peer.together():
            requests = [self.peer.ask(op, **how) for op, how in self.to_undo.items()]
            requests += [self.peer.ask("drop", passer=passer) for passer in self.passers]
            requests += [held.ask("close") for held in self.held.values()]
        self.passers.clear()
        self.held.clear()
        for request in requests:
            request.answer()

    def audit(self) -> None:
        """Compare the descriptor table with the one at the start.

        Raises:
            AssertionError: something is still open, or what was there has gone.

        """
        deadline = self.peer.patience.deadline(_AUDIT)
        while (table := self.table()) != self.at_the_start and not deadline.passed:
            self.peer.pump(0.005)  # also sees it die
        more, gone = sorted(table - self.at_the_start), sorted(self.at_the_start - table)
        assert not more, f"{self.peer.name}: {_count(more)} more than at the start: " + ", ".join(
            f"{fd}{self._what(fd)}" for fd in more
        )
        assert not gone, f"{self.peer.name}: {_count(gone)} less than at the start: " + ", ".join(
            str(fd) for fd in gone
        )

    def table(self) -> set[int]:
        """List the open descriptors; from outside where the system lets us see them.

        Of a peer that cannot be seen and cannot tell, nothing is known, at the start and later.
        """
        if self.peer.is_visible:
            with suppress(OSError):
                return {int(name) for name in os.listdir(f"/proc/{self.peer.pid}/fd")}
        return set(self.peer.call("table")["fds"]) if "table" in self.peer.ops else set()

    def _what(self, fd: int) -> str:
        try:
            return f" ({os.readlink(f'/proc/{self.peer.pid}/fd/{fd}')})"
        except OSError:
            return ""


def _count(fds: list[int]) -> str:
    return f"{len(fds)} descriptor{'s' if len(fds) > 1 else ''}"
