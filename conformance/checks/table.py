"""Descriptor table full: however full the receiver's table is, no descriptor is lost.

A received descriptor needs a free slot of the table. How a system fails without one differs, and
most lose the descriptor; a passer has to see to it that it waits, or at the least to tell.
"""

from __future__ import annotations

import os
from contextlib import suppress
from typing import TYPE_CHECKING

from conformance.errors import Lacking, PassFailed
from conformance.harness.dialects import carries_bytes
from conformance.harness.patience import NOTHING, SOON
from conformance.harness.queues import drain, fill_for_good, needs_queued
from conformance.harness.series import Series
from conformance.requirement import must, should

if TYPE_CHECKING:
    from conformance.harness.bench import Bench
    from conformance.harness.dialects import Dialect
    from conformance.harness.held import Held
    from conformance.harness.player import Player

_SEED = "AnyEvent::FDpasser, t/full_descriptor_table.t"
_POD = "AnyEvent::FDpasser, POD, Descriptor table full"
_DESYNCHRONISED = "AnyEvent::FDpasser, POD, Descriptor table full: desynchronising the stream"
_DUP = "unix(7), SCM_RIGHTS: as if by dup(2)"
_DISCARDED = "unix(7), SCM_RIGHTS: excess descriptors are closed"
_TABLE = ("limit", "fill", "free")

_LIMIT = 64  # more than any passer keeps for itself, and quickly filled
_SETSIZE = 1024  # FD_SETSIZE nearly everywhere
_TRIES = 10  # in vain, until nothing more is believed to come
_MOST = 253  # SCM_MAX_FD of Linux; elsewhere there may be fewer, or more


def _starve(series: Series, receiver: Player) -> None:
    """Fill the table of *receiver*, and send until one waits in the channel for a slot.

    What the passer has in reserve, if it keeps any slots, is used up then.
    """
    receiver.limit(_LIMIT)
    receiver.fill(leave=0)
    while series.arrived == series.sent:
        assert series.sent < _LIMIT, "the descriptor table is never full"
        series.send()
        series.receive_some(receiver)


# -- it waits -------------------------------------------------------------------------------------


@must("table.intermittent", _SEED, needs=("limit",), each_survival=True)
def test_intermittent(bench: Bench) -> None:
    """Thirty descriptors pass through a table of twenty slots.

    The receiver keeps what it gets, and closes all of it whenever there is no room for more.
    """
    first, second = bench.join(batch=1)
    series = Series(bench, first)
    second.limit(20)

    series.send(30)
    while series.arrived < 30:
        series.receive(second, 1)
        series.receive_some(second)
        series.close()

    assert not (wrong := series.wrong()), wrong


@must("table.waits", _POD, needs=_TABLE, each_survival=True)
def test_waits(bench: Bench) -> None:
    """What arrives while the table is full is received as soon as there is a slot.

    Nothing is sent after it that could be taken for it.
    """
    first, second = bench.join(batch=1)
    series = Series(bench, first)
    _starve(series, second)

    second.free(1)
    series.receive(second)

    assert not (wrong := series.wrong()), wrong


@should("table.close-on-exec", _DUP, needs=(*_TABLE, "flags"), each_survival=True)
def test_close_on_exec(bench: Bench) -> None:
    """What has waited for a slot is close-on-exec, and so is what comes after it."""
    first, second = bench.join(batch=1)
    series = Series(bench, first)
    try:
        _starve(series, second)
        second.free()
        series.send(1)
        series.receive(second)
    except (AssertionError, PassFailed):  # lost, or never arrived
        raise Lacking("what waits for a slot is lost here (table.waits)") from None

    kept = [held.flags().cloexec for held in series.last(2)]
    assert kept == [True, True], "it would be inherited over exec"


