from __future__ import annotations

import errno
import os
from itertools import combinations
from typing import TYPE_CHECKING

import pytest

import fdpass
from fdpass.inbox import MOST_DATA, Inbox
from fdpass.tests.descriptors import identities, is_open
from fdpass.tests.scripted import Scripted

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from fdpass.backends import Endpoint
    from fdpass.tests.scripted import Piece

    Make = Callable[[int], list[int]]

NOTHING = BlockingIOError(errno.EAGAIN, "nothing has arrived")
FULL = fdpass.TableFull(errno.EMFILE, "no slot")
END: Piece = (b"", [], False)


class Feed:
    """A way of survival that gives what a test has written down; then nothing has arrived."""

    NAME = "feed"
    RESERVES = False

    def __init__(self, pieces: Iterable[Piece | OSError]) -> None:
        self._pieces = iter(pieces)
        self.in_hand: list[int] = []

    def take(self, endpoint: Endpoint, in_hand: int, text: bytes = b"") -> Piece:  # noqa: ARG002
        self.in_hand.append(in_hand)
        piece = next(self._pieces, NOTHING)
        if isinstance(piece, OSError):
            raise piece.with_traceback(None)
        return piece


def inbox(*pieces: Piece | OSError) -> Inbox:
    return Inbox(Scripted(), Feed(pieces))


def copies(fds: Iterable[int]) -> list[int]:
    return [os.dup(fd) for fd in fds]


def taken(box: Inbox) -> list[tuple[tuple[int, int], bytes]]:
    """Take all that is ready; close it, and say what it was."""
    got = []
    while box.ready:
        fd = box.ready.popleft()
        got += [(item, box.notes.pop(fd, b"")) for item in identities([fd])]
        os.close(fd)
    return got


def test_a_descriptor_is_ready_with_its_nul(make: Make) -> None:
    sent = make(1)
    box = inbox((b"\0", copies(sent), False))
    box.fill()

    assert taken(box) == [(identities(sent)[0], b"")]
    assert box.notes == {}


def test_one_piece_is_taken_at_a_time(make: Make) -> None:
    sent = make(2)
    box = inbox(*((b"\0", copies([fd]), False) for fd in sent))
    box.fill()
    box.fill()
    ready_after_two = len(box.ready)
    more_may_come = box.fill_all()

    assert (ready_after_two, more_may_come, len(box.ready)) == (1, True, 2)
    assert [item for item, _ in taken(box)] == identities(sent)


@pytest.mark.parametrize(
    "messages",
    [
        [(b"\0", 1), (b"\0", 1)],
        [(b"\0\0\0", 3), (b"\0", 1)],
        [(b"hi\0", 1), (b"\0", 1), (b"you\0", 1)],
        [(b"\0", 1), (b"long text\0", 1)],
        [(b"a\0b\0\0", 3), (b"c\0", 1)],
    ],
)
def test_a_stream_cut_anywhere_gives_the_same(
    messages: list[tuple[bytes, int]], make: Make
) -> None:
    stream = b"".join(data for data, _ in messages)
    sent = make(sum(count for _, count in messages))
    starts, where = {}, 0
    left = list(sent)
    for data, count in messages:
        starts[where] = [left.pop(0) for _ in range(count)]
        where += len(data)
    for cuts in range(4):
        for at in combinations(range(1, len(stream)), cuts):
            pieces: list[Piece | OSError] = []
            for begin, end in zip((0, *at), (*at, len(stream)), strict=True):
                fds = [fd for start in range(begin, end) for fd in starts.get(start, [])]
                pieces += [NOTHING, (stream[begin:end], copies(fds), False)]
            box = inbox(*pieces)
            for _ in pieces:
                box.fill_all()
            got = taken(box)

            assert [item for item, _ in got] == identities(sent), at
            assert b"".join(text + b"\0" for _, text in got) == stream, at

            with pytest.raises(BlockingIOError):
                box.fill()


