"""What a comparison says: on a terminal, and as Markdown for a pull request."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypedDict

from rich.text import Text

from . import failure, model
from .compare import BETTER, KINDS, TOLD, WORSE
from .page import cell as escaped
from .screen import grid

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import RenderableType

    from .compare import Change, Comparison
    from .screen import Screen

_LOOK = {WORSE: "fail", BETTER: "pass", TOLD: "skip"}
_MANY = 12  # lines; in Markdown more of what is neither better nor worse is folded away


class Fact(TypedDict):
    """A fact that two profiles tell differently, in words."""

    id: str
    meaning: str
    was: str
    now: str


def verdict(comparison: Comparison, worse: Sequence[Change]) -> str:
    """Say in a sentence how it ended."""
    fixed = len({change.of["id"] for change in comparison.of("fixed")})
    words = f"{len({change.of['id'] for change in worse})} checks got worse" if worse else ""
    if len({change.of["id"] for change in worse}) == 1:
        words = "1 check got worse"
    words = words or "nothing got worse"
    return f"{words}, {fixed} fixed; {comparison.alike} results are as they were"


def notes(comparison: Comparison) -> list[str]:
    """Tell what limits the comparison."""
    told = []
    if not comparison.same_catalogue:
        told.append("the two runs asked different catalogues: a check may mean something else now")
    if comparison.selection:
        told.append("the newer run is a selection: what it left out is not told as gone")
    return told


def terminal(
    screen: Screen, comparison: Comparison, worse: Sequence[Change], facts: Sequence[Fact]
) -> list[RenderableType]:
    """Show it on a terminal."""
    parts: list[RenderableType] = []
    if comparison.circumstances:
        rows = [
            (name, Text(f"{was or 'nothing'} -> {now or 'nothing'}"))
            for name, was, now in comparison.circumstances
        ]
        parts += [screen.section("between the two", "skip"), grid(rows), ""]
    for kind in KINDS.values():
        if changes := comparison.of(kind.name):
            title = f"{kind.title}: {_count(changes)}"
            parts += [screen.section(title, _LOOK[kind.sense])]
            parts += [grid([(_heading(change), Text(_words(change))) for change in changes]), ""]
    if facts:
        rows = [(fact["id"], Text(f"{fact['was']} -> {fact['now']}")) for fact in facts]
        parts += [screen.section(f"changed facts: {len(facts)}", "skip"), grid(rows), ""]
    parts += [Text(note, style="yellow") for note in notes(comparison)]
    look = "bold red" if worse else "bold green"
    return [*parts, Text(verdict(comparison, worse), style=look)]


def markdown(
    comparison: Comparison, worse: Sequence[Change], facts: Sequence[Fact], names: tuple[str, str]
) -> str:
    """Write it as Markdown; *names* are those of the two runs."""
    sign = "❌" if worse else "✅"
    parts = [f"## {sign} {verdict(comparison, worse)}\n\n`{names[0]}` → `{names[1]}`\n"]
    parts += [f"\n> {note}\n" for note in notes(comparison)]
    for kind in KINDS.values():
        rows = [
            f"`{change.of['id']}` | {change.of['level']} | {_verdicts(change, '→')} | "
            f"{escaped(_seen(change))}"
            for change in comparison.of(kind.name)
        ]
        parts += _part(
            f"{kind.title}: {_count(comparison.of(kind.name))}",
            "check | level | was → now | seen",
            rows,
            folded=kind.sense == TOLD and len(rows) > _MANY,
        )
    rows = [
        f"`{fact['id']}` | {escaped(fact['was'])} | {escaped(fact['now'])} | "
        f"{escaped(fact['meaning'])}"
        for fact in facts
    ]
    title = f"changed facts: {len(rows)}"
    parts += _part(title, "fact | was | now | meaning", rows, folded=len(rows) > _MANY)
    rows = [
        f"{name} | {escaped(was)} | {escaped(now)}" for name, was, now in comparison.circumstances
    ]
    parts += _part("between the two", "what | was | now", rows, folded=False)
    return "".join(parts)


def _part(title: str, head: str, rows: Sequence[str], *, folded: bool) -> list[str]:
    if not rows:
        return []
    table = f"| {head} |\n|{'---|' * (head.count('|') + 1)}\n"
    table += "".join(f"| {row} |\n" for row in rows)
    if folded:
        return [f"\n<details><summary>{title}</summary>\n\n{table}\n</details>\n"]
    return [f"\n### {title}\n\n{table}"]


def _count(changes: Sequence[Change]) -> int:
    return len({change.of["id"] for change in changes})


def _heading(change: Change) -> Text:
    return Text().append(change.of["id"], style="bold").append(f"  {change.of['level']}", "dim")


def _words(change: Change) -> str:
    return ": ".join(filter(None, [_verdicts(change), _seen(change)]))


def _verdicts(change: Change, arrow: str = "->") -> str:
    return f"{change.was or 'not run'} {arrow} {change.now or 'not run'}"


def _seen(change: Change) -> str:
    over = ""
    if change.of["transport"] != model.PLATFORM and change.kind != "level":
        over = f"over {failure.variants(change.members)}"
    message = " ".join(change.message.split())
    return "; ".join(filter(None, [message, over]))
