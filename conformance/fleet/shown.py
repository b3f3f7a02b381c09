"""What is shown of a fleet: a table that follows it on a terminal, elsewhere a line a change."""

from __future__ import annotations

import time
from collections import Counter
from typing import TYPE_CHECKING

from rich.live import Live
from rich.table import Table
from rich.text import Text

from ..report.screen import duration
from .state import CLEANED, CONFORMS, DEVIATES, NOTHING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ..report.screen import Screen
    from .state import Outcome
    from .visit import Visit

_PAUSE = 30.0  # seconds between two lines that say how far all are, where no table does
_MARK = {CONFORMS: "pass", CLEANED: "pass", DEVIATES: "fail", NOTHING: "skip"}


class Watch:
    """Follows the visits."""

    def __init__(self, screen: Screen, visits: Sequence[Visit]) -> None:
        self._screen = screen
        self._visits = visits
        self._next = time.monotonic() + _PAUSE
        self._seen = {visit.host.name: visit.state for visit in visits}
        self._live: Live | None = None
        if screen.moves:
            self._live = Live(console=screen.console, auto_refresh=False, transient=True)

    def __enter__(self) -> Watch:
        if self._live:
            self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._live:
            self._live.stop()

    def tick(self) -> None:
        """Show how far they are."""
        if self._live:
            self._live.update(self._table(), refresh=True)
            return
        for visit in self._visits:
            name, state = visit.host.name, visit.state
            if state != self._seen[name] and visit.outcome is None:
                self._seen[name] = state
                what = f", {visit.python}" if state == "running" else ""
                self._screen.show(Text(f"{name}: {state}{what}"))
        if time.monotonic() > self._next:
            self._next = time.monotonic() + _PAUSE
            self._screen.show(Text(self._how_far()))

    def _how_far(self) -> str:
        open_ = [visit for visit in self._visits if visit.outcome is None]
        words = [f"{len(self._visits) - len(open_)} of {len(self._visits)} ended"]
        words += [f"{visit.host.name}: {visit.checks} checks" for visit in open_ if visit.checks]
        return ", ".join(words)

    def ended(self, visit: Visit) -> None:
        """Show how one ended; on a terminal this stays above the table."""
        if visit.outcome:
            self._screen.show(line(self._screen, visit.host.name, visit.outcome))

    def _table(self) -> Table:
        table = Table(box=self._screen.box, show_edge=False)
        table.add_column("host")
        table.add_column("state")
        for heading in ("checks", "failed", "time"):
            table.add_column(heading, justify="right")
        open_ = [visit for visit in self._visits if visit.outcome is None]
        room = max(3, self._screen.console.height - 6)
        busy = sorted(open_, key=lambda visit: visit.state == "waiting")
        for visit in busy[:room]:
            numbers = (str(visit.checks), str(visit.failed)) if visit.checks else ("", "")
            taken = duration(visit.seconds) if visit.seconds else ""
            table.add_row(visit.host.name, visit.state, *numbers, taken)
        ended = len(self._visits) - len(open_)
        table.caption = f"{ended} of {len(self._visits)} ended"
        return table


def line(screen: Screen, name: str, outcome: Outcome) -> Text:
    """Say in a line how a host ended."""
    text = screen.mark(_MARK.get(outcome.verdict, "error")).append(f" {name}: {outcome.verdict}")
    if outcome.words:
        text.append(f": {outcome.words}", style="default")
    if outcome.checks:
        counted = f"  {outcome.checks} checks, {outcome.failed} failed"
        text.append(counted, style="default")
    return text.append(f"  {duration(outcome.seconds)}", style="dim")


def summary(screen: Screen, outcomes: Mapping[str, Outcome]) -> None:
    """Show all hosts in a table, and count them."""
    table = Table(box=screen.box, show_edge=False)
    for heading in ("", "host", "verdict"):
        table.add_column(heading, no_wrap=heading != "verdict", overflow="fold")
    for heading in ("checks", "failed", "time"):
        table.add_column(heading, justify="right", no_wrap=True)
    for name, it in outcomes.items():
        mark = screen.mark(_MARK.get(it.verdict, "error"))
        said = f"{it.verdict}: {it.words}" if it.words else it.verdict
        numbers = (str(it.checks), str(it.failed)) if it.checks else ("", "")
        table.add_row(mark, name, said, *numbers, duration(it.seconds))
    screen.show("", table, "")
    counted = Counter(outcome.verdict for outcome in outcomes.values())
    parts = (f"; {verdict}: {count}" for verdict, count in counted.most_common())
    screen.show(Text(f"hosts: {len(outcomes)}{''.join(parts)}"))
