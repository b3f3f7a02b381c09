"""What a new line says of the failures it lists: a condition, and beginnings of messages.

Pure: it makes no system call.
"""

from __future__ import annotations

import itertools
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from ..report.model import Result

_LONGEST = 160  # characters of a beginning

# What is another one in every run: paths, addresses and tokens, times, numbers of processes; and
# what stands behind the words of a check: the values that were compared, the promises in danger.
_CHANGING = re.compile(
    r": assert |: expected |; endangers|/\S+"
    r"|\b(?=[0-9a-f]*\d)[0-9a-f]{6,}\b|\d+\.\d|\b\d{4,}\b|[^ -~]|\.\.\.$"
)


def beginning(message: str) -> str:
    """Give as much of a message as another run will say too."""
    text = " ".join(message.split())
    if found := _CHANGING.search(text):
        text = text[: found.start()]
    if len(text) > _LONGEST:
        text = text[:_LONGEST].rpartition(" ")[0] or text[:_LONGEST]
    return text.strip()


def beginnings(messages: Iterable[str]) -> tuple[str, ...]:
    """Give the fewest beginnings that all *messages* have; none: one of them says nothing."""
    fewest: list[str] = []
    for text in sorted({beginning(message) for message in messages}):
        if not fewest or not text.startswith(fewest[-1]):
            fewest.append(text)
    return tuple(fewest) if all(fewest) else ()


def condition(chosen: Sequence[Result], others: Sequence[Result]) -> str | None:
    """Give a condition that holds of the *chosen* results and of none of the *others*.

    None: there is none, since one variant stands on both sides.
    """
    if not others:
        return ""
    ways = {
        "transport": (lambda one: one["transport"]),
        "backend": (lambda one: one["backend"]),
        "survival": (lambda one: one["survival"]),
    }
    for count in range(1, len(ways) + 1):
        for names in itertools.combinations(ways, count):
            wanted, left_out = (
                {tuple(ways[name](one) for name in names) for one in some}
                for some in (chosen, others)
            )
            if not wanted & left_out:
                return _written(names, sorted(wanted))
    return None


def _written(names: tuple[str, ...], wanted: Sequence[tuple[str, ...]]) -> str:
    if len(names) == 1 and len(wanted) > 1:
        return f"{names[0]} in {tuple(value for (value,) in wanted)}"
    each = [
        " and ".join(f"{name} == {value!r}" for name, value in zip(names, values, strict=True))
        for values in wanted
    ]
    return each[0] if len(each) == 1 else " or ".join(f"({one})" for one in each)


def both(first: str, second: str) -> str:
    """Join two conditions, either of which may be empty."""
    if first and second:
        first, second = (f"({one})" if " or " in one else one for one in (first, second))
        return f"{first} and {second}"
    return first or second
