"""OpenSSH's multiplexer, both ends of it: standard input, output and error, a message each."""

from __future__ import annotations

import os
import subprocess
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from fdpass import ChannelEnded, MessageSocket
from fdpass.tests.descriptors import SOON, eventually, identity
from fdpass.tests.interop import openssh_mux as mux
from fdpass.tests.interop.programs import (
    accepted,
    connected,
    heard,
    listening,
    needs,
    output,
    owned,
    owned_pipe,
    path_of,
    receive_in_a_full_table,
    running,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

NO_SERVER = (
    "the server, as root, needs the directory /run/sshd"
    if os.geteuid() == 0 and not os.path.isdir("/run/sshd")
    else None
)


@needs("ssh")
def test_a_client_passes_us_its_standard_descriptors(short: Path) -> None:
    with ExitStack() as stack:
        stdin, stdout, stderr = (owned_pipe(stack) for _ in range(3))
        given = [stdin[0], stdout[1], stderr[1]]
        listener = stack.enter_context(listening(short / "mux"))
        client = stack.enter_context(running(*mux.client(short / "mux"), standard=given))
        channel = stack.enter_context(MessageSocket(accepted(listener)))
        mux.send(channel, mux.IS_ALIVE, mux.greet(channel), os.getpid())
        asked = mux.expect(channel, mux.NEW_SESSION)
        got = owned(stack, [mux.receive_descriptor(channel) for _ in range(3)])

        assert mux.string(b"a command") in asked
        assert [identity(fd) for fd in got] == [identity(file.fileno()) for file in given]

        stdin[1].write(b"for the command")
        os.write(got[1], b"from the command")
        os.write(got[2], b"its error")

        assert heard(got[0]) == b"for the command"
        assert heard(stdout[0]) == b"from the command"
        assert heard(stderr[0]) == b"its error"

        mux.end(channel, mux.numbers(asked, 1)[0], 7)

        assert client.wait(SOON) == 7


def _keeps_what_a_client_passes(path: str) -> None:
    with ExitStack() as stack:
        listener = stack.enter_context(listening(Path(path)))
        pipes = [owned_pipe(stack) for _ in range(3)]
        given = [pipes[0][0], pipes[1][1], pipes[2][1]]
        client = stack.enter_context(running(*mux.client(path), standard=given))
        channel = stack.enter_context(MessageSocket(accepted(listener)))
        mux.send(channel, mux.IS_ALIVE, mux.greet(channel), os.getpid())
        data = bytearray()

        def receive() -> list[int]:
            message = channel.recv(timeout=0)
            data.extend(message.data)
            return message.fds

        got, times_full = receive_in_a_full_table(channel, receive, 3)
        owned(stack, got)
        assert data[-3:] == bytes(3)
        assert times_full
        assert [identity(fd) for fd in got] == [identity(file.fileno()) for file in given]
        mux.end(channel, mux.numbers(data[8:], 1)[0], 7)
        assert client.wait(SOON) == 7


@needs("ssh")
def test_a_full_table_keeps_what_a_client_passes(apart: Callable[..., str], short: Path) -> None:
    apart(_keeps_what_a_client_passes, str(short / "mux"))


@contextmanager
def master(folder: Path) -> Iterator[Path]:
    """Start a real master, which starts the real server itself and so needs no port."""
    for name in ("host", "user"):
        output("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(folder / name))
    (folder / "sshd_config").write_text(
        f"HostKey {folder}/host\nAuthorizedKeysFile {folder}/user.pub\n"
        "StrictModes no\nUsePAM no\nPidFile none\nPermitRootLogin yes\n"
    )
    options = {
        "ProxyCommand": f"{path_of('sshd')} -i -e -f {folder}/sshd_config",
        "IdentityFile": folder / "user",
        "IdentitiesOnly": "yes",
        "StrictHostKeyChecking": "no",
        "UserKnownHostsFile": "/dev/null",
        "BatchMode": "yes",
        "ControlPath": folder / "mux",
    }
    words = [word for name, value in options.items() for word in ("-o", f"{name}={value}")]
    with (
        (folder / "said").open("wb") as said,
        running(
            *("ssh", "-F", "none", "-M", "-N", *words, "loopback"),
            standard=[subprocess.DEVNULL, said, said],
        ) as program,
    ):
        path = folder / "mux"
        came = eventually(lambda: path.exists() or program.poll() is not None)

        assert came, "neither a master nor an error in time"
        text = (folder / "said").read_text()
        for line in text.splitlines():
            if "not allowed because" in line:
                pytest.skip(f"the server does not let us in: {line}")
        assert path.exists(), text

        yield path


@needs("ssh", "sshd", why_not=NO_SERVER)
def test_a_master_runs_a_command_over_what_we_pass(short: Path) -> None:
    with ExitStack() as stack:
        path = stack.enter_context(master(short))
        channel = stack.enter_context(MessageSocket(connected(path)))
        stdin, stdout, stderr = (owned_pipe(stack) for _ in range(3))
        given = [stdin[0], stdout[1], stderr[1]]
        mux.ask(channel, b"echo an error >&2; cat; exit 7")
        for file in given:
            channel.send(b"\0", [file.fileno()], timeout=SOON)
            file.close()
        session = mux.opened(channel)
        stdin[1].write(b"there and back")
        stdin[1].close()

        assert heard(stdout[0], 1000) == b"there and back"
        assert heard(stderr[0], 1000) == b"an error\n"
        assert mux.exit_status(channel, session) == 7


@needs("ssh", "sshd", why_not=NO_SERVER)
def test_a_master_cuts_off_who_sends_three_in_one_message(short: Path) -> None:
    with ExitStack() as stack:
        path = stack.enter_context(master(short))
        channel = stack.enter_context(MessageSocket(connected(path)))
        reading, _ = owned_pipe(stack)
        mux.ask(channel, b"true")
        channel.send(bytes(3), [reading.fileno()] * 3, timeout=SOON)

        with pytest.raises(ChannelEnded):
            mux.opened(channel)
