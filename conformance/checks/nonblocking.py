"""Non-blocking: whoever sends or receives is held up by nobody, and nothing is lost by that.

Neither peer needs the other to be ready, or even to run: what cannot go now waits or is refused.
"""

from __future__ import annotations

import time
from contextlib import suppress
from typing import TYPE_CHECKING

from conformance.errors import Lacking, PassFailed
from conformance.harness.held import NEVER_OPEN
from conformance.harness.patience import FOREVER, NOTHING, WITHIN
from conformance.harness.queues import ENOUGH, drain, fill, fill_until_queued, needs_queued
from conformance.harness.seen import cpu_seconds
from conformance.requirement import must, should

if TYPE_CHECKING:
    from conformance.harness.bench import Bench
    from conformance.harness.held import Held
    from conformance.harness.peer import Pending
    from conformance.harness.player import Player
    from conformance.harness.tokens import Token

_NOT_SENT = "what arrived is not the descriptor that was sent"
_A_WHILE = 1.0  # seconds, long enough for its parts to be told from one another


def _full(bench: Bench, max_queued: int = 50) -> tuple[Player, Player, Token, int]:
    """Fill the channel to a second peer that is stopped; tell how often a token was accepted."""
    bench.needs_table()
    first, second = bench.join(batch=1, max_queued=max_queued)
    token = bench.token()
    second.stop()
    return first, second, token, fill(first, first.open(token))


# -- receiving ------------------------------------------------------------------------------------


@must(
    "nonblocking.recv-before-send",
    "AnyEvent::FDpasser, t/recv_before_send.t",
    needs=("recv_nowait",),
)
def test_recv_before_send(bench: Bench) -> None:
    """A receive says at once that nothing is there; what is sent later is received."""
    first, second = bench.join()
    token = bench.token()

    too_early = second.condition_of("recv_nowait")

    assert too_early == "would-block", "receiving from an empty channel does not say would-block"
    assert token.is_written_by(first.pass_to(second, first.open(token))), _NOT_SENT


@must(
    "nonblocking.recv-at-once",
    "IO::FDPass, POD, recv: on a socket that indicates readability",
    needs=("recv_nowait",),
)
def test_recv_at_once(bench: Bench) -> None:
    """What is there is received without waiting."""
    first, second = bench.join()
    token = bench.token()
    first.send(first.open(token))
    first.flush()

    received = second.recv_at_once()

    assert received, "a descriptor is there, and receiving says would-block each time"
    assert token.is_written_by(received), _NOT_SENT


@must("nonblocking.waiting-recv-wakes", "AnyEvent::FDpasser, t/recv_before_send.t")
def test_waiting_recv_wakes(bench: Bench) -> None:
    """A receive that waits is answered when the other peer sends."""
    first, second = bench.join()
    token = bench.token()
    waiting = second.recv_awaited(first)

    deadline = bench.patience.deadline(WITHIN / 2)
    first.send(first.open(token))
    first.flush()
    received = waiting.answer()

    assert not deadline.passed, "it was not woken, and looked again when its time was over"
    assert token.is_written_by(received), _NOT_SENT


@should("nonblocking.recv-without-limit", "AnyEvent::FDpasser, t/recv_before_send.t")
def test_recv_without_limit(bench: Bench) -> None:
    """A receive that is given no time waits until something comes."""
    first, second = bench.join()
    token = bench.token()
    waiting = second.recv_awaited(first, FOREVER, moment=0.1)

    first.send(first.open(token))
    first.flush()

    assert _outcome(waiting) == "ok", "it did not wait"
    assert token.is_written_by(waiting.answer()), _NOT_SENT


@must(
    "nonblocking.recv-times-out", "AnyEvent::FDpasser, t/recv_before_send.t: the timer is on time"
)
def test_recv_times_out(bench: Bench) -> None:
    """A receive waits no longer than it may, and the next one works."""
    first, second = bench.join()
    token = bench.token()

    outcome = second.condition_of("recv", 0.02)

    assert outcome == "timed-out", "receiving from an empty channel does not time out"
    assert token.is_written_by(first.pass_to(second, first.open(token))), _NOT_SENT


