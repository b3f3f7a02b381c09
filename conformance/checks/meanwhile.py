"""Bidirectional, continued: what comes or goes while its peer waits for something else."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from conformance.errors import PassFailed
from conformance.harness.patience import FOREVER
from conformance.harness.queues import (
    drain,
    fill_until_queued,
    needs_queued,
    receive_until,
)
from conformance.requirement import must, should

if TYPE_CHECKING:
    from collections.abc import Sequence

    from conformance.harness.bench import Bench
    from conformance.harness.held import Held
    from conformance.harness.player import Player

_NOT_SENT = "what arrived is not the descriptor that was sent"


@should(
    "bidirectional.queue-moves-without-limit",
    "AnyEvent::FDpasser, POD, Non-blocking: and vice versa",
    needs=("queued",),
)
def test_queue_moves_without_limit(bench: Bench) -> None:
    """What is queued goes on while its sender waits to receive, without a limit.

    The answer comes when all of it has arrived: who waits with a queue at rest waits for ever.
    """
    bench.needs_table()
    first, second = bench.join(batch=1)
    filler, token, answer = bench.tokens(3)
    sent = fill_until_queued(first, first.open(filler))
    needs_queued(first, sent)
    first.send(first.open(token))

    waiting = first.ask("recv", FOREVER)
    received = receive_until(second, token, sent + 1)
    second.send(second.open(answer))
    second.flush()

    assert len(received) == sent + 1, "what is queued waits until its sender has received"
    assert bench.order(received, [filler, token]) == [0] * sent + [1], _NOT_SENT
    assert answer.is_written_by(waiting.answer()), _NOT_SENT


@must(
    "bidirectional.many-at-the-end",
    "AnyEvent::FDpasser, t/child_dies.t; POD, on_error",
    needs=("recv_many",),
)
def test_many_at_the_end(bench: Bench) -> None:
    """Who receives all that is there gets it although the end comes right behind it."""
    first, second = bench.join()
    tokens = bench.tokens(3)
    for held in first.open_all(tokens):
        first.send(held)
    first.flush()
    first.drop()

    received: list[Held] = []
    while len(received) < 3:
        received += second.recv_many()

    assert bench.order(received, tokens) == [0, 1, 2], "not what was sent before the end"
    end = second.condition_of("recv_many")
    assert end == "peer-closed", f"the end of the channel is told as {end}"


@should(
    "bidirectional.queue-moves-in-recv-many",
    "AnyEvent::FDpasser, POD, Non-blocking: and vice versa",
    needs=("queued", "recv_many"),
)
def test_queue_moves_in_recv_many(bench: Bench) -> None:
    """What is queued goes on while its sender waits to receive all that is there."""
    bench.needs_table()
    first, second = bench.join(batch=1)
    tokens = bench.tokens(2)
    filled = fill_until_queued(first, first.open(tokens[0]))
    needs_queued(first, filled)

    waiting = first.ask("recv_many")
    received: list[Held] = []
    with suppress(PassFailed):
        while len(received) < filled:
            received.append(second.recv())
    second.send(second.open(tokens[1]))
    second.flush()

    assert len(received) == filled, "what is queued waits until its sender has received"
    assert bench.order(received, tokens) == [0] * filled, _NOT_SENT
    (back,) = waiting.answer()
    assert tokens[1].is_written_by(back), _NOT_SENT


def _arrive_while_flushing(
    first: Player, second: Player, held: Sequence[Held], filler: Held
) -> list[Held]:
    """Have the second send the *held* in two portions while the first waits for room in vain."""
    sent = fill_until_queued(first, filler)
    middle = len(held) // 2
    for portion in (held[:middle], held[middle:]):
        for one in portion:
            second.send(one)
        second.flush()
        needs_queued(first, sent)
        with suppress(PassFailed):  # it finds no room in time
            first.flush(0.02)
    drain(first, second, sent)
    return first.recv_all(len(held))


@must(
    "bidirectional.while-flushing",
    "AnyEvent::FDpasser, POD, Bidirectional: even simultaneously",
    needs=("queued", "flags"),
)
def test_while_flushing(bench: Bench) -> None:
    """What arrives while its receiver waits for room keeps order and O_NONBLOCK.

    Such a receiver has to read, so that two which both wait for room do not wait for each other.
    """
    bench.needs_table()
    first, second = bench.join(batch=1)
    tokens = bench.tokens(6)
    modes = [["write"], ["write", "nonblocking"]] * 3
    opened = [second.open(token, *mode) for token, mode in zip(tokens, modes, strict=True)]

    received = _arrive_while_flushing(first, second, opened, first.open(bench.token()))

    came = bench.order(received, tokens)
    assert came == [*range(6)], f"while it waited for room came {came}, expected 0 to 5"
    kept = [held.flags().nonblocking for held in received]
    assert kept == [False, True] * 3, "O_NONBLOCK of what came meanwhile has changed"


@should(
    "bidirectional.close-on-exec-while-flushing",
    "POSIX.1-2024 XSH recvmsg, MSG_CMSG_CLOEXEC",
    needs=("queued", "flags"),
)
def test_close_on_exec_while_flushing(bench: Bench) -> None:
    """What arrives while its receiver waits for room is close-on-exec."""
    bench.needs_table()
    first, second = bench.join(batch=1)

    opened = second.open_all(bench.tokens(2))

    received = _arrive_while_flushing(first, second, opened, first.open(bench.token()))

    found = [held.flags().cloexec for held in received]
    assert found == [True] * 2, "what came meanwhile would be inherited over exec"


@should(
    "bidirectional.lost-queue-does-not-hide",
    "AnyEvent::FDpasser, FDpasser.pm, error: it loses them",
    needs=("queued",),
)
def test_lost_queue_does_not_hide(bench: Bench) -> None:
    """What has arrived is received although the queue can never be sent any more.

    The peer has sent something, and closed its end. One is received before flushing fails, and the
    others after that.
    """
    bench.needs_table()
    first, second = bench.join(batch=1)
    tokens = bench.tokens(3)
    sent = fill_until_queued(first, first.open(bench.token()))
    for held in second.open_all(tokens):
        second.send(held)
    second.flush()
    needs_queued(first, sent)
    second.drop()

    received = [first.recv()]
    flushed = first.condition_of("flush")
    received += first.recv_all(2)

    assert flushed != "ok", "what is queued for nobody counts as sent"
    assert bench.order(received, tokens) == [0, 1, 2], "not what had arrived before the error"


@should(
    "bidirectional.end-while-flushing",
    "AnyEvent::FDpasser, t/child_dies.t; POD, on_error",
    needs=("queued",),
    over="inherited",
)
def test_end_while_flushing(bench: Bench) -> None:
    """What has arrived is received although flushing has met the end behind it.

    Raw messages bring it; then their sender sends no more, and goes on to receive nothing.
    """
    player, raw = bench.join_raw(batch=1)
    tokens = bench.tokens(2)
    needs_queued(player, fill_until_queued(player, player.open(bench.token())))
    for token in tokens:
        raw.send_one(token)
    raw.end()

    with suppress(PassFailed):  # there is no room, and whether there can be any is not asked here
        player.flush(0.02)

    received = player.recv_all(2)
    assert bench.order(received, tokens) == [0, 1], "not what was sent before the end"
