from __future__ import annotations

import gc
import os
import sys
from typing import TYPE_CHECKING

import pytest

import fdpass
from fdpass.tests.descriptors import SOON, eventually, identities, identity
from fdpass.tests.passing import Aside, fill_channel, insistent_recv, is_receiving, receive, taken

if TYPE_CHECKING:
    from collections.abc import Callable

    Apart = Callable[..., str]
    Make = Callable[[int], list[int]]
    Pair = tuple[fdpass.Passer, fdpass.Passer]


def test_the_end_comes_after_all_that_was_sent(pair: Pair, make: Make) -> None:
    left, right = pair
    sent = make(3)
    left.send_many(sent)
    left.close()
    received = [right.recv(0) for _ in sent]
    for recv in (right.recv, right.recv_many, right.recv_with_data):
        with pytest.raises(fdpass.PeerClosed):
            recv(SOON)
    with pytest.raises(fdpass.PeerClosed):
        right.recv_nowait()

    assert taken(received) == identities(sent)


def test_a_peer_that_left_something_unread_is_told_from_one_in_good_order(
    pair: Pair, make: Make
) -> None:
    left, right = pair
    sent = make(2)
    right.send_many(sent)
    left.send_many(sent)
    left.close()
    received = [right.recv(0) for _ in sent]
    with pytest.raises(fdpass.PeerReset):
        right.recv(SOON)

    assert taken(received) == identities(sent)


@pytest.mark.parametrize("queue_first", [False, True])
def test_what_has_arrived_is_given_before_an_error_of_the_other_direction(
    make: Make, queue_first: bool
) -> None:
    sent = make(3)
    left, right = fdpass.pair(batch=1)
    with left:
        if queue_first:
            fill_channel(right, sent[0])
        left.send_many(sent)
        left.close()
        for _ in range(3):
            with pytest.raises(BrokenPipeError):
                right.send(sent[0])
        if queue_first:
            with pytest.raises(BrokenPipeError):
                right.flush(SOON)
        received = [right.recv(SOON), right.recv_with_data(SOON)[0], *right.recv_many(SOON)]
        with pytest.raises(fdpass.ChannelEnded):
            right.recv(SOON)
    if queue_first:
        with pytest.warns(ResourceWarning, match="1 descriptors were still queued"):
            right.close()
    right.close()

    assert taken(received) == identities(sent)


def test_a_closed_passer_says_so_to_everything(make: Make) -> None:
    left, right = fdpass.pair()
    right.send(make(1)[0])
    left.close()
    left.close()
    right.close()
    for call in (
        lambda: left.send(0),
        lambda: left.send_many([0]),
        lambda: left.flush(0),
        left.flush_nowait,
        lambda: left.recv(0),
        left.recv_nowait,
        lambda: left.recv_many(0),
        lambda: left.recv_with_data(0),
        left.fileno,
    ):
        with pytest.raises(fdpass.PasserClosed):
            call()

    assert (left.closed, left.wants_write, left.queued) == (True, False, 0)


def test_closing_closes_what_waits_and_says_so_if_that_was_queued(make: Make) -> None:
    fd = make(1)[0]
    left, right = fdpass.pair(batch=1)
    count = fill_channel(left, fd)
    right.send(fd)
    left.flush_nowait()
    with pytest.warns(ResourceWarning, match="1 descriptors were still queued"):
        left.close()
    received = receive(right, count - 1)
    with pytest.raises(fdpass.ChannelEnded):
        right.recv(SOON)
    right.close()

    assert received == [identity(fd)] * (count - 1)


def test_closing_amid_a_message_is_told_at_both_ends(make: Make) -> None:
    fd = make(1)[0]
    left, right = fdpass.pair(batch=1)
    while not left.wants_write:
        left.send(fd, data=b"x" * 65536)
    queued = left.queued
    with pytest.warns(ResourceWarning, match="1 descriptors were still queued"):
        left.close()
    with right:
        with pytest.raises(fdpass.DescriptorsLost, match="amid a message of 1"):
            receive(right, 1000)
        with pytest.raises(fdpass.PeerClosed):
            right.recv(SOON)

    assert queued == 0


def test_a_reader_is_told_when_another_thread_closes_its_passer(pair: Pair) -> None:
    left, right = pair
    receiving = Aside(insistent_recv, right)
    busy = eventually(lambda: is_receiving(right))
    right.close()
    left.close()  # which wakes it up

    assert busy

    with pytest.raises(fdpass.PasserClosed):
        receiving.result()


def test_a_forgotten_passer_warns_and_closes_all_it_has(make: Make) -> None:
    fd = make(1)[0]
    left, right = fdpass.pair()
    left.send_many([fd, fd])
    os.close(right.recv(SOON))  # the other one stays in the inbox
    left.close()
    gc.disable()  # no cycle keeps it
    try:
        with pytest.warns(ResourceWarning, match=r"unclosed <fdpass.Passer on descriptor \d+, "):
            del right
    finally:
        gc.enable()


def test_a_forgotten_passer_is_closed_also_where_warnings_are_errors(apart: Apart) -> None:
    def forget() -> None:
        sys.stderr = open(os.devnull, "w")  # the interpreter tells of the error in __del__
        left, right = fdpass.pair()
        left.send_many([0, 0])
        os.close(right.recv(SOON))
        del left, right
        gc.collect()
        sys.stderr.close()
        sys.stderr = sys.__stderr__

    apart(forget)


def test_the_context_manager_closes(make: Make) -> None:
    left, right = fdpass.pair()
    fd = left.fileno()
    with left as same, right:
        inside = same.fileno()

    assert inside == fd
    assert (left.closed, right.closed) == (True, True)


def test_the_repr_tells_what_it_is_and_what_waits(make: Make) -> None:
    left, right = fdpass.pair(batch=4, survival="reserve")
    with left, right:
        right.send_many(make(3))
        os.close(left.recv(SOON))
        text = repr(left)
        fd = left.fileno()

    assert text == (
        f"<fdpass.Passer on descriptor {fd}, bsd44, reserve, batch 4: 0 queued, 2 in the inbox>"
    )
    assert repr(left) == "<fdpass.Passer, closed>"


@pytest.mark.parametrize("options", [{"batch": 0}, {"max_queued": -1}, {"survival": "luck"}])
def test_options_out_of_range_are_refused_and_leave_nothing_open(options: dict[str, int]) -> None:
    with pytest.raises(ValueError, match=r"expected a |no survival mode"):
        fdpass.pair(**options)  # type: ignore[arg-type]
