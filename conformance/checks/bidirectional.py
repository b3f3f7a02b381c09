"""Bidirectional: descriptors go both ways over one channel, also at the same time.

What arrives is the descriptor that was sent, as if by dup(2), and nothing of it stays on the way.
"""

from __future__ import annotations

import os
from contextlib import suppress
from typing import TYPE_CHECKING

from conformance.errors import Lacking, PassFailed
from conformance.harness.held import NEVER_OPEN, Held
from conformance.harness.patience import FOREVER, NOTHING
from conformance.harness.queues import (
    ENOUGH,
    drain,
    fill,
    fill_until_queued,
    needs_queued,
)
from conformance.harness.seen import is_socket, would_be_inherited
from conformance.harness.tokens import Place
from conformance.requirement import must, should

if TYPE_CHECKING:
    from collections.abc import Sequence

    from conformance.harness.bench import Bench
    from conformance.harness.player import Player
    from conformance.harness.tokens import Token

_NOT_SENT = "what arrived is not the descriptor that was sent"
_TAKEN_OVER = "AnyEvent::FDpasser, POD: closed in the sending process"
_REFUSED = "IO::FDPass, POD, send: EAGAIN; POSIX.1-2017 XSH sendmsg: errors"
_UNSENT = "what was refused is closed, or another one by now"


@must("bidirectional.first-to-second", "AnyEvent::FDpasser, t/basic_socketpair.t")
def test_first_to_second(bench: Bench) -> None:
    """A descriptor goes from the first peer to the second.

    What the receiver writes through it comes out of the pipe that the sender had opened.
    """
    first, second = bench.join()
    token = bench.token()

    received = first.pass_to(second, first.open(token))

    assert token.is_written_by(received), _NOT_SENT


@must("bidirectional.second-to-first", "AnyEvent::FDpasser, t/basic_socketpair.t")
def test_second_to_first(bench: Bench) -> None:
    """A descriptor goes from the second peer to the first, over the same channel.

    The first peer made or accepted the channel, so the ends are not the same thing to begin with.
    """
    first, second = bench.join()
    token = bench.token()

    received = second.pass_to(first, second.open(token))

    assert token.is_written_by(received), _NOT_SENT


@must("bidirectional.there-and-back", "AnyEvent::FDpasser, t/basic_socketpair.t")
def test_there_and_back(bench: Bench) -> None:
    """A descriptor that was received can be sent back.

    When all its copies are closed the pipe comes to its end: none was left on the way.
    """
    first, second = bench.join()
    token = bench.token()
    sent = first.open(token)

    there = first.pass_to(second, sent)
    back = second.pass_to(first, there)

    assert token.is_written_by(back), "what came back is not the descriptor that was sent"
    for held in (sent, there, back):
        held.close()
    assert token.released(), "a copy of the descriptor is still open somewhere"


# -- at the same time -----------------------------------------------------------------------------


@must("bidirectional.simultaneous", "AnyEvent::FDpasser, POD, Bidirectional: even simultaneously")
def test_simultaneous(bench: Bench) -> None:
    """Descriptors cross each other; each peer receives those of the other, in order.

    Thirty are sent, by the two peers in turn, before either receives any.
    """
    first, second = bench.join()
    tokens = bench.tokens(30)
    pairs = zip(first.open_all(tokens[:15]), second.open_all(tokens[15:]), strict=True)

    for one, other in pairs:
        first.send(one)
        second.send(other)
    here, there = _exchange(first, second, 15)

    assert bench.order(there, tokens) == [*range(15)], "the second did not receive what was sent"
    assert bench.order(here, tokens) == [*range(15, 30)], "the first did not receive what was sent"


@must(
    "bidirectional.both-flush",
    "AnyEvent::FDpasser, POD, Bidirectional: even simultaneously",
    needs=("send_many",),
)
def test_both_flush(bench: Bench) -> None:
    """Two peers that both send more than the channel holds do not block each other.

    Both queue 400 descriptors, one a message; then both wait for their queues to be empty, and
    receive what the other sent.
    """
    bench.needs_table()
    first, second = bench.join(batch=1)
    ours, theirs = bench.tokens(2)
    first.send_many([first.open(ours)] * 400)
    second.send_many([second.open(theirs)] * 400)

    here, there = _exchange(first, second, 400)

    assert bench.order(there, [ours]) == [0] * 400, "not all that the first sent has arrived"
    assert bench.order(here, [theirs]) == [0] * 400, "not all that the second sent has arrived"


