"""The levels: a passer as a Python object, and one that is a program for each descriptor."""

from __future__ import annotations

import json
import shlex
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from conformance.__main__ import cli
from conformance.acquaintance import Acquaintance
from conformance.peers import examples
from conformance.peers.levels import command_of, refusal

from .test_main import command, run

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="they pass by Unix sockets")

_EXAMPLES = Path(examples.__file__).parent
IN_PROCESS = "conformance.peers.examples.in_process:factory"
ONE_SHOT = f"oneshot:{shlex.quote(sys.executable)} -S {_EXAMPLES / 'oneshot.py'}"

_SAYS = """import sys
if sys.argv[1] == "recv":
    sys.exit({said!r})
"""


def _check(peer: str) -> list[str]:
    talk = Acquaintance(command_of(peer), scale=2)
    try:
        return [finding.fault for finding in talk.findings() if finding.fault]
    finally:
        talk.close()


@pytest.mark.parametrize("peer", [IN_PROCESS, ONE_SHOT])
def test_the_examples_speak_the_protocol(peer: str) -> None:
    assert _check(peer) == []


@pytest.mark.parametrize(("peer", "level"), [(IN_PROCESS, "in-process"), (ONE_SHOT, "one-shot")])
def test_the_examples_pass(peer: str, level: str, tmp_path: Path) -> None:
    results = tmp_path / "out.json"
    words = ("--check", "fifo.order", "--check", "bidirectional.there-and-back")

    # A program for each descriptor: where others want the processor, that takes its time.
    slowly = ("--timeout-scale", "10", "--results", results)
    ended = run("--peer", peer, *words, "--transport", "inherited", *slowly)

    assert ended.returncode == 0, ended.stdout
    assert json.loads(results.read_text())["subject"]["level"] == level


def test_what_a_level_cannot_do_is_skipped_in_words(tmp_path: Path) -> None:
    checks = ("bidirectional.close-on-exec", "nonblocking.full-channel", "table.waits")
    words = [word for check in checks for word in ("--check", check)]

    ended = run("--peer", ONE_SHOT, *words, "--transport", "inherited")

    assert ended.returncode == 3
    assert "hands over what it received by exec" in ended.stdout
    assert "with a process for each descriptor no channel is full" in ended.stdout
    assert "the peer has no fill, free, limit" in ended.stdout


# -- in-process ---------------------------------------------------------------------------------


def test_a_module_of_the_current_folder_is_found(tmp_path: Path) -> None:
    text = (_EXAMPLES / "in_process.py").read_text()
    (tmp_path / "mine.py").write_text(text.replace("send-fds-in-process", "mine"))

    ended = command(
        *("run", "--peer", "mine:factory", "--check", "fifo.order", "-n", "1"), cwd=tmp_path
    )

    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert " mine 1 " in ended.stdout


@pytest.mark.parametrize(
    ("peer", "said"),
    [
        ("no_such_module:factory", "no_such_module:factory is no factory of passers: No module"),
        ("json:nothing", "json:nothing is no factory of passers: module 'json' has no attribute"),
        ("json:JSONDecoder", "is no factory of passers: 'JSONDecoder' object has no attribute"),
    ],
)
def test_what_is_no_factory_is_told(peer: str, said: str) -> None:
    ended = run("--peer", peer, "--check", "fifo.order")

    assert ended.returncode == 2
    assert said in ended.stderr


_MAKER = """
import socket

class Odd(Exception): pass
class Odder(Odd): pass

class Passer:
    def __init__(self, end): self.end = end
    def send(self, fd): socket.send_fds(self.end, [b"!"], [fd])
    def flush(self, timeout): pass
    def recv(self, timeout): raise Odder("as it is")
    def recv_many(self, timeout): return []
    def close(self): self.end.close()

class Maker:
    conditions = {Odd: "not-a-passer"}
    dialects = ("bang", "nul")
    def adopt(self, fd, dialect="bang"): return Passer(socket.socket(fileno=fd))

factory = Maker
"""


def test_exceptions_and_methods_are_what_the_maker_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "mine.py").write_text(_MAKER)
    monkeypatch.chdir(tmp_path)
    results = tmp_path / "out.json"
    words = ("--check", "table.text-is-refused", "--check", "fifo.order", "--results", results)

    ended = command("run", "-n", 0, "--peer", "mine:factory", *words, cwd=tmp_path)

    whole = json.loads(results.read_text())
    assert ended.returncode == 1
    assert {it["verdict"] for it in whole["results"] if it["group"] == "table"} == {"pass"}
    assert any("not-a-passer (as it is)" in it["message"] for it in whole["results"])
    assert whole["subject"]["dialects"] == ["bang", "nul"]
    assert {"recv_many", "adopt"} <= set(whole["subject"]["ops"])
    assert not {"recv_nowait", "send_many", "pair", "listen"} & set(whole["subject"]["ops"])


# -- one-shot -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("lost it is gone", "recv: lost (it is gone)"),
        ("oh dear", "recv: os (exit status 1: oh dear)"),
    ],
)
def test_the_first_word_of_standard_error_is_the_condition(
    tmp_path: Path, said: str, told: str
) -> None:
    (tmp_path / "one.py").write_text(_SAYS.format(said=said))
    peer = f"oneshot:{sys.executable} -S {tmp_path / 'one.py'}"

    ended = run("--peer", peer, "--check", "table.text-is-refused")

    assert f"expected not-a-passer: peer A: {told}" in ended.stdout


def test_a_program_that_runs_nothing_has_received_nothing(tmp_path: Path) -> None:
    (tmp_path / "one.py").write_text("")
    peer = f"oneshot:{sys.executable} -S {tmp_path / 'one.py'}"

    ended = run("--peer", peer, "--check", "table.text-is-refused")

    assert "PROGRAM was run with 0 descriptors; due: 1" in ended.stdout


@pytest.mark.parametrize(
    ("peer", "said"),
    [
        ("oneshot:", "it is empty"),
        ("oneshot:/no/such", "there is no peer and no program '/no/such'"),
        ("oneshot:'", "is no command line"),
    ],
)
def test_what_cannot_be_started_is_refused(peer: str, said: str) -> None:
    ended = CliRunner().invoke(cli, ["run", "--peer", peer])

    assert ended.exit_code == 2
    assert said in refusal(peer)
    assert said in " ".join(ended.output.split())
