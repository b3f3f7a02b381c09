"""Blocking status preserved: O_NONBLOCK, as all file status flags, outlasts fork and passing.

The flags belong to the open file description, which all copies of a descriptor share.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from conformance.errors import PassFailed
from conformance.harness.patience import NOTHING
from conformance.harness.queues import drain, fill_until_queued
from conformance.requirement import must, should

if TYPE_CHECKING:
    from conformance.harness.bench import Bench
    from conformance.harness.held import Held
    from conformance.harness.player import Player
    from conformance.harness.tokens import Page, Token

_FHS = "AnyEvent::FDpasser, t/non_blocking_fhs.t"
_POSIX = "POSIX.1-2017 XSH fcntl, F_SETFL: of the open file description"
_LOST = "O_NONBLOCK was lost on the way"
_APPEARED = "O_NONBLOCK was set on the way"


@must("status.default-blocking", _FHS, needs=("flags", "socketpair"))
def test_default_blocking(bench: Bench) -> None:
    """A fresh pair of sockets is blocking, and a FIFO just opened is too."""
    (peer,) = bench.start()

    opened = [*peer.socketpair(), peer.open(bench.token())]

    blocking = [not held.flags().nonblocking for held in opened]
    assert blocking == [True, True, True], "a fresh descriptor has O_NONBLOCK set"


@must("status.passed-set", _FHS, needs=("flags",))
def test_passed_set(bench: Bench) -> None:
    """O_NONBLOCK stays set on a descriptor that is passed."""
    first, second = bench.join()
    token = bench.token()

    received = first.pass_to(second, first.open(token, "write", "nonblocking"))

    assert received.flags().nonblocking, _LOST
    assert token.is_written_by(received), "what arrived is not the descriptor that was sent"


@must("status.passed-clear", _FHS, needs=("flags",))
def test_passed_clear(bench: Bench) -> None:
    """O_NONBLOCK stays clear on a descriptor that is passed."""
    first, second = bench.join()
    token = bench.token()

    received = first.pass_to(second, first.open(token))

    assert not received.flags().nonblocking, _APPEARED
    assert token.is_written_by(received), "what arrived is not the descriptor that was sent"


@must("status.each-its-own", _FHS, needs=("flags",))
def test_each_its_own(bench: Bench) -> None:
    """Of several descriptors each arrives with its own O_NONBLOCK, however mixed."""
    first, second = bench.join()
    pattern = [True, False, False, True, True, True, False, True, False, False]
    modes = [["write", "nonblocking"] if set_ else ["write"] for set_ in pattern]

    for mode in modes:
        first.send(first.open(bench.token(), *mode), close=True)
    flushing = first.ask("flush")
    received = second.recv_all(10)
    flushing.answer()

    assert [held.flags().nonblocking for held in received] == pattern, "O_NONBLOCK went astray"


@must("status.each-its-own-at-once", _FHS, needs=("flags", "send_many"))
def test_each_its_own_at_once(bench: Bench) -> None:
    """Of several that are sent together each keeps its own O_NONBLOCK, here and there."""
    first, second = bench.join(batch=10)
    pattern = [False, True, True, False, True, False]
    modes = [["write", "nonblocking"] if set_ else ["write"] for set_ in pattern]
    opened = [first.open(bench.token(), *mode) for mode in modes]

    first.send_many(opened)
    first.flush()
    received = second.recv_all(len(pattern))

    for held in (received, opened):
        found = [one.flags().nonblocking for one in held]
        assert found == pattern, "O_NONBLOCK went astray"


@must("status.awaited", _FHS, needs=("flags",))
def test_awaited(bench: Bench) -> None:
    """O_NONBLOCK is kept of what a receiver was waiting for when it was sent."""
    first, second = bench.join()
    for mode in (["write", "nonblocking"], ["write"]):
        held = first.open(bench.token(), *mode)
        waiting = second.recv_awaited(first)

        first.send(held)
        first.flush()

        kept = waiting.answer().flags().nonblocking
        assert kept == ("nonblocking" in mode), "waiting for it has changed its O_NONBLOCK"


@must("status.many", _FHS, needs=("flags", "recv_many"))
def test_many(bench: Bench) -> None:
    """Of all that are received together each has its own O_NONBLOCK."""
    first, second = bench.join()
    pattern = [False, True, True, False, True, False]
    modes = [["write", "nonblocking"] if set_ else ["write"] for set_ in pattern]
    for mode in modes:
        first.send(first.open(bench.token(), *mode))
    flushing = first.ask("flush")

    received: list[Held] = []
    while len(received) < len(pattern):
        received += second.recv_many()
    flushing.answer()

    assert [held.flags().nonblocking for held in received] == pattern, "O_NONBLOCK went astray"


@must("status.with-data", _FHS, needs=("flags", "recv_with_data"))
def test_with_data(bench: Bench) -> None:
    """O_NONBLOCK is kept of what is sent with bytes beside it."""
    first, second = bench.join()
    for mode in (["write", "nonblocking"], ["write"]):
        first.send(first.open(bench.token(), *mode), data=b"beside")
        first.flush()

        received, _ = second.recv_with_data()

        kept = received.flags().nonblocking
        assert kept == ("nonblocking" in mode), "beside data its O_NONBLOCK has changed"


@must("status.passed-back", _FHS, needs=("flags",))
def test_passed_back(bench: Bench) -> None:
    """O_NONBLOCK is what it was when a descriptor comes back."""
    first, second = bench.join()
    opened = [first.open(bench.token(), "write", "nonblocking"), first.open(bench.token())]

    back = [second.pass_to(first, first.pass_to(second, held)) for held in opened]

    assert [held.flags().nonblocking for held in back] == [True, False], "O_NONBLOCK has changed"


@must("status.socket", _FHS, needs=("flags", "set_nonblocking", "socketpair"))
def test_socket(bench: Bench) -> None:
    """Of a pair of sockets only the one made non-blocking arrives so."""
    first, second = bench.join()
    left, right = first.socketpair()
    left.set_nonblocking()

    received = [first.pass_to(second, left), first.pass_to(second, right)]

    set_ = [held.flags().nonblocking for held in received]
    assert set_ == [True, False], "O_NONBLOCK of a socket has changed on the way"


# -- one description, one set of flags ------------------------------------------------------------


@must("status.sender-sets-later", _POSIX, needs=("flags", "set_nonblocking"))
def test_sender_sets_later(bench: Bench) -> None:
    """When the sender sets O_NONBLOCK after passing, the receiver's has it too."""
    first, second = bench.join()
    sent = first.open(bench.token())
    received = first.pass_to(second, sent)

    sent.set_nonblocking()

    assert received.flags().nonblocking, "O_NONBLOCK is not shared with the receiver"


