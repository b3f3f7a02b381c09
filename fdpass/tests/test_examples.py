"""The worked examples do what they say, while a load runs."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import fdpass
from fdpass.tests.descriptors import SOON, eventually

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the examples are for Unix")

_ROOT = Path(__file__).parents[2]


class Program:
    """An example that runs as a process of its own."""

    def __init__(self, name: str, *args: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-W", "error", "-m", f"fdpass.examples.{name}", *args],
            env={**os.environ, "PYTHONPATH": str(_ROOT), "PYTHONDONTWRITEBYTECODE": "1"},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.pid = self.process.pid

    def address(self) -> tuple[str, int]:
        """Wait until it says where it listens."""
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line.startswith("listening on "), line + self.process.communicate(timeout=SOON)[1]
        host, _, port = line.split()[-1].rpartition(":")
        return host, int(port)

    def ended(self) -> tuple[int, str]:
        """Wait for its end; give its status and what it said on standard error."""
        said = self.process.communicate(timeout=SOON)[1]
        return self.process.returncode, said

    def stop(self) -> tuple[int, str]:
        self.process.terminate()
        return self.ended()

    def __enter__(self) -> Program:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.communicate()


def ask(address: tuple[str, int]) -> int:
    """Connect, and give the process that answers."""
    with socket.create_connection(address, timeout=SOON) as connection:
        connection.sendall(b"who?\n")
        with connection.makefile() as answer:
            return int(answer.readline())


def several(answer: Callable[[], int], count: int, but: int = 0) -> set[int]:
    """Ask until that many different processes have answered."""
    found: set[int] = set()

    def enough() -> bool:
        found.update({answer()} - {but})
        return len(found) == count

    assert eventually(enough)

    return found


class Load:
    """Clients that ask all the time."""

    def __init__(self, address: tuple[str, int]) -> None:
        self.answers: list[int] = []
        self.errors: list[Exception] = []
        self._address = address
        self._enough = threading.Event()

    def _client(self) -> None:
        while not self._enough.is_set():
            try:
                self.answers.append(ask(self._address))
            except (OSError, ValueError) as error:
                self.errors.append(error)

    @contextmanager
    def running(self, clients: int = 4) -> Iterator[None]:
        threads = [threading.Thread(target=self._client) for _ in range(clients)]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            self._enough.set()
            for thread in threads:
                thread.join(SOON)

    def is_answered_by(self, pid: int, times: int = 20) -> bool:
        return eventually(lambda: self.answers[-200:].count(pid) >= times or self.errors)


def test_restart_refuses_nobody(short: Path) -> None:
    path = str(short / "restart")
    with ExitStack() as stack:
        current = stack.enter_context(Program("restart", path, "127.0.0.1:0"))
        load = Load(current.address())
        served, said = [current.pid], ""
        with load.running():
            assert load.is_answered_by(current.pid)
            for _ in range(3):
                following = stack.enter_context(Program("restart", path))
                following.address()
                # Into its log went what the one before it still had to say.
                assert current.ended() == (0, said)
                said = f"{current.pid} has ended\n"
                assert load.is_answered_by(following.pid)
                current = following
                served.append(current.pid)
        assert current.stop() == (0, said)

    assert load.errors == []
    assert set(load.answers) == set(served)


def test_restart_goes_on_if_the_next_one_dies(short: Path) -> None:
    path = short / "restart"
    with Program("restart", str(path), "127.0.0.1:0") as program:
        address = program.address()
        for _ in range(2):
            with fdpass.connect(path, timeout=SOON) as passer:
                os.close(passer.recv(SOON))
            assert ask(address) == program.pid
        status, said = program.stop()

    assert status == 0
    assert said.count("the next process has not taken over") == 2


def test_restart_finishes_what_it_is_at(short: Path) -> None:
    path = str(short / "restart")
    with Program("restart", path, "127.0.0.1:0") as old:
        address = old.address()
        with socket.create_connection(address, timeout=SOON) as slow:
            slow.sendall(b"wh")
            assert ask(address) == old.pid  # by now the slow one has been accepted
            with Program("restart", path) as following:
                following.address()
                assert ask(address) == following.pid
                assert old.process.poll() is None
                slow.sendall(b"o?\n")
                assert int(slow.recv(64)) == old.pid
                assert old.ended() == (0, "")
                following.stop()


def test_the_pool_shares_the_load() -> None:
    with Program("pool", "127.0.0.1:0", "3") as pool:
        load = Load(pool.address())
        with load.running():
            assert eventually(lambda: len(set(load.answers)) == 3 or load.errors)
            assert eventually(lambda: len(load.answers) > 300 or load.errors)
        ended = pool.stop()

    assert load.errors == []
    assert ended == (0, "")
    assert pool.pid not in load.answers


def test_the_pool_replaces_a_worker_that_has_died() -> None:
    with Program("pool", "127.0.0.1:0", "2") as pool:
        address = pool.address()
        before = several(lambda: ask(address), 2)
        killed = before.pop()
        os.kill(killed, signal.SIGKILL)

        def answer() -> int:
            try:
                return ask(address)
            except (OSError, ValueError):
                return killed  # it was sent to the one that was dying

        after = several(answer, 2, but=killed)
        answers = {ask(address) for _ in range(20)}
        status, said = pool.stop()

    assert answers == after
    assert before < answers
    assert (status, said) == (0, f"worker {killed} has died\n")
