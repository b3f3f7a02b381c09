"""What a script is made of: steps, the values they give, and what is expected of these.

Pure: nothing here makes a system call, or knows in which language the steps will be written.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Union

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

NUMBERS = (
    "number",
    "count",
    "fds",
    "messages",
    "ctrunc",
    "trunc",
    "overrun",
    "readable",
    "writable",
    "hangup",
    "addresses",
    "unopened",
    "stale",
    "beyond",
    "others",
)
"""The fields of a result that are numbers; a truth is 1 or 0."""
TEXTS = ("errno", "text")
"""Those that are words."""
KINDS = dict.fromkeys(NUMBERS, "number") | dict.fromkeys(TEXTS, "text") | {"data": "data"}


@dataclass(eq=False)
class Step:
    """One call of an operation; ``told`` names the fields of what it gives."""

    name: str
    operation: str
    arguments: tuple[Given, ...]
    gives: str  # "result", "descriptor", "pair" or "process"
    told: str
    place: tuple[int, ...]  # the processes it stands in
    may_fail: bool = False
    names: tuple[str, ...] = ()  # of the descriptors it gives

    def field(self, name: str) -> Field:
        """Give a field of what it gives."""
        return Field(self, name)


@dataclass(eq=False)
class Block:
    """Steps that are done several times, or by another process."""

    kind: str  # "repeat", "child" or "process"
    name: str
    times: int = 0
    body: list[Item] = field(default_factory=list)

    def steps(self) -> int:
        """Count its steps, those of blocks in it included."""
        return sum(1 for _ in operations(self.body))


def operations(items: Sequence[Item]) -> Iterator[str]:
    """Name the operations in the order in which they are done; programs count them so."""
    for item in items:
        if isinstance(item, Step):
            yield item.operation
        elif isinstance(item, Block):
            if item.kind != "repeat":
                yield item.kind
            for _ in range(item.times or 1):
                yield from operations(item.body)


# -- values ---------------------------------------------------------------------------------------


class Value:
    """Something that the program knows when it runs: a number, a word or some bytes."""

    @property
    def kind(self) -> str:
        """Whether it is a number, a text or data."""
        return "number"

    def leaves(self) -> list[Value]:
        """List what it is computed from."""
        return [self]

    def equals(self, wanted: Plain) -> Condition:
        """Tell whether it is *wanted*."""
        return Comparison(self, "is", wanted)

    def at_least(self, wanted: Plain) -> Condition:
        """Tell whether it is *wanted* or more."""
        return Comparison(self, "is at least", wanted)

    def at_most(self, wanted: Plain) -> Condition:
        """Tell whether it is *wanted* or less."""
        return Comparison(self, "is at most", wanted)

    def is_one_of(self, *wanted: Plain) -> Condition:
        """Tell whether it is one of these."""
        return Either(tuple(self.equals(one) for one in wanted))

    def __add__(self, other: int | Value) -> Sum:
        return Sum(self, "+", other)

    def __sub__(self, other: int | Value) -> Sum:
        return Sum(self, "-", other)


@dataclass(eq=False)
class Field(Value):
    """A field of what a step gives."""

    step: Step
    name: str

    @property
    def kind(self) -> str:
        """As the field is."""
        return KINDS[self.name]

    def __str__(self) -> str:
        return (
            self.step.name if self.name in {"number", "text"} else f"{self.step.name}.{self.name}"
        )


ALL = "all"
"""In place of the name of a field: everything that a step gave, for another step to look at."""


@dataclass(eq=False)
class ErrnoOf(Value):
    """The name of the error of a step that was to give a descriptor; empty if it gave one."""

    fd: Fd

    @property
    def kind(self) -> str:
        """Always a text."""
        return "text"

    def __str__(self) -> str:
        return f"{self.fd.name}.errno"


@dataclass(eq=False)
class Room(Value):
    """Bytes of control buffer for some descriptors: by CMSG_SPACE (space) or CMSG_LEN (length)."""

    macro: str
    descriptors: int

    def leaves(self) -> list[Value]:
        """List nothing: it is not seen, it is given."""
        return []

    def __str__(self) -> str:
        return f"{self.macro}({self.descriptors})"


@dataclass(eq=False)
class Sum(Value):
    """A sum or a difference."""

    left: Value
    sign: str
    right: int | Value

    def leaves(self) -> list[Value]:
        """List those of both sides."""
        right = self.right.leaves() if isinstance(self.right, Value) else []
        return [*self.left.leaves(), *right]

    def __str__(self) -> str:
        return f"{self.left} {self.sign} {self.right}"


def space(descriptors: int) -> Room:
    """Give the room that CMSG_SPACE says some descriptors take."""
    return Room("space", descriptors)


def length(descriptors: int) -> Room:
    """Give the room that CMSG_LEN says some descriptors take: without padding at the end."""
    return Room("length", descriptors)


# -- conditions -----------------------------------------------------------------------------------


class Condition:
    """What may hold or not; ``|`` and ``&`` join two of them."""

    def __or__(self, other: Condition) -> Condition:
        return Either((self, other))

    def __and__(self, other: Condition) -> Condition:
        return Both((self, other))

    def values(self) -> list[Value]:
        """List what it looks at."""
        raise NotImplementedError


@dataclass(eq=False)
class Comparison(Condition):
    """A value and what it is compared to."""

    value: Value
    how: str
    wanted: Plain

    def values(self) -> list[Value]:
        """List both sides, as far as they are not known beforehand."""
        sides = (self.value, self.wanted)
        return [leaf for side in sides if isinstance(side, Value) for leaf in side.leaves()]

    def __str__(self) -> str:
        wanted = self.wanted
        shown = wanted if isinstance(wanted, Value | int) else shown_bytes(wanted)
        return f"{self.value} {self.how} {shown}"


@dataclass(eq=False)
class Either(Condition):
    """One of several has to hold."""

    parts: tuple[Condition, ...]

    @property
    def word(self) -> str:
        """What stands between the parts."""
        return "or"

    def values(self) -> list[Value]:
        """List what all of them look at."""
        return [value for part in self.parts for value in part.values()]

    def __str__(self) -> str:
        return f" {self.word} ".join(map(str, self.parts))


class Both(Either):
    """All of them have to hold."""

    @property
    def word(self) -> str:
        """What stands between the parts."""
        return "and"


def shown_bytes(data: bytes | str) -> str:
    """Write some bytes or a word as the programs do."""
    if isinstance(data, str):
        return data or "no error"
    if len(data) > 64:
        return f"{shown_bytes(data[:16])}... {len(data)} bytes"
    return "".join(chr(byte) if 32 <= byte < 127 else f"\\x{byte:02x}" for byte in data)


@dataclass(eq=False)
class Expectation:
    """What has to hold here; ``needed``: else the check cannot be tried at all."""

    condition: Condition
    words: str
    needed: bool = False


# -- what operations are given --------------------------------------------------------------------


@dataclass(eq=False)
class Fd:
    """A descriptor of the program, by its name there, or by its number."""

    name: str
    step: Step | None = None  # that made it
    index: int | None = None  # among those that the step has received
    number: int | None = None

    @property
    def errno(self) -> Value:
        """The name of the error, if there is no such descriptor; who asks allows it to fail."""
        if self.step is None or self.index is not None:
            raise ValueError("only a descriptor that was opened by a step of its own has an errno")
        self.step.may_fail = True
        return ErrnoOf(self)


@dataclass(eq=False)
class Part:
    """A control message of level SOL_SOCKET, with descriptors or with other data."""

    fds: tuple[Fd, ...] = ()
    type: str = "RIGHTS"  # the end of a name SCM_, or a number
    data: bytes | None = None
    all_of: Field | None = None  # all descriptors that a step gave, in place of fds


Plain = Union[int, str, bytes, Value]  # noqa: UP007
Given = Union[int, str, bytes, Value, Fd, "tuple[Part, ...]"]
Item = Union[Step, Block, Expectation]  # noqa: UP007
