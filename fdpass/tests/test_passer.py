from __future__ import annotations

import os
import resource
import socket
import time
from typing import TYPE_CHECKING

import pytest

import fdpass
from fdpass.tests.descriptors import (
    SOON,
    clamp,
    close_all,
    fill,
    identities,
    identity,
    is_open,
    raised,
)
from fdpass.tests.passing import Aside, fill_channel, receive, taken

if TYPE_CHECKING:
    from collections.abc import Callable

    from fdpass.table import HasFileno

    Apart = Callable[..., str]
    Make = Callable[[int], list[int]]
    Pair = tuple[fdpass.Passer, fdpass.Passer]


# -- sending


def test_what_is_sent_arrives_in_order_and_is_close_on_exec(pair: Pair, make: Make) -> None:
    left, right = pair
    sent = make(3)
    for fd in sent:
        left.send(fd)
    received = [right.recv(SOON) for _ in sent]
    inheritable = [os.get_inheritable(fd) for fd in received]

    assert taken(received) == identities(sent)
    assert inheritable == [False] * 3


def test_sending_borrows_and_the_original_may_be_closed_at_once(make: Make) -> None:
    original = os.dup(make(1)[0])
    expected = identity(original)
    left, right = fdpass.pair(batch=1)
    with left, right:
        count = fill_channel(left, original)
        borrowed = is_open(original)
        os.close(original)
        sending = Aside(left.flush, SOON)
        received = receive(right, count)
        sending.result()

    assert borrowed
    assert received == [expected] * count


def test_objects_with_fileno_are_sent(pair: Pair, make: Make) -> None:
    left, right = pair
    with socket.socket() as sock, open(os.devnull, "rb") as file, left:
        expected = identities([sock.fileno(), file.fileno(), left.fileno()])
        left.send(sock)
        left.send_many(item for item in (file, left))
        received = receive(right, 3)

    assert received == expected


def test_a_descriptor_taken_over_is_closed_once_accepted(pair: Pair, make: Make) -> None:
    left, right = pair
    mine = [os.dup(fd) for fd in make(3)]
    expected = identities(mine)
    left.send(mine[0], close=True)
    left.send_many(mine[1:], close=True)

    assert not any(map(is_open, mine))
    assert receive(right, 3) == expected


def test_an_object_taken_over_knows_that_it_is_closed(pair: Pair) -> None:
    left, right = pair
    sock, another, file, fd = socket.socket(), socket.socket(), open(os.devnull, "rb"), os.dup(0)
    left.send(sock, close=True)
    left.send_many([another, file, fd], close=True)
    received = receive(right, 4)

    assert (sock.fileno(), another.fileno(), file.closed) == (-1, -1, True)
    assert not is_open(fd)
    assert len(received) == 4


def test_what_is_refused_is_not_taken_over(pair: Pair, make: Make) -> None:
    left, right = pair
    right.close()
    mine = make(2)
    with socket.socket() as sock:
        for several in ([mine[0]], mine, [sock.fileno(), *mine]):
            with pytest.raises(BrokenPipeError):
                left.send_many(several, close=True)
        with pytest.raises(BrokenPipeError):
            left.send_many([mine[0], sock], close=True)
        with pytest.raises(BrokenPipeError):
            left.send(sock, close=True)

        assert sock.fileno() >= 0

    assert all(map(is_open, mine))


@pytest.mark.parametrize("nonsense", [None, "file", 3.0, object()])
def test_what_has_no_descriptor_is_refused(pair: Pair, nonsense: HasFileno) -> None:
    for send in (pair[0].send, lambda file: pair[0].send_many([0, file])):
        with pytest.raises(TypeError, match="expected a descriptor or an object with fileno"):
            send(nonsense)

    with pytest.raises(BlockingIOError):
        pair[1].recv_nowait()


def test_nothing_of_several_is_sent_if_one_is_closed(pair: Pair, make: Make) -> None:
    left, right = pair
    good = make(1)[0]
    with open(os.devnull, "rb") as file:
        pass
    for bad, error in ((file, ValueError), (-1, OSError)):
        with pytest.raises(error):
            left.send_many([good, bad, good])

        assert left.queued == 0

    with pytest.raises(BlockingIOError):
        right.recv_nowait()


