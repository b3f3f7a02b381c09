"""Facts: what can be neither passed nor failed, and has to be known of a system.

Every fact is measured by doing, with system calls and without any passer. Their list is written
out here, group by group; a group is the module of its name, and a fact is a function in there.
"""

from __future__ import annotations

from fnmatch import fnmatchcase
from importlib import import_module
from typing import TYPE_CHECKING

from .fact import Fact

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .fact import Entry

GROUPS = {
    "interfaces": "what passes descriptors here",
    "sizes": "constants and sizes",
    "limits": "how much fits",
    "table": "the full descriptor table",
    "truncation": "too little room for control data",
    "peek": "looking with MSG_PEEK",
    "stream": "what one receive of a stream gives",
    "messages": "single messages, and what is wrong with some",
    "flight": "descriptors in flight",
    "status": "descriptors as they arrive",
    "passable": "kinds of descriptors, and whether they pass",
    "credentials": "who sent it, and who refuses",
    "names": "sockets with names",
}
"""The groups in the order in which they are shown."""


def facts(wanted: Sequence[str] = ()) -> list[Fact]:
    """Give the facts, in the order of the files; *wanted* are ids, groups or globs.

    Raises:
        LookupError: one of *wanted* is nothing of this; the message says so.
        ValueError: two facts have the same id, or one is in the module of another group.

    """
    found: dict[str, Fact] = {}
    for group in GROUPS:
        for measure in vars(import_module(f"{__name__}.{group}")).values():
            known = getattr(measure, "fact", None)
            if not isinstance(known, Fact):
                continue
            if known.id in found or known.group != group:
                raise ValueError(f"the fact {known.id} is there twice, or not in its group")
            found[known.id] = known
    for pattern in wanted:
        if not any(_means(pattern, known) for known in found.values()):
            raise LookupError(
                f"there is no fact {pattern!r}; known groups: {', '.join(GROUPS)}, "
                "and globs such as 'table.*' work"
            )
    return [
        known
        for known in found.values()
        if not wanted or any(_means(pattern, known) for pattern in wanted)
    ]


def entries() -> list[Entry]:
    """Give every fact as plain data, without measuring anything."""
    return [known.entry() for known in facts()]


def _means(pattern: str, known: Fact) -> bool:
    return pattern == known.group or fnmatchcase(known.id, pattern)
