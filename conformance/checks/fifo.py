"""FIFO ordering: descriptors are received in the order in which they were sent."""

from __future__ import annotations

from typing import TYPE_CHECKING

from conformance.errors import Lacking, PassFailed
from conformance.harness.held import NEVER_OPEN, Held
from conformance.harness.queues import drain, fill_until_queued, needs_queued
from conformance.harness.series import Series
from conformance.requirement import may, must, should

if TYPE_CHECKING:
    from collections.abc import Callable

    from conformance.harness.bench import Bench
    from conformance.harness.player import Player

_ORDER = "AnyEvent::FDpasser, POD, FIFO ordering"
_EXERCISE = "AnyEvent::FDpasser, t/buffer_exercise.t"
_ARRAY = "cmsg(3): an array of descriptors, in its order"
_DUP = "unix(7), SCM_RIGHTS: as if by dup(2)"
_FIRST_OCTET = "POSIX.1-2017 XSH 2.10.11: as if queued along with the first normal data octet"

_FORK = "POSIX.1-2017 XSH fork: the same open file description"
_ERROR = "AnyEvent::FDpasser, FDpasser.pm, error: it loses them"

_PATIENTLY = 20  # seconds: a system may take what is sent byte by byte


@must("fifo.order", _EXERCISE)
def test_order(bench: Bench) -> None:
    """Descriptors arrive in the order in which they were sent.

    A mark written through each of them is heard on the token of the same place.
    """
    first, second = bench.join()
    tokens = bench.tokens(60)

    for held in first.open_all(tokens):
        first.send(held)
    flushed = first.ask("flush")
    received = second.recv_all(60)
    flushed.answer()

    assert bench.order(received, tokens) == list(range(60)), "another order than sent"


@must("fifo.received-first", "AnyEvent::FDpasser, t/recv_before_send.t")
def test_received_first(bench: Bench) -> None:
    """Receives that wait before anything is sent are answered in order.

    All requests to receive are with the second peer before the first peer sends at all.
    """
    first, second = bench.join()
    tokens = bench.tokens(4)
    sent = first.open_all(tokens)

    waiting = [second.ask("recv") for _ in sent]
    for held in sent:
        first.send(held)
    first.flush()
    received = [pending.answer() for pending in waiting]

    assert bench.order(received, tokens) == [0, 1, 2, 3], "another order than sent"


@must("fifo.three-then-two", _EXERCISE)
def test_three_then_two(bench: Bench) -> None:
    """Sends and receives in unequal portions keep the order, and so does the answer.

    Three are sent and two received, two more are sent and the rest received; then one comes back.
    """
    first, second = bench.join()
    there, back = Series(bench, first), Series(bench, second)

    there.send(3)
    there.receive(second, 2)
    there.send(2)
    there.receive(second, 3)
    back.send(1)
    back.receive(first, 1)

    assert not (wrong := there.wrong()), wrong
    assert not (wrong := back.wrong()), f"the answer: {wrong}"


@must("fifo.both-directions", _ORDER)
def test_both_directions(bench: Bench) -> None:
    """Each direction keeps its own order while both are in use.

    In each round both have sent before either receives.
    """
    first, second = bench.join()
    there, back = Series(bench, first), Series(bench, second)

    for _ in range(5):
        there.send(3)
        back.send(4)
        there.receive(second)
        back.receive(first)

    assert not (wrong := there.wrong()), f"from the first: {wrong}"
    assert not (wrong := back.wrong()), f"from the second: {wrong}"


@must("fifo.never-twice", _ORDER)
def test_never_twice(bench: Bench) -> None:
    """Each descriptor arrives once: after as many as were sent there is nothing more.

    The sender closes its end, so that a further receive comes to the end at once.
    """
    first, second = bench.join()
    series = Series(bench, first)
    series.send(5)
    series.receive(second)

    first.drop()

    with second.expects("peer-closed"):
        second.recv()
    assert not (wrong := series.wrong()), wrong


@should("fifo.the-same-again", _DUP)
def test_the_same_again(bench: Bench) -> None:
    """A descriptor sent five times arrives as five descriptors of one description.

    They share one file offset, so what is written through them comes to stand side by side.
    The bench refuses a number that is open already.
    """
    first, second = bench.join()
    page = bench.file()
    sent = first.open(page)

    for _ in range(5):
        first.send(sent)
    first.flush()
    received = second.recv_all(5)

    for letter, held in zip(b"abcde", received, strict=True):
        held.write(bytes([letter]))
    assert page.content() == b"abcde", "they are not of one open file description"


