"""Bidirectional, continued: who has a descriptor open, and who closes it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from conformance.errors import Lacking, PassFailed
from conformance.harness.held import NEVER_OPEN, Held
from conformance.harness.queues import (
    ENOUGH,
    drain,
    fill,
    fill_until_queued,
    needs_queued,
    receive_until,
)
from conformance.requirement import must, should

if TYPE_CHECKING:
    from conformance.harness.bench import Bench
    from conformance.harness.tokens import Token

_NOT_SENT = "what arrived is not the descriptor that was sent"
_TAKEN_OVER = "AnyEvent::FDpasser, POD: closed in the sending process"
_REFUSED = "IO::FDPass, POD, send: EAGAIN; POSIX.1-2017 XSH sendmsg: errors"
_UNSENT = "what was refused is closed, or another one by now"


@must("bidirectional.sender-closes", "IO::FDPass, t/01_basic.t")
def test_sender_closes(bench: Bench) -> None:
    """The sender may close its own right after sending; what arrives works."""
    first, second = bench.join()
    token = bench.token()
    sent = first.open(token)

    first.send(sent)
    first.flush()
    sent.close()

    assert token.is_written_by(second.recv()), "closing the sender's own spoiled what was sent"


@must("bidirectional.outlives-its-channel", "unix(7), SCM_RIGHTS: as if by dup(2)")
def test_outlives_its_channel(bench: Bench) -> None:
    """What was received stays open when the channel is closed by both."""
    first, second = bench.join()
    token = bench.token()
    received = first.pass_to(second, first.open(token))

    second.drop()
    first.drop()

    assert token.is_written_by(received), "closing the channel has closed what came over it"


@should("bidirectional.sender-keeps", "unix(7), SCM_RIGHTS: as if by dup(2)")
def test_sender_keeps(bench: Bench) -> None:
    """The sender can use its own as before, also when the receiver has closed its."""
    first, second = bench.join()
    token = bench.token()
    sent = first.open(token)

    first.pass_to(second, sent).close()

    assert token.is_written_by(sent), "the sender's own does not work any more"


@should("bidirectional.taken-over", _TAKEN_OVER)
def test_taken_over(bench: Bench) -> None:
    """What the passer takes over is closed in the sender once it is sent."""
    first, second = bench.join()
    token = bench.token()

    first.send(first.open(token), close=True)
    first.flush()
    received = second.recv()

    assert token.is_written_by(received), _NOT_SENT
    received.close()
    assert token.released(), "the sender has not closed what its passer had taken over"


@should("bidirectional.many-taken-over", _TAKEN_OVER, needs=("send_many",))
def test_many_taken_over(bench: Bench) -> None:
    """Several that the passer takes over are closed in the sender once they are sent."""
    first, second = bench.join(batch=4)
    tokens = bench.tokens(3)

    first.send_many(first.open_all(tokens), close=True)
    first.flush()
    received = second.recv_all(3)

    assert bench.order(received, tokens) == [0, 1, 2], _NOT_SENT
    _released_with(received, tokens)


@should("bidirectional.data-taken-over", _TAKEN_OVER, needs=("recv_with_data",))
def test_data_taken_over(bench: Bench) -> None:
    """What the passer takes over with bytes beside it is closed in the sender, too."""
    first, second = bench.join()
    token = bench.token()

    first.send(first.open(token), close=True, data=b"beside")
    first.flush()
    received, data = second.recv_with_data()

    assert token.is_written_by(received), _NOT_SENT
    assert data == b"beside", "the bytes are not those that were sent with it"
    _released_with([received], [token])


def _released_with(received: list[Held], tokens: list[Token]) -> None:
    """Close what was received, and see that nothing else of it is open."""
    for held in received:
        held.close()
    for number, token in enumerate(tokens, start=1):
        told = f"number {number} of {len(tokens)}: the sender has not closed"
        assert token.released(), f"{told} what its passer had taken over"


@must("bidirectional.queued-taken-over", _TAKEN_OVER, needs=("queued",))
def test_queued_taken_over(bench: Bench) -> None:
    """What is taken over and has to wait is closed once, and nobody else's with it.

    What the sender opens meanwhile may get the number of one that waits, if its passer has closed
    that already. It is still open when the queue has gone.
    """
    bench.needs_table()
    first, second = bench.join(batch=1)
    filler, *tokens = bench.tokens(4)
    others = bench.tokens(4)
    second.stop()
    before = fill_until_queued(first, first.open(filler))
    needs_queued(first, before)
    for token in tokens:
        first.send(first.open(token), close=True)

    opened = first.open_all(others)
    second.go_on()
    received = drain(first, second, before + 3)

    order = bench.order(received, [filler, *tokens])
    assert order == [0] * before + [1, 2, 3], _NOT_SENT
    for held, other in zip(opened, others, strict=True):
        told = "was opened while others waited in the queue, and is closed or another one by now"
        assert other.is_written_by(held), f"{held} {told}"
    _released_with(received[before:], tokens)


@should(
    "bidirectional.queue-is-released", "unix(4) of 4.4BSD: discarded when closed", needs=("queued",)
)
def test_queue_is_released(bench: Bench) -> None:
    """What waits in a queue is closed with the channel, borrowed or taken over."""
    bench.needs_table()
    first, second = bench.join(batch=1)
    filler, token, another = bench.tokens(3)
    held, borrowed = first.open(filler), first.open(another)
    second.stop()
    needs_queued(first, fill_until_queued(first, held))
    first.send(first.open(token), close=True)
    first.send(borrowed)

    dropped = first.ask("drop")  # it may try for a while to send what waits
    first.books.passers.remove(first.passer)
    second.go_on()
    second.drop()
    dropped.answer()
    assert another.is_written_by(borrowed), "what was only borrowed is closed with the channel"
    for own in (held, borrowed):
        own.close()

    assert token.released(), "what was taken over outlived the queue it was in"
    assert another.released(), "a copy outlived the queue it was in"
    assert filler.released(), "a copy outlived the channel it was in"


@should("bidirectional.unsent-is-kept", _REFUSED)
def test_unsent_is_kept(bench: Bench) -> None:
    """What cannot be sent, as the peer is gone, stays open in the sender.

    It was to be taken over. The first may be accepted, by a passer that does not know yet.
    """
    first, second = bench.join(batch=1)
    tokens = bench.tokens(5)
    second.drop()

    for token in tokens:
        held = first.open(token)
        if first.condition_of("send", held, close=True) != "ok":
            break
    else:
        raise Lacking(f"a send to nobody is accepted, {len(tokens)} times")
    assert token.is_written_by(held.again()), f"{_UNSENT}: it was sent to nobody"

    if "send_many" not in first.peer.ops:
        return
    several = first.open_all(tokens)
    assert first.condition_of("send_many", several, close=True) != "ok", "a send to nobody succeeds"
    _still_open(several, tokens, "they were sent to nobody")


def _still_open(helds: list[Held], tokens: list[Token], why: str) -> None:
    """See that a refused passer has not touched what it was to take over; say *why* it refused."""
    for number, (held, token) in enumerate(zip(helds, tokens, strict=True), start=1):
        told = f"number {number} of {len(helds)}: {_UNSENT}: {why}"
        assert token.is_written_by(held.again()), told


@must("bidirectional.unsent-are-kept", _REFUSED, needs=("send_many",))
def test_unsent_are_kept(bench: Bench) -> None:
    """Each of several that a full channel refused to take over stays open."""
    bench.needs_table()
    first, second = bench.join(batch=1, max_queued=50)
    filler, *tokens = bench.tokens(4)
    second.stop()
    accepted = fill(first, first.open(filler))

    for _ in range(max(0, ENOUGH - accepted) // 3):
        helds = first.open_all(tokens)
        try:
            first.send_many(helds, close=True)
        except PassFailed as failure:
            gone = int(failure.details.get("accepted") or 0)
            break
    else:
        raise Lacking(f"nothing is refused here: the channel takes {ENOUGH} and more")

    _still_open(helds[gone:], tokens[gone:], "the channel was full")


@must(
    "bidirectional.bad-one-amid",
    "unix(7), EBADF: a descriptor in SCM_RIGHTS is not open",
    needs=("send_many",),
)
def test_bad_one_amid(bench: Bench) -> None:
    """Of several, one of them not open, those arrive that were accepted, no others.

    The sender says that it has failed, and how many were accepted: none, unless it says
    sent-in-part. Those that were to be taken over and were not accepted stay open in the sender.
    """
    first, second = bench.join(batch=1)
    for close in (False, True):
        tokens = bench.tokens(5)
        helds = first.open_all(tokens[:2] + tokens[3:])
        helds.insert(2, Held(first.books, NEVER_OPEN))
        try:
            first.send_many(helds, close=close)
        except PassFailed as failure:
            accepted = int(failure.details.get("accepted") or 0)
        else:
            raise AssertionError("it is said that what is not open was sent")
        assert accepted <= 2, f"{accepted} are said to be accepted, and the third is not open"
        last = bench.token()
        first.send(first.open(last))
        first.flush()

        order = bench.order(received := receive_until(second, last), [*tokens, last])

        told = f"of five, of which the third is not open, {accepted} are said to be accepted"
        assert order == [*range(accepted), 5], f"{told}, and {len(received) - 1} arrived"
        if close:
            _still_open(helds[accepted:2] + helds[3:], tokens[accepted:2] + tokens[3:], told)


@should("bidirectional.in-flight-holds", "unix(7), SCM_RIGHTS: as if by dup(2)")
def test_in_flight_holds(bench: Bench) -> None:
    """A descriptor in flight counts as open: the pipe does not come to its end."""
    first, second = bench.join()
    token = bench.token()
    sent = first.open(token)
    first.send(sent)
    first.flush()

    sent.close()

    assert not token.released(within=0), "the pipe came to its end with a descriptor in flight"
    second.recv()


@should("bidirectional.unread-is-released", "unix(4) of 4.4BSD: discarded when closed")
def test_unread_is_released(bench: Bench) -> None:
    """What waits in the channel is closed when the receiver closes its end."""
    first, second = bench.join()
    token = bench.token()
    first.send(first.open(token), close=True)
    first.flush()

    second.drop()

    assert token.released(), "the descriptor outlived the channel it was in"


@should("bidirectional.no-copies", "unix(7), SCM_RIGHTS: as if by dup(2)")
def test_no_copies(bench: Bench) -> None:
    """When sender and receiver have closed theirs, no other descriptor is left open.

    The pipe comes to its end. Twenty go, so that what is kept now and then shows too.
    """
    first, second = bench.join()
    token = bench.token()
    sent = first.open(token)

    for _ in range(20):
        first.pass_to(second, sent).close()
    sent.close()

    assert token.released(), "a copy of the descriptor is still open somewhere"
