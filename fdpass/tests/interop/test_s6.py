"""s6-fdholder keeps descriptors by name: what its tools store we retrieve, and the other way."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from fdpass import MessageSocket
from fdpass.framing import NetLen
from fdpass.tests.descriptors import SOON, identities, identity
from fdpass.tests.interop import s6_holder as s6
from fdpass.tests.interop.programs import (
    connected,
    files,
    heard,
    identity_of,
    needs,
    output,
    owned,
    owned_pipe,
    receive_in_a_full_table,
    running,
    whole,
)

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = needs("s6-fdholder-daemon")


def test_what_a_tool_stores_we_retrieve(short: Path) -> None:
    with ExitStack() as stack:
        path = stack.enter_context(s6.holder(short))
        connected(path).close()  # the tools do not wait until it listens
        pipes = {name: owned_pipe(stack) for name in ("one", "other")}
        for name, (reading, _) in pipes.items():
            command = ("s6-fdholder-store", str(path), name)
            tool = stack.enter_context(running(*command, standard=(reading, None, None)))

            assert tool.wait(SOON) == 0

        assert s6.listed(s6.ask(path, b"L")[0]) == {"one", "other"}

        for name, (reading, writing) in pipes.items():
            answer, fds = s6.ask(path, s6.retrieve(name))
            got = owned(stack, fds)
            writing.write(name.encode())

            assert answer == s6.DONE
            assert identities(got) == [identity(reading.fileno())]
            assert heard(got[0]) == name.encode()


def test_what_we_store_a_tool_retrieves(short: Path) -> None:
    with s6.holder(short) as path:
        given = files(short, 2)
        for one in given:
            with one.open() as file:
                assert s6.ask(path, s6.store(one.name), [file.fileno()]) == (s6.DONE, [])

        retrieving = ("s6-fdholder-retrieve", str(path))
        told = output(*retrieving, "file-1", "stat", "-L", "-c", "%d %i", "-").split()

        assert output("s6-fdholder-list", str(path)).split() == ["file-0", "file-1"]
        assert output(*retrieving, "file-0", "cat") == "file-0"
        assert told == list(map(str, identity_of(given[1])))


def _keeps_what_the_daemon_gives(folder: str) -> None:
    with ExitStack() as stack:
        path = stack.enter_context(s6.holder(Path(folder)))
        given = files(Path(folder), 3)
        for one in given:
            with one.open() as file:
                assert s6.ask(path, s6.store(one.name), [file.fileno()]) == (s6.DONE, [])
        channel = stack.enter_context(MessageSocket(connected(path)))
        messages = NetLen(channel)
        messages.send(b"?", timeout=SOON)  # for all of them, which come together
        data = bytearray()

        def receive() -> list[int]:
            payload, fds = messages.recv(timeout=0)
            data.extend(payload)
            return fds

        got, times_full = receive_in_a_full_table(channel, receive, 3)
        owned(stack, got)
        in_order = sorted(given, key=lambda one: data.index(one.name.encode()))
        assert times_full
        assert identities(got) == [identity_of(one) for one in in_order]
        assert [whole(fd) for fd in got] == [one.name.encode() for one in in_order]


def test_a_full_table_keeps_what_the_daemon_gives(apart: Callable[..., str], short: Path) -> None:
    apart(_keeps_what_the_daemon_gives, str(short))
