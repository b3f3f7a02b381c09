"""How a passer of an event loop ends, what a full table does to it, and where it comes from."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

import fdpass
from fdpass import aio
from fdpass.tests.descriptors import SOON, close_all, fill, identities, identity
from fdpass.tests.loops import fill_up, take, turns
from fdpass.tests.passing import taken

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Apart = Callable[..., str]
    Make = Callable[[int], list[int]]
    Run = Callable[..., None]


# -- the end


def test_the_iteration_ends_when_the_peer_closes(run: Run, make: Make) -> None:
    sent = make(30)

    async def main() -> None:
        left, right = aio.pair()
        async with right:
            async with left:
                await left.send_many(sent)
            assert [taken([fd])[0] async for fd in right] == identities(sent)

    run(main)


def test_a_block_that_ends_well_has_sent_all(run: Run, make: Make) -> None:
    (fd,) = make(1)

    async def main() -> None:
        left, right = aio.pair(batch=1, max_queued=5)
        async with right:

            async def send() -> int:
                async with left:
                    count = await fill_up(left, fd)
                    full.set()
                return count

            full = asyncio.Event()
            sending = asyncio.ensure_future(send())
            await full.wait()
            assert left.queued == 5
            got = [taken([fd])[0] async for fd in right]
            assert got == [identity(fd)] * await sending

    run(main)


def test_a_block_that_fails_does_not_wait(run: Run, make: Make) -> None:
    (fd,) = make(1)

    async def fail(passer: aio.Passer) -> None:
        async with passer:
            await fill_up(passer, fd)
            raise KeyError

    async def main() -> None:
        left, right = aio.pair(batch=1, max_queued=5)
        async with right:
            with pytest.warns(ResourceWarning, match="5 descriptors"), pytest.raises(KeyError):
                await fail(left)
            assert left.closed

    run(main)


def test_close_ends_the_waiting(run: Run, make: Make) -> None:
    (fd,) = make(1)

    async def main() -> None:
        left, right = aio.pair(batch=1, max_queued=0)
        async with right:
            await fill_up(left, fd)
            waiting = [asyncio.ensure_future(call) for call in (left.send(fd), left.recv())]
            await turns()
            left.close()
            for task in waiting:
                with pytest.raises(fdpass.PasserClosed):
                    await task
            with pytest.raises(fdpass.PasserClosed):
                await left.recv()
            left.close()

    run(main)


def test_one_that_takes_the_number_of_a_closed_one_is_waited_for(run: Run, make: Make) -> None:
    (fd,) = make(1)

    async def main() -> None:
        for _ in range(50):
            left, right = aio.pair()
            first = asyncio.ensure_future(right.recv())
            await turns(2)
            number = right.fileno()
            left.close()
            right.close()
            one, other = aio.pair()
            assert number in {one.fileno(), other.fileno()}
            end, peer = (one, other) if one.fileno() == number else (other, one)
            async with one, other:
                sending = asyncio.ensure_future(peer.send(fd))
                # At once: the task that has been woken has not run yet, and tidies up after this.
                assert await take(end, 1) == [identity(fd)]
                await sending
                with pytest.raises(fdpass.PasserClosed):
                    await first

    run(main)


def test_a_peer_that_is_killed_ends_the_waiting(run: Run, make: Make) -> None:
    (fd,) = make(1)
    idle = "import fdpass, sys; p = fdpass.inherited(); sys.stdin.read()"

    async def main(child: subprocess.Popen[bytes], ours: fdpass.Passer) -> None:
        passer = aio.Passer(ours)
        await fill_up(passer, fd)
        receiving, sending = map(asyncio.ensure_future, (passer.recv(), passer.send(fd)))
        await turns()
        child.kill()
        with pytest.raises(fdpass.ChannelEnded):
            await receiving
        with pytest.raises((BrokenPipeError, ConnectionResetError)):
            await sending
        with pytest.raises((BrokenPipeError, ConnectionResetError)):
            await passer.flush()
        with pytest.warns(ResourceWarning, match="still queued"):
            passer.close()

    child, ours = fdpass.spawn([sys.executable, "-c", idle], stdin=subprocess.PIPE)
    with child:
        run(main, child, ours)


# -- the full table


def test_with_a_full_table_a_receive_waits_and_loses_nothing(apart: Apart) -> None:
    def with_a_full_table() -> None:
        import faulthandler

        from fdpass.tests.descriptors import clamp, files

        faulthandler.dump_traceback_later(SOON, exit=True)
        clamp(64)
        sent = files(8)

        async def main() -> None:
            left, right = aio.pair(batch=1)
            async with left, right:
                for fd in sent:
                    await left.send(fd)
                held = fill()
                if right._passer.survival == "reserve":
                    raise AssertionError("this test is for peek")
                got: list[tuple[int, int]] = []
                cancelled = 0
                kept = []
                while len(got) < len(sent):
                    receiving = asyncio.ensure_future(right.recv())
                    for _ in range(3):
                        await asyncio.sleep(0)
                    if not receiving.done() and cancelled < 20:
                        receiving.cancel()
                        await asyncio.wait([receiving])
                        assert receiving.cancelled()
                        cancelled += 1
                        continue
                    if not receiving.done():
                        os.close(held.pop())
                    kept.append(await receiving)
                    got.append(identity(kept[-1]))
                close_all(held + kept)
                assert got == identities(sent)
                assert cancelled == 20

        asyncio.run(main())
        close_all(sent)
        faulthandler.cancel_dump_traceback_later()

    apart(with_a_full_table)


def test_with_a_full_table_a_send_waits_for_the_channel(apart: Apart) -> None:
    def with_a_full_table() -> None:
        import faulthandler

        from fdpass.tests.descriptors import clamp

        faulthandler.dump_traceback_later(SOON, exit=True)
        clamp(64)

        async def main() -> None:
            left, right = aio.pair(batch=1)
            async with left, right:
                count = 0
                held = fill()

                async def send() -> None:
                    nonlocal count
                    while count < 1000:
                        await left.send(0)
                        count += 1

                sending = asyncio.ensure_future(send())
                while count < 20 or not left._want_room:
                    await asyncio.sleep(0)
                os.close(held.pop())
                for _ in range(1000):
                    fd = await right.recv()
                    assert identity(fd) == identity(0)
                    os.close(fd)
                await sending
                close_all(held)

        asyncio.run(main())
        faulthandler.cancel_dump_traceback_later()

    apart(with_a_full_table)


# -- other interfaces


@pytest.mark.parametrize("backend", ["bsd43", "sysv"])
def test_over_interfaces_that_put_back_or_carry_one(simulated: Apart, backend: str) -> None:
    def over(backend: str) -> None:
        from fdpass.tests.descriptors import files

        sent = files(4) * 200

        async def main() -> None:
            left, right = aio.pair(backend=backend, max_queued=8)
            async with left, right:

                async def send() -> None:
                    for fd in sent:
                        await left.send(fd)

                sending = asyncio.ensure_future(send())
                got = []
                for _ in sent:
                    fd = await right.recv()
                    got.append(identity(fd))
                    os.close(fd)
                await sending
                assert got == identities(sent)

        asyncio.run(asyncio.wait_for(main(), SOON))
        close_all(sent[:4])

    simulated(over, backend)


# -- endpoints


def test_connect_and_accept(run: Run, make: Make, short: Path) -> None:
    sent = make(3)
    path = short / "end"

    async def serve(listener: aio.Listener) -> None:
        async for passer in listener:
            async with passer:
                await passer.send(await passer.recv(), close=True)

    async def main() -> None:
        waiting = asyncio.ensure_future(aio.connect(path, timeout=None))
        await turns()
        assert not waiting.done()
        async with aio.listen(path) as listener:
            serving = asyncio.ensure_future(serve(listener))
            async with await waiting as passer:
                await passer.send(sent[0])
                assert await take(passer, 1) == identities(sent[:1])
            for fd in sent[1:]:
                async with await aio.connect(path) as passer:
                    await passer.send(fd)
                    assert await take(passer, 1) == [identity(fd)]
        await serving

    run(main)


def test_nobody_listens(run: Run, short: Path) -> None:
    async def main() -> None:
        with pytest.raises(FileNotFoundError):
            await aio.connect(short / "end")
        with pytest.raises(FileNotFoundError):
            await aio.connect(short / "end", timeout=0.02)

    run(main)


def test_cancelled_accepts_lose_no_connection(run: Run, make: Make, short: Path) -> None:
    (fd,) = make(1)

    async def main() -> None:
        accepted = cancelled = 0
        async with aio.listen(short / "end") as listener:
            for number in range(300):
                accepting = asyncio.ensure_future(listener.accept())
                await turns(number % 3)
                async with await aio.connect(short / "end") as ours:
                    await turns(number % 4)
                    accepting.cancel()
                    try:
                        theirs = await accepting
                        accepted += 1
                    except asyncio.CancelledError:
                        cancelled += 1
                        theirs = await listener.accept()
                    async with theirs:
                        await ours.send(fd)
                        assert await take(theirs, 1) == [identity(fd)]
        assert accepted + cancelled == 300
        assert accepted
        assert cancelled

    run(main)
