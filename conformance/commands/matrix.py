"""``python -m conformance matrix``: many results files as one page."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from .. import entries, known
from ..facts import GROUPS, document, profiles
from ..matrix import badges, markdown
from ..matrix.columns import Named
from ..matrix.whole import whole
from ..report import model

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from ..facts.document import Profile

_HELP = """\b
A file is called by what it says of its environment, or as you like: 'my kernel=out/run.json'.
A profile (`facts --json`) goes to the run that is called alike, 'my kernel=out/facts.json', or, if
it is not called anything, to a run of the same platform: the same evidence, kernel, machine, C
library, user and surroundings, and if there is one, the same Python. One that fits no run is a
column of its own, with facts only.
\b
Exit status:
  0  written, whatever the results are
  2  the command line is wrong, or a file is neither a results file nor a profile
"""


@click.command(epilog=_HELP)
@click.argument("files", nargs=-1, metavar="[[NAME=]RESULTS|FACTS|DIR]...")
@click.option(
    "--facts",
    "named",
    multiple=True,
    metavar="FILE|NAME",
    help=f"A profile; those that come with the suite: {', '.join(profiles.names())}; repeatable.",
)
@click.option(
    "--documented",
    is_flag=True,
    help="A column for each system of which documents tell, and on which nothing was run.",
)
@click.option("--html", metavar="DIR", help="Write the page: DIR/index.html.")
@click.option("--markdown", "words", metavar="FILE", help="Write a summary (Markdown).")
@click.option("--json", "data", metavar="FILE", help="Write the whole (JSON), for programs.")
@click.option("--badges", "images", metavar="DIR", help="Write a badge (SVG) for each platform.")
def matrix(
    *,
    files: tuple[str, ...],
    named: tuple[str, ...],
    documented: bool,
    html: str | None,
    words: str | None,
    data: str | None,
    images: str | None,
) -> None:
    """Draw the results of many platforms as one page: platforms against checks, and their facts."""
    if not files and not named:
        raise click.UsageError("expected results files or profiles; `run --results` writes one")
    if not (html or words or data or images):
        raise click.UsageError("expected one at least of --html, --markdown, --json, --badges")
    try:
        runs, told = _read(files)
        told += [profiles.read(name) for name in named]
    except (model.Refused, document.Refused) as refused:
        raise click.UsageError(str(refused)) from None
    except OSError as error:
        raise click.UsageError(f"{error.filename} cannot be read: {error.strerror}") from None
    made = whole(
        runs,
        told,
        entries=entries.entries(),
        known=known.known(),
        fact_groups=GROUPS,
        documented=documented,
    )
    if html:
        from ..matrix import page  # which needs Jinja2, and nothing else does

        _write(Path(html, "index.html"), page.render(made))
    if words:
        _write(Path(words), markdown.render(made))
    if data:
        _write(Path(data), json.dumps(made, indent=1) + "\n")
    for name, image in badges.all_of(made).items() if images else ():
        _write(Path(images or "", f"{name}.svg"), image)


def _read(files: Iterable[str]) -> tuple[list[Named], list[Profile]]:
    """Read the runs, those that are called alike with their profiles, and the other profiles."""
    runs: list[Named] = []
    told: list[Profile] = []
    called: dict[str, Profile] = {}
    for title, path in _each(files):
        if not _is_profile(path):
            runs.append(Named(title, model.read(path)))
        elif title:
            called[title] = document.read(str(path))
        else:
            told.append(document.read(str(path)))
    if astray := sorted(called.keys() - {run.title for run in runs}):
        raise click.UsageError(f"facts are called {astray[0]!r}, and no results file is")
    return [replace(run, facts=called.get(run.title)) for run in runs], told


def _each(files: Iterable[str]) -> Iterator[tuple[str, Path]]:
    """Give each file with what it is to be called; a folder is all JSON files in it."""
    for given in files:
        title, equals, rest = given.partition("=")
        path = Path(given if Path(given).exists() or not equals else rest)
        called = title if str(path) != given else ""
        if path.is_dir():
            inside = sorted(path.glob("*.json"))
            if not inside:
                raise click.UsageError(f"expected JSON files in {path}, found none")
            yield from (("", one) for one in inside)
        else:
            yield called, path


def _is_profile(path: Path) -> bool:
    try:
        content = json.loads(path.read_bytes())
    except ValueError:  # who reads it as a results file says what is wrong
        return False
    return isinstance(content, dict) and "facts" in content and "results" not in content


def _write(path: Path, text: str) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise click.UsageError(f"{path} cannot be written: {error.strerror}") from None
    click.echo(f"{path} written")
