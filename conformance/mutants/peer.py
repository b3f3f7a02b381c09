"""The program of a faulty peer."""

from __future__ import annotations

from importlib import import_module

from conformance.peers import reference


def main(module: str, name: str) -> None:
    """Answer the harness as the faulty peer *name*, of this folder's *module*."""
    reference.main(getattr(import_module(f"conformance.mutants.{module}"), name))
