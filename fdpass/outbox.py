"""The sending half of a passer: a queue, and handing over to the system what it takes.

A descriptor counts as sent when the system has it. Those in the queue are duplicates that the
outbox owns, so that the caller may close its own at once.
"""

from __future__ import annotations

import errno
import os
import threading
from collections import deque
from itertools import islice

from .dialects import NUL
from .errors import QueueFull, SentInPart
from .table import close_all

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from .backends import Backend, Endpoint
    from .dialects import Dialect

# How many of the queue are looked at in one go.
_AT_ONCE = 256


class Outbox:
    """Descriptors on their way into the channel; any number of threads may add to it."""

    def __init__(
        self,
        backend: Backend,
        endpoint: Endpoint,
        batch: int,
        max_queued: int,
        dialect: Dialect = NUL,
    ) -> None:
        self._endpoint = endpoint
        self._dialect = dialect
        self._answered = bool(dialect.ANSWER)
        self._message = dialect.message
        self._due = dialect.due
        self._send = endpoint.send
        self._try_later = backend.TRY_LATER
        self._too_many = backend.TOO_MANY
        self._batch = min(batch, backend.MOST_PER_MESSAGE, dialect.MOST)
        self._max_queued = max_queued
        self._queue: deque[tuple[int, bytes]] = deque()
        self._rest = b""  # of a message whose descriptors have gone with its first byte
        self._answers = 0  # to the peer's messages, still to be sent
        self.stuck = False  # the system must recover first: that it is writable means nothing
        self.lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._queue)

    @property
    def is_waiting(self) -> bool:
        """Whether something waits for the channel to take more."""
        return bool(self._queue or self._rest or self._answers)

    def submit(self, fds: Sequence[int], payload: bytes, *, close: bool) -> None:
        """Hand *fds* over or queue them, *payload* with each; close them if so asked.

        Raises:
            QueueFull: no room; none was accepted.
            SentInPart: the system refused after the first few.
            OSError: the system refused; none was accepted.

        """
        with self.lock:
            accepted, refusal = self._submit(fds, payload, close=close)
        if refusal is not None:
            if accepted:
                raise SentInPart(refusal, accepted, len(fds)) from refusal
            raise refusal

    def _submit(
        self, fds: Sequence[int], payload: bytes, *, close: bool
    ) -> tuple[int, OSError | None]:
        due = len(fds)
        if self.is_waiting and (refusal := self._drain()):
            return 0, refusal
        room = self._max_queued - len(self._queue)
        # One message goes whole or not at all; several might go in part, and then find no room.
        if due > room and (self.is_waiting or due > self._batch):
            return 0, self._full(due, room)
        accepted, refusal = 0, None
        if not self.is_waiting:
            accepted, refusal = self._hand_over(fds, payload)
            if close:
                close_all(fds[:accepted])
        if refusal is None and accepted < due:
            if due - accepted > room:
                return accepted, self._full(due - accepted, room)
            try:
                for fd in fds[accepted:]:
                    if close:
                        os.fstat(fd)  # one that is not open is refused now, not in its turn
                    self._queue.append((fd if close else os.dup(fd), payload))
                    accepted += 1
            except OSError as error:
                refusal = error
        return accepted, refusal

    def _full(self, due: int, room: int) -> QueueFull:
        return QueueFull(
            errno.EAGAIN,
            f"the channel is full; {due} descriptors came, and the queue has room for {room} "
            f"of {self._max_queued}",
        )

    def answer(self, messages: int) -> None:
        """Answer the peer's messages as the dialect asks, or do so when there is room."""
        with self.lock:
            self._answers += messages
            self._drain()  # what is refused is told when it is flushed

    def drain(self) -> None:
        """Hand over as much of the queue as the system takes now.

        Raises:
            OSError: the system refused for good; what it refused stays in the queue.

        """
        with self.lock:
            if refusal := self._drain():
                raise refusal

    def _drain(self) -> OSError | None:
        try:
            if not (self._finish_rest() and self._finish_answers()):
                return None
        except OSError as error:
            return error
        while self._queue:
            some = list(islice(self._queue, _AT_ONCE))
            handed, refusal = self._hand_over([fd for fd, _ in some], [data for _, data in some])
            for _ in range(handed):
                os.close(self._queue.popleft()[0])
            if refusal or self._rest or handed < len(some):
                return refusal
        return None

    def _hand_over(
        self, fds: Sequence[int], payload: bytes | Sequence[bytes]
    ) -> tuple[int, OSError | None]:
        """Give the system message after message; tell how many went, and what it refused with."""
        most, gone = self._batch, 0
        while gone < len(fds):
            some = fds[gone : gone + most]
            notes = payload if isinstance(payload, bytes) else payload[gone : gone + most]
            data = self._message(notes, len(some))
            if self._answered:
                self._dialect.went(1)  # before the answer can come
            try:
                taken = self._send(data, some)
            except OSError as error:
                if self._answered:
                    self._dialect.went(-1)
                if error.errno in self._try_later:
                    self.stuck = not isinstance(error, BlockingIOError)
                    return gone, None
                if error.errno not in self._too_many or len(some) == 1:
                    return gone, error
                most = len(some) // 2
                continue
            self.stuck = False
            gone += len(some)
            if taken < len(data):
                self._rest = data[taken:]
                try:
                    finished = self._finish_rest()
                except OSError:  # these have gone all the same; the next call tells it
                    finished = False
                if not finished:
                    break
        return gone, None

    def _finish_rest(self) -> bool:
        """Send what is left of a message; tell whether all of it has gone."""
        while self._rest:
            taken = self._offer(self._rest)
            if not taken:
                return False
            self._rest = self._rest[taken:]
        return True

    def _finish_answers(self) -> bool:
        while self._answers:
            try:
                taken = self._offer(self._dialect.ANSWER * self._answers)
            except OSError:
                taken = self._answers  # nobody is there who waits for them
            if not taken:
                return False
            self._answers -= taken
        return True

    def _offer(self, data: bytes) -> int:
        """Give the system bytes alone; tell how many it took, none if it is to be asked later."""
        try:
            return self._send(data, ())
        except OSError as error:
            if error.errno not in self._try_later:
                raise
            self.stuck = not isinstance(error, BlockingIOError)
            return 0

    def close(self) -> int:
        """Close what waits; tell how many descriptors will not arrive."""
        left = len(self._queue)
        if self._rest:
            left += max(1, self._due(b"", self._rest))
        close_all(fd for fd, _ in self._queue)
        self._queue.clear()
        self._rest, self._answers = b"", 0
        return left
