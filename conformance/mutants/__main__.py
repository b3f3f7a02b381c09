"""Try the suite itself: ``python -m conformance.mutants``."""

from __future__ import annotations

import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor, as_completed
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

import click
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
from rich.text import Text

from conformance import entries
from conformance.report.screen import Screen, duration

from . import matrix
from .catalogue import MUTANTS
from .grounds import prepare
from .oddities import ODD
from .trial import CAUGHT, NOT_TRIED, OTHERWISE, SURVIVED, try_mutant, try_odd

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from .grounds import Grounds
    from .mutant import Mutant
    from .surroundings import Surroundings
    from .systems import System
    from .trial import Trial

_HELP = """\b
Exit status:
  0  every mutant was caught for the stated reason, every MUST and SHOULD check caught one
  1  not so
  2  there is no such mutant
"""


@click.command(context_settings={"help_option_names": ["-h", "--help"]}, epilog=_HELP)
@click.argument("names", nargs=-1, metavar="[NAME]...")
@click.option("--check", "checks", multiple=True, metavar="ID", help="Those for it; globs work.")
@click.option("--list", "only_list", is_flag=True, help="Run nothing; name the mutants.")
@click.option("--full", is_flag=True, help="Run all that MUST or SHOULD hold: the whole matrix.")
@click.option("--odd", is_flag=True, help="Also run everything where things are odd; all passes.")
@click.option("-n", "--workers", default=2, show_default=True, help="How many at the same time.")
@click.option("--plain", is_flag=True, help="No colour, nothing that moves, ASCII only.")
def main(
    *,
    names: Sequence[str],
    checks: Sequence[str],
    only_list: bool,
    full: bool,
    odd: bool,
    workers: int,
    plain: bool,
) -> None:
    """Run the suite on passers and systems with a fault each, and see that it catches them.

    NAME: only these mutants, odd systems or odd surroundings.
    """
    mutants = _chosen(names, checks)
    oddities = [one for one in ODD if one.name in names or (odd and not names)]
    known = {mutant.name for mutant in MUTANTS} | {one.name for one in ODD}
    if unknown := sorted(set(names) - known):
        raise click.BadParameter(f"no mutant {unknown[0]!r}; known: {', '.join(sorted(known))}")
    screen = Screen(plain=plain)
    if only_list:
        screen.show(*matrix.listed(screen, mutants))
        return
    with tempfile.TemporaryDirectory(prefix="systems-") as folder:
        grounds = prepare(folder)
        # The whole catalogue is run once on each fault, however many checks are to catch it.
        faults = {_fault(mutant): mutant for mutant in mutants}.values() if full else mutants
        jobs = [_job(mutant, grounds, full=full) for mutant in faults]
        jobs += [_odd_job(one, grounds) for one in oddities]
        trials = _all(screen, jobs, workers, tell=(full or odd) and not screen.moves)
    tried, odd_ones = trials[: len(faults)], trials[len(faults) :]
    if full:
        by_fault = dict(zip(map(_fault, faults), tried, strict=True))
        tried = [by_fault[_fault(mutant)].seen_by(mutant) for mutant in mutants]
    due = [entry for entry in entries.entries() if entry["level"] != "MAY"]
    screen.show(*(matrix.whole(screen, tried, due) if full else matrix.diagonal(screen, tried)))
    if odd_ones:
        screen.show(*matrix.oddities(screen, odd_ones))
    uncaught = {entry["id"] for entry in due} - {mutant.check for mutant in MUTANTS}
    sys.exit(_verdict(screen, tried, odd_ones, [] if names or checks else sorted(uncaught)))


def _chosen(names: Sequence[str], checks: Sequence[str]) -> list[Mutant]:
    """Give the mutants of these names, for these checks."""
    if checks and (refused := entries.refusal(checks, ())):
        raise click.BadParameter(refused, param_hint="--check")
    chosen = [
        mutant
        for mutant in MUTANTS
        if (not names or mutant.name in names)
        and (not checks or any(fnmatchcase(mutant.check, pattern) for pattern in checks))
    ]
    if checks and not chosen:
        said = f"no mutant {'of these names ' if names else ''}is for it; a MAY needs none"
        raise click.BadParameter(said, param_hint="--check")
    return chosen


def _fault(mutant: Mutant) -> tuple[str, bool]:
    """Tell faults apart: a system that is faulty to the platform checks is another."""
    return mutant.name, mutant.of_platform


def _job(mutant: Mutant, grounds: Grounds, *, full: bool) -> Callable[[], Trial]:
    return lambda: try_mutant(mutant, grounds, full=full)


def _odd_job(odd: System | Surroundings, grounds: Grounds) -> Callable[[], Trial]:
    return lambda: try_odd(odd, grounds)


def _all(
    screen: Screen, jobs: Sequence[Callable[[], Trial]], workers: int, *, tell: bool
) -> list[Trial]:
    """Run all *jobs*; *tell*: a line for each that is done, as it takes long."""
    columns = (BarColumn(16), MofNCompleteColumn(), TextColumn("{task.fields[last]}", style="dim"))
    progress = Progress(*columns, console=screen.console, transient=True, disable=not screen.moves)
    with progress, ThreadPoolExecutor(workers) as pool:
        task = progress.add_task("", total=len(jobs), last="")
        running = [pool.submit(job) for job in jobs]
        for done in as_completed(running):
            trial = done.result()
            progress.update(task, advance=1, last=trial.name)
            if tell:
                failed = f"{len(trial.failed())} of {len(trial.results)} fail"
                screen.show(Text(f"{trial.name:<28} {failed:<16} {duration(trial.seconds)}"))
        return [one.result() for one in running]


def _verdict(
    screen: Screen, tried: Sequence[Trial], odd: Sequence[Trial], uncaught: Sequence[str]
) -> int:
    counts = {
        outcome: sum(trial.outcome == outcome for trial in tried)
        for outcome in (CAUGHT, SURVIVED, OTHERWISE, NOT_TRIED)
    }
    words = {
        CAUGHT: "caught",
        SURVIVED: "survived",
        OTHERWISE: "failed for another reason",
        NOT_TRIED: "not tried",
    }
    said = [f"{counts[outcome]} {word}" for outcome, word in words.items() if counts[outcome]]
    broken = [trial.name for trial in odd if trial.failed() or trial.trouble]
    bad = bool(counts[SURVIVED] or counts[OTHERWISE] or uncaught or broken)
    lines = [screen.mark("fail").append(f" {id}: no mutant for it", "default") for id in uncaught]  # noqa: A001
    if odd:
        said.append(f"{len(odd) - len(broken)} of {len(odd)} odd systems pass")
    verdict = Text("the suite lets faults pass: " if bad else "the suite catches its mutants: ")
    verdict.stylize("bold red" if bad else "bold green")
    seconds = duration(sum(trial.seconds for trial in [*tried, *odd]))
    screen.show(
        "", *lines, verdict.append(", ".join(said), "default").append(f"  {seconds}", "dim")
    )
    return 1 if bad else 0


if __name__ == "__main__":
    main()
