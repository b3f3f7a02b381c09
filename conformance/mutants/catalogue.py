"""All mutants, promise by promise, and which check each is for."""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING

from conformance.checks import GROUPS

if TYPE_CHECKING:
    from .mutant import Mutant


def _mutants(module: str) -> tuple[Mutant, ...]:
    """Give those for a module of checks; none where nobody has written any."""
    name = f"conformance.mutants.{module}"
    return import_module(name).MUTANTS if find_spec(name) else ()


MUTANTS: tuple[Mutant, ...] = tuple(mutant for group in GROUPS for mutant in _mutants(group))
"""In the order of the checks' modules."""
