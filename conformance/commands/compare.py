"""``python -m conformance compare``: what changed between two runs."""

from __future__ import annotations

import click

from ..facts import document, profiles
from ..facts.shown import words
from ..report import comparison, model
from ..report.compare import compare as held
from ..report.screen import Screen

_SAME, _WORSE = 0, 1

_HELP = """\b
Exit status:
  0  nothing got worse
  1  something did: what passed or was skipped fails now, or what passed is skipped, or is not run
     although the newer run was asked for all of the same catalogue
  2  the command line is wrong, or a file is no results file or no profile
New checks that fail, and changed facts, are told, and are no regression.
"""


@click.command(epilog=_HELP)
@click.argument("old")
@click.argument("new")
@click.option(
    "--facts",
    nargs=2,
    metavar="OLD NEW",
    help="Tell the changed facts, too: two profiles, as `facts --json` writes them.",
)
@click.option(
    "--level",
    default="may",
    type=click.Choice(["must", "should", "may"], case_sensitive=False),
    show_default=True,
    help="Only what got worse of this level and above fails; all is shown.",
)
@click.option("--markdown", "as_markdown", is_flag=True, help="As Markdown, for a pull request.")
@click.option("--plain", is_flag=True, help="No colour, ASCII only.")
def compare(
    *,
    old: str,
    new: str,
    facts: tuple[str, str] | None,
    level: str,
    as_markdown: bool,
    plain: bool,
) -> int:
    """Tell what changed from one run to a newer one: what got worse or better, is new or gone."""
    try:
        found = held(model.read(old), model.read(new))
        changed = _facts(*facts) if facts else []
    except (model.Refused, document.Refused) as refused:
        raise click.UsageError(str(refused)) from None
    except OSError as error:
        raise click.UsageError(f"{error.filename} cannot be read: {error.strerror}") from None
    levels = model.LEVELS[: model.LEVELS.index(level.upper()) + 1]
    worse = found.worse(levels)
    if as_markdown:
        click.echo(comparison.markdown(found, worse, changed, (old, new)), nl=False)
    else:
        screen = Screen(plain=plain)
        screen.show(*comparison.terminal(screen, found, worse, changed))
    return _WORSE if worse else _SAME


def _facts(old: str, new: str) -> list[comparison.Fact]:
    told = document.differences(profiles.read(old), profiles.read(new))
    return [
        {
            "id": difference["id"],
            "meaning": difference["meaning"],
            "was": _said(difference["a"]),
            "now": _said(difference["b"]),
        }
        for difference in told
    ]


def _said(told: document.Told | None) -> str:
    if told is None:
        return "not measured"
    return words(told["value"]).replace("\n", ", ") if told["value"] is not None else told["reason"]
