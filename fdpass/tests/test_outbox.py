from __future__ import annotations

import errno
import os
from itertools import product
from typing import TYPE_CHECKING

import pytest

from fdpass import QueueFull, SentInPart
from fdpass.backends import bsd44
from fdpass.outbox import Outbox
from fdpass.tests.descriptors import close_all, identities, is_open
from fdpass.tests.scripted import Scripted

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    Make = Callable[[int], list[int]]

FULL = BlockingIOError(errno.EAGAIN, "Resource temporarily unavailable")
LATER = [
    FULL,
    OSError(errno.ENOBUFS, "No buffer space available"),
    OSError(errno.ETOOMANYREFS, "Too many references: cannot splice"),
]
GONE = BrokenPipeError(errno.EPIPE, "Broken pipe")


def outbox(
    *sends: int | OSError, batch: int = 1, max_queued: int = 1024
) -> tuple[Outbox, Scripted]:
    endpoint = Scripted(sends=sends)
    return Outbox(bsd44, endpoint, batch, max_queued), endpoint


def submit(box: Outbox, fds: list[int], text: bytes = b"", *, close: bool = False) -> None:
    box.submit(fds, text + b"\0", close=close)


def drain_all(box: Outbox) -> None:
    for _ in range(100):
        box.drain()
        if not box.is_waiting:
            return


def descriptors_sent(endpoint: Scripted) -> list[tuple[int, int]]:
    return [item for _, items in endpoint.messages for item in items]


def never_announced_too_early(endpoint: Scripted) -> bool:
    """Tell whether each descriptor was in the channel before its NUL, and none without a byte."""
    there = announced = 0
    for data, fds in endpoint.messages:
        there += len(fds)
        announced += data.count(0)
        if announced > there or (fds and not data):
            return False
    return True


def test_what_the_system_takes_is_not_queued(make: Make) -> None:
    box, endpoint = outbox()
    sent = make(3)
    submit(box, sent)

    assert (len(box), box.is_waiting) == (0, False)
    assert endpoint.messages == [(b"\0", [item]) for item in identities(sent)]


@pytest.mark.parametrize(
    ("count", "batch", "sizes"),
    [(1, 16, [1]), (16, 16, [16]), (17, 16, [16, 1]), (5, 2, [2, 2, 1]), (3, 1, [1, 1, 1])],
)
def test_as_few_messages_as_the_batch_allows(
    count: int, batch: int, sizes: list[int], make: Make
) -> None:
    box, endpoint = outbox(batch=batch)
    sent = make(count)
    submit(box, sent)

    assert [len(fds) for _, fds in endpoint.messages] == sizes
    assert [data for data, _ in endpoint.messages] == [bytes(size) for size in sizes]
    assert descriptors_sent(endpoint) == identities(sent)


def test_the_queue_goes_in_batches_too(make: Make) -> None:
    box, endpoint = outbox(FULL, FULL, FULL, FULL, batch=3)
    sent = make(4)
    for fd in sent:
        submit(box, [fd])
    box.drain()

    assert [len(fds) for _, fds in endpoint.messages] == [3, 1]
    assert descriptors_sent(endpoint) == identities(sent)


@pytest.mark.parametrize("text", [b"", b"t", b"text"])
@pytest.mark.parametrize("batch", [1, 2, 3])
def test_a_short_write_at_any_byte_loses_and_doubles_nothing(
    batch: int, text: bytes, make: Make
) -> None:
    sent = make(3)
    size = len(text) + 1
    for cuts in product(range(1, size * batch + 1), repeat=2):
        box, endpoint = outbox(*cuts, batch=batch)
        submit(box, sent, text)
        drain_all(box)

        assert endpoint.sent == (text + b"\0") * 3, cuts
        assert descriptors_sent(endpoint) == identities(sent), cuts
        assert never_announced_too_early(endpoint), cuts


@pytest.mark.parametrize("error", LATER, ids=lambda error: errno.errorcode[error.errno])
@pytest.mark.parametrize("cut", [1, 3, 5])
@pytest.mark.parametrize("batch", [1, 2])
def test_a_refusal_at_any_call_is_only_a_delay(
    error: OSError, cut: int, batch: int, make: Make
) -> None:
    sent = make(3)
    for when in product([True, False], repeat=5):
        script: list[int | OSError] = []
        for refuse in when:
            script += [error, cut] if refuse else [cut]
        box, endpoint = outbox(*script, batch=batch)
        for fd in sent:
            submit(box, [fd], b"text")
        drain_all(box)

        assert endpoint.sent == b"text\0" * 3, when
        assert descriptors_sent(endpoint) == identities(sent), when
        assert never_announced_too_early(endpoint), when
        assert not box.is_waiting


