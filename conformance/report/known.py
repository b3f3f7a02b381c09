"""What a report shows of a baseline: the deviations that were expected, and what is wrong."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.text import Text

from . import failure
from .screen import grid

if TYPE_CHECKING:
    from rich.console import RenderableType

    from .model import JudgedBaseline, JudgedLine, Result
    from .screen import Screen

_SEEN = ("as listed", "as documented")


def section(
    screen: Screen, baseline: JudgedBaseline, *, quiet: bool = False
) -> list[RenderableType]:
    """Show the expected deviations, unless *quiet*; and what is wrong with the baseline."""
    parts: list[RenderableType] = []
    expected = [line for line in baseline["lines"] if line["outcome"] in _SEEN]
    if expected and not quiet:
        title = f"expected deviations, as baseline {baseline['name']} says: {len(expected)}"
        parts += ["", screen.section(title, "skip"), grid(map(_expected, expected))]
    wrong = [line for line in baseline["lines"] if line["wrong"]]
    unlisted = _unlisted(baseline)
    if wrong or unlisted:
        title = f"not as baseline {baseline['name']} says: {len(wrong) + len(unlisted)}"
        rows = [*unlisted, *(row for line in wrong for row in _wrong(line))]
        parts += ["", screen.section(title, "fail"), grid(rows)]
    hints = [line for line in baseline["lines"] if line["outcome"] == "not as documented"]
    if hints and not quiet:
        parts += ["", screen.section("not seen here, although it is documented", "skip")]
        parts.append(grid(map(_expected, hints)))
    return parts


def words(baseline: JudgedBaseline) -> str:
    """Say behind a verdict whether the baseline says the same."""
    return f", {'as' if baseline['as_listed'] else 'but not as'} baseline {baseline['name']} says"


def _expected(line: JudgedLine) -> tuple[Text, Text]:
    about = Text(line["reason"])
    if line["outcome"] == "as documented":
        about.append("  (documented before; this run measures it)", style="yellow")
    for name in ("when", "url", "evidence"):
        if value := str(line[name]):
            about.append(f"\n{name} {value}" if name != "url" else f"\n{value}", style="dim")
    return Text(line["check"], style="bold"), about


def _unlisted(baseline: JudgedBaseline) -> list[tuple[Text, Text]]:
    alike: dict[tuple[str, str], list[Result]] = {}
    for result in baseline["unlisted"]:
        alike.setdefault((result["id"], result["message"]), []).append(result)  # type: ignore[arg-type]
    return [
        (
            Text(check, style="bold"),
            Text(f"unlisted failure over {failure.variants(members)}: {message}", style="red"),
        )
        for (check, message), members in alike.items()
    ]


def _wrong(line: JudgedLine) -> list[tuple[Text, Text]]:
    said = f"{line['file']}, line {line['line']}: " + "; ".join(line["wrong"])
    return [(Text(line["check"], style="bold"), Text(said, style="red"))]
