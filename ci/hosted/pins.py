"""The actions that workflows use, each by its commit."""

from __future__ import annotations

import re
import subprocess
import tempfile
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
    """An action, its commit, and the version that names it; "" if none does."""

    action: str
    version: str
    commit: str
    seen: str

    def __str__(self) -> str:
        return f"{self.action}@{self.commit} # {self.version or 'between two versions'}"


def pins() -> dict[str, Pin]:
    """Give each pin by its action."""
    found = [Pin(**one) for one in toml.loads(_PINS.read_text(encoding="utf-8"))["pin"]]
    for pin in found:
        if not re.fullmatch(r"[0-9a-f]{40}", pin.commit):
            raise ValueError(f"{pin.action}: a commit has 40 hexadecimal digits, not {pin.commit}")
    return {pin.action: pin for pin in found}


def wrong(source: str = SOURCE) -> Iterator[str]:
    """Ask the source of each action; tell of every pin that is not what its version names."""
    for pin in pins().values():
        yield from (_of_version if pin.version else _of_none)(pin, f"{source}/{pin.action}")


def _of_version(pin: Pin, source: str) -> Iterator[str]:
    tag = f"refs/tags/{pin.version}"
    # Of an annotated tag the second is the commit; another kind has the first only.
    asked = _git("ls-remote", source, tag, f"{tag}^{{}}")
    commits = asked.stdout.split()[::2]
    if asked.returncode or not commits:
        why = asked.stderr.strip() or "there is no such tag"
        yield f"{pin.action}: {pin.version} was not found: {why}"
    elif pin.commit != commits[-1]:
        yield f"{pin.action}: {pin.version} is {commits[-1]}, pinned is {pin.commit}"


def _of_none(pin: Pin, source: str) -> Iterator[str]:
    with tempfile.TemporaryDirectory() as folder:
        _git("init", "--quiet", folder)
        fetched = _git("-C", folder, "fetch", "--quiet", "--depth=1", source, pin.commit)
    if fetched.returncode:
        yield f"{pin.action}: {pin.commit} was not found: {fetched.stderr.strip()}"


def _git(*words: str) -> subprocess.CompletedProcess[str]:
    command = ("git", *words)
    return subprocess.run(command, capture_output=True, check=False, text=True, timeout=_PATIENCE)
