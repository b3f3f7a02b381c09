"""Where a report is shown: a console, its marks, and how a time is written.

Whatever colour says is also said in words, since colour is not always there.
"""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, NamedTuple

from rich import box
from rich.console import Console
from rich.padding import Padding
from rich.rule import Rule
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import TextIO

    from rich.console import RenderableType


class Look(NamedTuple):
    """What stands for a verdict."""

    mark: str
    plain: str  # where there is ASCII only
    style: str


LOOKS = {
    "pass": Look("✓", "ok", "green"),
    "fail": Look("✗", "FAIL", "bold red"),
    "skip": Look("○", "skip", "yellow"),
    "error": Look("!", "ERROR", "bold magenta"),
}


class Screen:
    """A console, and whether it may have more than ASCII on it."""

    def __init__(self, file: TextIO | None = None, *, plain: bool = False) -> None:
        """Show on *file*, or on standard output; *plain*: no colour, no movement, ASCII only.

        NO_COLOR, COLUMNS and an output that is no terminal are respected.
        """
        target = file or sys.stdout
        self.moves = target.isatty() and not plain and os.environ.get("TERM") != "dumb"
        width = None if target.isatty() else int(os.environ.get("COLUMNS") or 80)
        self.console = Console(
            file=target,
            no_color=True if plain else None,
            color_system=None if plain else "auto",
            force_terminal=False if plain else None,
            width=width,
            highlight=False,
            emoji=False,
            markup=False,
        )
        self.plain = plain or self.console.options.ascii_only
        # Fixed now: while checks run, descriptors 0 to 2 may lead to where no width is known.
        self.console.width = self.console.width

    @property
    def box(self) -> box.Box:
        """The lines of a table."""
        return box.ASCII if self.plain else box.HORIZONTALS

    def show(self, *parts: RenderableType) -> None:
        """Print them one below the other.

        Text is not broken into lines, so that a command or the verdict can be copied in one piece.
        """
        if self.console.is_terminal:
            for part in parts:
                self.console.print(part, soft_wrap=isinstance(part, Text))
            return
        with self.console.capture() as captured:
            for part in parts:
                self.console.print(part, soft_wrap=isinstance(part, Text))
        # Tables are filled up with blanks, which nobody wants in a log.
        lines = (line.rstrip() for line in captured.get().split("\n"))
        self.console.file.write("\n".join(lines))
        self.console.file.flush()

    def section(self, title: str, verdict: str) -> RenderableType:
        """Draw the line that opens a part of the report."""
        words = Text(title, style=LOOKS[verdict].style)
        return Rule(words, align="left", style="dim", characters="-" if self.plain else "─")

    def mark(self, verdict: str) -> Text:
        """Give the mark of a verdict."""
        look = LOOKS[verdict]
        return Text().append(look.plain if self.plain else look.mark, style=look.style)

    def shortened(self, line: str, room: int) -> str:
        """Cut a line that does not fit into *room* columns."""
        dots = "..." if self.plain else "…"
        return line if len(line) <= room else line[: max(0, room - len(dots))] + dots


def grid(rows: Iterable[tuple[str | Text, Text]]) -> RenderableType:
    """Give names and what is said of them, side by side."""
    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for name, said in rows:
        table.add_row(name, said)
    return Padding(table, (0, 0, 0, 1))


def duration(seconds: float) -> str:
    """Write a time as people say it."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest:02d} s"
