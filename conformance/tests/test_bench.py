from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

import pytest

import conformance
from conformance.errors import PassFailed, PeerFailed
from conformance.harness.bench import Bench
from conformance.harness.spawn import inheritable
from conformance.harness.transports import TRANSPORTS
from conformance.peers import PEERS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Maker = Callable[..., Bench]

# The reference peer with other methods.
FAULTY = """
import os, sys
sys.path.insert(0, {root!r})
from conformance.peers.reference import ReferencePeer, main
class Faulty(ReferencePeer):
    {body}
main(Faulty)
"""
ROOT = os.path.dirname(os.path.dirname(conformance.__file__))


@pytest.fixture
def make() -> Iterator[Maker]:
    benches: list[Bench] = []

    def maker(transport: str = "inherited", *, body: str = "", scale: float = 1.0) -> Bench:
        code = FAULTY.format(root=ROOT, body=body)
        command = (sys.executable, "-S", "-c", code) if body else PEERS["fdpass"]
        benches.append(Bench(command, transport, scale=scale))
        return benches[-1]

    yield maker
    for bench in benches:
        bench.close()


@pytest.fixture
def bench(make: Maker) -> Bench:
    return make()


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_two_peers_are_joined(make: Maker, transport: str) -> None:
    bench = make(transport)
    first, second = bench.join()
    token = bench.token()

    there = first.pass_to(second, first.open(token))
    back = second.pass_to(first, there)

    assert first.peer.pid != second.peer.pid
    assert token.is_written_by(there)
    assert token.is_written_by(back)
    bench.finish()


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_a_leak_is_found(make: Maker, transport: str) -> None:
    body = "def op_recv(self, it): fd = super().op_recv(it); os.dup(2); return fd"
    bench = make(transport, body=body, scale=0.2)
    first, second = bench.join()

    first.pass_to(second, first.open(bench.token()))

    with pytest.raises(AssertionError, match=r"peer B: 1 descriptor more than at the start: \d"):
        bench.finish()


def test_without_an_outside_view_the_peer_is_asked(make: Maker) -> None:
    body = (
        "def op_hello(self, it): return {**super().op_hello(it), 'pid': 0}\n"
        "    def op_flush(self, it): os.dup(2)"
    )
    bench = make(body=body, scale=0.2)
    first, _ = bench.join()

    first.flush()

    with pytest.raises(AssertionError, match="peer A: 1 descriptor more"):
        bench.finish()


def test_closing_what_belongs_to_others_is_found(make: Maker) -> None:
    bench = make(body="def op_flush(self, it): os.close(2)", scale=0.2)
    first, _ = bench.join()

    first.flush()

    with pytest.raises(AssertionError, match="peer A: 1 descriptor less than at the start: 2"):
        bench.finish()


def test_closing_what_was_borrowed_is_found_at_the_end(make: Maker) -> None:
    bench = make(body="def op_send(self, it): super().op_send(it); os.close(it['fd'])")
    first, second = bench.join()
    first.pass_to(second, first.open(bench.token()))

    with pytest.raises(PassFailed, match=r"close: os \(EBADF"):
        bench.finish()


def test_closing_what_was_borrowed_is_found_when_the_number_comes_again(make: Maker) -> None:
    bench = make(body="def op_send(self, it): super().op_send(it); os.close(it['fd'])")
    first, _ = bench.join()
    token = bench.token()
    first.send(first.open(token))

    with pytest.raises(PeerFailed, match="closed behind its owner's back"):
        first.open(token)


def test_a_descriptor_that_is_not_the_one_sent_is_noticed(make: Maker) -> None:
    body = (
        "def op_recv(self, it):\n"
        "        os.close(super().op_recv(it)['fd'])\n"
        "        return {'fd': os.open('/dev/null', os.O_RDWR)}"
    )
    bench = make(body=body)
    first, second = bench.join()
    token = bench.token()

    received = first.pass_to(second, first.open(token))

    assert not token.is_written_by(received)
    assert bench.order([received], [token]) == [None]


def test_a_token_knows_when_it_is_released(bench: Bench) -> None:
    first, second = bench.join()
    token = bench.token()
    sent = first.open(token)
    first.send(sent)
    sent.close()

    assert not token.released(within=0), "it is in flight"
    second.recv().close()
    assert token.released()


def test_order_tells_which_token_heard(bench: Bench) -> None:
    first, _ = bench.join()
    tokens = bench.tokens(3)
    opened = first.open_all(tokens)

    assert bench.order([opened[2], opened[0], opened[2]], tokens) == [2, 0, 2]


def test_descriptors_can_be_looked_at(bench: Bench) -> None:
    first, second = bench.join()
    page = bench.file(b"0123456789")
    held = first.open(page, "both", "append")
    received = first.pass_to(second, held)

    held.seek(4)
    received.set_nonblocking()

    assert received.read(2) == b"45"
    assert held.flags()[:3] == (True, True, "both")
    assert held.identity() == received.identity()
    assert held.identity().kind == "file"
    assert received.write(b"ab") == 2
    assert page.content() == b"0123456789ab"
    bench.finish()