def test_the_way_of_survival_is_told_how_many_still_wait_for_their_bytes(make: Make) -> None:
    sent = make(3)
    feed = Feed([(b"\0", copies(sent), False), (b"\0", [], False), (b"\0", [], False)])
    box = Inbox(Scripted(), feed)
    for _ in sent:
        box.fill_all()
    taken(box)

    assert feed.in_hand[:4] == [0, 2, 1, 0]


# -- losses


@pytest.mark.parametrize("cut", [False, True])
@pytest.mark.parametrize(("due", "came"), [(1, 0), (3, 0), (3, 1), (3, 2)])
def test_what_came_is_given_and_then_the_loss_is_told_once(
    due: int, came: int, cut: bool, make: Make
) -> None:
    sent = make(4)
    box = inbox((bytes(due), copies(sent[:came]), cut), (b"\0", copies(sent[3:]), False))
    if came:
        box.fill()
    first = taken(box)
    with pytest.raises(fdpass.DescriptorsLost, match=f"{due - came} of {due} desc") as caught:
        box.fill()
    box.fill()
    after = taken(box)

    assert caught.value.lost == due - came
    assert [item for item, _ in first] == identities(sent[:came])
    assert [item for item, _ in after] == identities(sent[3:])


def test_a_cut_message_that_misses_none_we_know_of_lost_some(make: Make) -> None:
    box = inbox((b"\0", copies(make(1)), True))
    box.fill()
    taken(box)

    with pytest.raises(fdpass.DescriptorsLost, match="some of 1 descriptors") as caught:
        box.fill()

    assert caught.value.lost is None


@pytest.mark.parametrize("at", [1, 2, 4, 5])
def test_a_loss_with_text_is_told_once_wherever_the_text_was_split(at: int, make: Make) -> None:
    sent = make(1)
    text = b"text\0"
    rest: list[Piece] = [(text[at:], [], False)] if at < len(text) else []
    box = inbox((text[:at], [], True), *rest, (b"\0", copies(sent), False))
    with pytest.raises(fdpass.DescriptorsLost) as caught:
        box.fill()
    box.fill()

    assert caught.value.lost == 1
    assert taken(box) == [(identities(sent)[0], b"")]


def test_a_loss_is_told_also_if_the_peer_ends_before_its_nul() -> None:
    box = inbox((b"text", [], True), END)
    with pytest.raises(fdpass.DescriptorsLost) as caught:
        box.fill()
    with pytest.raises(fdpass.PeerClosed):
        box.fill()

    assert caught.value.lost == 1


def test_a_loss_that_the_way_of_survival_found_comes_in_its_turn(make: Make) -> None:
    sent = make(2)
    lost = fdpass.DescriptorsLost("dropped")
    box = inbox((b"\0", copies(sent[:1]), False), lost, (b"\0", copies(sent[1:]), False))
    more_may_come = [box.fill_all(), box.fill_all()]
    before = taken(box)
    with pytest.raises(fdpass.DescriptorsLost, match="dropped"):
        box.fill()
    box.fill()
    after = taken(box)

    assert [item for item, _ in before + after] == identities(sent)
    assert more_may_come == [True, False]


# -- the end


@pytest.mark.parametrize(
    ("how", "expected"),
    [(END, fdpass.PeerClosed), (ConnectionResetError(errno.ECONNRESET, "!"), fdpass.PeerReset)],
)
def test_the_end_is_told_after_what_came_before_and_then_every_time(
    how: Piece | OSError, expected: type[Exception], make: Make
) -> None:
    box = inbox((b"\0", copies(make(1)), False), how)
    box.fill_all()
    more_may_come = box.fill_all()
    box.fill()
    came_before = len(taken(box))

    assert (came_before, more_may_come) == (1, False)

    told = set()
    for _ in range(3):
        with pytest.raises(expected) as caught:
            box.fill()
        told.add(caught.value)

    assert len(told) == 3  # each its own, with its own traceback