@must("table.next-is-not-skipped", _DESYNCHRONISED, needs=_TABLE, each_survival=True)
def test_next_is_not_skipped(bench: Bench) -> None:
    """After a full table the one that waited comes, and not the next in its place."""
    first, second = bench.join(batch=1)
    series = Series(bench, first)
    _starve(series, second)

    second.free()
    series.send(2)
    series.receive(second, 2)

    assert not (wrong := series.wrong()), wrong


@must("table.one-slot-at-a-time", _POD, needs=_TABLE, each_survival=True)
def test_one_slot_at_a_time(bench: Bench) -> None:
    """With each slot that is freed one more descriptor is received, in order."""
    first, second = bench.join(batch=1)
    series = Series(bench, first)
    _starve(series, second)
    series.send(9)

    for _ in range(10):
        second.free(1)
        series.receive(second, 1)

    assert not (wrong := series.wrong()), wrong


@must("table.several-in-one-message", _POD, needs=(*_TABLE, "send_many"), each_survival=True)
def test_several_in_one_message(bench: Bench) -> None:
    """Descriptors sent together all arrive, though at first a few slots are free.

    The passers may put sixteen into one message; there is room for three, and later for all.
    """
    first, second = bench.join(batch=16)
    series = Series(bench, first)
    _starve(series, second)
    series.send_many(16)

    second.free(3)
    series.receive_some(second)
    second.free()
    series.receive(second)

    assert not (wrong := series.wrong()), wrong


@must("table.fills-and-clears", _POD, needs=_TABLE, each_survival=True)
def test_fills_and_clears(bench: Bench) -> None:
    """Nothing is lost while the table is now full, now nearly so, now nearly empty.

    Of what waits a half may come in messages of four, so that there is room for a part of one.
    """
    first, second = bench.join(batch=4)
    series = Series(bench, first)
    second.limit(_LIMIT)

    for leave in (0, 5, 1, 20, 3, 0):
        second.fill(leave)
        series.send_many(25)
        series.send(25)
        series.receive_some(second)
        series.close()
        second.free()
        series.receive_and_close(second, series.sent - series.arrived)

    assert not (wrong := series.wrong()), wrong


@must("table.limit-lowered", _POD, needs=("limit",), each_survival=True)
def test_limit_lowered(bench: Bench) -> None:
    """Nothing is lost when the limit of the table sinks below what is open already."""
    first, second = bench.join(batch=1)
    series = Series(bench, first)
    second.limit(_LIMIT)
    second.open_all([bench.file()] * 12)
    series.send(3)

    second.limit(10)
    series.receive_some(second)
    second.limit(_LIMIT)
    series.receive(second)

    assert not (wrong := series.wrong()), wrong


@must("table.both-full", _POD, needs=_TABLE, each_survival=True)
def test_both_full(bench: Bench) -> None:
    """Nothing is lost in either direction while the tables of both peers are full."""
    first, second = bench.join(batch=1)
    ways = [(Series(bench, first), first, second), (Series(bench, second), second, first)]
    for series, sender, _ in ways:
        series.send(5)
        series.all_handed_over()
        sender.limit(_LIMIT)
        sender.fill(leave=0)

    for series, _, receiver in ways:
        series.receive_some(receiver)
    for series, _, receiver in ways:
        receiver.free()
        series.receive(receiver)

    assert not (wrong := ways[0][0].wrong() or ways[1][0].wrong()), wrong


@must("table.sender-ends", _POD, needs=_TABLE, each_survival=True)
def test_sender_ends(bench: Bench) -> None:
    """What waits for a slot arrives though the sender closes its end meanwhile."""
    first, second = bench.join(batch=1)
    series = Series(bench, first)
    _starve(series, second)
    series.send(4)
    series.all_handed_over()

    first.drop()
    series.receive_some(second)
    second.free()
    series.receive(second)

    assert not (wrong := series.wrong()), wrong