def _exchange(first: Player, second: Player, count: int) -> tuple[list[Held], list[Held]]:
    """Have both flush and then receive *count*, at the same time."""
    asked = [
        [peer.ask("flush"), *(peer.ask("recv") for _ in range(count))] for peer in (first, second)
    ]
    (_, *here), (_, *there) = [[pending.answer() for pending in all_] for all_ in asked]
    return here, there


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
    received = _recv_until(second, token, sent + 1)
    second.send(second.open(answer))
    second.flush()

    assert len(received) == sent + 1, "what is queued waits until its sender has received"
    assert bench.order(received, [filler, token]) == [0] * sent + [1], _NOT_SENT
    assert answer.is_written_by(waiting.answer()), _NOT_SENT


@must("bidirectional.not-to-oneself", "AnyEvent::FDpasser, t/basic_socketpair.t")
def test_not_to_oneself(bench: Bench) -> None:
    """What a peer sends goes to the other one, and never comes back to itself."""
    first, second = bench.join()
    token = bench.token()

    first.send(first.open(token))
    first.flush()

    came_back = first.condition_of("recv", 0.0)
    assert came_back in NOTHING, "a peer received what it had sent itself"
    assert token.is_written_by(second.recv()), _NOT_SENT


@must("bidirectional.one-direction-ends", "AnyEvent::FDpasser, t/child_dies.t; POD, on_error")
def test_one_direction_ends(bench: Bench) -> None:
    """What was sent before the sender closed its end arrives; then the end is told."""
    first, second = bench.join()
    tokens = bench.tokens(3)
    for held in first.open_all(tokens):
        first.send(held)
    first.flush()

    first.drop()

    received = second.recv_all(3)
    assert bench.order(received, tokens) == [0, 1, 2], "not what was sent before the end"
    end = second.condition_of("recv")
    assert end == "peer-closed", "the end of the channel is not told"


@should("bidirectional.end-stays", "POSIX.1-2017 XSH recvmsg: 0 if the peer has closed")
def test_end_stays(bench: Bench) -> None:
    """The end of the channel is told each time, and nobody waits for more after it."""
    first, second = bench.join()
    token = bench.token()
    received = first.pass_to(second, first.open(token))

    first.drop()
    told = [second.condition_of("recv") for _ in range(3)]

    assert token.is_written_by(received), _NOT_SENT
    assert told[0] not in NOTHING, "the end of the channel is not told"
    assert told == [told[0]] * 3, "the end of the channel is not told each time"


@should(
    "bidirectional.error-does-not-hide", "AnyEvent::FDpasser, FDpasser.pm, error: it loses them"
)
def test_error_does_not_hide(bench: Bench) -> None:
    """A send that fails, as the peer has closed, takes nothing from what has arrived."""
    first, second = bench.join()
    tokens = bench.tokens(3)
    for held in second.open_all(tokens):
        second.send(held)
    second.flush()
    second.drop()

    # Which of the two says that it cannot be sent, and how, is not asked here.
    with suppress(PassFailed):
        first.send(first.open(tokens[0]))
        first.flush()

    received = first.recv_all(3)
    assert bench.order(received, tokens) == [0, 1, 2], "not what had arrived before the error"


# -- what arrives is what was sent ----------------------------------------------------------------


@must(
    "bidirectional.same-description",
    "POSIX.1-2017 XSH ioctl, I_SENDFD: a new reference to the open file description; unix(7)",
    needs=("read", "seek"),
)
def test_same_description(bench: Bench) -> None:
    """What arrives is the same open file description, not the file opened again.

    Descriptors of one open file description share the file offset, so a seek through the sent
    one moves the received one too.
    """
    first, second = bench.join()
    sent = first.open(bench.file(b"0123456789"), "read")
    received = first.pass_to(second, sent)

    sent.seek(7)

    assert received.read(1) == b"7", "the file offset is not shared: it was opened again"


@must("bidirectional.regular-file", "File::FDpasser, t/t07fork.t", needs=("read",))
def test_regular_file(bench: Bench) -> None:
    """A regular file that is passed can be read by the receiver."""
    first, second = bench.join()
    page = bench.file(b"a line\nanother\n")

    received = first.pass_to(second, first.open(page, "read"))

    assert received.read(100) == b"a line\nanother\n", "it does not read what is in the file"