def test_none_to_send_is_nothing_to_do(pair: Pair) -> None:
    pair[0].send_many([])

    assert not pair[0].wants_write


@pytest.mark.parametrize(("batch", "messages"), [(1, 5), (2, 3), (4, 2), (16, 1)])
def test_many_go_in_as_few_messages_as_the_batch_allows(
    batch: int, messages: int, make: Make
) -> None:
    one, other = socket.socketpair()
    with fdpass.adopt(one, batch=batch) as passer, other:
        passer.send_many(make(5))
        passer.close()
        sizes = []
        while True:
            data, fds, _, _ = fdpass.recv_fds(other, 4096, 16)
            if not data:
                break
            sizes.append(len(fds))
            close_all(fds)

    assert len(sizes) == messages
    assert sum(sizes) == 5
    assert max(sizes) == min(batch, 5)


@pytest.mark.parametrize("batch", [253, 254, 300])
def test_a_batch_larger_than_the_system_takes_is_cut(batch: int, make: Make) -> None:
    left, right = fdpass.pair(batch=batch)
    sent = make(3) * 100
    with left, right:
        left.send_many(sent)
        received = receive(right, 300)

    assert received == identities(sent)


# -- the user's bytes


@pytest.mark.parametrize("batch", [1, 16])
def test_bytes_travel_with_their_descriptor(batch: int, make: Make) -> None:
    sent = make(5)
    texts = [b"one", b"", b"three" * 1000, b"\xff\x01", b""]
    left, right = fdpass.pair(batch=batch)
    with left, right:
        for fd, text in zip(sent, texts, strict=True):
            left.send(fd, data=text)
        got = [right.recv_with_data(SOON) for _ in sent]

    assert [text for _, text in got] == texts
    assert taken([fd for fd, _ in got]) == identities(sent)


def test_the_most_bytes_pass_through_a_full_channel(make: Make) -> None:
    fd = make(1)[0]
    text = b"x" * 65536
    left, right = fdpass.pair(batch=1)
    with left, right:
        for _ in range(10):
            left.send(fd, data=text)
        waited = left.wants_write
        sending = Aside(left.flush, SOON)
        got = [right.recv_with_data(SOON) for _ in range(10)]
        sending.result()

    assert waited
    assert {text for _, text in got} == {text}
    assert taken([fd for fd, _ in got]) == [identity(fd)] * 10


@pytest.mark.parametrize("text", [b"\0", b"a\0b", b"x" * 65537])
def test_bytes_that_cannot_travel_are_refused(pair: Pair, text: bytes, make: Make) -> None:
    with pytest.raises(ValueError, match="at most 65536 bytes without NUL"):
        pair[0].send(make(1)[0], data=text)

    assert not pair[0].wants_write


def test_bytes_nobody_asks_for_are_dropped_with_their_descriptor(pair: Pair, make: Make) -> None:
    left, right = pair
    sent = make(4)
    for fd in sent:
        left.send(fd, data=b"text")
    received = [right.recv(SOON)]
    received += right.recv_many(SOON)
    close_all(received)
    left.send(sent[0])
    fd, text = right.recv_with_data(SOON)
    os.close(fd)

    assert text == b""


# -- the queue


def test_sending_never_blocks_and_tells_when_the_queue_is_full(make: Make) -> None:
    fd = make(1)[0]
    left, right = fdpass.pair(batch=1, max_queued=3)
    with left, right:
        count = fill_channel(left, fd)
        seen = [(left.queued, left.wants_write)]
        left.send_many([fd, fd])
        seen.append((left.queued, left.wants_write))
        for send in (left.send, lambda fd: left.send_many([fd])):
            with pytest.raises(BlockingIOError, match="room for 0 of 3"):
                send(fd)
        received = receive(right, count - 1)
        seen.append((left.queued, left.flush_nowait()))
        received += receive(right, 3)

    assert seen == [(1, True), (3, True), (3, True)]
    assert received == [identity(fd)] * (count + 2)
    assert not left.wants_write