@should("table.recv-many", _POD, needs=(*_TABLE, "recv_many"), each_survival=True, over="inherited")
def test_recv_many(bench: Bench) -> None:
    """Receiving all that is there gives those that find room; the others wait."""
    first, second = bench.join(batch=1)
    series = Series(bench, first)
    second.limit(_LIMIT)
    second.fill(leave=4)
    series.send(12)

    series.receive_many(second)
    second.free()
    series.receive(second)

    assert not (wrong := series.wrong()), wrong


# -- other threads --------------------------------------------------------------------------------


def _churn(receiver: Player, leave: int) -> None:
    """Have another thread open and close descriptors in a table with *leave* free slots."""
    receiver.limit(40)
    receiver.fill(leave)
    receiver.churn()


def _skip_if_slots_are_reserved(bench: Bench) -> None:
    if bench.survival == "reserve":
        raise Lacking(
            "with slots in reserve, another thread can take the one freed for receiving; "
            "what is lost then is reported (table.loss-is-not-silent)"
        )


@must("table.under-churn", _POD, needs=(*_TABLE, "churn"), each_survival=True)
def test_under_churn(bench: Bench) -> None:
    """A thousand descriptors pass while another thread takes and frees the last slots.

    The receiver closes what it gets. It has one slot more than it needs, and the thread takes two.
    """
    _skip_if_slots_are_reserved(bench)
    first, second = bench.join(batch=1)
    series = Series(bench, first)
    _churn(second, leave=9)

    for _ in range(20):
        series.send(50)
        series.receive_and_close(second, 50)

    assert not (wrong := series.wrong()), wrong


@must(
    "table.under-churn-in-batches",
    _POD,
    needs=(*_TABLE, "churn"),
    each_survival=True,
    over="inherited",
)
def test_under_churn_in_batches(bench: Bench) -> None:
    """The same holds with sixteen descriptors in one message.

    One that fits in part only, because the other thread was faster, is as good as one that waits.
    """
    _skip_if_slots_are_reserved(bench)
    first, second = bench.join(batch=16)
    series = Series(bench, first)
    _churn(second, leave=17)

    for _ in range(20):
        series.send_many(50)
        series.receive_and_close(second, 50)

    assert not (wrong := series.wrong()), wrong


@must("table.loss-is-not-silent", _DESYNCHRONISED, needs=(*_TABLE, "churn"), each_survival=True)
def test_loss_is_not_silent(bench: Bench) -> None:
    """What gets lost because of another thread's descriptors is reported.

    All that were sent and not reported as lost arrive, in order.
    """
    first, second = bench.join(batch=1)
    series = Series(bench, first)
    _churn(second, leave=2)
    series.send(100)

    series.receive_what_is_not_lost(second)

    assert not (wrong := series.wrong()), wrong


# -- high numbers ---------------------------------------------------------------------------------


@should(
    "table.high-numbers",
    "POSIX.1-2017 XSH select: fd less than FD_SETSIZE",
    needs=(*_TABLE, "socketpair", "flags"),
    over="inherited",
)
def test_high_numbers(bench: Bench) -> None:
    """Channels and descriptors work whose numbers are 1024 and more.

    select(2) cannot wait for them, nor are there bits for them in an fd_set of the usual size.
    """
    bench.needs_table(_SETSIZE + 400)  # what a peer has open at the start is not counted
    first, second = bench.join()
    token = bench.token()
    usual = first.pass_to(second, first.open(token)).flags().cloexec
    for peer in (first, second):
        peer.limit(_SETSIZE + 100)
        peer.fill(leave=80)
    near, far = first.channel()
    arrived = first.pass_to(second, far)
    _need_high(near, arrived)

    ours, theirs = first.adopt(near), second.adopt(arrived)
    for sender, receiver in ((ours, theirs), (theirs, ours)):
        outcome = receiver.condition_of("recv", SOON)
        assert outcome == "timed-out", f"waiting at a channel of a high number: {outcome}"
        received = sender.pass_to(receiver, sender.open(token))
        assert token.is_written_by(received), "what arrived is not the descriptor that was sent"
        received = sender.pass_to(receiver, sender.open(token, "write", "nonblocking"))
        kept = received.flags()
        assert kept.nonblocking, "O_NONBLOCK was lost on the way to a high number"
        told = f"number {received.number} would be inherited over exec, unlike a lower one"
        assert kept.cloexec >= usual, told


