"""A mutant: a passer or a system with one fault, and the check that it must fail for it.

A check that nothing can fail proves nothing. So each requirement that MUST or SHOULD hold has
a mutant.
"""

from __future__ import annotations

import inspect
import sys
from dataclasses import dataclass

from conformance.peers import python_command

TYPE_CHECKING = False
if TYPE_CHECKING:
    from conformance.peers.reference import ReferencePeer

HASTY = 0.3
"""The timeout scale for a mutant whose fault is that something never comes."""


@dataclass(frozen=True)
class Mutant:
    """One fault. Exactly one of *peer*, a faulty passer, and *system*, a faulty system.

    ``check`` is the id of what it must fail, ``because`` a part of what is then said. *backend* is
    the interface it is a mutant of, where that is not the usual one. A check of the platform is for
    a faulty system only; what its program passes to itself is then spoiled too.
    """

    name: str
    check: str
    because: str
    peer: type[ReferencePeer] | None = None
    system: str | None = None
    transport: str = "inherited"
    backend: str = "auto"
    timeout_scale: float = 1.0

    def __post_init__(self) -> None:
        if (self.peer is None) == (self.system is None):
            raise ValueError(f"{self.name}: expected a faulty peer or a faulty system")

    @property
    def fault(self) -> str:
        """What is wrong with it, in a sentence."""
        if self.peer is not None:
            return (inspect.getdoc(self.peer) or "").partition("\n")[0]
        from conformance.simulated import FAULTS

        from .systems import BY_NAME

        name = str(self.system)
        return BY_NAME[name].sentence if name in BY_NAME else FAULTS[name]

    @property
    def of_platform(self) -> bool:
        """Whether it is for a check of the platform: no peer is started then."""
        from conformance import entries  # not in the program of a faulty peer

        return entries.find(self.check)[0].of_platform

    @property
    def command(self) -> tuple[str, ...]:
        """The command line of its peer program; that of the sound one on a faulty system."""
        if self.peer is None:
            return python_command("conformance.peers.reference")
        module = self.peer.__module__.rpartition(".")[2]
        return python_command("conformance.mutants.peer", module, self.peer.__name__)

    @property
    def needs_wine(self) -> bool:
        """Whether its peer program has to be run by a Python for Windows."""
        return self.backend == "windows" and sys.platform != "win32"


def on(group: str, system: str, check: str, because: str, *, timeout_scale: float = 1.0) -> Mutant:
    """Give the mutant of a faulty system, for a check of a group that is named without it."""
    id_ = f"{group}.{check}"
    return Mutant(system, id_, because=because, system=system, timeout_scale=timeout_scale)
