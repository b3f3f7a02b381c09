"""A fleet over real ssh servers: each its own machine, to be killed, stopped and emptied."""

from __future__ import annotations

import getpass
import json
import os
import signal
import socket
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from conformance.fleet import state
from conformance.report import model
from conformance.tests.fleet_machines import (
    PATHS,
    SOON,
    Machine,
    eventually,
    is_running,
    machine,
    single_file,
)

from .heeding import HEEDING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

# Stands in for the suite: says which processes it is, two of them in sessions of their own.
_STAYS = """
import os, subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"],
                         start_new_session=True)
print("ok fifo.order  socketpair  0.1 s", flush=True)
with open(os.path.join(os.environ["XDG_CACHE_HOME"], "pids.part"), "w") as file:
    file.write(f"{os.getpid()} {child.pid} {os.getppid()}")
os.rename(file.name, file.name[:-5])
while True:
    time.sleep(0.2)
"""
_CHATTERS = _STAYS + '    print("still here", flush=True)\n'
_DELIVERS_NULL = """
import os, sys
sys.path[:0] = {path!r}
from conformance.peers.reference import ReferencePeer, main

class DeliversNull(ReferencePeer):
    def op_recv(self, request):
        received = super().op_recv(request)
        null = os.open("/dev/null", os.O_RDWR)
        os.dup2(null, received["fd"], False)
        os.close(null)
        return received

main(DeliversNull)
"""
_ENDS = """
import sys
print("it said", *sys.argv[1:])
sys.exit(int(sys.argv[2]))
"""