def _need_high(*ends: Held) -> None:
    low = min(end.number for end in ends)
    if low < _SETSIZE:
        raise Lacking(f"the numbers below {_SETSIZE} are not filled: {low} is free")


@should(
    "table.high-numbers-wait",
    "POSIX.1-2017 XSH select: fd less than FD_SETSIZE",
    needs=(*_TABLE, "socketpair", "queued"),
    over="inherited",
)
def test_high_numbers_wait(bench: Bench) -> None:
    """A queue is flushed also where the channel has a number of 1024 or more."""
    bench.needs_table(_SETSIZE + 400)
    first, second = bench.join()
    token = bench.token()
    held = first.open(token)
    first.limit(_SETSIZE + 100)
    first.fill(leave=80)
    near, far = first.channel()
    _need_high(near)
    ours, theirs = first.adopt(near, batch=1), second.adopt(first.pass_to(second, far))

    sent = fill_for_good(ours, held)
    needs_queued(ours, sent)
    outcome = ours.condition_of("flush", SOON)
    assert outcome == "timed-out", f"waiting for room at a channel of a high number: {outcome}"

    received = drain(ours, theirs, sent)
    assert bench.order(received, [token]) == [0] * sent, "what arrived is not what was sent"


# -- the sender's table ---------------------------------------------------------------------------


@should("table.sender-full", _DUP, needs=_TABLE)
def test_sender_full(bench: Bench) -> None:
    """A descriptor that is open can be sent though the sender's table is full.

    The passer takes it over, so that not even a copy for its queue needs a slot.
    """
    first, second = bench.join()
    tokens = bench.tokens(10)
    opened = first.open_all(tokens)
    first.limit(_LIMIT)
    first.fill(leave=0)

    for held in opened:
        first.send(held, close=True)
    first.ask("flush")

    assert bench.order(second.recv_all(10), tokens) == list(range(10)), "another order than sent"


@should("table.sender-and-channel-full", "IO::FDPass, POD, EAGAIN", needs=_TABLE)
def test_sender_and_channel_full(bench: Bench) -> None:
    """What can neither be handed over nor kept is refused, and no part of it sent.

    With the channel full and no slot for a copy, the sender is told; it still has its own.
    """
    first, second = bench.join(batch=1)
    series = Series(bench, first)
    first.limit(_LIMIT)
    first.fill(leave=0)

    series.send_until_refused()
    flushed = first.ask("flush")
    series.receive_and_close(second, series.sent)
    flushed.answer()
    first.drop()

    with second.expects("peer-closed"):
        second.recv()
    assert not (wrong := series.wrong()), wrong


# -- new channels ---------------------------------------------------------------------------------


@should(
    "table.accept-recovers", _POD, needs=(*_TABLE, "listen", "accept", "connect"), over="filesystem"
)
def test_accept_recovers(bench: Bench) -> None:
    """A connection that finds the table full is accepted when there is room."""
    one, other = bench.start({}, {})
    token, path = bench.token(), bench.path("endpoint")
    listener = one.with_passer(one.ask("listen", path=path).answer()["listener"])
    one.limit(_LIMIT)
    one.fill(leave=0)
    connected = other.with_passer(other.ask("connect", path=path).answer()["passer"])
    accepted = None
    with suppress(PassFailed):
        accepted = _accept(one, listener, SOON)

    one.free()
    accepted = accepted or _accept(one, listener)

    received = connected.pass_to(accepted, other.open(token))
    assert token.is_written_by(received), "what arrived is not the descriptor that was sent"


