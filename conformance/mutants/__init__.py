"""Broken passers and broken systems, which the suite must catch, and odd ones, which must pass."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .mutant import Mutant


def _mutants() -> tuple[Mutant, ...]:
    """Give all; none where the passer that they are made of has been removed."""
    try:
        from . import catalogue  # a faulty peer is started without the others
    except ModuleNotFoundError as missing:
        if missing.name != "fdpass":
            raise
        return ()
    return catalogue.MUTANTS


def for_check(id: str) -> list[str]:  # noqa: A002
    """Name the mutants that must fail a check."""
    return [mutant.name for mutant in _mutants() if mutant.check == id]


def told(id: str) -> list[str]:  # noqa: A002
    """Name the mutants that must fail a check, and say what is wrong with each."""
    return [f"{mutant.name}: {mutant.fault}" for mutant in _mutants() if mutant.check == id]


def by_check() -> dict[str, list[str]]:
    """Name the mutants of every check that has any."""
    names: dict[str, list[str]] = {}
    for mutant in _mutants():
        names.setdefault(mutant.check, []).append(mutant.name)
    return names


def kill_matrix() -> str:
    """Render MUTANTS.md."""
    from conformance.entries import entries

    from .oddities import ODD
    from .page import render

    return render(entries(), _mutants(), ODD)
