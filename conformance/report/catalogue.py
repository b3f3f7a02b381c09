"""The catalogue: every requirement of the suite as plain data, and CATALOGUE.md drawn from it.

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
}

_HEAD = """\
# The catalogue

Every requirement of the suite. `python -m conformance catalogue` writes this file from the checks
in `checks/`; edit those. `python -m conformance explain ID` shows one with its source code.

"""


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


def render(entries: Sequence[Entry]) -> str:
    """Render CATALOGUE.md."""
    levels = {level: sum(entry["level"] == level for entry in entries) for level in _LEVELS}
    counts = ", ".join(f"{count} {level}" for level, count in levels.items() if count)
    parts = [
        _HEAD,
        f"{len(entries)} requirements: {counts}.\n" if entries else "No requirements.\n",
    ]
    for group, members in grouped(entries).items():
        parts.append(f"\n## {_capital(promise(group))} (`{group}`)\n")
        parts += [_rendered(entry) for entry in members]
    return "".join(parts)


_LEVELS = ("MUST", "SHOULD", "MAY")


def _rendered(entry: Entry) -> str:
    lines = [f"\n### `{entry['id']}` · {entry['level']}\n", f"\n**{entry['requirement']}**\n"]
    if entry["why"]:
        lines.append(f"\n{entry['why'].strip()}\n")
    lines.append(f"\n- Source: {entry['source']}\n")
    if entry["needs"]:
        needs = ", ".join(f"`{need}`" for need in entry["needs"])
        lines.append(f"- Needs of the peer: {needs}\n")
    if entry["each_survival"]:
        lines.append("- Tried with every survival mode of the peer\n")
    if entry["each_backend"]:
        lines.append("- Tried with every interface the peer knows of\n")
    if entry["only"]:
        lines.append(f"- Of the interface `{entry['only']}` only\n")
    return "".join(lines)


def _capital(words: str) -> str:
    return words[:1].upper() + words[1:]