def _accept(one: Player, listener: Player, timeout: float | None = None) -> Player:
    accepted = one.ask("accept", timeout, listener=listener.passer).answer()["passer"]
    return one.with_passer(accepted)


# -- nothing is left behind, nothing is taken for what it is not ----------------------------------


@should(
    "table.given-up", _DISCARDED, needs=(*_TABLE, "send_many"), each_survival=True, over="inherited"
)
def test_given_up(bench: Bench) -> None:
    """A message that never found room goes with the channel, to its last descriptor.

    None that was delivered in a vain attempt has stayed open in the receiver's table.
    """
    first, second = bench.join(batch=16)
    series, token = Series(bench, first), bench.token()
    _starve(series, second)
    first.send_many(first.open_all([token] * 16), close=True)
    first.flush()

    second.free(3)
    for _ in range(3):
        with suppress(PassFailed):
            second.recv(SOON).close()
    second.drop()

    assert token.released(), "a descriptor of the message is still open"


@must("table.byte-without-descriptor", _DESYNCHRONISED, each_survival=True, over="inherited")
def test_byte_without_descriptor(bench: Bench) -> None:
    """A raw message that brings no descriptor is not taken for one that does."""
    player, raw = bench.join_raw()

    raw.send(raw.dialect.one)

    assert player.condition_of("recv") != "ok", "a descriptor was delivered, and none was sent"


@should("table.loss-is-told", _DESYNCHRONISED, each_survival=True, over="inherited")
def test_loss_is_told(bench: Bench) -> None:
    """A raw message without its descriptor is told as a loss, and the next arrives.

    It is what a system leaves that drops the descriptor without a sign.
    """
    player, raw = bench.join_raw()
    token = bench.token()
    raw.send(raw.dialect.one)

    with player.expects("lost"):
        player.recv()

    raw.send_one(token)
    assert token.is_written_by(player.recv()), "what arrived is not the descriptor that was sent"


def _needs_numbers(dialect: Dialect) -> None:
    if dialect.message(2) == dialect.one:
        raise Lacking(f"in the dialect {dialect.name} no message tells how many come with it")


@should("table.loss-in-its-place", _DESYNCHRONISED, each_survival=True, over="inherited")
def test_loss_in_its_place(bench: Bench) -> None:
    """What a raw message brings comes before the loss of the rest, told in full.

    It announces five and brings two. A passer need not count the lost, nor give any of the two.
    """
    player, raw = bench.join_raw(batch=5)
    _needs_numbers(raw.dialect)
    tokens = bench.tokens(3)
    raw.send_opened(raw.dialect.message(5), tokens[:2])

    received: list[Held] = []
    lost: list[int | None] = []
    vain = 0
    while not (vain and lost) and vain < _TRIES:
        held = _received_or_lost(player, lost, SOON if received or lost or vain else None)
        if isinstance(held, str):
            vain += held in NOTHING
        else:
            assert not lost, "a loss is told before what had arrived ahead of it"
            received.append(held)
    raw.send_one(tokens[2])
    for _ in range(6):  # each of the others may be told by itself
        if not isinstance(last := _received_or_lost(player, lost, None), str):
            break
    else:
        raise AssertionError(f"what comes after it is told as {last}")

    came, missing = len(received), 5 - len(received)
    assert lost, f"of five {came} arrived, and no loss is told"
    assert bench.order([*received, last], tokens) == [*range(came), 2], "not in the order sent"
    if None not in lost:
        told = sum(count or 0 for count in lost)
        assert told >= missing, f"{came} of five arrived, and {told} are told as lost"


def _received_or_lost(player: Player, lost: list[int | None], timeout: float | None) -> Held | str:
    """Receive one, or say why not; a loss is noted."""
    try:
        return player.recv(timeout)
    except PassFailed as failure:
        if failure.condition == "not-a-passer":
            raise Lacking("a message that lacks some is refused as a whole") from None
        if failure.condition == "lost":
            lost.append(failure.details.get("lost"))
        elif failure.condition not in NOTHING:
            raise
        return failure.condition


