"""Which checks were asked for, and whether those of the platform have anything to tell here."""

from __future__ import annotations

from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from .requirement import LEVELS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .requirement import Requirement

_OF_THE_PLATFORM = ("each", "auto", "bsd44")
"""What may be asked of --backend where the platform checks are run too: they try this interface."""


@dataclass(frozen=True)
class Selection:
    """What the options ask for."""

    checks: Sequence[str] = ()
    groups: Sequence[str] = ()
    level: str = "may"
    subject: str = "each"

    def has(self, requirement: Requirement) -> bool:
        """Tell whether a check was asked for."""
        return (
            self.subject in {"each", requirement.subject}
            and (not self.checks or any(fnmatchcase(requirement.id, it) for it in self.checks))
            and (not self.groups or requirement.group in self.groups)
            and LEVELS.index(requirement.level) <= LEVELS.index(self.level.upper())
        )


def left_out(simulated: str | None, backend: str, system: str | None) -> str:
    """Say why the platform checks are left out of a run; an empty string: they are run.

    They speak of the system that the suite itself runs on, and of no other: not of a *simulated*
    one, of which a library imitates other calls, nor of another *system* that the peer runs on. Nor
    do they belong into a run for a *backend* that passes descriptors by other calls.
    """
    if simulated:
        return f"left out: they would not try the simulated {simulated}, but what is underneath"
    if backend not in _OF_THE_PLATFORM:
        return f"left out: they try sendmsg and recvmsg, and the run is for {backend}"
    if system:
        return f"left out: they would not try {system}, where the peer runs, but this system"
    return ""
