"""Several interfaces in one run: what is expected, what is labelled, and what the tables show."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from conformance import environment, expected, simulated
from conformance.errors import Lacking
from conformance.harness import channels
from conformance.report import failure
from conformance.tests.test_report import document, result, shown

if TYPE_CHECKING:
    from pathlib import Path

_RUN = [sys.executable, "-m", "conformance", "run", "--plain", "-n", "0"]


def run(*words: str, surroundings: dict[str, str] | None = None) -> tuple[int, str]:
    done = subprocess.run(
        [*_RUN, *words],
        env=os.environ | (surroundings or {}),
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    return done.returncode, " ".join((done.stdout + done.stderr).split())


# -- what is expected


def test_this_system_is_known_to_have_its_interfaces() -> None:
    if not sys.platform.startswith("linux") or environment.simulated():
        pytest.skip("the table is asked for Linux here")

    assert expected.backends_of("fdpass") == ["bsd44"]
    assert expected.backends_of("fdpass", "Windows 10, Wine 8.0") == ["windows"]
    assert expected.backends_of("another passer") == []


def test_an_interface_that_has_disappeared_fails_the_run() -> None:
    status, said = run("--check", "interfaces.passes", "--expect", "smoke-signals")

    assert status == 1, said
    assert "smoke-signals is expected here: fdpass knows of no backend smoke-signals" in said


def test_one_that_nobody_expects_is_a_skip_in_words() -> None:
    if environment.simulated():
        pytest.skip("nothing is missing on the simulated system")

    status, said = run("--check", "interfaces.passes")

    assert status == 0, said
    assert "sysv: Linux has no STREAMS" in said


def test_a_named_interface_is_the_only_one_that_is_run() -> None:
    status, said = run("--check", "interfaces.passes", "--backend", "bsd44")

    assert status == 0, said
    assert "1 passed, 0 failed, 0 skipped" in said


# -- what stood between


def test_the_evidence_is_said_beside_the_verdict() -> None:
    assert "conforms: " in shown(document(result()))
    assert "conforms (simulated illumos): " in shown(
        document(result(), evidence="simulated illumos")
    )


def test_where_a_peer_says_it_runs_is_the_evidence() -> None:
    assert environment.evidence("Windows 10, Wine 8.0") == "ran on Windows 10, Wine 8.0"


def test_a_run_on_the_simulated_system_is_labelled_wherever_it_is_shown(tmp_path: Path) -> None:
    if reason := simulated.missing():
        pytest.skip(reason)
    surroundings = simulated.environment(simulated.build(tmp_path))
    files = {name: tmp_path / name for name in ("results", "junit")}
    words = [f"--{name}={path}" for name, path in files.items()]

    status, said = run(
        "--check", "bidirectional.first-to-second", *words, surroundings=surroundings
    )
    found = json.loads(files["results"].read_text())

    assert status == 0, said
    assert "conforms (simulated illumos): 9 passed" in said
    assert "promise, over sysv" in said
    assert found["evidence"] == "simulated illumos"
    assert {one["backend"] for one in found["results"]} == {"bsd44", "bsd43", "sysv"}
    assert 'name="evidence" value="simulated illumos"' in files["junit"].read_text()
    assert "simulated illumos" in [sign["what"] for sign in found["environment"]["surroundings"]]


# -- tables, names and order


def test_each_interface_has_a_table_of_its_own() -> None:
    said = shown(document(result(), result(backend="sysv"), result(backend="bsd43")), plain=True)

    assert [said.count(f"promise, over {name}") for name in ("bsd44", "bsd43", "sysv")] == [1] * 3


def test_one_that_was_only_skipped_has_none() -> None:
    said = shown(document(result(), result(backend="sysv", verdict="skip")), plain=True)

    assert "promise, over" not in said


def test_the_results_of_a_check_stand_in_the_order_of_the_interfaces() -> None:
    whole = document(result(backend="sysv"), result(backend="bsd43"), result())

    assert [one["backend"] for one in whole["results"]] == ["bsd44", "bsd43", "sysv"]


def test_a_failure_names_the_interface_if_there_are_several() -> None:
    results = [result(), result(backend="sysv")]

    assert failure.variants(results) == "bsd44 socketpair, sysv socketpair"
    assert failure.variants(results[:1]) == "socketpair"
    assert "--backend sysv" in " ".join(failure.again(results[1], {"backend": "each"}))


def test_a_matrix_is_drawn_of_nothing_but_skips() -> None:
    assert "the interfaces" in shown(document(result("interfaces.passes", "skip")), plain=True)


# -- channels of the harness


def test_a_channel_of_an_unknown_kind_is_lacking() -> None:
    with pytest.raises(Lacking, match="no channel for smoke-signals"):
        channels.open_channel("smoke-signals")


def test_a_channel_of_streams_is_lacking_where_there_are_none() -> None:
    if environment.simulated():
        pytest.skip("there are streams here")

    with pytest.raises(Lacking, match="stream"):
        channels.open_channel("sysv")
