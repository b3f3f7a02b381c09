"""The line loop of a peer program: a request a line in, an answer a line out.

It knows the shape of requests and answers, and nothing of descriptors or passers. It reads and
writes descriptors 0 and 1 themselves, since a buffer would keep requests that belong to the other
process after a fork. Everything it may need is imported at the start: with a full descriptor
table nothing can be imported.
"""

from __future__ import annotations

import errno
import json
import os
import select

TYPE_CHECKING = False  # importing typing would double the time to start
if TYPE_CHECKING:
    from typing import Any, Protocol

    class Operations(Protocol):
        """What a peer program can do: a method ``op_NAME`` for each operation."""

        def condition_of(self, error: Exception) -> str | None:
            """Name the condition that *error* stands for, or None: a fault of the peer."""


class BadRequest(Exception):
    """The request does not follow the protocol."""


class Forked(BaseException):
    """This is the child of a fork; it answers the next request, not this one."""


class Request(dict):  # type: ignore[type-arg]
    """The fields of a request."""

    def __missing__(self, field: str) -> Any:
        raise BadRequest(f"the request lacks {field!r}")


def wait_for(fd: int, event: int, timeout: float | None) -> bool:
    """Wait until *fd* is ready for *event*, for at most *timeout* seconds; tell whether it is."""
    waiting = select.poll()
    waiting.register(fd, event)
    return bool(waiting.poll(None if timeout is None else timeout * 1000))


class Session:
    """One conversation with the harness."""

    def __init__(self, operations: Operations) -> None:
        self._operations = operations
        self._unread = b""

    def run(self) -> None:
        """Answer requests until the end of standard input."""
        while line := self._read_line():
            try:
                answer = self._answer(Request(json.loads(line)))
            except Forked:
                self._unread = b""
            else:
                _write_all(json.dumps(answer).encode() + b"\n")

    def _read_line(self) -> bytes:
        while b"\n" not in self._unread:
            try:
                some = os.read(0, 65536)
            except BlockingIOError:  # spurious, as some systems are
                wait_for(0, select.POLLIN, None)
                continue
            if not some:
                return b""
            self._unread += some
        line, _, self._unread = self._unread.partition(b"\n")
        return line

    def _answer(self, request: Request) -> dict[str, object]:
        answer: dict[str, object] = {"id": request["id"]}
        operation = getattr(self._operations, f"op_{request['op']}", None)
        if operation is None:
            return answer | {"unsupported": {"reason": "unknown operation"}}
        try:
            return answer | {"ok": operation(request) or {}}
        except BadRequest as refusal:
            return answer | {"error": {"class": "usage", "name": "usage", "message": str(refusal)}}
        except Exception as error:
            condition = self._operations.condition_of(error)
            if condition is None:
                raise  # a fault of this program: it dies, and standard error tells why
            return answer | {"error": _described(error, condition)}


def _described(error: Exception, condition: str) -> dict[str, object]:
    described: dict[str, object] = {
        "class": "os" if condition == "os" else "passer",
        "name": condition,
        "message": str(error),
    }
    number = getattr(error, "errno", None)
    if number is not None:
        described["errno"] = errno.errorcode.get(number, str(number))
    for detail in ("lost", "accepted"):
        if hasattr(error, detail):
            described[detail] = getattr(error, detail)
    return described


def _write_all(line: bytes) -> None:
    while line:
        try:
            line = line[os.write(1, line) :]
        except BlockingIOError:
            wait_for(1, select.POLLOUT, None)
