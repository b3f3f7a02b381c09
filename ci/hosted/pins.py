"""The actions that workflows use, each by its commit."""

from __future__ import annotations

import re
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from conformance import toml

if TYPE_CHECKING:
    from collections.abc import Iterator

_PINS = Path(__file__).with_name("pins.toml")
_PATIENCE = 60.0  # seconds, for the source of one action
SOURCE = "https://github.com"


@dataclass(frozen=True)
class Pin:
    """An action, its version, and the commit of that; "" as long as nobody has looked it up."""

    action: str
    version: str
    commit: str
    seen: str

    def __str__(self) -> str:
        if self.commit:
            return f"{self.action}@{self.commit} # {self.version}"
        return f"{self.action}@{self.version} # its commit is not known: ci/hosted/pins.toml"


def pins() -> dict[str, Pin]:
    """Give each pin by its action."""
    found = [Pin(**one) for one in toml.loads(_PINS.read_text(encoding="utf-8"))["pin"]]
    for pin in found:
        if not re.fullmatch(r"([0-9a-f]{40})?", pin.commit):
            raise ValueError(f"{pin.action}: a commit has 40 hexadecimal digits, not {pin.commit}")
    return {pin.action: pin for pin in found}


def wrong(source: str = SOURCE) -> Iterator[str]:
    """Ask the source of each action; tell of every pin that is not what its version names."""
    for pin in pins().values():
        tag = f"refs/tags/{pin.version}"
        # Of an annotated tag the second is the commit; another kind has the first only.
        command = ("git", "ls-remote", f"{source}/{pin.action}", tag, f"{tag}^{{}}")
        asked = subprocess.run(
            command, capture_output=True, check=False, text=True, timeout=_PATIENCE
        )
        commits = asked.stdout.split()[::2]
        if asked.returncode or not commits:
            why = asked.stderr.strip() or "there is no such tag"
            yield f"{pin.action}: {pin.version} was not found: {why}"
        elif pin.commit != commits[-1]:
            found = pin.commit or "no commit"
            yield f"{pin.action}: {pin.version} is {commits[-1]}, pinned is {found}"
