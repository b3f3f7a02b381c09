"""Peers without the time it takes to start them: forks of one that has done nothing yet.

Starting a program is most of the time a check takes. A peer that is given no descriptors, and whose
program can fork, is therefore the child of a peer that was started once, has said hello, and is
asked for nothing but children. It has nothing open but its pipes, like one that was started.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .errors import PeerFailed
from .patience import Patience
from .peer import fork, start

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from .peer import Peer

NEEDS = frozenset({"fork", "open"})
"""The operations of a peer program that it takes."""


class Nursery:
    """The mother of the peers of all checks of this process."""

    def __init__(self, command: Sequence[str], scale: float) -> None:
        self._command = command
        self._scale = scale
        self._mother: Peer | None = None

    def bear(self, name: str, patience: Patience, path: Callable[[str], str]) -> Peer:
        """Give a new peer, which has not been asked anything yet.

        Raises:
            PeerFailed: its mother does not do what she should; the next one gets another.

        """
        mother = self._mother or self._start()
        self._mother = None
        mother.patience = Patience(self._scale)
        mother.transcript.clear()
        try:
            child = fork(mother, name, patience, path)
        except PeerFailed:
            mother.close()
            raise
        self._mother = mother
        return child

    def _start(self) -> Peer:
        mother = start("the mother of peers", self._command, Patience(self._scale))
        mother.shares_group = True
        mother.hello_later().answer()
        return mother

    def close(self) -> None:
        """End the mother, and with her whatever is left of her children."""
        if self._mother is not None:
            self._mother.shares_group = False
            self._mother.close()
            self._mother = None
