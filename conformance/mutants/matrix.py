"""What is shown of the trials: a line a mutant, or all mutants against all checks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.columns import Columns
from rich.table import Table
from rich.text import Text

from conformance.report import catalogue
from conformance.report.screen import duration

from .trial import CAUGHT, NOT_TRIED, OTHERWISE, SURVIVED

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from rich.console import RenderableType

    from conformance.report.catalogue import Entry
    from conformance.report.screen import Screen

    from .mutant import Mutant
    from .trial import Trial

_VERDICTS = {CAUGHT: "pass", SURVIVED: "fail", OTHERWISE: "fail", NOT_TRIED: "skip"}


def listed(screen: Screen, mutants: Sequence[Mutant]) -> list[RenderableType]:
    """Draw the mutants, and the check that each is for."""
    table = Table(box=screen.box, border_style="dim", header_style="bold", expand=True)
    table.add_column("mutant", no_wrap=True)
    table.add_column("to be caught by", no_wrap=True)
    table.add_column("fault", ratio=1)
    for mutant in mutants:
        table.add_row(mutant.name, mutant.check, mutant.fault)
    return [table]


def diagonal(screen: Screen, trials: Sequence[Trial]) -> list[RenderableType]:
    """Draw each mutant with the check that must fail on it, and what that check said."""
    parts: list[RenderableType] = []
    for group in catalogue.in_order(trial.check.partition(".")[0] for trial in trials):
        members = [trial for trial in trials if trial.check.partition(".")[0] == group]
        table = Table(box=screen.box, border_style="dim", header_style="bold", expand=True)
        table.add_column(catalogue.promise(group), ratio=1)
        table.add_column("caught by", ratio=1)
        table.add_column("", justify="right", no_wrap=True)
        for trial in members:
            fault = screen.mark(_VERDICTS[trial.outcome]).append(f" {trial.name}\n", "bold default")
            caught = Text(trial.check.partition(".")[2]).append(f"\n{_said(trial)}", "dim")
            seconds = Text(duration(trial.seconds) if trial.seconds else "", "dim")
            table.add_row(fault.append(trial.fault, "not bold dim default"), caught, seconds)
        parts += ["", table]
    return parts


def _said(trial: Trial) -> str:
    if trial.outcome == SURVIVED:
        return "nothing: it survived"
    if trial.outcome == CAUGHT:
        return trial.said[0].partition(": assert ")[0]
    why = trial.lack or trial.trouble or f"expected {trial.because!r}: {trial.said[0]}"
    return f"{trial.outcome}: {why}"


def whole(
    screen: Screen, trials: Sequence[Trial], entries: Sequence[Entry]
) -> list[RenderableType]:
    """Draw all faults against all checks; a column is one character wide."""
    caught, missed, also, not_ = ("#", "?", "x", ".") if screen.plain else ("█", "?", "x", "·")
    rows: dict[str, list[Trial]] = {}
    of_platform = {entry["id"] for entry in entries if entry["subject"] == "platform"}
    for trial in trials:
        # Nothing of the one kind is run on a mutant for the other.
        apart = " (platform)" if trial.check in of_platform else ""
        rows.setdefault(trial.name + apart, []).append(trial)
    room = max(map(len, rows), default=0)
    lines = [Text(" " * (room + 2), "dim") for _ in range(2)]
    for number in range(len(entries)):
        for line, digit in zip(lines, f"{number + 1:02d}"[-2:], strict=True):
            line.append(_gap(entries, number) + digit)
    for name, members in rows.items():
        line = Text(f"{name:<{room}}  ")
        for number, entry in enumerate(entries):
            mark, style = (also, "yellow") if entry["id"] in members[0].failed() else (not_, "dim")
            for trial in members:
                if trial.check == entry["id"]:
                    good = trial.outcome == CAUGHT
                    mark, style = (caught, "green") if good else (missed, "bold red")
            line.append(_gap(entries, number)).append(mark, style)
        lines.append(line)
    marks = f"{caught} caught by the check it is for   {missed} not so   {also} also fails"
    legend = [f"{number:2d} {entry['id']}" for number, entry in enumerate(entries, start=1)]
    return ["", *lines, "", Text(f"{marks}   {not_} passes"), "", Columns(legend, padding=(0, 3))]


def _gap(entries: Sequence[Entry], number: int) -> str:
    """Leave a blank between two promises."""
    return " " if number and entries[number]["group"] != entries[number - 1]["group"] else ""


def oddities(screen: Screen, trials: Iterable[Trial]) -> list[RenderableType]:
    """Draw the odd systems, and what failed on them."""
    table = Table(box=screen.box, border_style="dim", header_style="bold", expand=True)
    table.add_column("odd systems", ratio=1)
    table.add_column("must fail nothing", ratio=1)
    table.add_column("", justify="right", no_wrap=True)
    for trial in trials:
        failed = sorted(trial.failed())
        verdict = "skip" if trial.lack else "fail" if failed or trial.trouble else "pass"
        name = screen.mark(verdict).append(f" {trial.name}\n", "bold default")
        passed = f"{len(trial.results)} passed"
        seen = trial.lack or trial.trouble or ", ".join(failed) or passed
        seconds = Text(duration(trial.seconds), "dim")
        table.add_row(name.append(trial.fault, "not bold dim default"), Text(seen), seconds)
    return ["", table]
