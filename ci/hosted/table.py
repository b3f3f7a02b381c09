"""The hosted rows of the table of platforms."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from conformance import toml

_PATH = Path(__file__).resolve().parents[1] / "platforms-hosted.toml"


@dataclass(frozen=True)
class Platform:
    """One platform, as it stands in the table; the fields are said there."""

    name: str
    title: str
    reached: str
    evidence: str
    python: str = ""
    backends: tuple[str, ...] = ()
    baseline: str = "auto"
    ci: str = "hosted"
    kind: str = ""
    options: tuple[str, ...] = ()
    deadline: float = 1200.0
    given: dict[str, Any] = field(default_factory=dict)
    timeout_scale: float = 1.0


def hosted() -> list[Platform]:
    """Give them, in the table's order."""
    read = toml.loads(_PATH.read_text(encoding="utf-8"))["platform"]
    found = [Platform(**{key.replace("-", "_"): row[key] for key in row}) for row in read]
    return [one for one in found if one.reached == "hosted"]
