"""What a step of a script gives, as the check sees it: fields of which nothing is known yet."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .steps import ALL, Fd

if TYPE_CHECKING:
    from collections.abc import Callable

    from .steps import Field, Step, Value


class Result:
    """What a step gave. Who asks for ``errno`` allows the step to fail; else it has to succeed."""

    def __init__(self, may_use: Callable[[Step], None], step: Step) -> None:
        """Refuse by *may_use* what is known in another process only."""
        self._may_use = may_use
        self._step = step

    def _field(self, name: str) -> Value:
        self._may_use(self._step)
        if name not in ("errno", *self._step.told.split()):
            raise ValueError(f"{self._step.operation} gives no {name}")
        return self._step.field(name)

    @property
    def errno(self) -> Value:
        """The name of the error, such as ``"EAGAIN"``; ``""`` if there was none."""
        self._step.may_fail = True
        return self._field("errno")

    @property
    def count(self) -> Value:
        """How many bytes went or came; of :meth:`Script.flood`, how many messages went."""
        return self._field("count")

    @property
    def data(self) -> Value:
        """The bytes that came."""
        return self._field("data")

    @property
    def readable(self) -> Value:
        """Whether poll tells of something to be read."""
        return self._field("readable")

    @property
    def writable(self) -> Value:
        """Whether poll tells of room."""
        return self._field("writable")

    @property
    def hangup(self) -> Value:
        """Whether poll tells that the other end is closed (POLLHUP)."""
        return self._field("hangup")


class Received(Result):
    """What :meth:`Script.recv` gave."""

    @property
    def fds(self) -> Value:
        """How many descriptors came."""
        return self._field("fds")

    @property
    def messages(self) -> Value:
        """How many control messages came."""
        return self._field("messages")

    @property
    def ctrunc(self) -> Value:
        """Whether MSG_CTRUNC was set: control data was truncated."""
        return self._field("ctrunc")

    @property
    def trunc(self) -> Value:
        """Whether MSG_TRUNC was set: data was truncated."""
        return self._field("trunc")

    @property
    def overrun(self) -> Value:
        """Whether a control message says that it goes on beyond the control buffer."""
        return self._field("overrun")

    @property
    def addresses(self) -> Value:
        """How many numbers in the control data look like addresses of the kernel; inspect only."""
        return self._field("addresses")

    @property
    def unopened(self) -> Value:
        """How many of the descriptors told of are not open; inspect only."""
        return self._field("unopened")

    @property
    def stale(self) -> Value:
        """How many bytes of padding are neither zero nor as they were; inspect only."""
        return self._field("stale")

    @property
    def beyond(self) -> Value:
        """How many bytes have changed behind what is told of; inspect only."""
        return self._field("beyond")

    @property
    def others(self) -> Value:
        """How many bytes are unlike the first one; drain only."""
        return self._field("others")

    @property
    def all(self) -> Field:
        """Everything that the step gave, for another step to look at."""
        self._may_use(self._step)
        return self._step.field(ALL)

    def fd(self, index: int = 0) -> Fd:
        """Give one of the descriptors that came; to use one that did not come fails the check."""
        if self._step.operation in {"drain", "recv_each"}:
            raise ValueError("what was received is closed")
        self._may_use(self._step)
        return Fd(self._step.name, self._step, index)
