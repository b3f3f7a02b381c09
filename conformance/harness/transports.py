"""The ways to join two peers by the interface under test: a written list."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, NamedTuple

from .channels import open_channel

if TYPE_CHECKING:
    from collections.abc import Callable

    from .bench import Bench
    from .player import Player

    Join = Callable[[Bench, dict[str, object]], tuple[Player, Player]]

END = "end"
"""What the inherited end of a channel is called in the environment of a peer."""


class Transport(NamedTuple):
    """A way to join two peers, and the operations that it takes."""

    join: Join
    needs: tuple[str, ...]
    forks: bool = False
    """Whether the second peer is a fork of the first."""


def by_fork(bench: Bench, options: dict[str, object]) -> tuple[Player, Player]:
    """Have one peer make a pair and fork; the child is the other peer."""
    (parent,) = bench.start()
    left, right = parent.peer.call("pair", **options)["passers"]
    first, not_its_own = parent.with_passer(left), parent.with_passer(right)
    child = parent.fork()
    not_its_own.drop()
    child.with_passer(left).drop()
    return first, child.with_passer(right)


def by_path(bench: Bench, options: dict[str, object]) -> tuple[Player, Player]:
    """Have one peer listen at a path of the file system, and the other connect."""
    one, other = bench.start({}, {})
    path = bench.path("endpoint")
    listener = one.with_passer(one.peer.call("listen", path=path, **options)["listener"])
    timeout = bench.patience.seconds()
    accepting = one.peer.ask("accept", listener=listener.passer, timeout=timeout, **options)
    connected = other.peer.call("connect", path=path, timeout=timeout, **options)["passer"]
    first = one.with_passer(accepting.answer()["passer"])
    listener.drop()
    return first, other.with_passer(connected)


def by_inheritance(bench: Bench, options: dict[str, object]) -> tuple[Player, Player]:
    """Make a pair of ends, which go to the peers over exec; each adopts one.

    Where the peer program can fork, one that was started with several pairs forks both peers.
    """
    if heirs := bench.start_heirs():
        first, second = (player.adopt_given(end, options) for player, end in heirs)
        return first, second
    ends = open_channel(bench.interface)
    try:
        one, other = bench.start(*({END: end} for end in ends))
    finally:
        for end in ends:
            os.close(end)
    return one.adopt_given(END, options), other.adopt_given(END, options)


TRANSPORTS: dict[str, Transport] = {
    "socketpair": Transport(by_fork, ("pair", "fork"), forks=True),
    "filesystem": Transport(by_path, ("listen", "accept", "connect")),
    "inherited": Transport(by_inheritance, ("adopt",)),
}
