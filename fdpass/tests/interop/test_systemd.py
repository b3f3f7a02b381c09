"""systemd's notifications: datagrams with who sent them, and what the manager is to keep."""

from __future__ import annotations

import errno
import os
import subprocess
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from fdpass.tests.descriptors import SOON, identities
from fdpass.tests.interop.programs import (
    files,
    identity_of,
    needs,
    owned,
    receive_in_a_full_table,
    running,
    whole,
)
from fdpass.tests.interop.systemd_manager import TEXT, manager, service

if TYPE_CHECKING:
    from collections.abc import Callable

MOST = 253  # SCM_MAX_FD of Linux


@needs("libsystemd.so.0")
@pytest.mark.parametrize("count", [1, 3, MOST])
def test_what_a_service_has_kept_comes_with_who_it_is(short: Path, count: int) -> None:
    with ExitStack() as stack:
        given = files(short, count)
        channel = stack.enter_context(manager(short / "notify"))
        program = stack.enter_context(service(short / "notify", given))
        message = channel.recv(timeout=SOON)
        got = owned(stack, message.fds)
        for fd in got:
            os.pwrite(fd, b"kept", 0)

        assert message.data == TEXT
        assert message.credentials == (program.pid, os.getuid(), os.getgid())
        assert identities(got) == [identity_of(path) for path in given]
        assert [path.read_text() for path in given] == [f"kept-{it}" for it in range(count)]
        assert program.wait(SOON) == 0


@needs("libsystemd.so.0")
def test_more_than_the_system_carries_are_refused_to_the_service(short: Path) -> None:
    with manager(short / "notify") as channel:
        with service(short / "notify", files(short, MOST + 1)) as program:
            assert program.wait(SOON) == errno.EINVAL

        with pytest.raises(TimeoutError):
            channel.recv(timeout=0)


def _keeps_what_a_service_sends(folder: str) -> None:
    with ExitStack() as stack:
        given = files(Path(folder), 3)
        channel = stack.enter_context(manager(Path(folder, "notify")))
        program = stack.enter_context(service(Path(folder, "notify"), given))
        messages = []

        def receive() -> list[int]:
            messages.append(channel.recv(timeout=0))
            return messages[-1].fds

        got, times_full = receive_in_a_full_table(channel, receive, 3)
        owned(stack, got)
        assert times_full
        assert identities(got) == [identity_of(path) for path in given]
        assert [whole(fd) for fd in got] == [b"file-0", b"file-1", b"file-2"]
        assert [message.data for message in messages] == [TEXT]
        assert messages[0].credentials == (program.pid, os.getuid(), os.getgid())
        assert program.wait(SOON) == 0


@needs("libsystemd.so.0")
def test_a_full_table_keeps_what_a_service_sends(apart: Callable[..., str], short: Path) -> None:
    apart(_keeps_what_a_service_sends, str(short))


@needs("systemd-notify")
def test_a_barrier_holds_its_sender_until_no_copy_is_left(short: Path) -> None:
    command = ("systemd-notify", "--ready", "--status=well")
    with ExitStack() as stack:
        channel = stack.enter_context(manager(short / "notify"))
        surroundings = {"NOTIFY_SOCKET": str(short / "notify")}
        program = stack.enter_context(running(*command, env=surroundings))
        ready = channel.recv(timeout=SOON)
        barrier = channel.recv(timeout=SOON)
        ends = [*barrier.fds, *map(os.dup, barrier.fds)]

        assert ready.data == b"READY=1\nSTATUS=well"
        assert (barrier.data, len(ends)) == (b"BARRIER=1", 2)
        assert barrier.credentials == (program.pid, os.getuid(), os.getgid())

        os.close(ends.pop())
        with pytest.raises(subprocess.TimeoutExpired):
            program.wait(0.2)
        os.close(ends.pop())

        assert program.wait(SOON) == 0
