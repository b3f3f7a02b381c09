"""Event loops for the tests: asyncio's own and uvloop, under a deadline, nothing left behind."""

from __future__ import annotations

import asyncio
import importlib
import sys
from typing import TYPE_CHECKING, Any

from fdpass.tests.descriptors import SOON
from fdpass.tests.passing import taken

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from fdpass import aio


ECHO = (
    "import fdpass\n"
    "with fdpass.inherited() as passer:\n"
    "    try:\n"
    "        while True: passer.send(passer.recv(20.0), close=True); passer.flush(20.0)\n"
    "    except fdpass.PeerClosed: pass\n"
)
"""A program that sends back what it receives, with the blocking face of the passer."""


def run_on(name: str, main: Callable[..., Coroutine[Any, Any, None]], *args: Any) -> None:
    """Run *main* on the loop of that name; all its tasks end with it."""
    loop = asyncio.new_event_loop() if name == "asyncio" else _UVLOOP.new_event_loop()
    loop.set_debug(name == "asyncio")
    try:
        loop.run_until_complete(asyncio.wait_for(main(*args), SOON))
        alone = until(lambda: len(asyncio.all_tasks(loop)) == 1 + (sys.version_info < (3, 12)))
        loop.run_until_complete(asyncio.wait_for(alone, SOON))  # up to 3.11 two tasks
    finally:
        for task in asyncio.all_tasks(loop):
            task.cancel()
        loop.run_until_complete(asyncio.sleep(0))
        loop.close()


def has(name: str) -> Any:
    """Give a module that need not be installed, or None."""
    try:
        return importlib.import_module(name)
    except ImportError:
        return None


_UVLOOP = has("uvloop")
if _UVLOOP:  # the first loop of a process opens a pipe that stays
    _first = _UVLOOP.new_event_loop()
    _first.run_until_complete(asyncio.sleep(0))
    _first.close()


async def turns(count: int = 20) -> None:
    """Let everything happen that can without time passing; asyncio's own only."""
    for _ in range(count):
        await asyncio.sleep(0)


async def until(condition: Callable[[], object]) -> None:
    """Wait until *condition* holds; the loop's deadline is also this one's."""
    while not condition():
        await asyncio.sleep(0.001)


async def fill_up(passer: aio.Passer, fd: int) -> int:
    """Send until a send waits; give how many did not."""
    count = 0
    while True:
        sending = asyncio.ensure_future(passer.send(fd))
        await turns(4)
        if sending.cancel():
            await asyncio.wait([sending])
            return count
        await sending
        count += 1


async def take(passer: aio.Passer, count: int) -> list[tuple[int, int]]:
    return [taken([await passer.recv()])[0] for _ in range(count)]