# -- several at once ------------------------------------------------------------------------------


@must("fifo.many-at-once", _ARRAY, needs=("send_many",))
def test_many_at_once(bench: Bench) -> None:
    """Descriptors sent together arrive in the order in which they were listed.

    However many of them a passer puts into one message.
    """
    first, second = bench.join(batch=4)
    tokens = bench.tokens(10)

    first.send_many(first.open_all(tokens))
    first.flush()
    received = second.recv_all(10)

    assert bench.order(received, tokens) == list(range(10)), "another order than sent"


@must("fifo.array-order", _ARRAY, needs=("send_many",))
def test_array_order(bench: Bench) -> None:
    """Descriptors of one large message arrive in the order in which they were listed.

    The passers may put 64 into one message, and are given from 1 to 64 at a time.
    """
    first, second = bench.join(batch=64)
    series = Series(bench, first)

    for count in (1, 2, 3, 10, 16, 28, 64):
        series.send_many(count)
        series.receive_and_close(second, count)

    assert not (wrong := series.wrong()), wrong


@must("fifo.mixed-sizes", _ORDER, needs=("send_many",))
def test_mixed_sizes(bench: Bench) -> None:
    """Portions of different sizes, and single ones between them, keep one order.

    Some portions fill several messages of five, some a part of one; all wait in the channel.
    """
    first, second = bench.join(batch=5)
    series = Series(bench, first)

    series.send(2)
    for count in (3, 7, 1, 16, 2):
        series.send_many(count)
        series.send()
    series.receive(second)

    assert not (wrong := series.wrong()), wrong


@should("fifo.recv-many", _ORDER, needs=("recv_many",))
def test_recv_many(bench: Bench) -> None:
    """Receiving all that is there gives at least one, and all in order.

    How many are there at a time is not asked: the system may deliver them one by one.
    """
    first, second = bench.join()
    tokens = bench.tokens(10)
    for held in first.open_all(tokens):
        first.send(held)
    first.ask("flush")

    received = second.recv_many()
    while len(received) < 10:
        received += (more := second.recv_many())
        assert more, "it waited for descriptors and gave none"

    assert bench.order(received, tokens) == list(range(10)), "another order than sent"


@must("fifo.recv-many-hundred", _ORDER, needs=("recv_many",), over="inherited")
def test_recv_many_hundred(bench: Bench) -> None:
    """Receiving all that is there gives also more than a hundred, in order.

    However many of the 120 it gives at a time: what it leaves is there the next time.
    """
    bench.needs_table()
    first, second = bench.join()
    series = Series(bench, first)
    series.send(120)

    while series.arrived < series.sent:
        try:
            series.receive_many(second)
        except PassFailed as failure:
            raise AssertionError(f"{series.arrived} of 120 came, and then: {failure}") from None

    assert not (wrong := series.wrong()), wrong


@must("fifo.thousands", _ORDER, over="inherited")
def test_thousands(bench: Bench) -> None:
    """Thousands of descriptors pass between two peers, each once and in order.

    2100, more than a counter or a list of the usual sizes holds; few are open at a time. Where it
    is so slow that fewer pass in the time that there is, it cannot be tried.
    """
    first, second = bench.join()
    series = Series(bench, first)
    deadline = bench.patience.deadline(_PATIENTLY / 2)

    while series.sent < 2100 and not deadline.passed:
        series.send(30)
        series.receive_and_close(second, 30)

    assert not (wrong := series.wrong()), wrong
    if series.sent < 2100:
        raise Lacking(f"no more than {series.sent} of 2100 passed in {deadline.seconds:.0f} s")


# -- several channels at once ---------------------------------------------------------------------


def _joined_again(first: Player, second: Player, **options: object) -> tuple[Player, Player]:
    """Join the two by another channel; give its ends, the first peer's first."""
    near, far = first.channel()
    arrived = first.pass_to(second, far)
    far.close()
    return first.adopt(near, **options), second.adopt(arrived, **options)