@must("bidirectional.socket", "IO::FDPass, t/01_basic.t", needs=("socketpair", "read"))
def test_socket(bench: Bench) -> None:
    """A connected socket that is passed works in both directions.

    The sender keeps the other end, and talks over it with the receiver.
    """
    first, second = bench.join()
    left, right = first.socketpair()

    received = first.pass_to(second, left)
    right.write(b"4")
    received.write(b"3")

    assert received.read(1) == b"4", "the receiver does not hear what is said to the socket"
    assert right.read(1) == b"3", "what the receiver says through the socket is not heard"


@should("bidirectional.directory", "unix(4) of 4.4BSD: any valid descriptor", needs=("identity",))
def test_directory(bench: Bench) -> None:
    """A directory that is passed arrives as that directory."""
    first, second = bench.join()
    path = bench.path("directory")
    os.mkdir(path)

    sent = first.open(Place(path, ("read", "directory")))
    received = first.pass_to(second, sent)

    about = received.identity()
    # By what number a device goes is for the system that the peer runs on to say.
    assert (about.dev, about.ino) == (sent.identity().dev, os.stat(path).st_ino), _NOT_SENT
    assert about.kind == "directory", "a directory arrived as something else"


@should(
    "bidirectional.device", "unix(4) of 4.4BSD: any valid descriptor", needs=("identity", "read")
)
def test_device(bench: Bench) -> None:
    """A character device that is passed arrives as that device, and can be read."""
    first, second = bench.join()

    received = first.pass_to(second, first.open(Place("/dev/zero")))

    assert received.identity().kind == "character device", "it arrived as something else"
    assert received.read(4) == bytes(4), "what arrived is another device than was sent"


@should(
    "bidirectional.data-beside",
    "IO::FDPass, POD: data and descriptors mixed; POSIX.1-2017 XSH 2.10.11",
    needs=("recv_with_data",),
)
def test_data_beside(bench: Bench) -> None:
    """Bytes that are sent with a descriptor arrive with it, and not with another."""
    first, second = bench.join()
    tokens = bench.tokens(2)
    with_none, with_some = first.open_all(tokens)

    first.send(with_none)
    first.send(with_some, data=b"beside")
    first.flush()
    (one, nothing), (other, beside) = second.recv_with_data(), second.recv_with_data()

    assert bench.order([one, other], tokens) == [0, 1], _NOT_SENT
    assert (nothing, beside) == (b"", b"beside"), "the bytes are not those that were sent with it"


@should(
    "bidirectional.data-unchanged",
    "POSIX.1-2017 XSH sendmsg: the message is sent as it is in the buffers",
    needs=("recv_with_data",),
)
def test_data_unchanged(bench: Bench) -> None:
    """Bytes beside a descriptor arrive unchanged, ends of lines and all others.

    All but NUL, with which the usual dialect announces a descriptor.
    """
    first, second = bench.join()
    held = first.open(bench.token())
    data = [b"\n", b"\r\n", b"a\r\n\r\nb\n\rc\r", bytes(range(1, 256)), b"\xff\x1a\x04\xef\xbb\xbf"]

    for some in data:
        first.send(held, data=some)
    flushed = first.ask("flush")  # the channel may be too small for all of it
    received = [second.recv_with_data() for _ in data]
    flushed.answer()

    for number, ((_, came), some) in enumerate(zip(received, data, strict=True), start=1):
        assert came == some, f"number {number} of the data came as {came!r}, expected {some!r}"


@should(
    "bidirectional.close-on-exec", "POSIX.1-2024 XSH recvmsg, MSG_CMSG_CLOEXEC", needs=("flags",)
)
def test_close_on_exec(bench: Bench) -> None:
    """A received descriptor is close-on-exec.

    Programs that are started later must not inherit what arrived at any moment before.
    """
    first, second = bench.join()

    for sender, receiver in ((first, second), (second, first)):
        opened = sender.open(bench.token())
        for number in range(20):  # now and then is not enough
            received = sender.pass_to(receiver, opened)
            told = f"number {number} of 20 that {receiver} received would be inherited over exec"
            assert received.flags().cloexec, told


