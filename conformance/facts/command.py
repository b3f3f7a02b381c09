"""The command ``python -m conformance facts``: measure, show, compare."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from ..options import timeout_scale
from ..report.screen import Screen
from . import document, profiles, shown
from . import facts as chosen
from .measuring import measured

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .document import Profile

_HERE = "-"
"""Stands for a profile that is measured now."""

_SAME, _DIFFERENT = 0, 1

_HELP = """\b
Exit status:
  0  measured, whatever the values are; or the two profiles tell the same
  1  the two profiles tell something differently
  2  the command line is wrong, or a file is no profile
  4  the suite itself failed, or was interrupted
A fact without an answer is shown with the reason, and is no failure.
What the facts mean, and what was measured elsewhere, is in FACTS.md.
"""


@click.command(epilog=_HELP)
@click.argument("wanted", nargs=-1, metavar="[ID|GROUP|GLOB]...")
@click.option("--json", "as_json", is_flag=True, help="A document (JSON), for programs.")
@click.option(
    "--compare",
    nargs=2,
    metavar="A B",
    help="Show only what two profiles tell differently: each is a file written by --json, "
    f"- for this system, or one that comes with the suite ({', '.join(profiles.names())}).",
)
@click.option("--plain", is_flag=True, help="No colour, ASCII only.")
@timeout_scale
def facts(
    *,
    wanted: tuple[str, ...],
    as_json: bool,
    compare: tuple[str, str] | None,
    plain: bool,
    timeout_scale: float,
) -> int:
    """Measure what this system does with descriptors: all facts, or some."""
    screen = Screen(plain=plain)
    try:
        left, *others = (
            measured(wanted, timeout_scale) if name == _HERE else _part(profiles.read(name), wanted)
            for name in compare or (_HERE,)
        )
    except (LookupError, document.Refused) as error:
        raise click.UsageError(str(error.args[0])) from None
    except FileNotFoundError as error:
        raise click.UsageError(f"there is no file {error.filename!r}") from None
    if not others:
        if as_json:
            click.echo(document.text(left), nl=False)
        else:
            screen.show(*shown.table(left))
        return _SAME
    (right,) = others
    found = document.differences(left, right)
    if as_json:
        click.echo(document.text(document.compared(left, right)), nl=False)
    else:
        screen.show(*shown.comparison(screen, left, right, found))
    return _DIFFERENT if found else _SAME


def _part(profile: Profile, wanted: Sequence[str]) -> Profile:
    if not wanted:
        return profile
    ids = {fact.id for fact in chosen(wanted)}
    part = [known for known in profile["facts"] if known["id"] in ids]
    return {**profile, "facts": part, "complete": False}