@must(
    "nonblocking.recv-waits-its-time",
    "AnyEvent::FDpasser, t/recv_before_send.t: the timer is on time",
)
def test_recv_waits_its_time(bench: Bench) -> None:
    """A receive waits as long as it may: what is sent before its time is over arrives.

    Sent when more than half of the time has passed. Where that comes too late, because the machine
    is slow, the next receive has to give it.
    """
    first, second = bench.join()
    token = bench.token()
    sent = first.open(token)

    early = bench.patience.deadline(0.6 * _A_WHILE)
    waiting = second.ask("recv", _A_WHILE)
    while not waiting.has_answer and not early.passed:
        second.peer.pump(early.remaining())
    if waiting.has_answer and not early.passed:
        after = early.seconds - early.remaining()
        may = bench.patience.seconds(_A_WHILE)
        raise AssertionError(f"it may wait {may:.1f} s, and after {after:.2f}: {_outcome(waiting)}")
    first.send(sent)
    first.flush()
    received = second.recv() if _outcome(waiting) == "timed-out" else waiting.answer()

    assert token.is_written_by(received), _NOT_SENT


@should("nonblocking.waits-idle", "POSIX.1-2017 XSH poll: shall wait at least timeout milliseconds")
def test_waits_idle(bench: Bench) -> None:
    """A receive that waits sleeps: it leaves the processor to others."""
    _, second = bench.join()

    outcome = _waiting_idly(bench, second, "recv")

    assert outcome == "timed-out", "receiving from an empty channel does not time out"


def _waiting_idly(bench: Bench, player: Player, call: str) -> str:
    """Have it wait for what does not come; give the outcome. It has to sleep meanwhile."""
    before = cpu_seconds(player.peer)
    outcome = player.condition_of(call, _A_WHILE)
    used = cpu_seconds(player.peer) - before
    may = bench.patience.seconds(_A_WHILE)
    assert used < may / 10, f"waiting {may:.1f} s took {used:.2f} s of processor time"
    return outcome


@should("nonblocking.recv-from-a-stopped-sender", "AnyEvent::FDpasser, t/recv_before_send.t")
def test_recv_from_a_stopped_sender(bench: Bench) -> None:
    """A receive comes back also while the process that is to send does not run at all."""
    first, second = bench.join()
    token = bench.token()
    sent = first.open(token)

    first.stop()
    outcome = second.condition_of("recv", 0.02)
    first.go_on()

    assert outcome == "timed-out", "receiving from a stopped process does not time out"
    assert token.is_written_by(first.pass_to(second, sent)), _NOT_SENT


@should("nonblocking.stopped-while-waiting", "POSIX.1-2017 XSH recvmsg, EINTR")
def test_stopped_while_waiting(bench: Bench) -> None:
    """A receive that waits survives that its process is stopped and goes on."""
    first, second = bench.join()
    token = bench.token()
    sent = first.open(token)
    waiting = second.recv_awaited(first)

    second.stop()
    first.send(sent)
    first.flush()
    second.go_on()

    assert token.is_written_by(waiting.answer()), _NOT_SENT


@should("nonblocking.stops-do-not-lengthen", "AnyEvent::FDpasser, t/recv_before_send.t: on time")
def test_stops_do_not_lengthen(bench: Bench) -> None:
    """A receive waits no longer when its process is stopped again and again.

    Who begins to wait anew after each signal waits for ever under a profiler.
    """
    _, second = bench.join()
    patient = bench.patience.deadline(3 * _A_WHILE)

    waiting = second.ask("recv", _A_WHILE)
    while not waiting.has_answer and not patient.passed:
        second.peer.pump(min(0.3 * bench.patience.scale, patient.remaining()))
        second.stop()
        second.go_on()

    assert waiting.has_answer, "each time that it is stopped it begins to wait anew"
    assert _outcome(waiting) == "timed-out", "receiving from an empty channel does not time out"


# -- sending --------------------------------------------------------------------------------------


@must("nonblocking.send-before-recv", "AnyEvent::FDpasser, t/send_before_recv.t")
def test_send_before_recv(bench: Bench) -> None:
    """A peer that has sent goes on, although nobody receives what it sent.

    It receives from the other before the other receives from it.
    """
    first, second = bench.join()
    tokens = bench.tokens(2)

    first.send(first.open(tokens[0]))
    first.flush()
    here = second.pass_to(first, second.open(tokens[1]))
    there = second.recv()

    assert bench.order([there, here], tokens) == [0, 1], _NOT_SENT


