"""What is shown while checks run: a bar on a terminal, elsewhere a line per promise."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn
from rich.text import Text

from . import catalogue, failure
from .screen import Screen, duration

if TYPE_CHECKING:
    from collections.abc import Iterable

    from .model import Result

_BAR = 16  # columns
QUIET, NORMAL, VERBOSE = -1, 0, 1


class Watch:
    """Follows a run, result by result."""

    def __init__(self, screen: Screen, verbosity: int = NORMAL) -> None:
        self._screen = screen
        self._verbosity = verbosity
        self._counts: Counter[str] = Counter()
        self._open: Counter[str] = Counter()  # by group, what has not been reported yet
        self._done: dict[str, list[Result]] = {}
        self._bad: list[Result] = []
        self._bar: Progress | None = None
        self._task = TaskID(0)

    def planned(self, groups: Iterable[str]) -> None:
        """Learn which group each of the coming results is of; the first plan counts."""
        if self._open:
            return
        self._open = Counter(groups)
        if self._screen.moves and self._verbosity > QUIET:
            self._bar = Progress(
                BarColumn(_BAR, complete_style="green", finished_style="green"),
                MofNCompleteColumn(),
                TextColumn("{task.fields[counts]}"),
                TextColumn("{task.fields[now]}", style="dim", markup=False),
                console=self._screen.console,
                transient=True,
                # What checks and their peers write is captured; this console is our own.
                redirect_stdout=False,
                redirect_stderr=False,
            )
            total = sum(self._open.values())
            self._task = self._bar.add_task("", total=total, counts=Text(), now="")
            self._bar.start()

    def started(self, name: str) -> None:
        """Show what runs now."""
        if self._bar is not None:
            room = max(0, self._screen.console.width - _BAR - 28)
            self._bar.update(self._task, now=self._screen.shortened(name, room))

    def done(self, result: Result) -> None:
        """Take a result."""
        group, verdict = result["group"], result["verdict"]
        is_bad = verdict in {"fail", "error"}
        is_news = is_bad and not any(bad["id"] == result["id"] for bad in self._bad)
        self._bad += [result] if is_bad else []
        self._counts[verdict] += 1
        self._open[group] -= 1
        self._done.setdefault(group, []).append(result)
        if self._bar is not None:
            self._bar.update(self._task, advance=1, counts=self._counted())
        if self._verbosity == VERBOSE or (self._verbosity == NORMAL and is_news):
            self._screen.show(self._line(result))
        if self._verbosity == NORMAL and self._bar is None and not self._open[group]:
            self._screen.show(self._promise(group))

    def stop(self) -> None:
        """Take the bar away."""
        if self._bar is not None:
            self._bar.stop()
            self._bar = None

    def _counted(self) -> Text:
        shown = ("pass", "fail", *(name for name in ("skip", "error") if self._counts[name]))
        parts = [self._screen.mark(name).append(f" {self._counts[name]}") for name in shown]
        return Text("  ").join(parts)

    def _line(self, result: Result) -> Text:
        line = self._screen.mark(result["verdict"]).append(f" {result['id']}")
        line.append(f"  {failure.variants([result])}  {duration(result['seconds'])}", style="dim")
        if result["message"] and result["verdict"] != "pass":
            line.append(f"  {result['message'].splitlines()[0]}", style="default")
        room = self._screen.console.width
        line.truncate(room, overflow="crop" if self._screen.plain else "ellipsis")
        return line

    def _promise(self, group: str) -> Text:
        verdicts = Counter(result["verdict"] for result in self._done[group])
        worst = next((name for name in ("error", "fail", "pass") if verdicts[name]), "skip")
        words = {"pass": "passed", "fail": "failed", "skip": "skipped", "error": "errors"}
        counts = ", ".join(
            f"{verdicts[name]} {word}" for name, word in words.items() if verdicts[name]
        )
        seconds = sum(result["seconds"] for result in self._done[group])
        line = self._screen.mark(worst).append(f" {catalogue.promise(group):<27}")
        return line.append(f"{counts}  ").append(duration(seconds), style="dim")
