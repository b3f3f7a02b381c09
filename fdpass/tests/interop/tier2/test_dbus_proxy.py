"""xdg-dbus-proxy relays messages with their descriptors, between a client and a real bus."""

from __future__ import annotations

from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

import pytest

from fdpass import MessageSocket
from fdpass.tests.descriptors import identities
from fdpass.tests.interop import dbus_wire as dbus
from fdpass.tests.interop.programs import connected, needs, owned, running, whole
from fdpass.tests.interop.tier2.programs import memory

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = needs("xdg-dbus-proxy", "dbus-daemon")


@contextmanager
def both_ends(folder: Path) -> Iterator[tuple[dbus.Bus, dbus.Bus]]:
    """Give a client that reaches the bus through the proxy, and one that does so by itself."""
    proxy = ("xdg-dbus-proxy", f"unix:path={folder}/bus", f"{folder}/proxy")
    with (
        dbus.bus(folder) as us,
        running(*proxy),
        MessageSocket(connected(folder / "proxy")) as channel,
    ):
        relayed = dbus.Bus(channel)
        relayed.ask("Hello")
        yield relayed, us


@pytest.mark.parametrize("count", [1, 2, dbus.MOST])
def test_a_call_and_its_answer_keep_their_descriptors(short: Path, count: int) -> None:
    with ExitStack() as stack, both_ends(short) as (relayed, us):
        there = [memory(stack, b"there %d" % number) for number in range(count)]
        back = [memory(stack) for _ in range(count + 1)][: dbus.MOST]
        relayed.call_ourselves(there)
        call = us.receive(dbus.CALL)
        us.answer(call, "ah", dbus.handles(len(back)), back)
        answer = relayed.receive(dbus.RETURN)
        called, answered = owned(stack, call.fds), owned(stack, answer.fds)

        assert identities(called) == identities(there)
        assert [whole(fd) for fd in called] == [b"there %d" % number for number in range(count)]
        assert identities(answered) == identities(back)


def test_each_of_several_calls_keeps_its_own(short: Path) -> None:
    counts = [2, 3, 16, 16, 1]
    with ExitStack() as stack, both_ends(short) as (relayed, us):
        files = [[memory(stack) for _ in range(count)] for count in counts]
        for fds in files:
            relayed.call_ourselves(fds)
        for fds in files:
            assert identities(owned(stack, us.receive(dbus.CALL).fds)) == identities(fds)
