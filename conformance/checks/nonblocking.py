"""Non-blocking: whoever sends or receives is held up by nobody, and nothing is lost by that.

Neither peer needs the other to be ready, or even to run: what cannot go now waits or is refused.
"""

from __future__ import annotations

import os
import time
from contextlib import suppress
from typing import TYPE_CHECKING

from conformance.errors import Lacking, PassFailed
from conformance.harness.held import NEVER_OPEN
from conformance.harness.patience import FOREVER, NOTHING, WITHIN
from conformance.harness.queues import (
    ENOUGH,
    drain,
    fill,
    fill_for_good,
    fill_until_queued,
    needs_queued,
)
from conformance.harness.seen import cpu_seconds
from conformance.harness.series import Series
from conformance.requirement import must, should

if TYPE_CHECKING:
    from conformance.harness.bench import Bench
    from conformance.harness.held import Held
    from conformance.harness.peer import Pending
    from conformance.harness.player import Player
    from conformance.harness.raw import RawEnd
    from conformance.harness.tokens import Token

_NOT_SENT = "what arrived is not the descriptor that was sent"
_FEW = 3  # fewer than any channel holds
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

    waiting = second.ask("recv", _A_WHILE)
    _still_waits(bench, second, waiting, 0.6 * _A_WHILE, _A_WHILE)
    first.send(sent)
    first.flush()
    received = second.recv() if _outcome(waiting) == "timed-out" else waiting.answer()

    assert token.is_written_by(received), _NOT_SENT


def _still_waits(
    bench: Bench, player: Player, waiting: Pending, moment: float, limit: float
) -> None:
    """Let a moment pass. Who may wait longer than that waits still."""
    early = bench.patience.deadline(moment)
    while not waiting.has_answer and not early.passed:
        player.peer.pump(early.remaining())
    if waiting.has_answer and not early.passed:
        after = early.seconds - early.remaining()
        may = "for ever" if limit == FOREVER else f"{bench.patience.seconds(limit):.1f} s"
        raise AssertionError(f"it may wait {may}, and after {after:.2f} s: {_outcome(waiting)}")


@should("nonblocking.recv-wakes-soon", "AnyEvent::FDpasser, t/recv_before_send.t: on time")
def test_recv_wakes_soon(bench: Bench) -> None:
    """Who waits to receive goes on as soon as something comes, and not a while later.

    Ten times one after the other, since a little late is seldom told from a slow machine.
    """
    first, second = bench.join()
    token = bench.token()
    held = first.open(token)
    late, may = 0.0, bench.patience.seconds(WITHIN / 2)
    for _ in range(10):
        waiting = second.recv_awaited(first)
        first.send(held)
        first.flush()
        it_is_there = time.monotonic()
        received = waiting.answer()
        late += time.monotonic() - it_is_there
        assert late < may, f"what comes does not wake it: {late:.1f} s late, ten times at most"
        assert token.is_written_by(received), _NOT_SENT
        received.close()


@should(
    "nonblocking.nowait-takes-no-time",
    "IO::FDPass, POD, recv: EAGAIN on a non-blocking socket",
    needs=("recv_nowait",),
)
def test_nowait_takes_no_time(bench: Bench) -> None:
    """Asking ten times for what is not there takes no time to speak of."""
    first, second = bench.join()
    token = bench.token()
    may = bench.patience.seconds(WITHIN / 2)
    began = time.monotonic()
    for _ in range(10):
        told = second.condition_of("recv_nowait")
        assert told == "would-block", f"nothing is there, told as {told}"
        told = second.condition_of("recv", 0.0)
        assert told in NOTHING, f"nothing is there, told as {told}"
        took = time.monotonic() - began
        assert took < may, f"it took {took:.1f} s to say that nothing is there, ten times at most"

    assert token.is_written_by(first.pass_to(second, first.open(token))), _NOT_SENT


@should(
    "nonblocking.bytes-do-not-lengthen",
    "AnyEvent::FDpasser, t/recv_before_send.t: on time",
    needs=("recv_with_data",),
    over="inherited",
)
def test_bytes_do_not_lengthen(bench: Bench) -> None:
    """A receive waits no longer than it may while raw bytes come, and no end of them.

    Their descriptor came with the first. Who takes each byte for a sign of life waits for ever.
    """
    player, raw = bench.join_raw()
    token = bench.token()
    patient = bench.patience.deadline(2 * _A_WHILE)

    raw.send_opened(b"x", [token])
    waiting = player.ask("recv", 0.3)
    while not waiting.has_answer and not patient.passed:
        raw.send(b"x")
        player.peer.pump(min(0.1 * bench.patience.scale, patient.remaining()))

    assert waiting.has_answer, "with each byte that comes it begins to wait anew"
    told = _outcome(waiting)
    if told == "timed-out":
        raw.send(raw.dialect.one)
        assert token.is_written_by(player.recv()), _NOT_SENT
    else:
        assert told in {"ok", "not-a-passer", "lost"}, (
            f"a message that has no end is told as {told}"
        )


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


