"""What became of each line of a baseline in a run, and what failed without a line.

Pure: it makes no system call. The verdicts of the results stay what they are.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..report.failure import variants

if TYPE_CHECKING:
    import datetime
    from collections.abc import Iterator, Mapping, Sequence

    from ..report.model import JudgedBaseline, JudgedLine, Result
    from .file import Baseline, Line

AS_LISTED = "as listed"
NOT_AS_LISTED = "not as listed"
AS_DOCUMENTED = "as documented"
NOT_AS_DOCUMENTED = "not as documented"
OTHER_CONDITION = "does not apply"
NOT_RUN = "not run"

OUTCOMES = (
    AS_LISTED,
    NOT_AS_LISTED,
    AS_DOCUMENTED,
    NOT_AS_DOCUMENTED,
    OTHER_CONDITION,
    NOT_RUN,
)

_COPIED = ("id", "backend", "transport", "survival", "verdict", "message")
_PAST = {"pass": "passed", "skip": "was skipped", "fail": "failed"}
_ADVICE = {
    "pass": "; take the line out, or narrow its condition",
    "skip": "; a check that does not run proves nothing",
    "fail": "",
}


def judge(
    baseline: Baseline,
    results: Sequence[Result],
    facts: Mapping[str, Any],
    known: Sequence[str],
    today: datetime.date,
) -> JudgedBaseline:
    """Hold the results of a run against a baseline; *known* has the ids of all checks."""
    ran = {result["id"] for result in results}
    told: set[int] = set()  # what a line lists, or complains of
    judged: list[JudgedLine] = []
    for line in baseline.lines:
        mine = line.about(results, facts)
        listed = [result for result in mine if line.lists(result)]
        told |= {id(result) for result in (listed if line.documented else mine)}
        wrong = [] if line.documented else [*line.faults(known, today), *_others(line, mine)]
        if not mine and not wrong:
            outcome = OTHER_CONDITION if line.checks(ran) else NOT_RUN
        elif line.documented:
            outcome = AS_DOCUMENTED if listed else NOT_AS_DOCUMENTED
        else:
            outcome = NOT_AS_LISTED if wrong else AS_LISTED
        judged.append(_judged(line, outcome, len(mine), wrong))
    unlisted = [
        {name: str(result[name]) for name in _COPIED}  # type: ignore[literal-required]
        for result in results
        if result["verdict"] == "fail" and id(result) not in told
    ]
    return {
        "name": baseline.name,
        "sha256": baseline.sha256,
        "as_listed": not unlisted and not any(line["wrong"] for line in judged),
        "lines": judged,
        "unlisted": unlisted,
    }


def _judged(line: Line, outcome: str, results: int, wrong: list[str]) -> JudgedLine:
    return {
        "file": line.file,
        "line": line.number,
        "check": line.check,
        "when": line.when.text if line.when else "",
        "status": list(line.status),
        "reason": line.reason,
        "url": line.url,
        "evidence": line.evidence,
        "expires": str(line.expires or ""),
        "outcome": outcome,
        "results": results,
        "wrong": wrong,
    }


def _others(line: Line, mine: Sequence[Result]) -> Iterator[str]:
    """Say which results are not what the line says; those alike in one sentence."""
    alike: dict[tuple[str, str], list[Result]] = {}
    for result in mine:
        if not line.lists(result):
            alike.setdefault((result["id"], result["verdict"]), []).append(result)
    for (check, verdict), members in alike.items():
        words = f"{check} {_PAST[verdict]} over {variants(members)}"
        if verdict in line.status:
            words += ", as listed, but with another message"
        if message := members[0]["message"]:
            words += f": {message}"
        yield words + _ADVICE[verdict]