@pytest.mark.parametrize("how", [END, ConnectionResetError(errno.ECONNRESET, "!")])
def test_an_end_amid_a_message_is_a_loss_first(how: Piece | OSError, make: Make) -> None:
    fds = copies(make(3))
    box = inbox((b"\0", fds, False), how)
    box.fill()
    taken(box)
    with pytest.raises(fdpass.DescriptorsLost, match="amid a message of 2") as caught:
        box.fill()
    with pytest.raises(fdpass.ChannelEnded):
        box.fill()

    assert caught.value.lost == 2
    assert not any(map(is_open, fds))


def test_descriptors_with_the_end_of_the_stream_are_closed(make: Make) -> None:
    fds = copies(make(1))
    box = inbox((b"", fds, False))

    with pytest.raises(fdpass.PeerClosed):
        box.fill()

    assert not is_open(fds[0])


# -- other things than passers


@pytest.mark.parametrize("text", [b"x", b"hello", b"GET / HTTP/1.0\r\n"])
def test_bytes_without_a_descriptor_are_no_passer(text: bytes) -> None:
    box = inbox((text, [], False))

    for _ in range(2):
        with pytest.raises(fdpass.NotAPasser, match=f"{len(text)} bytes came that belong"):
            box.fill()


def test_bytes_after_a_descriptor_are_no_passer_but_it_is_given(make: Make) -> None:
    box = inbox((b"\0junk", copies(make(1)), False))
    box.fill()
    came = len(taken(box))

    assert came == 1

    with pytest.raises(fdpass.NotAPasser):
        box.fill()


def test_two_descriptors_with_one_nul_are_no_passer_and_the_second_is_closed(make: Make) -> None:
    fds = copies(make(3))
    box = inbox((b"\0", fds[:2], False), (b"\0", fds[2:], False))
    box.fill()
    came = len(taken(box))
    with pytest.raises(fdpass.NotAPasser, match="before the bytes of earlier ones"):
        box.fill()

    assert came == 1
    assert not any(map(is_open, fds))


def test_text_without_end_is_refused_in_time(make: Make) -> None:
    fds = copies(make(1))
    piece: Piece = (b"x" * 4096, [], False)
    box = inbox((b"x", fds, False), *[piece] * 100)
    with pytest.raises(fdpass.NotAPasser, match=f"more than {MOST_DATA} bytes"):
        box.fill()

    assert not is_open(fds[0])


@pytest.mark.parametrize("size", [1, 4096, MOST_DATA])
def test_text_up_to_the_most_is_given(size: int, make: Make) -> None:
    box = inbox((b"x" * size, copies(make(1)), False), (b"\0", [], False))
    box.fill()

    assert [text for _, text in taken(box)] == [b"x" * size]


# -- and besides


def test_a_full_table_is_no_fault_and_nothing_is_forgotten(make: Make) -> None:
    sent = make(2)
    box = inbox((b"\0", copies(sent[:1]), False), FULL, FULL, (b"\0", copies(sent[1:]), False))
    box.fill_all()
    before = taken(box)
    with pytest.raises(fdpass.TableFull):
        box.fill()
    box.fill()
    after = taken(box)

    assert [item for item, _ in before + after] == identities(sent)


def test_taking_all_ends_somewhere(make: Make) -> None:
    fds = make(1)
    endless: Iterable[Piece] = ((b"\0" * 16, fds * 16, False) for _ in iter(int, 1))
    box = Inbox(Scripted(), Feed(endless))
    more_may_come = box.fill_all()
    count = len(box.ready)
    box.ready.clear()

    assert more_may_come
    assert 1000 < count < 10000


def test_closing_closes_what_nobody_has_taken(make: Make) -> None:
    fds = copies(make(4))
    box = inbox((b"a\0\0b", fds, False))
    box.fill()
    box.close()

    assert not any(map(is_open, fds))
    assert box.notes == {}


def test_another_error_passes_unchanged_and_does_no_harm(make: Make) -> None:
    error = OSError(errno.EIO, "Input/output error")
    box = inbox(error, (b"\0", copies(make(1)), False))
    with pytest.raises(OSError) as caught:
        box.fill()
    box.fill()
    came = len(taken(box))

    assert caught.value is error
    assert came == 1
