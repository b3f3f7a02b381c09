"""The text of a baseline file, cut into its ``[[expect]]`` blocks, so that they can be rewritten.

Pure: it makes no system call. It knows where a block begins and ends, and the place of a key in
it; what TOML means by it is asked of the parser.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from .. import toml

if TYPE_CHECKING:
    from collections.abc import Sequence

KEYS = ("check", "when", "status", "match", "reason", "url", "evidence", "expires")
"""The keys of a line, in the order in which they are written."""

_HEADER = re.compile(r"[ \t]*\[\[[ \t]*expect[ \t]*\]\][ \t]*(#.*)?")


@dataclass(frozen=True)
class Block:
    """One line of a baseline: its comments, its header and its keys; and what stands after it.

    Comments directly above the header, or directly below the last key, belong to the block;
    ``after`` has blank rows and comments of their own, which stay when the block goes.
    """

    rows: tuple[str, ...]
    after: tuple[str, ...] = ()
    header: int = 0  # its place in `rows`

    def without_comments(self) -> Block:
        """Give the block without the comments above it."""
        return replace(self, rows=self.rows[self.header :], header=0)

    def having(self, key: str, value: Any) -> Block:
        """Give the block with this value of a key; empty: without it. A comment behind it stays."""
        first = self._place(key)
        if first is None:
            first = end = self._room_for(key)
            comment = ""
        else:
            end, was = self._extent(first)
            if was == value:
                return self
            comment = _comment(self.rows[end - 1], "\n".join(self.rows[first : end - 1]), was)
        row = (f"{key} = {written(value)}{comment}",) if value else ()
        return replace(self, rows=(*self.rows[:first], *row, *self.rows[end:]))

    def _room_for(self, key: str) -> int:
        """Find the row behind the keys that are written before this one."""
        before = (self._place(other) for other in KEYS[: KEYS.index(key)])
        return max((self._extent(p)[0] for p in before if p is not None), default=self.header + 1)

    def _extent(self, first: int) -> tuple[int, Any]:
        """Find the row behind a value, and the value."""
        for end in range(first + 1, len(self.rows) + 1):
            try:
                (value,) = toml.loads("\n".join(self.rows[first:end])).values()
            except ValueError:
                continue  # it goes on in the next row
            return end, value
        raise AssertionError("a value that was read has no end")

    def _place(self, key: str) -> int | None:
        wanted = re.compile(rf"[ \t]*[\"']?{key}[\"']?[ \t]*=")
        places = range(self.header + 1, len(self.rows))
        return next((place for place in places if wanted.match(self.rows[place])), None)


def _comment(last: str, before: str, value: Any) -> str:
    """Give what stands behind a value in its last row, from the blanks before ``#``."""
    for found in re.finditer(r"[ \t]*#", last):
        try:
            (same,) = toml.loads(f"{before}\n{last[: found.start()]}").values()
        except ValueError:
            continue  # this one stands in the value
        if same == value:
            return last[found.start() :]
    return ""


def headers(text: str) -> list[int]:
    """Give the numbers of the rows that begin a block, as editors count."""
    rows = text.split("\n")  # as TOML does, and not at every separator there is
    return [number for number, row in enumerate(rows, start=1) if _HEADER.fullmatch(row)]


def split(text: str) -> tuple[list[str], list[Block]]:
    """Cut a text into the rows before the first block, and the blocks."""
    rows = text.split("\n")
    places = [number - 1 for number in headers(text)]
    starts = [_above(rows, place) for place in places] + [len(rows)]
    found = []
    for header, start, limit in zip(places, starts, starts[1:], strict=False):
        end = _end(rows, header, limit)
        found.append(Block(tuple(rows[start:end]), tuple(rows[end:limit]), header - start))
    return rows[: starts[0]], found


def joined(rows: Sequence[str]) -> str:
    """Put rows together again, with no more than one empty row between them."""
    return re.sub(r"\n{3,}", "\n\n", "\n".join(rows)).rstrip("\n") + "\n"


def made(keys: dict[str, Any]) -> Block:
    """Make a block of what is not empty."""
    return Block(("[[expect]]", *(f"{key} = {written(keys[key])}" for key in keys if keys[key])))


def written(value: Any) -> str:
    """Write a text, or several, as TOML."""
    if isinstance(value, str):
        # What JSON escapes TOML escapes alike, but for DEL.
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    return f"[{', '.join(map(written, value))}]"


def _above(rows: Sequence[str], header: int) -> int:
    while header and rows[header - 1].lstrip().startswith("#"):
        header -= 1
    return header


def _end(rows: Sequence[str], header: int, limit: int) -> int:
    """Find the end of a block's keys, and of the comments directly below them."""
    keys = (n for n in range(header + 1, limit) if rows[n].strip() and rows[n].lstrip()[0] != "#")
    end = max(keys, default=header) + 1
    while end < limit and rows[end].strip():
        end += 1
    return end
