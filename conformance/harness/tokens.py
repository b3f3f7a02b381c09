"""Tokens and files: what is passed, and by which the harness knows what has arrived.

A token is a named FIFO whose reading end the harness holds. What is written through a passed
descriptor is heard there and nowhere else, and the end of file proves that no copy is left open.
"""

from __future__ import annotations

import os
import select
import uuid
from typing import TYPE_CHECKING, NamedTuple

from ..errors import PassFailed, hidden

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .held import Held
    from .patience import Patience

__tracebackhide__ = hidden

_LOOKS = 3  # "would block" is believed the third time; it may be spurious


class Place(NamedTuple):
    """What is there already: a directory, a device."""

    path: str
    flags: Sequence[str] = ("read",)


class Page:
    """A regular file."""

    def __init__(self, path: str, content: bytes, mode: str = "both") -> None:
        self.path = path
        self.flags = [mode]
        with open(path, "xb") as file:
            file.write(content)

    def content(self) -> bytes:
        """Read what is in it now."""
        with open(self.path, "rb") as file:
            return file.read()


class Token:
    """A named FIFO; peers open its writing end."""

    flags = ("write",)

    def __init__(self, path: str, patience: Patience) -> None:
        self.path = path
        self.name = os.path.basename(path)
        self._patience = patience
        self._kept = b""
        os.mkfifo(path, 0o600)
        self._fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK)

    def __repr__(self) -> str:
        return self.name

    def heard(self) -> bytes:
        """Give what has been written to it since the last time, by whomever."""
        self._listen(0)
        heard, self._kept = self._kept, b""
        return heard

    def content(self) -> bytes:
        """Read what has been written to it since the last time it was heard, and keep it."""
        self._listen(0)
        return self._kept

    def released(self, within: float | None = None) -> bool:
        """Tell whether no writing end is open anywhere any more.

        Waits for it to become so; with *within* = 0 takes one look. Means nothing before
        a peer has opened it.
        """
        deadline = self._patience.deadline() if within is None else self._patience.deadline(within)
        while not self._listen(min(0.01, deadline.remaining())):
            if deadline.passed:
                return False
        return True

    def is_written_by(self, held: Held) -> bool:
        """Have a fresh mark written through *held*, and tell whether it is heard here."""
        mark = uuid.uuid4().bytes[:8]
        note = held.books.peer.note
        self.heard()
        try:
            held.write(mark)
        except PassFailed:
            note(f"! {self} cannot have heard {mark.hex()}: writing failed")
            return False
        heard = self.heard()
        note(f"! {self} heard {heard.hex() or 'nothing'}")
        return heard == mark

    def close(self) -> None:
        """Give the reading end up."""
        os.close(self._fd)

    def _listen(self, timeout: float) -> bool:
        """Read what is there after at most *timeout* seconds; tell whether it was the end.

        Reads without asking first: a poll that is interrupted may have seen nothing.
        """
        waiting = select.poll()
        waiting.register(self._fd, select.POLLIN)
        for _ in range(_LOOKS):
            try:
                while some := os.read(self._fd, 65536):
                    self._kept += some
                return True
            except BlockingIOError:
                waiting.poll(timeout * 1000)
                timeout = 0
        return False
