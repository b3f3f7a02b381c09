"""Rewriting a baseline from a run, so that it says what was seen; comments of what stays, stay.

Pure: it makes no system call. What a run cannot know, it does not change: the reason of a line and
the day on which it expires are a person's.
"""

from __future__ import annotations

import datetime
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ..report.model import PLATFORM
from . import blocks, condition, file, wording

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..report.model import Document, Result
    from .blocks import Block
    from .file import Baseline, Line

UNSAID = "not yet said"
"""The reason of a line that was just written; `baseline check` wants another."""

_CONTAINERS = frozenset(
    {"Docker", "Podman", "container", "user namespace"}
)  # the kernel is the same one


class Refused(ValueError):
    """A baseline cannot be rewritten from this run; the message says why."""


@dataclass
class Rewriting:
    """A new text, and in words what is new in it."""

    text: str
    changes: list[str] = field(default_factory=list)


def rewritten(baseline: Baseline, document: Document, known: Sequence[str]) -> Rewriting:
    """Rewrite a baseline so that it says what this run saw; *known* has the ids of all checks.

    Raises:
        Refused: the run is of another platform, or was a part only.

    """
    _refuse_a_part(document, baseline)
    facts, results = _facts(document), document["results"]
    if not baseline.fits(facts):
        assert baseline.platform
        raise Refused(f"the run is not of its {baseline.what_for}: {baseline.platform.text}")
    if baseline.of_a_peer:
        results = [one for one in results if one["peer"] != PLATFORM]
    rows, there = blocks.split(baseline.text)
    about = {line: line.about(results, facts) for line in baseline.lines}
    chosen, told = _shared_out(about, known)
    done = Rewriting(baseline.text)
    for line, block in zip(baseline.lines, there, strict=True):
        if line not in chosen:
            rows += [*block.rows, *block.after]
            continue
        new = _becomes(line, block, chosen[line], about[line], measured(document))
        for one in new:
            rows += ["", *one.rows]
        rows += block.after
        why = "rewritten as seen here" if new else f"taken out, {_why(line, about[line], known)}"
        done.changes.append(f"line {line.number}, {line.check}: {why}")
    unlisted = [one for one in results if one["verdict"] == "fail" and id(one) not in told]
    for check in _ids(unlisted):
        failed = [result for result in unlisted if result["id"] == check]
        rest = [one for one in results if one["id"] == check and one not in failed]
        keys = {**_seen(failed, rest), "reason": UNSAID, "evidence": measured(document)}
        rows += ["", *blocks.made(keys).rows]
        done.changes.append(f"new, {check}: failed; its reason is to be said")
    if done.changes:
        done.text = blocks.joined(rows)
        file.parse(done.text, baseline.name)  # what cannot be read is not to be written
    return done


def fresh(document: Document) -> str:
    """Give the text of a baseline without lines, for the platform of a run.

    For its peer there, if nothing but the passer was tried.
    """
    facts = _facts(document)
    around = [name for name in facts["surroundings"] or () if name not in _CONTAINERS]
    of_the_peer = document["selection"].get("complete_of") == ["passer"]
    asked = [*(["peer"] if of_the_peer else []), "system", "evidence"]
    words = [f"{name} == {facts[name]!r}" for name in asked if facts[name]]
    words += [f"{name!r} in surroundings" for name in around]
    return f"schema = {file.SCHEMA}\nplatform = {blocks.written(' and '.join(words))}\n"


def measured(document: Document) -> str:
    """Say where and when something was measured."""
    facts = _facts(document)
    words = [str(facts[name]) for name in ("system", "release", "machine") if facts[name]]
    words += [f"in {name}" for name in facts["surroundings"] or ()]
    if facts["evidence"] != "ran":
        words.append(f"({facts['evidence']})")
    return f"measured {document['started'][:10]}, {' '.join(words)}"


def _facts(document: Document) -> dict[str, Any]:
    environment, evidence = document["environment"], document["evidence"]
    return condition.of_the_run(environment, evidence, document["subject"]["name"])