@must(
    "nonblocking.send-to-a-stopped-receiver",
    "AnyEvent::FDpasser, POD, Non-blocking: and vice versa",
    needs=("queued",),  # without a queue a passer may refuse what the channel does not take
)
def test_send_to_a_stopped_receiver(bench: Bench) -> None:
    """Sending comes back while the receiver is stopped; all arrives when it goes on.

    400 are sent one by one, more than a usual channel holds, so some must wait in the sender.
    """
    bench.needs_table()
    first, second = bench.join(batch=1)
    tokens = bench.tokens(7)
    opened = first.open_all(tokens)

    second.stop()
    for number in range(400):
        first.send(opened[number % 7])
    second.go_on()
    received = drain(first, second, 400)

    sent = [number % 7 for number in range(400)]
    assert bench.order(received, tokens) == sent, "not what was sent, or in another order"


@must("nonblocking.full-channel", "IO::FDPass, POD, send: EAGAIN; POSIX.1-2017 XSH sendmsg, EAGAIN")
def test_full_channel(bench: Bench) -> None:
    """Sending into a full channel comes back, and what was accepted arrives.

    The receiver is stopped, and the sender sends until it is refused.
    """
    first, second, token, accepted = _full(bench)

    second.go_on()
    received = drain(first, second, accepted)

    assert bench.order(received, [token]) == [0] * accepted, _NOT_SENT


@should("nonblocking.room-again", "IO::FDPass, POD, send: EAGAIN", needs=("queued",))
def test_room_again(bench: Bench) -> None:
    """A channel and a queue that were full take as much again when they are empty.

    What has gone counts no more.
    """
    first, second, token, accepted = _full(bench)
    second.go_on()
    drain(first, second, accepted)

    second.stop()
    again = fill(first, first.open(token))
    second.go_on()
    received = drain(first, second, again)

    assert again > accepted - 25, f"of {accepted} that it took at first it takes {again} now"
    assert bench.order(received, [token]) == [0] * again, _NOT_SENT


@must(
    "nonblocking.refused-is-not-sent",
    "IO::FDPass, POD, send: EAGAIN; POSIX.1-2017 XSH sendmsg, EAGAIN",
)
def test_refused_is_not_sent(bench: Bench) -> None:
    """A descriptor that a full channel refused never arrives, and is not kept either."""
    first, second, filler, accepted = _full(bench)
    token = bench.token()
    other = first.open(token)

    late = fill(first, other)  # the last of them was refused, at the latest
    second.go_on()
    received = drain(first, second, accepted + late)
    surplus = second.condition_of("recv", 0.0)

    assert surplus in NOTHING, f"{surplus}: more than what was accepted, a refused one was sent"
    assert bench.order(received, [filler, token]) == [0] * accepted + [1] * late, _NOT_SENT
    for held in (other, *received[accepted:]):
        held.close()
    assert token.released(), "a descriptor that was refused is still open somewhere"


@must(
    "nonblocking.refused-at-once",
    "IO::FDPass, POD, send: EAGAIN; POSIX.1-2017 XSH sendmsg, EAGAIN",
    needs=("send_many",),
)
def test_refused_at_once(bench: Bench) -> None:
    """Of several that a full channel refused none arrives.

    Who has sent a part of them says so by an error of its own (sent-in-part).
    """
    first, second, filler, accepted = _full(bench)
    token = bench.token()
    three = [first.open(token) for _ in range(3)]

    told = first.condition_of("send_many", three)
    second.go_on()
    received = drain(first, second, accepted + 3 * (told == "ok"))
    surplus = second.condition_of("recv", 0.0)

    due = {"ok", "queue-full", "would-block", "sent-in-part"}
    assert told in due, f"a full channel is told as {told}, expected queue-full"
    if told != "sent-in-part":
        assert surplus in NOTHING, f"{surplus}: some of those that were refused were sent"
        assert bench.order(received, [filler])[:accepted] == [0] * accepted, _NOT_SENT


@must(
    "nonblocking.refused-taken-over",
    "IO::FDPass, POD, send: EAGAIN; POSIX.1-2017 XSH sendmsg, EAGAIN",
)
def test_refused_taken_over(bench: Bench) -> None:
    """A descriptor that a full channel refused to take over stays open in the sender."""
    first, _, _, accepted = _full(bench)
    token = bench.token()

    for _ in range(ENOUGH - accepted):
        held = first.open(token)
        if first.condition_of("send", held, close=True) != "ok":
            break
    else:
        raise Lacking(f"nothing is refused here: the channel takes {ENOUGH} and more")

    assert token.is_written_by(held.again()), "what was refused is closed, or another one by now"


