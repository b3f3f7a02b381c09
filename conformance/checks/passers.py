"""Passing passers: an end of a channel goes over a channel, and is a passer where it arrives."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

from conformance.errors import Lacking
from conformance.harness.seen import is_socket, would_be_inherited
from conformance.harness.series import Series
from conformance.requirement import must, should

if TYPE_CHECKING:
    from conformance.harness.bench import Bench
    from conformance.harness.player import Player

_SEED = "AnyEvent::FDpasser, t/send_passer_over_passer.t"
_POD = "AnyEvent::FDpasser, POD, Passing passers"
_DUP = "unix(7), SCM_RIGHTS: as if by dup(2)"
_PAIR = ("socketpair",)
_STATUS = ("socketpair", "flags", "set_nonblocking")

_NOT_SENT = "what arrived is not the descriptor that was sent"


def _joined_over(first: Player, second: Player, **options: object) -> tuple[Player, Player]:
    """Pass one end of a new pair; give the passers of both ends, the first peer's first."""
    near, far = first.channel()
    inner = second.adopt(first.pass_to(second, far), **options)
    far.close()
    return first.adopt(near, **options), inner


@must("passers.basic", _SEED, needs=_PAIR)
def test_basic(bench: Bench) -> None:
    """A passed end is a passer: its receiver sends a descriptor back over it.

    One end of a new pair goes to the second peer; the first peer keeps the other.
    """
    first, second = bench.join()
    token = bench.token()

    ours, theirs = _joined_over(first, second)
    received = theirs.pass_to(ours, theirs.open(token))

    assert token.is_written_by(received), _NOT_SENT


@must("passers.both-directions", _POD, needs=_PAIR)
def test_both_directions(bench: Bench) -> None:
    """Descriptors go both ways over a passed end, and over the channel it came by."""
    first, second = bench.join()
    there, back, beside = bench.tokens(3)
    ours, theirs = _joined_over(first, second)

    assert there.is_written_by(ours.pass_to(theirs, first.open(there))), f"there: {_NOT_SENT}"
    assert back.is_written_by(theirs.pass_to(ours, second.open(back))), f"back: {_NOT_SENT}"
    assert beside.is_written_by(first.pass_to(second, first.open(beside))), f"beside: {_NOT_SENT}"


@must("passers.several-at-once", _POD, needs=(*_PAIR, "flags", "send_many"))
def test_several_at_once(bench: Bench) -> None:
    """Over a passed end several at once come in order, each with its own O_NONBLOCK."""
    first, second = bench.join()
    ours, theirs = _joined_over(first, second, batch=4)
    for sender, receiver in ((ours, theirs), (theirs, ours)):
        tokens = bench.tokens(4)
        modes = [["write", "nonblocking"], ["write"]] * 2
        opened = [sender.open(token, *mode) for token, mode in zip(tokens, modes, strict=True)]

        sender.send_many(opened)
        sender.flush()
        received = receiver.recv_all(4)

        came = bench.order(received, tokens)
        assert came == [0, 1, 2, 3], f"over a passed end came {came}, expected 0, 1, 2, 3"
        kept = [held.flags().nonblocking for held in received]
        assert kept == [True, False] * 2, "O_NONBLOCK has changed over a passed end"


@should("passers.close-on-exec", _POD, needs=(*_PAIR, "flags"))
def test_close_on_exec(bench: Bench) -> None:
    """What is received over a passed end is close-on-exec, as over any other."""
    first, second = bench.join()
    ours, theirs = _joined_over(first, second)

    there = ours.pass_to(theirs, ours.open(bench.token()))
    back = theirs.pass_to(ours, theirs.open(bench.token()))

    assert there.flags().cloexec, "what came over a passed end would be inherited over exec"
    assert back.flags().cloexec, "what came from a passed end would be inherited over exec"


