"""The suite without the reference passer: others, and the platform, are judged all the same."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

_PACKAGE = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the suite, and with a package fdpass that says it is not there."""
    folder = tmp_path_factory.mktemp("alone")
    left_out = shutil.ignore_patterns("__pycache__", "tests")
    shutil.copytree(_PACKAGE, folder / "conformance", ignore=left_out)
    (folder / "fdpass.py").write_text(
        "raise ModuleNotFoundError('it has been removed', name='fdpass')\n"
    )
    return folder


def _conformance(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [
            sys.executable,
            "-P" if sys.version_info >= (3, 11) else "-B",
            "-m",
            "conformance",
            *words,
        ],
        env={**os.environ, "PYTHONPATH": str(folder)},
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_another_passer_is_judged(alone: Path) -> None:
    words = ("run", "--peer", "send-fds", "--check", "bidirectional.*", "--check", "table.waits")
    done = _conformance(alone, *words, "--results", "results.json", "-n", "0", "--plain")

    results = json.loads((alone / "results.json").read_text())["results"]
    verdicts = {(result["id"], result["verdict"]) for result in results}
    assert done.returncode == 1, done.stdout + done.stderr
    assert ("bidirectional.there-and-back", "pass") in verdicts
    assert ("table.waits", "fail") in verdicts, "recv_fds loses what finds no slot"


def test_the_platform_is_judged(alone: Path) -> None:
    done = _conformance(
        alone,
        "run",
        "--check",
        "semantics.shared-offset",
        "--check",
        "faults.closed-peer",
        "-n",
        "0",
    )

    assert done.returncode == 0, done.stdout + done.stderr
    assert "2 passed" in done.stdout


def test_the_rest_works(alone: Path) -> None:
    for words in (("list",), ("explain", "fifo.order"), ("repro", "faults.closed-peer")):
        done = _conformance(alone, *words)
        assert done.returncode == 0, done.stderr


def test_the_reference_passer_itself_is_missed_in_words(alone: Path) -> None:
    done = _conformance(alone, "run", "--check", "fifo.order", "-n", "0")

    assert done.returncode == 2
    assert "it has been removed" in done.stderr + done.stdout
