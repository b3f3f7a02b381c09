"""What mutants stand on: the libraries that make a system faulty or simulated."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from conformance import simulated

from . import systems

if TYPE_CHECKING:
    import os
    from pathlib import Path

    from .mutant import Mutant
    from .systems import System

SIMULATED = frozenset({"bsd43", "sysv"})
"""The interfaces that no system at hand has."""


class Missing(Exception):
    """There is nothing to try a mutant on; the message says why."""


@dataclass(frozen=True)
class Grounds:
    """The libraries; in place of one that could not be built, the sentence why."""

    faulty: Path | str
    simulated: Path | str

    def of(self, mutant: Mutant) -> dict[str, str]:
        """Give the variables that put a program where *mutant* is to be tried.

        Raises:
            Missing: there is no such place.

        """
        if mutant.backend in SIMULATED:
            return simulated.environment(_there(self.simulated), mutant.system or "")
        if mutant.system is not None:
            return systems.environment(mutant.system, _there(self.faulty))
        return {}

    def odd(self, system: System) -> dict[str, str]:
        """Give the variables that put a program on an odd system."""
        return systems.environment(system.name, _there(self.faulty))


def _there(library: Path | str) -> Path:
    if isinstance(library, str):
        raise Missing(library)
    return library


def prepare(folder: str | os.PathLike[str]) -> Grounds:
    """Build all of them into *folder*."""
    built: list[Path | str] = []
    for build, cannot in (
        (systems.build, systems.CannotBuild),
        (simulated.build, simulated.CannotBuild),
    ):
        try:
            built.append(build(folder))
        except cannot as reason:
            built.append(str(reason))
    return Grounds(*built)