def test_several_are_accepted_together_or_not_at_all(make: Make) -> None:
    fd = make(1)[0]
    left, right = fdpass.pair(batch=1, max_queued=4)
    with left, right:
        count = fill_channel(left, fd)
        with pytest.raises(BlockingIOError, match="4 descriptors came"):
            left.send_many([fd] * 4)
        queued_then = left.queued
        left.send_many([fd] * 3)
        sending = Aside(left.flush, SOON)
        received = receive(right, count + 3)
        sending.result()

    assert queued_then == 1
    assert len(received) == count + 3


def test_the_queue_needs_slots_and_says_so(apart: Apart) -> None:
    def in_a_full_table() -> None:
        left, right = fdpass.pair(batch=1)
        with left, right:
            count = 0
            while not left.wants_write:
                left.send(0)
                count += 1
            mine = os.dup(0)
            clamp(40)
            held = fill()
            with raised(OSError) as caught:
                left.send(mine)

            assert caught[0].errno == 24, caught[0]

            left.send(mine, close=True)  # needs none
            close_all(held)
            for _ in range(count + 1):
                os.close(right.recv(SOON))
                left.flush_nowait()

    apart(in_a_full_table)


def test_flushing_waits_until_the_queue_is_empty(make: Make) -> None:
    left, right = fdpass.pair(batch=1)
    with left, right:
        count = fill_channel(left, make(1)[0])
        begun = time.monotonic()
        for timeout in (0, 0.02):
            with pytest.raises(TimeoutError, match="1 descriptors are still queued"):
                left.flush(timeout)
        waited = time.monotonic() - begun
        receiving = Aside(receive, right, count)
        left.flush()
        empty = not left.wants_write
        receiving.result()

    assert waited >= 0.02
    assert empty


def test_flushing_an_empty_queue_does_nothing(pair: Pair) -> None:
    pair[0].flush(0)

    assert pair[0].flush_nowait()


@pytest.mark.parametrize("batch", [1, 16])
def test_two_peers_that_both_flush_do_not_wait_for_each_other(batch: int, make: Make) -> None:
    sent = make(7)
    passers = fdpass.pair(batch=batch)

    def send_all_then_receive(passer: fdpass.Passer) -> list[tuple[int, int]]:
        passer.send_many([sent[number % 7] for number in range(600)])
        passer.flush(SOON)
        return receive(passer, 600)

    with passers[0], passers[1]:
        threads = [Aside(send_all_then_receive, passer) for passer in passers]
        received = [thread.result() for thread in threads]
    expected = [identity(sent[number % 7]) for number in range(600)]

    assert received == [expected, expected]


@pytest.mark.skipif(
    resource.getrlimit(resource.RLIMIT_NOFILE)[1] < 16000, reason="needs 16000 descriptors"
)
def test_nor_do_two_peers_with_long_queues(apart: Apart) -> None:
    def in_a_large_table() -> None:
        clamp(16000)
        passers = fdpass.pair(batch=1, max_queued=3000)

        def send_all_then_receive(passer: fdpass.Passer) -> int:
            passer.send_many([0] * 3000)
            passer.flush(SOON)
            return len(receive(passer, 3000))

        with passers[0], passers[1]:
            threads = [Aside(send_all_then_receive, passer) for passer in passers]
            received = [thread.result() for thread in threads]

        assert received == [3000, 3000]

    apart(in_a_large_table)


def test_a_waiting_receiver_helps_its_own_queue_on(make: Make) -> None:
    left, right = fdpass.pair(batch=1)
    fd = make(1)[0]
    with left, right:
        count = fill_channel(left, fd) + 20
        left.send_many([fd] * 20)

        def answer() -> None:
            receive(right, count)
            right.send(fd)

        answering = Aside(answer)
        received = taken([left.recv(SOON)])
        answering.result()

    assert received == [identity(fd)]
