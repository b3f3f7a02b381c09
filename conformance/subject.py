"""The subject of a run: the peer program, what it said of itself, and the variants to be run."""

from __future__ import annotations

import shlex
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from .errors import PeerFailed
from .harness.dialects import USUAL, carries_bytes
from .harness.patience import Patience
from .harness.peer import start
from .harness.transports import TRANSPORTS
from .peers.levels import IMPOSSIBLE
from .peers.levels import command_of as command_of_peer
from .requirement import PLATFORM

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .requirement import Requirement


@dataclass(frozen=True)
class Variant:
    """One way to run a check."""

    transport: str
    survival: str = "auto"
    backend: str = "auto"

    @property
    def id(self) -> str:
        """What stands in brackets behind the name of the check."""
        words = (self.backend, self.transport, self.survival)
        return "-".join(word for word in words if word not in {"", "auto"})


ON_THE_PLATFORM = Variant(PLATFORM, "", "")
"""The one way to run a check of the platform."""


@dataclass(frozen=True)
class Subject:
    """A peer program that has answered hello; or two, of which *other* is peer B."""

    command: tuple[str, ...]
    hello: dict[str, Any]
    survivals_of: dict[str, dict[str, str | None]] = field(default_factory=dict)
    """Of every backend but the usual one, why a survival mode cannot be used with it, or None."""
    other: Subject | None = None

    @property
    def name(self) -> str:
        """What the peer calls itself."""
        return str(self.hello["name"])

    @property
    def is_nobody(self) -> bool:
        """Whether there is no peer program, as only platform checks are run."""
        return not self.command

    @property
    def dialects(self) -> list[str]:
        """The dialects that it speaks, the usual one first."""
        return list(self.hello.get("dialects", [USUAL]))

    def dialect(self, wanted: str) -> str:
        """Name the dialect in use when *wanted*, or auto, is asked for."""
        return wanted if wanted != "auto" else next(iter(self.dialects), USUAL)

    def dialect_to_ask_for(self, wanted: str) -> str:
        """Name the dialect that the peers have to be told, or auto: all speak it unasked."""
        dialect = self.dialect(wanted)
        usual = {it.get("dialects", [USUAL])[0] for it in self.hello.get("peers", [self.hello])}
        return "auto" if usual == {dialect} else dialect

    @property
    def both_batch(self) -> bool:
        """Whether two programs know of several descriptors in one message; always true of one."""
        return all("send_many" in it["ops"] for it in self.hello.get("peers", []))

    def backends(self) -> list[str]:
        """Name the backends that work here, the usual one first; none if it knows of none."""
        return [name for name, lack in self.hello["backends"].items() if lack is None]

    def backend(self, wanted: str) -> str:
        """Name the backend in use when *wanted*, auto or each is asked for."""
        if wanted not in {"auto", "each"}:
            return wanted
        return next(iter(self.backends()), "none")

    def lack_of(self, backend: str) -> str | None:
        """Say why *backend* cannot be used here, or None."""
        if backend == "auto":
            return None
        return self.hello["backends"].get(backend, f"{self.name} knows of no backend {backend}")  # type: ignore[no-any-return]

    def survivals(self, backend: str = "auto") -> list[str]:
        """Name the survival modes that work here, with *backend*."""
        usual: dict[str, str | None] = self.hello["survivals"]
        modes = self.survivals_of.get(backend, usual)
        return [name for name, lack in modes.items() if lack is None]

    def all_survivals(self) -> list[str]:
        """Name the survival modes that work here with any backend."""
        named = [self.survivals(), *(self.survivals(name) for name in self.survivals_of)]
        return list(dict.fromkeys(mode for modes in named for mode in modes))

    def refusal(self, backend: str, survival: str, dialect: str = "auto") -> str | None:
        """Say why the peer cannot be run like that, or None."""
        if self.other and not self.dialects:
            one, other = (" and ".join(it.get("dialects", [USUAL])) for it in self.hello["peers"])
            return f"peer A speaks the dialect {one}, peer B {other}: none that both speak"
        if dialect not in {"auto", *self.dialects}:
            spoken = ", ".join(self.dialects)
            return f"{self.name} does not speak the dialect {dialect!r}; it speaks: {spoken}"
        modes = self.survivals_of.get(backend, self.hello["survivals"])
        if backend == "each":  # a mode that works with one of them will do
            for of_another in self.survivals_of.values():
                works = {name: None for name, lack in of_another.items() if lack is None}
                modes = {**of_another, **modes, **works}
        for what, wanted, known in (
            ("backend", backend, self.hello["backends"]),
            ("survival mode", survival, modes),
        ):
            if wanted not in {"auto", "each"} and wanted not in known:
                return f"{self.name} has no {what} {wanted!r}; it has: {', '.join(known)}"
            if wanted not in {"auto", "each"} and known[wanted]:
                return f"{self.name}: {what} {wanted} cannot be used: {known[wanted]}"
        return None

    def variants(
        self,
        requirement: Requirement,
        transports: Sequence[str] = (),
        survival: str = "each",
        backend: str = "each",
        expected: Sequence[str] = (),
    ) -> list[Variant]:
        """List the ways in which a check is to be run.

        What survives a full table is behind the channel, whatever that is: all modes are tried over
        the first transport, and the peer's usual one over the others too. A check of the interfaces
        themselves is run for each that is known or *expected*, also where it is missing.
        """
        chosen = [name for name in TRANSPORTS if name in transports or not transports]
        if requirement.over:
            chosen = [name for name in chosen if name == requirement.over] or chosen[:1]
        if requirement.each_backend:
            known = dict.fromkeys([*self.hello["backends"], *expected])
            if backend != "each":
                known = {self.backend(backend): None}
            return [Variant(chosen[0], backend=name) for name in known or ["auto"]]
        usual = self.backend("auto")
        if requirement.only:
            if requirement.only not in self.backends() or backend not in {"each", requirement.only}:
                return []
            return [
                Variant(
                    chosen[0], backend="auto" if requirement.only == usual else requirement.only
                )
            ]
        backends = [backend]
        if backend == "each":
            backends = ["auto", *(name for name in self.backends() if name != usual)]
        return [
            Variant(transport, mode, name)
            for name in backends
            for transport in chosen
            for mode in self._modes(requirement, survival, name, first=transport == chosen[0])
        ]

    def _modes(
        self, requirement: Requirement, survival: str, backend: str, *, first: bool
    ) -> list[str]:
        working = self.survivals(backend)
        if survival != "each":
            return [survival] if survival in {"auto", *working} else []
        modes = working if requirement.each_survival and working else ["auto"]
        return modes if first else modes[:1]

    def lack(self, requirement: Requirement, transport: str, dialect: str = USUAL) -> str | None:
        """Say what the peer does not offer of what a check needs, or None."""
        if self.other and TRANSPORTS[transport].forks:
            return f"over {transport} the second peer is a fork of the first, and these are two"
        if self.other and "queued" in set(requirement.needs) - set(self.hello["peers"][0]["ops"]):
            return "peer A, which sends, has no queued"
        if self.other and "recv_with_data" in requirement.needs:
            for which, peer in zip("AB", self.hello["peers"], strict=True):
                if "recv_with_data" not in peer["ops"]:  # who has it sends bytes, too
                    return f"peer {which} has no recv_with_data, and knows of no bytes"
        if reason := IMPOSSIBLE.get((self.hello.get("level", ""), requirement.id)):
            return reason
        if "recv_with_data" in requirement.needs and not carries_bytes(dialect):
            return f"there are no bytes beside the descriptors in the dialect {dialect}"
        needed = {*requirement.needs, *TRANSPORTS[transport].needs}
        missing = sorted(needed - set(self.hello["ops"]))
        who = "neither peer has" if self.other else "the peer has no"
        return f"{who} {', '.join(missing)}" if missing else None


