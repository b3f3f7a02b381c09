"""Standard descriptors that were closed when we were started, as by some init systems and cron."""

from __future__ import annotations

import os
import sys


def fill() -> None:
    """Open /dev/null in the place of each that is closed.

    Else what is opened next gets its number, and a program that is started takes that for its
    input, or writes errors into it.
    """
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            opened = os.open(os.devnull, os.O_RDWR)
            assert opened == number, "the lowest number that is free is given first"
            os.set_inheritable(number, True)
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))