@should("passers.end-close-on-exec", _POD, needs=_PAIR)
def test_end_close_on_exec(bench: Bench) -> None:
    """A passed end is close-on-exec when it is a passer.

    A program that inherits it keeps the channel open when the passer has closed it.
    """
    first, second = bench.join()
    token = bench.token()
    before = second.books.table()

    ours, theirs = _joined_over(first, second)
    received = ours.pass_to(theirs, first.open(token))

    assert token.is_written_by(received), _NOT_SENT
    ends = [fd for fd in sorted(second.books.table() - before) if is_socket(second.peer, fd)]
    if not ends:
        raise Lacking(f"the end of a channel that {second.name} has got cannot be seen here")
    inherited = [fd for fd in ends if would_be_inherited(second.peer, fd)]
    assert not inherited, f"its end would be inherited over exec: {inherited}"


@must("passers.order", _POD, needs=_PAIR)
def test_order(bench: Bench) -> None:
    """Descriptors keep their order over a passed end, in both directions."""
    first, second = bench.join()
    ours, theirs = _joined_over(first, second)
    there, back = Series(bench, ours), Series(bench, theirs)

    for _ in range(4):
        there.send(4)
        back.send(4)
        there.receive(theirs)
        back.receive(ours)

    assert not (wrong := there.wrong()), f"to the one who got it: {wrong}"
    assert not (wrong := back.wrong()), f"from the one who got it: {wrong}"


@must("passers.both-ends", _POD, needs=_PAIR)
def test_both_ends(bench: Bench) -> None:
    """Both ends of a pair can go to the same peer, which passes to itself over them."""
    first, second = bench.join()
    token = bench.token()

    left, right = (second.adopt(first.pass_to(second, end)) for end in first.channel())
    received = left.pass_to(right, second.open(token))

    assert token.is_written_by(received), _NOT_SENT


@must("passers.sender-closes", _POD, needs=_PAIR)
def test_sender_closes(bench: Bench) -> None:
    """An end that its sender closes before it is received still works.

    It is open nowhere but in the channel then, and its other end must not see it end.
    """
    first, second = bench.join()
    token = bench.token()
    near, far = first.channel()
    first.send(far)
    first.flush()

    far.close()
    ours, theirs = first.adopt(near), second.adopt(second.recv())

    assert token.is_written_by(ours.pass_to(theirs, first.open(token))), _NOT_SENT


@must("passers.loaded", "AnyEvent::FDpasser, POD, Passing passers and FIFO ordering", needs=_PAIR)
def test_loaded(bench: Bench) -> None:
    """What waits unread in an end that is passed arrives, before what comes later.

    The queue belongs to the channel, and not to who has its end at the moment.
    """
    first, second = bench.join()
    near, far = first.channel()
    ours = first.adopt(near)
    series = Series(bench, ours)

    series.send(3)
    theirs = second.adopt(first.pass_to(second, far))
    series.send(3)
    series.receive(theirs)

    assert not (wrong := series.wrong()), wrong


@must("passers.passed-on", _POD, needs=_PAIR)
def test_passed_on(bench: Bench) -> None:
    """An end that was received can be passed back, and works where it came from."""
    first, second = bench.join()
    token = bench.token()
    near, far = first.channel()

    there = first.pass_to(second, far)
    back = second.pass_to(first, there)
    for copy in (far, there):
        copy.close()
    ours, other = first.adopt(near), first.adopt(back)

    assert token.is_written_by(ours.pass_to(other, first.open(token))), _NOT_SENT


@must("passers.three-deep", _POD, needs=_PAIR)
def test_three_deep(bench: Bench) -> None:
    """A passer that came over a passer that came over a passer works, as these do."""
    first, second = bench.join()
    tokens = bench.tokens(4)

    levels = [(first, second)]
    for _ in range(3):
        levels.append(_joined_over(*levels[-1]))
    pairs = zip(levels, first.open_all(tokens), strict=True)
    received = [ours.pass_to(theirs, held) for (ours, theirs), held in pairs]

    assert bench.order(received, tokens) == [0, 1, 2, 3], "a descriptor went astray"


