"""Node: a child process on a channel of lines, each with one handle that is acknowledged."""

from __future__ import annotations

import os
import socket
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from fdpass import MessageSocket
from fdpass.framing import JsonLines
from fdpass.tests.descriptors import SOON, identities, identity
from fdpass.tests.interop import node_children as node
from fdpass.tests.interop.programs import (
    accepted,
    heard,
    joined,
    listening,
    needs,
    owned,
    receive_in_a_full_table,
)

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = needs("node")


def test_what_it_sends_arrives(short: Path) -> None:
    with ExitStack() as stack:
        listener = stack.enter_context(listening(short / "us"))
        there = stack.enter_context(joined(*node.sender(short / "us", 3), env=node.CHANNEL))
        lines = JsonLines(stack.enter_context(MessageSocket(there.channel)))
        for number in range(3):
            message, (fd,) = lines.recv(SOON)
            with socket.socket(fileno=fd) as passed, accepted(listener) as ours:
                passed.sendall(b"there %d" % number)
                ours.sendall(b"back %d" % number)

                assert message == dict(zip(("dev", "ino"), identity(fd), strict=True))
                assert heard(ours) == b"there %d" % number
                assert heard(passed) == b"back %d" % number


def test_it_answers_through_what_we_send() -> None:
    with ExitStack() as stack:
        there = stack.enter_context(joined(*node.ANSWERER, env=node.CHANNEL))
        lines = JsonLines(stack.enter_context(MessageSocket(there.channel)))
        for number in range(3):
            ours, given = socket.socketpair()
            with ours, given:
                ours.sendall(b"question")
                device, inode = identity(given.fileno())
                lines.send(number, [given], timeout=SOON)
                given.close()

                assert lines.recv(SOON) == ({"message": number, "dev": device, "ino": inode}, [])
                assert heard(ours, 100) == b"QUESTION"


def _keeps_what_it_sends(path: str) -> None:
    with ExitStack() as stack:
        listener = stack.enter_context(listening(Path(path)))
        there = stack.enter_context(joined(*node.sender(Path(path), 3), env=node.CHANNEL))
        channel = stack.enter_context(MessageSocket(there.channel))
        lines = JsonLines(channel)
        told = []

        def receive() -> list[int]:
            message, fds = lines.recv(timeout=0)
            told.append((message["dev"], message["ino"]))
            return fds

        got, times_full = receive_in_a_full_table(channel, receive, 3)
        owned(stack, got)
        assert times_full
        assert identities(got) == told
        for number, fd in enumerate(got):
            with accepted(listener) as ours:
                os.write(fd, b"there %d" % number)
                assert heard(ours) == b"there %d" % number


def test_a_full_table_keeps_what_it_sends(apart: Callable[..., str], short: Path) -> None:
    apart(_keeps_what_it_sends, str(short / "us"))
