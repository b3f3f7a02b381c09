"""Platform checks as they are run: verdicts, hangs, crashes, and what is started for them."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from conformance import entries, plugin
from conformance.errors import BrokenProgram, Lacking, SystemFailed
from conformance.platform import program, runner
from conformance.report import model
from conformance.selection import left_out

from .test_platform import mark

if TYPE_CHECKING:
    from conformance.platform.runner import Ending
    from conformance.platform.script import Script

ROOT = Path(__file__).resolve().parent.parent.parent
FIRST = "semantics.first-byte"


def holds(s: Script) -> None:
    a, b = s.socketpair()
    s.send(a, b"x")
    s.expect(s.recv(b, 1).data, b"x", "other bytes")


def fails(s: Script) -> None:
    s.expect(s.table(), 99, "another number")


def hangs(s: Script) -> None:
    a, _ = s.socketpair()
    s.recv(a, 1)


def hangs_in_a_child(s: Script) -> None:
    a, _ = s.socketpair()
    with s.child():
        s.null()
        s.recv(a, 1)


def lacks(s: Script) -> None:
    s.need(s.table().equals(99), "there are not enough descriptors")


def cannot_prepare(s: Script) -> None:
    s.limit(3)
    s.null()


def run(check: Any, **how: Any) -> Ending:
    return runner.run(mark(check), check, **how)


def judged(ending: Ending) -> None:
    ending.judge(mark(holds))


# -- verdicts


def test_what_holds_passes_and_tells_its_steps() -> None:
    ending = run(holds)

    judged(ending)
    assert [json.loads(line)["do"] for line in ending.trace] == ["socketpair", "send", "recv"]


def test_a_failure_says_what_was_expected_and_what_that_endangers() -> None:
    with pytest.raises(SystemFailed) as failed:
        judged(run(fails))

    said = "another number: expected table_1 is 99, saw table_1 3; endangers: FIFO ordering"
    assert str(failed.value) == said


@pytest.mark.parametrize(
    ("check", "step"), [(hangs, "step 2, recv"), (hangs_in_a_child, "step 4, recv")]
)
def test_a_step_that_hangs_is_named(check: Any, step: str) -> None:
    with pytest.raises(SystemFailed, match=f"{step}, did not come to its end"):
        judged(run(check, scale=0.1))


def test_what_cannot_be_tried_says_what_is_lacking() -> None:
    with pytest.raises(Lacking, match="there are not enough descriptors"):
        judged(run(lacks))


def test_what_cannot_be_prepared_is_no_failure() -> None:
    with pytest.raises(BrokenProgram, match="step 2, null, failed with EMFILE"):
        judged(run(cannot_prepare))


# A launcher in place of the interpreter: what a program may do on a system that is worse.
_KILLS_ITSELF = """print('{"step": 1, "do": "socketpair", "errno": ""}', flush=True)
import os; os.kill(os.getpid(), 11)"""
_SLEEPS = """print('{"step": 1, "do": "socketpair", "errno": ""}', flush=True)
import os, signal; os.fork(); print(os.getpid(), flush=True); signal.pause()"""


def _instead(code: str) -> list[str]:
    return [sys.executable, "-c", code]


def test_a_program_that_is_killed_is_a_failure_of_the_system() -> None:
    ending = run(holds, launcher=_instead(_KILLS_ITSELF))

    with pytest.raises(SystemFailed, match="killed by SIGSEGV in step 2, send"):
        judged(ending)


def test_a_program_that_never_ends_is_killed_with_its_children(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(runner, "WHOLE", 0.5)
    ending = run(holds, launcher=_instead(_SLEEPS))

    with pytest.raises(SystemFailed, match=r"step 2, send, did not come to its end within 0.5 s"):
        judged(ending)
    assert len(ending.trace) == 3  # both had its output, and it has come to its end


@pytest.mark.parametrize("status", [0, 1, 77, 99, 2])
def test_a_status_without_a_verdict_is_no_verdict(status: int) -> None:
    ending = run(holds, launcher=_instead(f"import sys; print('{{}}'); sys.exit({status})"))

    with pytest.raises(BrokenProgram, match=f"status {status}: no verdict"):
        judged(ending)


def test_what_cannot_be_started_is_no_verdict() -> None:
    with pytest.raises(BrokenProgram, match="/no/such cannot be started"):
        run(holds, launcher=["/no/such"])


# -- what is run


def test_repro_prints_just_what_is_run(tmp_path: Path) -> None:
    ran = tmp_path / "ran.py"
    keep = f"import shutil, sys; shutil.copy(sys.argv[4], {str(ran)!r})"
    asked, check = entries.find(FIRST)
    runner.run(asked, check, launcher=_instead(keep))

    printed = conformance("repro", FIRST)

    assert printed.stdout == ran.read_text() == program.python(asked, check)


def test_repro_writes_c_and_refuses_what_there_is_not(tmp_path: Path) -> None:
    path = tmp_path / "program.c"

    written = conformance("repro", FIRST, "--c", "-o", path)
    unknown = conformance("repro", "semantics.first-bite")
    of_a_passer = conformance("repro", "fifo.order", "--c")

    assert (written.returncode, written.stdout) == (0, "")
    assert path.read_text() == program.c(*entries.find(FIRST))
    assert (unknown.returncode, of_a_passer.returncode) == (2, 2)
    assert FIRST in unknown.stderr
    assert "there is no C program" in of_a_passer.stderr


def test_repro_of_a_passer_needs_the_suite_and_says_so(tmp_path: Path) -> None:
    path = tmp_path / "program.py"
    conformance("repro", "fifo.order", "-o", path, "--peer", "/no/such")

    ended = subprocess.run([sys.executable, path], capture_output=True, text=True, check=False)

    assert "both are needed" in path.read_text()
    assert ended.returncode == 2
    assert "/no/such" in ended.stderr


def conformance(*words: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "conformance", *map(str, words)],
        capture_output=True,
        text=True,
        cwd=ROOT,
        timeout=100,
        check=False,
    )


# -- in a run of the suite


def test_no_peer_is_started_for_platform_checks(tmp_path: Path) -> None:
    path = tmp_path / "results.json"
    words = ["run", "--check", FIRST, "--peer", "/bin/false", "-n", "0", "--plain"]

    ended = conformance(*words, "--results", path)

    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert "none: the checks make the system calls themselves" in ended.stdout
    document = model.read(path)
    (result,) = document["results"]
    assert document["subject"]["command"] == []
    assert [result[name] for name in ("peer", "backend", "transport", "survival", "verdict")] == [
        *("platform", "", "platform", "", "pass")
    ]


@pytest.mark.parametrize(("subject", "ran"), [("passer", "order"), ("platform", "first_byte")])
def test_a_subject_can_be_chosen(subject: str, ran: str, tmp_path: Path) -> None:
    path = tmp_path / "results.json"
    checks = ["--check", "fifo.order", "--check", FIRST, "--transport", "inherited"]

    conformance("run", "--subject", subject, *checks, "-n", "2", "--results", path)

    (result,) = model.read(path)["results"]
    assert result["id"].endswith(ran.replace("_", "-"))


def test_both_subjects_have_a_table_of_their_own() -> None:
    checks = ["--check", "fifo.order", "--check", FIRST, "--transport", "inherited"]

    said = conformance("run", *checks, "-n", "0", "--plain").stdout

    assert "| promise " in said
    assert "| of the platform " in said


def test_they_are_not_run_under_a_wrong_name() -> None:
    said = conformance("run", "--check", FIRST, "--backend", "sysv", "-n", "0")

    assert said.returncode == 2
    assert "they try sendmsg and recvmsg, and the run is for sysv" in said.stderr


@pytest.mark.parametrize(
    ("simulated", "backend", "system", "words"),
    [
        (None, "each", None, ""),
        (None, "bsd44", None, ""),
        (None, "sysv", None, "the run is for sysv"),
        ("illumos", "each", None, "the simulated illumos"),
        (None, "each", "Windows", "would not try Windows, where the peer runs"),
    ],
)
def test_why_they_are_left_out(
    simulated: str | None, backend: str, system: str | None, words: str
) -> None:
    assert words in left_out(simulated, backend, system)
    assert bool(words) == bool(left_out(simulated, backend, system))


def test_workers_start_programs_as_the_controller_would() -> None:
    """Workers of an emulated run are not emulated, and would not know that it is one."""
    config = SimpleNamespace(
        workerinput={"conformance_launcher": "qemu-x86_64"}, getoption=lambda _: ""
    )

    assert plugin._launcher(config) == "qemu-x86_64"  # type: ignore[arg-type]
