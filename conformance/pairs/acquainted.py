"""Who a peer is, which dialects it has, and what goes over the channel when it sends."""

from __future__ import annotations

import os
import shutil
import socket
import tempfile
from contextlib import suppress
from typing import TYPE_CHECKING, NamedTuple

from ..errors import CannotStart, Lacking, PassFailed, PeerFailed, RequestRefused
from ..harness.dialects import SPOKEN
from ..harness.patience import Patience
from ..harness.peer import start
from ..harness.tokens import Token
from ..peers.shipped import SHIPPED
from ..subject import command_of
from .meeting import PeerSends, raw_end
from .sides import Side

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..harness.peer import Answer

_CHANNEL = "end"


class Known(NamedTuple):
    """A peer that has said who it is."""

    name: str
    command: tuple[str, ...]
    about: Answer
    told: tuple[str, ...]
    """The dialects that it lists, the usual one first; empty: it says nothing of them."""
    wires: dict[str, list[str]]
    """What one descriptor is sent as in each dialect; see wire()."""

    @property
    def dialects(self) -> tuple[str, ...]:
        """The dialects to be tried; what it lists, else what it is seen to speak."""
        return tuple(self.wires)

    @property
    def message(self) -> Callable[[int], bytes]:
        """The bytes of a message in its usual dialect; of one unknown, those that were seen."""
        usual, seen = next(iter(self.wires.items()))
        if usual in SPOKEN:
            return SPOKEN[usual].message
        return lambda _: bytes.fromhex(seen[0].partition("+")[0])

    def passer(self) -> str:
        """Name the passer, as people know it."""
        return SHIPPED[self.name].passer if self.name in SHIPPED else str(self.about["name"])


def meet(name: str, scale: float) -> Known:
    """Get to know a peer: one that comes with the suite, or a command.

    Raises:
        CannotStart: it is not installed.
        PeerFailed: it does not speak the protocol.
        Lacking, PassFailed, RequestRefused: it cannot be had to send.

    """
    command = command_of(name)
    peer = start("the peer", command, Patience(scale))
    try:
        about = peer.hello()
    finally:
        peer.close()
    told = tuple(about.get("dialects", ()))
    if told:
        return Known(name, command, about, told, {d: wire(command, d, scale) for d in told})
    seen = wire(command, None, scale)
    return Known(name, command, about, (), {_dialect_of(seen): seen})


def wire(command: tuple[str, ...], dialect: str | None, scale: float) -> list[str]:
    """Have one descriptor sent to a raw end; give each message, as `00+1`: digits, descriptors."""
    folder = tempfile.mkdtemp(prefix="fdcp-")
    token = Token(os.path.join(folder, "token"), Patience(scale))
    ours, theirs = socket.socketpair(socket.AF_UNIX)
    raw = raw_end(ours, scale)
    try:
        with theirs:
            side = Side("the peer", command, {_CHANNEL: theirs.fileno()}, scale)
        try:
            side.greet()
            sending = PeerSends(side, side.adopt(_CHANNEL, dialect), [token])
            sending.send(0)
            sending.gone()
            messages = [_message(*raw.recv())]
            # One that waits for an answer does not get it here; what it has sent is seen.
            with suppress(PeerFailed):
                sending.finish()
                while any(last := raw.recv()):
                    messages.append(_message(*last))
        finally:
            side.close()
    finally:
        raw.close()
        token.close()
        shutil.rmtree(folder, ignore_errors=True)
    return messages


def _message(data: bytes, fds: list[int]) -> str:
    for fd in fds:
        os.close(fd)
    return f"{data.hex()}+{len(fds)}"


def _dialect_of(messages: list[str]) -> str:
    known = (name for name, it in SPOKEN.items() if messages == [f"{it.one.hex()}+1"])
    return next(known, "its own")


REFUSALS = (CannotStart, PeerFailed, PassFailed, RequestRefused, Lacking, OSError)
"""What can keep a peer out of the matrix; the message says why."""