@dataclass
class Fleet:
    """A file of hosts, and where the results go."""

    folder: Path

    def hosts(self, **each: list[str] | Machine | dict[str, Any]) -> None:
        """Write the file of hosts, by name: what is typed after ssh, a machine, or all keys."""
        lines = []
        for name, one in each.items():
            own = {"ssh": one.ssh} if isinstance(one, Machine) else one
            own = {"ssh": own} if isinstance(own, list) else own
            keys = {"python": sys.executable, **own}
            lines += ["[[host]]", f'name = "{name}"']
            lines += [f"{key} = {json.dumps(it)}" for key, it in keys.items() if it is not None]
        (self.folder / "hosts.toml").write_text("\n".join(lines))

    def start(self, *words: str) -> subprocess.Popen[str]:
        bundle = self.folder / "suite.pyz"
        own = ["fleet", "hosts.toml", "--bundle", str(bundle), "-o", "out", "--plain"]
        return subprocess.Popen(
            [*HEEDING, sys.executable, "-m", "conformance", *own, *words],
            cwd=self.folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def run(self, *words: str) -> tuple[int, str]:
        """Run it; give its exit status and what it said."""
        with self.start(*words) as process:
            said, _ = process.communicate(timeout=SOON)
        return process.returncode, said

    def outcome(self, name: str) -> state.Outcome:
        return state.read(self.folder / "out")[name]

    def log(self, name: str) -> str:
        return (self.folder / "out" / f"{name}.log").read_text()


@pytest.fixture
def fleet(tmp_path: Path) -> Fleet:
    (tmp_path / "fleet").mkdir()
    return Fleet(tmp_path / "fleet")


@pytest.fixture
def started(tmp_path: Path) -> Iterator[Callable[..., Machine]]:
    made: list[Machine] = []

    def start(*lines: str, path: str | None = None) -> Machine:
        made.append(machine(tmp_path / f"machine{len(made)}", *lines, path=path))
        return made[-1]

    yield start
    for one in made:
        one.signal(signal.SIGCONT)
        one.end()


def _pids(host: Machine) -> list[int]:
    """Give the processes of the run there, once it runs."""
    file = host.home / "cache" / "pids"
    eventually(file.exists, "the run begins")
    return [int(word) for word in file.read_text().split()]


def _nothing_is_left(host: Machine, pids: list[int]) -> None:
    eventually(lambda: not any(map(is_running, pids)), f"{pids} end")
    eventually(lambda: not host.temporary, f"{host.home}/tmp is empty")


def test_a_real_run_comes_back_and_its_file_is_kept(
    fleet: Fleet, started: Callable[..., Machine]
) -> None:
    host = started()
    single_file(fleet.folder / "suite.pyz")
    fleet.hosts(sun=host)
    one = ("--", "--check", "fifo.order", "--transport", "inherited", "-n", "0")

    status, said = fleet.run(*one)

    assert status == model.CONFORMS, said
    document = model.read(fleet.folder / "out" / "sun.json")
    assert [result["id"] for result in document["results"]] == ["fifo.order"]
    assert "ok fifo.order  inherited" in fleet.log("sun")
    assert f"fleet: sent {host.kept[0].stat().st_size} bytes, {host.kept[0]}" in fleet.log("sun")
    assert "sun: conforms  1 checks, 0 failed" in said
    assert not host.temporary

    status, said = fleet.run(*one)

    assert status == model.CONFORMS, said
    assert f"fleet: the file is there, {host.kept[0]}" in fleet.log("sun")
    assert "fleet: sent" not in fleet.log("sun")

    host.kept[0].write_bytes(b"damaged")
    status, said = fleet.run(*one)

    assert status == model.CONFORMS, said
    assert f"fleet: sent {host.kept[0].stat().st_size} bytes" in fleet.log("sun")

    before = fleet.outcome("sun")
    fleet.hosts(sun=host, moon=["nowhere.invalid"])
    status, said = fleet.run("--clean")

    assert status == model.SUITE_FAILED, said
    assert "sun: clean: removed" in said
    assert state.read(fleet.folder / "out") == {"sun": before}
    assert not host.kept
    assert not (host.home / "cache" / "fdpass-fleet").exists()


def test_a_host_that_deviates_says_in_what(
    fleet: Fleet, started: Callable[..., Machine], tmp_path: Path
) -> None:
    single_file(fleet.folder / "suite.pyz")
    fleet.hosts(sun=started())
    peer = f"{sys.executable} {tmp_path / 'peer.py'}"
    (tmp_path / "peer.py").write_text(_DELIVERS_NULL.format(path=PATHS))

    status, said = fleet.run(
        "--", "--check", "fifo.order", "--transport", "inherited", "-n", "0", "--peer", peer
    )

    assert status == model.DEVIATES, said
    assert fleet.outcome("sun").verdict == state.DEVIATES
    assert fleet.outcome("sun").words.startswith("fifo.order (see ")
    assert fleet.outcome("sun").failed == 1
    assert model.read(fleet.folder / "out" / "sun.json")["summary"]["fail"] == 1


def test_on_a_terminal_a_table_follows_the_hosts(
    fleet: Fleet, started: Callable[..., Machine]
) -> None:
    single_file(fleet.folder / "suite.pyz", _ENDS)
    fleet.hosts(sun=started(), moon=["nowhere.invalid"])
    ours, theirs = os.openpty()
    words = ["fleet", "hosts.toml", "--bundle", "suite.pyz", "-o", "out", "--", "2"]
    process = subprocess.Popen(
        [sys.executable, "-m", "conformance", *words],
        cwd=fleet.folder,
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        env={**os.environ, "TERM": "xterm", "COLUMNS": "100"},
    )
    os.close(theirs)
    shown = b""
    with suppress(OSError):  # with which Linux says that the other end is closed
        while piece := os.read(ours, 4096):
            shown += piece
    os.close(ours)

    assert process.wait(SOON) == model.SUITE_FAILED
    assert "connecting" in shown.decode()
    assert "of 2 ended" in shown.decode()
    assert "hosts: 2; " in shown.decode()


def test_those_that_did_not_end_are_repeated_alone(
    fleet: Fleet, started: Callable[..., Machine]
) -> None:
    host = started()
    single_file(fleet.folder / "suite.pyz")
    one = ("--", "--check", "fifo.order", "--transport", "inherited", "-n", "0")
    fleet.hosts(sun=host, moon=["nowhere.invalid"])

    status, said = fleet.run(*one)

    assert status == model.SUITE_FAILED
    assert "moon: did not end: this host is unknown (ssh: Could not resolve hostname" in said
    assert fleet.outcome("sun").verdict == state.CONFORMS

    fleet.hosts(sun=host, moon=host)
    written = (fleet.folder / "out" / "sun.json").stat().st_mtime_ns
    status, said = fleet.run("--only-failed", *one)

    assert status == model.CONFORMS, said
    assert "sun" not in said
    assert (fleet.folder / "out" / "sun.json").stat().st_mtime_ns == written
    assert fleet.outcome("sun").verdict == fleet.outcome("moon").verdict == state.CONFORMS


@pytest.mark.parametrize(
    ("status", "verdict", "words"),
    [
        (0, state.LOST, "it ended with status 0, and there are no results"),
        (2, state.REFUSES, "status 2, it said run 2"),
        (4, state.BROKEN, "status 4, it said run 4"),
        (77, state.LOST, "status 77, it said run 77"),
    ],
)
def test_a_status_without_results_is_not_believed(
    fleet: Fleet, started: Callable[..., Machine], status: int, verdict: str, words: str
) -> None:
    single_file(fleet.folder / "suite.pyz", _ENDS)
    fleet.hosts(sun=started())

    ended, said = fleet.run("--", str(status))

    assert ended == model.SUITE_FAILED, said
    assert fleet.outcome("sun").verdict == verdict
    assert words in fleet.outcome("sun").words
    assert not (fleet.folder / "out" / "sun.json").exists()


def test_a_host_whose_server_is_killed_is_told_and_cleans_up(
    fleet: Fleet, started: Callable[..., Machine]
) -> None:
    host = started()
    single_file(fleet.folder / "suite.pyz", _STAYS)
    fleet.hosts(sun=host, moon=["nowhere.invalid"])
    with fleet.start() as process:
        pids = _pids(host)
        assert all(map(is_running, pids))
        host.signal(signal.SIGKILL)
        said, _ = process.communicate(timeout=SOON)

    assert process.returncode == model.SUITE_FAILED, said
    assert "it closed the connection" in fleet.outcome("sun").words
    assert fleet.outcome("sun").checks == 1
    _nothing_is_left(host, pids)


def test_a_host_that_hangs_is_given_up_and_cleans_up_when_it_goes_on(
    fleet: Fleet, started: Callable[..., Machine]
) -> None:
    host = started()
    single_file(fleet.folder / "suite.pyz", _CHATTERS)
    fleet.hosts(sun=host)
    with fleet.start("--silence", "3") as process:
        pids = _pids(host)
        host.signal(signal.SIGSTOP)
        said, _ = process.communicate(timeout=SOON)

    assert process.returncode == model.SUITE_FAILED, said
    assert fleet.outcome("sun").words == "nothing was heard of it for 3 s"
    host.signal(signal.SIGCONT)
    _nothing_is_left(host, pids)


def test_a_run_that_never_ends_is_ended_by_the_deadline(
    fleet: Fleet, started: Callable[..., Machine]
) -> None:
    host = started()
    single_file(fleet.folder / "suite.pyz", _CHATTERS)
    fleet.hosts(sun=host)

    status, said = fleet.run("--timeout", "8")

    assert status == model.SUITE_FAILED, said
    assert fleet.outcome("sun").words == "it has not ended within 8 s"
    assert fleet.outcome("sun").checks == 1
    _nothing_is_left(host, _pids(host))


def test_ctrl_c_ends_all_and_remembers_it(fleet: Fleet, started: Callable[..., Machine]) -> None:
    host = started()
    single_file(fleet.folder / "suite.pyz", _CHATTERS)
    fleet.hosts(sun=host, moon=host)
    (fleet.folder / "out").mkdir()
    known = {"moon": state.Outcome(state.CONFORMS), "mars": state.Outcome(state.CONFORMS)}
    state.write(fleet.folder / "out", known)
    with fleet.start("-n", "1") as process:
        pids = _pids(host)
        process.send_signal(signal.SIGINT)
        said, _ = process.communicate(timeout=SOON)

    assert process.returncode == model.SUITE_FAILED, said
    assert fleet.outcome("sun").words == "the fleet was interrupted"
    assert set(state.read(fleet.folder / "out")) == {"sun", "mars"}  # the moon was not visited
    _nothing_is_left(host, pids)


def test_a_fleet_that_is_killed_leaves_nothing_behind(
    fleet: Fleet, started: Callable[..., Machine]
) -> None:
    host = started()
    single_file(fleet.folder / "suite.pyz", _CHATTERS)
    fleet.hosts(sun=host)
    with fleet.start() as process:
        pids = _pids(host)
        process.kill()
        process.communicate(timeout=SOON)

    _nothing_is_left(host, pids)


def test_a_host_that_greets_its_visitors_is_understood(
    fleet: Fleet, started: Callable[..., Machine]
) -> None:
    greets = 'ForceCommand echo "Welcome, 3 10 0"; exec sh -c "$SSH_ORIGINAL_COMMAND"'
    single_file(fleet.folder / "suite.pyz", _ENDS)
    fleet.hosts(sun=started(greets))

    fleet.run("--", "2")

    assert fleet.outcome("sun").verdict == state.REFUSES, fleet.log("sun")


def test_a_host_without_python_and_one_that_runs_nothing(
    fleet: Fleet, started: Callable[..., Machine], tmp_path: Path
) -> None:
    (tmp_path / "programs").mkdir()
    (tmp_path / "programs" / "sh").symlink_to("/bin/sh")
    bare, closed = started(path=str(tmp_path / "programs")), started("ForceCommand echo Closed.")
    stranger = [word.replace(getpass.getuser(), "nosuchuser") for word in bare.ssh]
    single_file(fleet.folder / "suite.pyz", _ENDS)
    fleet.hosts(bare={"ssh": bare.ssh, "python": None}, closed=closed, stranger=stranger)

    status, said = fleet.run()

    assert status == model.SUITE_FAILED, said
    assert fleet.outcome("bare").words.startswith("has no Python, needs 3.10 or newer; tried")
    assert fleet.outcome("closed").words == "cannot run sh: Closed."
    assert "it refuses our key" in fleet.outcome("stranger").words


def test_what_listens_and_never_answers_holds_up_nobody(
    fleet: Fleet, started: Callable[..., Machine]
) -> None:
    single_file(fleet.folder / "suite.pyz", _ENDS)
    with socket.create_server(("127.0.0.1", 0)) as mute:
        port = str(mute.getsockname()[1])
        fleet.hosts(mute=["-F", "none", "-p", port, "127.0.0.1"], sun=started())
        began = time.monotonic()
        status, said = fleet.run("--connect", "4", "--", "2")

    assert status == model.SUITE_FAILED, said
    assert "it does not answer" in fleet.outcome("mute").words
    assert fleet.outcome("sun").verdict == state.REFUSES
    assert time.monotonic() - began < SOON


def test_a_baseline_file_and_the_environment_go_with_it(
    fleet: Fleet, started: Callable[..., Machine]
) -> None:
    shows = 'import os, sys; print(os.environ["COLOUR"], open(sys.argv[-3]).read()); sys.exit(2)'
    single_file(fleet.folder / "suite.pyz", shows)
    (fleet.folder / "sun.toml").write_text("# of the sun")
    fleet.hosts(sun={"ssh": started().ssh, "baseline": "sun.toml"})
    with (fleet.folder / "hosts.toml").open("a") as file:
        file.write('\nenv = { COLOUR = "yellow" }\n')

    fleet.run()

    assert "yellow # of the sun" in fleet.outcome("sun").words
