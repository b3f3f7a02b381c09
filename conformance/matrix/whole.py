"""The whole matrix as one document: platforms, checks, cells, facts. All that is drawn, is in it.

Pure: it makes no system call. From the same files it is the same, whenever it is made.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypedDict

from ..report import catalogue, model
from . import columns, platforms

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from ..facts.document import Profile
    from ..report.catalogue import Behaviour, Entry
    from ..report.model import Document
    from .columns import Named, Platform

SCHEMA = 1
SIX = tuple(catalogue.PROMISES)[:6]
"""The groups that are the promises of a passer."""


class Group(TypedDict):
    """A group of checks; ``kind``: promise, interface, platform."""

    id: str
    title: str
    sentence: str
    kind: str


class Check(TypedDict):
    """A row."""

    id: str
    group: str
    level: str
    requirement: str
    source: str
    why: str
    platform: bool


class Known(TypedDict):
    """A fact, a row of the facts view."""

    id: str
    group: str
    meaning: str
    source: str


class Matrix(TypedDict):
    """The document, field by field."""

    schema: int
    suite: dict[str, str]
    newest: str
    groups: list[Group]
    checks: list[Check]
    facts: list[Known]
    fact_groups: dict[str, str]
    known: dict[str, list[Behaviour]]
    platforms: list[Platform]


def whole(
    runs: Sequence[Named],
    profiles: Sequence[Profile] = (),
    *,
    entries: Sequence[Entry] = (),
    known: Mapping[str, Sequence[Behaviour]] | None = None,
    fact_groups: Mapping[str, str] | None = None,
    documented: bool = False,
) -> Matrix:
    """Join results files and profiles; one without a run goes to a run of the same platform.

    *entries* and *known* are of the suite that draws: why a check is, and what systems do.
    *documented*: systems of which nothing else is known get a column, too.
    """
    known = known or {}
    documents = [run.document for run in runs]
    newest = max(documents, key=lambda document: document["started"], default=None)
    checks = _checks(documents, entries)
    levels = {check["id"]: check["level"] for check in checks}
    groups = {check["id"]: check["group"] for check in checks}
    digest = newest["suite"]["catalogue_sha256"] if newest else ""
    made = [columns.of_run(run, digest, levels) for run in runs]
    lonely = columns.with_facts(made, runs, profiles)
    made += [columns.of_profile(profile) for profile in lonely]
    made += columns.of_documents(known, groups, levels) if documented else []
    told = [run.facts for run in runs if run.facts is not None] + list(profiles)
    made.sort(key=_strength)
    columns.name(made)
    days = [document["started"] for document in documents]
    days += [profile["started"] for profile in told]
    ids = {check["id"] for check in checks}
    return {
        "schema": SCHEMA,
        "suite": dict(newest["suite"]) if newest else {},
        "newest": max(days, default=""),
        "groups": [_group(group, checks) for group in catalogue.in_order(map(_group_of, checks))],
        "checks": checks,
        "facts": _facts(told),
        "fact_groups": dict(fact_groups or {}),
        "known": {check: list(told) for check, told in known.items() if check in ids},
        "platforms": made,
    }


def _strength(column: Platform) -> int:
    return platforms.EVIDENCE.index(platforms.evidence_class(column["evidence"]))


def _group_of(check: Check) -> str:
    return check["group"]


def _group(group: str, checks: Sequence[Check]) -> Group:
    of_platform = all(check["platform"] for check in checks if check["group"] == group)
    return {
        "id": group,
        "title": catalogue.promise(group),
        "sentence": catalogue.SENTENCES.get(group, ""),
        "kind": "promise" if group in SIX else "platform" if of_platform else "interface",
    }


def _checks(documents: Sequence[Document], entries: Sequence[Entry]) -> list[Check]:
    """List every check that was run anywhere, as the newest file words it, group by group."""
    why = {entry["id"]: " ".join(entry["why"].split()) for entry in entries}
    found: dict[str, Check] = {}
    for document in sorted(documents, key=lambda it: it["started"], reverse=True):
        for result in document["results"]:
            if result["id"] not in found:
                found[result["id"]] = {
                    "id": result["id"],
                    "group": result["group"],
                    "level": result["level"],
                    "requirement": result["requirement"],
                    "source": result["source"],
                    "why": why.get(result["id"], ""),
                    "platform": result["transport"] == model.PLATFORM,
                }
    order = {entry["id"]: place for place, entry in enumerate(entries)}
    listed = sorted(found.values(), key=lambda check: order.get(check["id"], len(order)))
    groups = catalogue.in_order(map(_group_of, listed))
    return sorted(listed, key=lambda check: groups.index(check["group"]))


def _facts(profiles: Iterable[Profile]) -> list[Known]:
    found: dict[str, Known] = {}
    for profile in profiles:
        for it in profile["facts"]:
            found.setdefault(
                it["id"],
                {
                    "id": it["id"],
                    "group": it["group"],
                    "meaning": it["meaning"],
                    "source": it["source"],
                },
            )
    return list(found.values())
