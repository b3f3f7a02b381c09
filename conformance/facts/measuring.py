"""Measure the profile of this system."""

from __future__ import annotations

import datetime
import time
from typing import TYPE_CHECKING

from .. import __version__, environment
from . import document, facts
from .children import ask

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .document import Profile


def measured(wanted: Sequence[str] = (), scale: float = 1.0) -> Profile:
    """Measure the profile of this system, or only the *wanted* part of it.

    This process is forked, and must have no threads.

    Raises:
        LookupError: one of *wanted* is no fact, no group and no glob that fits one.

    """
    chosen = facts(wanted)
    started = datetime.datetime.now(datetime.timezone.utc)
    before = time.monotonic()
    answers = list(ask(chosen, scale))
    return document.profile(
        answers,
        version=__version__,
        started=started.isoformat(timespec="seconds"),
        seconds=time.monotonic() - before,
        environment=environment.record(),
        evidence=environment.evidence(),
        complete=not wanted,
    )
