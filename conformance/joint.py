"""The subject of a run with two peer programs: peer A is one of them, peer B the other.

What is asked of either is asked of the one that does it. So they have an operation as long as one
of them has it; a check that needs it of the other is skipped when it comes to that.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .subject import Subject

if TYPE_CHECKING:
    from collections.abc import Mapping

_ABOUT = ("name", "version", "language")


def joint(first: Subject, second: Subject) -> Subject:
    """Give the subject that two make together: what both of them know of, and can do with it."""
    one, other = first.hello, second.hello
    hello: dict[str, Any] = {
        **{key: f"{one[key]} and {other[key]}" for key in _ABOUT},
        "protocol": 1,
        "ops": sorted({*one["ops"], *other["ops"]}),
        "backends": _common(one["backends"], other["backends"]),
        "survivals": _common(one["survivals"], other["survivals"]),
        "dialects": [name for name in first.dialects if name in second.dialects],
        "peers": [{**one, "command": first.command}, {**other, "command": second.command}],
    }
    systems = dict.fromkeys(str(it["system"]) for it in (one, other) if it.get("system"))
    if systems:
        hello["system"] = " and ".join(systems)
    survivals_of = {
        name: _common(first.survivals_of[name], second.survivals_of[name])
        for name in first.survivals_of
        if name in second.survivals_of
    }
    return Subject(first.command, hello, survivals_of, second)


def _common(
    one: Mapping[str, str | None], other: Mapping[str, str | None]
) -> dict[str, str | None]:
    """Give what both have, with what is said against it."""
    return {name: lack or other[name] for name, lack in one.items() if name in other}