@pytest.mark.parametrize(
    ("error", "stuck"), [(LATER[0], False), (LATER[1], True), (LATER[2], True)]
)
def test_it_tells_whether_waiting_for_the_channel_would_help(
    error: OSError, stuck: bool, make: Make
) -> None:
    box, _ = outbox(error, error)
    sent = make(1)
    submit(box, sent)
    while_refused = box.stuck
    box.drain()
    box.drain()

    assert while_refused == stuck
    assert not box.stuck


@pytest.mark.parametrize("text", [b"", b"text"])
def test_the_queue_keeps_a_duplicate_and_closes_it_once_it_has_gone(
    text: bytes, make: Make
) -> None:
    box, endpoint = outbox(FULL)
    mine = os.dup(make(1)[0])
    expected = identities([mine])
    submit(box, [mine], text)
    os.close(mine)
    box.drain()

    assert descriptors_sent(endpoint) == expected


def test_what_is_taken_over_is_closed_at_once_or_with_the_queue(make: Make) -> None:
    fds = [os.dup(fd) for fd in make(3)]
    expected = identities(fds)
    box, endpoint = outbox(1, FULL)
    submit(box, fds, close=True)
    open_while_queued = [is_open(fd) for fd in fds]
    box.drain()

    assert open_while_queued == [False, True, True]
    assert not any(map(is_open, fds))
    assert descriptors_sent(endpoint) == expected


@pytest.mark.parametrize("error", [GONE, OSError(errno.EBADF, "Bad file descriptor")])
def test_what_the_system_refuses_for_good_was_not_accepted(error: OSError, make: Make) -> None:
    box, endpoint = outbox(error)
    sent = make(1)
    with pytest.raises(OSError) as caught:
        submit(box, sent, close=True)

    assert caught.value is error
    assert not box.is_waiting
    assert is_open(sent[0])
    assert endpoint.messages == []


@pytest.mark.parametrize("accepted", [1, 2])
def test_a_refusal_after_the_first_few_tells_how_many(accepted: int, make: Make) -> None:
    fds = [os.dup(fd) for fd in make(3)]
    box, _ = outbox(*[1] * accepted, GONE)
    with pytest.raises(SentInPart) as caught:
        submit(box, fds, close=True)
    still_mine = [is_open(fd) for fd in fds]
    close_all(fds[accepted:])

    assert (caught.value.accepted, caught.value.errno) == (accepted, errno.EPIPE)
    assert caught.value.__cause__ is GONE
    assert still_mine == [number >= accepted for number in range(3)]


def test_a_closed_descriptor_is_refused_also_when_it_would_have_to_wait(make: Make) -> None:
    sent = make(1)
    for close in (False, True):
        box, endpoint = outbox(FULL, FULL, FULL)
        submit(box, sent)
        closed = os.dup(sent[0])
        os.close(closed)
        for bad in (-1, closed):
            with pytest.raises(OSError, match="Bad file descriptor"):
                submit(box, [bad], close=close)
        box.drain()

        assert descriptors_sent(endpoint) == identities(sent)


@pytest.mark.parametrize("number", sorted(bsd44.TOO_MANY), ids=errno.errorcode.get)
@pytest.mark.parametrize("most", [1, 2, 3, 7])
def test_a_system_that_carries_fewer_in_a_message_gets_fewer(
    number: int, most: int, make: Make
) -> None:
    class Narrow(Scripted):
        def send(self, data: bytes, fds: Iterable[int]) -> int:
            if len(fds := list(fds)) > most:
                raise OSError(number, os.strerror(number))
            return super().send(data, fds)

    endpoint = Narrow()
    box = Outbox(bsd44, endpoint, 16, 1024)
    sent = make(20)
    submit(box, sent)

    assert descriptors_sent(endpoint) == identities(sent)
    assert endpoint.sent == bytes(20)


def test_one_descriptor_that_is_refused_so_is_an_error(make: Make) -> None:
    box, _ = outbox(OSError(errno.EINVAL, "Invalid argument"))

    with pytest.raises(OSError, match="Invalid argument"):
        submit(box, make(1))


# -- the size of the queue


@pytest.mark.parametrize("max_queued", [0, 1, 3])
def test_a_full_queue_accepts_nothing(max_queued: int, make: Make) -> None:
    box, endpoint = outbox(*[FULL] * 9, max_queued=max_queued)
    sent = make(1)
    for _ in range(max_queued):
        submit(box, sent)

    with pytest.raises(QueueFull, match=f"room for 0 of {max_queued}"):
        submit(box, sent, close=True)

    assert len(box) == max_queued
    assert is_open(sent[0])

    drain_all(box)

    assert len(descriptors_sent(endpoint)) == max_queued


