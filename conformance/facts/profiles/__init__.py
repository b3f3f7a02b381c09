"""Profiles that come with the suite: what was measured, where and when.

A file has the values alone; what they mean is said by the facts. ``__main__`` makes one.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .. import document, facts

if TYPE_CHECKING:
    from ..document import Profile

FOLDER = Path(__file__).parent


def names() -> list[str]:
    """Name those there are; the plain system first, by which the others are read."""
    found = sorted(path.stem for path in FOLDER.glob("*.json"))
    return sorted(found, key=lambda name: not name.startswith("linux"))


def read(name: str) -> Profile:
    """Read one of these by its name, or any other by its path.

    Raises:
        OSError: it cannot be read.
        document.Refused: it is no profile.

    """
    if name not in names():
        return document.read(name)
    kept = _kept(name)
    values, reasons = kept["values"], kept["reasons"]
    return {
        "schema": kept["schema"],
        "suite": kept["suite"],
        "started": kept["started"],
        "seconds": 0.0,
        "environment": kept["environment"],
        "evidence": kept["evidence"],
        "complete": True,
        "facts": [
            {
                **fact.entry(),
                "value": values.get(fact.id),
                "reason": reasons.get(fact.id, ""),
                "seconds": 0.0,
            }
            for fact in facts()
            if fact.id in values or fact.id in reasons
        ],
    }


def what(name: str) -> str:
    """Say of what a profile that comes with the suite is one."""
    return str(_kept(name)["what"])


def _kept(name: str) -> dict[str, Any]:
    kept: dict[str, Any] = json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8"))
    return kept
