"""Write a script as a program that stands alone: what is the same in Python and in C."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, ClassVar

from .steps import (
    ALL,
    Block,
    Comparison,
    Either,
    ErrnoOf,
    Expectation,
    Fd,
    Field,
    Part,
    Room,
    Step,
    Sum,
    Value,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from conformance.requirement import Requirement

    from .script import Script
    from .steps import Condition, Given, Item

WIDTH = 96
_SIGNS = {"is": "==", "is at least": ">=", "is at most": "<="}


class Renderer:
    """Walks through a script; a language says how each thing is written in it."""

    words: ClassVar[dict[str, str]] = {"or": "or", "and": "and"}

    def __init__(self, script: Script, requirement: Requirement) -> None:
        self.script = script
        self.requirement = requirement

    def program(self) -> str:
        """Give the whole program."""
        raise NotImplementedError

    def about(self, how: Sequence[str]) -> list[str]:
        """Give the lines of the first comment; *how* to run it, and what that tells."""
        asked = self.requirement
        return [
            f"{asked.id} ({asked.level}): {asked.summary}",
            "",
            *(line.rstrip() for line in asked.why.splitlines()),
            *([""] if asked.why else []),
            f"Source: {asked.source}",
            "",
            *how,
            "It writes a line of JSON for each step, and in the end the verdict. Exit status:",
            "0 it holds, 1 it does not, 77 it cannot be tried here, 99 the program is wrong.",
        ]

    # -- items --------------------------------------------------------------------------------

    def items(self, items: Sequence[Item], indent: str = "    ") -> Iterator[str]:
        """Give the lines of steps, expectations and blocks."""
        for item in items:
            if isinstance(item, Step):
                yield indent + self.step(item)
            elif isinstance(item, Expectation):
                yield from (indent + line for line in self.expectation(item))
            else:
                yield from self.block(item, indent)

    def step(self, step: Step) -> str:
        """Give the line of a step."""
        raise NotImplementedError

    def expectation(self, item: Expectation) -> Sequence[str]:
        """Give the lines of an expectation."""
        raise NotImplementedError

    def block(self, block: Block, indent: str) -> Iterator[str]:
        """Give the lines of a block."""
        raise NotImplementedError

    # -- what stands in a line ----------------------------------------------------------------

    def given(self, value: Given) -> str:
        """Write an argument."""
        if isinstance(value, tuple):
            return self.parts(value)
        if isinstance(value, Fd):
            return self.fd(value)
        if isinstance(value, Value):
            return self.value(value)
        return self.data(value) if isinstance(value, bytes) else json.dumps(value)

    def fd(self, fd: Fd) -> str:
        """Write a descriptor."""
        if fd.number is not None:
            return str(fd.number)
        return fd.name if fd.index is None else f"received({fd.name}, {fd.index})"

    def parts(self, parts: Sequence[Part]) -> str:
        """Write control messages."""
        raise NotImplementedError

    def data(self, data: bytes) -> str:
        """Write bytes."""
        raise NotImplementedError

    def value(self, value: Value) -> str:
        """Write a value."""
        if isinstance(value, Field) and value.name == ALL:
            return value.step.name
        if isinstance(value, Field):
            return f"{value.step.name}.{self.field(value.name)}"
        if isinstance(value, ErrnoOf):
            return f"errno_of({value.fd.name})"
        if isinstance(value, Room):
            return f"{value.macro}({value.descriptors})"
        assert isinstance(value, Sum)
        right = self.value(value.right) if isinstance(value.right, Value) else value.right
        return f"{self.value(value.left)} {value.sign} {right}"

    def field(self, name: str) -> str:
        """Write the name of a field."""
        return name

    def condition(self, condition: Condition) -> str:
        """Write a condition."""
        if isinstance(condition, Either):
            parts = [self.condition(part) for part in condition.parts]
            return "(" + f" {self.words[condition.word]} ".join(parts) + ")"
        assert isinstance(condition, Comparison)
        return self.comparison(condition, _SIGNS[condition.how])

    def comparison(self, condition: Comparison, sign: str) -> str:
        """Write a comparison."""
        return f"{self.value(condition.value)} {sign} {self.given(condition.wanted)}"


def leaves(condition: Condition) -> dict[str, Value]:
    """Give what a condition looks at, by what people call it."""
    return {str(value): value for value in condition.values()}
