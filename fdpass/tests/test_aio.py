"""fdpass.aio on asyncio's own loop and on uvloop; on trio and anyio: test_aio_any.py."""

from __future__ import annotations

import asyncio
import itertools
import os
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

import fdpass
from fdpass import aio
from fdpass.tests.descriptors import SOON, close_all, fill, identities, identity, is_open
from fdpass.tests.loops import run_on, turns, until
from fdpass.tests.passing import Aside, feed, receive, taken

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine
    from pathlib import Path

    Apart = Callable[..., str]
    Make = Callable[[int], list[int]]
    Run = Callable[..., None]


@pytest.fixture(params=["asyncio", "uvloop"])
def run(request: pytest.FixtureRequest) -> Run:
    def run(main: Callable[..., Coroutine[Any, Any, None]], *args: Any) -> None:
        run_on(request.param, main, *args)

    return run


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
    echo = (
        "import fdpass\n"
        "with fdpass.inherited() as passer:\n"
        "    try:\n"
        "        while True: passer.send(passer.recv(20.0), close=True); passer.flush(20.0)\n"
        "    except fdpass.PeerClosed: pass\n"
    )

    async def main(ours: fdpass.Passer) -> None:
        async with aio.Passer(ours) as passer:
            sending = asyncio.ensure_future(passer.send_many(sent))
            assert await take(passer, len(sent)) == identities(sent)
            await sending

    child, ours = fdpass.spawn([sys.executable, "-W", "error", "-c", echo])
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


# -- cancellation


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
            async with one, other:
                both = [asyncio.ensure_future(take(end, 1)) for end in (one, other)]
                with pytest.raises(fdpass.ChannelEnded if first.done() else fdpass.PasserClosed):
                    await first
                await one.send(fd)
                await other.send(fd)
                assert await asyncio.gather(*both) == [[identity(fd)]] * 2

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
