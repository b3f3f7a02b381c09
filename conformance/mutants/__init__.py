"""Broken passers and broken systems, which the suite must catch, and odd ones, which must pass."""

from __future__ import annotations


def for_check(id: str) -> list[str]:  # noqa: A002
    """Name the mutants that must fail a check."""
    from . import catalogue  # a faulty peer is started without the others

    return catalogue.for_check(id)