@should("table.largest-message", _DISCARDED, over="inherited")
def test_largest_message(bench: Bench) -> None:
    """All of 253 in one raw message with credentials arrive, or are told as lost.

    So many Linux lets one message carry. A passer may have room for fewer, and for no credentials.
    """
    bench.needs_table(_MOST + 100)
    player, raw = bench.join_raw(credentials=True, batch=_MOST)
    _needs_numbers(raw.dialect)
    token = bench.token()
    fd = os.open(token.path, os.O_WRONLY)
    try:
        raw.send(raw.dialect.message(_MOST), [fd] * _MOST)
    except OSError as refusal:
        raise Lacking(f"no message carries {_MOST} here: {refusal.strerror}") from None
    finally:
        os.close(fd)

    received: list[Held] = []
    lost = 0
    while len(received) + lost < _MOST:
        try:
            received.append(player.recv())
        except PassFailed as failure:
            if failure.condition == "not-a-passer":
                break
            if failure.condition != "lost":
                told = f"{len(received)} of {_MOST} arrived, {lost} are told as lost"
                raise AssertionError(f"{told}, and now: {failure}") from None
            lost += int(failure.details.get("lost") or 1)

    assert bench.order(received, [token]) == [0] * len(received), "not what was sent"


@should("table.cut-off-is-told", _DESYNCHRONISED, each_survival=True, over="inherited")
def test_cut_off_is_told(bench: Bench) -> None:
    """A raw message cut off by its sender's end is told, and left open nowhere.

    Its descriptor came with the first byte.
    """
    player, raw = bench.join_raw()
    token, receive = bench.token(), "recv"
    if carries_bytes(raw.dialect.name):
        if "recv_with_data" not in player.peer.ops:
            raise Lacking("a message is complete here with its first byte")
        start, receive = b"half", "recv_with_data"
    else:
        _, start, _ = raw.dialect.cut_in_two()
    raw.send_opened(start, [token])
    raw.close()

    told = player.condition_of(receive)
    assert told in {"lost", "peer-reset", "not-a-passer"}, f"half a message is told as {told}"
    if told == "lost":
        after = player.condition_of(receive)
        assert after in {"peer-closed", "peer-reset"}, f"after the loss the end is told as {after}"
    player.drop()

    assert token.released(), "the descriptor of half a message is still open"


@should("table.surplus-is-closed", _DISCARDED, each_survival=True, over="inherited")
def test_surplus_is_closed(bench: Bench) -> None:
    """Raw messages with more descriptors than bytes leave none of them open.

    Whatever of them the receiver is given: with that and the passer closed, all are.
    """
    player, raw = bench.join_raw()
    token = bench.token()

    for count in (2, 10):
        raw.send_opened(raw.dialect.one, [token] * count)
        with suppress(PassFailed):
            player.recv().close()
    player.drop()

    assert token.released(), "a descriptor that nobody got is still open"


@should("table.flood", _DISCARDED, over="inherited")
def test_flood(bench: Bench) -> None:
    """Hundreds of unsolicited descriptors in raw messages do not outlast the passer."""
    player, raw = bench.join_raw()
    token = bench.token()

    for _ in range(6):
        raw.send_opened(raw.dialect.one, [token] * 100)
    with suppress(PassFailed):
        player.recv().close()
    player.drop()

    assert token.released(), "a descriptor that nobody asked for is still open"


@should("table.text-is-refused", _DESYNCHRONISED, over="inherited")
def test_text_is_refused(bench: Bench) -> None:
    """Text, as of a client that came to the wrong place, is not taken for descriptors."""
    player, raw = bench.join_raw()
    raw.dialect.needs_a_mark()

    raw.send(b"GET / HTTP/1.0\r\n\r\n")

    with player.expects("not-a-passer"):
        player.recv()
