"""How long the harness waits: every wait has a deadline, and so has a check as a whole."""

from __future__ import annotations

import time

WAIT = 5.0
"""Seconds for one answer of a peer, or one thing to become true; times the scale."""

WITHIN = 4.0
"""Seconds a peer is asked to wait at most: less, so that it can say so before it is given up."""

FOREVER = float("inf")
"""What a peer is asked that it is to wait without a limit; the harness gives it up as ever."""

SOON = 0.02
"""Seconds to wait for what is there already, if it can be received at all."""

CHECK = 30.0
"""Seconds for a check as a whole; times the scale."""


NOTHING = frozenset({"timed-out", "would-block"})
"""What a receive says that was not to wait, and found nothing."""


class Patience:
    """The time that is left."""

    def __init__(self, scale: float = 1.0) -> None:
        self.scale = scale
        self._end = time.monotonic() + CHECK * scale

    def seconds(self, wanted: float = WAIT) -> float:
        """Give *wanted* seconds times the scale, or what the check has left if that is less."""
        return max(0.0, min(wanted * self.scale, self._end - time.monotonic()))

    def deadline(self, wanted: float = WAIT) -> Deadline:
        """Give the deadline of a wait that starts now."""
        return Deadline(self.seconds(wanted))

    @property
    def exhausted(self) -> bool:
        """Whether the check as a whole has had its time."""
        return time.monotonic() >= self._end


class Deadline:
    """A moment; not to be waited beyond."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._at = time.monotonic() + seconds

    def remaining(self) -> float:
        """Give the seconds left, at least 0."""
        return max(0.0, self._at - time.monotonic())

    @property
    def passed(self) -> bool:
        """Whether nothing is left."""
        return time.monotonic() >= self._at
