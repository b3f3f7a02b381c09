"""``python -m conformance baseline``: rewrite a baseline from a run, and check those there are."""

from __future__ import annotations

import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from .. import entries
from ..report import model
from . import file, update

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence


@click.group()
def baseline() -> None:
    """Known deviations: they change the exit status of a run, never a verdict."""


@baseline.command("update")
@click.argument("name", metavar="FILE")
@click.option(
    "--results",
    required=True,
    metavar="FILE",
    help="The results file of a run of everything, as `run --results` writes it.",
)
def update_(name: str, results: str) -> int:
    """Rewrite a baseline so that it says what a run saw; a file that is not there is made.

    Lines of what passes go, with their comments; a failure that is not listed gets a line, whose
    reason is then to be said by hand. Refused for a run that was a selection or did not end.
    """
    path = file.path_of(name) or Path(name)
    try:
        document = model.read(results)
        text = path.read_bytes().decode() if path.exists() else update.fresh(document)
        known = [entry["id"] for entry in entries.entries()]
        done = update.rewritten(file.parse(text, path.stem, str(path)), document, known)
    except (OSError, UnicodeDecodeError) as error:
        raise click.UsageError(str(error)) from None
    except (model.Refused, file.BadBaseline, update.Refused) as refused:
        raise click.UsageError(f"not rewritten: {refused}") from None
    for change in done.changes:
        click.echo(change)
    if path.exists() and done.text == text:
        click.echo(f"{path} says so already")
    else:
        path.write_bytes(done.text.encode())
        click.echo(f"{path} written")
    return 0


@baseline.command("check")
@click.argument("names", metavar="[FILE]...", nargs=-1)
def check(names: Sequence[str]) -> int:
    """Check baselines without a run: those that come with the suite, or the files named.

    Every id exists, no glob stands for too many, nothing has expired, every line has a reason and
    says by whom: a link, or where it was measured. Exit status 1: it is not so.
    """
    found = 0
    for name in names or file.shipped():
        path = file.path_of(name)
        if path is None:
            raise click.UsageError(f"there is no baseline {name!r}")
        complaints = list(_complaints(path))
        found += len(complaints)
        for complaint in complaints:
            click.echo(complaint)
        if not complaints:
            click.echo(f"{path.name} is as it should be")
    return int(found > 0)


def _complaints(path: Path) -> Iterator[str]:
    try:
        baseline = file.read(path)
    except file.BadBaseline as bad:
        yield str(bad)
        return
    if baseline.platform is None:
        yield f"{path}: expected platform = a condition, for `run --baseline auto`"
    known = [entry["id"] for entry in entries.entries()]
    today = datetime.datetime.now(datetime.timezone.utc).date()
    for line in baseline.lines:
        for complaint in (*line.faults(known, today), *_unsaid(line)):
            yield f"{path}, line {line.number}, {line.check}: {complaint}"


def _unsaid(line: file.Line) -> Iterator[str]:
    if line.reason == update.UNSAID:
        yield "its reason is to be said"
    if line.documented and not line.url:
        yield "expected url = where it is documented"
    if not line.url and not line.evidence:
        yield "expected a url, or evidence = where and when it was measured"
