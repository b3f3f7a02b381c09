"""HAProxy hands over its listeners, and takes ours, as when it is reloaded."""

from __future__ import annotations

import socket
from contextlib import ExitStack
from http.client import HTTPConnection
from typing import TYPE_CHECKING

import pytest

from fdpass import MessageSocket, PeerClosed, TableFull
from fdpass.tests.descriptors import (
    SOON,
    clamp,
    close_all,
    eventually,
    fill,
    identities,
    raised,
)
from fdpass.tests.interop.programs import accepted, connected, listening, needs, owned, running
from fdpass.tests.interop.tier2 import haproxy
from fdpass.tests.interop.tier2.programs import has_come, held_by

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

MANY = 300

pytestmark = needs("haproxy")


def test_its_listeners_arrive_and_outlive_it(short: Path) -> None:
    paths = [short / str(number) for number in range(MANY)]
    stats = short / "stats"
    config = haproxy.configuration(short / "cfg", [f"unix@{path}" for path in paths], stats)
    with ExitStack() as stack:
        with running("haproxy", "-db", "-f", config) as program:
            channel = stack.enter_context(MessageSocket(connected(stats)))
            channel.send(haproxy.ASKED, timeout=SOON)
            due = haproxy.count(channel)
            first = owned(stack, haproxy.batch(channel, due))
            haproxy.ready_for_more(channel)
            second = owned(stack, haproxy.batch(channel, due - len(first)))
            came = identities(first + second)

            assert due == MANY + 1, "the listeners, and that of the statistics"
            assert (len(first), len(second)) == (haproxy.BATCH, MANY + 1 - haproxy.BATCH)
            assert len(set(came)) == due
            assert set(came) <= set(held_by(program.pid).values())

            with pytest.raises(PeerClosed):
                channel.recv(timeout=SOON)

        names = [name_of(fd) for fd in first + second]

        assert names == [str(stats), *map(str, paths)]
        assert list(map(served_by, (first + second)[1:], paths)) == paths


def name_of(fd: int) -> str:
    """Give where a listener was bound: under another name first, which has the program's number."""
    with socket.socket(fileno=fd) as listener:
        try:
            return str(listener.getsockname()).rsplit(".", 2)[0]
        finally:
            listener.detach()


def served_by(fd: int, path: Path) -> Path:
    """Connect to a path, accept by that listener, and give what comes through."""
    listener = socket.socket(fileno=fd)
    try:
        listener.settimeout(SOON)
        with connected(path) as client, accepted(listener) as server:
            client.sendall(bytes(path))
            return type(path)(server.recv(4096).decode())
    finally:
        listener.detach()


def test_a_batch_waits_for_the_slots_it_needs(short: Path, apart: Callable[..., str]) -> None:
    stats = short / "stats"
    addresses = [f"unix@{short}/{number}" for number in range(MANY)]
    config = haproxy.configuration(short / "cfg", addresses, stats)
    with running("haproxy", "-db", "-f", config):
        apart(receive_into_a_table_that_is_too_full, str(stats))


def receive_into_a_table_that_is_too_full(stats: str) -> None:
    clamp(512)
    with MessageSocket(connected(stats)) as channel:
        channel.send(haproxy.ASKED, timeout=SOON)
        number = b""
        held = fill(leave=100)
        with raised(TableFull):  # with the first batch; the number may come before it or with it
            while has_come(channel.fileno()):
                number += channel.recv(timeout=0).data
        close_all(held)
        number += channel.recv_exactly(haproxy.NUMBER.size - len(number), timeout=SOON)
        (due,) = haproxy.NUMBER.unpack(number)
        first = haproxy.batch(channel, due)
        haproxy.ready_for_more(channel)
        second = haproxy.batch(channel, due - len(first))

        assert len(set(identities(first + second))) == due == 301

        close_all(first + second)


def test_listeners_of_ours_are_adopted_and_served(short: Path) -> None:
    with ExitStack() as stack:
        listeners = stack.enter_context(ExitStack())
        ours = [
            listeners.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(MANY)
        ]
        fds = [listener.fileno() for listener in ours]
        passed = set(identities(fds))
        ports = [listener.getsockname()[1] for listener in ours]
        config = haproxy.configuration(short / "cfg", [f"127.0.0.1:{port}" for port in ports])
        old = stack.enter_context(listening(short / "old"))
        program = stack.enter_context(running("haproxy", "-db", "-f", config, "-x", f"{short}/old"))
        channel = stack.enter_context(MessageSocket(accepted(old)))

        assert channel.recv_until(b"\n", timeout=SOON) == haproxy.ASKED

        haproxy.hand_over(channel, fds)
        with pytest.raises(PeerClosed):
            channel.recv(timeout=SOON)

        assert eventually(lambda: passed <= set(held_by(program.pid).values()))

        listeners.close()

        assert {answer_at(port) for port in ports} == {b"adopted"}


def answer_at(port: int) -> bytes:
    asking = HTTPConnection("127.0.0.1", port, timeout=SOON)
    try:
        asking.request("GET", "/")
        return asking.getresponse().read()
    finally:
        asking.close()
