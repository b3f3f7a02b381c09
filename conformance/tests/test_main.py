from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jsonschema
import pytest
from click.testing import CliRunner

from conformance import entries, facts
from conformance.__main__ import cli
from conformance.report import catalogue, model
from conformance.requirement import catalogue as requirements

from .heeding import HEEDING

if TYPE_CHECKING:
    from collections.abc import Callable

_ROOT = Path(__file__).resolve().parent.parent.parent
_ONE = ("--check", "fifo.order", "--transport", "inherited")

# The reference peer with one thing changed, as a program of its own.
_PEER = """
import os, signal, sys
sys.path.insert(0, {root!r})
from conformance.peers.reference import ReferencePeer, main
from conformance.peers.session import BadRequest

class Changed(ReferencePeer):
    {change}

main(Changed)
"""
_DELIVERS_NULL = """
    def op_recv(self, request):
        received = super().op_recv(request)
        null = os.open("/dev/null", os.O_RDWR)
        os.dup2(null, received["fd"], False)
        os.close(null)
        return received
"""
_HAS_NO_TRANSPORT = """
    def operations(self):
        return ["send", "recv", "open"]
"""
_TAKES_RECV_FOR_NONSENSE = """
    def op_recv(self, request):
        raise BadRequest("what is that?")
"""
# It cannot fork, so that its parent is the harness.
_KILLS_THE_HARNESS = """
    def operations(self):
        return [name for name in super().operations() if name != "fork"]

    def op_send(self, request):
        os.kill(os.getppid(), signal.SIGKILL)
"""
_DIES = """
    def op_recv(self, request):
        os._exit(7)
"""
_TWO = (
    *("--check", "bidirectional.first-to-second", "--check", "fifo.order"),
    *("--transport", "inherited"),
)
_DIES_THEN_FREEZES = """
    def op_recv(self, request):
        if not os.path.exists({dead!r}):
            open({dead!r}, "w").close()
            os._exit(7)
        with open({mark!r}, "w") as mark:
            mark.write(str(os.getpid()))
        while True:
            signal.pause()
"""


def peer(folder: Path, change: str, **words: object) -> str:
    path = folder / "peer.py"
    path.write_text(_PEER.format(root=str(_ROOT), change=change.strip().format(**words)))
    return f"{sys.executable} {path}"


def command(*words: object, cwd: Path = _ROOT, **extra: str) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"COLUMNS": "100", "PYTHONPATH": str(_ROOT)} | extra
    return subprocess.run(
        [sys.executable, "-m", "conformance", *map(str, words)],
        capture_output=True,
        text=True,
        cwd=cwd,
        env=environment,
        timeout=100,
        check=False,
    )


def run(*words: object, workers: int = 0, **how: Any) -> subprocess.CompletedProcess[str]:
    return command("run", "-n", workers, *words, **how)


def last_line(ended: subprocess.CompletedProcess[str]) -> str:
    lines = [
        line for line in ended.stdout.splitlines() if not line.startswith(("results", "JUnit"))
    ]
    return lines[-1]


@pytest.mark.parametrize("workers", [0, 2])
def test_a_run_leaves_nothing_among_the_temporary_files(tmp_path: Path, workers: int) -> None:
    ended = run("--check", "fifo.order", workers=workers, TMPDIR=str(tmp_path))

    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert list(tmp_path.iterdir()) == []


# -- a run, and its exit status -----------------------------------------------------------------


@pytest.mark.parametrize("workers", [0, 2])
def test_0_the_reference_passer_conforms(tmp_path: Path, workers: int) -> None:
    results, junit = tmp_path / "out.json", tmp_path / "out.xml"

    ended = run("--check", "fifo.order", "--results", results, "--junit", junit, workers=workers)

    assert (ended.returncode, ended.stderr) == (0, "")
    assert last_line(ended).startswith("conforms: 3 passed, 0 failed, 0 skipped in ")
    assert f"results  {results}\nJUnit    {junit}\n" in ended.stdout
    whole = model.read(results)
    jsonschema.validate(whole, model.schema())
    assert [one["transport"] for one in whole["results"]] == list(model.TRANSPORTS)
    assert whole["selection"]["complete"] is False
    assert whole["environment"]["uname"]["release"] == os.uname().release
    properties = {one.get("name") for one in ET.parse(junit).iter("property")}
    assert {"id", "level", "transport", "verdict"} <= properties


