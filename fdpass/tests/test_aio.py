"""fdpass.aio on asyncio's own loop and on uvloop; on trio and anyio: test_aio_any.py."""

from __future__ import annotations

import asyncio
import itertools
import os
import sys
from typing import TYPE_CHECKING

import pytest

import fdpass
from fdpass import aio
from fdpass.tests.descriptors import SOON, close_all, identities, identity
from fdpass.tests.loops import ECHO, fill_up, take, turns, until
from fdpass.tests.passing import Aside, receive, taken

if TYPE_CHECKING:
    from collections.abc import Callable

    Make = Callable[[int], list[int]]
    Run = Callable[..., None]


# -- both ways


def test_descriptors_go_both_ways_in_order(run: Run, make: Make) -> None:
    sent = make(40)

    async def main() -> None:
        left, right = aio.pair()
        async with left, right:
            for there, back in zip(sent[:20], sent[20:], strict=True):
                await left.send(there)
                await right.send(back)
            assert await take(right, 20) == identities(sent[:20])
            assert await take(left, 20) == identities(sent[20:])

    run(main)


def test_what_arrives_is_close_on_exec_and_the_callers(run: Run, make: Make) -> None:
    (fd,) = make(1)

    async def main() -> None:
        left, right = aio.pair()
        async with left, right:
            await left.send(fd)
            got = await right.recv()
        assert not os.get_inheritable(got)
        os.close(got)

    run(main)


def test_text_goes_with_its_descriptor(run: Run, make: Make) -> None:
    fds = make(2)

    async def main() -> None:
        left, right = aio.pair()
        async with left, right:
            await left.send(fds[0], data=b"first")
            await left.send(fds[1])
            for fd, text in zip(fds, (b"first", b""), strict=True):
                got, data = await right.recv_with_data()
                assert (taken([got]), data) == ([identity(fd)], text)

    run(main)


def test_many_at_once(run: Run, make: Make) -> None:
    sent = make(60)

    async def main() -> None:
        left, right = aio.pair(max_queued=64)
        async with left, right:
            await left.send_many(sent)
            got: list[tuple[int, int]] = []
            while len(got) < len(sent):
                got += taken(await right.recv_many())
            assert got == identities(sent)
            with pytest.raises(ValueError, match="at most 64 descriptors at once, received 65"):
                await left.send_many([0] * 65)

    run(main)


def test_a_blocking_process_at_the_other_end(run: Run, make: Make) -> None:
    sent = make(300)

    async def main(ours: fdpass.Passer) -> None:
        async with aio.Passer(ours) as passer:
            sending = asyncio.ensure_future(passer.send_many(sent))
            assert await take(passer, len(sent)) == identities(sent)
            await sending

    child, ours = fdpass.spawn([sys.executable, "-W", "error", "-c", ECHO])
    with child:
        run(main, ours)

    assert child.returncode == 0


# -- backpressure


def test_send_waits_while_the_queue_is_full(run: Run, make: Make) -> None:
    first, last = make(2)

    async def main() -> None:
        left, right = aio.pair(batch=1, max_queued=3)
        async with left, right:
            count = await fill_up(left, first)
            assert left.queued == 3
            sending = asyncio.ensure_future(left.send(last))
            await turns()
            assert not sending.done()
            got = await take(right, count + 1)
            await sending
            assert got == [identity(first)] * count + [identity(last)]

    run(main)


def test_without_a_queue_send_waits_for_the_system(run: Run, make: Make) -> None:
    sent = make(10) * 100

    async def main() -> None:
        left, right = aio.pair(batch=1, max_queued=0)
        async with left, right:

            async def send() -> None:
                for fd in sent:
                    await left.send(fd)

            sending = asyncio.ensure_future(send())
            assert await take(right, len(sent)) == identities(sent)
            await sending

    run(main)


def test_those_who_wait_to_send_are_served_in_order(run: Run, make: Make) -> None:
    first, *others = make(11)

    async def main() -> None:
        left, right = aio.pair(batch=1, max_queued=1)
        async with left, right:
            count = await fill_up(left, first)
            sending = [asyncio.ensure_future(left.send(fd)) for fd in others]
            got = await take(right, count + len(others))
            await asyncio.gather(*sending)
            assert got[count:] == identities(others)

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
                await until(lambda: not receiving.is_alive())
                assert receiving.result() == [identity(fd)] * count
                assert not passer.queued

    run(main)


