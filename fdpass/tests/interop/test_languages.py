"""A passer talks to those of other languages, both ways: a NUL byte for each descriptor."""

from __future__ import annotations

import os
import socket
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import fdpass
from fdpass.tests.descriptors import SOON, identities, identity
from fdpass.tests.interop.languages import LANGUAGES, answerer, sender
from fdpass.tests.interop.programs import (
    files,
    heard,
    identity_of,
    joined,
    owned,
    receive_in_a_full_table,
    whole,
)

if TYPE_CHECKING:
    from collections.abc import Callable


@pytest.mark.parametrize("language", LANGUAGES)
def test_what_it_sends_arrives(language: str, short: Path) -> None:
    with ExitStack() as stack:
        given = files(short, 3)
        there = stack.enter_context(joined(*sender(language), *map(str, given)))
        passer = stack.enter_context(fdpass.adopt(there.channel.detach()))
        got = owned(stack, [passer.recv(SOON) for _ in given])
        for fd in got:
            os.pwrite(fd, b"ours", 0)

        assert identities(got) == [identity_of(path) for path in given]
        assert [path.read_text() for path in given] == ["ours-0", "ours-1", "ours-2"]
        assert there.said() == []
        with pytest.raises(fdpass.PeerClosed):
            passer.recv(SOON)


@pytest.mark.parametrize("language", LANGUAGES)
def test_it_gets_what_we_send(language: str) -> None:
    with ExitStack() as stack:
        there = stack.enter_context(joined(*answerer(language), "3"))
        passer = stack.enter_context(fdpass.adopt(there.channel.detach()))
        due = []
        asking = []
        for number in range(3):
            ours, given = socket.socketpair()
            asking.append(stack.enter_context(ours))
            due.append("{} {}".format(*identity(given.fileno())))
            ours.sendall(b"question %d" % number)
            passer.send(given.detach(), close=True)
        passer.flush(SOON)

        assert [heard(one) for one in asking] == [b"QUESTION 0", b"QUESTION 1", b"QUESTION 2"]
        assert there.said() == due


def _keeps_what_it_sends(command: tuple[str, ...], folder: str) -> None:
    with ExitStack() as stack:
        given = files(Path(folder), 3)
        there = stack.enter_context(joined(*command, *map(str, given)))
        passer = stack.enter_context(fdpass.adopt(there.channel.detach()))
        got, times_full = receive_in_a_full_table(passer, lambda: [passer.recv_nowait()], 3)
        owned(stack, got)
        assert times_full
        assert identities(got) == [identity_of(path) for path in given]
        assert [whole(fd) for fd in got] == [b"file-0", b"file-1", b"file-2"]
        assert there.said() == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_full_table_keeps_what_it_sends(
    apart: Callable[..., str], language: str, short: Path
) -> None:
    apart(_keeps_what_it_sends, sender(language), str(short))
