"""Node's programs, which take us for the parent that gave them a channel: standard input."""

from __future__ import annotations

from pathlib import Path

_PEERS = Path(__file__).parent / "peers"
CHANNEL = {"NODE_CHANNEL_FD": "0"}
ANSWERER = ("node", str(_PEERS / "answerer.js"))


def sender(path: Path, count: int) -> tuple[str, ...]:
    """Give the command of a program that connects to *path* and passes that, *count* times."""
    return ("node", str(_PEERS / "sender.js"), str(path), str(count))
