"""What mutants stand on: the libraries that make a system faulty or simulated."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from conformance import simulated
from conformance.interposed import CannotBuild

from . import systems
from .systems import TO_SELF

if TYPE_CHECKING:
    import os
    from collections.abc import Callable

    from .mutant import Mutant
    from .systems import System

SIMULATED = frozenset({"bsd43", "sysv"})
"""The interfaces that no system at hand has."""


_WINE = "out/guests/made/wine/start"


class Missing(Exception):
    """There is nothing to try a mutant on; the message says why."""


@dataclass(frozen=True)
class Grounds:
    """The libraries; in place of one that could not be built, the sentence why."""

    faulty: Path | str
    simulated: Path | str
    wine: Path | str
    """The program that runs a Python for Windows with the arguments it is given."""

    def command(self, mutant: Mutant) -> tuple[str, ...]:
        """Give the command line of the peer program of *mutant*.

        Raises:
            Missing: there is nothing here to run it.

        """
        if not mutant.needs_wine:
            return mutant.command
        return (str(_there(self.wine)), *mutant.command[1:])

    def of(self, mutant: Mutant) -> dict[str, str]:
        """Give the variables that put a program where *mutant* is to be tried.

        Raises:
            Missing: there is no such place.

        """
        if mutant.backend in SIMULATED:
            return simulated.environment(_there(self.simulated), mutant.system or "")
        if mutant.system is not None:
            # What a platform check tries, its program passes to itself.
            name = f"{mutant.system},{TO_SELF}" if mutant.of_platform else mutant.system
            return systems.environment(name, _there(self.faulty))
        return {}

    def odd(self, system: System, *, to_self: bool = False) -> dict[str, str]:
        """Give the variables that put a program on an odd system."""
        name = f"{system.name},{TO_SELF}" if to_self else system.name
        return systems.environment(name, _there(self.faulty))


def _there(library: Path | str) -> Path:
    if isinstance(library, str):
        raise Missing(library)
    return library


def prepare(folder: str | os.PathLike[str]) -> Grounds:
    """Build all that can be built into *folder*, and look for the rest."""
    wine = Path(_WINE).absolute()
    return Grounds(
        faulty=_built(systems.build, folder),
        simulated=_built(simulated.build, folder),
        wine=wine if wine.exists() else f"there is no {_WINE}; `nox -s guest -- wine` makes it",
    )


def _built(
    build: Callable[[str | os.PathLike[str]], Path], folder: str | os.PathLike[str]
) -> Path | str:
    try:
        return build(folder)
    except CannotBuild as reason:
        return str(reason)
