"""Two runs, held against each other: what got worse, what got better, what is new and what is gone.

Pure: it makes no system call.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from . import model
from .described import described, placeless

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from .model import Document, Result

_Key = tuple[str, str, str, str]

WORSE, BETTER, TOLD = "worse", "better", "told"


class Kind(NamedTuple):
    """A way in which a result may have changed, and whether that is worse."""

    name: str
    title: str
    sense: str


KINDS = {
    kind.name: kind
    for kind in (
        Kind("regressed", "regressions", WORSE),
        Kind("untried", "passed, and skipped now", WORSE),
        Kind("gone", "passed, and not run now, although the same was asked", WORSE),
        Kind("fixed", "fixes", BETTER),
        Kind("new failing", "new checks that fail", TOLD),
        Kind("new", "new checks", TOLD),
        Kind("vanished", "vanished checks", TOLD),
        Kind("otherwise", "changed otherwise", TOLD),
        Kind("level", "asked more or less strongly", TOLD),
    )
}
"""In the order in which they are shown."""


@dataclass(frozen=True)
class Change:
    """Variants of one check that changed in the same way; *was* and *now* are verdicts."""

    kind: str
    members: tuple[Result, ...]
    was: str
    now: str
    message: str

    @property
    def of(self) -> Result:
        """The first of them, which says what the check is."""
        return self.members[0]


@dataclass(frozen=True)
class Comparison:
    """All that two runs do not have in common."""

    changes: list[Change]
    circumstances: list[tuple[str, str, str]]
    same_catalogue: bool
    selection: bool
    alike: int

    def of(self, kind: str) -> list[Change]:
        """Give the changes of one kind."""
        return [change for change in self.changes if change.kind == kind]

    def worse(self, levels: Iterable[str] = model.LEVELS) -> list[Change]:
        """Give what makes a comparison fail, of these levels."""
        asked = set(levels)
        return [
            change
            for change in self.changes
            if KINDS[change.kind].sense == WORSE and change.of["level"] in asked
        ]


def compare(old: Document, new: Document) -> Comparison:
    """Hold a run against an older one of the same platform."""
    before, after = _ids(old), _ids(new)
    same = old["suite"]["catalogue_sha256"] == new["suite"]["catalogue_sha256"]
    found: dict[tuple[str, ...], list[Result]] = {}
    alike = 0
    for was, now in _pairs(old["results"], new["results"]):
        kind = _kind(was, now, before, after, same and _covers(new, was))
        if kind:
            result = now or was
            assert result is not None
            verdicts = (was["verdict"] if was else "", now["verdict"] if now else "")
            message = placeless(now["message"]) if now else ""
            alike_key = (kind, result["id"], *verdicts, message)
            found.setdefault(alike_key, []).append(result)
        elif was and now:
            alike += 1
    changes = [
        Change(kind, tuple(members), was, now, message)
        for (kind, _, was, now, message), members in found.items()
    ]
    return Comparison(
        changes=[*changes, *_levels(old, new)],
        circumstances=_circumstances(old, new),
        same_catalogue=same,
        selection=not new["selection"].get("complete", True),
        alike=alike,
    )


def _pairs(
    old: Iterable[Result], new: Iterable[Result]
) -> Iterator[tuple[Result | None, Result | None]]:
    """Put together what is of one variant, then what is left of one check and transport.

    Another peer has other interfaces and modes of survival: of those the worst stands for all.
    """
    before = {_key(result): result for result in old}
    after = {_key(result): result for result in new}
    left: dict[tuple[str, str], tuple[list[Result], list[Result]]] = {}
    for key in dict.fromkeys([*before, *after]):
        if key in before and key in after:
            yield before[key], after[key]
        else:
            side, result = (0, before[key]) if key in before else (1, after[key])
            left.setdefault((key[0], key[2]), ([], []))[side].append(result)
    for ours, theirs in left.values():
        if ours and theirs:
            yield min(ours, key=_badness), min(theirs, key=_badness)
        else:
            yield from ((result, None) for result in ours)
            yield from ((None, result) for result in theirs)


def _key(result: Result) -> _Key:
    return result["id"], result["backend"], result["transport"], result["survival"]


def _badness(result: Result) -> int:
    return ("error", "fail", "pass", "skip").index(result["verdict"])


def _ids(document: Document) -> set[str]:
    return {result["id"] for result in document["results"]}


def _kind(
    was: Result | None, now: Result | None, before: set[str], after: set[str], due: bool
) -> str:
    """Say in which way a result has changed; an empty string: in none. *due*: it was to be run."""
    if was is None or now is None:
        return _one_sided(was, now, before, after, due)
    return _changed(was["verdict"], now["verdict"])


def _one_sided(
    was: Result | None, now: Result | None, before: set[str], after: set[str], due: bool
) -> str:
    if was is None:
        assert now is not None
        wrong = now["verdict"] in {"fail", "error"}
        new = now["id"] not in before
        return "new failing" if wrong else "new" if new else ""
    if due and was["verdict"] == "pass":
        return "gone"
    return "vanished" if was["id"] not in after else ""


def _changed(was: str, now: str) -> str:
    if was == now:
        return ""
    wrong = {"fail", "error"}
    if now in wrong:
        return "otherwise" if was in wrong else "regressed"
    if now == "skip":
        return "untried" if was == "pass" else "otherwise"
    return "fixed" if was in wrong else "otherwise"


def _covers(document: Document, result: Result | None) -> bool:
    """Say whether a run was asked for the like of a result."""
    if result is None:
        return False
    selection = document["selection"]
    subject = model.PLATFORM if result["transport"] == model.PLATFORM else "passer"
    return bool(selection.get("complete")) or subject in selection.get("complete_of", ())


def _levels(old: Document, new: Document) -> list[Change]:
    before = {result["id"]: result["level"] for result in old["results"]}
    after = {result["id"]: result for result in new["results"]}
    return [
        Change("level", (result,), before[check], result["level"], "")
        for check, result in after.items()
        if check in before and before[check] != result["level"]
    ]


def _circumstances(old: Document, new: Document) -> list[tuple[str, str, str]]:
    ours, theirs = _told(old), _told(new)
    return [
        (name, ours.get(name, ""), theirs.get(name, ""))
        for name in dict.fromkeys([*ours, *theirs])
        if ours.get(name) != theirs.get(name)
    ]


def _told(document: Document) -> dict[str, str]:
    subject, baseline = document["subject"], document.get("baseline")
    return {
        "suite": document["suite"]["version"],
        "catalogue": document["suite"]["catalogue_sha256"][:12],
        "peer": " ".join(str(subject.get(name) or "") for name in ("name", "version")).strip(),
        "baseline": baseline["name"] if baseline else "",
        **described(document["environment"], document.get("evidence", model.RAN)),
    }
