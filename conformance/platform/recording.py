"""Recording the steps of a check: their order, their names, and what may be used where."""

from __future__ import annotations

import inspect
from contextlib import contextmanager
from typing import TYPE_CHECKING

from . import names
from .results import Result
from .steps import Block, Comparison, Condition, ErrnoOf, Expectation, Fd, Field, Step, Value

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from types import FrameType

    from .steps import Given, Item, Plain

_MOST = 400  # steps; a program is to be read


class Recording:
    """What has been recorded so far; which operations there are is for :class:`.script.Script`."""

    def __init__(self) -> None:
        self.body: list[Item] = []
        self.names: dict[str, str] = {}  # of what the steps give, and what that is
        self._open = self.body
        self._place: tuple[int, ...] = ()
        self._count = 0

    # -- what is expected ---------------------------------------------------------------------

    def expect(self, seen: Value | Condition, wanted: Plain | str, words: str = "") -> None:
        """Expect that a value is *wanted*, or that a condition holds; *words* say what is wrong.

        Of a condition, such as ``a.equals(1) | b.at_least(2)``, only the words are given.
        """
        if isinstance(seen, Condition):
            assert isinstance(wanted, str)
            self._expects(Expectation(seen, wanted))
        else:
            self._expects(Expectation(Comparison(seen, "is", _plain(wanted)), words))

    def need(self, condition: Condition, words: str) -> None:
        """Skip the check unless this holds; *words* say what is lacking."""
        self._expects(Expectation(condition, words, needed=True))

    def _expects(self, expectation: Expectation) -> None:
        if not expectation.words:
            raise ValueError("an expectation has to say in words what is wrong")
        for value in expectation.condition.values():
            self._check(value)
        self._open.append(expectation)

    # -- recording ----------------------------------------------------------------------------

    def may_use(self, step: Step) -> None:
        """Refuse what is known in another process only."""
        if step.place != self._place[: len(step.place)]:
            raise ValueError(f"{step.name}: what a child has is not known outside of its block")

    def _check(self, used: Fd | Value) -> None:
        """Refuse a descriptor or a value that is not known here."""
        for leaf in used.leaves() if isinstance(used, Value) else [used]:
            known_by = leaf.fd if isinstance(leaf, ErrnoOf) else leaf
            if isinstance(known_by, Fd | Field) and known_by.step is not None:
                self.may_use(known_by.step)

    def _one(self, operation: str, *arguments: Given) -> Fd:
        step = self._step(operation, "descriptor", "", arguments)
        return Fd(step.name, step)

    def _two(self, operation: str, *arguments: Given) -> tuple[Fd, Fd]:
        step = self._step(operation, "pair", "", arguments)
        one, other = step.names
        return Fd(one, step), Fd(other, step)

    def _result(self, operation: str, told: str, *arguments: Given) -> Result:
        return Result(self.may_use, self._step(operation, "result", told, arguments))

    def _value(self, operation: str, *arguments: Given, told: str = "number") -> Value:
        return self._step(operation, "result", told, arguments).field(told)

    def _step(self, operation: str, gives: str, told: str, arguments: Sequence[Given]) -> Step:
        self._count += 1
        if self._count > _MOST:
            raise ValueError(f"more than {_MOST} steps: use repeat")
        made = tuple(arguments)
        for argument in made:
            if isinstance(argument, Fd | Value):
                self._check(argument)
        given = names.given(_caller())
        if gives == "pair":
            base = given[0] if given else operation
            wanted = given if len(given) == 2 else (f"{base}_a", f"{base}_b")
            named = (self._new(wanted[0], "descriptor"), self._new(wanted[1], "descriptor"))
            step = Step("_".join(named), operation, made, gives, told, self._place, names=named)
        else:
            name = self._new(given[0] if len(given) == 1 else f"{operation}_{self._count}", gives)
            step = Step(name, operation, made, gives, told, self._place, names=(name,))
        self._open.append(step)
        return step

    def _new(self, wanted: str, gives: str) -> str:
        base = f"{wanted}_" if wanted in names.RESERVED else wanted
        name, number = base, 1
        while name in self.names:
            number += 1
            name = f"{base}_{number}"
        self.names[name] = gives
        return name

    @contextmanager
    def _block(self, kind: str, times: int = 0) -> Iterator[Block]:
        name = ""
        if kind == "process":
            given = names.given(_caller())
            name = self._new(given[0] if given else "process", "process")
        block = Block(kind, name, times)
        self._open.append(block)
        outer, place = self._open, self._place
        self._open = block.body
        if kind != "repeat":
            self._count += 1
            self._place = (*place, self._count)
        try:
            yield block
        finally:
            self._open, self._place = outer, place


def _plain(wanted: Plain) -> Plain:
    return int(wanted) if isinstance(wanted, bool) else wanted


def _caller() -> FrameType | None:
    return inspect.currentframe()
