"""README's table of what ran where, made from the table of platforms; and what is noted there."""

from __future__ import annotations

import re
import sys
from typing import TYPE_CHECKING

from conformance.report import renewing

from . import outcome, table
from .places import OUT, ROOT

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .table import Platform

PAGE = ROOT / "README.md"
BEGIN = "<!-- made from ci/platforms.toml by `python -m ci.guests page` -->"
END = "<!-- end of what is made -->"
NEVER = "documented only, never run yet"
_HEAD = ("system", "how", "Python", "verdict of the suite", "when", "seconds")


def rows(platforms: Sequence[Platform]) -> str:
    """Draw the table."""
    lines = [_line(_HEAD), _line(["---"] * len(_HEAD))]
    for one in platforms:
        when = one.when.isoformat() if one.when else ""
        seconds = f"{one.seconds:.0f}" if one.seconds is not None else ""
        # What a hosted machine would be evidence of is none until a run was recorded.
        never = one.reached == "hosted" and not one.verdict
        verdict = one.verdict or ("" if never else "not recorded yet")
        how = NEVER if never else one.evidence
        cells = (one.title, how, one.python, verdict, when, seconds)
        lines.append(_line(cells))
    return "\n".join(lines)


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |".replace("|  |", "| |").replace("|  |", "| |")


def renewed(text: str, platforms: Sequence[Platform]) -> str:
    """Give the page with the table in it, between its marks."""
    return renewing.renewed(text, BEGIN, END, rows(platforms))


def write(*, check: bool) -> int:
    """Write the table into README, or say whether it is there as it should be."""
    text = PAGE.read_text(encoding="utf-8")
    new = renewed(text, table.platforms())
    if check and new != text:
        print(f"{PAGE.name} is not up to date: python -m ci.guests page", file=sys.stderr)
        return 1
    if not check:
        PAGE.write_text(new, encoding="utf-8")
    return 0


def record(names: Sequence[str]) -> int:
    """Note verdict, seconds and day of the results files that are here."""
    text = table.PATH.read_text(encoding="utf-8")
    for name in names:
        results = OUT / f"{name}.json"
        document = outcome.whole(results) if results.exists() else None
        if document is None:
            continue
        text = noted(
            text,
            name,
            {
                "verdict": f'"{outcome.verdict(document)}"',
                "seconds": f"{document['seconds']:.0f}",
                "when": document["started"][:10],
            },
        )
    table.platforms(text)
    table.PATH.write_text(text, encoding="utf-8")
    return write(check=False)


def noted(text: str, name: str, values: dict[str, str]) -> str:
    """Give the table's text with other values in one platform's lines, and the rest as it was."""
    parts = re.split(r"(?m)^(?=\[\[platform\]\])", text)
    place = next(n for n, part in enumerate(parts) if f'\nname = "{name}"\n' in part)
    lines = [line for line in parts[place].splitlines() if line.partition(" = ")[0] not in values]
    # What stands after the last value is of the next platform.
    end = max(n for n, line in enumerate(lines, 1) if line and not line.startswith("#"))
    lines[end:end] = [f"{key} = {value}" for key, value in values.items()]
    parts[place] = "\n".join([*lines, ""])
    return "".join(parts)
