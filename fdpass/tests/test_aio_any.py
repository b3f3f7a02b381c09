"""fdpass.aio on trio, and under anyio on whatever it runs: the same code, the same promises."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

import fdpass
from fdpass import aio
from fdpass.tests.descriptors import SOON, identities, identity, is_open
from fdpass.tests.loops import ECHO, has
from fdpass.tests.passing import Aside, feed, receive, taken

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Make = Callable[[int], list[int]]
    Run = Callable[..., None]

anyio: Any = has("anyio")
pytestmark = pytest.mark.skipif(anyio is None, reason="anyio is not installed")


@pytest.fixture(params=["asyncio", "uvloop", "trio"])
def run(request: pytest.FixtureRequest) -> Run:
    if request.param != "asyncio" and has(request.param) is None:
        pytest.skip(f"{request.param} is not installed")
    options: dict[str, Any] = {"backend": request.param}
    if request.param == "uvloop":
        options = {"backend": "asyncio", "backend_options": {"use_uvloop": True}}

    def run(main: Callable[..., Any], *args: Any) -> None:
        async def within() -> None:
            with anyio.fail_after(SOON):
                await main(*args)

        anyio.run(within, **options)

    return run


async def take(passer: aio.Passer, count: int) -> list[tuple[int, int]]:
    return [taken([await passer.recv()])[0] for _ in range(count)]


async def turns(count: int) -> None:
    for _ in range(count):
        await anyio.lowlevel.checkpoint()


async def fill_up(passer: aio.Passer, fd: int) -> int:
    """Send until a send waits; give how many did not."""
    count = 0
    while True:
        before = count
        async with anyio.create_task_group() as group:

            async def send() -> None:
                nonlocal count
                await passer.send(fd)
                count += 1

            group.start_soon(send)
            await turns(5)
            group.cancel_scope.cancel()
        if count == before:
            return count


def test_descriptors_go_both_ways_in_order(run: Run, make: Make) -> None:
    sent = make(40)

    async def main() -> None:
        left, right = aio.pair()
        async with left, right:
            await left.send_many(sent[:20])
            for fd in sent[20:]:
                await right.send(fd, data=b"text")
            assert await take(right, 20) == identities(sent[:20])
            for fd in sent[20:]:
                got, data = await left.recv_with_data()
                assert (taken([got]), data) == ([identity(fd)], b"text")

    run(main)


def test_a_blocking_process_at_the_other_end(run: Run, make: Make) -> None:
    sent = make(300)

    async def main(ours: fdpass.Passer) -> None:
        async with aio.Passer(ours) as passer, anyio.create_task_group() as group:
            group.start_soon(passer.send_many, sent)
            assert await take(passer, len(sent)) == identities(sent)

    child, ours = fdpass.spawn([sys.executable, "-W", "error", "-c", ECHO])
    with child:
        run(main, ours)

    assert child.returncode == 0


def test_send_waits_while_the_queue_is_full(run: Run, make: Make) -> None:
    first, last = make(2)

    async def main() -> None:
        left, right = aio.pair(batch=1, max_queued=3)
        async with left, right, anyio.create_task_group() as group:
            count = await fill_up(left, first)
            assert left.queued == 3
            group.start_soon(left.send, last)
            assert await take(right, count + 1) == [identity(first)] * count + [identity(last)]

    run(main)


def test_the_queue_empties_itself_though_nobody_awaits_the_passer(run: Run, make: Make) -> None:
    (fd,) = make(1)

    async def main() -> None:
        ours, theirs = fdpass.pair(batch=1)
        with theirs:
            async with aio.Passer(ours) as passer:
                count = 0
                while not passer.queued:
                    await passer.send(fd)
                    count += 1
                receiving = Aside(receive, theirs, count)
                while receiving.is_alive():
                    await anyio.sleep(0.001)
                assert receiving.result() == [identity(fd)] * count

    run(main)


def test_cancelled_receives_lose_nothing(run: Run, make: Make) -> None:
    sent = make(400)

    async def main() -> None:
        ours, theirs = fdpass.pair(batch=1)
        with theirs:
            async with aio.Passer(ours) as passer:
                feeding = Aside(feed, theirs, sent)
                got: list[tuple[int, int]] = []
                tries = 0

                async def receive_one() -> None:
                    nonlocal got
                    got += await take(passer, 1)

                while len(got) < len(sent) or tries < 600:
                    tries += 1
                    async with anyio.create_task_group() as group:
                        group.start_soon(receive_one)
                        await turns(tries % 4)
                        group.cancel_scope.cancel()
                feeding.result()
                assert got == identities(sent)

    run(main)


def test_either_cancelled_or_accepted(run: Run, make: Make) -> None:
    """Sends are cancelled while room comes: each tells truly whether it was accepted."""
    first, *others = make(101)

    async def main() -> None:
        left, right = aio.pair(batch=1, max_queued=1)
        async with left, right:
            count = await fill_up(left, first)
            got: list[tuple[int, int]] = []
            accepted: list[int] = []

            async def send(fd: int) -> None:
                await left.send(fd)
                accepted.append(fd)

            for number, fd in enumerate(others):
                async with anyio.create_task_group() as group:
                    group.start_soon(send, fd)
                    await turns(number % 3)
                    got += await take(right, min(10, count + len(accepted) - len(got)))
                    await turns(number % 5)
                    group.cancel_scope.cancel()
                assert is_open(fd)
            got += await take(right, count + len(accepted) - len(got))
            assert got[count:] == identities(accepted)
            assert accepted

    run(main)


def test_two_chains_in_one_loop(run: Run, make: Make) -> None:
    sent = make(60)

    async def forward(source: aio.Passer, target: aio.Passer) -> None:
        async with source, target:
            async for fd in source:
                await target.send(fd, close=True)

    async def fill(target: aio.Passer) -> None:
        async with target:
            for fd in sent:
                await target.send(fd)

    async def main() -> None:
        async with anyio.create_task_group() as group:
            ends = []
            for _ in range(2):
                one, other = aio.pair(max_queued=4), aio.pair(max_queued=4)
                group.start_soon(fill, one[0])
                group.start_soon(forward, one[1], other[0])
                ends.append(other[1])
            for end in ends:
                async with end:
                    assert [taken([fd])[0] async for fd in end] == identities(sent)

    run(main)


def test_close_ends_the_waiting(run: Run, make: Make) -> None:
    (fd,) = make(1)
    ended = []

    async def main() -> None:
        left, right = aio.pair(batch=1, max_queued=0)

        async def closed(call: Callable[..., Any], *args: Any) -> None:
            with pytest.raises(fdpass.PasserClosed):
                await call(*args)
            ended.append(call)

        async with right:
            await fill_up(left, fd)
            async with anyio.create_task_group() as group:
                group.start_soon(closed, left.recv)
                group.start_soon(closed, left.send, fd)
                await turns(5)
                left.close()

    run(main)

    assert len(ended) == 2


def test_a_peer_that_is_killed_ends_the_waiting(run: Run) -> None:
    idle = "import fdpass, sys; p = fdpass.inherited(); sys.stdin.read()"

    async def main(child: subprocess.Popen[bytes], ours: fdpass.Passer) -> None:
        async def ended() -> None:
            with pytest.raises(fdpass.ChannelEnded):
                await passer.recv()

        async with aio.Passer(ours) as passer, anyio.create_task_group() as group:
            group.start_soon(ended)
            await turns(3)
            child.kill()

    child, ours = fdpass.spawn([sys.executable, "-c", idle], stdin=subprocess.PIPE)
    with child:
        run(main, child, ours)


def test_connect_and_accept(run: Run, make: Make, short: Path) -> None:
    (fd,) = make(1)
    path = short / "end"

    async def serve(listener: aio.Listener) -> None:
        async for passer in listener:
            async with passer:
                await passer.send(await passer.recv(), close=True)

    async def main() -> None:
        async with anyio.create_task_group() as group, aio.listen(path) as listener:
            with anyio.move_on_after(0.005) as scope:
                await listener.accept()
            assert scope.cancelled_caught
            group.start_soon(serve, listener)
            for _ in range(3):
                async with await aio.connect(path, timeout=SOON) as passer:
                    await passer.send(fd)
                    assert await take(passer, 1) == [identity(fd)]

    run(main)


def test_trio_alone_is_enough(make: Make) -> None:
    trio = has("trio")
    if trio is None:
        pytest.skip("trio is not installed")
    sent = make(50)

    async def main() -> None:
        left, right = aio.pair(batch=1, max_queued=2)
        async with right, trio.open_nursery() as nursery:

            async def fill() -> None:
                async with left:
                    for fd in sent:
                        await left.send(fd)

            nursery.start_soon(fill)
            assert [taken([fd])[0] async for fd in right] == identities(sent)

    trio.run(main)
