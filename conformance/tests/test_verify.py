from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner

from conformance.commands.verify import verify
from conformance.report import model

from .made_documents import run

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from click.testing import Result as Ended

    from conformance.report.model import Document

LOST = ("fail", "expected 2 descriptors, received 1")


def verified(path: Path, document: Document, *words: str) -> Ended:
    path.write_text(json.dumps(document))
    return CliRunner().invoke(verify, [str(path), *words], standalone_mode=False)


def again(*words: object) -> Ended:
    return CliRunner().invoke(verify, [str(word) for word in words], standalone_mode=False)


def only(document: Document, **changes: Callable[[Any], Any]) -> Document:
    """Change fields of a document, and keep its summary right."""
    for name, change in changes.items():
        document[name] = change(document[name])  # type: ignore[literal-required]
    document["summary"] = model.summary(document["results"])
    return document


def relabelled(results: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{**it, "level": "MAY"} if it["id"] == "fifo.order" else it for it in results]


def renamed(results: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{**it, "id": "fifo.older"} if it["id"] == "fifo.order" else it for it in results]


def test_a_whole_run_is_accepted(tmp_path: Path) -> None:
    done = verified(tmp_path / "run.json", run())

    assert done.return_value == 0, done.output
    assert done.output.endswith("accepted\n")


def test_a_run_that_does_not_conform_is_accepted_and_its_verdict_told(tmp_path: Path) -> None:
    done = verified(tmp_path / "run.json", run({"fifo.order": LOST}))

    assert done.return_value == 0
    assert "it says: does not conform" in done.output


@pytest.mark.parametrize(
    ("changes", "step", "fault"),
    [
        (
            {"suite": lambda it: {**it, "version": "0.0.9"}},
            "it is of suite",
            "received 0.0.9",
        ),
        (
            {"suite": lambda it: {**it, "catalogue_sha256": "f" * 64}},
            "it asked what this suite asks",
            f"received {'f' * 16}",
        ),
        (
            {"selection": lambda it: {**it, "complete": False, "complete_of": ["passer"]}},
            "nothing was left out by choice",
            "expected all checks of the platform, received a selection",
        ),
        (
            {"results": lambda it: [one for one in it if one["id"] != "fifo.order"]},
            "every MUST is there",
            "3 missing: fifo.order (socketpair), fifo.order (filesystem), fifo.order (inherited)",
        ),
        (
            {"results": lambda it: [one for one in it if one["id"] != "semantics.bytes-before"]},
            "every SHOULD and MAY is there",
            "1 missing: semantics.bytes-before",
        ),
        (
            {"results": relabelled},
            "its checks are those of the catalogue",
            "fifo.order: expected level 'MUST', received 'MAY'",
        ),
        (
            {"results": renamed},
            "its checks are those of the catalogue",
            "fifo.older: expected an id of the catalogue",
        ),
        (
            {"results": lambda it: [*it, it[0]]},
            "each result is there once",
            "bidirectional.first-to-second bsd44 socketpair auto",
        ),
        (
            {"results": lambda it: [{**it[0], "verdict": "error"}, *it[1:]]},
            "no error of the suite itself",
            "expected none, received 1",
        ),
        (
            {"results": lambda it: [{**one, "verdict": "skip"} for one in it]},
            "a MUST was executed",
            "expected one at least that passed or failed, received none",
        ),
    ],
)
def test_each_refusal_says_what_came_and_what_was_due(
    tmp_path: Path, changes: dict[str, Any], step: str, fault: str
) -> None:
    done = verified(tmp_path / "run.json", only(run(), **changes))

    lines = done.output.splitlines()
    (at,) = [number for number, line in enumerate(lines) if line.startswith(f"FAIL {step}")]
    assert fault in lines[at + 1]
    assert (done.return_value, lines[-1]) == (1, "refused")


def test_a_real_run_of_a_part_is_refused_for_that_alone(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "conformance", "run", "--check", "fifo.order", "-n", "0", "-q"]
    subprocess.run([*command, "--results", tmp_path / "run.json"], check=True, timeout=100)

    done = again(tmp_path / "run.json")

    wrong = [line[5:] for line in done.output.splitlines() if line.startswith("FAIL")]
    assert wrong == [
        "nothing was left out by choice",
        "every MUST is there",
        "every SHOULD and MAY is there",
    ]


def test_an_unfinished_file_is_refused(tmp_path: Path) -> None:
    done = verified(tmp_path / "run.json", only(run(), finished=lambda _: False))

    assert done.return_value == 1
    assert 'expected "finished": true, received False' in done.output


def test_a_run_of_a_passer_alone_is_whole_where_only_that_is_asked(tmp_path: Path) -> None:
    document = only(
        run(),
        results=lambda it: [one for one in it if one["transport"] != model.PLATFORM],
        selection=lambda it: {**it, "complete": False, "complete_of": ["passer"]},
    )

    assert "--subject passer" in verified(tmp_path / "run.json", document).output
    done = verified(tmp_path / "run.json", document, "--subject", "passer")
    assert done.return_value == 0, done.output


def test_what_refuses_nothing_is_told(tmp_path: Path) -> None:
    document = run({"fifo.order": ("skip", "the peer has no queue")}, evidence="simulated illumos")
    document["selection"] = {**document["selection"], "timeout_scale": 3.0}

    done = verified(tmp_path / "run.json", document)

    assert done.return_value == 0
    assert "evidence: simulated illumos" in done.output
    assert "MUST that were skipped in every variant: fifo.order" in done.output
    assert "run with --timeout-scale 3.0" in done.output
