"""The subject of a run: the peer program, what it said of itself, and the variants to be run."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .patience import Patience
from .peer import start
from .peers import PEERS
from .transports import TRANSPORTS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .requirement import Requirement


@dataclass(frozen=True)
class Variant:
    """One way to run a check."""

    transport: str
    survival: str = "auto"

    @property
    def id(self) -> str:
        """What stands in brackets behind the name of the check."""
        return self.transport if self.survival == "auto" else f"{self.transport}-{self.survival}"


@dataclass(frozen=True)
class Subject:
    """A peer program that has answered hello."""

    command: tuple[str, ...]
    hello: dict[str, Any]

    @property
    def name(self) -> str:
        """What the peer calls itself."""
        return str(self.hello["name"])

    def backend(self, wanted: str) -> str:
        """Name the backend in use when *wanted* (or auto) is asked for."""
        if wanted != "auto":
            return wanted
        return next((name for name, lack in self.hello["backends"].items() if lack is None), "none")

    def survivals(self) -> list[str]:
        """Name the survival modes that work here."""
        return [name for name, lack in self.hello["survivals"].items() if lack is None]

    def refusal(self, backend: str, survival: str) -> str | None:
        """Say why the peer cannot be run like that, or None."""
        for what, wanted, known in (
            ("backend", backend, self.hello["backends"]),
            ("survival mode", survival, {"each": None, **self.hello["survivals"]}),
        ):
            if wanted != "auto" and wanted not in known:
                return f"{self.name} has no {what} {wanted!r}; it has: {', '.join(known)}"
            if wanted != "auto" and known[wanted]:
                return f"{self.name}: {what} {wanted} cannot be used: {known[wanted]}"
        return None

    def variants(
        self, requirement: Requirement, transports: Sequence[str], survival: str
    ) -> list[Variant]:
        """List the ways in which a check is to be run.

        What survives a full table is behind the channel, whatever that is: all modes are tried over
        the first transport, and the peer's usual one over the others too.
        """
        modes = ["auto"] if survival == "each" else [survival]
        if survival == "each" and requirement.each_survival:
            modes = self.survivals() or modes
        chosen = [name for name in TRANSPORTS if name in transports or not transports]
        if requirement.over:
            chosen = [name for name in chosen if name == requirement.over] or chosen[:1]
        return [
            Variant(transport, mode)
            for transport in chosen
            for mode in (modes if transport == chosen[0] else modes[:1])
        ]

    def lack(self, requirement: Requirement, transport: str) -> str | None:
        """Say what the peer does not offer of what a check needs, or None."""
        needed = {*requirement.needs, *TRANSPORTS[transport].needs}
        missing = sorted(needed - set(self.hello["ops"]))
        return f"the peer has no {', '.join(missing)}" if missing else None


def command_of(peer: str, launcher: str = "") -> tuple[str, ...]:
    """Give the command line of a peer: the name of one that comes with the suite, or a command."""
    command = PEERS.get(peer) or tuple(shlex.split(peer))
    return (*shlex.split(launcher), *command)


def meet(command: tuple[str, ...], scale: float) -> Subject:
    """Start the peer once, and ask who it is.

    Raises:
        CannotStart: there is nothing to be started.
        PeerFailed: what was started is not a peer.

    """
    peer = start("the peer", command, Patience(max(scale, 1.0)))
    try:
        hello = peer.hello()
        peer.refuses_the_unknown()
    finally:
        peer.close()
    return Subject(command, hello)
