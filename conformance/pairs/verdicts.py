"""What the outcomes of a pair's trials mean, in words. Pure: it makes no system call."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ..report.pairs import Outcome, Step

_NOT_LOST = frozenset({"ok", "timed-out", "would-block", "table-full"})
"""What a receiver says that has lost nothing, as far as it knows."""
_QUIET = frozenset({"ok", "peer-closed", "timed-out", "would-block"})


class Verdict(NamedTuple):
    """A kind, of which there are few, and the words."""

    kind: str
    words: str


def of_pair(trials: Mapping[str, Outcome]) -> Verdict:
    """Judge two peers by their trials."""
    first = trials["one by one"]
    if not first["failure"] and _got(first) == first["due"]:
        remarks = [
            *_leaks(first),
            *_of_array(trials.get("array")),
            *_of_full(trials.get("full")),
        ]
        words = ", ".join(["passes", *(words for _, words in remarks)])
        return Verdict(_worst([kind for kind, _ in remarks]), words)
    return _of_those_that_do_not_pass(first)


def _of_those_that_do_not_pass(first: Outcome) -> Verdict:
    got, due = _got(first), first["due"]
    if not got and "not-a-passer" in _said(first):
        after = [f"and then {first['failure']}"] if first["failure"] else []
        return Verdict("refuses", ", ".join(["refuses", *(w for _, w in _leaks(first)), *after]))
    if bad := _went_wrong(first):
        return bad
    if not got:
        return Verdict("fails", f"nothing arrives, {_how(first)}")
    if got != [name for name in due if name in got]:
        return Verdict("out of step", f"out of step: {', '.join(got)}")
    return Verdict("fails", f"loses {len(due) - len(got)} of {len(due)}, {_how(first)}")


def of_raw(outcome: Outcome) -> Verdict:
    """Judge how a receiver takes a raw message of the suite, and one descriptor after it."""
    if bad := _went_wrong(outcome):
        return bad
    *sent, after = outcome["due"]
    got = _got(outcome)
    of_it = [name for name in got if name != after]
    errors = [s["said"] for s in _before(outcome["steps"], after) if s["said"] not in _QUIET]
    refuses = errors[:1] == ["not-a-passer"]
    said = _how(outcome)
    if of_it != sent[: len(of_it)] or got not in ([*of_it, after], of_it):
        found = Verdict("out of step", f"out of step: {', '.join(got)}")
    elif not got and not refuses:
        found = Verdict("fails", f"nothing arrives, {said}")
    elif after not in got:
        kind = "refuses" if refuses else "out of step"
        words = f"takes {len(of_it)} of {len(sent)}" if of_it else "refuses it"
        found = Verdict(kind, f"{words}, and nothing after it, {said}")
    elif of_it == sent:
        late = f", out of step for {len(errors)} receive{'s'[: len(errors) - 1]}"
        found = Verdict("out of step" if errors else "passes", f"takes it{late if errors else ''}")
    elif of_it or not refuses:
        lost = f"loses {len(sent) - len(of_it)} of {len(sent)}, {said}"
        found = Verdict("loses" if errors or of_it else "out of step", lost)
    else:
        found = Verdict("refuses", f"refuses it, {said}")
    leaks = _leaks(outcome)
    kind = "leaks" if leaks and found.kind == "passes" else found.kind
    return Verdict(kind, ", ".join([found.words, *(words for _, words in leaks)]))


def _went_wrong(outcome: Outcome) -> Verdict | None:
    failure = outcome["failure"]
    if not failure:
        return None
    return Verdict(_kind_of(failure), failure.split("\n", 1)[0])


def _kind_of(failure: str) -> str:
    if " died " in failure:
        return "dies"
    return "hangs" if "no answer within" in failure else "fails"


def _of_array(outcome: Outcome | None) -> list[tuple[str, str]]:
    if outcome is None:
        return []
    if outcome["failure"]:
        return [(_kind_of(outcome["failure"]), f"with an array: {outcome['failure']}")]
    got, due = _got(outcome), outcome["due"]
    remarks = []
    if got != [name for name in due if name in got]:
        remarks.append(("out of step", f"an array comes as {', '.join(got)}"))
    elif got != due:
        lost = len(due) - len(got)
        remarks.append(("loses", f"loses {lost} of {len(due)} sent at once, {_how(outcome)}"))
    return remarks + _leaks(outcome)


def _of_full(outcome: Outcome | None) -> list[tuple[str, str]]:
    if outcome is None:
        return []
    if outcome["failure"]:
        kind = _kind_of(outcome["failure"])
        words = {"dies": "dies when full", "hangs": "hangs when full"}
        return [(kind, words.get(kind, f"when full: {outcome['failure']}"))]
    got, due = _got(outcome), outcome["due"]
    lost = [name for name in due if name not in got]
    if got == due:
        return _leaks(outcome)
    told = any(step["said"] not in _NOT_LOST for step in _before(outcome["steps"], "C"))
    if got != [name for name in due if name in got] or (lost and not told and "C" in got):
        place = "C comes in the place of B" if got == ["A", "C"] else f"it has {', '.join(got)}"
        return [("out of step", f"out of step when full: {place}"), *_leaks(outcome)]
    return [("loses", f"loses {len(lost)} when full, {_how(outcome)}"), *_leaks(outcome)]


def _got(outcome: Outcome) -> list[str]:
    return [step["got"] for step in outcome["steps"] if step["got"] is not None]


def _before(steps: Sequence[Step], name: str) -> Sequence[Step]:
    """Give the receives before the one that gave *name*; all, if none did."""
    places = [i for i, step in enumerate(steps) if step["got"] == name]
    return steps[: places[0]] if places else steps


def _said(outcome: Outcome) -> list[str]:
    """Give what was said; not what was said of the end, after the last one that was due."""
    steps = outcome["steps"]
    if outcome["due"] and outcome["due"][-1] in _got(outcome):
        steps = steps[: max(i for i, step in enumerate(steps) if step["got"] is not None)]
    told = (step["said"] for step in steps if step["said"] not in _QUIET)
    return list(dict.fromkeys(told))


def _how(outcome: Outcome) -> str:
    said = ", ".join(_said(outcome))
    told = [f"says {said}" if said else "without a word"]
    return ", ".join(told + [f"the sender says: {words}" for words in outcome["sender"]])


def _leaks(outcome: Outcome) -> list[tuple[str, str]]:
    return [("leaks", f"leaks {outcome['leaked']}")] if outcome["leaked"] else []


_ORDER = ("fails", "hangs", "dies", "out of step", "loses", "leaks")


def _worst(kinds: Sequence[str]) -> str:
    return next((kind for kind in _ORDER if kind in kinds), "passes")
