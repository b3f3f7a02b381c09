"""Languages that send and receive whole messages: several descriptors, and a text with them."""

from __future__ import annotations

import os
import subprocess
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from fdpass import MessageSocket
from fdpass.tests.descriptors import SOON, identities
from fdpass.tests.interop.programs import (
    accepted,
    files,
    identity_of,
    listening,
    needs,
    owned,
    receive_in_a_full_table,
    running,
    whole,
)

if TYPE_CHECKING:
    from collections.abc import Callable

_PEERS = Path(__file__).parent / "peers"
LANGUAGES = [
    pytest.param(("ruby", str(_PEERS / "messages.rb")), marks=needs("ruby"), id="Ruby"),
    pytest.param(("perl", str(_PEERS / "messages.pl")), marks=needs("Socket::MsgHdr"), id="Perl"),
    pytest.param(("php", str(_PEERS / "messages.php")), marks=needs("php"), id="PHP"),
]


@pytest.mark.parametrize("command", LANGUAGES)
def test_several_come_with_the_text_of_their_message(short: Path, command: tuple[str, ...]) -> None:
    with ExitStack() as stack:
        given = files(short, 5)
        listener = stack.enter_context(listening(short / "us"))
        words = (*command, str(short / "us"), "send", *map(str, given))
        program = stack.enter_context(running(*words))
        channel = stack.enter_context(MessageSocket(accepted(listener)))
        message = channel.recv(timeout=SOON)
        got = owned(stack, message.fds)
        for fd in got:
            os.pwrite(fd, b"ours", 0)

        assert message.data == b"all of them"
        assert identities(got) == [identity_of(path) for path in given]
        assert [path.read_text() for path in given] == [f"ours-{it}" for it in range(5)]
        assert program.wait(SOON) == 0


@pytest.mark.parametrize("command", LANGUAGES)
def test_it_gets_several_with_a_text(short: Path, command: tuple[str, ...]) -> None:
    with ExitStack() as stack:
        given = files(short, 5)
        listener = stack.enter_context(listening(short / "us"))
        standard = (subprocess.DEVNULL, subprocess.PIPE, None)
        words = (*command, str(short / "us"), "receive")
        program = stack.enter_context(running(*words, standard=standard))
        channel = stack.enter_context(MessageSocket(accepted(listener)))
        fds = [os.open(path, os.O_RDWR) for path in given]
        channel.send(b"five of them", fds, close=True, timeout=SOON)
        said = program.communicate(timeout=SOON)[0].decode().splitlines()

        assert said == ["five of them", *("{} {}".format(*identity_of(it)) for it in given)]
        assert [path.read_text() for path in given] == ["through it"] * 5
        assert program.returncode == 0


def _keeps_several(command: tuple[str, ...], folder: str) -> None:
    with ExitStack() as stack:
        given = files(Path(folder), 5)
        path = Path(folder, "us")
        listener = stack.enter_context(listening(path))
        program = stack.enter_context(running(*command, str(path), "send", *map(str, given)))
        channel = stack.enter_context(MessageSocket(accepted(listener)))
        texts = []

        def receive() -> list[int]:
            message = channel.recv(timeout=0)
            texts.append(message.data)
            return message.fds

        got, times_full = receive_in_a_full_table(channel, receive, 5)
        owned(stack, got)
        assert times_full
        assert texts == [b"all of them"]
        assert identities(got) == [identity_of(path) for path in given]
        assert [whole(fd) for fd in got] == [os.fsencode(path.name) for path in given]
        assert program.wait(SOON) == 0


@pytest.mark.parametrize("command", LANGUAGES)
def test_a_full_table_keeps_several(
    apart: Callable[..., str], short: Path, command: tuple[str, ...]
) -> None:
    apart(_keeps_several, command, str(short))