@should("nonblocking.queued-is-kept", "AnyEvent::FDpasser, POD, push_send_fh", needs=("queued",))
def test_queued_is_kept(bench: Bench) -> None:
    """The sender may close its own while it waits in the queue; it still arrives."""
    bench.needs_table()
    first, second = bench.join(batch=1)
    filler, token = bench.tokens(2)
    held, last = first.open(filler), first.open(token)
    second.stop()
    before = fill_until_queued(first, held)

    first.send(last)
    last.close()
    second.go_on()
    *_, received = drain(first, second, before + 1)

    assert token.is_written_by(received), "closing the sender's own spoiled what was queued"


@should(
    "nonblocking.flush-times-out",
    "AnyEvent::FDpasser, POD, Non-blocking: and vice versa",
    needs=("queued",),
)
def test_flush_times_out(bench: Bench) -> None:
    """Waiting for the queue to be empty ends in time; what is queued is not lost.

    A channel that takes all there is (gVisor's counts bytes only) leaves nothing to wait for.
    """
    first, second, token, accepted = _full(bench, max_queued=5)
    queued = first.queued()

    outcome = first.condition_of("flush", 0.02)
    second.go_on()
    received = drain(first, second, accepted)
    surplus = second.condition_of("recv", 0.0)

    assert surplus in NOTHING, f"{surplus}: more came than was sent, after a flush in vain"
    due = "timed-out" if queued else "ok"
    assert outcome == due, "flushing into a full channel does not time out"
    assert bench.order(received, [token]) == [0] * accepted, _NOT_SENT


@should(
    "nonblocking.flush-waits-idle",
    "POSIX.1-2017 XSH poll: shall wait at least timeout milliseconds",
    needs=("queued",),
)
def test_flush_waits_idle(bench: Bench) -> None:
    """Waiting for room leaves the processor to others."""
    first, second, _, accepted = _full(bench)
    needs_queued(first, accepted)

    outcome = _waiting_idly(bench, first, "flush")
    second.go_on()
    drain(first, second, accepted)

    assert outcome == "timed-out", "flushing into a full channel does not time out"


@should(
    "nonblocking.waiting-flush-wakes",
    "AnyEvent::FDpasser, POD, Non-blocking: and vice versa",
    needs=("queued",),
)
def test_waiting_flush_wakes(bench: Bench) -> None:
    """Who waits for room goes on as soon as there is some, and not a while later.

    Six times one after the other, since a little late is seldom told from a slow machine.
    """
    bench.needs_table()
    first, second = bench.join(batch=1)
    held = first.open(bench.token())
    late = 0.0
    for _ in range(6):
        second.stop()
        sent = fill_until_queued(first, held)
        needs_queued(first, sent)
        flushing = first.ask("flush")
        second.go_on()
        for received in second.recv_all(sent - 1):  # what was in the channel; one had to wait
            received.close()
        there_is_room = time.monotonic()
        second.recv().close()
        flushing.answer()
        late += time.monotonic() - there_is_room

    may = bench.patience.seconds(WITHIN / 2)
    assert late < may, f"room does not wake it: it looked again {late:.1f} s late, six times in all"


@should(
    "nonblocking.queue-moves-in-recv",
    "AnyEvent::FDpasser, POD, Non-blocking: and vice versa",
    needs=("queued",),
)
def test_queue_moves_in_recv(bench: Bench) -> None:
    """What is queued goes on while its sender waits to receive.

    Two that have each queued something for the other, and both receive, would else wait for ever.
    """
    bench.needs_table()
    first, second = bench.join(batch=1)
    tokens = bench.tokens(2)
    filled = fill_until_queued(first, first.open(tokens[0]))
    first.send(first.open(tokens[1]))

    waiting = first.ask("recv")
    received: list[Held] = []
    with suppress(PassFailed):
        while len(received) < filled + 1:
            received.append(second.recv())
    second.send(second.open(tokens[0]))
    second.flush()

    assert len(received) == filled + 1, "what is queued waits until its sender has received"
    assert bench.order(received, tokens) == [0] * filled + [1], _NOT_SENT
    assert tokens[0].is_written_by(waiting.answer()), _NOT_SENT


