"""The report of a run on a terminal, drawn from the results document alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from . import catalogue, failure, known, model
from .screen import duration

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from rich.console import RenderableType

    from .model import Document, Result
    from .screen import Screen


def show(
    screen: Screen,
    document: Document,
    *,
    why: Mapping[str, str] | None = None,
    quiet: bool = False,
    broken: Sequence[str] = (),
) -> None:
    """Show what became of a run; *why* has the reason of a requirement, by its id.

    *quiet*: only what went wrong, and the verdict. *broken*: what befell the suite itself.
    """
    parts: list[RenderableType] = []
    results = document["results"]
    if results and not quiet:
        parts += matrices(screen, results)
    parts += failure.blocks(screen, document, why or {})
    if not quiet:
        parts += skips(screen, results)
    if "baseline" in document:
        parts += known.section(screen, document["baseline"], quiet=quiet)
    if reason := document.get("interrupted"):
        parts += [
            "",
            screen.section("interrupted", "error"),
            screen.mark("error").append(f" {reason}"),
        ]
    parts += troubles(screen, broken)
    screen.show(*parts, *([] if quiet and not parts else [""]), last_line(document, broken))


def title(version: str) -> Text:
    """Give the first line of a report."""
    return Text().append(" fdpass conformance ", style="bold").append(version, style="dim")


def troubles(screen: Screen, problems: Sequence[str]) -> list[RenderableType]:
    """Show what befell the suite itself."""
    if not problems:
        return []
    parts: list[RenderableType] = ["", screen.section("the suite itself failed", "error")]
    for problem in problems:
        first, _, rest = problem.strip().partition("\n")
        parts.append(screen.mark("error").append(f" {first}"))
        if rest:
            parts.append(Padding(Text(rest, style="dim"), (0, 0, 0, 2)))
    return parts


def written(name: str, path: str) -> Text:
    """Tell where something was written."""
    return Text().append(f"{name:<8} ", style="dim").append(path)


def header(
    subject: Mapping[str, Any],
    environment: Mapping[str, Any],
    selection: Mapping[str, Any],
    facts: Mapping[str, str],
) -> RenderableType:
    """Say what is tried and on what; *facts* are further lines, a name and its words."""
    lines = {
        "peer": _peer(subject, selection),
        "system": _system(environment),
        "python": _python(environment),
        **facts,
    }
    grid = Table.grid(padding=(0, 2))
    grid.add_column(style="dim", no_wrap=True)
    grid.add_column(overflow="fold")
    for name, words in lines.items():
        if words:
            grid.add_row(name, words)
    return Padding(grid, (0, 0, 0, 1))


def _peer(subject: Mapping[str, Any], selection: Mapping[str, Any]) -> str:
    if subject.get("name") == model.PLATFORM:
        return "none: the checks make the system calls themselves"
    both = [_named(one) for one in subject.get("peers", [])]
    words = f"A: {both[0]}; B: {both[1]}" if both else _named(subject)
    words = words or str(selection.get("peer", "?"))
    if selection.get("launcher"):
        words += f", run by {selection['launcher']}"
    return words


def _named(subject: Mapping[str, Any]) -> str:
    words = " ".join(str(subject.get(key, "")) for key in ("name", "version")).strip()
    return f"{words} ({subject['language']})" if subject.get("language") else words


def _system(environment: Mapping[str, Any]) -> str:
    uname = environment.get("uname") or {}
    kernel = " ".join(str(uname[key]) for key in ("system", "release", "machine") if key in uname)
    seen = [found["what"] for found in environment.get("surroundings") or []]
    words = [kernel, environment.get("libc"), environment.get("distribution")]
    words += [f"in {what}" for what in dict.fromkeys(seen)]
    words += [f"{name}={value}" for name, value in (environment.get("preload") or {}).items()]
    return ", ".join(word for word in words if word)


def _python(environment: Mapping[str, Any]) -> str:
    python = environment.get("python") or {}
    words = f"{python.get('implementation', '')} {python.get('version', '')}".strip()
    bits = environment.get("bits")
    limits = environment.get("descriptors") or {}
    if words and bits:
        words += f", {bits} bits, {environment.get('byte_order')} endian"
    if words and "soft" in limits:
        words += f", at most {limits['soft']} descriptors"
    return words


# -- promises x transports ----------------------------------------------------------------------


def matrices(screen: Screen, results: Sequence[Result]) -> list[RenderableType]:
    """Draw the promises against the transports: a table for each interface that was run.

    One more is of the platform by itself, which is tried in one way only.
    """
    of_platform = [result for result in results if result["transport"] == model.PLATFORM]
    of_passer = [result for result in results if result["transport"] != model.PLATFORM]
    backends = list(dict.fromkeys(r["backend"] for r in of_passer if r["verdict"] != "skip"))
    tables: list[RenderableType] = []
    if of_passer and len(backends) < 2:
        tables += ["", matrix(screen, of_passer, "promise")]
    else:
        for backend in backends:
            of_it = [result for result in of_passer if result["backend"] == backend]
            tables += ["", matrix(screen, of_it, f"promise, over {backend}")]
    if of_platform:
        tables += ["", matrix(screen, of_platform, "of the platform")]
    return tables


def matrix(screen: Screen, results: Sequence[Result], title: str) -> RenderableType:
    """Draw the promises against the transports, with counts and times."""
    transports = list(dict.fromkeys(result["transport"] for result in results))
    groups = catalogue.in_order(result["group"] for result in results)
    table = Table(box=screen.box, border_style="dim", header_style="bold", show_footer=True)
    table.add_column(title, "all", no_wrap=True)
    for transport in transports:
        of_it = [result for result in results if result["transport"] == transport]
        table.add_column(transport, _cell(screen, of_it), overflow="fold")
    # No total: where checks run at the same time it is not how long the run took.
    table.add_column("time", justify="right", no_wrap=True)
    for group in groups:
        members = [result for result in results if result["group"] == group]
        cells = [
            _cell(screen, [result for result in members if result["transport"] == transport])
            for transport in transports
        ]
        table.add_row(catalogue.promise(group), *cells, duration(_seconds(members)))
    return table


def _seconds(results: Iterable[Result]) -> float:
    return sum(result["seconds"] for result in results)


def _cell(screen: Screen, results: Sequence[Result]) -> Text:
    counts = model.summary(results)
    ran = counts["pass"] + counts["fail"]
    parts: list[Text] = []
    for verdict in ("error", "fail", "pass", "skip"):
        if not counts[verdict] or (verdict == "pass" and counts["fail"]):
            continue
        words = f" {counts[verdict]}" + (f"/{ran}" if verdict == "fail" else "")
        parts.append(screen.mark(verdict).append(words))
    return Text("  ").join(parts)


# -- skips --------------------------------------------------------------------------------------


def skips(screen: Screen, results: Iterable[Result]) -> list[RenderableType]:
    """List what was skipped, by reason."""
    reasons: dict[str, list[Result]] = {}
    for result in results:
        if result["verdict"] == "skip":
            reasons.setdefault(result["message"] or "no reason was given", []).append(result)
    if not reasons:
        return []
    total = sum(map(len, reasons.values()))
    parts: list[RenderableType] = ["", screen.section(f"skipped: {total}", "skip")]
    for reason, members in sorted(reasons.items(), key=lambda item: -len(item[1])):
        variants: dict[str, list[Result]] = {}
        for result in members:
            variants.setdefault(result["id"], []).append(result)
        count = screen.mark("skip").append(f" {len(members)}")
        parts.append(_hanging(1, [(count, Text(reason, style="bold"))]))
        named = {check: failure.variants(of_it) for check, of_it in variants.items()}
        parts.append(_hanging(6, [(check, Text(w, style="dim")) for check, w in named.items()]))
    return parts


def _hanging(indent: int, rows: Iterable[tuple[str | Text, Text]]) -> RenderableType:
    grid = Table.grid(padding=(0, 2, 0, 0))
    grid.add_column(no_wrap=True)
    grid.add_column(overflow="fold")
    for name, words in rows:
        grid.add_row(name, words)
    return Padding(grid, (0, 0, 0, indent))


# -- the verdict --------------------------------------------------------------------------------


def last_line(document: Document, broken: Sequence[str] = ()) -> Text:
    """Say in words how the run ended."""
    results, counts = document["results"], document["summary"]
    words, style = _VERDICTS[model.SUITE_FAILED if broken else model.exit_status(results)]
    if document.get("interrupted"):
        words, style = "interrupted, so that nothing is proven", "bold magenta"
    if "baseline" in document and not broken:
        words += known.words(document["baseline"])
        style = _VERDICTS[model.status(document)][1]
    if words == _NOTHING and counts["pass"] + counts["fail"]:
        words += ", as no MUST was tried"
    counted = f"{counts['pass']} passed, {counts['fail']} failed{_softer(results)}"
    counted += f", {counts['skip']} skipped"
    if counts["error"]:
        counted += f", {counts['error']} error{'s'[: counts['error'] - 1]} of the suite"
    line = Text().append(words, style=style)
    if (evidence := document.get("evidence", model.RAN)) != model.RAN:
        line.append(f" ({evidence})", style="bold")
    line.append(": ", style=style)
    line.append(f"{counted} in {duration(document['seconds'])}")
    if document.get("interrupted"):
        line.append(f" ({document['interrupted']})", style="dim")
    elif not document["selection"].get("complete", True):
        line.append(" (a selection, not the whole catalogue)", style="dim")
    return line


_NOTHING = "nothing is proven"
_VERDICTS = {
    model.CONFORMS: ("conforms", "bold green"),
    model.DEVIATES: ("does not conform", "bold red"),
    model.NOTHING_RAN: (_NOTHING, "bold yellow"),
    model.SUITE_FAILED: ("the suite itself failed", "bold magenta"),
}


def _softer(results: Iterable[Result]) -> str:
    """Tell how many failures were no MUST, since they do not change the verdict."""
    failed = [result["level"] for result in results if result["verdict"] == "fail"]
    counts = {level: failed.count(level) for level in model.LEVELS if failed.count(level)}
    if not counts.keys() - {"MUST"}:
        return ""
    return " (" + ", ".join(f"{count} {level}" for level, count in counts.items()) + ")"
