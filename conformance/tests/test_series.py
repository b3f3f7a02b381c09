from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

from conformance.errors import PassFailed
from conformance.harness.bench import Bench
from conformance.harness.series import Lost, NoRoom, Series
from conformance.peers import PEERS

from .test_bench import FAULTY, ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def bench() -> Iterator[Bench]:
    bench = Bench(PEERS["fdpass"], scale=0.2)
    yield bench
    bench.close()


def test_what_arrives_as_it_was_sent_is_right(bench: Bench) -> None:
    first, second = bench.join()
    series = Series(bench, first, files=3)

    series.send(5)
    series.send_many(5)
    series.receive(second, 4)
    series.receive_and_close(second, 6)

    assert (series.sent, series.arrived) == (10, 10)
    assert series.wrong() == ""
    bench.finish()


def test_what_was_overtaken_is_found(bench: Bench) -> None:
    first, second = bench.join()
    series = Series(bench, first, files=3)
    one, other, third = series.draw(3)
    for held in (one, third, other):
        first.send(held)

    series.receive(second)

    assert series.wrong() == (
        "another order than sent: number 2 to arrive is not number 2 sent, but one of file 3 of 3"
    )


def test_what_came_twice_is_found(bench: Bench) -> None:
    first, second = bench.join()
    series = Series(bench, first)
    one, _ = series.draw(2)
    first.send(one)
    first.send(one)

    series.receive(second)

    assert "number 2 to arrive is not number 2 sent, but one of file 1" in series.wrong()


@pytest.mark.parametrize("flag", ["read", "write"])
def test_what_was_never_sent_is_found(bench: Bench, flag: str) -> None:
    first, second = bench.join()
    series = Series(bench, first)
    series.draw(1)
    first.send(first.open(bench.file(), flag))

    series.receive(second)

    assert series.wrong() == "number 1 to arrive is none of those sent"
    bench.finish()


def test_what_never_arrives_is_named(bench: Bench) -> None:
    first, second = bench.join()
    series = Series(bench, first)
    series.send(2)
    series.draw(1)

    with pytest.raises(NoRoom, match="descriptor 3 of 3 never arrived: peer B: recv: timed-out"):
        series.receive(second)


def test_why_it_was_not_sent_is_told_first(bench: Bench) -> None:
    first, second = bench.join(max_queued=0)
    series = Series(bench, first)

    series.send_many(5000)

    with pytest.raises(PassFailed, match="send_many: queue-full"):
        series.receive(second)


def test_a_loss_that_is_told_is_a_failure_or_is_counted(bench: Bench) -> None:
    player, raw = bench.join_raw()
    series = Series(bench, player)
    series.draw(1)
    raw.send(b"\0")

    with pytest.raises(Lost, match="descriptor 1 of 1 was lost: peer A: recv: lost"):
        series.receive(player)
    raw.send(b"\0")
    series.receive_what_is_not_lost(player)

    assert (series.arrived, series.lost) == (0, 1)


# Every third receive finds a slot; what waits is not lost.
_THIRD_TIME = """tries = 0
    def op_recv(self, it):
        import fdpass
        self.tries += 1
        if self.tries % 3:
            raise fdpass.TableFull("no slot")
        return super().op_recv(it)"""


@pytest.fixture
def crowded() -> Iterator[Bench]:
    code = FAULTY.format(root=ROOT, body=_THIRD_TIME)
    bench = Bench((sys.executable, "-S", "-c", code), scale=0.2)
    yield bench
    bench.close()


def test_a_full_table_is_asked_again(crowded: Bench) -> None:
    first, second = crowded.join()
    series = Series(crowded, first)
    series.send(12)

    series.receive(second, 10)
    series.receive_what_is_not_lost(second)

    assert (series.arrived, series.lost, series.wrong()) == (12, 0, "")


def test_a_table_that_stays_full_has_its_time(crowded: Bench) -> None:
    first, second = crowded.join()
    series = Series(crowded, first)
    series.draw(1)

    with pytest.raises(NoRoom, match="descriptor 1 of 1 never arrived"):
        series.receive(second)
    with pytest.raises(NoRoom, match="descriptor 1 of 1 never arrived"):
        series.receive_what_is_not_lost(second)