@must(
    "nonblocking.six-hundred-at-once",
    "AnyEvent::FDpasser, POD, Non-blocking: and vice versa",
    needs=("send_many",),
)
def test_six_hundred_at_once(bench: Bench) -> None:
    """All of six hundred that are accepted together arrive, in order, and no more.

    That is more than a usual channel holds. A passer may refuse so many.
    """
    bench.needs_table(1000)
    first, second = bench.join(batch=16, max_queued=600)
    series = Series(bench, first)
    six_hundred = series.draw(600)
    try:
        first.send_many(six_hundred)
    except PassFailed as refusal:
        if refusal.condition in {"queue-full", "would-block"}:
            raise Lacking("so many are refused") from None
        if refusal.condition != "sent-in-part":
            raise
        series.sent = int(refusal.details["accepted"])

    flushing = first.ask("flush")
    series.receive_and_close(second, series.sent)
    flushing.answer()
    surplus = second.condition_of("recv", 0.0)

    assert surplus in NOTHING, f"{surplus}: more came than was sent"
    assert not (wrong := series.wrong()), wrong


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
    "nonblocking.flush-waits-its-time",
    "AnyEvent::FDpasser, POD, Non-blocking: and vice versa",
    needs=("queued",),
    over="inherited",
)
def test_flush_waits_its_time(bench: Bench) -> None:
    """Waiting for room lasts as long as it may: it goes on when the receiver does.

    The receiver does so when more than half of the time has passed.
    """
    _late_receiver(bench, 0.6 * _A_WHILE, _A_WHILE)


@should(
    "nonblocking.flush-without-limit",
    "AnyEvent::FDpasser, POD, Non-blocking: and vice versa",
    needs=("queued",),
    over="inherited",
)
def test_flush_without_limit(bench: Bench) -> None:
    """Waiting for room that is given no time lasts until there is some."""
    _late_receiver(bench, 1.1 * _A_WHILE, FOREVER)


def _late_receiver(bench: Bench, moment: float, limit: float) -> None:
    """Flush to a receiver that goes on after a moment; it has to receive all."""
    bench.needs_table()
    first, second = bench.join(batch=1)
    token = bench.token()
    second.stop()
    sent = fill_for_good(first, first.open(token))
    needs_queued(first, sent)

    flushing = first.ask("flush", limit)
    _still_waits(bench, first, flushing, moment, limit)
    second.go_on()
    received = drain(first, second, sent)  # it flushes once more: the time may be over by now

    due = {"ok"} if limit == FOREVER else {"ok", "timed-out"}
    told = _outcome(flushing)
    assert told in due, f"the receiver goes on, and flushing to it says {told}"
    assert bench.order(received, [token]) == [0] * sent, _NOT_SENT


@must(
    "nonblocking.flushed-has-gone",
    "AnyEvent::FDpasser, POD, Non-blocking: and vice versa",
    needs=("queued",),
    over="inherited",
)
def test_flushed_has_gone(bench: Bench) -> None:
    """All of a flushed queue arrives, though its sender closes its end at once.

    A raw end takes one after the other out of a full channel until the flush comes back, and the
    others when the passer is closed.
    """
    player, raw = bench.join_raw(batch=1)
    filler, token = bench.token(), bench.token()
    sent = fill_for_good(player, player.open(filler))
    _needs_a_full_channel(player, sent)
    player.send(player.open(token))

    flushing = player.ask("flush")
    arrived = _taken(raw)
    while not flushing.has_answer and len(arrived) <= sent:
        player.peer.pump(0.15 * bench.patience.scale if len(arrived) < 5 else 0.0)
        if not flushing.has_answer:
            arrived += _taken(raw)
    flushing.answer()
    player.drop()
    while more := _taken(raw):
        arrived += more

    due = [_file(filler)] * sent + [_file(token)]
    lost = len(due) - len(arrived)
    assert not lost, f"what was flushed went with its sender: {lost} of {len(due)} never arrive"
    assert arrived == due, _NOT_SENT


def _needs_a_full_channel(player: Player, sent: int) -> None:
    needs_queued(player, sent)
    if sent - player.queued() < _FEW:
        raise Lacking("the channel is not full: the sender waits for an answer, or for a flush")


def _file(token: Token) -> tuple[int, int]:
    found = os.stat(token.path)
    return found.st_dev, found.st_ino


def _taken(raw: RawEnd) -> list[tuple[int, int]]:
    """Take what one message brings, and close it; tell which files it was, none at the end."""
    try:
        data, fds = raw.recv()
        while data and not fds:  # the rest of a message
            data, fds = raw.recv()
    except BlockingIOError:
        raise AssertionError("nothing more comes of what was sent") from None
    files = []
    for fd in fds:
        found = os.fstat(fd)
        files.append((found.st_dev, found.st_ino))
        os.close(fd)
    return files


@should(
    "nonblocking.flush-ends-in-time",
    "AnyEvent::FDpasser, POD, Non-blocking: and vice versa",
    needs=("queued",),
    over="inherited",
)
def test_flush_ends_in_time(bench: Bench) -> None:
    """Waiting for room lasts no longer than it may, though one goes now and then.

    A raw end takes one several times within the time. Who begins anew with each would be kept for
    as long as anything waits.
    """
    player, raw = bench.join_raw(batch=1, max_queued=50)
    token = bench.token()
    accepted = fill(player, player.open(token))
    _needs_a_full_channel(player, accepted)
    patient = bench.patience.deadline(2.5 * _A_WHILE)

    flushing = player.ask("flush", 0.4)
    taken = 0
    while not flushing.has_answer and not patient.passed:
        taken += len(_taken(raw))
        player.peer.pump(min(0.15 * bench.patience.scale, patient.remaining()))
    in_time = flushing.has_answer
    again = player.ask("flush")
    while taken < accepted:
        taken += len(_taken(raw))
    again.answer()

    assert in_time, "with each that goes it begins to wait anew"
    told = _outcome(flushing)
    if told == "ok":
        raise Lacking("the queue is empty before its time is over")
    assert told == "timed-out", f"flushing to a slow receiver says {told}"
    assert taken == accepted, f"{taken} came, and {accepted} were sent"


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
