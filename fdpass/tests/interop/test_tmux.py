"""tmux: a client passes its terminal to the server, one descriptor in one message of many."""

from __future__ import annotations

import os
import struct
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from fdpass import MessageSocket
from fdpass.framing import Imsg
from fdpass.tests.descriptors import SOON, identities, identity
from fdpass.tests.interop import tmux_messages as tmux
from fdpass.tests.interop.programs import (
    accepted,
    connected,
    heard,
    heard_until,
    listening,
    needs,
    owned,
    owned_pipe,
    receive_in_a_full_table,
    running,
)

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = needs("tmux")


def test_a_client_passes_us_its_standard_descriptors(short: Path) -> None:
    with ExitStack() as stack:
        stdin, stdout = owned_pipe(stack), owned_pipe(stack)
        listener = stack.enter_context(listening(short / "tmux"))
        command = ("tmux", "-S", str(short / "tmux"), "list-sessions")
        client = stack.enter_context(running(*command, standard=(stdin[0], stdout[1], None)))
        channel = stack.enter_context(MessageSocket(accepted(listener)))
        messages = Imsg(channel)
        came = {}
        while tmux.COMMAND not in came:
            message = messages.recv(SOON)
            came[message.kind] = message
            owned(stack, message.fds)
        (reading,) = came[tmux.IDENTIFY_STDIN].fds
        (writing,) = came[tmux.IDENTIFY_STDOUT].fds
        stdin[1].write(b"typed")
        os.write(writing, b"shown")

        assert identities([reading, writing]) == [
            identity(stdin[0].fileno()),
            identity(stdout[1].fileno()),
        ]
        assert heard(reading) == b"typed"
        assert heard(stdout[0]) == b"shown"
        assert came[tmux.COMMAND].payload == tmux.command("list-sessions")
        assert {message.peer for message in came.values()} == {tmux.VERSION}

        tmux.send(messages, tmux.EXIT, struct.pack("=i", 7))

        assert client.wait(SOON) == 7


def test_a_server_runs_on_the_terminal_that_we_pass(short: Path) -> None:
    with ExitStack() as stack:
        path = short / "tmux"
        (short / "conf").write_text("set -g default-shell /bin/sh\n")
        stack.enter_context(running("tmux", "-S", str(path), "-f", str(short / "conf"), "-D"))
        channel = stack.enter_context(MessageSocket(connected(path)))
        ours, terminal = os.openpty()
        owned(stack, [ours])
        messages = Imsg(channel)
        tmux.identify(messages, terminal)
        os.close(terminal)
        tmux.send(
            messages, tmux.COMMAND, tmux.command("new-session", "-n", "shouting", "tr a-z A-Z")
        )
        heard_until(ours, b"shouting")  # the name of the window, in the status line
        os.write(ours, b"typed\r")

        assert b"TYPED" in heard_until(ours, b"TYPED")


def _keeps_what_a_client_passes(path: str) -> None:
    with ExitStack() as stack:
        stdin, stdout = owned_pipe(stack), owned_pipe(stack)
        listener = stack.enter_context(listening(Path(path)))
        command = ("tmux", "-S", path, "list-sessions")
        client = stack.enter_context(running(*command, standard=(stdin[0], stdout[1], None)))
        channel = stack.enter_context(MessageSocket(accepted(listener)))
        messages = Imsg(channel)
        got, times_full = receive_in_a_full_table(channel, lambda: messages.recv(0).fds, 2)
        owned(stack, got)
        due = [stdin[0].fileno(), stdout[1].fileno()]
        assert times_full
        assert identities(got) == identities(due)
        tmux.send(messages, tmux.EXIT, struct.pack("=i", 7))
        assert client.wait(SOON) == 7


def test_a_full_table_keeps_what_a_client_passes(apart: Callable[..., str], short: Path) -> None:
    apart(_keeps_what_a_client_passes, str(short / "tmux"))
