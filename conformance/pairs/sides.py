"""One process of a pair, and what is seen of it: what it receives, what it says, what it leaks."""

from __future__ import annotations

import os
import uuid
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from ..errors import Lacking, PassFailed
from ..harness.held import Books, Held
from ..harness.patience import Patience
from ..harness.peer import start
from ..harness.player import Player
from ..harness.spawn import FIRST_GIVEN

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from ..harness.peer import Answer, Pending
    from ..harness.tokens import Token
    from ..report.pairs import Step

_AFTERWARDS = 0.5  # seconds for what a peer closes a moment later
_SPARE = 64  # descriptors above those in use, for a peer that has to fill its table itself
_LONGEST = 160  # characters of a message
ENDS = frozenset({"peer-closed", "peer-reset", "timed-out", "would-block", "closed"})
"""What a receiver says after which nothing more is to be expected of it."""


class Side:
    """A peer process that was given an end of every channel; *ends* are borrowed."""

    def __init__(
        self, name: str, command: Sequence[str], ends: Mapping[str, int], scale: float
    ) -> None:
        self.name = name
        self.peer = start(name, command, Patience(scale), ends)
        self._ends = {each: FIRST_GIVEN + i for i, each in enumerate(ends)}
        self._books = Books(self.peer, ())
        self._hello = self.peer.hello_later()
        self._due: set[int] = set()
        self._channel = -1
        self._player = Player(self._books, "", {}, _no_fork)
        self.steps: list[Step] = []

    def greet(self) -> Answer:
        """Wait until it has said who it is; its descriptor table counts from now."""
        about: Answer = self._hello.answer()
        self._due = self._books.table()
        return about

    def anew(self) -> None:
        """Begin to count the time again: a trial may take what a check may."""
        self.peer.patience = Patience(self.peer.patience.scale)
        self.steps = []

    def adopt(self, channel: str, dialect: str | None) -> Player:
        """Make a passer of the end of *channel*; without a dialect it is its usual one."""
        self._channel = self._ends[channel]
        self._player = self._player.adopt_given(channel, {"dialect": dialect} if dialect else {})
        return self._player

    def drop(self) -> None:
        """Close the passer, once."""
        if self._player.passer in self._books.passers:
            self._player.drop()
            self._due.discard(self._channel)

    # -- receiving ----------------------------------------------------------------------------

    def receives(self, tokens: Sequence[Token], when: str = "", timeout: float = 1.0) -> None:
        """Have it receive one descriptor; the step tells which it was, or what was said."""
        self.received(self.asked(timeout), tokens, when)

    def received(self, asked: Pending, tokens: Sequence[Token], when: str = "") -> None:
        """Wait for the outcome of a receive."""
        try:
            held = asked.answer()
        except PassFailed as failure:
            words = str(failure.details.get("message", ""))[:_LONGEST]
            step: Step = {"when": when, "got": None, "said": failure.condition, "words": words}
        else:
            if not isinstance(held, Held):
                self.peer.broke(f"recv: expected fd, received {held!r}")
            step = {"when": when, "got": self._heard(held, tokens), "said": "ok", "words": ""}
        self.steps.append(step)

    def asked(self, timeout: float) -> Pending:
        """Ask for one descriptor, to be waited for later."""
        return self._player.ask("recv", timeout)

    def answers(self, asked: Pending, within: float) -> bool:
        """Wait for an answer, and tell whether it has come in time."""
        deadline = self.peer.patience.deadline(within)
        while asked.raw is None and not deadline.passed:
            self.peer.pump(deadline.remaining())
        return asked.raw is not None

    @staticmethod
    def _heard(held: Held, tokens: Sequence[Token]) -> str:
        """Have a mark written through it; tell which token hears it, by its place."""
        mark = uuid.uuid4().bytes[:8]
        try:
            held.write(mark)
        except PassFailed:
            return "another"
        heard = [token.heard() for token in tokens]
        return next((name_of(i) for i, said in enumerate(heard) if mark in said), "another")

    # -- the table ----------------------------------------------------------------------------

    def leaked(self) -> int | None:
        """Have everything closed, and count what is open still; None: it cannot be seen."""
        self.drop()
        for held in list(self._books.held.values()):
            try:
                held.close()
            except PassFailed:  # it may be no descriptor at all
                self._books.strike(held)
        deadline = self.peer.patience.deadline(_AFTERWARDS)
        while (table := self._books.table()) - self._due and not deadline.passed:
            self.peer.pump(0.005)
        if not table:
            return None
        leaked = table - self._due
        self._due |= leaked
        return len(leaked)

    @contextmanager
    def full_table(self) -> Iterator[None]:
        """Leave it no free slot inside: by a limit from outside, else by what it can do itself.

        Raises:
            Lacking: there is no way to.

        """
        restore = self._limited() if self.peer.is_visible else None
        if restore is not None:
            from resource import RLIMIT_NOFILE, prlimit

            try:
                yield
            finally:
                with suppress(ProcessLookupError):  # it may have died of it
                    prlimit(self.peer.pid, RLIMIT_NOFILE, restore)
        elif {"fill", "free"} <= self.peer.ops:
            if "limit" in self.peer.ops:
                self.peer.call("limit", descriptors=max(self._due, default=2) + _SPARE)
            self.peer.call("fill", leave=0)
            try:
                yield
            finally:
                if not self.peer.is_dead:
                    self.peer.ask("free")
        else:
            raise Lacking("its table cannot be filled: no prlimit from outside, no fill of its own")

    def _limited(self) -> tuple[int, int] | None:
        """Lower its limit to its first free number; give the limit that it had, or None."""
        try:
            from resource import RLIMIT_NOFILE, prlimit

            table = {int(name) for name in os.listdir(f"/proc/{self.peer.pid}/fd")}
            soft, hard = prlimit(self.peer.pid, RLIMIT_NOFILE)
            first_free = next(number for number in range(len(table) + 1) if number not in table)
            prlimit(self.peer.pid, RLIMIT_NOFILE, (first_free, hard))
        except (ImportError, OSError):  # not on this system, not for this user
            return None
        self.peer.note(f"! its limit is {first_free} descriptors now, and was {soft}")
        return soft, hard

    def close(self) -> None:
        """Kill it."""
        self.peer.close()


def name_of(place: int) -> str:
    """Give the letter by which the descriptor of a token is called."""
    return chr(ord("A") + place)


def _no_fork(player: Player) -> Player:
    raise Lacking(f"{player} is one of a pair, and forks nobody")
