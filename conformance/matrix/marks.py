"""What stands for a verdict: a sign and a word, since colour is not for everybody."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from .cells import Cell, Promise


class Mark(NamedTuple):
    """A sign, and what is said in its place."""

    sign: str
    word: str


MARKS = {
    "pass": Mark("✓", "holds"),
    "fail": Mark("✗", "fails"),
    "listed": Mark("≠", "fails, as listed"),
    "skip": Mark("○", "skipped"),
    "error": Mark("!", "error of the suite"),
    "none": Mark("·", "not run"),
}
"""By the state of a cell; listed: it fails, and its baseline expects that."""


def state(cell: Cell | None) -> str:
    """Give the state of a cell."""
    if cell is None:
        return "none"
    return "listed" if cell["verdict"] == "fail" and cell.get("listed") else cell["verdict"]


class Kept(NamedTuple):
    """A promise on a platform: how it is drawn, the sign, what failed, and all of it in words."""

    state: str
    sign: str
    short: str
    words: str
    failed: int = 0


def kept(promise: Promise | None, evidence: str) -> Kept:
    """Say whether a promise is kept there; of a system known from documents, what is known."""
    if promise is None:
        return Kept("none", "·", "", "not run")
    failed = {level: promise[level] for level in ("MUST", "SHOULD", "MAY") if promise[level]}
    if evidence == "documented":
        wrong = sum(failed.values())
        sign = MARKS["listed" if wrong else "pass"].sign
        short = f"{wrong} differ" if wrong else f"{promise['passed']} hold"
        words = f"{promise['passed']} documented to hold, {wrong} to differ; nothing ran"
        return Kept("documented", sign, short, words, wrong)
    state, total = promise["state"], sum(failed.values())
    count = ", ".join(f"{number} {level}" for level, number in failed.items())
    listed = f", {promise['listed']} as listed" if promise["listed"] else ""
    if state == "broken":
        return Kept(
            state, "✗", f"{failed['MUST']} MUST", f"not kept: {count} failed{listed}", total
        )
    if state == "kept":
        softly = f"; {count} failed{listed}" if failed else ""
        return Kept("soft" if failed else state, "✓", count, f"kept{softly}", total)
    if state == "error":
        return Kept(state, "!", "error", f"{promise['errors']} errors of the suite")
    return Kept("skip", "○", "skipped", "all was skipped: nothing is proven")
