"""A baseline file: read, held against the format, and chosen for a run."""

from __future__ import annotations

import datetime
import functools
import hashlib
import operator
import re
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .. import __version__, toml
from . import blocks, condition

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from ..report.model import Result
    from .condition import Condition

SHIPPED = Path(__file__).resolve().parent.parent / "baselines"

SCHEMA = 1
AUTO, NONE = "auto", "none"
DOCUMENTED = "documented"
"""The evidence of a line that nobody has measured: a hint, which does not fail a run."""

STATUSES = ("fail", "skip", "pass")

_MOST = 20  # checks that a glob may stand for
_TEXT, _TEXTS = "a text", "a text or an array of texts"
_NUMBER, _DATE, _ARRAY = "a number", "a date such as 2027-06-30", "an array"
_OF_A_FILE = {"schema": _NUMBER, "suite": _TEXT, "platform": _TEXT, "expect": _ARRAY}
_OF_A_LINE = dict(
    zip(blocks.KEYS, (_TEXT, _TEXT, _TEXTS, _TEXTS, _TEXT, _TEXT, _TEXT, _DATE), strict=True)
)
_NEEDED = ("check", "status", "reason")
_ORDER = {"<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge}
_RANGE = re.compile(r"\s*(<=|>=|<|>)\s*(\d+(?:\.\d+)*)\s*")


class BadBaseline(ValueError):
    """This is no baseline, or not one for this run; the message names the file and what was due."""


@dataclass(frozen=True)
class Line:
    """One line of a baseline: a deviation that is known. ``match`` has prefixes; none: any."""

    file: str  # the name of the baseline that has it
    number: int  # of its header, as editors count
    check: str
    when: Condition | None
    status: tuple[str, ...]
    match: tuple[str, ...]
    reason: str
    url: str
    evidence: str
    expires: datetime.date | None

    @property
    def documented(self) -> bool:
        """Whether it is a hint only, which nobody has measured."""
        return self.evidence == DOCUMENTED

    def checks(self, known: Iterable[str]) -> list[str]:
        """Name the checks it stands for, of those that are *known*."""
        return [name for name in known if fnmatchcase(name, self.check)]

    def about(self, results: Iterable[Result], facts: Mapping[str, Any]) -> list[Result]:
        """Give the results it is about; an error is the suite's own, and no line is about it."""
        return [
            result
            for result in results
            if result["verdict"] != "error"
            and fnmatchcase(result["id"], self.check)
            and (self.when is None or self.when.holds({**facts, **result}))
        ]

    def lists(self, result: Result) -> bool:
        """Tell whether a result is what the line says."""
        said = result["verdict"] == "pass" or self.matches(result["message"])
        return said and result["verdict"] in self.status

    def matches(self, message: str) -> bool:
        """Tell whether a message begins as it should."""
        return not self.match or " ".join(message.split()).startswith(self.match)

    def faults(self, known: Iterable[str], today: datetime.date) -> list[str]:
        """Say what is wrong with it in every run."""
        stands_for = len(self.checks(known))
        found = []
        if not stands_for:
            found.append(f"there is no check {self.check}")
        if stands_for > _MOST:
            found.append(f"it stands for {stands_for} checks, expected at most {_MOST}")
        if self.expires is not None and today >= self.expires:
            found.append(f"expired on {self.expires}: look whether it still holds")
        return found


@dataclass(frozen=True)
class Baseline:
    """A whole file."""

    name: str
    text: str
    platform: Condition | None
    lines: tuple[Line, ...]

    @property
    def sha256(self) -> str:
        """The fingerprint of the file."""
        return hashlib.sha256(self.text.encode()).hexdigest()

    @property
    def of_a_peer(self) -> bool:
        """Whether it lists what a passer deviates in, not what a platform does."""
        return self.platform is not None and "peer" in self.platform.names

    @property
    def what_for(self) -> str:
        """What it is made for."""
        return "peer or platform" if self.of_a_peer else "platform"

    def fits(self, facts: Mapping[str, Any]) -> bool:
        """Tell whether it is for a run with these facts."""
        return self.platform is None or self.platform.holds(facts)

    def joined(self, other: Baseline) -> Baseline:
        """Give what both list, for a run that both are for."""
        name, lines = f"{self.name} + {other.name}", (*self.lines, *other.lines)
        return Baseline(name, self.text + other.text, None, lines)


# -- which file -----------------------------------------------------------------------------------


def shipped() -> dict[str, Path]:
    """Give the files that come with the suite, by name."""
    files = (*SHIPPED.glob("*.toml"), *SHIPPED.glob("peers/*.toml"))
    return {path.stem: path for path in sorted(files)}


def path_of(wanted: str) -> Path | None:
    """Find a file by its path, or one that comes with the suite by its name."""
    path = Path(wanted)
    return path if path.is_file() else shipped().get(wanted)


def chosen(wanted: str, facts: Mapping[str, Any]) -> Baseline | None:
    """Give the baseline for a run with these facts; None: there is to be none.

    Chosen by itself it is that of the platform joined with that of the peer, where there are such.

    Raises:
        BadBaseline: the file is none, or is for another platform or peer; or more than one is for
            this.

    """
    if wanted == NONE:
        return None
    if wanted == AUTO:
        fitting = [one for one in map(read, shipped().values()) if one.fits(facts)]
        found = []
        for what, of_a_peer in (("platform", False), ("peer", True)):
            some = [one for one in fitting if one.of_a_peer == of_a_peer]
            if len(some) > 1:
                names = " and ".join(one.name for one in some)
                raise BadBaseline(f"more than one baseline is for this {what}: {names}; name one")
            found += some
        return functools.reduce(Baseline.joined, found) if found else None
    path = path_of(wanted)
    if path is None:
        raise BadBaseline(f"there is no baseline {wanted!r}; known: {', '.join(shipped())}")
    baseline = read(path)
    if not baseline.fits(facts):
        assert baseline.platform
        raise BadBaseline(f"{path} is for another {baseline.what_for}: {baseline.platform.text}")
    return baseline


# -- reading --------------------------------------------------------------------------------------


def read(path: Path) -> Baseline:
    """Read a file.

    Raises:
        BadBaseline: it is no baseline.

    """
    try:
        return parse(path.read_bytes().decode(), path.stem, str(path))
    except UnicodeDecodeError as error:
        raise BadBaseline(f"{path}: expected UTF-8 text, {error.reason}") from None
    except OSError as error:
        raise BadBaseline(f"{path} cannot be read: {error.strerror}") from None


def parse(text: str, name: str, place: str = "") -> Baseline:
    """Understand the text of a baseline; messages call it *place*.

    Raises:
        BadBaseline: it is none.

    """
    place = place or name
    text = text.replace("\r\n", "\n")
    try:
        whole = toml.loads(text)
    except ModuleNotFoundError as missing:
        raise BadBaseline(f"{missing}: python -m pip install tomli") from None
    except ValueError as error:
        raise BadBaseline(f"{place}: expected TOML: {error}") from None
    _keys(whole, _OF_A_FILE, place)
    if whole.get("schema") != SCHEMA:
        raise BadBaseline(f"{place}: expected schema = {SCHEMA}, received {whole.get('schema')}")
    _suitable(whole.get("suite", ""), place)
    platform = _condition(whole.get("platform"), condition.OF_THE_RUN, f"{place}, platform")
    lines = tuple(_lines(text, whole.get("expect", []), name, place))
    return Baseline(name, text, platform, lines)


def _lines(text: str, expected: list[Any], name: str, place: str) -> Iterator[Line]:
    numbers = blocks.headers(text)
    if len(numbers) != len(expected):
        raise BadBaseline(f"{place}: expected each line to begin with [[expect]], alone in its row")
    for number, values in zip(numbers, expected, strict=True):
        yield _line(name, number, values, f"{place}, line {number}")


def _line(name: str, number: int, values: dict[str, Any], place: str) -> Line:
    _keys(values, _OF_A_LINE, place)
    for key in _NEEDED:
        if not values.get(key):
            raise BadBaseline(f"{place}: expected {key} = {_OF_A_LINE[key]}, received nothing")
    status = _texts(values["status"])
    if not set(status) <= set(STATUSES) or set(status) == {"pass"}:
        raise BadBaseline(
            f"{place}: expected status fail or skip, or one of them and pass for what comes and "
            f"goes; received {', '.join(status)}"
        )
    # Prefixes are of what the harness writes, which has folded all white space.
    match = tuple(" ".join(prefix.split()) for prefix in _texts(values.get("match", ())))
    if not all(match):
        raise BadBaseline(f"{place}: expected match = the beginning of a message, received nothing")
    return Line(
        file=name,
        number=number,
        check=values["check"],
        when=_condition(values.get("when"), condition.OF_THE_RUN | condition.OF_A_RESULT, place),
        status=status,
        match=match,
        reason=values["reason"],
        url=values.get("url", ""),
        evidence=values.get("evidence", ""),
        expires=values.get("expires"),
    )


def _keys(values: dict[str, Any], known: Mapping[str, str], place: str) -> None:
    for key, value in values.items():
        if key not in known:
            raise BadBaseline(f"{place}: there is no {key!r}; expected one of {', '.join(known)}")
        if not _is(value, known[key]):
            raise BadBaseline(f"{place}: expected {key} = {known[key]}, received {value!r}")


def _is(value: Any, what: str) -> bool:
    if what == _TEXTS and isinstance(value, list):
        return bool(value) and all(isinstance(one, str) for one in value)
    kinds = {_NUMBER: int, _DATE: datetime.date, _ARRAY: list}
    return type(value) is kinds.get(what, str)


def _texts(value: str | Iterable[str]) -> tuple[str, ...]:
    return (value,) if isinstance(value, str) else tuple(value)


def _condition(text: str | None, known: Mapping[str, str], place: str) -> Condition | None:
    if text is None:
        return None
    try:
        return condition.parse(text, known)
    except condition.BadCondition as error:
        raise BadBaseline(f"{place}: {error}") from None


def _suitable(wanted: str, place: str) -> None:
    for part in filter(None, wanted.split(",")):
        found = _RANGE.fullmatch(part)
        if found is None:
            raise BadBaseline(f"{place}: expected suite = '>=1.2,<2', received {wanted!r}")
        if not condition.in_order(__version__, _ORDER[found[1]], found[2]):
            raise BadBaseline(f"{place} is for suite {wanted}, and this is {__version__}")