@must("status.receiver-clears-later", _POSIX, needs=("flags", "set_nonblocking"))
def test_receiver_clears_later(bench: Bench) -> None:
    """When the receiver clears O_NONBLOCK, the sender's descriptor has lost it too."""
    first, second = bench.join()
    sent = first.open(bench.token(), "write", "nonblocking")
    received = first.pass_to(second, sent)

    received.set_nonblocking(False)

    assert not sent.flags().nonblocking, "O_NONBLOCK is not shared with the sender"


@must("status.changed-in-flight", _POSIX, needs=("flags", "set_nonblocking"))
def test_changed_in_flight(bench: Bench) -> None:
    """A change made while a descriptor is in flight is what its receiver finds."""
    first, second = bench.join()
    was_set, was_clear = (
        first.open(bench.token(), "write", "nonblocking"),
        first.open(bench.token()),
    )
    for held in (was_set, was_clear):
        first.send(held)
    first.flush()

    was_set.set_nonblocking(False)
    was_clear.set_nonblocking()

    found = [held.flags().nonblocking for held in second.recv_all(2)]
    assert found == [False, True], "O_NONBLOCK is as it was when sent, not as it is now"


@must("status.queued", _POSIX, needs=("flags", "set_nonblocking", "queued"))
def test_queued(bench: Bench) -> None:
    """What waits in the queue keeps its O_NONBLOCK; its sender may still change it."""
    bench.needs_table()
    first, second = bench.join(batch=1)
    modes = (["write", "nonblocking"], ["write"])
    opened = [first.open(bench.token(), *modes[number % 2]) for number in range(4)]
    second.stop()
    before = fill_until_queued(first, first.open(bench.token()))
    for held in opened:
        first.send(held)

    waiting = [held.flags().nonblocking for held in opened]
    opened[2].set_nonblocking(False)
    opened[3].set_nonblocking()
    second.go_on()
    received = drain(first, second, before + 4)[before:]

    assert waiting == [True, False, True, False], "queueing has changed the O_NONBLOCK of the sent"
    found = [held.flags().nonblocking for held in received]
    assert found == [True, False, False, True], "O_NONBLOCK is not as it was, or not as it is now"


