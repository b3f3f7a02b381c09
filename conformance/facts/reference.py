"""Render FACTS.md: every fact, what it means, and what was measured where."""

from __future__ import annotations

from typing import TYPE_CHECKING

from . import GROUPS, profiles
from .shown import words

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from .document import Known, Profile
    from .fact import Entry

_HEAD = """\
# The facts

What can be neither passed nor failed, and has to be known of a system. Each fact is measured by
doing, with system calls and without any passer. `python -m conformance facts` measures them here;
`python -m conformance facts --compare linux -` shows where this system differs from a profile
below. `python -m conformance catalogue` writes this file from `facts/`; edit that.

"""
_MEASURED = """
The values are those of the first profile, and behind the name of another one where it differs:

| name | of what | evidence | day |
|---|---|---|---|
"""
_UNKNOWN = "*not measured*"


def render(entries: Sequence[Entry]) -> str:
    """Render FACTS.md."""
    known = {name: profiles.read(name) for name in profiles.names()}
    parts = [_HEAD, f"{len(entries)} facts.\n", _MEASURED]
    parts += [_line(name, profile) for name, profile in known.items()]
    told = {
        name: {fact["id"]: _told(fact) for fact in profile["facts"]}
        for name, profile in known.items()
    }
    for group, title in GROUPS.items():
        parts.append(f"\n## {title[:1].upper()}{title[1:]} (`{group}`)\n\n")
        parts.append("| fact | measured | what it means |\n|---|---|---|\n")
        parts += [_row(entry, told) for entry in entries if entry["group"] == group]
    return "".join(parts)


def _line(name: str, profile: Profile) -> str:
    environment = profile["environment"]
    uname, python = environment["uname"], environment["python"]
    found = [
        profiles.what(name),
        f"{uname['system']} {uname['release']} {uname['machine']}",
        environment["libc"],
        f"{python['implementation']} {python['version']}",
        f"uid {environment['user']['euid']}",
    ]
    day = profile["started"][:10]
    return f"| {name} | {_cell(', '.join(found))} | {profile['evidence']} | {day} |\n"


def _told(known: Known) -> str:
    if known["value"] is None:
        return f"*{known['reason']}*"
    return words(known["value"]).replace("\n", "; ") or "nothing"


def _row(entry: Entry, told: Mapping[str, Mapping[str, str]]) -> str:
    meaning = entry["meaning"] + (f"<br>{entry['source']}" if entry["source"] else "")
    (_, first), *others = told.items()
    value = first.get(entry["id"], _UNKNOWN)
    unlike: dict[str, list[str]] = {}
    for name, values in others:
        other = values.get(entry["id"], _UNKNOWN)
        if other != value:
            unlike.setdefault(other, []).append(name)
    found = [value, *(f"**{', '.join(names)}**: {other}" for other, names in unlike.items())]
    return f"| `{entry['id']}` | {_cell('<br>'.join(found))} | {_cell(meaning)} |\n"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")
