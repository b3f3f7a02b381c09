"""What each system is known to do: a file a group, ``GROUP.toml``, held to this format.

    [[known]]
    check = "fifo.order"        # an id of this group, or several of them in brackets
    system = "FreeBSD"
    does = "Holds."             # what the system does, a sentence; "Holds." where it is as asked
    evidence = "documented"     # it was read; "measured": it was run
    where = "uipc_usrreq.c ..." # documented: in which document; measured: on what
    when = "2026-11"            # read or measured, the month or the day
    url = "https://..."         # optional

It judges nothing: a baseline says which of it a run may expect.
"""

from __future__ import annotations

import re
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .. import toml

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from conformance.report.catalogue import Behaviour

FOLDER = Path(__file__).resolve().parent

EVIDENCE = ("measured", "documented")

SYSTEMS = (
    "Linux",
    "gVisor",
    "qemu-user",
    "valgrind",
    "WSL1",
    "FreeBSD",
    "NetBSD",
    "OpenBSD",
    "DragonFly",
    "macOS",
    "illumos",
    "Solaris",
    "AIX",
    "Cygwin",
    "Wine",
    "Windows",
)
"""In this order they are told; others, as old or rare as they may be, stand behind them."""

_NEEDED = ("check", "system", "does", "evidence", "where", "when")
_OPTIONAL = ("url",)
_DAY = re.compile(r"\d{4}-(0[1-9]|1[0-2])(-(0[1-9]|[12]\d|3[01]))?")


class BadLine(ValueError):
    """A file does not keep to the format; the message names it, the line of its list, and why."""


@lru_cache
def known() -> Mapping[str, tuple[Behaviour, ...]]:
    """Give what is known of each check that anything is known of, the systems in their order.

    Raises:
        BadLine: a file does not keep to the format.

    """
    from conformance.entries import entries

    ids = {entry["id"] for entry in entries()}
    found: dict[str, list[Behaviour]] = {}
    for path in sorted(FOLDER.glob("*.toml")):
        for check, behaviour in read(path, ids):
            found.setdefault(check, []).append(behaviour)
    return {check: tuple(sorted(told, key=_rank)) for check, told in found.items()}


def _rank(behaviour: Behaviour) -> tuple[int, int]:
    places = (n for n, name in enumerate(SYSTEMS) if behaviour["system"].startswith(name))
    return next(places, len(SYSTEMS)), EVIDENCE.index(behaviour["evidence"])


def read(path: Path, ids: Iterable[str]) -> Iterator[tuple[str, Behaviour]]:
    """Read one file; *ids* are the checks that there are.

    Raises:
        BadLine: it does not keep to the format.

    """
    try:
        content = toml.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise BadLine(f"{path.name} is no TOML: {error}") from None
    if surplus := sorted(content.keys() - {"known"}):
        raise BadLine(f"{path.name}: expected [[known]] only, found {surplus[0]!r}")
    listed = content.get("known", [])
    if not isinstance(listed, list) or not all(isinstance(line, dict) for line in listed):
        raise BadLine(f"{path.name}: expected [[known]], in two brackets")
    told: set[tuple[str, str, str]] = set()
    for number, line in enumerate(listed, start=1):
        for wrong in _wrong(line, path.stem, set(ids)):
            raise BadLine(f"{path.name}, [[known]] number {number}: {wrong}")
        for check in _checks(line):
            key = (check, line["system"], line["where"])
            if key in told:
                raise BadLine(
                    f"{path.name}, [[known]] number {number}: {check} on {line['system']} "
                    "is told already, from the same place"
                )
            told.add(key)
            yield check, _behaviour(line)


def _checks(line: Mapping[str, Any]) -> list[str]:
    return [line["check"]] if isinstance(line["check"], str) else list(line["check"])


def _behaviour(line: Mapping[str, Any]) -> Behaviour:
    return {
        "system": line["system"],
        "does": line["does"],
        "evidence": line["evidence"],
        "where": line["where"],
        "when": line["when"],
        "url": line.get("url", ""),
    }


def _wrong(line: Mapping[str, Any], group: str, ids: set[str]) -> Iterator[str]:
    """Say what is wrong with a line; only the first of it is sure."""
    for name in _NEEDED:
        if name not in line:
            yield f"{name!r} is missing"
    for name in sorted(line.keys() - {*_NEEDED, *_OPTIONAL}):
        yield f"there is no {name!r}; known: {', '.join((*_NEEDED, *_OPTIONAL))}"
    for name in sorted(line.keys() - {"check"}):
        if not isinstance(line[name], str) or not line[name].strip():
            yield f"expected words in {name!r}, found {line[name]!r}"
    checks = [line["check"]] if isinstance(line["check"], str) else line["check"]
    if not isinstance(checks, list) or not checks:
        yield f"expected one id or several in 'check', found {checks!r}"
    yield from _misplaced(checks, group, ids)
    if line["evidence"] not in EVIDENCE:
        yield f"expected {' or '.join(EVIDENCE)} in 'evidence', found {line['evidence']!r}"
    if not _DAY.fullmatch(line["when"]):
        yield f"expected a month or a day such as 2026-11 in 'when', found {line['when']!r}"
    if not line["does"].endswith("."):
        yield f"expected a sentence in 'does', found {line['does']!r}"
    if not line.get("url", "https://").startswith(("https://", "http://")):
        yield f"expected an address in 'url', found {line['url']!r}"


def _misplaced(checks: Iterable[object], group: str, ids: set[str]) -> Iterator[str]:
    for check in checks:
        if not isinstance(check, str) or check not in ids:
            yield f"there is no check {check!r}"
        elif not check.startswith(f"{group}."):
            yield f"{check} belongs into {check.partition('.')[0]}.toml"