def _refuse_a_part(document: Document, baseline: Baseline) -> None:
    selection = document["selection"]
    for option in ("backend", "survival"):
        if (chosen := selection.get(option, "each")) != "each":
            raise Refused(f"expected a run of everything, received a selection: {option} {chosen}")
    enough = baseline.of_a_peer and "passer" in selection.get("complete_of", ())
    if not (selection["complete"] or enough):
        raise Refused("expected a run of everything, received one that left checks out")
    if errors := document["summary"]["error"]:
        raise Refused(f"expected a run to trust, received one with {errors} errors of the suite")


# -- what becomes of a line -----------------------------------------------------------------------


def _shared_out(
    about: dict[Line, list[Result]], known: Sequence[str]
) -> tuple[dict[Line, list[Result]], set[int]]:
    """Give each line that cannot stay the results it is to list, and all results that are listed.

    Lines that stay are served first, then what was measured, then hints.
    """
    told: set[int] = set()
    chosen: dict[Line, list[Result]] = {}
    staying = {line: _stays(line, mine, known) for line, mine in about.items()}
    for line in sorted(about, key=lambda line: (not staying[line], line.documented)):
        listed = [one for one in _deviating(line, about[line]) if id(one) not in told]
        told |= {id(result) for result in listed}
        if not staying[line] and (listed or not line.documented):
            chosen[line] = listed
    return chosen, told


def _stays(line: Line, mine: Sequence[Result], known: Sequence[str]) -> bool:
    """Tell whether a line stays as it is; a hint does until it is seen."""
    if line.documented:
        return not _deviating(line, mine)
    no_day = datetime.date.min  # no run changes the day on which a line expires
    return not line.faults(known, no_day) and all(map(line.lists, mine))


def _deviating(line: Line, mine: Sequence[Result]) -> list[Result]:
    """Give the results that a line is to list: not what passes, unless it comes and goes."""
    if line.documented:
        return [one for one in mine if one["verdict"] != "pass" and line.lists(one)]
    if "pass" in line.status:
        return list(mine)
    verdicts = {result["verdict"] for result in mine}
    wanted = verdicts & set(line.status) or verdicts & {"fail"} or {"skip"}
    return [result for result in mine if result["verdict"] in wanted]


def _why(line: Line, mine: Sequence[Result], known: Sequence[str]) -> str:
    """Say why a line goes."""
    faults = line.faults(known, datetime.date.min)
    passed = all(result["verdict"] == "pass" for result in mine)
    return faults[0] if faults else "it passed" if passed else "another line is about the same"


def _becomes(
    line: Line, block: Block, chosen: Sequence[Result], mine: Sequence[Result], evidence: str
) -> list[Block]:
    """Give a block for each check that deviates, the first with the comments."""
    made: list[Block] = []
    for check in _ids(chosen):
        of_it = [result for result in chosen if result["id"] == check]
        others = [result for result in mine if result["id"] == check and result not in of_it]
        one = block.without_comments() if made else block
        for key, value in {**_seen(of_it, others, line), "evidence": evidence}.items():
            one = one.having(key, value)
        made.append(one)
    return made


def _seen(
    chosen: Sequence[Result], rest: Sequence[Result], line: Line | None = None
) -> dict[str, Any]:
    """Give the keys of a line about the *chosen* results of one check, and not about the *rest*.

    What the *line* says already, and truly, is left as it is.

    Raises:
        Refused: no condition tells them apart.

    """
    check = chosen[0]["id"]
    narrower = wording.condition(chosen, rest)
    if narrower is None:
        raise Refused(f"{check} passes and fails in one variant: list both, if it comes and goes")
    verdicts = {result["verdict"] for result in chosen}
    told = [result["message"] for result in chosen if result["verdict"] != "pass"]
    match: Sequence[str] = wording.beginnings(told)
    before = ""
    if line:
        before = line.when.text if line.when else ""
        if "pass" in line.status:  # it comes and goes, and this was one run
            verdicts |= set(line.status)
        if all(map(line.matches, told)) and (line.match or not line.documented):
            match = line.match
    return {
        "check": check,
        "when": wording.both(before, narrower),
        "status": _one_or_more([name for name in file.STATUSES if name in verdicts]),
        "match": _one_or_more(match),
    }


def _ids(results: Sequence[Result]) -> list[str]:
    return list(dict.fromkeys(result["id"] for result in results))


def _one_or_more(values: Sequence[str]) -> Any:
    return values[0] if len(values) == 1 else list(values)
