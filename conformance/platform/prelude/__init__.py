"""The operations of the steps, in Python and in C: the same names, and the same lines of trace.

A program gets from here what it uses, one definition after another. So everything stands in
definitions at the top level, separated by empty lines in C; the Python parts import nothing but the
standard library and one another. What an operation does is said in script.py, once for both.
"""

from __future__ import annotations

from pathlib import Path

PARTS = (
    "saying",
    "steps",
    "opening",
    "bytes",
    "messages",
    "raw",
    "flags",
    "table",
    "processes",
    "masses",
    "whole",
)
"""In an order in which each uses those before it."""


def texts(ending: str) -> list[str]:
    """Give the parts in the language whose files end so: ``py`` or ``c``."""
    folder = Path(__file__).parent
    return [folder.joinpath(f"{part}.{ending}").read_text(encoding="utf-8") for part in PARTS]
