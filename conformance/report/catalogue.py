"""The catalogue: every requirement of the suite as plain data; page.py draws CATALOGUE.md from it.

Pure: it makes no system call.
"""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, TypedDict

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


class Entry(TypedDict):
    """One requirement, as ``list --json`` prints it."""

    id: str
    group: str
    level: str
    source: str
    requirement: str
    why: str
    needs: list[str]
    each_survival: bool
    each_backend: bool
    only: str
    subject: str
    endangers: list[str]


class Behaviour(TypedDict):
    """What one system is known to do where a check looks; ``url`` may be empty."""

    system: str
    does: str
    evidence: str
    where: str
    when: str
    url: str


HOLDS = "Holds."
"""What a system does that is as the check asks."""

# The promises in the order in which every report shows them, and in the words of the documents
# they come from. A group that is missing here is shown by its own name, at the end.
PROMISES: dict[str, str] = {
    "bidirectional": "bidirectional",
    "nonblocking": "non-blocking",
    "fifo": "FIFO ordering",
    "status": "blocking status preserved",
    "passers": "passing passers",
    "table": "full descriptor table",
    "interfaces": "the interfaces",
    "windows": "handles of Windows",
    # Of the system calls themselves, without a passer:
    "semantics": "semantics of descriptors",
    "kinds": "kinds of descriptors",
    "cycles": "cycles of sockets",
    "ancillary": "ancillary data",
    "messages": "datagrams and records",
    "limits": "limits",
    "faults": "faults",
    "security": "security",
    "endpoints": "endpoints",
}

SENTENCES: dict[str, str] = {
    "bidirectional": "Descriptors go both ways over one channel, also at the same time, and what "
    "arrives is what was sent.",
    "nonblocking": "Whoever sends or receives is held up by nobody, and nothing is lost by that.",
    "fifo": "Descriptors are received in the order in which they were sent, each once.",
    "status": "O_NONBLOCK, as all file status flags, outlasts fork and passing.",
    "passers": "An end of a channel goes over a channel, and is a passer where it arrives.",
    "table": "However full the receiver's table is, no descriptor is lost.",
    "interfaces": "Each interface by which a system passes descriptors is there, and does it.",
    "windows": "What is particular to DuplicateHandle, over a TCP port behind a path.",
    "semantics": "What a received descriptor is, and which bytes it comes with.",
    "kinds": "Every kind of descriptor arrives as what it was, and can be used.",
    "cycles": "Sockets that are open only in one another are closed, and no others.",
    "ancillary": "What control messages may carry, and what becomes of what finds no room.",
    "messages": "Datagrams and records carry descriptors as a stream does, each message whole.",
    "limits": "How much a message, a queue and a table take, and how the rest is refused.",
    "faults": "What is wrong is refused and told, and nothing is kept of it or left behind.",
    "security": "A message brings what was sent, and nothing of the kernel or of others.",
    "endpoints": "Paths and listeners, by which processes find one another.",
}
"""What a group asks, in a sentence."""


def promise(group: str) -> str:
    """Give the words for a group."""
    return PROMISES.get(group, group)


def in_order(groups: Iterable[str]) -> list[str]:
    """Give each group once; the promises first, in their order."""
    seen = dict.fromkeys(groups)
    return [group for group in PROMISES if group in seen] + [
        group for group in seen if group not in PROMISES
    ]


def grouped(entries: Iterable[Entry]) -> dict[str, list[Entry]]:
    """Sort the entries into their groups; the promises first, in their order."""
    listed = list(entries)
    return {
        group: [entry for entry in listed if entry["group"] == group]
        for group in in_order(entry["group"] for entry in listed)
    }


def sha256(entries: Sequence[Entry]) -> str:
    """Fingerprint what is asked, so that two results files can tell whether they are comparable."""
    plain = json.dumps(list(entries), sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(plain.encode()).hexdigest()
