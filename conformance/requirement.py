"""A requirement: what is asked, how strongly, and who says so. It stands first on its check."""

from __future__ import annotations

import inspect
import re
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, TypeVar

from .report.catalogue import PROMISES

if TYPE_CHECKING:
    from collections.abc import Callable

    from .report.catalogue import Entry

Check = TypeVar("Check", bound="Callable[..., None]")

LEVELS = ("MUST", "SHOULD", "MAY")
"""The strongest first."""

PASSER, PLATFORM = SUBJECTS = ("passer", "platform")
"""What a check tries: a passer, by its peer program; or the system calls themselves."""

_ID = re.compile(r"[a-z]+(-[a-z]+)*\.[a-z0-9]+(-[a-z0-9]+)*")
_SUMMARY = 80  # characters; it is printed on one line


@dataclass(frozen=True)
class Requirement:
    """What a check asks. ``summary`` is its first sentence, ``why`` the rest of its docstring."""

    id: str
    group: str
    level: str
    source: str
    needs: tuple[str, ...]
    each_survival: bool
    summary: str
    why: str
    over: str = ""
    each_backend: bool = False
    only: str = ""
    subject: str = PASSER
    endangers: tuple[str, ...] = ()

    @property
    def of_platform(self) -> bool:
        """Whether its check makes the system calls itself, without a passer."""
        return self.subject == PLATFORM

    def entry(self) -> Entry:
        """Give the entry of the catalogue, as plain data."""
        return {
            "id": self.id,
            "group": self.group,
            "level": self.level,
            "source": self.source,
            "requirement": self.summary,
            "why": self.why,
            "needs": list(self.needs),
            "each_survival": self.each_survival,
            "each_backend": self.each_backend,
            "only": self.only,
            "subject": self.subject,
            "endangers": list(self.endangers),
        }


def must(
    id: str,  # noqa: A002
    source: str,
    *,
    needs: tuple[str, ...] = (),
    each_survival: bool = False,
    over: str = "",
    each_backend: bool = False,
    only: str = "",
    subject: str = PASSER,
    endangers: tuple[str, ...] = (),
) -> Callable[[Check], Check]:
    """Mark a check of what every system and passer has to do.

    *needs* names operations of the peer protocol beyond those of the transport and the plain
    sending and receiving; *each_survival* asks for a run in every survival mode of the peer;
    *over* names the one transport to run it over, for a check that joins peers in its own way;
    *each_backend* asks for a run for every interface the peer knows of, also those missing here;
    *only* names the one interface that it is for. A check whose *subject* is the platform gets a
    script instead of a bench, and *endangers* names the promises that a passer can hardly keep on a
    system where it fails; see platform/README.md.
    """
    return _asks(
        "MUST",
        id,
        source,
        needs,
        each_survival=each_survival,
        over=over,
        each_backend=each_backend,
        only=only,
        subject=subject,
        endangers=endangers,
    )


def should(
    id: str,  # noqa: A002
    source: str,
    *,
    needs: tuple[str, ...] = (),
    each_survival: bool = False,
    over: str = "",
    only: str = "",
    subject: str = PASSER,
    endangers: tuple[str, ...] = (),
) -> Callable[[Check], Check]:
    """Mark a check of what a good one does; see :func:`must`."""
    return _asks(
        "SHOULD",
        id,
        source,
        needs,
        each_survival=each_survival,
        over=over,
        only=only,
        subject=subject,
        endangers=endangers,
    )


def may(
    id: str,  # noqa: A002
    source: str,
    *,
    needs: tuple[str, ...] = (),
    each_survival: bool = False,
    over: str = "",
    subject: str = PASSER,
    endangers: tuple[str, ...] = (),
) -> Callable[[Check], Check]:
    """Mark a check of what some do, and nobody has to; see :func:`must`."""
    return _asks(
        "MAY",
        id,
        source,
        needs,
        each_survival=each_survival,
        over=over,
        subject=subject,
        endangers=endangers,
    )


def _asks(
    level: str,
    id: str,  # noqa: A002
    source: str,
    needs: tuple[str, ...],
    *,
    each_survival: bool,
    over: str,
    each_backend: bool = False,
    only: str = "",
    subject: str,
    endangers: tuple[str, ...],
) -> Callable[[Check], Check]:
    if subject not in SUBJECTS:
        raise ValueError(f"{id}: expected a subject of {', '.join(SUBJECTS)}, received {subject!r}")
    if unknown := [name for name in endangers if name not in PROMISES]:
        raise ValueError(f"{id}: there is no promise {unknown[0]!r} to be endangered")
    if not _ID.fullmatch(id):
        raise ValueError(f"expected an id such as 'fifo.what-holds', received {id!r}")

    def mark(check: Check) -> Check:
        summary, why = _sentences(check, id)
        group = id.split(".", maxsplit=1)[0]
        requirement = Requirement(
            id,
            group,
            level,
            source,
            needs,
            each_survival,
            summary,
            why,
            over,
            each_backend,
            only,
            subject,
            endangers,
        )
        check.requirement = requirement  # type: ignore[attr-defined]
        return check

    return mark


def _sentences(check: Callable[..., None], id: str) -> tuple[str, str]:  # noqa: A002
    first, _, rest = (inspect.getdoc(check) or "").partition("\n")
    if not first.endswith(".") or len(first) > _SUMMARY:
        raise ValueError(f"{id}: expected a first sentence of {_SUMMARY} characters, in one line")
    return first, rest.strip()


def catalogue() -> list[tuple[Requirement, Callable[..., None]]]:
    """Give all requirements and their checks, in the order of the files.

    Raises:
        ValueError: two checks have the same id.

    """
    from .checks import MODULES

    found: dict[str, tuple[Requirement, Callable[..., None]]] = {}
    for module in MODULES:
        for check in vars(import_module(f"conformance.checks.{module}")).values():
            requirement = getattr(check, "requirement", None)
            if not isinstance(requirement, Requirement):
                continue
            if requirement.id in found:
                raise ValueError(f"two checks have the id {requirement.id}")
            found[requirement.id] = (requirement, check)
    return list(found.values())