def test_the_rest_of_a_message_goes_though_nobody_awaits_the_passer(run: Run, make: Make) -> None:
    (fd,) = make(1)
    text = b"x" * 60_000

    async def main() -> None:
        ours, theirs = fdpass.pair()
        with theirs:
            async with aio.Passer(ours) as passer:
                count = 0
                while not ours.wants_write:
                    await passer.send(fd, data=text)
                    count += 1

                def all_that_came() -> list[int]:
                    got = [theirs.recv_with_data(SOON) for _ in range(count)]
                    close_all([fd for fd, _ in got])
                    return [len(data) for _, data in got]

                receiving = Aside(all_that_came)
                await until(lambda: not receiving.is_alive())
                assert receiving.result() == [len(text)] * count

    run(main)


def test_a_task_that_is_always_served_lets_others_have_their_turn(run: Run, make: Make) -> None:
    (fd,) = make(1)

    async def main() -> None:
        left, right = aio.pair(batch=1)
        async with left, right:
            others = 0

            async def count() -> None:
                nonlocal others
                while True:
                    others += 1
                    await asyncio.sleep(0)

            counting = asyncio.ensure_future(count())
            await turns(2)
            before = others
            for _ in range(200):  # never has to wait
                await left.send(fd)
                os.close(await right.recv())
            assert others > before + 5
            counting.cancel()
            await asyncio.wait([counting])

    run(main)


# -- several tasks, several passers


def test_tasks_that_receive_from_one_passer_share_what_comes(run: Run, make: Make) -> None:
    sent = make(90)

    async def main() -> None:
        left, right = aio.pair(batch=1)
        async with left, right:
            receiving = [asyncio.ensure_future(take(right, 30)) for _ in range(3)]
            await turns()
            await left.send_many(sent)
            got = await asyncio.gather(*receiving)
            assert sorted(itertools.chain(*got)) == sorted(identities(sent))

    run(main)


def test_a_chain_of_passers_in_one_loop(run: Run, make: Make) -> None:
    sent = make(200)

    async def forward(source: aio.Passer, target: aio.Passer) -> None:
        async with source, target:
            async for fd in source:
                await target.send(fd, close=True)

    async def main() -> None:
        links = [aio.pair(batch=1, max_queued=4) for _ in range(8)]
        tasks = [
            asyncio.ensure_future(forward(one[1], other[0]))
            for one, other in itertools.pairwise(links)
        ]
        got = asyncio.ensure_future(take(links[-1][1], len(sent)))
        async with links[0][0] as start:
            for fd in sent:
                await start.send(fd)
        assert await got == identities(sent)
        await asyncio.gather(*tasks)
        links[-1][1].close()

    run(main)


def test_a_passer_is_passed_and_goes_on(run: Run, make: Make) -> None:
    (fd,) = make(1)

    async def main() -> None:
        left, right = aio.pair()
        inner, outer = aio.pair()
        async with left, right, outer:
            await left.send(inner, close=True)
            assert inner.closed
            async with aio.adopt(await right.recv()) as arrived:
                await outer.send(fd)
                assert await take(arrived, 1) == [identity(fd)]

    run(main)


# -- clear errors


def test_without_a_loop_it_says_so() -> None:
    left, right = aio.pair()
    receiving = left.recv()

    with pytest.raises(RuntimeError, match="no event loop is running here"):
        receiving.send(None)

    left.close()
    right.close()


def test_a_loop_that_cannot_wait_for_descriptors_is_named() -> None:
    class ProactorEventLoop(asyncio.SelectorEventLoop):
        def add_reader(self, *_: object) -> None:
            raise NotImplementedError

    async def main() -> None:
        left, right = aio.pair()
        async with left, right:
            with pytest.raises(NotImplementedError, match="ProactorEventLoop cannot wait"):
                await left.recv()

    # What a loop itself needs to be woken goes past the public method.
    loop = ProactorEventLoop()
    try:
        loop.run_until_complete(main())
    finally:
        loop.close()


def test_a_passer_says_what_it_is() -> None:
    left, right = aio.pair()
    shown = repr(left)
    left.close()
    right.close()

    assert shown.startswith("<fdpass.aio.Passer of <fdpass.Passer on descriptor ")
    assert repr(left) == "<fdpass.aio.Passer of <fdpass.Passer, closed>>"
