"""``socket.send_fds`` and ``recv_fds`` under an event loop, which says when the socket is ready.

The loop runs all the time: uvloop's opens descriptors whenever it starts to. Requests are read in a
thread of their own.
"""

from __future__ import annotations

import asyncio
import os
import sys
import threading
from typing import TYPE_CHECKING, Any

from .plain import PlainPeer
from .session import Session

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Coroutine

    from .session import Request

SOON = 0.05
"""Seconds in which a send is over that finds the channel full; it has no other way not to wait."""


class LoopPeer(PlainPeer):
    """The operations under an event loop, each run to its end."""

    op_fork: Any = None  # parent and child would share what the loop waits by
    op_wait: Any = None

    def __init__(self) -> None:
        super().__init__()
        self.loop = self.open_loop()

    def open_loop(self) -> asyncio.AbstractEventLoop:
        """Open the event loop."""
        return asyncio.new_event_loop()

    def run(self, work: Coroutine[object, object, Any], seconds: float | None) -> Any:
        """Run *work* for at most so long.

        Raises:
            TimeoutError: it has not ended in time.

        """
        try:
            timed = asyncio.wait_for(work, seconds)
            return asyncio.run_coroutine_threadsafe(timed, self.loop).result()
        except asyncio.TimeoutError:  # which is a TimeoutError from Python 3.11 on
            raise TimeoutError("it is not over in time") from None

    def op_send(self, request: Request) -> object:
        """Send a descriptor, as soon as there is room."""
        end = self._socket(request["passer"])
        try:
            self.run(self._pass_on(end, request["fd"]), SOON)
        except TimeoutError:
            raise BlockingIOError("there is no room") from None
        if request.get("close", False):
            os.close(request["fd"])
        return {}

    async def _pass_on(self, end: socket.socket, fd: int) -> None:
        while True:
            try:
                return self.pass_on(end, fd)
            except BlockingIOError:
                await _ready(end, self.loop.add_writer, self.loop.remove_writer)

    def _wait(self, end: socket.socket, request: Request) -> None:
        ready = _ready(end, self.loop.add_reader, self.loop.remove_reader)
        self.run(ready, within(request.get("timeout")))


def within(timeout: float | None) -> float | None:
    """Give the time to wait: without any, a loop would not even look."""
    return None if timeout is None else timeout + 0.001


async def _ready(
    end: socket.socket, add: Callable[..., object], remove: Callable[[socket.socket], object]
) -> None:
    told = asyncio.Event()
    add(end, told.set)
    try:
        await told.wait()
    finally:
        remove(end)


class AsyncioPeer(LoopPeer):
    """The event loop of the standard library."""

    name = "asyncio"


class UvloopPeer(LoopPeer):
    """The event loop of uvloop."""

    name = "uvloop"

    def open_loop(self) -> asyncio.AbstractEventLoop:
        """Open the event loop."""
        import uvloop

        self.version = uvloop.__version__
        return uvloop.new_event_loop()  # type: ignore[no-any-return]


def answer(peer_class: Callable[[], LoopPeer]) -> None:
    """Answer the harness, with the loop in this thread, until standard input is closed."""
    peer = peer_class()
    asking = threading.Thread(target=_converse, args=(peer,))
    peer.loop.call_soon(asking.start)
    peer.loop.run_forever()
    sys.stderr.flush()
    os._exit(0)


def _converse(peer: LoopPeer) -> None:
    try:
        Session(peer).run()
    except BaseException:
        sys.excepthook(*sys.exc_info())
        sys.stderr.flush()
        os._exit(1)
    peer.loop.call_soon_threadsafe(peer.loop.stop)


def main(*words: str) -> None:
    """Answer the harness until it closes standard input; *words*: uvloop, for that loop."""
    answer(UvloopPeer if words else AsyncioPeer)
