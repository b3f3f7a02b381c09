"""The document of a profile: built, written, read, and compared with another one.

Pure standard library, so that it can be read where nothing else is installed.
"""

from __future__ import annotations

import functools
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypedDict, cast

from ..report import shape
from .fact import Entry, fits

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from .children import Answer
    from .fact import Fact, Value

SCHEMA = 1


class Told(TypedDict):
    """What one profile says: a value, or None and the reason."""

    value: Value | None
    reason: str


class Known(Entry, Told):
    """A fact with what became of it."""

    seconds: float


class Profile(TypedDict):
    """The document, field by field."""

    schema: int
    suite: dict[str, str]
    started: str
    seconds: float
    environment: dict[str, Any]
    evidence: str
    complete: bool
    facts: list[Known]


class Difference(TypedDict):
    """One fact that two profiles tell differently; where it was not measured is None."""

    id: str
    group: str
    meaning: str
    a: Told | None
    b: Told | None


class Refused(ValueError):
    """This is no profile; the message says why."""


def profile(
    answers: Iterable[tuple[Fact, Answer]],
    *,
    version: str,
    started: str,
    seconds: float,
    environment: Mapping[str, Any],
    evidence: str,
    complete: bool,
) -> Profile:
    """Build the document; *complete*: no fact was left out."""
    return {
        "schema": SCHEMA,
        "suite": {"version": version},
        "started": started,
        "seconds": round(seconds, 3),
        "environment": dict(environment),
        "evidence": evidence,
        "complete": complete,
        "facts": [{**fact.entry(), **answer} for fact, answer in answers],
    }


def text(document: object) -> str:
    """Write a document down."""
    return json.dumps(document, indent=1) + "\n"


@functools.cache
def schema() -> shape.Schema:
    """Give the JSON Schema of a profile."""
    file = Path(__file__).with_name("profile.schema.json")
    return cast("shape.Schema", json.loads(file.read_text(encoding="utf-8")))


def read(path: str) -> Profile:
    """Read a profile.

    Raises:
        OSError: it cannot be read.
        Refused: it is none.

    """
    try:
        document = json.loads(Path(path).read_bytes())
    except ValueError as error:
        raise Refused(f"{path} is no JSON: {error}") from None
    found = shape.complaint(document, schema())
    if not found:
        found = next(filter(None, map(_complaint, document["facts"])), "")
    if found:
        raise Refused(f"{path} is no profile: {found}")
    return cast("Profile", document)


def _complaint(known: Known) -> str:
    value = known["value"]
    if value is None or fits(value, known["type"]):
        return ""
    return f"{known['id']}: expected {known['type']}, received {value!r}"


def differences(left: Profile, right: Profile) -> list[Difference]:
    """List what two profiles tell differently, in their order.

    No value is the same as no value for the same reason. A fact that one of two complete profiles
    does not know is a difference; of two that are not complete, what both have is compared.
    """
    ours = {known["id"]: known for known in left["facts"]}
    theirs = {known["id"]: known for known in right["facts"]}
    ids = dict.fromkeys([*ours, *theirs])
    if not (left["complete"] and right["complete"]):
        ids = {id: None for id in ids if id in ours and id in theirs}  # noqa: A001
    return [
        {
            "id": id,
            "group": (ours.get(id) or theirs[id])["group"],
            "meaning": (ours.get(id) or theirs[id])["meaning"],
            "a": _told(ours.get(id)),
            "b": _told(theirs.get(id)),
        }
        for id in ids  # noqa: A001
        if _told(ours.get(id)) != _told(theirs.get(id))
    ]


def _told(known: Known | None) -> Told | None:
    return {"value": known["value"], "reason": known["reason"]} if known else None


def compared(left: Profile, right: Profile) -> dict[str, Any]:
    """Give the differences as a document, with where the two are from."""
    return {
        "schema": SCHEMA,
        "a": _origin(left),
        "b": _origin(right),
        "differences": differences(left, right),
    }


def _origin(profile: Profile) -> dict[str, Any]:
    kept = ("suite", "started", "environment", "evidence", "complete")
    return {name: profile[name] for name in kept}  # type: ignore[literal-required]
