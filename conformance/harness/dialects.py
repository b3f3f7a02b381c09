"""Dialects: by which bytes a descriptor is announced, as far as the suite says them itself.

Only the checks that send raw messages need to know. Framings with a payload are not spoken here.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, NamedTuple

from ..errors import Lacking

if TYPE_CHECKING:
    from collections.abc import Callable

USUAL = "nul"
"""What a peer speaks that says nothing of dialects."""

_ANSWERED = sys.version_info >= (3, 14) or sys.platform == "darwin"
MULTIPROCESSING = "count-ack" if _ANSWERED else "count"
"""What ``multiprocessing`` speaks in this Python (Lib/multiprocessing/reduction.py)."""

FRAMED = {
    "count-ack": "count with an answer to each message",
    "netlen": "a length, a number of descriptors, and a payload",
    "imsg": "the header of an imsg, and a payload",
    "jsonl": "a line of JSON",
    "win32": "records, and no descriptors beside them",
}
"""What goes over the channel in the dialects that the suite does not speak."""


class Dialect(NamedTuple):
    """What the suite has to know of a dialect to send raw messages in it."""

    name: str
    message: Callable[[int], bytes]
    """Gives the bytes that announce so many descriptors, which come with the first of them."""
    in_parts: tuple[int, bytes, bytes] | None = None
    """A message that a channel can cut: for how many descriptors, its first byte, and the rest."""
    takes_any_byte: bool = False
    """Whether no byte is wrong by itself."""

    @property
    def one(self) -> bytes:
        """What announces one descriptor."""
        return self.message(1)

    def cut_in_two(self) -> tuple[int, bytes, bytes]:
        """Give a message in two parts, and the number of descriptors that come with the first.

        Raises:
            Lacking: a message is one byte.

        """
        if self.in_parts is None:
            raise Lacking(f"a message of the dialect {self.name} is one byte: nothing can cut it")
        return self.in_parts

    def needs_a_mark(self) -> None:
        """Say that what needs bytes that are wrong by themselves cannot be tried.

        Raises:
            Lacking: none is.

        """
        if self.takes_any_byte:
            raise Lacking(
                f"in the dialect {self.name} every byte is a number of descriptors: text cannot be "
                "told from a loss"
            )


SPOKEN: dict[str, Dialect] = {
    "nul": Dialect("nul", bytes, (3, b"\0", b"\0\0")),
    "count": Dialect("count", lambda count: bytes([count % 256]), takes_any_byte=True),
    "bang": Dialect("bang", lambda _: b"!"),
    "word0": Dialect("word0", lambda _: bytes(4), (1, b"\0", bytes(3))),
}
"""Those in which the suite sends raw messages."""


def carries_bytes(name: str) -> bool:
    """Tell whether bytes of the user go beside a descriptor: in the usual one, and in framings."""
    return name == USUAL or name not in {*SPOKEN, "count-ack"}


def spoken(name: str) -> Dialect:
    """Give a dialect that the suite speaks.

    Raises:
        Lacking: it is another.

    """
    if name not in SPOKEN:
        framing = FRAMED.get(name, "something that the suite does not know")
        raise Lacking(f"raw messages are not sent in the dialect {name}, which is {framing}")
    return SPOKEN[name]
