"""This process's descriptor table: numbers in it, closing, and slots kept for receiving."""

from __future__ import annotations

import os
import threading

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Protocol

    class HasFileno(Protocol):
        """A file, a socket, whatever has a descriptor."""

        def fileno(self) -> int:
            """Give the descriptor."""


def close_all(fds: Iterable[int]) -> None:
    """Close descriptors that nobody will get."""
    for fd in fds:
        os.close(fd)


def number_of(file: int | HasFileno) -> int:
    """Give the descriptor of a file, a socket, or a number itself."""
    if isinstance(file, int):
        return file
    fileno = getattr(file, "fileno", None)
    if fileno is None:
        raise TypeError(f"expected a descriptor or an object with fileno(), received {file!r}")
    fd: int = fileno()
    return fd


def let_go(file: int | HasFileno) -> None:
    """Close what was taken over; an object itself, or it would close that number once more."""
    close = getattr(file, "close", None)
    if close is None:
        os.close(number_of(file))
    else:
        close()


class Reserve:
    """Slots of the descriptor table, kept occupied so that they can be freed at need.

    One for the process, as many as the largest message that any open passer may get, besides
    the one descriptor whose duplicates they are. It holds what it can get.
    """

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self._wanted: list[int] = []
        self._most = 0
        self.is_short = False  # fewer slots are held than are wanted
        self._origin: int | None = None
        self._held: list[int] = []

    def want(self, slots: int) -> None:
        """Keep *slots* for one more passer."""
        with self.lock:
            self._wanted.append(slots)
            self._most = max(self._wanted)
            self.occupy()

    def release(self, slots: int) -> None:
        """Keep *slots* for one passer less."""
        with self.lock:
            self._wanted.remove(slots)
            self._most = max(self._wanted, default=0)
            close_all(self._held[self._most :])
            del self._held[self._most :]
            self.is_short = len(self._held) < self._most
            if not self._wanted and self._origin is not None:
                os.close(self._origin)
                self._origin = None

    def occupy(self) -> bool:
        """Occupy as many slots as are wanted; tell whether all are."""
        with self.lock:
            try:
                while len(self._held) < self._most:
                    self._held.append(os.dup(self._find_origin()))
            except OSError:  # full; whoever frees a slot makes the next try succeed
                pass
            self.is_short = len(self._held) < self._most
            return not self.is_short

    def _find_origin(self) -> int:
        if self._origin is None:
            self._origin, unused = os.pipe()
            os.close(unused)
        return self._origin

    def free(self) -> bool:
        """Free all slots; tell whether there were any."""
        with self.lock:
            held, self._held = self._held, []
            close_all(held)
            self.is_short = self._most > 0
            return bool(held)

    def has_room_for(self, slots: int) -> bool:
        """Tell whether *slots* are free at this moment, by occupying them."""
        taken = []
        with self.lock:
            try:
                origin = self._find_origin()
                for _ in range(slots):
                    taken.append(os.dup(origin))  # noqa: PERF401  what was taken must be known
            except OSError:
                return False
            finally:
                close_all(taken)
        return True

    def after_fork(self) -> None:
        """Make a new lock; the old one may be held by a thread that the child has not."""
        self.lock = threading.RLock()


RESERVE = Reserve()

if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=RESERVE.after_fork)