@should(
    "bidirectional.close-on-exec-all",
    "POSIX.1-2024 XSH recvmsg, MSG_CMSG_CLOEXEC: all descriptors",
    needs=("flags", "send_many"),
)
def test_close_on_exec_all(bench: Bench) -> None:
    """Each of several descriptors that were sent together is close-on-exec."""
    first, second = bench.join(batch=4)
    opened = first.open_all(bench.tokens(4))

    first.send_many(opened)
    first.flush()
    received = second.recv_all(4)

    assert [held.flags().cloexec for held in received] == [True] * 4, "some would be inherited"


@should(
    "bidirectional.close-on-exec-in-time",
    "POSIX.1-2024 XSH recvmsg, MSG_CMSG_CLOEXEC",
    needs=("flags",),
)
def test_close_on_exec_in_time(bench: Bench) -> None:
    """It is close-on-exec if it was waited for, and if its sender is gone."""
    first, second = bench.join()
    opened = first.open_all(bench.tokens(2))
    waiting = second.recv_awaited(first)

    first.send(opened[0])
    first.flush()
    awaited = waiting.answer()
    first.send(opened[1])
    first.flush()
    first.drop()
    last = second.recv()

    assert awaited.flags().cloexec, "what was waited for would be inherited over exec"
    assert last.flags().cloexec, "what came of a sender that is gone would be inherited over exec"


@should(
    "bidirectional.close-on-exec-at-once",
    "POSIX.1-2024 XSH recvmsg, MSG_CMSG_CLOEXEC",
    needs=("flags", "recv_nowait"),
)
def test_close_on_exec_at_once(bench: Bench) -> None:
    """What is received without waiting is close-on-exec, too."""
    first, second = bench.join()
    first.send(first.open(bench.token()))
    first.flush()

    received = second.recv_at_once()

    assert received, "a descriptor is there, and receiving says would-block each time"
    assert received.flags().cloexec, "it would be inherited over exec"


@should(
    "bidirectional.close-on-exec-data",
    "POSIX.1-2024 XSH recvmsg, MSG_CMSG_CLOEXEC",
    needs=("flags", "recv_with_data"),
)
def test_close_on_exec_data(bench: Bench) -> None:
    """What is received with bytes beside it is close-on-exec, too."""
    first, second = bench.join()
    first.send(first.open(bench.token()), data=b"beside")
    first.flush()

    received, _ = second.recv_with_data()

    assert received.flags().cloexec, "it would be inherited over exec"


@should(
    "bidirectional.listener-close-on-exec",
    "POSIX.1-2024 XSH socket: SOCK_CLOEXEC; fcntl, FD_CLOEXEC",
    needs=("listen",),
)
def test_listener_close_on_exec(bench: Bench) -> None:
    """The socket that a passer listens with is close-on-exec.

    A program that inherits it keeps the path busy when the passer has closed it.
    """
    (player,) = bench.start()
    before = player.books.table()
    player.with_passer(player.peer.call("listen", path=bench.path("endpoint"))["listener"])

    new = sorted(player.books.table() - before)
    if not new:
        raise Lacking(f"what {player.name} listens with cannot be seen here")
    inherited = [fd for fd in new if would_be_inherited(player.peer, fd)]
    assert not inherited, f"its listener would be inherited over exec: {inherited}"


@should(
    "bidirectional.queue-close-on-exec",
    "POSIX.1-2024 XSH fcntl, F_DUPFD_CLOEXEC",
    needs=("queued",),
)
def test_queue_close_on_exec(bench: Bench) -> None:
    """The duplicates that wait in a queue are close-on-exec."""
    bench.needs_table()
    first, second = bench.join(batch=1)
    held = first.open(bench.token())
    second.stop()
    sent = fill_until_queued(first, held)
    for _ in range(3):
        first.send(held)
    open_now = first.books.table() - first.books.at_the_start - {held.number}
    queued = [fd for fd in sorted(open_now) if not is_socket(first.peer, fd)]

    inherited = [fd for fd in queued if would_be_inherited(first.peer, fd)]
    second.go_on()
    drain(first, second, sent + 3)

    if not queued:
        raise Lacking("nothing of a queue can be seen here")
    assert not inherited, f"what is queued would be inherited over exec: {inherited}"


