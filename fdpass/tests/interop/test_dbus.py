"""D-Bus: descriptors beside a stream of messages, through the daemon and from gdbus."""

from __future__ import annotations

import os
import struct
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from fdpass import ChannelEnded
from fdpass.tests.descriptors import SOON, identities, identity
from fdpass.tests.interop import dbus_wire as dbus
from fdpass.tests.interop.programs import (
    files,
    heard,
    identity_of,
    needs,
    owned,
    owned_pipe,
    receive_in_a_full_table,
    running,
    whole,
)

if TYPE_CHECKING:
    from collections.abc import Callable


def opened(paths: list[Path], stack: ExitStack) -> list[int]:
    return owned(stack, [os.open(path, os.O_RDWR) for path in paths])


@needs("dbus-daemon")
@pytest.mark.parametrize("count", [1, 2, dbus.MOST])
def test_the_daemon_brings_back_what_we_send(short: Path, count: int) -> None:
    with ExitStack() as stack:
        us = stack.enter_context(dbus.bus(short))
        given = files(short, count)
        us.call_ourselves(opened(given, stack))
        call = us.receive(dbus.CALL)
        got = owned(stack, call.fds)

        assert call.body == dbus.handles(count)
        assert identities(got) == [identity_of(path) for path in given]
        assert [whole(fd) for fd in got] == [os.fsencode(path.name) for path in given]


@needs("dbus-daemon")
def test_the_daemon_hangs_up_on_one_too_many(short: Path) -> None:
    with ExitStack() as stack:
        us = stack.enter_context(dbus.bus(short))
        reading, _ = owned_pipe(stack)
        us.call_ourselves([reading.fileno()] * (dbus.MOST + 1))

        with pytest.raises(ChannelEnded):
            us.receive(dbus.CALL)


@needs("dbus-daemon")
def test_every_message_has_its_own_when_several_come_at_once(short: Path) -> None:
    with ExitStack() as stack:
        us = stack.enter_context(dbus.bus(short))
        given = files(short, 6)
        fds = opened(given, stack)
        for some in (fds[:3], [], fds[3:4], fds[4:]):
            us.call_ourselves(some)
        calls = [us.receive(dbus.CALL) for _ in range(4)]
        got = owned(stack, [fd for call in calls for fd in call.fds])

        assert [len(call.fds) for call in calls] == [3, 0, 1, 2]
        assert identities(got) == [identity_of(path) for path in given]


@needs("dbus-daemon", "gdbus")
def test_gdbus_calls_us_with_descriptors_and_gets_one(short: Path) -> None:
    with ExitStack() as stack:
        us = stack.enter_context(dbus.bus(short))
        stdin, other, said = (owned_pipe(stack) for _ in range(3))
        number = other[1].fileno()
        command: tuple[str, ...] = (
            "gdbus",
            "call",
            f"--address=unix:path={short / 'bus'}",
            f"--dest={dbus.US}",
        )
        command += ("--object-path=/", f"--method={dbus.US}.Keep", "handle 0", f"handle {number}")
        standard = (stdin[0], said[1], None)
        program = stack.enter_context(running(*command, standard=standard, pass_fds=[number]))
        us.answer(us.receive(dbus.CALL), "s", dbus.text("<node/>"))  # it asks what we have
        call = us.receive(dbus.CALL)
        got = owned(stack, call.fds)
        stdin[1].write(b"from us")
        os.write(got[1], b"to us")

        assert call.fields[dbus.SIGNATURE] == "hh"
        assert call.body == struct.pack("<2I", 0, 1)
        assert identities(got) == [identity(stdin[0].fileno()), identity(number)]
        assert heard(got[0]) == b"from us"
        assert heard(other[0]) == b"to us"

        us.answer(call, "h", struct.pack("<I", 0), [stdin[0].fileno()])

        assert program.wait(SOON) == 0
        assert heard(said[0]) == b"(handle 0,)\n"


def _keeps_what_the_daemon_brings(folder: str) -> None:
    with ExitStack() as stack:
        us = stack.enter_context(dbus.bus(Path(folder)))
        given = files(Path(folder), 3)
        for path in given:
            with path.open() as file:
                us.call_ourselves([file.fileno()])
        data = bytearray()

        def receive() -> list[int]:
            message = us.channel.recv(timeout=0)
            data.extend(message.data)
            return message.fds

        got, times_full = receive_in_a_full_table(us.channel, receive, 3)
        owned(stack, got)
        assert times_full
        assert data.count(dbus.handles(1)) == 3
        assert identities(got) == [identity_of(path) for path in given]
        assert [whole(fd) for fd in got] == [b"file-0", b"file-1", b"file-2"]


@needs("dbus-daemon")
def test_a_full_table_keeps_what_the_daemon_brings(apart: Callable[..., str], short: Path) -> None:
    apart(_keeps_what_the_daemon_brings, str(short))
