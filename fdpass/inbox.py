r"""The receiving half of a passer: from bytes and descriptors as they come to descriptors in order.

How they are announced is the dialect's matter; as a rule by one NUL for each, and text before the
NUL is the user's, and belongs to it. Descriptors may come before their NUL (a message written in
two parts), never after it.

    bytes         \\0  \\0   h i \\0                     NULs due: one each
    descriptors   3   4   5           ──► ready: 3, 4, 5 (with "hi")
"""

from __future__ import annotations

import threading
from collections import deque

from .dialects import NUL
from .errors import DescriptorsLost, FdPassError, NotAPasser, PeerClosed, PeerReset
from .table import close_all

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .backends import Endpoint
    from .dialects import Dialect
    from .survival import Survival

MOST_DATA = 1 << 16
# Where taking "all that is there" ends: a peer may never stop, and a table that grows by more
# than this at a time is measurably slower to work with.
_DESCRIPTORS_AT_ONCE = 4096


class Inbox:
    """Descriptors that have arrived and nobody has taken; the inbox owns them until then."""

    def __init__(self, endpoint: Endpoint, survival: Survival, dialect: Dialect = NUL) -> None:
        self._endpoint = endpoint
        self._dialect = dialect
        self._is_plain = dialect.is_plain
        self._take = survival.take
        self.ready: deque[int] = deque()
        self.notes: dict[int, bytes] = {}  # the user's bytes for those of ready that have any
        self._early: deque[int] = deque()  # descriptors whose announcement is still due
        self._text = b""  # text whose announcement is still due
        self._fault: FdPassError | None = None  # to be told after what is ready
        self._ended: FdPassError | None = None
        self.unanswered = 0  # messages, where the dialect answers them
        self.lock = threading.Lock()

    def fill(self) -> None:
        """Receive until something is ready.

        Raises:
            BlockingIOError: nothing has arrived; TableFull: it waits for a free slot.
            FdPassError: what went wrong, once all that came before it has been taken.

        """
        with self.lock:
            while not self.ready:
                if self._fault is not None:
                    fault, self._fault = self._fault, None
                    raise fault
                if self._ended is not None:
                    raise type(self._ended)(*self._ended.args)
                self._receive()

    def fill_all(self) -> bool:
        """Receive all that is there; tell whether more may come when it is readable again."""
        try:
            while len(self.ready) < _DESCRIPTORS_AT_ONCE:
                if self._fault is not None or self._ended is not None:
                    return False
                self._receive()
        except FdPassError as error:
            if isinstance(error, BlockingIOError):  # the table is full
                return False
            self._fault = error
        except BlockingIOError:
            pass
        return True

    def _receive(self) -> None:
        """Receive one piece of the stream; sort it into what is ready, early and at fault."""
        try:
            data, fds, cut = self._take(self._endpoint, len(self._early), self._text)
        except ConnectionResetError as error:
            self._end(PeerReset(error.errno, "the peer is gone, with what it had not read"))
            return
        if fds and self._is_plain(data, len(fds)) and not (cut or self._early or self._text):
            self.ready.extend(fds)  # what our own wire brings, nearly always
            return
        if not data:
            close_all(fds)
            self._end(PeerClosed("the peer closed its end"))
            return
        self._sort(data, fds, cut=cut)

    def _sort(self, data: bytes, fds: list[int], *, cut: bool) -> None:
        dialect, in_hand = self._dialect, len(self._early)
        self._early.extend(fds)
        if fds and in_hand and not dialect.beyond(self._text, data, in_hand):
            self._reject(f"{len(fds)} descriptors came before the bytes of earlier ones")
            return
        try:
            announced, text = dialect.read(self._text + data, len(self._early))
        except ValueError as odd:
            self._reject(str(odd))
            return
        if dialect.ANSWER:
            self.unanswered += len(announced)
        lost = 0
        for due, note in announced:
            here = min(due, len(self._early))
            lost += due - here
            for _ in range(here):
                fd = self._early.popleft()
                if note:
                    self.notes[fd] = note  # before it is ready: the reader may take it at once
                self.ready.append(fd)
        if lost or (cut and not text):  # the end of the announcement is still to tell its loss
            exact = (lost or None) if dialect.TELLS_HOW_MANY else None
            due = sum(due for due, _ in announced)
            self._fault = DescriptorsLost(f"{exact or 'some'} of {due} descriptors", exact)
        if len(text) > MOST_DATA:
            self._reject(f"more than {MOST_DATA} bytes came with one descriptor")
        elif text and not self._early and not cut and not self._text:
            self._reject(f"{len(text)} bytes came that belong to no descriptor")
        else:
            self._text = text

    def _reject(self, what: str) -> None:
        close_all(self._early)
        self._early.clear()
        self._ended = NotAPasser(f"expected {self._dialect.RULE}: {what}")

    def _end(self, how: FdPassError) -> None:
        if self._early or self._text:
            left = len(self._early) or 1
            close_all(self._early)
            self._early.clear()
            self._fault = DescriptorsLost(f"the peer ended amid a message of {left}", left)
        self._ended = how

    def close(self) -> None:
        """Close all that nobody has taken."""
        close_all(self.ready)
        close_all(self._early)
        self.ready.clear()
        self._early.clear()
        self.notes.clear()
