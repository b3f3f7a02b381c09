"""A fact: its id, what it means, who speaks of it, and the function that finds it out."""

from __future__ import annotations

import inspect
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypedDict, TypeVar, Union

if TYPE_CHECKING:
    from collections.abc import Callable

Value = Union[bool, int, str, "list[str]"]
"""What a fact may say: plain JSON."""

Measure = TypeVar("Measure", bound="Callable[[], Value]")

TYPES = {"bool": "boolean", "int": "integer", "str": "string", "list[str]": "list"}
"""What a function may be annotated to give, and how the documents call it."""

_ID = re.compile(r"[a-z]+\.[a-z0-9]+(-[a-z0-9]+)*")
_MEANING = 88  # characters; it is one line


class Entry(TypedDict):
    """One fact without its value, as plain data."""

    id: str
    group: str
    type: str
    meaning: str
    source: str


class Unanswered(Exception):
    """This cannot be found out here; the message says why."""


@dataclass(frozen=True)
class Fact:
    """What is measured. ``here``: it harms nobody, and may be asked without a child process."""

    id: str
    group: str
    type: str
    meaning: str
    source: str
    here: bool
    measure: Callable[[], Value]

    def entry(self) -> Entry:
        """Give what a reference page shows."""
        return {
            "id": self.id,
            "group": self.group,
            "type": self.type,
            "meaning": self.meaning,
            "source": self.source,
        }


def fact(id: str, source: str = "", *, here: bool = False) -> Callable[[Measure], Measure]:  # noqa: A002
    """Mark a function that finds out one fact about the system.

    It is called in an empty folder and in a process of its own, which ends afterwards: it may leave
    behind, leave open and change what it likes. Its docstring is what the fact means to somebody
    who writes a passer.
    """
    if not _ID.fullmatch(id):
        raise ValueError(f"expected an id such as 'limits.what-it-is', received {id!r}")

    def mark(measure: Measure) -> Measure:
        meaning = inspect.getdoc(measure) or ""
        if "\n" in meaning or not meaning.endswith(".") or len(meaning) > _MEANING:
            raise ValueError(f"{id}: expected one sentence of {_MEANING} characters at most")
        given = measure.__annotations__.get("return")
        if given not in TYPES:
            raise ValueError(f"{id}: expected one of {', '.join(TYPES)}, it gives {given!r}")
        group = id.partition(".")[0]
        measure.fact = Fact(  # type: ignore[attr-defined]
            id, group, TYPES[given], meaning, source, here, measure
        )
        return measure

    return mark


def fits(value: object, type: str) -> bool:  # noqa: A002
    """Say whether a value is of the type that its fact declares."""
    if type == "list":
        return isinstance(value, list) and all(isinstance(item, str) for item in value)
    if type == "integer":
        return isinstance(value, int) and not isinstance(value, bool)
    return isinstance(value, {"boolean": bool, "string": str}[type])
