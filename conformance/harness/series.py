"""A series: many descriptors in one order, told apart by a few files.

Each file is opened once and sent again and again, in turn, so that hundreds of descriptors need
few slots of the sender and none of the harness. As each arrives, its place is written through it;
the files show, read by the harness, which of them has arrived in which place. For a peer that
passes no files they are FIFOs.

    sent       0 1 2 3 4 5 6 ...      file 0: "0 3 6"    the places in it show that
    through    0 1 2 0 1 2 0 ...      file 1: "1 4"      nothing was lost, repeated or
    files                             file 2: "2 5"      overtaken
"""

from __future__ import annotations

import uuid
from contextlib import ExitStack, suppress
from typing import TYPE_CHECKING

from ..errors import PassFailed, hidden
from .patience import SOON, WITHIN

if TYPE_CHECKING:
    from collections.abc import Callable

    from .bench import Bench
    from .held import Held
    from .peer import Pending
    from .player import Player
    from .tokens import Page, Token

__tracebackhide__ = hidden


NO_ROOM = ("table-full", "timed-out")
"""What a receiver may say while its descriptor table is full: that, or nothing in time."""

_FILES = 23  # no multiple of it is a size of messages that anybody uses
_AT_ONCE = 8  # requests to receive that wait with the peer at the same time
_PAUSE = 0.005  # seconds, before a slot is asked for again
_PLACE = 4  # bytes of the number of a place; as many of a mark stand before it