@must("fifo.two-channels", _ORDER, needs=("socketpair",))
def test_two_channels(bench: Bench) -> None:
    """What is sent over one of two channels of the same peers arrives over that.

    Descriptors wait in both, sent by turns; the second is emptied first.
    """
    first, second = bench.join()
    again, there = _joined_again(first, second)
    tokens = bench.tokens(6)
    for number, held in enumerate(first.open_all(tokens)):
        (first, again)[number % 2].send(held)
    first.flush()
    again.flush()

    over_second = bench.order(there.recv_all(3), tokens)
    over_first = bench.order(second.recv_all(3), tokens)

    told = "of 0 to 5, sent over the two by turns, came over the"
    assert over_second == [1, 3, 5], f"{told} second {over_second}, expected 1, 3, 5"
    assert over_first == [0, 2, 4], f"{told} first {over_first}, expected 0, 2, 4"


@should("fifo.forty-channels", _ORDER, needs=("socketpair",))
def test_forty_channels(bench: Bench) -> None:
    """Forty channels at a time each bring their own.

    All ends are of one process, and what waits in them is received the other way round.
    """
    bench.needs_table(256)
    (peer,) = bench.start()
    tokens = bench.tokens(40)
    ends = [[peer.adopt(end) for end in peer.channel()] for _ in tokens]
    for (sender, _), token in zip(ends, tokens, strict=True):
        sender.send(sender.open(token), close=True)
        sender.flush()

    received = [receiver.recv() for _, receiver in reversed(ends)]

    came = bench.order(received, tokens)
    assert came == list(reversed(range(40))), "a channel brought what was sent over another one"


@must("fifo.new-channel-is-empty", _ORDER, needs=("socketpair",))
def test_new_channel_is_empty(bench: Bench) -> None:
    """What was left in a closed channel does not come out of the next one.

    The next one's ends have the numbers that were freed.
    """
    (peer,) = bench.start()
    tokens = bench.tokens(4)
    here, there = map(peer.adopt, peer.channel())
    for held in peer.open_all(tokens[:2]):
        here.send(held)
    here.flush()
    there.recv().close()  # who reads ahead has the other one as well, now
    here.drop()
    there.drop()

    here, there = map(peer.adopt, peer.channel())
    over = here.pass_to(there, peer.open(tokens[2]))
    back = there.pass_to(here, peer.open(tokens[3]))

    came = bench.order([over, back], tokens)
    assert came == [2, 3], "what was left in a closed channel came out of a new one"


@must("fifo.two-connections", _ORDER, needs=("listen", "accept", "connect"), over="filesystem")
def test_two_connections(bench: Bench) -> None:
    """What waits in a connection is left alone by the next one to the same listener.

    In the first, descriptors wait in both directions when the second is accepted.
    """
    one, other = bench.start({}, {})
    path = bench.path("endpoint")
    listener = one.with_passer(one.ask("listen", path=path).answer()["listener"])
    ours, theirs = _connected(one, other, listener, path)
    to_us, to_them = Series(bench, theirs), Series(bench, ours)
    to_us.send(3)
    to_them.send(3)
    theirs.flush()

    ours_again, theirs_again = _connected(one, other, listener, path)
    later = Series(bench, theirs_again)
    later.send(3)
    later.receive(ours_again)
    to_us.receive(ours)
    to_them.receive(theirs)

    for which, series in (("first", to_us), ("first, back", to_them), ("second", later)):
        assert not (wrong := series.wrong()), f"over the {which}: {wrong}"


def _connected(one: Player, other: Player, listener: Player, path: str) -> tuple[Player, Player]:
    accepting = one.ask("accept", listener=listener.passer)
    connected = other.ask("connect", path=path).answer()["passer"]
    return one.with_passer(accepting.answer()["passer"]), other.with_passer(connected)


@must("fifo.two-queues", _ORDER, needs=("socketpair", "queued"))
def test_two_queues(bench: Bench) -> None:
    """What waits in the queues of two channels goes each over its own.

    Both channels are full, and a sender's queue is behind each; the second is flushed first.
    """
    first, second = bench.join(batch=1)
    again, there = _joined_again(first, second, batch=1)
    one, other = Series(bench, first), Series(bench, again)
    _send_until_queued(one, first)
    _send_until_queued(other, again)

    flushed = again.ask("flush")
    other.receive_and_close(there, other.sent)
    flushed.answer()
    assert not (wrong := other.wrong()), f"over the second channel: {wrong}"
    flushed = first.ask("flush")
    one.receive_and_close(second, one.sent)
    flushed.answer()
    assert not (wrong := one.wrong()), f"over the first channel: {wrong}"


