"""A simulated illumos: a library that gives a Linux program the two interfaces Linux does not have.

Stream pipes that pass files, and access rights, with illumos' structures, numbers and failures. It
is C; the page beside it tells what it imitates, from which source, and what it leaves out. Here it
is built and put under a program. Whatever ran on it is called *simulated*.
"""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from .. import interposed
from ..interposed import CannotBuild

if TYPE_CHECKING:
    import os

__all__ = ["FAULTS", "SOURCES", "CannotBuild", "build", "environment", "missing"]

SOURCES = Path(__file__).parent

FAULTS = {
    "loses-put-back": "I_RECVFD with a full table loses the passed file.",
    "read-discards": "read() throws a passed file away and reads on.",
    "whole-length": "msg_accrightslen tells what was sent, not what fitted.",
}
"""What can be wrong with the simulated system on demand, each with what it does."""


def missing() -> str | None:
    """Say in a sentence why illumos cannot be simulated here, or None."""
    if reason := interposed.missing():
        return reason
    if sys.maxsize < 2**32:
        return "the library has illumos' 64-bit structures, and this Python is a 32-bit one"
    # The library knows calls that mean illumos by their coming from libffi.
    found = importlib.util.find_spec("_ctypes")
    if found is None or not found.has_location:
        return "calls through ctypes cannot be told from others: _ctypes is no file of its own"
    return None


def build(folder: str | os.PathLike[str]) -> Path:
    """Compile the library into *folder*; give its path.

    Raises:
        CannotBuild: there is no compiler, or it failed, or the library would not work.

    """
    if reason := missing():
        raise CannotBuild(reason)
    return interposed.build(SOURCES, Path(folder) / "simulated_illumos.so")


def environment(library: str | os.PathLike[str], fault: str = "") -> dict[str, str]:
    """Give the variables that put a program, and all it starts, on the simulated system.

    Raises:
        ValueError: there is no such fault, or the dynamic linker cannot read such a path.

    """
    if fault and fault not in FAULTS:
        raise ValueError(f"no fault {fault!r}; known: {', '.join(FAULTS)}")
    return interposed.preloaded(library) | {"SIMULATED_FAULT": fault}
