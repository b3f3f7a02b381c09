"""Results files and profiles of platforms that are made up, of the catalogue that there is."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

from conformance import __version__, entries
from conformance.facts import profiles
from conformance.harness.transports import TRANSPORTS
from conformance.report import model
from conformance.requirement import PLATFORM, catalogue

if TYPE_CHECKING:
    from collections.abc import Mapping

    from conformance.facts.document import Profile
    from conformance.report.model import Document, Result

ENVIRONMENT: dict[str, Any] = {
    "uname": {"system": "Linux", "release": "6.18.44", "version": "#1", "machine": "x86_64"},
    "libc": "glibc 2.36",
    "bits": 64,
    "byte_order": "little",
    "python": {"implementation": "CPython", "version": "3.11.2"},
    "user": {"uid": 0, "euid": 0, "gid": 0, "egid": 0},
    "surroundings": [{"what": "Docker", "sign": "/.dockerenv exists"}],
}


def environment(**other: Any) -> dict[str, Any]:
    """Give an environment; what is named by a key of ``uname`` is put there."""
    made = copy.deepcopy(ENVIRONMENT)
    for name, value in other.items():
        if name in made["uname"]:
            made["uname"][name] = value
        else:
            made[name] = value
    return made


def run(
    verdicts: Mapping[str, tuple[str, str]] | None = None,
    *,
    around: Mapping[str, Any] | None = None,
    evidence: str = "ran",
    started: str = "2026-11-21T12:00:00+00:00",
    **other: Any,
) -> Document:
    """Make the results file of a run of everything over BSD4.4.

    *verdicts* has a verdict and a message for what did not pass: for a check, or for
    ``CHECK TRANSPORT``.
    """
    made = model.document(
        version=__version__,
        entries=entries.entries(),
        started=started,
        seconds=9.5,
        argv=["run"],
        selection={
            "peer": "fdpass",
            "backend": "each",
            "timeout_scale": 1.0,
            "launcher": "",
            "complete": True,
            "complete_of": ["passer", "platform"],
        },
        subject={"name": "fdpass", "version": __version__, "backends": {"bsd44": None}},
        environment=around or environment(),
        evidence=evidence,
        results=_results(verdicts or {}),
    )
    made.update(other)  # type: ignore[typeddict-item]
    return made


def _results(verdicts: Mapping[str, tuple[str, str]]) -> list[Result]:
    made: list[Result] = []
    for requirement, _ in catalogue():
        if requirement.only not in {"", "bsd44"}:
            continue
        over = [requirement.over] if requirement.over else list(TRANSPORTS)
        for transport in [PLATFORM] if requirement.of_platform else over:
            usual = verdicts.get(requirement.id, ("pass", ""))
            verdict, message = verdicts.get(f"{requirement.id} {transport}", usual)
            result: Result = {
                "id": requirement.id,
                "group": requirement.group,
                "level": requirement.level,
                "source": requirement.source,
                "requirement": requirement.entry()["requirement"],
                "peer": "platform" if requirement.of_platform else "fdpass",
                "backend": "" if requirement.of_platform else "bsd44",
                "transport": transport,
                "survival": "" if requirement.of_platform else "auto",
                "verdict": verdict,
                "message": message,
                "seconds": 0.01,
            }
            if verdict != "pass":
                said = ['  0.01 > {"op": "recv"}', '  0.02 < {"fd": 5}']
                result["transcript"] = {"platform" if requirement.of_platform else "A": said}
            made.append(result)
    return made


def profile(
    values: Mapping[str, Any] | None = None, around: Mapping[str, Any] | None = None
) -> Profile:
    """Make a profile of Linux, in which some facts have other values."""
    made = profiles.read("linux")
    made["environment"] = dict(around or environment())
    changed = dict(values or {})
    for known in made["facts"]:
        if known["id"] in changed:
            known["value"] = changed.pop(known["id"])
    assert not changed, f"no such facts: {changed}"
    return made
