"""What became of a guest: read from its results file, in the words of the table."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from conformance.report import model

if TYPE_CHECKING:
    from pathlib import Path

    from .table import Platform


@dataclass(frozen=True)
class Outcome:
    """How it ended: the status of a run, or None if nothing was run, and that in words."""

    name: str
    status: int | None
    words: str
    seconds: float = 0.0


def verdict(document: model.Document) -> str:
    """Say what a results file says, as the table has it."""
    broken: dict[str, set[str]] = {level: set() for level in model.LEVELS}
    for result in document["results"]:
        if result["verdict"] in {"fail", "error"}:
            broken[result["level"]].add(result["id"])
    counts = [f"{len(ids)} {level}" for level, ids in broken.items() if ids]
    conforms = model.exit_status(document["results"])
    said = {model.CONFORMS: "conforms", model.DEVIATES: "does not conform"}
    words = said.get(conforms, "nothing is proven")
    return f"{words}; not kept: {', '.join(counts)}" if counts else words


def whole(results: Path) -> model.Document | None:
    """Read what a platform's row asks for, or give None: it is a part of that, or not to be read.

    A part is what a slow guest has done with every change, or until it was stopped.
    """
    try:
        document = model.read(results)
    except model.Refused as why:
        print(f"{results.stem}: {why}")
        return None
    if document["selection"].get("check") or document["selection"].get("group"):
        print(f"{results.stem}: some checks only")
        return None
    return document


def of(platform: Platform, status: int, seconds: float, results: Path, log: Path) -> Outcome:
    """Tell how a run ended, by its exit status, results file and log."""
    if results.exists():
        try:
            document = model.read(results)
        except model.Refused as why:
            return Outcome(platform.name, status, str(why), seconds)
        words = verdict(document)
        if "baseline" in document and not document["baseline"]["as_listed"]:
            words += f"; NOT as baseline {document['baseline']['name']} lists"
        return Outcome(platform.name, status, words, seconds)
    if status == 0:
        # A platform that is to be refused: the guest has seen that it is, and says by which words.
        return Outcome(platform.name, 0, _last_line(log), seconds)
    words = f"no results file; exit status {status}: {_last_line(log)}"
    return Outcome(platform.name, status, words, seconds)


def _last_line(log: Path) -> str:
    lines = re.split(r"[\r\n]+", log.read_text(encoding="utf-8", errors="replace").strip())
    return lines[-1].strip()
