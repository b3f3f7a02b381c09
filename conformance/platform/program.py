"""The programs of a platform check: recorded, and written in either language."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .render_c import C
from .render_python import Python
from .script import record

if TYPE_CHECKING:
    from collections.abc import Callable

    from conformance.requirement import Requirement

    from .script import Script


def python(requirement: Requirement, check: Callable[[Script], None]) -> str:
    """Give the Python program of a check."""
    return Python(record(check), requirement).program()


def c(requirement: Requirement, check: Callable[[Script], None]) -> str:
    """Give the C program of a check."""
    return C(record(check), requirement).program()
