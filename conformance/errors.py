"""What a check can run into; the plugin makes verdicts of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pytest


class PeerFailed(Exception):
    """The peer died, hung, or broke the protocol."""


class PassFailed(Exception):
    """The peer answered with an error; ``condition`` is its name in the protocol."""

    def __init__(self, who: str, op: str, error: Mapping[str, Any]) -> None:
        self.condition = str(error["name"])
        self.errno = error.get("errno")
        self.details = dict(error)
        said = " ".join(str(word) for word in (self.errno, error.get("message")) if word)
        super().__init__(f"{who}: {op}: {self.condition}" + (f" ({said})" if said else ""))


class SystemFailed(Exception):
    """The system does not do what a platform check asks of it."""


class BrokenProgram(Exception):
    """The program of a platform check could not be run, or is wrong itself."""


class RequestRefused(Exception):
    """The peer takes the request for nonsense: a fault of the check."""


class Lacking(Exception):
    """The peer does not offer what the check needs, and has said so."""


class CannotStart(Exception):
    """The peer program cannot be started at all."""


def hidden(seen: pytest.ExceptionInfo[BaseException]) -> bool:
    """Tell pytest to leave the harness' own lines out of what it shows of a failed check."""
    return seen.errisinstance((AssertionError, PeerFailed, PassFailed, SystemFailed))