def test_several_find_room_or_none_is_accepted(make: Make) -> None:
    box, endpoint = outbox(FULL, FULL, FULL, FULL, FULL, batch=2, max_queued=3)
    sent = make(3)
    submit(box, sent[:1])

    with pytest.raises(QueueFull, match="3 descriptors came, and the queue has room for 2 of 3"):
        submit(box, sent)
    after_refusal = len(box)
    submit(box, sent[:2])
    drain_all(box)

    assert after_refusal == 1
    assert descriptors_sent(endpoint) == identities([sent[0], *sent[:2]])


def test_more_than_the_queue_ever_holds_are_refused_unless_one_message_carries_them(
    make: Make,
) -> None:
    sent = make(4)
    box, endpoint = outbox(batch=4, max_queued=0)
    submit(box, sent)
    with pytest.raises(QueueFull):
        submit(box, sent + sent[:1])

    assert descriptors_sent(endpoint) == identities(sent)


def test_one_message_that_finds_no_room_was_not_accepted(make: Make) -> None:
    box, endpoint = outbox(FULL, batch=4, max_queued=3)
    sent = make(4)

    with pytest.raises(QueueFull):
        submit(box, sent)

    assert not box.is_waiting
    assert endpoint.messages == []


def test_a_message_split_by_the_system_that_finds_no_room_tells_how_far_it_came(
    make: Make,
) -> None:
    box, _ = outbox(OSError(errno.EINVAL, "too many"), 2, FULL, batch=4, max_queued=0)

    with pytest.raises(SentInPart, match="after 2 of 4") as caught:
        submit(box, make(4))

    assert (caught.value.accepted, caught.value.errno) == (2, errno.EAGAIN)


def test_nothing_overtakes_the_queue(make: Make) -> None:
    box, endpoint = outbox(FULL, FULL, 1, FULL)
    sent = make(4)
    for fd in sent:
        submit(box, [fd])
    drain_all(box)

    assert descriptors_sent(endpoint) == identities(sent)


def test_nothing_overtakes_the_rest_of_a_message(make: Make) -> None:
    box, endpoint = outbox(2, FULL, FULL)
    sent = make(2)
    submit(box, sent[:1], b"text")

    assert (len(box), box.is_waiting) == (0, True)

    submit(box, sent[1:])
    drain_all(box)

    assert endpoint.sent == b"text\0\0"
    assert descriptors_sent(endpoint) == identities(sent)


def test_nothing_overtakes_the_rest_of_a_message_however_long_the_queue(make: Make) -> None:
    sent = make(1)
    for before in range(250, 260):
        box, endpoint = outbox(*[FULL] * 270, *[9] * before, 2, FULL)
        for _ in range(270):
            submit(box, sent, b"text")
        drain_all(box)

        assert endpoint.sent == b"text\0" * 270, before
        assert never_announced_too_early(endpoint), before


# -- errors of what waits


def test_a_refusal_of_the_queue_is_told_and_leaves_it_queued(make: Make) -> None:
    box, _ = outbox(FULL, GONE, GONE)
    sent = make(1)
    submit(box, sent)

    with pytest.raises(BrokenPipeError):
        box.drain()
    with pytest.raises(BrokenPipeError):
        submit(box, sent)

    assert len(box) == 1
    assert box.close() == 1


def test_a_peer_that_goes_amid_a_message_is_told_by_the_next_call(make: Make) -> None:
    """What has gone with the first byte has gone; only what is left of the message is refused."""
    fds = [os.dup(fd) for fd in make(2)]
    expected = identities(fds)
    box, endpoint = outbox(2, GONE, GONE, GONE)
    submit(box, fds, b"text", close=True)

    with pytest.raises(BrokenPipeError):
        box.drain()
    with pytest.raises(BrokenPipeError):
        submit(box, make(1))

    assert descriptors_sent(endpoint) == expected[:1]
    assert len(box) == 1
    assert box.close() == 2
    assert not any(map(is_open, fds))


@pytest.mark.parametrize(("text", "expected"), [(b"", 2), (b"text", 3)])
def test_closing_tells_how_many_will_not_arrive(text: bytes, expected: int, make: Make) -> None:
    """A descriptor that the system has is lost too, if its NUL was still to be sent."""
    sent = make(3)
    box, _ = outbox(1, *[FULL] * 9)
    for fd in sent:
        submit(box, [fd], text)
    waited = box.close()

    assert waited == expected
    assert not box.is_waiting
