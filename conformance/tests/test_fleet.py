from __future__ import annotations

import hashlib
import sys
from typing import TYPE_CHECKING, Any

import execnet
import pytest
from click.testing import CliRunner

from conformance.__main__ import cli
from conformance.fleet import hosts, ssh, state, worker
from conformance.fleet.hosts import BadHosts, Host
from conformance.fleet.ssh import Python, Refused
from conformance.report import model
from conformance.tests.fleet_machines import SOON, eventually, is_running, single_file

if TYPE_CHECKING:
    from pathlib import Path


def _hosts(tmp_path: Path, text: str) -> list[Host]:
    file = tmp_path / "hosts.toml"
    file.write_text(text)
    return hosts.read(file)


def test_a_host_is_its_own_keys_and_the_defaults(tmp_path: Path) -> None:
    (tmp_path / "sun.toml").touch()

    sun, moon = _hosts(
        tmp_path,
        """
        [defaults]
        ssh = ["-i", "a key"]
        options = ["--level", "must"]
        timeout-scale = 2
        env = { A = "1", B = "1" }
        [[host]]
        name = "sun"
        ssh = ["-p", "2222", "me@sun.example"]
        python = "/opt/bin/python3"
        options = ["--group", "fifo"]
        baseline = "sun.toml"
        env = { B = "2" }
        [[host]]
        name = "moon"
        timeout-scale = 0.5
        """,
    )

    assert sun == Host(
        name="sun",
        destination="me@sun.example",
        ssh=("-p", "2222", "-i", "a key"),
        python="/opt/bin/python3",
        options=("--level", "must", "--group", "fifo"),
        timeout_scale=2.0,
        baseline="sun.toml",
        baseline_file=tmp_path / "sun.toml",
        env={"A": "1", "B": "2"},
    )
    assert (moon.destination, moon.ssh, moon.timeout_scale) == ("moon", ("-i", "a key"), 0.5)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("[[host", "is no TOML"),
        ("", "expected at least one [[host]], found none"),
        ('[host]\nname = "a"', "expected [[host]], with two brackets"),
        ('hosts = 1\n[[host]]\nname = "a"', "the file has hosts: expected host, defaults"),
        ("defaults = 1\n[[host]]", "expected a table [defaults], received 1"),
        ('[defaults]\nname = "a"\n[[host]]', "[defaults] has name: expected ssh, python"),
        ("[[host]]", "host 1: expected a name of letters, digits, '.', '_' and '-', received none"),
        ('[[host]]\nname = "../a"', "received '../a'"),
        ('[[host]]\nname = "a"\nport = 1', "a has port: expected name, ssh, python"),
        ('[[host]]\nname = "a"\nssh = "b"', "a: ssh: expected a list of texts, received 'b'"),
        ('[[host]]\nname = "a"\nssh = []', "a: ssh: expected a list of texts, received []"),
        ('[[host]]\nname = "a"\nssh = ["b", "-v"]', "expected the destination at its end"),
        ('[[host]]\nname = "a"\npython = ""', "a: python: expected a text, received ''"),
        ('[[host]]\nname = "a"\ntimeout-scale = 0', "timeout-scale: expected a number above 0"),
        ('[[host]]\nname = "a"\ntimeout-scale = true', "a number above 0, received True"),
        ('[[host]]\nname = "a"\nenv = { A = 1 }', "env: expected a table of texts"),
        ('[[host]]\nname = "a"\nbaseline = "b.toml"', "a: baseline: there is no file"),
        ('[[host]]\nname = "a"\n[[host]]\nname = "A"', "two hosts are called A"),
    ],
)
def test_bad_hosts_are_refused_in_words(tmp_path: Path, text: str, complaint: str) -> None:
    with pytest.raises(BadHosts) as refused:
        _hosts(tmp_path, text)

    assert complaint in str(refused.value)
    assert str(tmp_path / "hosts.toml") in str(refused.value)


def test_the_first_python_that_is_new_enough_is_taken() -> None:
    said = """Welcome
fdpass-fleet-python python3
fdpass-fleet-python 3 6 15
fdpass-fleet-python python3.14
sh: 1: python3.14: not found
fdpass-fleet-python python3.13
fdpass-fleet-python 3 13 0
"""

    assert ssh.answer(said, None) == Python("python3.13", (3, 13, 0))


@pytest.mark.parametrize(
    ("said", "python", "complaint"),
    [
        (
            "fdpass-fleet-python python3\nfdpass-fleet-python 3 6 15\n",
            None,
            "has Python 3.6.15 (python3), needs 3.10 or newer",
        ),
        (
            "fdpass-fleet-python python3\nsh: 1: python3: not found\n",
            None,
            "has no Python, needs 3.10 or newer; tried python3, python3.14",
        ),
        (
            "fdpass-fleet-python /opt/python\nsh: 1: /opt/python: not found\n",
            "/opt/python",
            "/opt/python is no Python there: sh: 1: /opt/python: not found",
        ),
        ("This account is not available.\n", None, "cannot run sh: This account is not available."),
        ("", None, "cannot run sh: it said nothing"),
    ],
)
def test_a_host_without_a_new_python_is_told_so(
    said: str, python: str | None, complaint: str
) -> None:
    with pytest.raises(Refused) as refused:
        ssh.answer(said, python)

    assert complaint in str(refused.value)


