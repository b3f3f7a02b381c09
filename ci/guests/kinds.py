"""The kinds of guests, each a module with the function that is described here."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from . import gvisor, here, kernels, pyodide, roots, uml, wine

if TYPE_CHECKING:
    from .places import Errand
    from .table import Platform


class Kind(Protocol):
    """What a kind of guest does."""

    def command(self, platform: Platform, errand: Errand) -> list[str]:
        """Prepare the guest, once; give the command that does the errand in it.

        Raises:
            CannotRun: something is not here, and cannot be had.

        """


KINDS: dict[str, Kind] = {
    "here": here,
    "roots": roots,
    "gvisor": gvisor,
    "kernels": kernels,
    "uml": uml,
    "wine": wine,
    "pyodide": pyodide,
}
