"""A run that is stopped from outside: by SIGTERM as by Ctrl-C, or by a deadline of its own.

All of them are a KeyboardInterrupt with a sentence in it, which pytest takes for what it is: it
cleans up, and what has been reported so far is kept.
"""

from __future__ import annotations

import signal
import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import FrameType

FROM_THE_KEYBOARD = "interrupted from the keyboard"
BY_SIGTERM = "ended by SIGTERM"

_AGAIN = 2.0
"""Seconds in which one more signal says nothing new: timeout(1) sends each of them twice."""


@contextmanager
def stoppable(deadline: float | None = None) -> Iterator[None]:
    """Let SIGINT, SIGTERM, and *deadline* seconds, interrupt what is done inside.

    What whoever started us has us ignore stays ignored.
    """
    if not _is_main_thread():
        yield
        return
    reasons = {signal.SIGINT: FROM_THE_KEYBOARD, signal.SIGTERM: BY_SIGTERM}
    reasons = {it: why for it, why in reasons.items() if signal.getsignal(it) != signal.SIG_IGN}
    if deadline is not None:
        reasons[signal.SIGALRM] = f"the deadline of {deadline:g} s has passed"
    last = -_AGAIN

    def stop(number: int, _: FrameType | None) -> None:
        nonlocal last
        now = time.monotonic()
        if now - last >= _AGAIN:
            last = now
            raise KeyboardInterrupt(reasons[signal.Signals(number)])

    before = {number: signal.signal(number, stop) for number in reasons}
    try:
        if deadline is not None:
            signal.setitimer(signal.ITIMER_REAL, deadline)
        yield
    finally:
        if deadline is not None:
            signal.setitimer(signal.ITIMER_REAL, 0)
        for number, handler in before.items():
            signal.signal(number, handler)


def heed() -> None:
    """Let SIGINT and SIGTERM end a worker in good order, with the peers that it has started.

    SIGINT also where it was ignored: so execnet ends a worker that is at work.
    """
    if _is_main_thread():
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.default_int_handler)


def _is_main_thread() -> bool:
    return threading.current_thread() is threading.main_thread()  # signals are for it alone
