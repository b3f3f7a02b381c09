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

    from ..credentials import Credentials

    class Endpoint(Protocol):
        """One end of a channel: single system calls, no waiting, no memory."""

        def fileno(self) -> int:
            """Give the descriptor to poll."""

        def send(self, data: bytes, fds: Sequence[int]) -> int:
            """Send *data*, a NUL for each of *fds*, which are borrowed; give the bytes taken.

            If some are, the descriptors have gone, or the endpoint keeps duplicates until they go;
            the rest of the bytes is to be offered again, without descriptors.
            """

        def receive(self, size: int) -> tuple[bytes, list[int], bool]:
            """Receive bytes, descriptors the caller owns, and whether some were cut off.

            Where the backend puts back what finds no slot, that is an OSError, EMFILE or ENFILE.
            """

        def peek(self, size: int) -> tuple[bytes, list[int], bool]:
            """As receive, but the message stays; the caller owns these duplicates."""

        def discard(self, count: int) -> None:
            """Take *count* bytes that a peek has shown out of the channel."""

        def credentials(self) -> Credentials:
            """Ask who is at the other end."""

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
        MOST_PER_MESSAGE: int
        PUTS_BACK: bool
        CARRIES_TEXT: bool

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
            """Create something at *path*, not yet reachable, and nothing of anybody else's.

            The caller owns what is given. Replaces what is stale; raises FileExistsError for any
            other file, EADDRINUSE if somebody listens there.
            """

        def start(self, listener: int, path: str) -> int:
            """Make it reachable; takes over what bind gave, and gives what can be accepted from."""

        def stop(self, listener: int, path: str, identity: tuple[int, int]) -> None:
            """Close the listener, and remove what is at *path* if it is still its own."""

        def accept(self, listener: int) -> Endpoint:
            """Accept one connection."""

        def connect(self, path: str, timeout: float | None) -> Endpoint:
            """Connect to *path*; the *timeout* is for a system where the listener must take it."""

        def longest_path(self, path: str) -> int:
            """Give how many bytes of *path* this system takes."""

        def wait_readable(self, fd: int, timeout: float | None) -> None:
            """Wait until *fd* is readable, or for *timeout* seconds."""


BACKENDS: tuple[Backend, ...]
if sys.platform == "win32":
    from . import windows

    BACKENDS = (windows,)
else:
    from . import bsd43, bsd44, sysv
    from .scm_rights import recv_fds, send_fds

    BACKENDS = (bsd44, bsd43, sysv)
    __all__ = ["BACKENDS", "adopt", "available", "choose", "recv_fds", "send_fds"]


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
    for backend in BACKENDS:
        if name in {"auto", backend.NAME} and backend.missing() is None:
            return backend
    raise _nothing_works(name)


def _nothing_works(name: str) -> OSError:
    reasons = [
        f"{backend.NAME}: {backend.missing()}"
        for backend in BACKENDS
        if name in {"auto", backend.NAME}
    ]
    return OSError("no interface passes descriptors here: " + ("; ".join(reasons) or "none known"))


def adopt(fd: int, name: str = "auto") -> tuple[Backend, Endpoint]:
    """Take over a connected descriptor by the interface that is for its kind, or the one named.

    Raises:
        ValueError: it is no channel for descriptors, and the message says what it is; the caller
            keeps it, open.
        OSError: no interface works on this system, or not the one named.

    """
    if name != "auto":
        chosen = choose(name)
        return chosen, chosen.adopt(fd)
    refusals = []
    for backend in BACKENDS:
        if backend.missing() is None:
            try:
                return backend, backend.adopt(fd)
            except ValueError as refusal:
                refusals.append(refusal)
    if refusals:
        raise refusals[0]
    raise _nothing_works("auto")
