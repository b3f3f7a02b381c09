"""The file of hosts: who is to be visited, how, and with which options."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .. import toml
from ..baseline.file import AUTO, NONE, shipped

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


class BadHosts(ValueError):
    """The file of hosts is not what it should be."""


@dataclass(frozen=True)
class Host:
    """One machine, or one account of it."""

    name: str
    destination: str
    ssh: tuple[str, ...] = ()
    """Options of ssh."""
    python: str | None = None
    options: tuple[str, ...] = ()
    """Options of the run."""
    timeout_scale: float = 1.0
    baseline: str | None = None
    baseline_file: Path | None = None
    """The file of that baseline, if it is one of ours that the host has to be sent."""
    env: Mapping[str, str] = field(default_factory=dict)


def read(path: str | Path) -> list[Host]:
    """Read the file.

    Raises:
        BadHosts: it is not readable, or something in it is not what was due.

    """
    try:
        text = Path(path).read_text(encoding="utf-8")
        table = toml.loads(text)
    except OSError as error:
        raise BadHosts(f"{path}: {error.strerror}") from None
    except ValueError as error:  # UnicodeDecodeError and TOMLDecodeError are
        raise BadHosts(f"{path} is no TOML: {error}") from None
    try:
        return _hosts(table, Path(path).resolve().parent)
    except BadHosts as refused:
        raise BadHosts(f"{path}: {refused}") from None


def _hosts(table: dict[str, Any], folder: Path) -> list[Host]:
    _only(table, ("host", "defaults"), "the file")
    listed, defaults = table.get("host", []), table.get("defaults", {})
    if not isinstance(listed, list) or not all(isinstance(one, dict) for one in listed):
        raise BadHosts("expected [[host]], with two brackets, for each host")
    if not listed:
        raise BadHosts("expected at least one [[host]], found none")
    if not isinstance(defaults, dict):
        raise BadHosts(f"expected a table [defaults], received {defaults!r}")
    _checked(defaults, _SHARED, "[defaults]")
    hosts = [_host(one, defaults, place, folder) for place, one in enumerate(listed, 1)]
    for place, host in enumerate(hosts):
        if any(host.name.lower() == other.name.lower() for other in hosts[:place]):
            raise BadHosts(f"two hosts are called {host.name}: expected a name for each")
    return hosts


def _host(one: dict[str, Any], defaults: dict[str, Any], place: int, folder: Path) -> Host:
    name = one.get("name")
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise BadHosts(
            f"host {place}: expected a name of letters, digits, '.', '_' and '-', "
            f"received {'none' if name is None else repr(name)}"
        )
    _checked(one, {"name": _word, **_SHARED}, name)
    *own, destination = one.get("ssh", [name])
    if destination.startswith("-"):
        raise BadHosts(f"{name}: ssh: expected the destination at its end, received {destination}")
    both = {**defaults, **one}
    baseline = both.get("baseline")
    return Host(
        name=name,
        destination=destination,
        ssh=(*own, *defaults.get("ssh", ())),  # of two that contradict ssh takes the first
        python=both.get("python"),
        options=(*defaults.get("options", ()), *one.get("options", ())),
        timeout_scale=float(both.get("timeout-scale", 1.0)),
        baseline=baseline,
        baseline_file=_file(name, baseline, folder),
        env={**defaults.get("env", {}), **one.get("env", {})},
    )


def _file(name: str, baseline: str | None, folder: Path) -> Path | None:
    if baseline is None or baseline in {AUTO, NONE, *shipped()}:
        return None
    path = folder / baseline
    if not path.is_file():
        raise BadHosts(
            f"{name}: baseline: there is no file {path}; expected a file, {AUTO}, {NONE} or one of "
            f"{', '.join(shipped())}"
        )
    return path


def _only(table: dict[str, Any], known: tuple[str, ...], where: str) -> None:
    if unknown := [key for key in table if key not in known]:
        raise BadHosts(f"{where} has {', '.join(unknown)}: expected {', '.join(known)}")


def _checked(table: dict[str, Any], keys: dict[str, Callable[[Any], str | None]], at: str) -> None:
    _only(table, tuple(keys), at)
    for key, value in table.items():
        if due := keys[key](value):
            raise BadHosts(f"{at}: {key}: expected {due}, received {value!r}")


# Each says what was due, if that is not what came.


def _word(value: Any) -> str | None:
    return None if isinstance(value, str) and value else "a text"


def _words(value: Any) -> str | None:
    fits = isinstance(value, list) and value and all(isinstance(word, str) for word in value)
    return None if fits else "a list of texts"


def _factor(value: Any) -> str | None:
    fits = isinstance(value, (int, float)) and not isinstance(value, bool)
    return None if fits and 0 < value < 1e6 else "a number above 0"


def _texts(value: Any) -> str | None:
    fits = isinstance(value, dict) and all(isinstance(text, str) for text in value.values())
    return None if fits else "a table of texts"


_SHARED: dict[str, Callable[[Any], str | None]] = {
    "ssh": _words,
    "python": _word,
    "options": _words,
    "timeout-scale": _factor,
    "baseline": _word,
    "env": _texts,
}