@should(
    "bidirectional.channel-close-on-exec",
    "POSIX.1-2024 XSH socketpair, accept4: SOCK_CLOEXEC; fcntl, FD_CLOEXEC",
)
def test_channel_close_on_exec(bench: Bench) -> None:
    """The ends of a channel that a passer has made are close-on-exec.

    A program that inherits one keeps the channel open when the passer has closed it.
    """
    if bench.transport == "inherited":
        raise Lacking("the suite has made these ends, so that they are inherited")
    for player in bench.join():
        new = sorted(player.books.table() - player.books.at_the_start)
        ends = [fd for fd in new if is_socket(player.peer, fd)]
        if not ends:
            raise Lacking(f"the end of a channel that {player.name} has cannot be seen here")
        inherited = [fd for fd in ends if would_be_inherited(player.peer, fd)]
        assert not inherited, f"{player.name}: its end would be inherited over exec: {inherited}"


# -- who has it open ------------------------------------------------------------------------------


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

        order = bench.order(received := _recv_until(second, last), [*tokens, last])

        told = f"of five, of which the third is not open, {accepted} are said to be accepted"
        assert order == [*range(accepted), 5], f"{told}, and {len(received) - 1} arrived"
        if close:
            _still_open(helds[accepted:2] + helds[3:], tokens[accepted:2] + tokens[3:], told)


def _recv_until(receiver: Player, last: Token, most: int = 6) -> list[Held]:
    """Receive until *last* has come, or nothing more does; *most* at most."""
    received: list[Held] = []
    with suppress(PassFailed):
        while len(received) < most:
            received.append(receiver.recv())
            if last.is_written_by(received[-1]):
                break
    return received


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


# -- many at once, and what is read ahead ---------------------------------------------------------


@should(
    "bidirectional.close-on-exec-many",
    "POSIX.1-2024 XSH recvmsg, MSG_CMSG_CLOEXEC: all descriptors",
    needs=("flags", "recv_many"),
)
def test_close_on_exec_many(bench: Bench) -> None:
    """Each of all that are received together is close-on-exec."""
    first, second = bench.join()
    for held in first.open_all(bench.tokens(4)):
        first.send(held)
    flushing = first.ask("flush")

    received: list[Held] = []
    while len(received) < 4:
        received += second.recv_many()
    flushing.answer()

    found = [held.flags().cloexec for held in received]
    assert found == [True] * 4, "some of many would be inherited over exec"


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


@should(
    "bidirectional.data-not-of-another",
    "IO::FDPass, POD: data and descriptors mixed; POSIX.1-2017 XSH 2.10.11",
    needs=("recv_with_data",),
)
def test_data_not_of_another(bench: Bench) -> None:
    """Bytes beside a descriptor that nobody asks for do not come with a later one.

    The first is closed before the next is received, which may get its number.
    """
    first, second = bench.join()
    opened = first.open(bench.token())

    first.send(opened, data=b"not asked for")
    first.flush()
    second.recv().close()
    first.send(opened)
    first.flush()
    _, data = second.recv_with_data()

    assert data == b"", f"bytes of an earlier descriptor came with a later one: {data!r}"


@should(
    "bidirectional.long-data-queued",
    "POSIX.1-2017 XSH sendmsg: the message is sent as it is in the buffers",
    needs=("queued", "recv_with_data"),
)
def test_long_data_queued(bench: Bench) -> None:
    """Long data beside a descriptor that waits in the queue arrives whole."""
    bench.needs_table()
    first, second = bench.join(batch=1)
    token = bench.token()
    sent = first.open(token)
    filled = fill_until_queued(first, sent)
    needs_queued(first, filled)
    data = bytes(range(1, 256)) * 40
    if first.condition_of("send", sent, data=data) == "queue-full":
        raise Lacking("its queue has no room for another")

    flushing = first.ask("flush")
    second.recv_all(filled)
    received, came = second.recv_with_data()
    flushing.answer()

    assert token.is_written_by(received), _NOT_SENT
    assert came == data, f"of {len(data)} bytes that had to wait came {len(came)}, or others"


@should(
    "bidirectional.close-on-exec-long-data",
    "POSIX.1-2024 XSH recvmsg, MSG_CMSG_CLOEXEC",
    needs=("flags", "recv_with_data"),
)
def test_close_on_exec_long_data(bench: Bench) -> None:
    """What is received with long data beside it is close-on-exec, too."""
    first, second = bench.join()
    held = first.open(bench.token())
    for size in (4096, 20_000):
        first.send(held, data=b"-" * size)
        flushing = first.ask("flush")
        received, data = second.recv_with_data()
        flushing.answer()

        assert len(data) == size, f"of {size} bytes came {len(data)}"
        assert received.flags().cloexec, f"beside {size} bytes it would be inherited over exec"