def test_ssh_is_given_our_options_first_and_no_destination_as_an_option() -> None:
    command = ssh.command(Host("a", "-oProxyCommand=x", ("-p", "2")), "true", 7.0)

    assert command[:2] == ["ssh", "-T"]
    assert command.index("BatchMode=yes") < command.index("-p")
    assert "ConnectTimeout=7" in command
    assert command[-3:] == ["--", "-oProxyCommand=x", "true"]


@pytest.mark.parametrize(
    ("verdicts", "status"),
    [
        ([state.CONFORMS, state.CONFORMS], model.CONFORMS),
        ([state.CONFORMS, state.DEVIATES, state.NOTHING], model.DEVIATES),
        ([state.CONFORMS, state.NOTHING], model.NOTHING_RAN),
        ([state.DEVIATES, state.LOST], model.SUITE_FAILED),
        ([state.CONFORMS, state.REFUSES], model.SUITE_FAILED),
        ([state.CONFORMS, state.BROKEN], model.SUITE_FAILED),
        ([], model.NOTHING_RAN),
    ],
)
def test_the_exit_status_is_of_the_worst_host(verdicts: list[str], status: int) -> None:
    assert state.exit_status(verdicts) == status


def test_the_state_is_read_as_it_was_written(tmp_path: Path) -> None:
    outcomes = {"a": state.Outcome(state.LOST, "it does not answer", 3, 1, 2.5, "Python 3.11.2")}

    state.write(tmp_path, outcomes)

    assert state.read(tmp_path) == outcomes
    assert [path.name for path in tmp_path.iterdir()] == [state.FILE]


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        (None, "no fleet was run with this output folder"),
        ("{", "cannot be read"),
        ("[]", "is not the state of a fleet"),
        ('{"schema": 2}', "is not the state of a fleet"),
        ('{"schema": 1}', "is damaged"),
        ('{"schema": 1, "hosts": {"a": {"verdict": "conforms"}}}', "is damaged"),
    ],
)
def test_only_failed_says_why_it_knows_of_none(
    tmp_path: Path, text: str | None, complaint: str
) -> None:
    (tmp_path / "hosts.toml").write_text('[[host]]\nname = "a"')
    if text is not None:
        (tmp_path / state.FILE).write_text(text)

    ended = _command(tmp_path, "--only-failed")

    assert ended.exit_code == model.USAGE
    assert complaint in " ".join(ended.output.split())


def test_only_failed_has_nothing_to_do_where_all_conformed(tmp_path: Path) -> None:
    (tmp_path / "hosts.toml").write_text('[[host]]\nname = "a"')
    state.write(tmp_path, {"a": state.Outcome(state.CONFORMS)})

    ended = _command(tmp_path, "--only-failed")

    assert ended.output == "every host conformed, so none is visited again\n"


def test_what_is_no_archive_is_not_sent(tmp_path: Path) -> None:
    (tmp_path / "hosts.toml").write_text('[[host]]\nname = "a"')

    ended = _command(tmp_path, "--bundle", __file__)

    assert ended.exit_code == model.USAGE
    assert "is no archive" in " ".join(ended.output.split())


_STAYS = """
import os, subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"],
                         start_new_session=True)
print(os.getpid(), child.pid, flush=True)
time.sleep(600)
"""


def test_a_host_that_nobody_hears_of_any_more_ends_the_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "tmp").mkdir()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    bundle = single_file(tmp_path / "suite.pyz", _STAYS).read_bytes()
    own = {"sha256": hashlib.sha256(bundle).hexdigest(), "size": len(bundle)}
    rest = {"clean": False, "words": [], "baseline": None, "env": {"TMPDIR": f"{tmp_path}/tmp"}}
    there = execnet.makegateway(f"popen//python={sys.executable}")
    channel = there.remote_exec(worker)
    channel.send({**own, **rest, "lease": 3.0})
    wants = channel.receive(SOON)
    channel.send(bundle)
    got = channel.receive(SOON)
    _, line = channel.receive(SOON)
    pids = [int(word) for word in line.split()]

    assert (wants[0], got) == ("wants", ("got", len(bundle)))
    assert all(map(is_running, pids))
    eventually(lambda: not any(map(is_running, pids)), "the run is ended")
    eventually(lambda: not list((tmp_path / "tmp").iterdir()), "its folder is removed")
    with pytest.raises(EOFError):
        _read_on(channel)  # what was said while it was ended may lie before the end
    there.exit()


def _read_on(channel: Any) -> None:
    while True:
        channel.receive(SOON)


@pytest.mark.parametrize("mode", [0o777, 0o770])
def test_a_folder_that_others_can_write_to_keeps_no_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mode: int
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    folder = tmp_path / "fdpass-fleet"

    assert worker.kept_folder() == str(folder)

    folder.chmod(mode)

    assert worker.kept_folder() is None


def _command(folder: Path, *words: str) -> Any:
    bundle = single_file(folder / "suite.pyz", "")
    command = ["fleet", str(folder / "hosts.toml"), "--bundle", str(bundle), "-o", str(folder)]
    return CliRunner().invoke(cli, [*command, *words], standalone_mode=True)