@must("status.append", _POSIX, needs=("flags", "seek"))
def test_append(bench: Bench) -> None:
    """O_APPEND stays set: what the receiver writes goes to the end of the file."""
    first, second = bench.join()
    page = bench.file(b"first, ")

    received = first.pass_to(second, first.open(page, "write", "append"))
    received.seek(0)
    received.write(b"second")

    assert page.content() == b"first, second", "O_APPEND was lost on the way"


@must("status.append-nonblocking", _POSIX, needs=("flags",))
def test_append_nonblocking(bench: Bench) -> None:
    """O_APPEND and O_NONBLOCK stay set together, here and there."""
    first, second = bench.join()
    sent = first.open(_appended_to(bench, first), "write", "append", "nonblocking")

    received = first.pass_to(second, sent)

    for held in (received, sent):
        flags = held.flags()
        assert flags.append, f"O_APPEND of {held} was lost beside O_NONBLOCK"
        assert flags.nonblocking, f"O_NONBLOCK of {held} was lost beside O_APPEND"


@must("status.append-queued", _POSIX, needs=("flags", "queued"))
def test_append_queued(bench: Bench) -> None:
    """What waits in the queue keeps its O_APPEND."""
    bench.needs_table()
    first, second = bench.join(batch=1)
    sent = first.open(_appended_to(bench, first), "write", "append")
    second.stop()
    before = fill_until_queued(first, sent)

    waiting = sent.flags().append
    second.go_on()
    received = drain(first, second, before)

    assert waiting, "queueing has changed the O_APPEND of the sent"
    found = {held.flags().append for held in (received[0], received[-1])}
    assert found == {True}, "the queue has changed the O_APPEND of what arrives"


def _appended_to(bench: Bench, player: Player) -> Page | Token:
    """Make a file, or a FIFO if the peer passes no files."""
    return bench.file() if player.peer.passes("file") else bench.token()


@must("status.access-mode", _POSIX, needs=("read",))
def test_access_mode(bench: Bench) -> None:
    """What was opened for reading only cannot be written by the receiver."""
    first, second = bench.join()
    page = bench.file(b"read only")

    received = first.pass_to(second, first.open(page, "read"))

    assert received.read(9) == b"read only", "it cannot be read"
    assert _is_refused(received), "what was opened for reading only can be written"
    assert page.content() == b"read only", "the file was written to"


def _is_refused(held: Held) -> bool:
    try:
        held.write(b"written")
    except PassFailed:
        return True
    return False


# -- fork -----------------------------------------------------------------------------------------


@must("status.fork-keeps", _FHS, needs=("flags", "fork", "set_nonblocking", "socketpair"))
def test_fork_keeps(bench: Bench) -> None:
    """O_NONBLOCK set on both ends of a pair before a fork is set in parent and child."""
    (parent,) = bench.start()
    pair = parent.socketpair()
    for held in pair:
        held.set_nonblocking()

    child = parent.fork()

    everywhere = [*pair, *(child.copy_of(held) for held in pair)]
    assert all(held.flags().nonblocking for held in everywhere), "O_NONBLOCK was lost by the fork"


@must("status.fork-then-pass", _FHS, needs=("flags", "fork"))
def test_fork_then_pass(bench: Bench) -> None:
    """What a child passes arrives with the O_NONBLOCK it had before the fork."""
    first, second = bench.join()
    opened = [first.open(bench.token(), "write", "nonblocking"), first.open(bench.token())]

    child = first.fork()
    first.drop()
    received = [child.pass_to(second, child.copy_of(held)) for held in opened]

    set_ = [held.flags().nonblocking for held in received]
    assert set_ == [True, False], "O_NONBLOCK was changed by a fork and passing"


