"""Who may import whom: a module imports from lower floors only."""

from __future__ import annotations

import ast
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

# From the ground up; those on one floor know nothing of each other.
FLOORS = [
    {"fdpass.errors", "fdpass.lifetime"},
    {
        "fdpass.table",
        "fdpass.credentials",
        "fdpass.patience",
        "fdpass.backends.systems",
        "fdpass.aio.loops",
    },
    {"fdpass.backends.unix", "fdpass.backends.native"},
    {"fdpass.backends.scm_rights", "fdpass.backends.streams", "fdpass.backends.handles"},
    {
        "fdpass.backends.unix_sockets",
        "fdpass.backends.loopback",
        "fdpass.backends.records",
        "fdpass.backends.sockets",
    },
    {
        "fdpass.backends.bsd44",
        "fdpass.backends.bsd43",
        "fdpass.backends.sysv",
        "fdpass.backends.windows",
    },
    {"fdpass.backends"},
    {"fdpass.dialects"},
    {"fdpass.survival"},
    {"fdpass.inbox", "fdpass.outbox", "fdpass.arrivals", "fdpass.departures"},
    {"fdpass.passer", "fdpass.messages"},
    {"fdpass.endpoints", "fdpass.framing", "fdpass.aio.passer"},
    {"fdpass", "fdpass.doctor", "fdpass.aio"},
    {"fdpass.__main__"},
]
ASIDE = ("fdpass.tests", "fdpass.benchmarks", "fdpass.examples")


def modules(package: str) -> dict[str, Path]:
    """Give every module of a package by its name."""
    found = {}
    for path in sorted((ROOT / package).rglob("*.py")):
        parts = path.relative_to(ROOT).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def imports(name: str, path: Path, known: set[str]) -> set[str]:
    """Give what a module imports, anywhere in it, by the full names of modules."""
    package = name if path.name == "__init__.py" else name.rpartition(".")[0]
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {item.name for item in node.names}
        elif isinstance(node, ast.ImportFrom):
            start = package.split(".")[: len(package.split(".")) - node.level + 1]
            source = ".".join([*(start if node.level else []), *filter(None, [node.module])])
            inner = {f"{source}.{item.name}" for item in node.names}
            found |= {item if item in known else source for item in inner}
    return found - {"__future__"}


def imported_by(package: str) -> dict[str, set[str]]:
    known = modules("fdpass") | modules("conformance")
    return {
        name: imports(name, path, set(known))
        for name, path in known.items()
        if (name + ".").startswith(package + ".")
    }


def is_within(name: str, *packages: str) -> bool:
    return any((name + ".").startswith(package + ".") for package in packages)


FDPASS = {
    name: found for name, found in imported_by("fdpass").items() if not is_within(name, *ASIDE)
}


def test_every_module_has_its_floor() -> None:
    assert sorted(FDPASS) == sorted(name for floor in FLOORS for name in floor)


@pytest.mark.parametrize("name", sorted(FDPASS))
def test_a_module_imports_from_lower_floors_only(name: str) -> None:
    height = next(number for number, floor in enumerate(FLOORS) if name in floor)
    lower = {item for floor in FLOORS[:height] for item in floor}
    of_ours = {item for item in FDPASS[name] if is_within(item, "fdpass")}

    assert of_ours <= lower


@pytest.mark.parametrize("name", sorted(FDPASS))
def test_the_passer_needs_the_standard_library_only(name: str) -> None:
    foreign = {item for item in FDPASS[name] if not is_within(item, "fdpass", "_typeshed")}

    assert {item.partition(".")[0] for item in foreign} <= sys.stdlib_module_names


def test_the_suite_knows_the_passer_only_as_a_peer_and_a_mutant() -> None:
    knowing = {
        name
        for name, found in imported_by("conformance").items()
        if any(is_within(item, "fdpass") for item in found)
    }

    assert not {
        name for name in knowing if not is_within(name, "conformance.peers", "conformance.mutants")
    }


def test_the_reports_know_nothing_of_the_suite() -> None:
    foreign = {
        (name, item)
        for name, found in imported_by("conformance.report").items()
        for item in found
        if is_within(item, "conformance", "fdpass", "pytest")
        and not is_within(item, "conformance.report")
    }

    assert foreign == set()
