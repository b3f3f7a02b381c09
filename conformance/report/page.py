"""CATALOGUE.md, the reference page: contents, a table a group, and then each requirement in full.

Pure: it makes no system call.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .catalogue import HOLDS, SENTENCES, grouped, promise

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from .catalogue import Behaviour, Entry

    Known = Mapping[str, Sequence[Behaviour]]
    Mutants = Mapping[str, Sequence[str]]

_LEVELS = ("MUST", "SHOULD", "MAY")

_PARTS = {
    "passer": ("Of a passer", "Tried through its peer program, on the system it runs on."),
    "platform": (
        "Of a platform",
        "Tried with system calls alone, in a program of its own; no passer takes part.",
    ),
}

_HEAD = """\
# The catalogue

Every requirement of the suite. `python -m conformance catalogue` writes this file from the checks
in `checks/` and from what is known of systems in `known/`; edit those. `python -m conformance
explain ID` shows one requirement with its source code, `python -m conformance repro ID` writes it
as a program that stands alone. What can be neither passed nor failed is in [FACTS.md](FACTS.md);
how it is shown that each check can fail is in [MUTANTS.md](MUTANTS.md).

"""

_SYSTEMS = """
## What was measured where

*Measured*: a check, or the program that it writes, was run there. *Documented*: read in the source,
the manual or the reports that are named, and not run here. Each names the day.

| system | evidence | where | when | checks |
|---|---|---|---|---|
"""


def anchor(heading: str) -> str:
    """Give the name by which a code host links to a heading."""
    kept = (letter for letter in heading.lower() if letter.isalnum() or letter in " -_")
    return "".join(kept).replace(" ", "-")


def cell(text: str) -> str:
    """Make a text fit into a table."""
    return text.replace("|", "\\|").replace("\n", " ")


def counts(entries: Iterable[Entry]) -> str:
    """Count by level."""
    levels = [entry["level"] for entry in entries]
    return ", ".join(f"{levels.count(level)} {level}" for level in _LEVELS if level in levels)


def render(
    entries: Sequence[Entry], known: Known | None = None, mutants: Mutants | None = None
) -> str:
    """Render CATALOGUE.md; *known* and *mutants* are by the id of a check."""
    known, mutants = known or {}, mutants or {}
    if not entries:
        return f"{_HEAD}No requirements.\n"
    parts = [
        _HEAD,
        f"{len(entries)} requirements: {counts(entries)}.\n",
        *_contents(entries, known),
    ]
    for group, members in grouped(entries).items():
        parts += _table(group, members)
        parts += [_full(entry, known, mutants) for entry in members]
    parts += _where(known)
    return "".join(parts)


def _contents(entries: Sequence[Entry], known: Known) -> list[str]:
    parts = ["\n## Contents\n"]
    for subject, (title, how) in _PARTS.items():
        of_it = [entry for entry in entries if entry["subject"] == subject]
        if not of_it:
            continue
        parts.append(f"\n**{title}.** {how} {len(of_it)} requirements: {counts(of_it)}.\n\n")
        for group, members in grouped(of_it).items():
            link = f"[{_title(group)}](#{anchor(_title(group))})"
            about = " ".join(filter(None, (SENTENCES.get(group, ""), f"{counts(members)}.")))
            parts.append(f"- {link} (`{group}`): {about}\n")
    if known:
        parts.append("\nAt the end: [what was measured where](#what-was-measured-where).\n")
    return parts


def _table(group: str, members: Sequence[Entry]) -> list[str]:
    about = " ".join(filter(None, (SENTENCES.get(group, ""), f"Run it: `--group {group}`.")))
    parts = [f"\n## {_title(group)}\n\n{about}\n\n"]
    parts.append("| id | level | subject | requirement |\n|---|---|---|---|\n")
    for entry in members:
        link = f"[`{entry['id']}`](#{anchor(entry['id'])})"
        parts.append(
            f"| {link} | {entry['level']} | {entry['subject']} | {cell(entry['requirement'])} |\n"
        )
    return parts


def _full(entry: Entry, known: Known, mutants: Mutants) -> str:
    lines = [f"\n### `{entry['id']}`\n", f"\n{entry['level']}. **{entry['requirement']}**\n"]
    if entry["why"]:
        lines.append(f"\n{entry['why'].strip()}\n")
    lines.append(f"\n- Source: {entry['source']}\n")
    lines += _particulars(entry)
    lines += _known(known.get(entry["id"], ()))
    if names := mutants.get(entry["id"], ()):
        listed = ", ".join(f"`{name}`" for name in names)
        lines.append(f"- Must catch: [{listed}](MUTANTS.md#{anchor(_title(entry['group']))})\n")
    return "".join(lines)


def _particulars(entry: Entry) -> list[str]:
    lines = []
    if entry["needs"]:
        needs = ", ".join(f"`{need}`" for need in entry["needs"])
        lines.append(f"- Needs of the peer: {needs}\n")
    if entry["each_survival"]:
        lines.append("- Tried with every survival mode of the peer\n")
    if entry["each_backend"]:
        lines.append("- Tried with every interface the peer knows of\n")
    if entry["only"]:
        lines.append(f"- Of the interface `{entry['only']}` only\n")
    if entry["subject"] == "platform":
        lines.append("- Tried with system calls alone, without a passer\n")
    if entry["endangers"]:
        promises = ", ".join(promise(group) for group in entry["endangers"])
        lines.append(f"- A system where it fails endangers: {promises}\n")
    return lines


def _known(behaviours: Sequence[Behaviour]) -> list[str]:
    """Tell what systems do: those that do as asked in one line, each other in one of its own."""
    lines = []
    for evidence in ("measured", "documented"):
        holding = [
            it["system"] for it in behaviours if it["does"] == HOLDS and it["evidence"] == evidence
        ]
        if holding:
            lines.append(f"- Holds, {evidence}: {', '.join(dict.fromkeys(holding))}\n")
    for it in behaviours:
        if it["does"] != HOLDS:
            how = f"{it['evidence']}: {_linked(it)}, {it['when']}"
            lines.append(f"- {it['system']}: {it['does']} ({how})\n")
    return lines


def _linked(it: Behaviour) -> str:
    address = it["url"].replace("(", "%28").replace(")", "%29")
    return f"[{it['where']}]({address})" if address else it["where"]


def _where(known: Known) -> list[str]:
    """List the machines and the documents, each once, with how many checks are told from it."""
    told: dict[tuple[str, ...], int] = {}
    for behaviours in known.values():
        for it in behaviours:
            key = (it["system"], it["evidence"], _linked(it), it["when"])
            told[key] = told.get(key, 0) + 1
    if not told:
        return []
    order = sorted(told, key=lambda key: (key[1] == "documented", key))
    rows = [f"| {' | '.join(map(cell, key))} | {told[key]} |\n" for key in order]
    return [_SYSTEMS, *rows]


def _title(group: str) -> str:
    words = promise(group)
    return words[:1].upper() + words[1:]
