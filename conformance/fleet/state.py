"""How the visits ended, kept in a file of the output folder, by which --only-failed repeats."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass, fields
from typing import TYPE_CHECKING, Any

from ..report import model

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from pathlib import Path

SCHEMA = 1
FILE = "fleet.json"

CONFORMS, DEVIATES, NOTHING = "conforms", "does not conform", "proved nothing"
REFUSES, BROKEN = "refuses the options", "the suite failed"
LOST, CLEANED = "did not end", "clean"

OF_STATUS = {
    model.CONFORMS: CONFORMS,
    model.DEVIATES: DEVIATES,
    model.USAGE: REFUSES,
    model.NOTHING_RAN: NOTHING,
    model.SUITE_FAILED: BROKEN,
}


class BadState(ValueError):
    """There is no state of a fleet, or it cannot be read."""


@dataclass(frozen=True)
class Outcome:
    """How one visit ended."""

    verdict: str
    words: str = ""
    checks: int = 0
    failed: int = 0
    seconds: float = 0.0
    python: str = ""


def exit_status(verdicts: Collection[str]) -> int:
    """Give the exit status of a fleet: the worst that became of any host."""
    seen = set(verdicts)
    if seen & {LOST, BROKEN, REFUSES}:
        return model.SUITE_FAILED
    if DEVIATES in seen:
        return model.DEVIATES
    return model.NOTHING_RAN if NOTHING in seen or not seen else model.CONFORMS


def read(folder: Path) -> dict[str, Outcome]:
    """Read how the hosts ended last.

    Raises:
        BadState: there is no such file, or it is another one.

    """
    path = folder / FILE
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise BadState(f"there is no {path}: no fleet was run with this output folder") from None
    except (OSError, ValueError) as error:
        raise BadState(f"{path} cannot be read: {error}") from None
    if not isinstance(found, dict) or found.get("schema") != SCHEMA:
        raise BadState(f'{path} is not the state of a fleet: expected an object, "schema": 1')
    try:
        return {name: _outcome(one) for name, one in found["hosts"].items()}
    except (KeyError, AttributeError, TypeError) as error:
        raise BadState(f"{path} is damaged: {error!r}") from None


def _outcome(one: Mapping[str, Any]) -> Outcome:
    return Outcome(**{it.name: one[it.name] for it in fields(Outcome)})


def write(folder: Path, outcomes: Mapping[str, Outcome]) -> None:
    """Write it, so that a reader sees the old one or the new one."""
    hosts = {name: asdict(outcome) for name, outcome in outcomes.items()}
    part = folder / f".{FILE}.{os.getpid()}.part"
    part.write_text(json.dumps({"schema": SCHEMA, "hosts": hosts}, indent=1) + "\n", "utf-8")
    part.replace(folder / FILE)
