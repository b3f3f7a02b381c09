# ruff: noqa: D102, ARG002  documented once, in the Protocol
r"""How descriptors are announced on the wire. Pure: it makes no system call.

    name       bytes of a message       descriptors in it   spoken by
    nul        a NUL for each           n                   IO::FDPass, Ruby, OpenSSH; the usual one
    count      one byte, n % 256        n                   multiprocessing, but see the next
    count-ack  the same; an A answers   n                   multiprocessing since Python 3.14, and
                                                            on macOS that of any Python
    bang       one !                    n, not told         libancillary
    word0      four NULs                1                   Rust's passfd

The user's own bytes travel in *nul* only, before the NUL. In *bang* nothing tells how many came,
so that only the system can tell a loss. In *count-ack* each message is answered once it has come
out of the channel; multiprocessing takes any byte for the answer while it waits for that, so do not
send to it then. The Windows backend speaks one of its own, *win32*: process and handle
(:mod:`fdpass.backends.records`).

Source: Lib/multiprocessing/reduction.py, sendfds and recvfds, ACKNOWLEDGE before 3.14; libancillary
fd_send.c; passfd 0.1 src/lib.rs.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Protocol

    from .backends import Backend

    Announced = list[tuple[int, bytes]]

    class Dialect(Protocol):
        """What the two halves of a passer have to know of a dialect."""

        NAME: str
        RULE: str
        MOST: int  # descriptors in a message
        TELLS_HOW_MANY: bool
        ANSWER: bytes  # to each message that has come

        def message(self, payload: bytes | Sequence[bytes], count: int) -> bytes:
            """Give the bytes that *count* descriptors go with, *payload* with each, if it can."""

        def went(self, messages: int) -> None:
            """Note how many more messages an answer is due to; fewer, if one did not go."""

        def is_plain(self, data: bytes, count: int) -> bool:
            """Tell whether *data* announces just the *count* descriptors that came, and no more."""

        def due(self, text: bytes, data: bytes) -> int:
            """Tell how many descriptors, at least, *data* announces after *text* that came."""

        def beyond(self, text: bytes, data: bytes, in_hand: int) -> bytes:
            """Give what of *data* stands after the bytes that *in_hand* descriptors wait for."""

        def read(self, data: bytes, here: int) -> tuple[Announced, bytes]:
            """Give how many descriptors each part of *data* announces, its text, and the rest.

            *here* descriptors have come.

            Raises:
                ValueError: there is something else in it; the message says what.

            """


# No message of any known system carries more; see scm_rights.
_ANY = 1 << 30


class _Unanswered:
    ANSWER = b""

    def went(self, messages: int) -> None:
        """Nothing is due to it."""


class Nul(_Unanswered):
    """One NUL for each descriptor, text before it."""

    NAME = "nul"
    RULE = "one NUL for each descriptor"
    MOST = _ANY
    TELLS_HOW_MANY = True

    def message(self, payload: bytes | Sequence[bytes], count: int) -> bytes:
        return payload * count if isinstance(payload, bytes) else b"".join(payload)

    def is_plain(self, data: bytes, count: int) -> bool:
        return len(data) == count == data.count(0)

    def due(self, text: bytes, data: bytes) -> int:
        return data.count(0)

    def beyond(self, text: bytes, data: bytes, in_hand: int) -> bytes:
        parts = data.split(b"\0", in_hand)
        return parts[-1] if len(parts) > in_hand else b""

    def read(self, data: bytes, here: int) -> tuple[Announced, bytes]:
        *notes, text = data.split(b"\0")
        return [(1, note) for note in notes], text


class _Byte(_Unanswered):
    """One byte for each message, so nothing is ever half announced."""

    def beyond(self, text: bytes, data: bytes, in_hand: int) -> bytes:
        return data


class Count(_Byte):
    """One byte for each message, the number of its descriptors.

    Not of 256 and its multiples, whose byte would be that of none.
    """

    NAME = "count"
    RULE = "one byte for each message, the number of its descriptors"
    MOST = 255
    TELLS_HOW_MANY = True

    def message(self, payload: bytes | Sequence[bytes], count: int) -> bytes:
        return bytes([count])

    def is_plain(self, data: bytes, count: int) -> bool:
        return len(data) == 1 and data[0] == count

    def due(self, text: bytes, data: bytes) -> int:
        return sum(data)

    def read(self, data: bytes, here: int) -> tuple[Announced, bytes]:
        if 0 in data:
            raise ValueError(f"a message says that it has none, and {here} came")
        if here > sum(data):
            raise ValueError(f"{sum(data)} were announced, and {here} came")
        return [(count, b"") for count in data], b""


class CountAck(Count):
    """As count, and each message is answered by an A.

    That is also the byte of 65 descriptors. So none of ours has as many, and of the peer's an A is
    an answer while one is due, unless descriptors came that it alone can announce.
    """

    NAME = "count-ack"
    RULE = "one byte for each message, the number of its descriptors, or an A that answers one"
    MOST = 64
    ANSWER = b"A"

    def __init__(self) -> None:
        # One half of the passer writes the first, and the other half the second.
        self._went = self._answered = 0

    def went(self, messages: int) -> None:
        self._went += messages

    def is_plain(self, data: bytes, count: int) -> bool:
        return False

    def due(self, text: bytes, data: bytes) -> int:
        return sum(data[self._answers(data) :])

    def read(self, data: bytes, here: int) -> tuple[Announced, bytes]:
        answers = self._answers(data)
        if answers and here > sum(data[answers:]):
            answers -= 1
        self._answered += answers
        return super().read(data[answers:], here)

    def _answers(self, data: bytes) -> int:
        first = len(data) - len(data.lstrip(self.ANSWER))
        return min(first, self._went - self._answered)


class Bang(_Byte):
    """One ! for each message, however many descriptors it has."""

    NAME = "bang"
    RULE = "one ! for each message"
    MOST = _ANY
    TELLS_HOW_MANY = False

    def message(self, payload: bytes | Sequence[bytes], count: int) -> bytes:
        return b"!" if count else b""

    def is_plain(self, data: bytes, count: int) -> bool:
        return data == b"!" and count > 0

    def due(self, text: bytes, data: bytes) -> int:
        return data.count(b"!")

    def read(self, data: bytes, here: int) -> tuple[Announced, bytes]:
        if odd := data.strip(b"!"):
            raise ValueError(f"{odd[:16]!r} came")
        # Descriptors end what a receive gives: any ! but one has lost its own.
        came = [(here, b"")] if here else []
        return came + [(1, b"")] * (len(data) - len(came)), b""


class Word0(_Unanswered):
    """Four NULs for each descriptor, which is alone in its message."""

    NAME = "word0"
    RULE = "four NULs for each descriptor"
    MOST = 1
    TELLS_HOW_MANY = True
    _SIZE = 4

    def message(self, payload: bytes | Sequence[bytes], count: int) -> bytes:
        return bytes(self._SIZE * count)

    def is_plain(self, data: bytes, count: int) -> bool:
        return data == bytes(self._SIZE) and count == 1

    def due(self, text: bytes, data: bytes) -> int:
        return (len(text) + len(data)) // self._SIZE

    def beyond(self, text: bytes, data: bytes, in_hand: int) -> bytes:
        return data[max(0, in_hand * self._SIZE - len(text)) :]

    def read(self, data: bytes, here: int) -> tuple[Announced, bytes]:
        if odd := data.strip(b"\0"):
            raise ValueError(f"{odd[:16]!r} came")
        whole, rest = divmod(len(data), self._SIZE)
        if here > whole + bool(rest):
            raise ValueError(f"{len(data)} NULs and {here} descriptors came")
        return [(1, b"")] * whole, data[len(data) - rest :]


NUL: Dialect = Nul()
"""The usual one; like all but count-ack it has no state, and may serve many passers."""
DIALECTS: tuple[type[Dialect], ...] = (Nul, Count, CountAck, Bang, Word0)


def available(backend: Backend) -> tuple[str, ...]:
    """Give the names of the dialects that go over an interface, the usual one first."""
    if not backend.CARRIES_TEXT:
        return (NUL.NAME,)
    return tuple(dialect.NAME for dialect in DIALECTS)


def choose(backend: Backend, name: str) -> Dialect:
    """Give the dialect of that name, for one passer.

    Raises:
        ValueError: there is none, or it does not go over this interface; the message says why.

    """
    known = {dialect.NAME: dialect for dialect in DIALECTS}
    if name not in known:
        raise ValueError(f"no dialect {name!r}; known: {', '.join(known)}")
    if name not in available(backend):
        raise ValueError(
            f"no bytes of ours go over {backend.NAME}: there is no {name} but {NUL.NAME}"
        )
    return known[name]()