@should(
    "nonblocking.error-spares-the-queue",
    "AnyEvent::FDpasser, FDpasser.pm, error: it loses them",
    needs=("queued",),
)
def test_error_spares_the_queue(bench: Bench) -> None:
    """A send that fails, as its descriptor is not open, takes nothing from the queue."""
    bench.needs_table()
    first, second = bench.join(batch=1)
    filler, token = bench.tokens(2)
    held, last = first.open(filler), first.open(token)
    second.stop()
    before = fill_until_queued(first, held)
    first.send(last)

    refused = _outcome(first.ask("send", fd=NEVER_OPEN))
    second.go_on()
    received = drain(first, second, before + 1)

    assert refused != "ok", "it is said that what is not open was sent"
    assert bench.order(received, [filler, token]) == [0] * before + [1], _NOT_SENT


@must(
    "nonblocking.queue-of-the-dead",
    "AnyEvent::FDpasser, t/child_dies.t; POSIX.1-2017 XSH sendmsg, EPIPE",
    needs=("queued",),
)
def test_queue_of_the_dead(bench: Bench) -> None:
    """That nobody is left to receive what is queued is told when it is flushed."""
    first, second, _, accepted = _full(bench)
    needs_queued(first, accepted)

    second.kill()
    told = first.condition_of("flush")

    assert told in {"peer-closed", "peer-reset"}, f"what was queued is lost, told as {told}"


@should("nonblocking.busy-recv-times-out", "AnyEvent::FDpasser, t/send_before_recv.t: on time")
def test_busy_recv_times_out(bench: Bench) -> None:
    """A receive waits no longer than it may while the other direction is full."""
    first, second, token, accepted = _full(bench)

    outcome = first.condition_of("recv", 0.02)
    second.go_on()
    received = drain(first, second, accepted)

    assert outcome == "timed-out", "receiving does not time out while there is more to send"
    assert bench.order(received, [token]) == [0] * accepted, _NOT_SENT


# -- the other peer goes --------------------------------------------------------------------------


@must("nonblocking.peer-close-wakes", "AnyEvent::FDpasser, POD, on_error: orderly shutdown")
def test_peer_close_wakes(bench: Bench) -> None:
    """A receive that waits is told when the other peer closes its end."""
    first, second = bench.join()
    waiting = second.recv_awaited(first)

    deadline = bench.patience.deadline(WITHIN / 2)
    first.drop()

    with second.expects("peer-closed"):
        waiting.answer()
    assert not deadline.passed, "it was not woken, and looked again when its time was over"


@must("nonblocking.peer-dies", "AnyEvent::FDpasser, t/child_dies.t")
def test_peer_dies(bench: Bench) -> None:
    """A receive that waits is told when the other process dies.

    As a reset or as an end: systems differ when it leaves unread what it was sent.
    """
    first, second = bench.join()
    first.send(first.open(bench.token()))
    first.flush()

    waiting = first.ask("recv")
    second.kill()

    told = _outcome(waiting)
    assert told in {"peer-closed", "peer-reset"}, "the death of the peer is not told"


def _outcome(pending: Pending) -> str:
    try:
        pending.answer()
    except PassFailed as failure:
        return failure.condition
    return "ok"


# -- the channel's own O_NONBLOCK -----------------------------------------------------------------


@should(
    "nonblocking.recv-on-a-blocking-channel",
    "IO::FDPass, POD: on blocking sockets and on others",
    needs=("recv_nowait", "set_nonblocking", "socketpair"),
)
def test_recv_on_a_blocking_channel(bench: Bench) -> None:
    """A receive does not wait when somebody has cleared O_NONBLOCK of the channel.

    A copy of the channel's descriptor is with the other peer, and they share the flag.
    """
    first, second = bench.join()
    one, _ = first.channel()
    copy = first.pass_to(second, one)
    passer = first.adopt(one)

    copy.set_nonblocking(False)

    outcome = passer.condition_of("recv_nowait")
    assert outcome == "would-block", "receiving does not say would-block"


@should(
    "nonblocking.send-on-a-blocking-channel",
    "IO::FDPass, POD: on blocking sockets and on others",
    needs=("set_nonblocking", "socketpair"),
)
def test_send_on_a_blocking_channel(bench: Bench) -> None:
    """Sending comes back when somebody has cleared O_NONBLOCK of the channel."""
    first, second = bench.join()
    one, _ = first.channel()
    copy = first.pass_to(second, one)
    passer = first.adopt(one, batch=1, max_queued=50)

    copy.set_nonblocking(False)
    accepted = fill(passer, first.open(bench.token()))

    assert accepted, "the channel takes nothing"
