"""What came of a check, as it stands in every report."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from .errors import Lacking, PassFailed, PeerFailed, SystemFailed
from .requirement import PLATFORM

if TYPE_CHECKING:
    from .requirement import Requirement
    from .subject import Subject, Variant

FIELDS = (
    "id",
    "group",
    "level",
    "source",
    "requirement",
    "peer",
    "backend",
    "transport",
    "survival",
    "verdict",
    "message",
)
"""The names of the properties, in order."""

STARTING = "starting"
"""The property that says how many seconds of a check its peers took to start."""

TRANSCRIPT = "transcript of peer "
"""How the title of a report section starts that has one."""

_LONGEST = 600  # characters of a message
_KEPT = 300  # lines of a transcript


def judge(error: BaseException | None) -> tuple[str, str]:
    """Give the verdict, and in one paragraph what was seen."""
    if error is None:
        return "pass", ""
    if isinstance(error, pytest.skip.Exception | Lacking):
        return "skip", _paragraph(str(error))
    if isinstance(error, AssertionError):
        # The first line says in words what is wrong, the second shows it.
        return "fail", _paragraph(": ".join(str(error).splitlines()[:2]))
    if isinstance(error, PeerFailed | PassFailed | SystemFailed):
        return "fail", _paragraph(str(error))
    return "error", _paragraph(f"{type(error).__name__}: {error}")


def properties(
    requirement: Requirement,
    subject: Subject,
    variant: Variant,
    error: BaseException | None,
) -> list[tuple[str, object]]:
    """Describe one run of a check by flat strings."""
    verdict, message = judge(error)
    values = (
        requirement.id,
        requirement.group,
        requirement.level,
        requirement.source,
        requirement.summary,
        PLATFORM if requirement.of_platform else subject.name,
        "" if requirement.of_platform else subject.backend(variant.backend),
        variant.transport,
        variant.survival,
        verdict,
        message,
    )
    return list(zip(FIELDS, values, strict=True))


def sections(transcripts: dict[str, list[str]]) -> list[tuple[str, str]]:
    """Give the report sections that show the transcripts."""
    return [(TRANSCRIPT + peer, "\n".join(_kept(lines))) for peer, lines in transcripts.items()]


def _kept(lines: list[str]) -> list[str]:
    if len(lines) <= _KEPT:
        return lines
    half = _KEPT // 2
    return [*lines[:half], f"... {len(lines) - 2 * half} lines ...", *lines[-half:]]


def _paragraph(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}..."
