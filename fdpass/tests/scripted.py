"""An Endpoint that does what a test has written down, for what no kernel does on demand."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fdpass.tests.descriptors import identity

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from fdpass.credentials import Credentials

    Piece = tuple[bytes, list[int], bool]


class Scripted:
    """Plays its scripts to the end; then it sends all and has nothing to receive.

    A number in *sends* is how many bytes are taken; an error in any script is raised.
    """

    def __init__(
        self,
        *,
        sends: Iterable[int | OSError] = (),
        peeks: Iterable[Piece | OSError] = (),
        receives: Iterable[Piece | OSError] = (),
        discards: Iterable[OSError] = (),
    ) -> None:
        self._sends = iter(sends)
        self._peeks = iter(peeks)
        self._receives = iter(receives)
        self._discards = iter(discards)
        self.sent = b""
        self.messages: list[tuple[bytes, list[tuple[int, int]]]] = []
        self.calls: list[str] = []

    def fileno(self) -> int:
        return -1

    def send(self, data: bytes, fds: Sequence[int]) -> int:
        taken = next(self._sends, len(data))
        if isinstance(taken, OSError):
            raise taken.with_traceback(None)
        taken = min(taken, len(data))
        self.messages.append((data[:taken], [identity(fd) for fd in fds]))
        self.sent += data[:taken]
        return taken

    def receive(self, size: int) -> Piece:
        self.calls.append(f"receive {size}")
        return _played(next(self._receives, BlockingIOError()))

    def peek(self, size: int) -> Piece:  # noqa: ARG002
        self.calls.append("peek")
        return _played(next(self._peeks, BlockingIOError()))

    def discard(self, count: int) -> None:
        self.calls.append(f"discard {count}")
        if error := next(self._discards, None):
            raise error

    def credentials(self) -> Credentials:
        raise OSError("nobody is there")

    def wait(self, **what: object) -> bool:
        return bool(what)

    def release(self) -> None:
        pass

    def close(self) -> None:
        pass


def _played(step: Piece | OSError) -> Piece:
    if isinstance(step, OSError):
        raise step.with_traceback(None)
    return step