def nobody() -> Subject:
    """Give what stands in place of a peer program where only platform checks are run."""
    nothing: dict[str, Any] = {"backends": {}, "survivals": {}, "ops": []}
    return Subject((), {"name": PLATFORM, "version": "", "language": "", **nothing})


def command_of(peer: str, launcher: str = "") -> tuple[str, ...]:
    """Give the command line of a peer, as the command line of the suite names it.

    Raises:
        CannotStart: it comes with the suite, and what it needs is not installed.

    """
    return (*shlex.split(launcher), *command_of_peer(peer))


def meet(command: tuple[str, ...], scale: float) -> Subject:
    """Start the peer once, and ask who it is.

    Raises:
        CannotStart: there is nothing to be started.
        PeerFailed: what was started is not a peer.

    """
    peer = start("the peer", command, Patience(max(scale, 1.0)))
    try:
        hello = peer.hello()
        working = [name for name, lack in hello["backends"].items() if lack is None]
        others = {name: peer.hello(backend=name)["survivals"] for name in working[1:]}
        peer.refuses_the_unknown()
    except PeerFailed as error:
        said = peer.process.log().split("\n")
        last = next((line for line in reversed(said) if line.strip()), "nothing")
        raise PeerFailed(f"{error}; its last words: {last}") from error
    finally:
        peer.close()
    return Subject(command, hello, others)