class Series:
    """Descriptors that one peer sends; in what order they arrive is for the harness to see."""

    def __init__(self, bench: Bench, sender: Player, files: int = _FILES) -> None:
        self._sender = sender
        made = bench.file if sender.peer.passes("file") else bench.token
        self._pages: list[Page | Token] = [made() for _ in range(files)]
        self._held = [sender.open(page, "write", "append") for page in self._pages]
        self._mark = uuid.uuid4().bytes[:_PLACE]
        self.sent = 0
        self.lost = 0
        self._arrived: list[Held] = []
        self._open: list[Held] = []
        self._requests: list[Pending] = []

    @property
    def arrived(self) -> int:
        """How many have arrived."""
        return len(self._arrived)

    def last(self, count: int) -> list[Held]:
        """Give the last that have arrived; they are open if nobody has closed them."""
        return self._arrived[-count:]

    # -- sending ------------------------------------------------------------------------------

    def send(self, count: int = 1) -> None:
        """Send the next *count*, one at a time; those that find no room wait in the queue.

        Nor does the harness wait: the channel may be too small for them before any is received.
        """
        self._requests += [self._sender.send_later(held) for held in self.draw(count)]
        self._requests.append(self._sender.ask("flush"))

    def send_many(self, count: int) -> None:
        """Send the next *count* together; otherwise as :meth:`send`."""
        fds = [held.number for held in self.draw(count)]
        self._requests.append(self._sender.ask("send_many", fds=fds))
        self._requests.append(self._sender.ask("flush"))

    def all_handed_over(self) -> None:
        """Wait until the system has all that was sent."""
        while self._requests:
            self._requests.pop(0).answer()

    def send_until_refused(self, most: int = 5000) -> None:
        """Send one after the other, at most *most*, until the sender's passer refuses one."""
        for _ in range(most):
            try:
                self._sender.send(self.draw(1)[0])
            except PassFailed:
                self.sent -= 1
                return

    def draw(self, count: int) -> list[Held]:
        """Give the next *count*, which are to be sent in this order."""
        places = range(self.sent, self.sent + count)
        self.sent += count
        return [self._held[place % len(self._held)] for place in places]

    # -- receiving ----------------------------------------------------------------------------

    def receive(self, receiver: Player, count: int | None = None) -> None:
        """Receive the next *count*, or all that were sent.

        Raises:
            AssertionError: one was lost, or never arrives.

        """
        due = self.sent if count is None else self.arrived + count
        while self.arrived < due:
            before, deadline = self.arrived, receiver.peer.patience.deadline(WITHIN)
            while self.arrived == before:
                with receiver.peer.together():
                    at_once = min(due - self.arrived, _AT_ONCE)
                    asked = [receiver.ask("recv") for _ in range(at_once)]
                for request in asked:
                    self._take(request.answer, give_up=deadline.passed)
                if self.arrived == before:
                    receiver.peer.pump(_PAUSE)  # also sees it die
        if self.arrived == self.sent:
            self.all_handed_over()

    def receive_and_close(self, receiver: Player, count: int) -> None:
        """Receive the next *count*, and close them as they come."""
        while count > 0:
            self.receive(receiver, min(count, _AT_ONCE))
            self.close()
            count -= _AT_ONCE

    def receive_some(self, receiver: Player) -> None:
        """Receive all that was sent, or until there is no room for another.

        Raises:
            AssertionError: one was lost.

        """
        with suppress(NoRoom):
            while self.arrived < self.sent:
                self._take(lambda: receiver.recv(SOON))

    def receive_many(self, receiver: Player) -> None:
        """Receive all that is there and has room, at least one."""
        received = receiver.recv_many()
        self._arrived += received
        self._open += received

    def receive_what_is_not_lost(self, receiver: Player) -> None:
        """Receive and close all that was sent but what is told to be lost; that is counted.

        Raises:
            AssertionError: one never arrives, and nobody says that it is lost.

        """
        deadline = receiver.peer.patience.deadline(WITHIN)
        while (before := self.arrived + self.lost) < self.sent:
            try:
                self._take(receiver.recv, give_up=deadline.passed)
            except Lost as loss:
                self.lost += loss.count
            self.close()
            if self.arrived + self.lost > before:
                deadline = receiver.peer.patience.deadline(WITHIN)
            else:
                receiver.peer.pump(_PAUSE)

    def _take(self, receive: Callable[[], Held], *, give_up: bool = True) -> None:
        """Receive one; unless it is to *give up*, one that waits for a slot goes on waiting."""
        try:
            held = receive()
        except PassFailed as failure:
            number = f"descriptor {self.arrived + 1} of {self.sent}"
            if failure.condition == "lost":
                raise Lost(f"{number} was lost: {failure}", failure) from None
            if failure.condition not in NO_ROOM:
                raise
            if failure.condition == "table-full" and not give_up:
                return  # it is not lost, and can be asked for again
            for request in self._requests:
                if request.has_answer:
                    request.answer()  # why it was not sent says more
            raise NoRoom(f"{number} never arrived: {failure}") from None
        self._arrived.append(held)
        self._open.append(held)

    def close(self) -> None:
        """Have all that arrived closed, each after its place was written through it."""
        written, closed = [], []
        with ExitStack() as together:
            for peer in {held.books.peer for held in self._open}:
                together.enter_context(peer.together())
            for place, held in enumerate(self._open, start=self.arrived - len(self._open)):
                mark = self._mark + place.to_bytes(_PLACE, "big")
                written.append(held.ask("write", hex=mark.hex()))
                held.books.strike(held)
                closed.append(held.ask("close"))
        self._open.clear()
        for request in written:
            with suppress(PassFailed):  # no file will have it, which wrong() tells
                request.answer()
        for request in closed:
            request.answer()

    # -- what the harness sees ----------------------------------------------------------------

    def wrong(self) -> str:
        """Close all that arrived, and say what is wrong with it; nothing: it is what was sent.

        What was told to be lost may be missing between two others.
        """
        self.close()
        skipped = 0
        found = self._places()
        for place in range(self.arrived):
            page = found.get(place)
            if page is None:
                return f"number {place + 1} to arrive is none of those sent"
            while page != (place + skipped) % len(self._pages) and skipped < self.lost:
                skipped += 1
            if page != (place + skipped) % len(self._pages):
                return (
                    f"another order than sent: number {place + 1} to arrive is not number "
                    f"{place + skipped + 1} sent, but one of file {page + 1} of {len(self._pages)}"
                )
        return ""

    def _places(self) -> dict[int, int]:
        """Read from the files what arrived in which place."""
        found = {}
        for number, page in enumerate(self._pages):
            content, size = page.content(), 2 * _PLACE
            for record in (content[at : at + size] for at in range(0, len(content), size)):
                if record.startswith(self._mark):
                    found[int.from_bytes(record[_PLACE:], "big")] = number
        return found


class NoRoom(AssertionError):
    """Nothing was received in time."""


class Lost(AssertionError):
    """The receiver says that descriptors are lost; ``count`` is how many, 1 if it does not say."""

    def __init__(self, message: str, failure: PassFailed) -> None:
        super().__init__(message)
        self.count = int(failure.details.get("lost") or 1)