def _send_until_queued(series: Series, sender: Player) -> None:
    """Send twenty at a time, until some wait in the queue or the channel has taken a thousand."""
    while series.sent < 1000:
        for request in [sender.send_later(held) for held in series.draw(20)]:
            request.answer()
        if sender.queued():
            return


# -- the queue, and the end -----------------------------------------------------------------------


@must("fifo.beyond-the-channel", _EXERCISE, needs=("queued",))
def test_beyond_the_channel(bench: Bench) -> None:
    """More descriptors than the channel holds arrive in order.

    Some have to wait in the sender's queue; it hands them over while the receiver receives.
    """
    first, second = bench.join(batch=1)
    series = Series(bench, first)
    while first.queued() < 60 and series.sent < 5000:
        for request in [first.send_later(held) for held in series.draw(20)]:
            request.answer()

    # With room in the channel again, one that is sent now must not overtake those that wait.
    early = (series.sent - first.queued()) * 9 // 10
    series.receive_and_close(second, early)
    for held in series.draw(5):
        first.send(held)
    flushed = first.ask("flush")
    series.receive_and_close(second, series.sent - early)
    flushed.answer()

    assert not (wrong := series.wrong()), wrong


@must("fifo.behind-the-queue", _ORDER, needs=("queued",))
def test_behind_the_queue(bench: Bench) -> None:
    """What is taken over, or sent with others, does not overtake what is queued.

    There is room in the channel again, and nobody has flushed, when it is sent.
    """
    bench.needs_table()
    first, second = bench.join(batch=1)

    _sent_behind_a_queue(bench, first, second, lambda held: first.send(held, close=True))
    if "send_many" in first.peer.ops:
        _sent_behind_a_queue(bench, first, second, lambda held: first.send_many([held]))
        _sent_behind_a_queue(bench, first, second, lambda held: first.send_many([held], close=True))


@must("fifo.data-behind-the-queue", _ORDER, needs=("queued", "recv_with_data"))
def test_data_behind_the_queue(bench: Bench) -> None:
    """What is sent with bytes beside it does not overtake what is queued.

    There is room in the channel again, and nobody has flushed, when it is sent.
    """
    bench.needs_table()
    first, second = bench.join(batch=1)

    _sent_behind_a_queue(bench, first, second, lambda held: first.send(held, data=b"beside"))


