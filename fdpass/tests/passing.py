"""What the tests do with passers: fill a channel, receive all, and run a call aside."""

from __future__ import annotations

import os
import threading
from multiprocessing import reduction
from typing import TYPE_CHECKING

import fdpass
from fdpass.tests.descriptors import SOON, close_all, identities

if TYPE_CHECKING:
    from collections.abc import Callable


def taken(fds: list[int]) -> list[tuple[int, int]]:
    """Say what they are, and close them."""
    found = identities(fds)
    close_all(fds)
    return found


def fill_channel(passer: fdpass.Passer, fd: int) -> int:
    """Send until something waits; give how many were sent, those that wait included."""
    count = 0
    while not passer.wants_write:
        passer.send(fd)
        count += 1
    return count


def receive(passer: fdpass.Passer, count: int) -> list[tuple[int, int]]:
    got: list[tuple[int, int]] = []
    while len(got) < count:
        got += taken(passer.recv_many(SOON))
    return got


def agree(theirs: str) -> None:
    """Have multiprocessing await an answer to each message, as on macOS and since 3.14, or not."""
    if hasattr(reduction, "ACKNOWLEDGE"):
        vars(reduction)["ACKNOWLEDGE"] = theirs == "count-ack"


def feed(passer: fdpass.Passer, fds: list[int]) -> None:
    passer.send_many(fds)
    passer.flush(SOON)


class Aside(threading.Thread):
    """Runs one call aside; gives its result or its error."""

    def __init__(self, call: Callable[..., object], *args: object, **options: object) -> None:
        super().__init__(daemon=True)
        self._call, self._args, self._options = call, args, options
        self._result: object = None
        self._error: BaseException | None = None
        self.start()

    def run(self) -> None:
        try:
            self._result = self._call(*self._args, **self._options)
        except BaseException as error:
            self._error = error

    def result(self) -> object:
        self.join(SOON)

        assert not self.is_alive(), "it still waits"

        if self._error is not None:
            raise self._error
        return self._result


def is_receiving(passer: fdpass.Passer) -> bool:
    """Tell whether another thread is at it, by trying; that one may see us, too."""
    try:
        os.close(passer.recv_nowait())
    except fdpass.PasserBusy:
        return True
    except BlockingIOError:
        pass
    return False


def insistent_recv(passer: fdpass.Passer) -> int:
    """Receive, though somebody may be trying whether we do."""
    while True:
        try:
            return passer.recv(SOON)
        except fdpass.PasserBusy:
            pass
