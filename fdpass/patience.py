"""How long a wait may take, and how long to pause where readiness tells nothing."""

from __future__ import annotations

from time import monotonic, sleep

_PAUSE_LEAST, _PAUSE_MOST = 0.0005, 0.01  # seconds between tries, when the system must recover


class Patience:
    """A deadline, and pauses that grow while the system must recover."""

    def __init__(self, timeout: float | None) -> None:
        self.at_once = timeout is not None and timeout <= 0
        self._deadline = None if timeout is None else monotonic() + timeout
        self._pause = _PAUSE_LEAST

    def left(self, most: float | None = None) -> float | None:
        """Give the seconds that are left, *most* if that is less; None: for ever."""
        if self._deadline is None:
            return most
        left = self._deadline - monotonic()
        return left if most is None else min(left, most)

    def over(self) -> bool:
        """Tell whether nothing is left."""
        return self._deadline is not None and monotonic() >= self._deadline

    def step(self) -> float:
        """Give the next pause, in seconds, no longer than what is left."""
        self._pause = min(self._pause * 2, _PAUSE_MOST)
        left = self.left()
        return self._pause if left is None else max(0.0, min(self._pause, left))

    def pause(self) -> None:
        """Sleep; a little longer each time."""
        sleep(self.step())

    def renew(self) -> None:
        """Begin with the shortest pause again: the system gets on."""
        self._pause = _PAUSE_LEAST
