"""What became of one check on one platform: its variants folded into a cell.

Pure: it makes no system call.
"""

from __future__ import annotations

import shlex
from collections import Counter
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, TypedDict

from ..report import failure, model
from ..report.described import placeless

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from ..report.catalogue import Behaviour
    from ..report.model import Document, JudgedBaseline, Result

_LINES = 60  # of a transcript, the last ones; the results file has all of it
_LONG = 400  # characters of a line
_WORST_FIRST = ("error", "fail", "pass", "skip")
_SEEN = ("as listed", "as documented")


class Seen(TypedDict, total=False):
    """Variants that ended alike; ``again`` is the command that repeats the first of them."""

    verdict: str
    message: str
    variants: str
    count: int
    transcript: dict[str, list[str]]
    again: str


class Reason(TypedDict):
    """The line of a baseline that expects a deviation, or the document that tells of one."""

    reason: str
    url: str
    evidence: str
    when: str


class Cell(TypedDict, total=False):
    """One check on one platform.

    ``ran`` and ``of`` count variants: executed, and failed of them. ``listed`` is there where a
    baseline was held against the run, and something failed: whether all of that was expected.
    """

    verdict: str
    ran: int
    failed: int
    skipped: int
    listed: bool
    lines: list[Reason]
    seen: list[Seen]
    level: str


class Promise(TypedDict, total=False):
    """What became of one group on one platform, in checks: a check counts once."""

    state: str
    passed: int
    skipped: int
    errors: int
    MUST: int
    SHOULD: int
    MAY: int
    listed: int


def folded(document: Document) -> dict[str, Cell]:
    """Fold the results of a run into a cell for each check."""
    members: dict[str, list[Result]] = {}
    for result in document["results"]:
        members.setdefault(result["id"], []).append(result)
    return {check: _cell(check, of_it, document) for check, of_it in members.items()}


def documented(behaviours: Iterable[Behaviour], holds: str) -> Cell:
    """Give the cell of a system that is known from documents only."""
    told = list(behaviours)
    verdict = "pass" if all(it["does"] == holds for it in told) else "fail"
    lines: list[Reason] = [
        {
            "reason": it["does"],
            "url": it["url"],
            "evidence": f"{it['where']}, {it['when']}",
            "when": "",
        }
        for it in told
    ]
    cell: Cell = {"verdict": verdict, "lines": lines}
    if verdict == "fail":
        cell["listed"] = True
    return cell


def promise(cells: Iterable[tuple[str, Cell]]) -> Promise:
    """Say whether a promise is kept; *cells* come with the level of their check.

    kept: a check passed and no MUST failed; broken: a MUST failed; skipped: all was skipped.
    """
    found = list(cells)
    verdicts = Counter(cell["verdict"] for _, cell in found)
    failed = [(level, cell) for level, cell in found if cell["verdict"] == "fail"]
    levels = Counter(level for level, _ in failed)
    counted: Promise = {
        "passed": verdicts["pass"],
        "skipped": verdicts["skip"],
        "errors": verdicts["error"],
        "MUST": levels["MUST"],
        "SHOULD": levels["SHOULD"],
        "MAY": levels["MAY"],
        "listed": sum(cell.get("listed", False) for _, cell in failed),
    }
    if verdicts["error"]:
        counted["state"] = "error"
    elif levels["MUST"]:
        counted["state"] = "broken"
    elif verdicts["pass"] or failed:
        counted["state"] = "kept"
    else:
        counted["state"] = "skipped"
    return counted


def _cell(check: str, members: Sequence[Result], document: Document) -> Cell:
    counts = model.summary(members)
    worst = next(verdict for verdict in _WORST_FIRST if counts[verdict])
    cell: Cell = {"verdict": worst, "ran": len(members) - counts["skip"]}
    if counts["skip"]:
        cell["skipped"] = counts["skip"]
    if counts["fail"] + counts["error"]:
        cell["failed"] = counts["fail"] + counts["error"]
    if worst == "fail" and "baseline" in document:
        cell["listed"], cell["lines"] = _expected(check, document["baseline"])
    if counts["pass"] < len(members):
        cell["seen"] = [_seen(alike, members, document) for alike in _alike(members)]
    return cell


def _expected(check: str, baseline: JudgedBaseline) -> tuple[bool, list[Reason]]:
    lines: list[Reason] = [
        {
            "reason": line["reason"],
            "url": line["url"],
            "evidence": line["evidence"],
            "when": line["when"],
        }
        for line in baseline["lines"]
        if line["outcome"] in _SEEN and fnmatchcase(check, line["check"])
    ]
    unlisted = any(result["id"] == check for result in baseline["unlisted"])
    return bool(lines) and not unlisted, lines


def _alike(members: Sequence[Result]) -> list[list[Result]]:
    """Group variants by what was seen, the worst first; those that passed need no words."""
    found: dict[tuple[str, str], list[Result]] = {}
    for result in members:
        found.setdefault((result["verdict"], placeless(result["message"])), []).append(result)
    order = {verdict: place for place, verdict in enumerate(_WORST_FIRST)}
    return sorted(found.values(), key=lambda alike: order[alike[0]["verdict"]])


def _seen(alike: Sequence[Result], members: Sequence[Result], document: Document) -> Seen:
    first = alike[0]
    variants = failure.variants(alike) if first["transport"] != model.PLATFORM else ""
    # Of which interface it is stands there only if the others are of another one.
    if variants and len({result["backend"] for result in members}) > 1:
        backends = dict.fromkeys(result["backend"] for result in alike)
        variants = f"{', '.join(backends)}: {variants}" if len(backends) == 1 else variants
    seen: Seen = {
        "verdict": first["verdict"],
        "message": placeless(first["message"]),
        "variants": variants,
        "count": len(alike),
    }
    if first["verdict"] in {"fail", "error"}:
        seen["again"] = _again(first, document)
        transcript = {
            who: [placeless(line)[:_LONG] for line in lines[-_LINES:]]
            for who, lines in first.get("transcript", {}).items()
            if lines
        }
        if transcript:
            seen["transcript"] = transcript
    return seen


def _again(result: Result, document: Document) -> str:
    """Give the command that repeats a result, without the paths of the machine it was seen on."""
    chosen = {**document["selection"], "launcher": ""}
    if "/" in str(chosen.get("peer", "")):
        chosen["peer"] = "PEER"
    return shlex.join(failure.again(result, chosen))
