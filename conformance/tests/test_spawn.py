from __future__ import annotations

import fcntl
import os
import signal
import sys
from typing import TYPE_CHECKING

import pytest

from conformance.errors import CannotStart
from conformance.harness.patience import Deadline
from conformance.harness.spawn import Process, inheritable

if TYPE_CHECKING:
    from pathlib import Path

TELLS = """
import os, signal
def is_open(fd):
    try:
        return bool(os.fstat(fd))
    except OSError:
        return False
print([fd for fd in range(100) if is_open(fd)], os.environ["FDCP_FDS"])
print(os.getpgrp() == os.getpid(), signal.pthread_sigmask(signal.SIG_BLOCK, []))
print(os.read(3, 9), os.read(4, 9))
os.kill(os.getpid(), signal.SIGUSR1)
"""


@pytest.fixture(params=["posix_spawn", "fork"], autouse=True)
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Try both ways; PyPy has no posix_spawn."""
    if request.param == "fork":
        monkeypatch.delattr(os, "posix_spawn")
        monkeypatch.delattr(fcntl, "F_DUPFD_CLOEXEC")
    return str(request.param)


def pipe_with(data: bytes) -> int:
    """Give the end of a pipe from which these can be read."""
    reading, writing = os.pipe()
    os.write(writing, data)
    os.close(writing)
    return reading


def test_a_program_has_what_it_is_given_and_nothing_else() -> None:
    inherited = os.dup(0)
    os.set_inheritable(inherited, True)
    first, second = pipe_with(b"first"), pipe_with(b"second")
    before = inheritable()
    python = [sys.executable, "-S", "-c", TELLS]

    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR1])
    try:
        process = Process(python, {"one": second, "two": first})
    finally:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGUSR1])
    ended = process.ended(Deadline(10))
    said = os.read(process.answers, 1000).decode()
    for fd in (inherited, first, second, process.answers, process.requests):
        os.close(fd)
    process.kill_all()

    assert said.splitlines() == [
        "[0, 1, 2, 3, 4] one=3,two=4",
        "True set()",
        "b'second' b'first'",
    ], process.log()
    assert ended == "killed by SIGUSR1"
    assert inherited in before


def test_it_dies_of_a_broken_pipe() -> None:
    """Python ignores SIGPIPE, and what it starts is not to."""
    process = Process(["sh", "-c", "kill -s PIPE $$"], {})
    ended = process.ended(Deadline(10))
    os.close(process.answers)
    os.close(process.requests)
    process.kill_all()

    assert ended == "killed by SIGPIPE"


def test_what_cannot_start_is_named_with_the_reason(tmp_path: Path) -> None:
    program = tmp_path / "program"
    program.write_text("neither a script nor a binary")
    program.chmod(0o755)
    before = os.listdir("/dev/fd")

    with pytest.raises(CannotStart, match="program cannot be started: Exec format error"):
        Process([str(program)], {})

    assert os.listdir("/dev/fd") == before
