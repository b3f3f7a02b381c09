"""The peers under event loops, in Node and in PHP: what is their own, beyond the protocol."""

from __future__ import annotations

import os
import socket
import sys
from typing import TYPE_CHECKING

import pytest

from conformance.errors import CannotStart, PassFailed
from conformance.harness.bench import Bench
from conformance.harness.series import Series
from conformance.harness.transports import END
from conformance.peers.shipped import SHIPPED, Shipped, command_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Benches = Callable[[str], Bench]

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="they pass by Unix sockets")

LOOPS = ("asyncio", "uvloop", "anyio")
ALL = (*LOOPS, "twisted", "node", "php")


@pytest.fixture
def benches() -> Iterator[Benches]:
    opened: list[Bench] = []

    def of(name: str) -> Bench:
        try:
            opened.append(Bench(command_of(name), scale=4))
        except CannotStart as refusal:
            pytest.skip(str(refusal))
        return opened[-1]

    yield of
    for bench in opened:
        bench.close()


@pytest.mark.parametrize("name", ALL)
def test_what_is_no_channel_is_refused(benches: Benches, name: str) -> None:
    bench = benches(name)
    one, other = os.pipe()
    try:
        (player,) = bench.start({END: one})
    finally:
        os.close(one)
        os.close(other)

    with pytest.raises(PassFailed, match="adopt: os"):
        player.adopt_given(END, {})
    assert player.peer.call("identity", fd=0)


@pytest.mark.parametrize("name", LOOPS)
def test_a_send_into_a_full_channel_is_refused_and_not_made_up_for(
    benches: Benches, name: str
) -> None:
    bench = benches(name)
    first, second = bench.join()
    series = Series(bench, first)

    series.send_until_refused()
    series.receive(second)

    assert 0 < series.sent < 5000
    assert second.condition_of("recv", 0.02) == "timed-out"
    assert series.wrong() == ""
    bench.finish()


@pytest.mark.parametrize("name", ["twisted", "node"])
def test_what_is_queued_arrives_though_its_sender_has_closed_it(
    benches: Benches, name: str
) -> None:
    bench = benches(name)
    bench.needs_table()
    first, second = bench.join()
    tokens = bench.tokens(400)
    second.stop()

    for token in tokens:
        held = first.open(token)
        first.send(held)
        held.close()
    second.go_on()
    flushing = first.ask("flush")
    received = second.recv_all(len(tokens))
    flushing.answer()

    assert bench.order(received, tokens) == list(range(len(tokens)))
    bench.finish()


def test_twisted_receives_before_it_is_asked(benches: Benches) -> None:
    bench = benches("twisted")
    player, raw = bench.join_raw()
    token = bench.token()
    before = player.books.table()

    raw.send_opened(b"\0", [token])
    deadline = bench.patience.deadline()
    while player.books.table() == before and not deadline.passed:
        player.peer.call("flush", passer=player.passer, timeout=1.0)

    assert player.books.table() > before
    player.drop()
    assert token.released(), "what nobody asked for is still open"
    bench.finish()


def test_node_passes_what_it_has_handles_of(benches: Benches) -> None:
    bench = benches("node")
    first, second = bench.join()
    token = bench.token()

    with pytest.raises(PassFailed, match="pipes and sockets only: Unsupported fd type: FILE"):
        first.send(first.open(bench.file()))
    received = first.pass_to(second, first.open(token))

    assert not first.peer.passes("file")
    assert first.peer.passes("pipe")
    assert token.is_written_by(received)
    bench.finish()


def test_a_series_does_without_files(benches: Benches) -> None:
    bench = benches("node")
    first, second = bench.join()
    series = Series(bench, first, files=3)
    one, other, third = series.draw(3)
    for held in (one, third, other):
        first.send(held)

    series.receive(second)

    assert (
        series.wrong()
        == series.wrong()
        == (
            "another order than sent: number 2 to arrive is not number 2 sent, "
            "but one of file 3 of 3"
        )
    )


def test_php_keeps_a_socket_as_one(benches: Benches) -> None:
    bench = benches("php")
    player, raw = bench.join_raw()
    ours, theirs = socket.socketpair()
    with ours, theirs:
        raw.send(b"\0", [theirs.fileno()])
    received = player.recv()

    about = player.peer.call("identity", fd=received.number)
    received.close()

    assert about["kind"] == "socket"
    bench.finish()


def test_what_pip_has_is_named_too() -> None:
    lacking = Shipped("a", "Python", ("nul",), tuple, ("no-such-program",), "python3-a", "a>=2")

    assert lacking.missing() == (
        "a is not installed; Debian: apt-get install python3-a; or pip install a>=2"
    )
    assert SHIPPED["anyio"].pip == "anyio>=4.10"