@pytest.mark.parametrize("workers", [0, 2])
def test_1_a_peer_that_delivers_something_else_does_not(tmp_path: Path, workers: int) -> None:
    results = tmp_path / "out.json"
    broken = peer(tmp_path, _DELIVERS_NULL)

    ended = run(*_ONE, "--peer", broken, "--results", results, workers=workers)

    assert (ended.returncode, ended.stderr) == (1, "")
    assert last_line(ended).startswith("does not conform: 0 passed, 1 failed")
    assert "✗ fifo.order  MUST  FIFO ordering" in ended.stdout
    assert "AnyEvent::FDpasser" in ended.stdout
    assert '"op": "write"' in ended.stdout
    assert set(model.read(results)["results"][0]["transcript"]) == {"A", "B"}


def test_1_a_peer_that_dies_has_failed(tmp_path: Path) -> None:
    ended = run(*_ONE, "--peer", peer(tmp_path, _DIES))

    assert ended.returncode == 1
    assert "died (exit status 7)" in ended.stdout


def test_the_command_of_a_failure_repeats_it(tmp_path: Path) -> None:
    broken = peer(tmp_path, _DELIVERS_NULL)
    ended = run(*_ONE, "--peer", broken)

    block = ended.stdout[ended.stdout.index("python -m conformance run") :].split("\n\n")[0]
    words = subprocess.run(
        ["/bin/sh", "-c", "printf '%s\\n' " + block], capture_output=True, text=True, check=True
    ).stdout.splitlines()
    again = command(*words[3:])

    assert again.returncode == 1
    assert last_line(again).startswith("does not conform: 0 passed, 1 failed")


@pytest.mark.parametrize("workers", [0, 2])
def test_fail_fast_stops_at_the_first(tmp_path: Path, workers: int) -> None:
    results = tmp_path / "out.json"
    broken = peer(tmp_path, _DELIVERS_NULL)

    ended = run("-x", "--group", "fifo", "--peer", broken, "--results", results, workers=workers)

    assert ended.returncode == 1
    assert 1 <= model.read(results)["summary"]["fail"] <= 1 + 3 * workers
    assert model.read(results)["selection"]["complete"] is False


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--peer", "nobody"], "no peer and no program 'nobody'; known peers: fdpass"),
        (["--peer", "'"], "is no command line"),
        (["--peer", ""], "it is empty; known peers: fdpass"),
        (["--transport", "pigeon"], "'socketpair', 'filesystem', 'inherited'"),
        (["--level", "perhaps"], "'must', 'should', 'may'"),
        (["--timeout-scale", "0"], "0.0 is not in the range x>0"),
        (["--workers", "-1"], "expected a number or auto, received '-1'"),
        (["--results", "/nonexistent/out.json"], "there is no directory /nonexistent"),
        (["--junit", "/"], "/ is a directory"),
        (["-q", "-v"], "-q and -v contradict each other"),
        (["--no-such-option"], "No such option"),
    ],
)
def test_2_a_wrong_command_line_names_what_is_known(words: list[str], sentence: str) -> None:
    ended = CliRunner().invoke(cli, ["run", *words])

    assert ended.exit_code == 2
    assert sentence in " ".join(ended.output.split())


def test_2_python_that_leaves_out_the_requirements_says_so() -> None:
    ended = subprocess.run(
        [sys.executable, "-OO", "-m", "conformance", "list"],
        capture_output=True,
        text=True,
        check=False,
    )

    assert ended.returncode == 2
    assert "python -OO leaves out what the requirements say" in ended.stderr


