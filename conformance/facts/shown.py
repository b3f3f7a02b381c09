"""A profile on a terminal, and the differences of two."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from ..report import terminal
from ..report.screen import duration
from . import GROUPS

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from rich.console import RenderableType

    from ..report.screen import Screen
    from .document import Difference, Known, Profile, Told


def table(document: Profile) -> list[RenderableType]:
    """Show all facts, group by group."""
    parts: list[RenderableType] = [_header(document), ""]
    known = document["facts"]
    widest = max((len(fact["id"]) for fact in known), default=0)
    for group in _groups(fact["group"] for fact in known):
        parts.append(_heading(group))
        for fact in known:
            if fact["group"] == group:
                parts += _told(fact, widest)
        parts.append("")
    silent = sum(fact["value"] is None for fact in known)
    words = f"{len(known)} facts in {duration(document['seconds'])}"
    words += f", {silent} of them without a value" if silent else ""
    return [*parts, Text(words, style="dim")]


def comparison(
    screen: Screen, left: Profile, right: Profile, found: Sequence[Difference]
) -> list[RenderableType]:
    """Show what two profiles tell differently, and nothing else."""
    parts: list[RenderableType] = []
    for side, document in (("A", left), ("B", right)):
        parts += [Text(side, style="bold"), _header(document)]
    widest = max((len(difference["id"]) for difference in found), default=0)
    parts.append("")
    for group in _groups(difference["group"] for difference in found):
        parts.append(_heading(group))
        for difference in found:
            if difference["group"] == group:
                parts += _told_apart(difference, widest, screen.console.width)
        parts.append("")
    both = {fact["id"] for fact in left["facts"]} & {fact["id"] for fact in right["facts"]}
    count = len(found)
    words = f"{count} difference{'s' * (count != 1)}" if found else "no difference"
    return [*parts, Text(f"{words}; {len(both)} facts are in both", style="bold")]


def _header(document: Profile) -> RenderableType:
    evidence = "" if document["evidence"] == "ran" else document["evidence"]
    user = document["environment"].get("user") or {}
    uid = f"uid {user['euid']}" if "euid" in user else ""
    facts = {"measured": ", ".join(filter(None, [document["started"], uid, evidence]))}
    return terminal.header({}, document["environment"], {"peer": ""}, facts)


def _groups(groups: Iterable[str]) -> list[str]:
    seen = dict.fromkeys(groups)
    known = [group for group in GROUPS if group in seen]
    return known + [group for group in seen if group not in GROUPS]


def _heading(group: str) -> Text:
    heading = Text().append(GROUPS.get(group, group), style="bold")
    return heading.append(f"  facts {group}", style="dim")


def _told(fact: Known, widest: int) -> list[RenderableType]:
    """Show a fact and its value, and below them what it means."""
    grid = Table.grid(padding=(0, 2))
    grid.add_column(width=widest, style="cyan", overflow="fold")
    grid.add_column(overflow="fold")
    grid.add_row(fact["id"], _value(fact))
    meaning = Text(fact["meaning"], style="dim")
    return [Padding(grid, (0, 0, 0, 2)), Padding(meaning, (0, 0, 0, 4))]


def _told_apart(difference: Difference, widest: int, width: int) -> list[RenderableType]:
    """Show both values of a fact, and below them what it means."""
    grid = Table.grid(padding=(0, 2))
    grid.add_column(width=widest, style="cyan", overflow="fold")
    for _ in range(2):
        grid.add_column(width=max(10, (width - widest - 6) // 2), overflow="fold")
    left, right = _unlike(difference["a"], difference["b"])
    grid.add_row(difference["id"], left, right)
    meaning = Text(difference["meaning"], style="dim")
    return [Padding(grid, (0, 0, 0, 2)), Padding(meaning, (0, 0, 0, 4))]


_LONG = 5  # items; of a longer list only those are shown that the other one does not have


def _unlike(left: Told | None, right: Told | None) -> tuple[Text, Text]:
    ours, theirs = (fact["value"] if fact else None for fact in (left, right))
    if isinstance(ours, list) and isinstance(theirs, list) and len(ours) > _LONG:
        one = [item for item in ours if item not in theirs]
        other = [item for item in theirs if item not in ours]
        return Text(words(one), style="bold"), Text(words(other), style="bold")
    return _value(left), _value(right)


def _value(told: Told | None) -> Text:
    if told is None:
        return Text("not measured", style="yellow")
    if told["value"] is None:
        return Text(told["reason"], style="yellow")
    return Text(words(told["value"]), style="bold")


def words(value: object) -> str:
    """Write a value as people say it."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return "\n".join(map(str, value)) or "none"
    return str(value)
