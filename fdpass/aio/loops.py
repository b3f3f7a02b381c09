"""Waiting, as the event loop that is running does it: asyncio (uvloop, too) or trio.

anyio runs on one of these two. trio is never imported: where it is running, it is there already.
"""

from __future__ import annotations

import asyncio
import sys
from contextlib import nullcontext
from functools import partial

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine
    from typing import Any, Protocol

    class Lock(Protocol):
        """Those who want it get it in the order in which they came."""

        async def acquire(self) -> Any:
            """Wait for it."""

        def release(self) -> None:
            """Let the next one have it."""

    class Event(Protocol):
        """Happens once."""

        async def wait(self) -> Any:
            """Wait until it has happened."""

        def set(self) -> None:
            """Let it happen."""

    class Loop(Protocol):
        """The waiting of one passer or listener; all that differs between event loops."""

        def lock(self) -> Lock:
            """Make a lock."""

        def event(self) -> Event:
            """Make an event."""

        async def turn(self) -> None:
            """Let others have their turn, now and then; called before each system call."""

        async def sleep(self, seconds: float) -> None:
            """Wait that long."""

        async def readable(self, fd: int, most: float | None = None) -> None:
            """Wait until *fd* is readable or given up, or for *most* seconds; one task."""

        async def writable(self, fd: int, most: float | None = None) -> None:
            """Wait until *fd* is writable or given up, or for *most* seconds; one task."""

        def give_up(self, fd: int) -> None:
            """End all waiting for *fd*, which is about to be closed."""

        def start(self, function: Callable[[], Coroutine[Any, Any, None]]) -> None:
            """Run *function* aside."""


# System calls between two turns. A turn costs as much as several of them.
_PER_TURN = 32


class Asyncio:
    """A loop with ``add_reader`` and ``add_writer``, whatever made it."""

    lock = asyncio.Lock
    event = asyncio.Event

    def __init__(self) -> None:
        self._calls = 0
        self._waiting: dict[asyncio.Future[None], Callable[[], object]] = {}
        self._aside: asyncio.Task[None] | None = None

    async def turn(self) -> None:
        self._calls += 1
        if self._calls % _PER_TURN == 0:
            await asyncio.sleep(0)

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)

    async def readable(self, fd: int, most: float | None = None) -> None:
        loop = asyncio.get_running_loop()
        await self._wait(loop, loop.add_reader, loop.remove_reader, fd, most)

    async def writable(self, fd: int, most: float | None = None) -> None:
        loop = asyncio.get_running_loop()
        await self._wait(loop, loop.add_writer, loop.remove_writer, fd, most)

    async def _wait(
        self,
        loop: asyncio.AbstractEventLoop,
        add: Callable[..., object],
        remove: Callable[[int], object],
        fd: int,
        most: float | None,
    ) -> None:
        future = loop.create_future()
        try:
            add(fd, _wake, future)
        except NotImplementedError:
            raise NotImplementedError(
                f"{type(loop).__name__} cannot wait for a descriptor: use "
                "asyncio.SelectorEventLoop, or a fdpass.Passer in a thread"
            ) from None
        self._waiting[future] = partial(remove, fd)
        timer = None if most is None else loop.call_later(most, _wake, future)
        try:
            await future
        finally:
            if timer is not None:
                timer.cancel()
            # Not if given up: by now the number may be another one's, who waits for that.
            if stop := self._waiting.pop(future, None):
                stop()

    def give_up(self, fd: int) -> None:  # noqa: ARG002
        while self._waiting:
            future, stop = self._waiting.popitem()
            stop()
            _wake(future)

    def start(self, function: Callable[[], Coroutine[Any, Any, None]]) -> None:
        self._aside = asyncio.get_running_loop().create_task(function())  # held: the loop does not


def _wake(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)


class Trio:
    """trio, by what its ``lowlevel`` offers."""

    def __init__(self, trio: Any) -> None:
        self._trio = trio
        self.lock = trio.Lock
        self.event = trio.Event

    async def turn(self) -> None:
        """Do nothing: to acquire a lock is a checkpoint."""

    async def sleep(self, seconds: float) -> None:
        await self._trio.sleep(seconds)

    async def readable(self, fd: int, most: float | None = None) -> None:
        await self._wait(self._trio.lowlevel.wait_readable, fd, most)

    async def writable(self, fd: int, most: float | None = None) -> None:
        await self._wait(self._trio.lowlevel.wait_writable, fd, most)

    async def _wait(self, ready: Callable[[int], Any], fd: int, most: float | None) -> None:
        with nullcontext() if most is None else self._trio.move_on_after(most):
            try:
                await ready(fd)
            except self._trio.ClosedResourceError:  # given up
                pass

    def give_up(self, fd: int) -> None:
        self._trio.lowlevel.notify_closing(fd)

    def start(self, function: Callable[[], Coroutine[Any, Any, None]]) -> None:
        self._trio.lowlevel.spawn_system_task(function)


def running() -> Loop:
    """Give the waiting of the event loop that runs the caller.

    Raises:
        RuntimeError: none is running, or one that is neither of asyncio's kind nor trio.

    """
    # First: under trio's guest mode a loop of asyncio's is running, too.
    if trio := sys.modules.get("trio"):
        try:
            trio.lowlevel.current_task()
        except RuntimeError:
            pass
        else:
            return Trio(trio)
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        raise RuntimeError(
            "no event loop is running here; fdpass.aio knows those of asyncio and trio"
        ) from None
    return Asyncio()