def test_2_a_directory_that_is_gone_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()

    ended = CliRunner().invoke(cli, ["list"])

    assert ended.exit_code == 2
    assert "the current directory is gone" in ended.output


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--check", "fifo.ordre"], "there is no check 'fifo.ordre'; the nearest: fifo.order"),
        (["--check", "qqq*"], "there is no check 'qqq*'; `python -m conformance list` shows"),
        (["--group", "lifo"], "there is no group 'lifo'; known groups: bidirectional, "),
        (["--peer", "false"], "the peer died (exit status 1)"),
        (["--peer", "cat"], "the peer broke the protocol"),
        (["--survival", "hope"], "fdpass has no survival mode 'hope'; it has: "),
        (["--backend", "carrier"], "fdpass has no backend 'carrier'; it has: "),
    ],
)
def test_2_so_does_one_that_is_found_wrong_later(words: list[str], sentence: str) -> None:
    ended = run(*words)

    assert (ended.returncode, ended.stdout) == (2, "")
    assert sentence in ended.stderr


def test_3_a_peer_that_offers_nothing_proves_nothing(tmp_path: Path) -> None:
    ended = run("--check", "fifo.order", "--peer", peer(tmp_path, _HAS_NO_TRANSPORT))

    assert ended.returncode == 3
    assert last_line(ended).startswith("nothing is proven: 0 passed, 0 failed, 3 skipped")
    assert "the peer has no adopt" in ended.stdout


@pytest.mark.parametrize("workers", [0, 2])
def test_3_a_selection_of_nothing_proves_nothing(workers: int) -> None:
    ended = run("--check", "fifo.order", "--group", "bidirectional", workers=workers)

    assert ended.returncode == 3
    assert last_line(ended).startswith("nothing is proven: 0 passed, 0 failed, 0 skipped")


def test_3_nothing_but_a_should_proves_nothing() -> None:
    ended = run("--check", "kinds.pipe")

    assert ended.returncode == 3
    assert last_line(ended).startswith("nothing is proven, as no MUST was tried: 1 passed")


def test_0_warnings_that_are_errors_are_none_of_the_peer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONWARNINGS", "error")

    ended = run("--check", "nonblocking.refused-taken-over")

    assert ended.returncode == 0, ended.stdout


def test_4_a_fault_of_the_suite_is_no_verdict(tmp_path: Path) -> None:
    ended = run(*_ONE, "--peer", peer(tmp_path, _TAKES_RECV_FOR_NONSENSE))

    assert ended.returncode == 4
    assert last_line(ended).startswith("the suite itself failed: 0 passed, 0 failed")
    assert "errors of the suite itself, not of what it tries: 1" in ended.stdout


def test_4_a_worker_that_dies_is_told(tmp_path: Path) -> None:
    results = tmp_path / "out.json"
    results.write_text("of another run")
    broken = peer(tmp_path, _KILLS_THE_HARNESS)

    ended = run(*_ONE, "--peer", broken, "--results", results, workers=1)

    assert ended.returncode == 4
    assert "! worker 'gw0' crashed while running 'checks/fifo.py::test_order" in ended.stdout
    assert not results.exists()


