"""A passer whose waiting is left to an event loop.

    send ──► queue ──(a task of its own, while there is something)──► [ the system ] ──► recv

Nothing is awaited between the moment something is done and the return that tells it: what a
cancellation ends has done nothing.
"""

from __future__ import annotations

import errno

from ..errors import PasserClosed, PeerClosed, QueueFull, SentInPart, TableFull
from ..patience import Patience
from . import loops

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from types import TracebackType
    from typing import TypeVar

    from ..credentials import Credentials
    from ..passer import Passer as BlockingPasser
    from ..table import HasFileno

    T = TypeVar("T")

_LOOK_AGAIN = 0.1  # seconds; why, says fdpass.Passer.flush
_NO_SLOT = frozenset({errno.EMFILE, errno.ENFILE})


class Passer:
    """One end of a channel, for tasks; takes over the passer it is made of.

    Made by the functions of :mod:`fdpass.aio`, or of what the blocking ones give:
    ``aio.Passer(fdpass.inherited())``.
    """

    def __init__(self, passer: BlockingPasser) -> None:
        self._passer = passer
        self._loop: loops.Loop | None = None
        self._draining = False
        self._want_room = 0  # tasks that wait for the queue to get shorter

    # -- what it is

    def fileno(self) -> int:
        """Give the channel's descriptor; the passer owns it."""
        return self._passer.fileno()

    @property
    def closed(self) -> bool:
        """Whether this end has been closed."""
        return self._passer.closed

    @property
    def queued(self) -> int:
        """How many descriptors wait to be handed to the system."""
        return self._passer.queued

    def credentials(self) -> Credentials:
        """Ask the system who is at the other end; see :class:`fdpass.Credentials`."""
        return self._passer.credentials()

    def __repr__(self) -> str:
        return f"<fdpass.aio.Passer of {self._passer!r}>"

    def _running(self) -> loops.Loop:
        """Give the waiting of this loop; the first call, inside it, finds out which it is."""
        if self._loop is None:
            self._loop = loop = loops.running()
            self._sending, self._receiving = loop.lock(), loop.lock()
            self._moved = loop.event()
        return self._loop

    # -- sending

    async def send(self, file: int | HasFileno, *, data: bytes = b"", close: bool = False) -> None:
        """Hand one descriptor over or queue it; waits while the queue is full.

        Arguments, ownership and errors are those of :meth:`fdpass.Passer.send`, but for QueueFull.
        It also waits while there is no free slot for the duplicate that is to be queued. Keep
        *file* open until it returns.
        """
        await self._submit(lambda: self._passer.send(file, data=data, close=close))

    async def send_many(self, files: Iterable[int | HasFileno], *, close: bool = False) -> None:
        """Hand over or queue all of *files* as soon as all find room; until then none.

        Raises:
            ValueError: they are more than will ever find room; send them in pieces.
            SentInPart: an OSError; the system refused after the first few, and it tells how many.

        """
        files = list(files)
        most = max(self._passer.batch, self._passer.max_queued)
        if len(files) > most:
            raise ValueError(f"expected at most {most} descriptors at once, received {len(files)}")
        await self._submit(lambda: self._passer.send_many(files, close=close))

    async def _submit(self, send: Callable[[], None]) -> None:
        loop = self._running()
        await self._sending.acquire()
        try:
            await loop.turn()
            while True:
                try:
                    send()
                    break
                except QueueFull:
                    pass
                except OSError as error:
                    if isinstance(error, SentInPart) or error.errno not in _NO_SLOT:
                        raise
                await self._room()
        finally:
            self._sending.release()
        if self._passer.wants_write:
            self._drain_aside()

    async def flush(self) -> None:
        """Wait until the queue is empty.

        It does not receive meanwhile: where the peer sends as well, let a task receive.

        Raises:
            OSError: the system refused what is first in the queue; it stays queued.

        """
        await self._running().turn()
        while not self._passer.flush_nowait():
            await self._room()

    async def _room(self) -> None:
        """Wait until it is worth another try to send."""
        self._drain_aside()
        self._want_room += 1
        try:
            await self._moved.wait()
        finally:
            self._want_room -= 1

    def _drain_aside(self) -> None:
        if not self._draining:
            self._draining = True
            self._running().start(self._drain)

    async def _drain(self) -> None:
        """Hand over what is queued, until nothing is and nobody waits for room."""
        loop = self._running()
        patience = Patience(None)
        try:
            while self._passer.wants_write or self._want_room:
                queued = self._passer.queued
                await loop.writable(self._passer.fileno(), _LOOK_AGAIN)
                self._passer.flush_nowait()
                self._wake_all()
                if self._passer.queued < queued:
                    patience.renew()
                elif self._passer.wants_write or self._want_room:
                    # The system must recover, or there is no queue at all.
                    await loop.sleep(patience.step())
        except (OSError, PasserClosed):
            pass  # whoever sends or flushes is told
        finally:
            self._draining = False
            self._wake_all()

    def _wake_all(self) -> None:
        self._moved.set()
        self._moved = self._running().event()

    # -- receiving

    async def recv(self) -> int:
        """Receive one descriptor; the caller owns it, and it is close-on-exec.

        While the descriptor table is full it waits, and nothing is lost. Text that came with the
        descriptor is dropped: use :meth:`recv_with_data` where the peer sends any.

        Raises:
            PeerClosed, PeerReset: nothing more will arrive.
            DescriptorsLost: here, in the order of arrival, something is missing; go on.
            NotAPasser: the peer speaks something else; close this passer.
            PasserClosed: this end was closed, maybe while it waited.

        """
        return await self._receive(self._passer.recv)

    async def recv_with_data(self) -> tuple[int, bytes]:
        """Receive one descriptor and the bytes that were sent with it; else as :meth:`recv`."""
        return await self._receive(self._passer.recv_with_data)

    async def recv_many(self) -> list[int]:
        """Receive all that is there, at least one; else as :meth:`recv`."""
        return await self._receive(self._passer.recv_many)

    async def _receive(self, take: Callable[[], T]) -> T:
        loop = self._running()
        await self._receiving.acquire()
        try:
            await loop.turn()
            patience = Patience(None)
            while True:
                try:
                    self._passer.fill_nowait()
                    if self._passer.wants_write:  # an answer, in a dialect that has some
                        self._drain_aside()
                    return take()  # nothing is awaited from here on
                except TableFull:
                    full = True
                except BlockingIOError:
                    full = False
                if full:
                    await loop.sleep(patience.step())
                else:
                    await loop.readable(self._passer.fileno())
        finally:
            self._receiving.release()

    def __aiter__(self) -> Passer:
        return self

    async def __anext__(self) -> int:
        """Receive the next one; the iteration is over when the peer has closed its end."""
        try:
            return await self.recv()
        except PeerClosed:
            raise StopAsyncIteration from None

    # -- the end

    async def aclose(self) -> None:
        """Flush, and close in any case, also if that fails or is cancelled."""
        try:
            if not self.closed:
                await self.flush()
        finally:
            self.close()

    def close(self) -> None:
        """Close this end at once; tasks that wait on it get PasserClosed. Never waits."""
        if self._loop is not None and not self.closed:
            self._loop.give_up(self.fileno())
        self._passer.close()

    async def __aenter__(self) -> Passer:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Flush and close; close at once if the block ended with an error."""
        if kind is None:
            await self.aclose()
        else:
            self.close()