@should("passers.nested-in-flight", _DUP, needs=_PAIR)
def test_nested_in_flight(bench: Bench) -> None:
    """An end can be passed while another waits in it, and a third in that.

    A token waits in the innermost. Nothing is received before all has been sent, and the sender
    has closed all that it sent.
    """
    first, second = bench.join()
    token = bench.token()
    ends = [first.channel() for _ in range(3)]
    passers = [*(first.adopt(near) for near, _ in ends), first]
    waiting = [first.open(token), *(far for _, far in ends)]
    for passer, held in zip(passers, waiting, strict=True):
        passer.send(held, close=True)
        passer.flush()

    receiver = second
    for _ in range(3):
        receiver = second.adopt(receiver.recv())

    assert token.is_written_by(receiver.recv()), _NOT_SENT


@should("passers.over-itself", _DUP, needs=_PAIR)
def test_over_itself(bench: Bench) -> None:
    """An end can be passed over its own channel, and arrives as one more that works.

    The second peer has two descriptors of the end: it sends the one over the other.
    """
    first, second = bench.join()
    before, after = bench.tokens(2)
    near, far = first.channel()
    end, another = (first.pass_to(second, far) for _ in range(2))
    ours, theirs = first.adopt(near), second.adopt(end)

    copy = first.adopt(theirs.pass_to(ours, another))

    assert after.is_written_by(copy.pass_to(ours, first.open(after))), f"over the copy: {_NOT_SENT}"
    assert before.is_written_by(theirs.pass_to(ours, second.open(before))), (
        f"as before: {_NOT_SENT}"
    )


@should("passers.copy-outlives", _DUP, needs=_PAIR)
def test_copy_outlives(bench: Bench) -> None:
    """When a passer is closed, another copy of its end works on, both ways.

    The second peer has two descriptors of the end, and uses the one until it closes it.
    """
    first, second = bench.join()
    tokens = bench.tokens(4)
    near, far = first.channel()
    ours = first.adopt(near)
    end, another = (first.pass_to(second, far) for _ in range(2))
    far.close()
    theirs = second.adopt(end)
    back = theirs.pass_to(ours, second.open(tokens[0]))
    there = ours.pass_to(theirs, first.open(tokens[1]))

    theirs.drop()
    copy = second.adopt(another)
    back_later = copy.pass_to(ours, second.open(tokens[2]))
    there_later = ours.pass_to(copy, first.open(tokens[3]))

    received = [back, there, back_later, there_later]
    assert bench.order(received, tokens) == [0, 1, 2, 3], _NOT_SENT


@must("passers.status", "AnyEvent::FDpasser, POD, Preserves blocking status", needs=_STATUS)
def test_status(bench: Bench) -> None:
    """An end with O_NONBLOCK set arrives with it set, and is a passer."""
    first, second = bench.join()
    token = bench.token()
    near, far = first.channel()
    far.set_nonblocking()

    received = first.pass_to(second, far)

    assert received.flags().nonblocking, "O_NONBLOCK was lost on the way"
    ours, theirs = first.adopt(near), second.adopt(received)
    assert token.is_written_by(ours.pass_to(theirs, first.open(token))), _NOT_SENT


@should("passers.cycle-is-collected", _DUP, needs=_PAIR, over="inherited")
def test_cycle_is_collected(bench: Bench) -> None:
    """A channel that is open only in itself is closed, with all that waits in it.

    An end is sent to itself, behind a token, and both ends are closed: nobody can ever receive
    what waits there, and a system that only counts references would keep it for good.
    """
    (peer,) = bench.start()
    token = bench.token()
    near, far = peer.channel()
    passer = peer.adopt(near)

    passer.send(peer.open(token), close=True)
    passer.send(far, close=True)
    passer.flush()
    passer.drop()

    assert token.released(), "what waits in the channel is still open"


@should("passers.listener", _DUP, over="inherited")
def test_listener(bench: Bench) -> None:
    """A passed listening socket goes on listening until the receiver closes it.

    A raw message brings it. A connection is made while the receiver alone has it open.
    """
    player, raw = bench.join_raw()
    path = bench.path("listener")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listening:
        listening.bind(path)
        listening.listen()
        raw.send(raw.dialect.one, [listening.fileno()])

    received = player.recv()

    assert _is_listened_at(path), "nobody listens any more"
    received.close()
    assert not _is_listened_at(path), "somebody else has the socket open"


def _is_listened_at(path: str) -> bool:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as client:
        try:
            client.connect(path)
        except ConnectionRefusedError:
            return False
    return True