def _sent_behind_a_queue(
    bench: Bench, first: Player, second: Player, send: Callable[[Held], None]
) -> None:
    """Fill the channel and queue one, make room, and *send* one more: in order all arrive."""
    filler, queued, token = bench.tokens(3)
    held = first.open(filler)
    before = fill_until_queued(first, held)
    needs_queued(first, before)
    first.send(first.open(queued))

    early = second.recv_all(before // 2)
    send(first.open(token))
    late = drain(first, second, before + 2 - len(early))

    order = bench.order(early + late, [filler, queued, token])
    assert order == [0] * before + [1, 2], "another order than sent"
    for one in (held, *early, *late):
        one.close()


# -- after an error -------------------------------------------------------------------------------


@must("fifo.after-a-refused", _ERROR)
def test_after_a_refused(bench: Bench) -> None:
    """What is sent after a send that failed arrives, and so does what was sent before.

    The one that failed is not open; the next is borrowed once, and once taken over.
    """
    first, second = bench.join()
    tokens = bench.tokens(5)
    before, *after = first.open_all(tokens)

    first.send(before)
    for held, close in zip(after, (False, True, False, True), strict=True):
        _fail_to_send(first, close=close)
        first.send(held, close=close)
    first.flush()

    came = bench.order(second.recv_all(5), tokens)
    assert came == [0, 1, 2, 3, 4], "another order than sent"


def _fail_to_send(sender: Player, *, close: bool = False) -> None:
    """Send what is not open; skip if that is accepted, to fail later."""
    if sender.condition_of("send", Held(sender.books, NEVER_OPEN), close=close) == "ok":
        raise Lacking("to send what is not open does not fail at once")


@should("fifo.goes-after-a-refused", _ERROR)
def test_goes_after_a_refused(bench: Bench) -> None:
    """What is sent after a send that failed is on its way as before, without a flush."""
    first, second = bench.join()
    tokens = bench.tokens(2)
    before, after = first.open_all(tokens)
    first.send(before)
    if second.condition_of("recv") != "ok":
        raise Lacking("what is sent is on its way when it is flushed, and not before")

    _fail_to_send(first)
    for _ in range(5):  # a system may say for no reason, once in a while, that there is no room
        first.send(after)
    told = "what is sent after an error waits to be flushed"
    try:
        received = second.recv()
    except PassFailed as failure:
        raise AssertionError(f"{told}: {failure}") from None

    assert tokens[1].is_written_by(received), "what arrived is not the descriptor that was sent"


def _fill_a_little(series: Series, first: Player, second: Player) -> None:
    """Send twenty, or as many as the channel takes, and see them handed over."""
    while series.sent < 20:
        for held in series.draw(1):
            first.send(held)
        if first.condition_of("flush", 0.1) != "ok":
            series.receive(second, 1)  # which makes room for what waits
            break
    first.flush()


@must("fifo.sender-closes", "AnyEvent::FDpasser, POD, on_error: orderly shutdown")
def test_sender_closes(bench: Bench) -> None:
    """What was sent before the sender closed its end arrives, all of it and in order."""
    first, second = bench.join()
    series = Series(bench, first)
    _fill_a_little(series, first, second)

    first.drop()
    series.receive(second)

    assert not (wrong := series.wrong()), wrong


@should("fifo.sender-dies", _DUP)
def test_sender_dies(bench: Bench) -> None:
    """What was sent by a process that has died arrives, all of it and in order.

    The system has them, once they are sent. Where the sender must live on, as with DuplicateHandle
    of Windows, this does not hold.
    """
    first, second = bench.join()
    series = Series(bench, first)
    _fill_a_little(series, first, second)

    first.kill()
    series.receive(second)

    assert not (wrong := series.wrong()), wrong


@should("fifo.across-a-fork", _FORK, needs=("fork",))
def test_across_a_fork(bench: Bench) -> None:
    """What was sent before the receiver forked arrives in the child.

    Of the two that have the end then the parent closes its own; nothing was received before.
    """
    first, second = bench.join()
    tokens = bench.tokens(3)
    for held in first.open_all(tokens):
        first.send(held)
    first.flush()

    child = second.fork()
    second.drop()

    assert bench.order(child.recv_all(3), tokens) == [0, 1, 2], "another order than sent"


@should("fifo.read-ahead-across-a-fork", _FORK, needs=("fork", "send_many"))
def test_read_ahead_across_a_fork(bench: Bench) -> None:
    """What was sent with one that was received before a fork arrives in the child.

    It came in one message, and the passer may have it in hand. The parent closes its own end.
    """
    first, second = bench.join(batch=4)
    tokens = bench.tokens(4)
    first.send_many(first.open_all(tokens))
    first.flush()
    begun = [second.recv()]

    child = second.fork()
    second.drop()

    assert bench.order(begun, tokens) == [0], "another order than sent"
    assert bench.order(child.recv_all(3), tokens) == [1, 2, 3], "another order than sent"


@should("fifo.queue-across-a-fork", _FORK, needs=("fork", "queued"))
def test_queue_across_a_fork(bench: Bench) -> None:
    """What is queued at a fork arrives once, sent by the one that keeps its end.

    The other closes its own, and has a copy of the queue until then: first the child, and after
    another fork the parent. There is room in the channel again at that time.
    """
    bench.needs_table()
    first, second = bench.join(batch=1)
    for parent_stays in (True, False):
        filler, *tokens = bench.tokens(4)
        before = fill_until_queued(first, first.open(filler))
        needs_queued(first, before)
        for held in first.open_all(tokens):
            first.send(held)
        early = second.recv_all(before // 2)

        child = first.fork()
        stays, goes = (first, child) if parent_stays else (child, first)
        goes.drop()
        late = drain(stays, second, before + 3 - len(early))
        last = bench.token()
        late.append(stays.pass_to(second, stays.open(last)))

        order = bench.order(early + late, [filler, *tokens, last])
        who = "child" if parent_stays else "parent"
        told = f"when the {who} had closed its end: another order than sent, or more"
        assert order == [0] * before + [1, 2, 3, 4], told
        for held in (*early, *late):
            held.close()


# -- bytes beside the descriptors -----------------------------------------------------------------


@should("fifo.data-in-order", _FIRST_OCTET, needs=("recv_with_data",))
def test_data_in_order(bench: Bench) -> None:
    """Bytes that go with a descriptor arrive with that one, and with no other."""
    first, second = bench.join()
    tokens = bench.tokens(5)
    data = [b"one", b"", b"three, which is longer", b"\xff\xfe", b"five"]

    for held, some in zip(first.open_all(tokens), data, strict=True):
        first.send(held, data=some)
    first.flush()
    received = [second.recv_with_data() for _ in data]

    assert [some for _, some in received] == data, "the bytes are not with their descriptors"
    assert bench.order([held for held, _ in received], tokens) == [0, 1, 2, 3, 4], "another order"


@should("fifo.data-in-parts", _FIRST_OCTET, needs=("recv_with_data",))
def test_data_in_parts(bench: Bench) -> None:
    """A descriptor with more bytes than the channel takes at once arrives once.

    The message is written in parts: the descriptor goes with the first, and not with the others.
    """
    first, second = bench.join()
    tokens = bench.tokens(5)
    data = [bytes([number + 1]) * 45_000 for number in range(5)]

    for held, some in zip(first.open_all(tokens), data, strict=True):
        first.send(held, data=some)
    flushed = first.ask("flush", _PATIENTLY)
    received = [second.recv_with_data(_PATIENTLY) for _ in data]
    flushed.answer()

    assert [some for _, some in received] == data, "the bytes are not with their descriptors"
    assert bench.order([held for held, _ in received], tokens) == [0, 1, 2, 3, 4], "another order"


@should("fifo.data-beyond-the-channel", _FIRST_OCTET, needs=("recv_with_data",), over="inherited")
def test_data_beyond_the_channel(bench: Bench) -> None:
    """More descriptors than the channel holds arrive each with its own bytes.

    The bytes are of several lengths, so that the channel is full now before and now after them:
    over streams a descriptor is a message of its own, and has to wait then. One is received at a
    time, and each time the sender fills the channel up.
    """
    bench.needs_table()
    first, second = bench.join(batch=1, max_queued=400)
    tokens = bench.tokens(4)
    held = first.open_all(tokens)
    data = [b"\xff" * (1200 if number % 16 == 7 else number % 5) for number in range(400)]

    for number, some in enumerate(data):
        first.send(held[number % 4], data=some)
    received = []
    for _ in data:
        receiving = second.ask("recv_with_data", _PATIENTLY)
        while not receiving.has_answer:  # there is room for some more
            condition = first.condition_of("flush", 0.0)
            assert condition in {"ok", "timed-out"}, f"what waits cannot be sent: {condition}"
        received.append(receiving.answer())
    first.flush()

    assert [some for _, some in received] == data, "the bytes are not with their descriptors"
    order = bench.order([held for held, _ in received], tokens)
    assert order == [number % 4 for number in range(400)], "another order"


# -- raw messages ---------------------------------------------------------------------------------


@may("fifo.cut-in-two", _FIRST_OCTET, over="inherited")
def test_cut_in_two(bench: Bench) -> None:
    """All descriptors of a message that comes in two parts arrive, in order.

    So it looks when the sender's channel had room for a part of it: all descriptors come with the
    first byte. In the usual dialect it is a message for three, and a passer that only ever takes
    one with each message may refuse it.
    """
    player, raw = bench.join_raw(batch=3)
    count, start, rest = raw.dialect.cut_in_two()
    tokens = bench.tokens(count + 1)

    raw.send_opened(start, tokens[:count])
    raw.send(rest)
    raw.send_one(tokens[count])
    received = player.recv_all(count + 1)

    assert bench.order(received, tokens) == list(range(count + 1)), "another order than sent"


@should("fifo.behind-credentials", "unix(7), SCM_CREDENTIALS beside SCM_RIGHTS", over="inherited")
def test_behind_credentials(bench: Bench) -> None:
    """Descriptors are found behind the credentials that come with every message.

    A socket that is adopted may have SO_PASSCRED set by whoever made it. The system then puts the
    credentials into a control message of their own, before the one of the descriptors: with room
    for nothing but descriptors these are cut off.
    """
    player, raw = bench.join_raw(credentials=True)
    tokens = bench.tokens(3)

    for token in tokens:
        raw.send_one(token)
    received = player.recv_all(3)

    assert bench.order(received, tokens) == [0, 1, 2], "another order than sent"