def test_reading_has_a_deadline(bench: Bench) -> None:
    first, _ = bench.join()
    left, right = first.socketpair()

    assert left.write(b"x") == 1
    assert right.read(10) == b"x"
    with pytest.raises(PassFailed, match="read: timed-out"):
        right.read(1, timeout=0.05)


def test_conditions_are_expected_by_name(bench: Bench) -> None:
    first, second = bench.join()

    assert first.condition_of("recv_nowait") == "would-block"
    assert first.condition_of("recv", timeout=0.01) == "timed-out"
    with first.expects("would-block"):
        first.recv_nowait()
    other = pytest.raises(AssertionError, match=r"expected peer-closed: .*would-block")
    with other, first.expects("peer-closed"):
        first.recv_nowait()
    none = pytest.raises(AssertionError, match="expected would-block, and it succeeded")
    with none, first.expects("would-block"):
        first.flush()
    second.drop()
    with first.expects("peer-closed"):
        first.recv()
    bench.finish()


def test_taking_over_is_the_end_of_a_held_descriptor(bench: Bench) -> None:
    first, second = bench.join()
    token = bench.token()

    first.send(first.open(token), close=True)
    first.send_many(first.open_all([token, token]), close=True)
    for held in second.recv_all(3):
        held.close()

    assert token.released()
    bench.finish()


def test_data_goes_along(bench: Bench) -> None:
    first, second = bench.join()

    first.send(first.open(bench.token()), data=b"label")

    assert second.recv_with_data()[1] == b"label"
    bench.finish()


def test_a_received_descriptor_can_be_a_passer(bench: Bench) -> None:
    first, second = bench.join()
    token = bench.token()
    near, far = first.socketpair()

    inner = second.adopt(first.pass_to(second, far))
    received = first.adopt(near).pass_to(inner, first.open(token))

    assert token.is_written_by(received)
    bench.finish()


def test_a_table_can_be_filled_and_freed(bench: Bench) -> None:
    first, second = bench.join()
    second.limit(40)
    second.fill(leave=0)
    first.send_many(first.open_all([bench.file()] * 5))

    met = [second.condition_of("recv_nowait") for _ in range(5)]
    freed = second.free(5)
    rest = second.recv_all(met.count("table-full"))

    assert met[-1] == "table-full"
    assert freed == 5
    assert len(rest) + met.count("ok") == 5
    bench.finish()


def test_a_churning_table_is_no_leak(bench: Bench) -> None:
    first, second = bench.join()
    second.churn()
    first.pass_to(second, first.open(bench.token()))

    bench.finish()


def test_a_stopped_peer_answers_when_it_goes_on(bench: Bench) -> None:
    first, second = bench.join()
    token = bench.token()
    second.stop()
    first.send(first.open(token))

    pending = second.ask("recv")
    assert not pending.has_answer
    second.go_on()

    assert token.is_written_by(pending.answer())
    second.stop()
    bench.finish()


def test_answers_nobody_asked_for_are_given_back_too(bench: Bench) -> None:
    first, second = bench.join()

    second.ask("recv")
    first.send_later(first.open(bench.token()))

    bench.finish()


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_a_killed_peer_is_no_leak(make: Maker, transport: str) -> None:
    bench = make(transport)
    first, second = bench.join()

    second.kill()

    with first.expects("peer-closed"):
        first.recv()
    bench.finish()


def test_a_fork_has_copies(bench: Bench) -> None:
    first, _ = bench.join()
    token = bench.token()
    held = first.open(token)

    child = first.fork()
    copy = child.copy_of(held)
    held.close()

    assert token.is_written_by(copy)
    assert not token.released(within=0)
    bench.finish()
    assert token.released()


def test_a_raw_end_speaks_the_wire(bench: Bench) -> None:
    player, raw = bench.join_raw()
    token = bench.token()
    reading, writing = os.pipe()
    try:
        raw.send(b"\0", [writing])
        received = player.recv()
        received.write(b"raw")
        assert os.read(reading, 10) == b"raw"
    finally:
        os.close(reading)
        os.close(writing)

    player.send(player.open(token))
    data, fds = raw.recv()
    os.write(fds[0], b"mark")
    os.close(fds[0])

    assert data == b"\0"
    assert token.heard() == b"mark"
    bench.finish()


def test_a_held_descriptor_is_of_one_peer(bench: Bench) -> None:
    first, second = bench.join()
    held = first.open(bench.token())

    with pytest.raises(ValueError, match="is not in the table of peer B"):
        second.send(held)


def test_nothing_is_left_behind(make: Maker) -> None:
    before = sorted(os.listdir("/dev/fd")), inheritable()
    bench = make("socketpair")
    bench.join()
    folder = os.path.dirname(bench.path("x"))

    bench.close()

    assert (sorted(os.listdir("/dev/fd")), inheritable()) == before
    assert not os.path.exists(folder)


def test_transcripts_tell_what_was_said(bench: Bench) -> None:
    first, _ = bench.join()
    first.flush()

    transcripts = bench.transcripts()

    assert list(transcripts) == ["A", "B"]
    assert any("flush" in line for line in transcripts["A"])
