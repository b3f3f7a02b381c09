"""MUTANTS.md, the kill matrix as a page: which fault each check must catch, and by which words.

Pure: it tries nothing; ``python -m conformance.mutants`` does.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from conformance.report.catalogue import grouped, promise
from conformance.report.page import anchor, cell

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from conformance.report.catalogue import Entry

    from .mutant import Mutant
    from .surroundings import Surroundings
    from .systems import System

ASKED = ("MUST", "SHOULD")
"""The levels of which every check needs a mutant: one that nothing can fail proves nothing."""

_HEAD = """\
# The kill matrix

A check that nothing can fail proves nothing. So each MUST and each SHOULD has a mutant: a passer or
a system with one fault, which this check must fail, saying why in the words below.
`python -m conformance.mutants` tries them all (`nox -s mutants`), `python -m conformance.mutants
--check ID` those of one check, and `--full` every fault against every check. `python -m conformance
catalogue` writes this page from the lists in `mutants/`; edit those.

A *passer* is a faulty peer program, in Python. A *system* is the running one with a library between
it and the programs, which breaks one promise ([mutants/system](mutants/system/README.md)); over
`bsd43` and `sysv` it is the simulated one ([simulated](simulated/README.md)), and what concerns
`windows` is tried under Wine.

"""

_ODD = """
## Odd systems

These are odd and correct: on each of them, and in each of these surroundings, everything must pass
(`python -m conformance.mutants --odd`). Some owe something as a platform, with which a passer has
to get along all the same; then the checks of the platform that may tell of it are named.

| odd | what it is | may fail |
|---|---|---|
"""


def holes(entries: Iterable[Entry], mutants: Iterable[Mutant]) -> list[Entry]:
    """Give the requirements that need a mutant, and have none."""
    there = {mutant.check for mutant in mutants}
    return [it for it in entries if it["level"] in ASKED and it["id"] not in there]


def render(
    entries: Sequence[Entry], mutants: Sequence[Mutant], odd: Iterable[System | Surroundings]
) -> str:
    """Render MUTANTS.md."""
    passers = sum(mutant.peer is not None for mutant in mutants)
    caught = {mutant.check for mutant in mutants}
    kinds = f"{passers} passers and {len(mutants) - passers} systems"
    parts = [
        _HEAD,
        f"{len(mutants)} mutants, {kinds}, for {len(caught)} checks.\n",
        *_holes(holes(entries, mutants)),
        "\n## Contents\n\n",
    ]
    by_group = grouped(entries)
    for group, members in by_group.items():
        count = sum(mutant.check.partition(".")[0] == group for mutant in mutants)
        title = _title(group)
        parts.append(f"- [{title}](#{anchor(title)}): {len(members)} checks, {count} mutants\n")
    parts.append("- [Odd systems](#odd-systems)\n")
    for group, members in by_group.items():
        parts += _table(group, members, mutants)
    parts.append(_ODD)
    parts += [f"| `{one.name}` | {cell(one.sentence)} | {_may_fail(one)} |\n" for one in odd]
    return "".join(parts)


def _holes(missing: Sequence[Entry]) -> list[str]:
    if not missing:
        return ["\n**Holes: none.** Every MUST and every SHOULD has one.\n"]
    ids = [f"- {_link(entry)} {entry['level']}\n" for entry in missing]
    return [f"\n**Holes: {len(missing)}.** These have none:\n\n", *ids]


def _table(group: str, members: Iterable[Entry], mutants: Sequence[Mutant]) -> list[str]:
    parts = [f"\n## {_title(group)}\n\n"]
    parts.append("| check | level | fault | what is wrong | said of it |\n|---|---|---|---|---|\n")
    for entry in members:
        own = [mutant for mutant in mutants if mutant.check == entry["id"]]
        parts += [_row(entry, mutant) for mutant in own]
        if not own:
            none = "**none**" if entry["level"] in ASKED else "*none is asked for*"
            parts.append(f"| {_link(entry)} | {entry['level']} | {none} | | |\n")
    return parts


def _row(entry: Entry, mutant: Mutant) -> str:
    kind = "passer" if mutant.peer is not None else "system"
    over = "" if mutant.backend in {"auto", "each"} else f" over `{mutant.backend}`"
    fault = f"{kind} `{mutant.name}`{over}"
    row = (_link(entry), entry["level"], fault, cell(mutant.fault), cell(mutant.because))
    return f"| {' | '.join(row)} |\n"


def _may_fail(odd: System | Surroundings) -> str:
    return ", ".join(f"`{pattern}`" for pattern in odd.breaks)


def _link(entry: Entry) -> str:
    return f"[`{entry['id']}`](CATALOGUE.md#{anchor(entry['id'])})"


def _title(group: str) -> str:
    words = promise(group)
    return words[:1].upper() + words[1:]
