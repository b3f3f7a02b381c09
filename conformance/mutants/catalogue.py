"""All mutants, promise by promise, and which check each is for."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from conformance.checks import MODULES

if TYPE_CHECKING:
    from .mutant import Mutant

MUTANTS: tuple[Mutant, ...] = tuple(
    mutant
    for module in MODULES
    for mutant in import_module(f"conformance.mutants.{module}").MUTANTS
)
"""In the order of the checks' modules."""


def for_check(id: str) -> list[str]:  # noqa: A002
    """Name the mutants that must fail a check."""
    return [mutant.name for mutant in MUTANTS if mutant.check == id]
