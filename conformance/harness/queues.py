"""Channels that are full, and what waits behind them: filled and emptied."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from ..errors import Lacking, PassFailed, hidden
from .patience import SOON

if TYPE_CHECKING:
    from .held import Held
    from .player import Player
    from .tokens import Token

__tracebackhide__ = hidden

ENOUGH = 600  # descriptors; the usual channel and a queue of 50 refuse sooner


def fill(sender: Player, held: Held) -> int:
    """Send *held* again and again until it is refused; tell how often it was accepted."""
    for accepted in range(ENOUGH):
        condition = sender.condition_of("send", held)
        if condition != "ok":
            refused = condition in {"queue-full", "would-block"}
            assert refused, f"a full channel is told as {condition}, expected queue-full"
            return accepted
    return ENOUGH


def fill_until_queued(sender: Player, held: Held) -> int:
    """Send *held* until one waits in the queue, or the channel has taken enough; tell how often."""
    for sent in range(ENOUGH):
        if sender.queued():
            return sent
        sender.send(held)
    return ENOUGH


def fill_for_good(sender: Player, held: Held) -> int:
    """As :func:`fill_until_queued`, until one waits that does not go by a flush either.

    Something is in the queue now and then of a passer that sends in a thread of its own, and where
    a system says too early that a channel is full.
    """
    for sent in range(ENOUGH):
        if sender.queued() and sender.condition_of("flush", SOON) != "ok":
            return sent
        sender.send(held)
    return ENOUGH


def needs_queued(sender: Player, sent: int) -> None:
    """Skip unless something waits in the queue of who has *sent* so many.

    Raises:
        Lacking: the channel has taken them all, as gVisor's does, which counts bytes only.

    """
    if not sender.queued():
        raise Lacking(f"nothing waits in the queue: the channel takes {sent} and more")


def drain(sender: Player, receiver: Player, count: int) -> list[Held]:
    """Receive *count* while the sender empties its queue."""
    flushing = sender.ask("flush")
    received = receiver.recv_all(count)
    flushing.answer()
    return received


def receive_until(receiver: Player, last: Token, most: int = 6) -> list[Held]:
    """Receive until *last* has come, or nothing more does; *most* at most."""
    received: list[Held] = []
    with suppress(PassFailed):
        while len(received) < most:
            received.append(receiver.recv())
            if last.is_written_by(received[-1]):
                break
    return received
