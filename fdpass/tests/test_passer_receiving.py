from __future__ import annotations

import contextlib
import os
import select
import time
from typing import TYPE_CHECKING

import pytest

import fdpass
from fdpass.tests.descriptors import SOON, close_all, eventually, identities, identity
from fdpass.tests.passing import Aside, insistent_recv, is_receiving, receive, taken

if TYPE_CHECKING:
    from collections.abc import Callable

    Make = Callable[[int], list[int]]
    Pair = tuple[fdpass.Passer, fdpass.Passer]


def test_receiving_waits_for_a_descriptor(pair: Pair, make: Make) -> None:
    left, right = pair
    sent = make(3)
    for number, recv in enumerate(
        (right.recv, lambda: right.recv_many()[0], lambda: right.recv_with_data()[0])
    ):
        receiving = Aside(recv)
        left.send(sent[number])
        fd = receiving.result()

        assert isinstance(fd, int)
        assert taken([fd]) == identities(sent[number : number + 1])


def test_a_wait_for_a_descriptor_ends_with_its_timeout(pair: Pair) -> None:
    _, right = pair
    begun = time.monotonic()
    for recv in (right.recv, right.recv_many, right.recv_with_data):
        for timeout in (0, 0.01, -1):
            with pytest.raises(TimeoutError, match="no descriptor has arrived"):
                recv(timeout)

    assert time.monotonic() - begun >= 0.03


def test_receiving_what_is_not_there_would_block(pair: Pair, make: Make) -> None:
    left, right = pair
    with pytest.raises(BlockingIOError) as caught:
        right.recv_nowait()
    left.send_many(make(2))
    received = [right.recv_nowait(), right.recv_nowait()]

    assert not isinstance(caught.value, fdpass.FdPassError)
    assert len(taken(received)) == 2


def test_all_that_is_there_comes_at_once(make: Make) -> None:
    sent = make(5)
    left, right = fdpass.pair(batch=2)
    with left, right:
        left.send_many(sent)
        left.send(sent[0])
        received = taken(right.recv_many(SOON))

    assert received == identities([*sent, sent[0]])


def test_one_message_serves_every_way_of_receiving(pair: Pair, make: Make) -> None:
    left, right = pair
    sent = make(5)
    left.send_many(sent)
    received = [right.recv(0), right.recv_nowait(), right.recv_with_data(0)[0]]
    received += right.recv_many(0)

    assert taken(received) == identities(sent)


def test_the_channel_can_be_polled(pair: Pair, make: Make) -> None:
    left, right = pair
    before = select.select([right], [left], [], 0)
    left.send(make(1)[0])
    after = select.select([right], [], [], SOON)
    close_all([right.recv_nowait()])

    assert before == ([], [left], [])
    assert after == ([right], [], [])


def test_both_directions_at_the_same_time(make: Make) -> None:
    sent = make(7)
    passers = fdpass.pair(batch=3)
    count = 500

    def send(passer: fdpass.Passer) -> None:
        for number in range(count):
            passer.send(sent[number % 7])
            if number % 50 == 0:
                passer.flush(SOON)
        passer.flush(SOON)

    def recv(passer: fdpass.Passer) -> list[tuple[int, int]]:
        return taken([passer.recv(SOON) for _ in range(count)])

    with passers[0], passers[1]:
        sending = [Aside(send, passer) for passer in passers]
        receiving = [Aside(recv, passer) for passer in passers]
        for thread in sending:
            thread.result()
        received = [thread.result() for thread in receiving]

    expected = [identity(sent[number % 7]) for number in range(count)]

    assert received == [expected, expected]


def test_any_number_of_threads_may_send(pair: Pair, make: Make) -> None:
    left, right = pair
    sent = make(4)

    def send(fd: int) -> None:
        for _ in range(100):
            left.send(fd)
        left.flush(SOON)

    threads = [Aside(send, fd) for fd in sent]
    received = receive(right, 400)
    for thread in threads:
        thread.result()

    assert sorted(received) == sorted(identities(sent) * 100)


def test_a_second_reader_is_turned_away(pair: Pair, make: Make) -> None:
    left, right = pair
    receiving = Aside(insistent_recv, right)
    busy = eventually(lambda: is_receiving(right))
    for recv in (right.recv, right.recv_many, right.recv_with_data):
        with pytest.raises(fdpass.PasserBusy, match="only one may"):
            recv(0)
    left.send(make(1)[0])
    fd = receiving.result()

    assert busy
    assert isinstance(fd, int)

    os.close(fd)
    left.send(make(1)[0])
    os.close(right.recv(SOON))


# -- passers over passers


@pytest.mark.parametrize("deep", [1, 2, 3])
def test_a_passer_passes_over_a_passer(deep: int, make: Make) -> None:
    sent = make(1)
    with contextlib.ExitStack() as stack:
        outer = [stack.enter_context(passer) for passer in fdpass.pair()]
        for _ in range(deep):
            ours, theirs = fdpass.pair()
            outer[0].send(theirs)
            theirs.close()
            adopted = fdpass.adopt(outer[1].recv(SOON))
            outer = [stack.enter_context(ours), stack.enter_context(adopted)]
        outer[0].send(sent[0])
        outer[1].send(sent[0])
        received = taken([outer[1].recv(SOON), outer[0].recv(SOON)])

    assert received == identities(sent * 2)


def test_a_passer_goes_in_its_own_channel(pair: Pair) -> None:
    left, right = pair
    left.send(right)
    fd = right.recv(SOON)
    same = identity(fd) == identity(right.fileno())
    os.close(fd)

    assert same
