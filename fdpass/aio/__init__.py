"""Passers and listeners for event loops: asyncio, uvloop, trio, and anyio over either.

    async with await aio.connect("/run/endpoint") as passer:
        await passer.send(file)
        async for fd in passer:
            ...

Ownership is that of :class:`fdpass.Passer`: ``send`` borrows, with *close* it takes over, ``recv``
gives. Cancellation is exact: what raises it has done nothing.

    a cancelled recv, accept    has taken nothing; the next one gets what arrives
    a cancelled send            has not accepted; the caller still owns its own
    one that returns            is past the point where it could be cancelled

So await them where their result is used. A task made of a ``recv`` may end well and its result,
an open descriptor, never be fetched.

A passer belongs to the loop in which it is first awaited, and to the thread that runs it. Many
tasks may send and many receive; they get their turn in the order in which they asked.
"""

from __future__ import annotations

from time import monotonic

from .. import endpoints
from ..errors import PasserClosed
from . import loops
from .passer import Passer

TYPE_CHECKING = False
if TYPE_CHECKING:
    import os
    import socket
    from types import TracebackType
    from typing import Any

    from ..endpoints import Listener as BlockingListener
    from ..table import HasFileno

__all__ = ["Listener", "Passer", "adopt", "connect", "listen", "pair", "wait_readable"]

_BETWEEN_TRIES = 0.01  # seconds, to connect


class Listener:
    """Accepts passers at a path, for tasks; takes over the listener it is made of."""

    def __init__(self, listener: BlockingListener) -> None:
        self._listener = listener
        self._loop: loops.Loop | None = None
        self.path = listener.path

    def fileno(self) -> int:
        """Give the listening descriptor; the listener owns it."""
        return self._listener.fileno()

    async def accept(self) -> Passer:
        """Accept one connection; the caller owns it.

        Raises:
            OSError: EMFILE, there is no free slot; who has connected still waits.
            PasserClosed: the listener was closed, maybe while it waited.

        """
        if self._loop is None:
            self._loop = loops.running()
            self._accepting = self._loop.lock()
        await self._accepting.acquire()
        try:
            await self._loop.turn()
            while True:
                try:
                    return Passer(self._listener.accept(timeout=0))
                except TimeoutError:
                    pass
                await self._loop.readable(self.fileno())
        finally:
            self._accepting.release()

    def __aiter__(self) -> Listener:
        return self

    async def __anext__(self) -> Passer:
        """Accept the next one; the iteration is over when the listener has been closed."""
        try:
            return await self.accept()
        except PasserClosed:
            raise StopAsyncIteration from None

    def close(self) -> None:
        """Stop listening, and remove the path if it is still ours; never waits."""
        try:
            if self._loop is not None:
                self._loop.give_up(self.fileno())
        except PasserClosed:
            return
        self._listener.close()

    async def __aenter__(self) -> Listener:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<fdpass.aio.Listener of {self._listener!r}>"


def pair(**options: Any) -> tuple[Passer, Passer]:
    """Make a channel and give both ends of it; *options* are those of :func:`fdpass.pair`."""
    left, right = endpoints.pair(**options)
    return Passer(left), Passer(right)


def adopt(channel: int | socket.socket, **options: Any) -> Passer:
    """Make a passer of a connected descriptor, and take it over; see :func:`fdpass.adopt`."""
    return Passer(endpoints.adopt(channel, **options))


def listen(path: str | os.PathLike[str], **options: Any) -> Listener:
    """Listen at *path*; arguments and errors are those of :func:`fdpass.listen`."""
    return Listener(endpoints.listen(path, **options))


async def connect(
    path: str | os.PathLike[str], timeout: float | None = 0, **options: Any
) -> Passer:
    """Connect to a listener at *path*; arguments and errors are those of :func:`fdpass.connect`.

    Over streams the listener has to accept within one second, and the loop stands still for it.
    """
    loop = loops.running()
    deadline = None if timeout is None else monotonic() + timeout
    while True:
        await loop.turn()
        try:
            return Passer(endpoints.connect(path, **options))
        except (FileNotFoundError, ConnectionRefusedError, BlockingIOError):
            if deadline is not None and monotonic() >= deadline:
                raise
        await loop.sleep(_BETWEEN_TRIES)


async def wait_readable(file: int | HasFileno) -> None:
    """Wait until *file* is readable: a listening socket, say, before it accepts what is passed on.

    Unlike ``loop.sock_accept`` an ``accept`` after this loses no connection to a cancellation.
    """
    await loops.running().readable(file if isinstance(file, int) else file.fileno())
