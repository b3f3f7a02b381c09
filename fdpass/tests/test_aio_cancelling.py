"""What is cancelled has done nothing."""

from __future__ import annotations

import asyncio
import os
from typing import TYPE_CHECKING

import pytest

import fdpass
from fdpass import aio
from fdpass.tests.descriptors import identities, identity, is_open
from fdpass.tests.loops import fill_up, take, turns
from fdpass.tests.passing import Aside, feed, taken

if TYPE_CHECKING:
    from collections.abc import Callable

    Make = Callable[[int], list[int]]
    Run = Callable[..., None]


def test_cancelled_receives_lose_nothing(run: Run, make: Make) -> None:
    sent = make(400)

    async def main() -> None:
        ours, theirs = fdpass.pair(batch=1)
        with theirs:
            async with aio.Passer(ours) as passer:
                feeding = Aside(feed, theirs, sent)
                got: list[tuple[int, int]] = []
                cancelled = patience = 0
                while len(got) < len(sent) or cancelled < 300:
                    receiving = asyncio.ensure_future(passer.recv())
                    patience = (patience + 1) % 4
                    await turns(patience)
                    receiving.cancel()
                    try:
                        got += taken([await receiving])
                    except asyncio.CancelledError:
                        cancelled += 1
                feeding.result()
                assert got == identities(sent)

    run(main)


def test_receives_that_run_out_of_time_lose_nothing(run: Run, make: Make) -> None:
    sent = make(300)

    async def main() -> None:
        left, right = aio.pair(batch=1)
        async with left, right:

            async def fill_slowly() -> None:
                for fd in sent:
                    await left.send(fd)
                    await asyncio.sleep(0.0005)

            feeding = asyncio.ensure_future(fill_slowly())
            got: list[tuple[int, int]] = []
            late = 0
            while len(got) < len(sent) or late < 100:
                try:
                    got += taken([await asyncio.wait_for(right.recv(), 0.0005)])
                except asyncio.TimeoutError:
                    late += 1
            await feeding
            assert got == identities(sent)

    run(main)


def test_a_cancelled_send_has_not_been_accepted(run: Run, make: Make) -> None:
    first, *others = make(101)

    async def main() -> None:
        left, right = aio.pair(batch=1, max_queued=2)
        async with left, right:
            count = await fill_up(left, first)
            for number, fd in enumerate(others):
                sending = asyncio.ensure_future(left.send(fd, close=True))
                await turns(number % 4)
                sending.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await sending
                assert is_open(fd)
            assert await take(right, count) == [identity(first)] * count
            await left.flush()
            with pytest.raises(asyncio.TimeoutError):
                await asyncio.wait_for(right.recv(), 0.05)

    run(main)


def test_either_cancelled_or_accepted(run: Run, make: Make) -> None:
    """Sends are cancelled while room comes: each tells truly whether it was accepted."""
    (first,) = make(1)
    others = [os.dup(fd) for fd in make(100)]
    marks = identities(others)

    async def main() -> None:
        left, right = aio.pair(batch=1, max_queued=1)
        async with left, right:
            count = await fill_up(left, first)
            got: list[tuple[int, int]] = []
            accepted: list[tuple[int, int]] = []
            for number, (fd, mark) in enumerate(zip(others, marks, strict=True)):
                sending = asyncio.ensure_future(left.send(fd, close=True))
                await turns(number % 3)
                got += await take(right, min(10, count + len(accepted) - len(got)))
                await turns(number % 5)
                sending.cancel()
                try:
                    await sending
                    accepted.append(mark)
                except asyncio.CancelledError:
                    assert identity(fd) == mark
                    os.close(fd)
            got += await take(right, count + len(accepted) - len(got))
            assert got[count:] == accepted
            assert accepted

    run(main)


def test_a_cancelled_flush_leaves_the_rest_in_the_queue(run: Run, make: Make) -> None:
    (fd,) = make(1)

    async def main() -> None:
        left, right = aio.pair(batch=1, max_queued=5)
        async with left, right:
            count = await fill_up(left, fd)
            with pytest.raises(asyncio.TimeoutError):
                await asyncio.wait_for(left.flush(), 0.01)
            assert left.queued == 5
            assert await take(right, count) == [identity(fd)] * count

    run(main)
