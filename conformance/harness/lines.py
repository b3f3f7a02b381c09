"""The two pipes to a peer, a line at a time. It never blocks for longer than it is told."""

from __future__ import annotations

import os
import select
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .patience import Deadline

_LOOK = 0.01  # seconds between two looks at what the peer says, while it reads nothing


class Ended(Exception):
    """The other side has closed its end."""


class Lines:
    """The harness' ends: requests go out, answers come in."""

    def __init__(self, requests: int, answers: int) -> None:
        """Take both descriptors over."""
        self._requests, self._answers = requests, answers
        self._unread = b""
        for fd in (requests, answers):
            os.set_blocking(fd, False)

    def write(self, line: bytes, deadline: Deadline) -> bool:
        """Write a line; tell whether it was possible before the deadline.

        Raises:
            Ended: there is nobody who could read it.

        """
        while line:
            try:
                line = line[os.write(self._requests, line) :]
            except BlockingIOError:
                if deadline.passed:
                    return False
                self._fill(0)  # it may wait for us to read
                self._ready(self._requests, select.POLLOUT, min(_LOOK, deadline.remaining()))
            except BrokenPipeError:
                raise Ended from None
        return True

    def read(self, timeout: float) -> list[bytes]:
        """Give the whole lines that are there after at most *timeout* seconds.

        Raises:
            Ended: there are none, and there will be none.

        """
        ended = not self._fill(0 if b"\n" in self._unread else timeout)
        *lines, self._unread = self._unread.split(b"\n")
        if ended and not lines:
            raise Ended
        return lines

    def has_ended(self, deadline: Deadline) -> bool:
        """Wait until the other side has closed its end; tell whether it has."""
        while not self._ready(self._answers, 0, deadline.remaining()):
            if deadline.passed:
                return False
        return True

    def end(self) -> None:
        """Close the requests: the peer sees the end of its input."""
        os.close(self._requests)
        self._requests = -1

    def close(self) -> None:
        """Close both."""
        for fd in (self._requests, self._answers):
            if fd >= 0:
                os.close(fd)
        self._requests = self._answers = -1

    def _fill(self, timeout: float) -> bool:
        """Read what has arrived; tell whether more may come."""
        if not self._ready(self._answers, select.POLLIN, timeout):
            return True
        try:
            some = os.read(self._answers, 65536)
        except BlockingIOError:  # spurious
            return True
        self._unread += some
        return bool(some)

    @staticmethod
    def _ready(fd: int, event: int, timeout: float) -> bool:
        waiting = select.poll()
        waiting.register(fd, event)
        return bool(waiting.poll(timeout * 1000))
