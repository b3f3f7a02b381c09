"""The interfaces through which a system passes descriptors: a written list, best first.

Detection works by doing: a backend is there when it has passed a descriptor over a fresh
channel, not when its names exist (Pyodide has ``SCM_RIGHTS`` and no ``AF_UNIX``).
"""

from __future__ import annotations

import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from contextlib import AbstractContextManager
    from typing import Protocol

    class Endpoint(Protocol):
        """One end of a channel: single system calls, no waiting, no memory."""

        def fileno(self) -> int:
            """Give the descriptor to poll."""

        def send(self, data: bytes, fds: Sequence[int]) -> int:
            """Send *data* and borrow *fds*, which go with its first byte; give the bytes taken."""

        def receive(self, size: int) -> tuple[bytes, list[int], bool]:
            """Receive bytes, descriptors the caller owns, and whether some were cut off."""

        def peek(self, size: int) -> tuple[bytes, list[int], bool]:
            """As receive, but the message stays; the caller owns these duplicates."""

        def discard(self, count: int) -> None:
            """Take *count* bytes that a peek has shown out of the channel."""

        def wait(self, *, read: bool, write: bool, timeout: float | None) -> bool:
            """Wait until it is worth trying, or for *timeout* seconds."""

        def release(self) -> None:
            """Let go of the descriptor without closing it."""

        def close(self) -> None:
            """Close this end."""

    class Backend(Protocol):
        """What a module in this folder offers."""

        NAME: str
        TRY_LATER: frozenset[int]
        TOO_MANY: frozenset[int]

        def missing(self) -> str | None:
            """Say in a sentence why this interface does not work here, or None."""

        def peek_works(self) -> bool:
            """Tell whether peeking gives real descriptors here, found by doing."""

        def open_pair(self) -> tuple[Endpoint, Endpoint]:
            """Open both ends of a channel."""

        def adopt(self, fd: int) -> Endpoint:
            """Take over a connected descriptor; refuse, and leave open, one of another kind."""

        def alone(self, path: str) -> AbstractContextManager[None]:
            """Keep out others who begin to listen in the same directory, if that can be done."""

        def bind(self, path: str) -> int:
            """Create a listening descriptor at *path*, not yet reachable; the caller owns it."""

        def start(self, listener: int) -> None:
            """Make the listener reachable."""

        def accept(self, listener: int) -> int:
            """Accept one connection; the caller owns it."""

        def connect(self, path: str) -> int:
            """Connect to *path* without waiting; the caller owns the descriptor."""

        def longest_path(self, path: str) -> int:
            """Give how many bytes of *path* this system takes."""

        def wait_readable(self, fd: int, timeout: float | None) -> None:
            """Wait until *fd* is readable, or for *timeout* seconds."""


BACKENDS: tuple[Backend, ...]
if sys.platform == "win32":
    BACKENDS = ()
else:
    from . import bsd44
    from .scm_rights import recv_fds, send_fds

    BACKENDS = (bsd44,)
    __all__ = ["BACKENDS", "available", "choose", "recv_fds", "send_fds"]


def available() -> dict[str, str | None]:
    """Tell of every interface why it is missing here, or None; best first."""
    return {backend.NAME: backend.missing() for backend in BACKENDS}


def choose(name: str = "auto") -> Backend:
    """Give the best interface that works here, or the one named.

    Raises:
        ValueError: there is none of that name.
        OSError: it does not work on this system; the message says why.

    """
    if name not in {"auto", *(backend.NAME for backend in BACKENDS)}:
        known = ", ".join(backend.NAME for backend in BACKENDS) or "none on this platform"
        raise ValueError(f"no backend {name!r}; known: auto, {known}")
    reasons = []
    for backend in BACKENDS:
        if name in {"auto", backend.NAME}:
            reason = backend.missing()
            if reason is None:
                return backend
            reasons.append(f"{backend.NAME}: {reason}")
    raise OSError("no interface passes descriptors here: " + ("; ".join(reasons) or "none known"))
