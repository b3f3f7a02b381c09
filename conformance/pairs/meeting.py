"""Two sides and the tokens between them: fresh processes, an end of every channel in each."""

from __future__ import annotations

import os
import shutil
import socket
import tempfile
from contextlib import suppress
from typing import TYPE_CHECKING

from ..errors import PassFailed
from ..harness.dialects import SPOKEN, USUAL
from ..harness.patience import Patience
from ..harness.raw import RawEnd
from ..harness.tokens import Token
from .sides import Side

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..harness.held import Held
    from ..harness.peer import Pending
    from ..harness.player import Player

MOST = 10
"""How many tokens there are."""
_GOES = 0.3  # seconds for what need not wait
_FLUSH = 1.0  # seconds in which all has gone, unless the sender waits for an answer
_TAIL = 14  # lines of a transcript that are kept


class PeerSends:
    """A peer's passer over one channel; descriptors go by the places of their tokens, from 0.

    Nothing here waits for the receiver; some passers do.
    """

    def __init__(self, side: Side, player: Player, tokens: Sequence[Token]) -> None:
        self._side, self._player, self._tokens = side, player, tokens
        self._held: dict[int, Held] = {}
        self._asked: list[Pending] = []
        self.said: list[str] = []

    def open(self, *places: int) -> list[Held]:
        """Have what is to be sent opened."""
        for place in places:
            if place not in self._held:
                self._held[place] = self._player.open(self._tokens[place])
        return [self._held[place] for place in places]

    def send(self, *places: int) -> None:
        """Send them one by one."""
        held = self.open(*places)
        with self._side.peer.together():
            self._asked += [self._player.send_later(one) for one in held]
            self._asked.append(self._player.ask("flush", _FLUSH))

    def send_together(self, *places: int) -> None:
        """Send them in one call."""
        fds = [one.number for one in self.open(*places)]
        with self._side.peer.together():
            self._asked.append(self._player.ask("send_many", fds=fds))
            self._asked.append(self._player.ask("flush", _FLUSH))

    def gone(self) -> bool:
        """Tell whether all has gone by now; some wait for the receiver."""
        return not self._asked or self._side.answers(self._asked[-1], _GOES)

    def finish(self) -> None:
        """Wait until what was sent has gone, and close the channel."""
        for asked in self._asked:
            try:
                asked.answer()
            except PassFailed as failure:
                self.said.append(str(failure))
        self._asked.clear()
        with suppress(PassFailed):  # it may be closed already, after an error
            self._side.drop()
        for held in self._held.values():
            held.close()
        self._held.clear()


def raw_end(end: socket.socket, scale: float) -> RawEnd:
    """Give a raw end, which takes the socket over; what is sent says its own bytes."""
    return RawEnd(end, Patience(scale), SPOKEN[USUAL])


class Meeting:
    """The two processes of a pair; without a sending *command* it is the suite that sends."""

    def __init__(
        self,
        sending: Sequence[str] | None,
        receiving: Sequence[str],
        channels: Sequence[str],
        scale: float,
    ) -> None:
        self._scale = scale
        self._folder = tempfile.mkdtemp(prefix="fdcp-")
        self.tokens = [
            Token(os.path.join(self._folder, f"token-{place}"), Patience(scale))
            for place in range(MOST)
        ]
        self._sides: list[Side] = []
        self._raw: dict[str, socket.socket] = {}
        pairs = {channel: socket.socketpair(socket.AF_UNIX) for channel in channels}
        try:
            if sending is None:
                self._raw = {channel: ends[0] for channel, ends in pairs.items()}
            else:
                self._start("the sender", sending, {c: ends[0] for c, ends in pairs.items()})
            self._start("the receiver", receiving, {c: ends[1] for c, ends in pairs.items()})
            for side in self._sides:
                side.greet()
        except BaseException:
            self.close()
            raise
        finally:
            for channel, ends in pairs.items():
                for end in ends:
                    if self._raw.get(channel) is not end:
                        end.close()

    def _start(self, name: str, command: Sequence[str], ends: dict[str, socket.socket]) -> None:
        given = {channel: end.fileno() for channel, end in ends.items()}
        self._sides.append(Side(name, command, given, self._scale))

    @property
    def receiver(self) -> Side:
        """The receiving process."""
        return self._sides[-1]

    def sends(self, channel: str, dialect: str | None) -> PeerSends:
        """Have the sender make a passer of its end of *channel*."""
        sender = self._sides[0]
        return PeerSends(sender, sender.adopt(channel, dialect), self.tokens)

    def raw(self, channel: str) -> RawEnd:
        """Give the sending end of *channel*, where the suite itself sends."""
        return raw_end(self._raw.pop(channel), self._scale)

    def can(self, op: str) -> bool:
        """Tell whether the sender has an operation."""
        return op in self._sides[0].peer.ops

    def anew(self) -> None:
        """Begin a trial: nothing is heard of the last one any more, and the time counts anew."""
        for side in self._sides:
            side.anew()
        for token in self.tokens:
            token.heard()

    def transcripts(self) -> dict[str, list[str]]:
        """Give the end of what was said."""
        return {side.name: side.peer.full_transcript()[-_TAIL:] for side in self._sides}

    def close(self) -> None:
        """Kill both, and remove all files."""
        for side in self._sides:
            side.close()
        for end in self._raw.values():
            end.close()
        for token in self.tokens:
            token.close()
        shutil.rmtree(self._folder, ignore_errors=True)
