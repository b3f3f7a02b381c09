"""``python -m conformance pairs``."""

from __future__ import annotations

import json
import os
import shlex
import shutil
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from ..harness.spawn import make_room
from ..options import timeout_scale
from ..peers.shipped import SHIPPED
from ..report import pairs as report
from ..report import pairs_page
from ..report.screen import Screen

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .matrix import Told

_DONE, _NOTHING_RAN = 0, 3
_BAR = 16  # columns

_HELP = """\b
Exit status:
  0  the matrix has been measured, whatever is in it
  2  the command line is wrong, or there is no such peer
  3  nothing could be run
  4  the suite itself failed, or was interrupted
Nobody is judged: a passer that refuses what another one sends may be quite right.
"""


def _usable() -> int:
    usable = getattr(os, "sched_getaffinity", None)
    return len(usable(0)) if usable else os.cpu_count() or 1


def _peers(_: click.Context, __: click.Parameter, names: tuple[str, ...]) -> tuple[str, ...]:
    for name in names:
        try:
            words = shlex.split(name)
        except ValueError as error:
            raise click.BadParameter(f"{name!r} is no command line: {error}") from None
        if name not in SHIPPED and (not words or shutil.which(words[0]) is None):
            raise click.BadParameter(
                f"there is no peer and no program {name!r}; known peers: {', '.join(SHIPPED)}"
            )
    return tuple(dict.fromkeys(names or SHIPPED))


def _to(_: click.Context, __: click.Parameter, path: Path | None) -> Path | None:
    # Now, and not when all has been tried.
    if path is not None and not path.absolute().parent.is_dir():
        raise click.BadParameter(f"there is no directory {path.absolute().parent}")
    return path


_FILE: dict[str, Any] = {
    "type": click.Path(dir_okay=False, writable=True, path_type=Path),
    "callback": _to,
    "metavar": "FILE",
}


@click.command(epilog=_HELP)
@click.option(
    "--peer",
    "names",
    multiple=True,
    callback=_peers,
    metavar="NAME|COMMAND",
    help="Only these; repeatable [default: all that come with the suite].",
)
@click.option("--json", "as_json", help="Write the matrix (JSON).", **_FILE)
@click.option("--markdown", help="Write the page (Markdown).", **_FILE)
@click.option("--html", help="Write the page (HTML, one file).", **_FILE)
@click.option(
    "--read",
    "kept",
    type=click.Path(exists=True, dir_okay=False),
    metavar="FILE",
    help="Measure nothing: show a matrix that --json has written.",
)
@click.option(
    "-n",
    "--workers",
    default=2 * _usable(),
    type=click.IntRange(min=1),
    metavar="N",
    show_default=True,
    help="Pairs that are tried at the same time.",
)
@timeout_scale
@click.option("--plain", is_flag=True, help="No colour, nothing that moves, ASCII only.")
def pairs(
    *,
    names: tuple[str, ...],
    as_json: Path | None,
    markdown: Path | None,
    html: Path | None,
    kept: str | None,
    workers: int,
    timeout_scale: float,
    plain: bool,
) -> int:
    """Try every passer with every other one: what arrives, what is lost, who refuses whom."""
    screen = Screen(plain=plain)
    if kept is not None:
        try:
            document = report.read(kept)
        except report.Refused as refusal:
            raise click.BadParameter(str(refusal), param_hint="--read") from None
    else:
        from .matrix import measured

        make_room()
        with _progress(screen) as told:
            document = measured(names, workers, timeout_scale, told)
    screen.show(*report.shown(screen, document))
    for path, text in (
        (as_json, json.dumps(document, indent=1) + "\n"),
        (markdown, pairs_page.markdown(document)),
        (html, pairs_page.html(document)),
    ):
        if path is not None:
            path.write_text(text, encoding="utf-8")
            click.echo(f"{path} written")
    return _DONE if document["cells"] else _NOTHING_RAN


@contextmanager
def _progress(screen: Screen) -> Iterator[Told]:
    """Show how far it is, on a terminal."""
    if not screen.moves:
        yield lambda *_: None
        return
    bar = Progress(
        BarColumn(_BAR, complete_style="green", finished_style="green"),
        MofNCompleteColumn(),
        TextColumn("{task.fields[now]}", style="dim", markup=False),
        console=screen.console,
        transient=True,
    )
    task = bar.add_task("", total=None, now="getting to know them")
    with bar:
        yield lambda done, due, now: bar.update(task, completed=done, total=due, now=now)
