from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree as ET

import pytest

import conformance
from conformance import environment
from conformance.verdict import FIELDS

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Run = Callable[..., "Outcome"]
    Faulty = Callable[[str], str]

NO_FORK = "def operations(self): return [op for op in super().operations() if op != 'fork']"
ROOT = os.path.dirname(os.path.dirname(conformance.__file__))


class Outcome:
    def __init__(self, done: subprocess.CompletedProcess[str], junit: Path) -> None:
        self.status = done.returncode
        self.output = done.stdout + done.stderr
        self.cases = list(ET.parse(junit).iter("testcase")) if junit.exists() else []

    @property
    def names(self) -> list[str]:
        return sorted(str(case.get("name")) for case in self.cases)

    @property
    def properties(self) -> list[dict[str, str]]:
        return [
            {str(one.get("name")): str(one.get("value")) for one in case.iter("property")}
            for case in self.cases
        ]

    @property
    def verdicts(self) -> set[str]:
        return {properties["verdict"] for properties in self.properties}


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Run pytest elsewhere, as a user of the installed package would."""

    def runner(*arguments: str, package: bool = True) -> Outcome:
        junit = tmp_path / "junit.xml"
        junit.unlink(missing_ok=True)
        command = [
            sys.executable,
            "-m",
            "pytest",
            "-p",
            "conformance.plugin",
            f"--junitxml={junit}",
        ]
        if package:
            command += ["--pyargs", "conformance"]
        done = subprocess.run(
            [*command, "-p", "no:cacheprovider", *arguments],
            check=False,
            capture_output=True,
            text=True,
            cwd=tmp_path,
            env=os.environ | {"PYTHONPATH": ROOT, "PYTEST_ADDOPTS": ""},
        )
        return Outcome(done, junit)

    return runner


@pytest.fixture
def faulty(tmp_path: Path) -> Faulty:
    """Give the command of the reference peer with another method."""

    def writer(body: str) -> str:
        script = tmp_path / "faulty.py"
        script.write_text(
            f"import os, sys\nsys.path.insert(0, {ROOT!r})\n"
            "from conformance.peers.reference import ReferencePeer, main\n"
            f"class Faulty(ReferencePeer):\n    {body}\nmain(Faulty)\n"
        )
        return f"{sys.executable} -S {script}"

    return writer


def test_a_check_runs_over_every_transport(run: Run) -> None:
    outcome = run("--check", "fifo.order")

    assert outcome.status == 0
    assert outcome.names == [
        "test_order[filesystem]",
        "test_order[inherited]",
        "test_order[socketpair]",
    ]
    assert "conformance: peer fdpass" in outcome.output


def test_a_report_carries_flat_strings(run: Run) -> None:
    (properties,) = run("--check", "fifo.order", "--transport", "inherited").properties

    assert tuple(properties) == (*FIELDS, "evidence", "starting")
    assert properties == {
        "id": "fifo.order",
        "group": "fifo",
        "level": "MUST",
        "source": properties["source"],
        "requirement": "Descriptors arrive in the order in which they were sent.",
        "peer": "fdpass",
        "backend": "bsd44",
        "transport": "inherited",
        "survival": "auto",
        "verdict": "pass",
        "message": "",
        "evidence": environment.evidence(),
        "starting": properties["starting"],
    }
    assert all(type(value) is str for value in properties.values())


def test_workers_collect_the_same(run: Run) -> None:
    alone = run("--group", "bidirectional", "--collect-only", "-q").output.splitlines()
    together = run("--group", "bidirectional", "-n", "2")

    assert together.status == 0
    assert len(together.names) == len([line for line in alone if "::" in line])
    assert together.verdicts <= {"pass", "skip"}


def test_our_own_tests_are_no_checks(run: Run) -> None:
    outcome = run("--collect-only", "-q")

    assert "checks/fifo.py::test_order[inherited]" in outcome.output
    assert "tests/" not in outcome.output
    assert "mutants/" not in outcome.output


def test_a_survival_mode_can_be_named(run: Run) -> None:
    outcome = run("--check", "fifo.order", "--transport", "inherited", "--survival", "reserve")

    assert outcome.names == ["test_order[inherited-reserve]"]
    assert outcome.properties[0]["survival"] == "reserve"
    assert outcome.verdicts == {"pass"}


def test_a_broken_requirement_fails_with_what_was_seen(run: Run, faulty: Faulty) -> None:
    peer = faulty(
        "def op_recv(self, it): super().op_recv(it); return {'fd': os.open('/dev/null', 1)}"
    )
    outcome = run("--peer", peer, "--check", "fifo.order", "--transport", "inherited")

    assert outcome.status == 1
    assert outcome.verdicts == {"fail"}
    assert outcome.properties[0]["message"].startswith("another order than sent: assert [None")
    assert "transcript of peer A" in outcome.output
    assert "held.py" not in outcome.output


def test_a_leak_is_a_failure(run: Run, faulty: Faulty) -> None:
    peer = faulty("def op_recv(self, it): os.dup(1); return super().op_recv(it)")
    outcome = run("--peer", peer, "--check", "bidirectional.first-to-second")

    assert outcome.status == 1
    assert outcome.verdicts == {"fail"}
    assert "peer B: 1 descriptor more than at the start" in outcome.properties[0]["message"]


def test_a_dead_peer_is_a_failure(run: Run, faulty: Faulty) -> None:
    peer = faulty("def op_recv(self, it): os._exit(9)")
    outcome = run("--peer", peer, "--check", "fifo.order", "--transport", "inherited")

    assert outcome.verdicts == {"fail"}
    assert outcome.properties[0]["message"] == "peer B: the peer died (exit status 9): recv"


def test_nonsense_is_an_error_of_the_suite(run: Run, faulty: Faulty) -> None:
    peer = faulty("def op_recv(self, it): return {'fd': it['nothing']}")
    outcome = run("--peer", peer, "--check", "fifo.order", "--transport", "inherited")

    assert outcome.verdicts == {"error"}
    assert outcome.properties[0]["message"].startswith("RequestRefused: peer B: recv: ")


def test_what_the_peer_lacks_is_skipped(run: Run, faulty: Faulty) -> None:
    peer = faulty(NO_FORK)
    outcome = run("--peer", peer, "--check", "fifo.order")

    assert outcome.status == 0
    assert [(it["transport"], it["verdict"]) for it in outcome.properties] == [
        ("socketpair", "skip"),
        ("filesystem", "pass"),
        ("inherited", "pass"),
    ]
    assert outcome.properties[0]["message"] == "the peer has no fork"


def test_a_run_that_skips_everything_does_not_pass(run: Run, faulty: Faulty) -> None:
    peer = faulty(NO_FORK)

    alone = run("--peer", peer, "--check", "fifo.order", "--transport", "socketpair")
    together = run("--peer", peer, "--check", "fifo.order", "--transport", "socketpair", "-n", "2")

    assert (alone.status, alone.verdicts) == (5, {"skip"})
    assert (together.status, together.verdicts) == (5, {"skip"})


def test_a_run_without_checks_does_not_pass(run: Run) -> None:
    assert run("--check", "no.such").status == 5


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (("--peer", "/no/such"), "there is no program '/no/such'"),
        (("--peer", "/bin/false"), "the peer died (exit status 1): hello"),
        (("--peer", "/bin/cat"), "the peer broke the protocol"),
        (("--survival", "luck"), "fdpass has no survival mode 'luck'"),
        (("--backend", "luck"), "fdpass has no backend 'luck'"),
        (("--launcher", "/no/such"), "there is no program '/no/such'"),
        (("--transport", "pigeon"), "invalid choice"),
    ],
)
def test_what_cannot_be_run_is_an_error_of_usage(
    run: Run, arguments: tuple[str, ...], complaint: str
) -> None:
    outcome = run(*arguments)

    assert outcome.status == 4
    assert complaint in outcome.output
    assert "Traceback" not in outcome.output


def test_a_launcher_starts_every_peer(run: Run) -> None:
    outcome = run("--launcher", "/usr/bin/env FDCP_SEEN=1", "--check", "fifo.order")

    assert outcome.status == 0
    assert outcome.verdicts == {"pass"}


@pytest.mark.parametrize("workers", ["0", "2"])
def test_the_results_are_written(run: Run, tmp_path: Path, workers: str) -> None:
    path = tmp_path / "results.json"
    outcome = run("--group", "fifo", "--results", str(path), "-n", workers)
    results: dict[str, Any] = json.loads(path.read_text())

    assert outcome.status == 0
    assert results["finished"] is True
    assert results["summary"]["pass"] == len(outcome.cases)
    assert results["selection"]["complete"] is False
    assert results["selection"]["group"] == ["fifo"]
    assert results["subject"]["name"] == "fdpass"
    assert {(it["id"], it["transport"]) for it in results["results"]} == {
        (it["id"], it["transport"]) for it in outcome.properties
    }


def test_a_failure_is_written_with_its_transcripts(
    run: Run, faulty: Faulty, tmp_path: Path
) -> None:
    path = tmp_path / "results.json"
    peer = faulty("def op_recv(self, it): os._exit(9)")
    run("--peer", peer, "--check", "fifo.order", "--transport", "inherited", f"--results={path}")
    (result,) = json.loads(path.read_text())["results"]

    assert result["verdict"] == "fail"
    assert list(result["transcript"]) == ["A", "B"]
    assert any("the peer died" in line for line in result["transcript"]["B"])


def test_other_peoples_tests_are_left_alone(run: Run, tmp_path: Path) -> None:
    (tmp_path / "test_theirs.py").write_text(
        "import pytest\n"
        "@pytest.fixture\n"
        "def bench(): return 5\n"
        "def test_theirs(bench): assert bench == 5\n"
    )
    outcome = run("--peer", "/no/such", "-q", ".", package=False)

    assert outcome.status == 0
    assert outcome.names == ["test_theirs"]
    assert outcome.properties == [{}]
