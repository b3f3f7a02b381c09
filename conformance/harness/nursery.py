"""Peers without the time it takes to start them: forks of one that has done nothing yet.

Starting a program is most of the time a check takes. A peer that is given no descriptors, and whose
program can fork, is therefore the child of a peer that was started once, has said hello, and is
asked for nothing but children. It has nothing open but its pipes, like one that was started.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from ..errors import PeerFailed
from .channels import open_channel
from .patience import Patience
from .peer import fork, start
from .spawn import FIRST_GIVEN

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from .peer import Peer

NEEDS = frozenset({"fork", "open", "close"})
"""The operations of a peer program that it takes."""


_PAIRS = 8  # of channel ends that a mother of heirs is started with


class Nursery:
    """The mothers of the peers of all checks of this process."""

    def __init__(self, command: Sequence[str], scale: float) -> None:
        self._command = command
        self._scale = scale
        self._mother: Peer | None = None
        self._testatrix: Peer | None = None  # the mother of heirs
        self._pairs: list[tuple[str, str]] = []  # which she still has
        self._interface = ""  # for which they are

    def bear(self, name: str, patience: Patience, path: Callable[[str], str]) -> Peer:
        """Give a new peer, which has not been asked anything yet.

        Raises:
            PeerFailed: its mother does not do what she should; the next one gets another.

        """
        mother = self._mother or self._start("the mother of peers")
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

    def bear_heirs(
        self,
        names: tuple[str, str],
        patience: Patience,
        path: Callable[[str], str],
        interface: str,
    ) -> tuple[tuple[Peer, str], tuple[Peer, str]]:
        """Give two new peers, each with the name of the end of a channel that is left to it.

        The two ends are of a channel, as *interface* uses it, that their mother was given over
        exec. Nobody else has them open any more.

        Raises:
            PeerFailed: their mother does not do what she should; the next ones get another.

        """
        if not self._pairs or interface != self._interface:
            self._end(self._testatrix)
            self._testatrix, self._pairs = None, []
            self._testatrix, self._pairs = self._start_with_pairs(interface)
            self._interface = interface
        mother = self._testatrix
        assert mother is not None
        mother.patience = Patience(self._scale)
        mother.transcript.clear()
        ends = self._pairs[-1]
        try:
            heirs = [(fork(mother, names[i], patience, path), ends[i]) for i in (0, 1)]
            for heir, end in heirs:
                _close(heir, {name for pair in self._pairs for name in pair} - {end})
            _close(mother, set(ends))
        except PeerFailed:
            self._pairs = []
            raise
        self._pairs.pop()
        return heirs[0], heirs[1]

    def _start_with_pairs(self, interface: str) -> tuple[Peer, list[tuple[str, str]]]:
        pairs = [(f"left{number}", f"right{number}") for number in range(_PAIRS)]
        given: dict[str, int] = {}
        try:
            for left, right in pairs:
                given[left], given[right] = open_channel(interface)
            return self._start("the mother of heirs", given), pairs
        finally:
            for end in given.values():
                os.close(end)

    def _start(self, name: str, given: Mapping[str, int] | None = None) -> Peer:
        mother = start(name, self._command, Patience(self._scale), given)
        mother.shares_group = True
        mother.hello_later().answer()
        return mother

    def close(self) -> None:
        """End the mothers, and with them whatever is left of their children."""
        self._end(self._mother)
        self._end(self._testatrix)
        self._mother = self._testatrix = None
        self._pairs = []

    @staticmethod
    def _end(mother: Peer | None) -> None:
        if mother is not None:
            mother.shares_group = False
            mother.close()


def _close(peer: Peer, names: set[str]) -> None:
    with peer.together():
        requests = [
            peer.ask("close", fd=FIRST_GIVEN + peer.process.given.index(name)) for name in names
        ]
    for request in requests:
        request.answer()