class Running:
    """A run that does not end: its first check fails, and in the second a peer freezes."""

    def __init__(self, folder: Path, workers: int, *words: str) -> None:
        self.results, self.junit = folder / "out.json", folder / "out.xml"
        self._mark = folder / "frozen"
        freezing = peer(folder, _DIES_THEN_FREEZES, dead=str(folder / "dead"), mark=str(self._mark))
        run = [sys.executable, "-m", "conformance", "run", "-n", str(workers), *_TWO, *words]
        run += ["--peer", freezing, "--results", str(self.results), "--junit", str(self.junit)]
        self.process = subprocess.Popen(
            [*HEEDING, *run, "--timeout-scale", "9"],
            cwd=_ROOT,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def until_frozen(self) -> None:
        deadline = time.monotonic() + 60
        while not self._frozen() and time.monotonic() < deadline:
            time.sleep(0.01)

    def _frozen(self) -> int:
        try:
            return int(self._mark.read_text())
        except (OSError, ValueError):
            return 0

    def said(self) -> str:
        """What it has said in the end; nobody that it has started is left."""
        said, _ = self.process.communicate(timeout=60)
        if frozen := self._frozen():
            deadline = time.monotonic() + 10
            while _runs(frozen):
                assert time.monotonic() < deadline, "the frozen peer is still there"
                time.sleep(0.01)
        return said


def _runs(pid: int) -> bool:
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except FileNotFoundError:
        return False
    return stat.rpartition(")")[2].split()[0] != "Z"


def everybody(running: Running, number: int) -> None:
    os.killpg(running.process.pid, number)  # as a terminal does: the workers get it too


def the_run_alone(running: Running, number: int) -> None:
    running.process.send_signal(number)


def twice(running: Running, number: int) -> None:
    running.process.send_signal(number)  # as timeout(1) does
    running.process.send_signal(number)


on_linux = pytest.mark.skipif(not os.path.exists("/proc/self/stat"), reason="no /proc here")


@on_linux
@pytest.mark.parametrize("workers", [0, 1])
@pytest.mark.parametrize(
    ("number", "reason", "send"),
    [
        (signal.SIGINT, "interrupted from the keyboard", everybody),
        (signal.SIGINT, "interrupted from the keyboard", twice),
        (signal.SIGTERM, "ended by SIGTERM", the_run_alone),
        (signal.SIGTERM, "ended by SIGTERM", everybody),
        (signal.SIGTERM, "ended by SIGTERM", twice),
    ],
)
def test_4_an_interrupted_run_keeps_what_it_has_and_is_no_verdict(
    tmp_path: Path,
    workers: int,
    number: int,
    reason: str,
    send: Callable[[Running, int], None],
) -> None:
    running = Running(tmp_path, workers, "-q")
    running.until_frozen()

    send(running, number)
    said = running.said()

    assert running.process.returncode == 4, said
    assert f"! {reason}\n" in said
    assert "✗ bidirectional.first-to-second  MUST" in said
    last = [line for line in said.splitlines() if not line.startswith(("results", "JUnit"))][-1]
    assert last.startswith("interrupted, so that nothing is proven: 0 passed, 1 failed, ")
    whole = json.loads(running.results.read_text())
    jsonschema.validate(whole, model.schema())
    assert (whole["finished"], whole["interrupted"]) == (False, reason)
    assert (whole["selection"]["complete"], whole["selection"]["complete_of"]) == (False, [])
    assert [one["id"] for one in whole["results"]] == ["bidirectional.first-to-second"]
    cases = {case.get("name"): case for case in ET.parse(running.junit).iter("testcase")}
    error = cases["the whole run"].find("error")
    assert error is not None
    assert error.get("message") == f"interrupted: {reason}"
    assert None not in cases


@on_linux
@pytest.mark.parametrize("workers", [0, 1])
def test_4_a_run_whose_deadline_passes_is_interrupted(tmp_path: Path, workers: int) -> None:
    running = Running(tmp_path, workers, "--deadline", "5")

    said = running.said()

    assert running.process.returncode == 4, said
    assert "! the deadline of 5 s has passed\n" in said
    assert (
        json.loads(running.results.read_text())["interrupted"] == "the deadline of 5 s has passed"
    )


def test_a_deadline_that_does_not_pass_changes_nothing(tmp_path: Path) -> None:
    ended = run(*_ONE, "--deadline", 90, "--results", tmp_path / "out.json")

    assert ended.returncode == 0
    assert "interrupted" not in model.read(tmp_path / "out.json")


def test_an_ignored_sigterm_stays_ignored() -> None:
    code = """if True:
        import os, signal
        from conformance.stopping import stoppable
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        with stoppable():
            os.kill(os.getpid(), signal.SIGTERM)
    """

    subprocess.run([sys.executable, "-c", code], cwd=_ROOT, check=True)


@pytest.mark.parametrize(
    "command_line", [["verify"], ["compare", "{it}"], ["matrix", "--json", "{it}.matrix"]]
)
def test_the_results_of_an_interrupted_run_are_taken_for_no_whole_one(
    tmp_path: Path, command_line: list[str]
) -> None:
    path = tmp_path / "out.json"
    run(*_ONE, "--results", path)
    document = {**json.loads(path.read_text()), "finished": False, "interrupted": "it was late"}
    path.write_text(json.dumps(document))

    ended = command(*[word.format(it=path) for word in command_line], path)

    assert ended.returncode != 0
    said = " ".join((ended.stdout + ended.stderr).split())
    assert "did not come to its end" in said
    assert "(it was late)" in said


def test_4_results_that_cannot_be_written_are_told(tmp_path: Path) -> None:
    if not os.path.exists("/dev/full"):
        pytest.skip("no /dev/full here")

    ended = run(*_ONE, "--results", "/dev/full")

    assert ended.returncode == 4
    assert "! the results cannot be written: " in ended.stdout


def test_the_pytest_configuration_of_the_current_folder_changes_nothing(tmp_path: Path) -> None:
    (tmp_path / "pytest.ini").write_text("[pytest]\naddopts = --no-such-option\n")
    (tmp_path / "conftest.py").write_text("raise SystemExit('not me')\n")
    theirs = {"PYTEST_ADDOPTS": "-k nothing", "PYTEST_PLUGINS": "nobody"}

    ended = command("run", "-n", 0, *_ONE, cwd=tmp_path, **theirs)
    shared = command("run", "-n", 1, *_ONE, cwd=tmp_path, **theirs)

    assert (ended.returncode, shared.returncode) == (0, 0)
    assert last_line(ended).startswith("conforms: 1 passed")


def test_quiet_is_one_line_and_plain_is_ascii() -> None:
    quiet = run(*_ONE, "-q")
    plain = run(*_ONE, "--plain", "-v", FORCE_COLOR="1")

    assert re.fullmatch(r"conforms: 1 passed, .* catalogue\)\n", quiet.stdout)
    assert plain.stdout.isascii()
    assert "\x1b" not in plain.stdout
    assert re.search(r"^ok fifo.order  inherited  \d", plain.stdout, re.MULTILINE)


def test_an_output_without_unicode_gets_ascii() -> None:
    ended = run(*_ONE, PYTHONIOENCODING="ascii")

    assert ended.returncode == 0
    assert ended.stdout.isascii()


def test_the_exit_status_stands_in_the_help() -> None:
    said = command("run", "--help").stdout

    for status in ("0  conforms", "1  does not", "2  the command", "3  nothing", "4  the suite"):
        assert status in said


# -- list, explain, catalogue -------------------------------------------------------------------


def test_the_list_is_grouped_by_promise() -> None:
    said = command("list").stdout

    assert "FIFO ordering  --group fifo\n" in said
    assert re.search(r"^  fifo\.order +MUST +Descriptors arrive", said, re.MULTILINE)


def test_the_list_is_there_for_programs() -> None:
    listed = json.loads(command("list", "--json").stdout)

    assert listed == {"checks": entries.entries(), "facts": facts.entries()}
    assert set(listed["checks"][0]) >= {
        *("id", "group", "level", "source", "subject", "endangers"),
        *("requirement", "why", "needs", "each_survival", "each_backend", "only"),
    }
    assert set(listed["facts"][0]) == {"id", "group", "type", "meaning", "source"}


def test_explain_tells_all_about_one() -> None:
    requirement, check = entries.find("fifo.order")
    said = command("explain", "fifo.order").stdout

    assert "fifo.order  MUST  FIFO ordering\n" in said
    assert requirement.summary in said
    assert requirement.source in said
    assert f"  def {check.__name__}(bench: Bench) -> None:\n" in said
    assert "python -m conformance run --check fifo.order -n 0\n" in said
    assert "proven by" in said


def test_explain_of_an_unknown_id_names_the_nearest() -> None:
    ended = command("explain", "order")

    assert (ended.returncode, ended.stdout) == (2, "")
    assert "fifo.order" in ended.stderr


def test_a_fault_of_the_command_line_itself_is_4() -> None:
    code = """if True:
        from conformance import __main__, entries
        def fails(): raise RuntimeError("a bug")
        entries.entries = fails
        __main__.main()
    """
    ended = subprocess.run(
        [sys.executable, "-c", code, "list"], cwd=_ROOT, capture_output=True, text=True, check=False
    )

    assert ended.returncode == 4
    assert "RuntimeError: a bug" in ended.stderr


def test_the_catalogue_is_what_the_checks_say() -> None:
    ended = command("catalogue", "--check")

    assert (ended.returncode, ended.stderr) == (0, "")


def test_every_group_has_its_words() -> None:
    groups = {requirement.group for requirement, _ in requirements()}

    assert groups <= set(catalogue.PROMISES)
    assert set(catalogue.PROMISES) == set(catalogue.SENTENCES)
