"""Find the names that a check gives to what its steps give, so that the program has them too."""

from __future__ import annotations

import ast
import functools
import linecache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import FrameType

_WORDS = """
attempt auto break case char const continue DATA data default do double else end ends enum errno
errno_of expect extern FDS filled float for goto if inline int leave length linux long main need
number part PARTS received register restrict return rights rights_to same_data same_text saw
short signed sizeof space start static stay stderr stdin stdout struct sun switch text typedef
union unix unsigned void volatile while
"""
RESERVED = frozenset(_WORDS.split())
"""What C does not let one use, or a program calls: no name for what a step gives."""

_OURS = (f"{__package__}.", "contextlib")


def given(frame: FrameType | None) -> tuple[str, ...]:
    """Give the names that the statement assigns to, from which our caller's caller was called."""
    while frame is not None and frame.f_globals.get("__name__", "").startswith(_OURS):
        frame = frame.f_back
    if frame is None:
        return ()
    return _assigned(frame.f_code.co_filename).get(frame.f_lineno, ())


@functools.cache
def _assigned(path: str) -> dict[int, tuple[str, ...]]:
    """Tell for each line of a file what the statement that it is a part of assigns to."""
    found: dict[int, tuple[str, ...]] = {}
    for node in ast.walk(ast.parse("".join(linecache.getlines(path)))):
        for target, first, last in _targets(node):
            parts = target.elts if isinstance(target, ast.Tuple) else [target]
            names = tuple(part.id for part in parts if isinstance(part, ast.Name))
            if len(names) == len(parts):
                found |= dict.fromkeys(range(first, last + 1), names)
    return found


def _targets(node: ast.AST) -> Iterator[tuple[ast.expr, int, int]]:
    if isinstance(node, ast.Assign):
        yield node.targets[0], node.lineno, node.end_lineno or node.lineno
    elif isinstance(node, ast.With):
        for item in node.items:
            if item.optional_vars is not None:
                yield item.optional_vars, node.lineno, node.lineno
