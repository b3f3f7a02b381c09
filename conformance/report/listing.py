"""The catalogue on a terminal: all of it as a table, or one requirement in full."""

from __future__ import annotations

import re
import textwrap
from typing import TYPE_CHECKING

from rich.padding import Padding
from rich.syntax import Syntax
from rich.table import Table
from rich.text import Text

from . import catalogue

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import RenderableType

    from .catalogue import Behaviour, Entry
    from .screen import Screen

_STYLES = {"MUST": "bold", "SHOULD": "default", "MAY": "dim"}


def table(screen: Screen, entries: Sequence[Entry], facts: int = 0) -> list[RenderableType]:
    """List the requirements, promise by promise; *facts* is how many facts there are besides."""
    parts: list[RenderableType] = []
    # The same width in all groups, unless the terminal is too narrow for it.
    widest = min(max((len(entry["id"]) for entry in entries), default=0), screen.console.width // 2)
    for group, members in catalogue.grouped(entries).items():
        parts += [""] if parts else []
        heading = Text().append(catalogue.promise(group), style="bold")
        parts.append(heading.append(f"  --group {group}", style="dim"))
        grid = Table.grid(padding=(0, 2))
        grid.add_column(style="cyan", overflow="fold")
        grid.add_column(no_wrap=True)
        grid.add_column(overflow="fold")
        for entry in members:
            level = Text(f"{entry['level']:<6}", style=_STYLES.get(entry["level"], ""))
            grid.add_row(f"{entry['id']:<{widest}}", level, entry["requirement"])
        parts.append(Padding(grid, (0, 0, 0, 2)))
    total = f"{len(entries)} requirements; python -m conformance explain ID tells all about one"
    parts += [""] if parts else []
    parts.append(Text(total, style="dim"))
    if facts:
        words = f"{facts} facts besides, which are not judged: python -m conformance facts"
        parts.append(Text(words, style="dim"))
    return parts


def explained(
    screen: Screen,
    entry: Entry,
    mutants: Sequence[str],
    code: str,
    behaviours: Sequence[Behaviour] = (),
) -> list[RenderableType]:
    """Tell all about one requirement.

    *code* is the check, *mutants* the faults it has caught, *behaviours* what systems do.
    """
    heading = Text().append(entry["id"], style="bold").append("  ")
    heading.append(entry["level"], style=_STYLES.get(entry["level"], ""))
    heading.append(f"  {catalogue.promise(entry['group'])}", style="dim")
    none = "no mutant, as none is asked for of a MAY"
    if entry["level"] != "MAY":
        none = "no mutant yet: nothing shows that this check can fail"
    proof = "\n".join(mutants) or none
    of_platform = entry["subject"] == "platform"
    grid = Table.grid(padding=(0, 2))
    grid.add_column(style="dim", no_wrap=True)
    grid.add_column(overflow="fold")
    for name, words in (
        ("required", Text(entry["requirement"], style="bold")),
        ("why", flowing(entry["why"])),
        ("source", entry["source"]),
        ("needs", ", ".join(entry["needs"])),
        ("run in", "every survival mode of the peer" if entry["each_survival"] else ""),
        ("run over", "every interface the peer knows of" if entry["each_backend"] else ""),
        ("only over", entry["only"]),
        ("subject", "the platform: system calls alone" if of_platform else ""),
        ("endangers", ", ".join(map(catalogue.promise, entry["endangers"]))),
        ("known", _known(behaviours)),
        ("proven by", proof),
        ("run it", Text(f"python -m conformance run --check {entry['id']} -n 0", style="cyan")),
        ("as a program", Text(f"python -m conformance repro {entry['id']}", style="cyan")),
    ):
        if words:
            grid.add_row(name, words)
    return [heading, Padding(grid, (0, 0, 0, 2)), "", _shown(screen, code)]


def _known(behaviours: Sequence[Behaviour]) -> RenderableType | None:
    """Tell what each system does, and how that is known."""
    grid = Table.grid(padding=(0, 2, 0, 0))
    grid.add_column(overflow="fold")
    grid.add_column(overflow="fold", ratio=1)
    for it in behaviours:
        told = Text(it["does"])
        told.append(f"\n{it['evidence']}: {it['where']}, {it['when']}", style="dim")
        told.append(f"\n{it['url']}" if it["url"] else "", style="dim")
        grid.add_row(it["system"], told)
    return grid if behaviours else None


def _shown(screen: Screen, code: str) -> Text:
    indented = textwrap.indent(textwrap.dedent(code).rstrip(), "  ")
    if screen.plain:
        return Text(indented)
    # The terminal's own colours, which its user can read.
    return Syntax("", "python", theme="ansi_dark", background_color="default").highlight(indented)


def flowing(text: str) -> str:
    """Undo the line breaks inside of paragraphs."""
    paragraphs = re.split(r"\n\s*\n", text.strip())
    return "\n".join(" ".join(paragraph.split()) for paragraph in paragraphs)
