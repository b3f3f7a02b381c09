"""Which platform a results file or a profile tells of: its name, and what sets it apart.

Pure: it makes no system call.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from ..report import model
from ..report.described import surroundings

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

EVIDENCE = ("ran", "emulated", "simulated", "documented")
"""The classes of evidence, the strongest first."""

# Where a run took place in one of these, it is the kernel below that it tells of.
_CONTAINERS = {"Docker", "Podman", "container", "user namespace"}


def evidence_class(evidence: str) -> str:
    """Give the class of evidence: its first word, which says how near the system was."""
    first = evidence.partition(" ")[0]
    return first if first in EVIDENCE else "emulated"


def name(environment: Mapping[str, Any], evidence: str) -> str:
    """Name the platform as people call it: ``Linux 6.18``, ``gVisor``, ``illumos``."""
    for start in ("simulated ", "ran on "):
        if evidence.startswith(start):
            return evidence.removeprefix(start)
    if around := _around(environment):
        return ", ".join(around)
    if evidence.startswith("emulated by "):
        return evidence.removeprefix("emulated by ")
    return _kernel(environment) or "unknown system"


def tags(
    environment: Mapping[str, Any], evidence: str, subject: Mapping[str, Any] | None = None
) -> list[str]:
    """Tell what sets one run apart from others of the same name, the most telling first."""
    uname, python = environment.get("uname") or {}, environment.get("python") or {}
    kernel = _kernel(environment)
    user = (environment.get("user") or {}).get("euid")
    passer = str((subject or {}).get("name") or "")
    told = [
        kernel if kernel != name(environment, evidence) else "",
        str(uname.get("machine") or ""),
        "32 bits" if environment.get("bits") == 32 else "",  # which that does not say of a process
        str(environment.get("libc") or ""),
        _python(python),
        "" if user is None else "root" if user == 0 else f"uid {user}",
        passer if passer not in {"fdpass", model.PLATFORM} else "",
        "no passer" if passer == model.PLATFORM else "",
    ]
    return [tag for tag in told if tag]


def told_apart(runs: Sequence[tuple[str, Sequence[str]]]) -> list[str]:
    """Give each run, a name and its tags, a second line: what others of that name do not have."""
    lines = []
    for mine, ours in runs:
        others = [set(theirs) for theirs_name, theirs in runs if theirs_name == mine]
        shared = set.intersection(*others)
        lines.append(", ".join(tag for tag in ours if tag not in shared))
    return lines


def slugs(titles: Iterable[str]) -> list[str]:
    """Give each title a short name for addresses and files, no two the same."""
    given: list[str] = []
    for title in titles:
        plain = re.sub(r"[^a-z0-9.]+", "-", title.lower()).strip("-.") or "platform"
        slug, number = plain, 1
        while slug in given:
            number += 1
            slug = f"{plain}-{number}"
        given.append(slug)
    return given


def kinship(environment: Mapping[str, Any], evidence: str) -> tuple[object, ...]:
    """Give what is the same in a results file and a profile of one platform.

    A profile that comes with the suite has of a release the numbers only.
    """
    uname = environment.get("uname") or {}
    return (
        evidence,
        uname.get("system"),
        "".join(re.findall(r"^[\d.]+", str(uname.get("release")))),
        uname.get("machine"),
        environment.get("libc"),
        environment.get("bits"),
        environment.get("byte_order"),
        (environment.get("user") or {}).get("euid"),
        *sorted(_around(environment)),
    )


def python(environment: Mapping[str, Any]) -> str:
    """Name the Python, by which of several profiles of one platform the right one is known."""
    told = environment.get("python") or {}
    return f"{told.get('implementation')} {told.get('version')}"


def _kernel(environment: Mapping[str, Any]) -> str:
    uname = environment.get("uname") or {}
    release = re.match(r"\d+(\.\d+)?", str(uname.get("release") or ""))
    return f"{uname.get('system') or ''} {release[0] if release else ''}".strip()


def _python(python: Mapping[str, Any]) -> str:
    version = ".".join(str(python.get("version") or "").split(".")[:2])
    return f"{python.get('implementation', 'Python')} {version}" if version else ""


def _around(environment: Mapping[str, Any]) -> list[str]:
    return [what for what in surroundings(environment) if what not in _CONTAINERS]
