"""Passer: a channel with a queue before it and an inbox behind it. It never blocks unasked.

    send ──► outbox ──flush──► [ the system ] ──fill──► inbox ──► recv

On the wire every descriptor is announced by one NUL byte, unless another dialect is asked for
(:mod:`fdpass.dialects`); the user's bytes for it, if there are any, stand before the NUL. Several
descriptors may travel in one message, with its first byte. So *NULs minus descriptors* shows a loss
on every system, also where a message was written in two parts, and a message of one descriptor is
the one of AnyEvent::FDpasser and IO::FDPass.

Threads: any number may send, one may receive. Processes: one may use an end. After a fork both
have a copy of the queue and the inbox; one of them closes its passer.
"""

from __future__ import annotations

import sys
import threading
import warnings
from array import array

from . import dialects
from . import survival as _survival
from .errors import PasserBusy, PasserClosed, SentInPart, TableFull
from .inbox import MOST_DATA, Inbox
from .lifetime import Owner, renewed_after_fork
from .outbox import Outbox
from .patience import Patience
from .table import RESERVE, let_go, number_of

if sys.platform == "win32":
    from .backends.sockets import descriptors_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

    from .backends import Backend, Endpoint
    from .credentials import Credentials
    from .table import HasFileno


# Descriptors received ahead while flushing, at least.
_LEAST_AHEAD = 1024

_LOOK_AGAIN = 0.1  # seconds
_MOST_SLOTS = (
    256  # to reserve: Linux carries 253 in a message, and smaller ones are always possible
)


