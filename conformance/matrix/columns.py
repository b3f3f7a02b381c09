"""The columns of the matrix: each from a results file, a profile, or from documents.

Pure: it makes no system call.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypedDict

from ..report import catalogue, model
from ..report.described import described
from . import cells, platforms

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ..facts.document import Profile
    from ..facts.fact import Value
    from ..report.catalogue import Behaviour
    from ..report.model import Document
    from .cells import Cell, Promise

WORDS = {
    model.CONFORMS: "conforms",
    model.DEVIATES: "does not conform",
    model.NOTHING_RAN: "nothing is proven",
    model.SUITE_FAILED: "the suite itself failed",
}
"""What a run is worth, by its exit status."""

_READ = "documented"


class Platform(TypedDict, total=False):
    """A column: one results file, one profile, or both; or what documents tell of a system."""

    id: str
    name: str
    about: str
    tags: list[str]
    evidence: str
    started: str
    suite: str
    other_catalogue: bool
    selection: bool
    subject: str
    verdict: str
    counts: dict[str, int]
    baseline: dict[str, Any]
    environment: dict[str, str]
    promises: dict[str, Promise]
    cells: dict[str, Cell]
    facts: dict[str, Value]
    unanswered: dict[str, str]


@dataclass(frozen=True)
class Named:
    """What a file is to be called, empty: by what it says, what is in it, and facts of its name."""

    title: str
    document: Document
    facts: Profile | None = None


def of_run(run: Named, digest: str, levels: Mapping[str, str]) -> Platform:
    """Make the column of a run; *digest* is of the newest catalogue, *levels* are what it asks."""
    document = run.document
    environment, evidence = document["environment"], document.get("evidence", model.RAN)
    subject = document["subject"]
    folded = cells.folded(document)
    asked = {result["id"]: result["level"] for result in document["results"]}
    for check, cell in folded.items():
        if asked[check] != levels[check]:
            cell["level"] = asked[check]
    column: Platform = {
        "name": run.title or platforms.name(environment, evidence),
        "tags": platforms.tags(environment, evidence, subject),
        "evidence": evidence,
        "started": document["started"],
        "suite": document["suite"]["version"],
        "other_catalogue": document["suite"]["catalogue_sha256"] != digest,
        "selection": not document["selection"].get("complete", True),
        "subject": " ".join(str(subject.get(key) or "") for key in ("name", "version")).strip(),
        "verdict": WORDS[model.exit_status(document["results"])],
        "counts": dict(document["summary"]),
        "environment": described(environment, evidence),
        "promises": _promises(document, folded, asked),
        "cells": folded,
    }
    if run.facts is not None:
        _tell(column, run.facts)
    if baseline := document.get("baseline"):
        column["baseline"] = {
            "name": baseline["name"],
            "as_listed": baseline["as_listed"],
            "wrong": [f"{it['check']}: {said}" for it in baseline["lines"] for said in it["wrong"]],
        }
    return column


def _promises(
    document: Document, folded: Mapping[str, Cell], asked: Mapping[str, str]
) -> dict[str, Promise]:
    groups = {result["id"]: result["group"] for result in document["results"]}
    return {
        group: cells.promise(
            (asked[check], cell) for check, cell in folded.items() if groups[check] == group
        )
        for group in dict.fromkeys(groups.values())
    }


def with_facts(
    columns: Sequence[Platform], runs: Sequence[Named], profiles: Sequence[Profile]
) -> list[Profile]:
    """Give each profile to a run of its platform; return those that no run took.

    Those of the same Python find one another first.
    """
    left = list(profiles)
    for exactly in (True, False):
        for column, run in zip(columns, runs, strict=True):
            if "facts" in column:
                continue
            for profile in left:
                if _fits(profile, run.document, exactly=exactly):
                    _tell(column, profile)
                    left.remove(profile)
                    break
    return left


def _fits(profile: Profile, document: Document, *, exactly: bool) -> bool:
    ours, theirs = profile["environment"], document["environment"]
    evidence = document.get("evidence", model.RAN)
    if platforms.kinship(ours, profile["evidence"]) != platforms.kinship(theirs, evidence):
        return False
    return not exactly or platforms.python(ours) == platforms.python(theirs)


def of_profile(profile: Profile) -> Platform:
    """Make the column of a profile that fits no run: it has facts, and no checks."""
    environment, evidence = profile["environment"], profile["evidence"]
    column: Platform = {
        "name": platforms.name(environment, evidence),
        "tags": platforms.tags(environment, evidence),
        "evidence": evidence,
        "started": profile["started"],
        "suite": profile["suite"]["version"],
        "environment": described(environment, evidence),
    }
    _tell(column, profile)
    return column


def _tell(column: Platform, profile: Profile) -> None:
    told = profile["facts"]
    column["facts"] = {it["id"]: it["value"] for it in told if it["value"] is not None}
    column["unanswered"] = {it["id"]: it["reason"] for it in told if it["value"] is None}


def of_documents(
    known: Mapping[str, Sequence[Behaviour]], groups: Mapping[str, str], levels: Mapping[str, str]
) -> list[Platform]:
    """Give a column to each system of which documents tell, and no measurement.

    *groups* and *levels* are those of the checks, by their ids.
    """
    measured = {it["system"] for told in known.values() for it in told if it["evidence"] != _READ}
    found: dict[str, dict[str, Cell]] = {}
    for check in groups:
        of_systems: dict[str, list[Behaviour]] = {}
        for it in known.get(check, ()):
            if it["system"] not in measured:
                of_systems.setdefault(it["system"], []).append(it)
        for system, told in of_systems.items():
            found.setdefault(system, {})[check] = cells.documented(told, catalogue.HOLDS)
    return [
        {
            "name": system,
            "tags": ["nothing ran"],
            "evidence": _READ,
            "environment": {"evidence": "documents alone: nothing ran"},
            "cells": told,
            "promises": {
                group: cells.promise(
                    (levels[check], cell) for check, cell in told.items() if groups[check] == group
                )
                for group in dict.fromkeys(groups[check] for check in told)
            },
        }
        for system, told in found.items()
    ]


def name(columns: Sequence[Platform]) -> None:
    """Give each column an id, and the words that tell it from others of its name."""
    runs = [(column["name"], column["tags"]) for column in columns]
    for column, about in zip(columns, platforms.told_apart(runs), strict=True):
        column["about"] = about
    titles = [f"{column['name']} {column['about']}" for column in columns]
    for column, slug in zip(columns, platforms.slugs(titles), strict=True):
        column["id"] = slug
