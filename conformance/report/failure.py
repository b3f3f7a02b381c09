"""What a report shows of each failure: what was asked, what was seen, what was said, how to repeat.

Variants of one check that fail for the same reason are one failure.
"""

from __future__ import annotations

import re
import shlex
from typing import TYPE_CHECKING, Any

from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from . import catalogue, model
from .listing import flowing
from .screen import LOOKS, Screen

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from rich.console import RenderableType

    from .model import Document, Result

_INDENT = 12  # columns before the words of a block
_LINES = 20  # of a transcript; the results file has all of it
_TITLES = {"fail": "failed", "error": "errors of the suite itself, not of what it tries"}


def blocks(screen: Screen, document: Document, why: Mapping[str, str]) -> list[RenderableType]:
    """Show every failure, then every error."""
    parts: list[RenderableType] = []
    for verdict, title in _TITLES.items():
        alike = _alike(result for result in document["results"] if result["verdict"] == verdict)
        if alike:
            checks, ran = len({members[0]["id"] for members in alike}), sum(map(len, alike))
            words = f"{title}: {checks}" + (f" ({ran} variants)" if ran > checks else "")
            parts += ["", screen.section(words, verdict)]
        for number, members in enumerate(alike):
            parts += [""] if number else []
            parts += _block(screen, members, document, why)
    return parts


def variants(results: Sequence[Result]) -> str:
    """Name the variants of one check: ``inherited (peek, reserve), filesystem (peek)``."""
    modes: dict[str, list[str]] = {}
    for result in results:
        modes.setdefault(way(result, results), []).append(result["survival"])
    named = []
    for transport, survivals in modes.items():
        inner = ", ".join(dict.fromkeys(mode for mode in survivals if mode and mode != "auto"))
        named.append(f"{transport} ({inner})" if inner else transport)
    return ", ".join(named)


def way(result: Result, among: Sequence[Result]) -> str:
    """Name the transport of a result, and the backend if several *among* them were run."""
    ran = {other["backend"] for other in among if other["verdict"] != "skip"}
    several = len(ran) > 1 and result["backend"] in ran
    return f"{result['backend']} {result['transport']}" if several else result["transport"]


_OPTIONS = (
    ("peer", "fdpass"),
    ("peer_a", ""),
    ("peer_b", ""),
    ("dialect", "auto"),
    ("backend", "each"),
    ("launcher", ""),
)
"""The options that are repeated, each with its default."""


def again(result: Result, selection: Mapping[str, Any]) -> list[str]:
    """Give the words of the one command that repeats just this check in this variant."""
    words = ["python", "-m", "conformance", "run", "--check", result["id"]]
    of_passer = result["transport"] != model.PLATFORM
    words += ["--transport", result["transport"]] if result["transport"] and of_passer else []
    if result["survival"] not in {"", "auto"}:
        words += ["--survival", result["survival"]]
    if result["backend"] not in {"", "none"} and selection.get("backend") == "each":
        words += ["--backend", result["backend"]]
    for option, usual in _OPTIONS:
        chosen = selection.get(option)
        if chosen and chosen != usual and (of_passer or option == "launcher"):
            words += [f"--{option.replace('_', '-')}", str(chosen)]
    scale = selection.get("timeout_scale")
    if scale and scale != 1:
        words += ["--timeout-scale", f"{scale:g}"]
    return [*words, "-n", "0"]


def _alike(results: Iterable[Result]) -> list[list[Result]]:
    found: dict[tuple[str, str], list[Result]] = {}
    for result in results:
        # Tokens, paths and addresses differ from run to run; they are no other reason.
        reason = re.sub(r"/\S+|\b(?=[0-9a-f]*\d)[0-9a-f]{6,}\b", "#", result["message"])
        found.setdefault((result["id"], reason), []).append(result)
    return list(found.values())


def _block(
    screen: Screen, members: Sequence[Result], document: Document, why: Mapping[str, str]
) -> list[RenderableType]:
    result = members[0]
    heading = screen.mark(result["verdict"]).append(f" {result['id']}", style="bold").append("  ")
    heading.append(result["level"])
    heading.append(f"  {catalogue.promise(result['group'])}", style="dim")
    grid = Table.grid(padding=(0, 2))
    grid.add_column(style="dim", no_wrap=True)
    grid.add_column(overflow="fold")
    room = screen.console.width - _INDENT
    rows: list[tuple[str, RenderableType]] = [
        ("required", Text(result["requirement"], style="bold")),
        ("seen", Text(result["message"], style=LOOKS[result["verdict"]].style)),
        ("in", variants(members)),
        ("why", flowing(why.get(result["id"], ""))),
        ("source", result["source"]),
        *(
            ("steps" if who == model.PLATFORM else f"peer {who}", _transcript(screen, lines, room))
            for who, lines in result.get("transcript", {}).items()
        ),
    ]
    for name, shown in rows:
        if shown:
            grid.add_row(f"{name:<{_INDENT - 4}}", shown)
    command = Text().append("  again     ", style="dim")
    lines = _folded(again(result, document["selection"]), room)
    command.append(f"\n{' ' * _INDENT}".join(lines), style="cyan")
    if result["transport"] == model.PLATFORM:
        command.append("\n  program   ", style="dim")
        command.append(f"python -m conformance repro {result['id']}", style="cyan")
    return [heading, Padding(grid, (0, 0, 0, 2)), command]


_SAID = re.compile(r"^(?P<time>\s*[\d.]+ )?(?P<who>2>|[><!])(?P<rest>.*)$")
_SPEAKERS = {">": "cyan", "<": "default", "!": "bold red", "2>": "yellow"}


def _transcript(screen: Screen, lines: Sequence[str], room: int) -> Text:
    runs: list[tuple[str, int]] = []
    for line in lines:
        # The number of a request is for machines; the results file keeps it.
        short = re.sub(r'"id": "[^"]*"(, )?', "", line)
        if runs and _words(short) == _words(runs[-1][0]):
            runs[-1] = (runs[-1][0], runs[-1][1] + 1)
        else:
            runs.append((short, 1))
    shown = Text(no_wrap=True, overflow="crop")
    if before := sum(count for _, count in runs[:-_LINES]):
        shown.append(f"({before} lines before these)\n", style="dim")
    for number, (line, count) in enumerate(runs[-_LINES:]):
        times = f"  ({count} times)" if count > 1 else ""
        shown.append("\n" if number else "")
        shown.append(_coloured(screen.shortened(line, room - len(times)))).append(times, "dim")
    return shown


def _words(line: str) -> str:
    """Give a line of a transcript without its time."""
    said = _SAID.match(line)
    return said["who"] + said["rest"] if said else line


def _coloured(line: str) -> Text:
    said = _SAID.match(line)
    if said is None:
        return Text(line)
    shown = Text().append(said["time"] or "", style="dim")
    return shown.append(said["who"] + said["rest"], style=_SPEAKERS[said["who"]])


def _folded(words: Sequence[str], room: int) -> Iterator[str]:
    """Break a command before its options, into lines that a shell takes as one."""
    line = ""
    for part in _options(words):
        if line and len(line) + len(part) + 3 > room:
            yield f"{line} \\"
            line = f"  {part}"
        else:
            line = f"{line} {part}" if line else part
    yield line


def _options(words: Sequence[str]) -> Iterator[str]:
    """Give each option with its value, quoted for a shell."""
    part: list[str] = []
    for word in words:
        if word.startswith("-") and part:
            yield shlex.join(part)
            part = []
        part.append(word)
    yield shlex.join(part)