class Passer(Owner):
    """One end of a channel for descriptors.

    Made by :func:`fdpass.pair`, :func:`fdpass.adopt`, :func:`fdpass.connect` and
    :meth:`fdpass.Listener.accept`. *batch* is the most descriptors a message carries, *max_queued*
    the most that wait in the queue; *survival* is described in :mod:`fdpass.survival`, *dialect*
    in :mod:`fdpass.dialects`. With slots in reserve a larger message than *batch* may be lost.
    """

    def __init__(
        self,
        backend: Backend,
        endpoint: Endpoint,
        *,
        batch: int = 1,
        survival: str = "auto",
        max_queued: int = 1024,
        dialect: str = "nul",
    ) -> None:
        if batch < 1:
            raise ValueError(f"expected a batch of at least 1 descriptor, received {batch}")
        if max_queued < 0:
            raise ValueError(f"expected a queue of at least 0 descriptors, received {max_queued}")
        spoken = dialects.choose(backend, dialect)
        way = _survival.choose(backend, survival, spoken)
        self._endpoint = endpoint
        self._outbox = Outbox(backend, endpoint, batch, max_queued, spoken)
        self._inbox = Inbox(endpoint, way, spoken)
        self._ready = self._inbox.ready
        self._next = self._ready.popleft
        self._notes = self._inbox.notes
        self._reader = threading.Lock()
        # What a peer with a queue like ours may be waiting to get rid of.
        self._most_ahead = max(_LEAST_AHEAD, max_queued)
        self._carries_text = backend.CARRIES_TEXT
        self.batch = min(batch, backend.MOST_PER_MESSAGE, spoken.MOST)
        self.max_queued = max_queued
        self.backend = backend.NAME
        self.survival = way.NAME
        self.dialect = dialect
        self._closed = False
        self._slots = min(self.batch, _MOST_SLOTS) if way.RESERVES else 0
        RESERVE.want(self._slots)
        renewed_after_fork(self)

    # -- what it is

    def fileno(self) -> int:
        """Give the channel's descriptor, to be polled; the passer owns it."""
        self._check_open()
        return self._endpoint.fileno()

    @property
    def queued(self) -> int:
        """How many descriptors wait to be handed to the system."""
        return len(self._outbox)

    @property
    def wants_write(self) -> bool:
        """Whether something waits for the channel to take more: poll for writing, then flush."""
        return self._outbox.is_waiting

    def credentials(self) -> Credentials:
        """Ask the system who is at the other end; see :class:`fdpass.Credentials`."""
        self._check_open()
        return self._endpoint.credentials()

    def __repr__(self) -> str:
        if self._closed:
            return "<fdpass.Passer, closed>"
        kind = f"{self.backend}, {self.survival}, batch {self.batch}"
        load = f"{len(self._outbox)} queued, {len(self._ready)} in the inbox"
        return f"<fdpass.Passer on descriptor {self._endpoint.fileno()}, {kind}: {load}>"

    def _check_open(self) -> None:
        if self._closed:
            raise PasserClosed("this passer has been closed")

    # -- sending

    def send(self, file: int | HasFileno, *, data: bytes = b"", close: bool = False) -> None:
        """Hand one descriptor over now, or queue it; never blocks.

        Borrows *file* (what must wait is duplicated); with *close* takes it over, once it is
        accepted. *data* travels with it, at most 64 KiB and without NUL bytes; the peer gets it
        from :meth:`recv_with_data`.

        Raises:
            QueueFull: a BlockingIOError; it was not accepted.
            OSError: the system refused, or there was no slot for the duplicate; it was not
                accepted, and the caller still owns its own.

        """
        self._check_open()
        if data and self.dialect != "nul":
            raise ValueError(
                f"no bytes go with a descriptor in the dialect {self.dialect}; {len(data)} came"
            )
        if data and not self._carries_text:
            raise ValueError(
                f"nothing but descriptors goes over {self.backend}; {len(data)} bytes came"
            )
        if data and (b"\0" in data or len(data) > MOST_DATA):
            raise ValueError(
                f"expected at most {MOST_DATA} bytes without NUL to go with the descriptor, "
                f"received {len(data)} bytes with {data.count(0)} NULs"
            )
        if sys.platform == "win32" and not isinstance(file, int):
            self.send_many([file], close=close)
            return
        self._submit([file], array("i", [number_of(file)]), data + b"\0", close=close)

    def send_many(self, files: Iterable[int | HasFileno], *, close: bool = False) -> None:
        """Hand several over, in as few messages as the batch allows, or queue them; never blocks.

        Ownership as with :meth:`send`. All find room, or none is accepted.

        Raises:
            QueueFull: a BlockingIOError; none was accepted. More than *max_queued* at once may
                never find room: send those in pieces.
            SentInPart: an OSError; the system refused after the first few, and it tells how many.

        """
        self._check_open()
        files = list(files)
        if sys.platform == "win32":
            with descriptors_of(files, Passer) as opened:
                self._send_all(opened, close=close)
            return
        self._send_all(files, close=close)

    def _send_all(self, files: list[int | HasFileno], *, close: bool) -> None:
        numbers: Any = files
        try:
            fds: array[int] = array("i", numbers)  # in one go, if all are
        except TypeError:
            fds = array("i", map(number_of, files))
        if fds:
            self._submit(files, fds, b"\0", close=close)

    def _submit(
        self, files: list[int | HasFileno], fds: array[int], payload: bytes, *, close: bool
    ) -> None:
        if not close or all(isinstance(file, int) for file in files):
            self._outbox.submit(fds, payload, close=close)
            return
        # An object is to be closed itself: left with a number that is no longer its own, it would
        # close whatever has got that number next.
        accepted = 0
        try:
            self._outbox.submit(fds, payload, close=False)
            accepted = len(fds)
        except SentInPart as error:
            accepted = error.accepted
            raise
        finally:
            for file in files[:accepted]:
                let_go(file)

    def flush(self, timeout: float | None = None) -> None:
        """Wait until the queue is empty, for *timeout* seconds at most (None: for ever).

        While the channel is full, what arrives goes into the inbox, so that two peers which both
        flush do not wait for each other, if neither queues more than the other's *max_queued*.

        Raises:
            TimeoutError: something still waits; it stays queued.
            OSError: the system refused what is first in the queue; it stays queued.

        """
        self._check_open()
        if not self._outbox.is_waiting:
            return
        patience = Patience(timeout)
        left = len(self._outbox)
        while True:
            self._check_open()
            self._outbox.drain()
            if not self._outbox.is_waiting:
                return
            if len(self._outbox) < left:
                left = len(self._outbox)
                patience.renew()
            reads = self._read_ahead()
            if patience.over():
                raise TimeoutError(f"{len(self._outbox)} descriptors are still queued")
            if self._outbox.stuck:
                patience.pause()
            else:
                # Not for long: what "would block" may have been for one moment only, and then
                # Linux calls the channel writable no sooner than three quarters are read.
                self._endpoint.wait(read=reads, write=True, timeout=patience.left(_LOOK_AGAIN))

    def flush_nowait(self) -> bool:
        """Hand over what the system takes now; tell whether the queue is empty."""
        self._check_open()
        self._outbox.drain()
        return not self._outbox.is_waiting

    def _read_ahead(self) -> bool:
        """Receive into the inbox, unless a reader is at it; tell whether to wait for more."""
        if not self._inbox.lock.acquire(blocking=False):
            return False
        try:
            # Asked under the lock: a reader looks into the inbox under it before it waits.
            if self._reader.locked() or len(self._ready) > self._most_ahead:
                return False
            return self._inbox.fill_all()
        finally:
            self._inbox.lock.release()
            self._answer()

    # -- receiving

    def recv(self, timeout: float | None = None) -> int:
        """Receive one descriptor, waiting *timeout* seconds at most (None: for ever).

        The caller owns it; it is close-on-exec. Text that came with it is dropped: use
        :meth:`recv_with_data` where the peer sends any.

        Raises:
            TimeoutError: none arrived, or none found a free slot; nothing is lost.
            PeerClosed, PeerReset: nothing more will arrive.
            DescriptorsLost: here, in the order of arrival, something is missing; go on.
            NotAPasser: the peer speaks something else; close this passer.
            PasserBusy: another thread is receiving.

        """
        try:
            fd = self._next()
        except IndexError:
            self._claim_and_fill(timeout)
            fd = self._next()
        if self._notes:
            self._notes.pop(fd, None)
        return fd

    def recv_nowait(self) -> int:
        """Receive one descriptor that is there already; else as :meth:`recv`.

        Raises:
            TableFull: a BlockingIOError; one has arrived and waits for a free slot.
            BlockingIOError: none has arrived.

        """
        self.fill_nowait()
        return self.recv()

    def fill_nowait(self) -> None:
        """See to it that one is in the inbox, so that no receiving waits; for event loops.

        Raises:
            as :meth:`recv_nowait`.

        """
        if not self._ready:
            self._claim()
            try:
                self._fill()
            finally:
                self._reader.release()

    def recv_many(self, timeout: float | None = None) -> list[int]:
        """Receive all that is there, at least one, waiting for that as :meth:`recv` does."""
        self._claim()
        try:
            if not self._ready:
                self._fill_within(timeout)
            with self._inbox.lock:
                self._inbox.fill_all()
                fds = list(self._ready)
                self._ready.clear()
                self._notes.clear()
            self._answer()
        except (OSError, ValueError):
            self._check_open()
            raise
        finally:
            self._reader.release()
        return fds

    def recv_with_data(self, timeout: float | None = None) -> tuple[int, bytes]:
        """Receive one descriptor and the bytes that were sent with it; else as :meth:`recv`."""
        if not self._ready:
            self._claim_and_fill(timeout)
        fd = self._next()
        return fd, self._notes.pop(fd, b"")

    def _claim(self) -> None:
        self._check_open()
        if not self._reader.acquire(blocking=False):
            raise PasserBusy("another thread is receiving on this passer; only one may")

    def _claim_and_fill(self, timeout: float | None) -> None:
        self._claim()
        try:
            self._fill_within(timeout)
        except (OSError, ValueError):
            self._check_open()  # by now: another thread may have closed it
            raise
        finally:
            self._reader.release()

    def _fill_within(self, timeout: float | None) -> None:
        """Wait until something is ready; the reader's lock is held."""
        patience = None
        while True:
            full = None
            try:
                self._fill()
                return
            except TableFull as error:
                full = error
            except BlockingIOError:
                pass
            if patience is None:
                patience = Patience(timeout)
            if patience.over():
                raise TimeoutError(full.strerror if full else "no descriptor has arrived")
            writes = self._push()
            if full:
                patience.pause()
            elif self._outbox.stuck:
                self._endpoint.wait(read=True, write=False, timeout=patience.step())
            else:
                self._endpoint.wait(read=True, write=writes, timeout=patience.left())

    def _fill(self) -> None:
        try:
            self._inbox.fill()
        finally:
            self._answer()

    def _answer(self) -> None:
        """Tell the peer what has come, if the dialect asks for that; not under the inbox's lock."""
        if self._inbox.unanswered:
            with self._inbox.lock:
                due, self._inbox.unanswered = self._inbox.unanswered, 0
            self._outbox.answer(due)

    def _push(self) -> bool:
        """Help what is queued on while waiting for the other direction; tell if more waits."""
        if not self._outbox.is_waiting:
            return False
        try:
            self._outbox.drain()
        except OSError:
            return False  # flush and send tell it; what has arrived comes first
        return self._outbox.is_waiting

    # -- the end

    def close(self) -> None:
        """Close this end, what waits in the queue and what nobody has taken out of the inbox."""
        if self._closed:
            return
        self._closed = True
        with self._outbox.lock, self._inbox.lock:
            left = self._outbox.close()
            self._inbox.close()
            self._endpoint.close()
        RESERVE.release(self._slots)
        if left:
            warnings.warn(f"{left} descriptors were still queued", ResourceWarning, stacklevel=2)

    def _renew_locks(self) -> None:
        # The old ones may be held by threads that the child of a fork has not.
        self._reader = threading.Lock()
        self._outbox.lock = threading.Lock()
        self._inbox.lock = threading.Lock()
