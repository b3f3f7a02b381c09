"""What is the same for every host of a fleet."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass(frozen=True)
class Limits:
    """Deadlines in seconds; the last two are stretched by a host's timeout scale."""

    connect: float = 30.0
    sending: float = 120.0
    silence: float = 120.0
    whole: float = 1800.0


@dataclass(frozen=True)
class Plan:
    """What every host is to do."""

    bundle: bytes
    options: Sequence[str] = ()
    limits: Limits = field(default_factory=Limits)
    clean: bool = False
