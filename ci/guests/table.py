"""The table of platforms, ``ci/platforms.toml``: read, and held against its format."""

from __future__ import annotations

from dataclasses import MISSING, dataclass, field, fields
from typing import TYPE_CHECKING, Any

from conformance import toml

from .places import ROOT

if TYPE_CHECKING:
    import datetime

PATH = ROOT / "ci" / "platforms.toml"
REACHED = ("native", "guest", "hosted", "ssh")
EVIDENCE = ("ran", "emulated", "simulated", "documented")
CI = ("fast", "full", "hosted", "none")
BASELINES = ("auto", "none")  # or the name of one


class BadTable(ValueError):
    """The table is not as it should be; the message names the platform, and what was due."""


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
    ci: str = "full"
    kind: str = ""
    options: tuple[str, ...] = ()
    fast_options: tuple[str, ...] = ()
    deadline: float = 1200.0
    programs: dict[str, str] = field(default_factory=dict)
    given: dict[str, Any] = field(default_factory=dict)
    timeout_scale: float = 1.0
    verdict: str = ""
    seconds: float | None = None
    when: datetime.date | None = None

    def word(self, name: str) -> str:
        """Give a word that the kind of guest asks for.

        Raises:
            BadTable: it is not in the table.

        """
        if not isinstance(word := self.given.get(name), str):
            raise BadTable(f"{self.name}: a guest of the kind {self.kind} needs given.{name}")
        return word

    def words(self, name: str) -> list[str]:
        """Give several words that the kind of guest may be given."""
        return str(self.given.get(name, "")).split()


_LISTS = {"backends", "options", "fast_options"}
_ONE_OF = {"reached": REACHED, "evidence": EVIDENCE, "ci": CI}


def platforms(text: str | None = None) -> list[Platform]:
    """Read the table.

    Raises:
        BadTable: it is not as it should be.

    """
    if text is None:
        text = PATH.read_text(encoding="utf-8")
    try:
        read = toml.loads(text)
    except ValueError as error:
        raise BadTable(f"{PATH.name}: {error}") from None
    if read.get("schema") != 1:
        raise BadTable(f"{PATH.name}: expected schema = 1, found {read.get('schema')!r}")
    found = [_platform(row) for row in read.get("platform", [])]
    names = [one.name for one in found]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise BadTable(f"{PATH.name}: twice in it: {', '.join(twice)}")
    return found


def _platform(row: dict[str, Any]) -> Platform:
    name = row.get("name", "a platform without a name")
    values = {key.replace("-", "_"): value for key, value in row.items()}
    known = {one.name: one for one in fields(Platform)}
    if unknown := sorted(set(values) - set(known)):
        raise BadTable(f"{name}: unknown: {', '.join(unknown)}; known: {', '.join(known)}")
    needed = [key for key, one in known.items() if one.default is one.default_factory is MISSING]
    if missing := [key for key in needed if key not in values]:
        raise BadTable(f"{name}: missing: {', '.join(missing)}")
    for key in _LISTS & values.keys():
        values[key] = tuple(values[key])
    for key, choice in _ONE_OF.items():
        if values.get(key, choice[0]) not in choice:
            raise BadTable(f"{name}: {key} is {values[key]!r}, expected one of {', '.join(choice)}")
    platform = Platform(**values)
    if platform.reached == "guest" and not platform.kind:
        raise BadTable(f"{name}: a guest needs a kind")
    return platform
