"""Bidirectional, continued: what a passer has or gives is close-on-exec."""

from __future__ import annotations

from typing import TYPE_CHECKING

from conformance.errors import Lacking
from conformance.harness.queues import (
    drain,
    fill_until_queued,
)
from conformance.harness.seen import is_socket, would_be_inherited
from conformance.requirement import should

if TYPE_CHECKING:
    from conformance.harness.bench import Bench
    from conformance.harness.held import Held

_LONG = 120  # descriptors in a queue: it may have grown since its first were taken in


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
    for _ in range(_LONG):
        first.send(held)
    open_now = first.books.table() - first.books.at_the_start - {held.number}
    queued = [fd for fd in sorted(open_now) if not is_socket(first.peer, fd)]

    inherited = [fd for fd in queued if would_be_inherited(first.peer, fd)]
    second.go_on()
    drain(first, second, sent + _LONG)

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
