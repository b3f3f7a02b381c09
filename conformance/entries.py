"""The catalogue as plain data, and finding one's way in it."""

from __future__ import annotations

import difflib
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from .requirement import catalogue

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from .report.catalogue import Entry
    from .requirement import Requirement


def entries() -> list[Entry]:
    """Give every requirement as plain data, in the order of the catalogue."""
    return [requirement.entry() for requirement, _ in catalogue()]


def find(wanted: str) -> tuple[Requirement, Callable[..., None]]:
    """Find a requirement and its check.

    Raises:
        LookupError: there is none; the message names the nearest.

    """
    known = {requirement.id: (requirement, check) for requirement, check in catalogue()}
    if wanted not in known:
        raise LookupError(_unknown("check", wanted, known))
    return known[wanted]


def refusal(checks: Iterable[str], groups: Iterable[str]) -> str:
    """Say why these ids or globs, or these groups, cannot be meant; an empty string: they can."""
    known = [requirement for requirement, _ in catalogue()]
    ids = [requirement.id for requirement in known]
    for pattern in checks:
        if not any(fnmatchcase(name, pattern) for name in ids):
            return _unknown("check", pattern, ids)
    there = list(dict.fromkeys(requirement.group for requirement in known))
    for group in groups:
        if group not in there:
            return f"there is no group {group!r}; known groups: {', '.join(there)}"
    return ""


def _unknown(what: str, wanted: str, known: Iterable[str]) -> str:
    ids = list(known)
    near = difflib.get_close_matches(wanted, ids, n=3, cutoff=0.5)
    # Often only the half behind the dot is remembered.
    ends = {name.partition(".")[2]: name for name in ids}
    near += [ends[end] for end in difflib.get_close_matches(wanted.partition(".")[2], ends, n=2)]
    near = list(dict.fromkeys(near))
    if near:
        return f"there is no {what} {wanted!r}; the nearest: {', '.join(near)}"
    return f"there is no {what} {wanted!r}; `python -m conformance list` shows them all"
