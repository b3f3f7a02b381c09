"""Is a results file the whole of an honest run of this suite? Step by step, each refusal in words.

Pure: it makes no system call.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..report import catalogue, model

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

    from ..report.catalogue import Entry
    from ..report.model import Document

SUBJECTS = ("passer", model.PLATFORM)
_FEW = 5  # ids in a refusal; the rest is counted


@dataclass(frozen=True)
class Asked:
    """What the suite at hand asks: *due* has the transports of each check, as far as they apply."""

    version: str
    entries: Sequence[Entry]
    due: Mapping[str, Collection[str]]
    subjects: Collection[str] = SUBJECTS


@dataclass(frozen=True)
class Finding:
    """One step, and what was found wrong; an empty *fault*: nothing."""

    step: str
    fault: str = ""


def findings(document: Document, asked: Asked) -> Iterator[Finding]:
    """Hold a results file against what the suite asks."""
    yield _suite(document, asked)
    yield _catalogue(document, asked)
    yield _selection(document, asked)
    yield from _complete(document, asked)
    yield _unaltered(document, asked)
    yield _once(document)
    errors = document["summary"]["error"]
    yield Finding(
        "no error of the suite itself",
        f"expected none, received {errors}" if errors else "",
    )
    nothing = model.exit_status(document["results"]) == model.NOTHING_RAN
    yield Finding(
        "a MUST was executed",
        "expected one at least that passed or failed, received none" if nothing else "",
    )


def notes(document: Document, asked: Asked) -> Iterator[str]:
    """Tell what refuses nothing, and a reader should know."""
    if (evidence := document.get("evidence", model.RAN)) != model.RAN:
        yield f"evidence: {evidence}"
    verdicts: dict[str, set[str]] = {}
    for result in document["results"]:
        if result["level"] == "MUST":
            verdicts.setdefault(result["id"], set()).add(result["verdict"])
    if skipped := [check for check, seen in verdicts.items() if seen == {"skip"}]:
        yield f"MUST that were skipped in every variant: {_listed(skipped)}"
    if baseline := document.get("baseline"):
        seen = {"as listed", "as documented"}
        lines = sum(line["outcome"] in seen for line in baseline["lines"])
        said = "as it lists" if baseline["as_listed"] else "not as it lists"
        yield f"baseline {baseline['name']}: {lines} deviations listed; the run is {said}"
    selection = document["selection"]
    for name, usual in (("timeout_scale", 1), ("launcher", "")):
        if selection.get(name, usual) != usual:
            yield f"run with --{name.replace('_', '-')} {selection[name]}"
    if set(asked.subjects) != set(SUBJECTS):
        yield f"looked at the checks of the {', '.join(asked.subjects)} only"


def _suite(document: Document, asked: Asked) -> Finding:
    version = document["suite"]["version"]
    fault = f"expected {asked.version}, received {version}" if version != asked.version else ""
    return Finding(f"it is of suite {asked.version}", fault)


def _catalogue(document: Document, asked: Asked) -> Finding:
    due, came = catalogue.sha256(asked.entries), document["suite"]["catalogue_sha256"]
    fault = f"expected catalogue {due[:16]}, received {came[:16]}" if due != came else ""
    return Finding("it asked what this suite asks", fault)


def _selection(document: Document, asked: Asked) -> Finding:
    selection = document["selection"]
    whole = set(SUBJECTS) if selection["complete"] else set(selection.get("complete_of", ()))
    missing = sorted(set(asked.subjects) - whole)
    fault = ""
    if missing:
        fault = (
            f"expected all checks of the {' and the '.join(missing)}, received a selection; "
            "run it without --check, --group, --level, --transport"
        )
        if "passer" not in missing:
            fault += "; of a passer alone: --subject passer"
    return Finding("nothing was left out by choice", fault)


def _complete(document: Document, asked: Asked) -> Iterator[Finding]:
    """Look for each check in each transport that is due, first those that are a MUST."""
    came = {(result["id"], result["transport"]) for result in document["results"]}
    for must in (True, False):
        missing = [
            f"{entry['id']} ({transport})" if transport != model.PLATFORM else entry["id"]
            for entry in asked.entries
            if (entry["level"] == "MUST") is must and entry["subject"] in asked.subjects
            for transport in asked.due.get(entry["id"], ())
            if (entry["id"], transport) not in came
        ]
        fault = f"{len(missing)} missing: {_listed(missing)}" if missing else ""
        if missing and not any(transport == model.PLATFORM for _, transport in came):
            fault += "; of a passer alone: --subject passer"
        yield Finding("every MUST is there" if must else "every SHOULD and MAY is there", fault)


def _unaltered(document: Document, asked: Asked) -> Finding:
    """Look whether each result says of its check what the catalogue says."""
    known = {entry["id"]: entry for entry in asked.entries}
    wrong = []
    for result in document["results"]:
        entry = known.get(result["id"])
        if entry is None:
            wrong.append(f"{result['id']}: expected an id of the catalogue")
            continue
        for name in ("level", "group", "requirement", "source"):
            due, came = entry[name], result[name]
            if due != came:
                wrong.append(f"{result['id']}: expected {name} {due!r}, received {came!r}")
    faults = list(dict.fromkeys(wrong))
    more = f"; and {len(faults) - 1} more" if len(faults) > 1 else ""
    return Finding("its checks are those of the catalogue", f"{faults[0]}{more}" if faults else "")


def _once(document: Document) -> Finding:
    counted = Counter(
        (result["id"], result["backend"], result["transport"], result["survival"])
        for result in document["results"]
    )
    twice = [" ".join(filter(None, key)) for key, count in counted.items() if count > 1]
    fault = f"expected each once, received more of: {_listed(twice)}" if twice else ""
    return Finding("each result is there once", fault)


def _listed(names: Iterable[str]) -> str:
    listed = list(names)
    rest = f", and {len(listed) - _FEW} more" if len(listed) > _FEW else ""
    return ", ".join(listed[:_FEW]) + rest
