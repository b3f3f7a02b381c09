"""Bidirectional: what either peer sends, the other receives, and it is what was sent.

What comes while its receiver does something else, who has it open, and that it is close-on-exec
stand in meanwhile, ownership and inheritance.
"""

from __future__ import annotations

import os
from contextlib import suppress
from typing import TYPE_CHECKING

from conformance.errors import Lacking, PassFailed
from conformance.harness.patience import NOTHING
from conformance.harness.queues import (
    fill_until_queued,
    needs_queued,
)
from conformance.harness.tokens import Place
from conformance.requirement import must, should

if TYPE_CHECKING:
    from conformance.harness.bench import Bench
    from conformance.harness.held import Held
    from conformance.harness.player import Player

_NOT_SENT = "what arrived is not the descriptor that was sent"


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