# -- the passer's own channel is another matter ---------------------------------------------------


@must(
    "status.nonblocking-channel",
    "AnyEvent::FDpasser, POD, Preserves blocking status",
    needs=("flags", "set_nonblocking", "socketpair"),
)
def test_nonblocking_channel(bench: Bench) -> None:
    """A blocking descriptor stays so although the channel has O_NONBLOCK set."""
    first, second = bench.join()
    one, other = first.channel()
    there = second.adopt(first.pass_to(second, other))
    for end in (one, other):
        end.set_nonblocking()
    here = first.adopt(one)

    received = here.pass_to(there, first.open(bench.token()))

    assert not received.flags().nonblocking, "O_NONBLOCK of the channel has rubbed off"


@should(
    "status.blocking-channel",
    "AnyEvent::FDpasser, POD, dont_set_nonblocking",
    needs=("flags", "set_nonblocking", "socketpair"),
)
def test_blocking_channel(bench: Bench) -> None:
    """A pending descriptor keeps O_NONBLOCK when that of the channel is cleared."""
    first, second = bench.join()
    one, other = first.channel()
    copies = [first.pass_to(second, end) for end in (one, other)]
    here, there = first.adopt(one), second.adopt(first.pass_to(second, other))
    here.send(first.open(bench.token(), "write", "nonblocking"))

    for end in copies:
        end.set_nonblocking(False)
    here.flush()

    assert there.recv().flags().nonblocking, "clearing it on the channel cleared it on the pending"


@should(
    "status.channel-untouched",
    "AnyEvent::FDpasser, POD: passers are non-blocking",
    needs=("flags", "set_nonblocking", "socketpair"),
)
def test_channel_untouched(bench: Bench) -> None:
    """Passing descriptors leaves the O_NONBLOCK of the channel as it was."""
    first, second = bench.join()
    one, other = first.channel()
    copy = first.pass_to(second, one)
    here, there = first.adopt(one), second.adopt(first.pass_to(second, other))
    before = copy.flags()

    for mode in (("write", "nonblocking"), ("write",)):
        here.pass_to(there, first.open(bench.token(), *mode))

    assert copy.flags() == before, "passing has changed the status of the channel"


@should(
    "status.channel-untouched-in-vain",
    "AnyEvent::FDpasser, POD: passers are non-blocking",
    needs=("flags", "socketpair"),
)
def test_channel_untouched_in_vain(bench: Bench) -> None:
    """Waiting in vain leaves the O_NONBLOCK of the channel as it was."""
    first, second = bench.join()
    token = bench.token()
    one, other = first.channel()
    copy = first.pass_to(second, one)
    here, there = first.adopt(one), second.adopt(first.pass_to(second, other))
    before = copy.flags()

    outcome = here.condition_of("recv", 0.02)
    after = copy.flags()
    received = there.pass_to(here, there.open(token))

    assert outcome in NOTHING, f"nothing was sent, and waiting for it ends with {outcome}"
    assert after == before, "waiting in vain has changed the status of the channel"
    assert token.is_written_by(received), "what arrived is not the descriptor that was sent"


@should(
    "status.full-channel-untouched",
    "AnyEvent::FDpasser, POD: passers are non-blocking",
    needs=("flags", "socketpair", "queued"),
)
def test_full_channel_untouched(bench: Bench) -> None:
    """A channel that is full leaves its O_NONBLOCK as it was."""
    bench.needs_table()
    first, second = bench.join()
    one, other = first.channel()
    copy = first.pass_to(second, one)
    here, there = first.adopt(one, batch=1), second.adopt(first.pass_to(second, other))
    before = copy.flags()

    filled = fill_until_queued(here, first.open(bench.token()))
    when_full = copy.flags()
    drain(here, there, filled)

    assert when_full == before, "queueing has changed the status of the channel"
    assert copy.flags() == before, "emptying the queue has changed the status of the channel"


@should("status.kinds", _POSIX, needs=("flags",))
def test_kinds(bench: Bench) -> None:
    """O_NONBLOCK stays set on files as well, where it has no effect."""
    first, second = bench.join()
    page = bench.file(b"content")

    received = first.pass_to(second, first.open(page, "read", "nonblocking"))

    assert received.flags().nonblocking, _LOST
