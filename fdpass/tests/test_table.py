from __future__ import annotations

import os
import threading
from typing import TYPE_CHECKING

from fdpass.table import RESERVE, Reserve, close_all
from fdpass.tests.descriptors import SOON, clamp, files, fill, is_open, table

if TYPE_CHECKING:
    from collections.abc import Callable

    Apart = Callable[..., str]


def test_close_all_closes_all() -> None:
    fds = files(3)

    close_all(fds)

    assert not any(map(is_open, fds))


def test_the_reserve_holds_as_many_slots_as_the_largest_wish_and_one_more() -> None:
    before, reserve = len(table()), Reserve()

    reserve.want(4)
    reserve.want(2)
    with_both = len(table()) - before
    reserve.release(4)
    with_one = len(table()) - before
    reserve.release(2)

    assert (with_both, with_one, len(table()) - before) == (5, 3, 0)


def test_two_wishes_of_one_size_are_two() -> None:
    before, reserve = len(table()), Reserve()

    reserve.want(2)
    reserve.want(2)
    reserve.release(2)
    with_one = len(table()) - before
    reserve.release(2)

    assert (with_one, len(table()) - before) == (3, 0)


def test_what_was_freed_is_occupied_again() -> None:
    reserve = Reserve()
    reserve.want(3)
    full = table()

    freed, short = reserve.free(), reserve.is_short
    without = len(full) - len(table())
    freed_again = reserve.free()
    occupied = reserve.occupy()

    assert (freed, short, without, freed_again) == (True, True, 3, False)
    assert (occupied, reserve.is_short, len(table())) == (True, False, len(full))

    reserve.release(3)


def test_the_slots_are_not_inherited_by_programs() -> None:
    before, reserve = table(), Reserve()

    reserve.want(3)
    inheritable = [fd for fd in table().keys() - before.keys() if os.get_inheritable(fd)]
    reserve.release(3)

    assert inheritable == []


def test_asking_for_room_leaves_the_table_as_it_was() -> None:
    reserve = Reserve()
    reserve.want(1)
    before = table()

    room = reserve.has_room_for(5)

    assert room
    assert table() == before

    reserve.release(1)


def test_the_process_has_no_reserve_while_it_has_no_passer() -> None:
    assert not RESERVE.free()
    assert not RESERVE.is_short


def test_it_occupies_what_it_can_get_and_the_rest_when_there_is_room(apart: Apart) -> None:
    def in_a_nearly_full_table() -> None:
        clamp(40)
        for leave in range(6):  # its origin is one end of a pipe, so less than 2 are nothing to it
            reserve = Reserve()
            held = fill(leave)

            reserve.want(3)

            short, occupied = reserve.is_short, reserve.occupy()
            rest = fill()

            assert (short, occupied) == (leave < 4, leave >= 4), leave
            assert len(rest) == (leave if leave < 2 else max(0, leave - 4)), leave

            close_all(rest)
            close_all(held)

            assert reserve.occupy(), leave
            assert not reserve.is_short, leave

            reserve.release(3)

    apart(in_a_nearly_full_table)


def test_room_is_told_from_no_room_whatever_the_reserve_could_get(apart: Apart) -> None:
    def in_a_full_table() -> None:
        clamp(40)
        held = fill()
        reserve = Reserve()
        reserve.want(1)  # gets nothing, not even what it would copy

        assert not reserve.has_room_for(1)

        close_all(held[:3])

        assert reserve.has_room_for(1)

        close_all(held[3:])
        reserve.release(1)

    apart(in_a_full_table)


def test_a_forked_child_does_not_wait_for_a_lock_that_nobody_there_will_release() -> None:
    reserve = Reserve()
    locked, go_on = threading.Event(), threading.Event()

    def hold() -> None:
        with reserve.lock:
            locked.set()
            go_on.wait(SOON)

    holder = threading.Thread(target=hold)
    holder.start()
    locked.wait(SOON)
    reserve.after_fork()
    free = reserve.lock.acquire(timeout=0)
    go_on.set()
    holder.join(SOON)

    assert free
