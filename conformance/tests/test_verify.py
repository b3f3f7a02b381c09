from __future__ import annotations

import json
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner

from conformance.commands.verify import submit, verify
from conformance.report import model
from conformance.submission import folder

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


# -- a submission -----------------------------------------------------------------------------


@pytest.fixture
def packed(tmp_path: Path) -> Path:
    """Pack a submission with one file of evidence."""
    model.write(tmp_path / "run.json", run({"semantics.bytes-before": LOST}))
    (tmp_path / "run.log").write_text("it was run\n")
    words = ["--product", "Example | OS <3>", "--vendor", "Example & Sons"]
    done = CliRunner().invoke(
        submit,
        [
            *(str(tmp_path / "run.json"), "-o", str(tmp_path / "packed"), *words),
            *("--evidence", str(tmp_path / "run.log")),
        ],
        standalone_mode=False,
    )
    assert done.return_value == 0, done.output
    return tmp_path / "packed"


def test_a_submission_is_accepted_as_it_was_packed(packed: Path) -> None:
    done = again(packed)

    assert done.return_value == 0, done.output
    assert (packed / "results.json").read_bytes() == (packed.parent / "run.json").read_bytes()
    assert (packed / "evidence" / "run.log").read_text() == "it was run\n"


def test_the_statement_says_what_was_run_and_what_failed(packed: Path) -> None:
    words = (packed / "STATEMENT.md").read_text()
    page = (packed / "STATEMENT.html").read_text()

    assert "| product | Example \\| OS <3> |" in words
    assert "**It conforms**" in words
    assert "| `semantics.bytes-before` | SHOULD | expected 2 descriptors, received 1 |" in words
    assert folder.digest(packed / "results.json") in words
    assert "Example | OS &lt;3&gt;" in page
    assert "Example &amp; Sons" in page


@pytest.mark.parametrize(
    ("name", "fault"),
    [
        ("results.json", "results.json: expected sha256 "),
        ("evidence/run.log", "evidence/run.log: expected sha256 "),
        ("STATEMENT.md", "expected what the results say, received another text"),
        ("STATEMENT.html", "expected what the results say, received another text"),
    ],
)
def test_a_file_that_was_changed_is_found_out(packed: Path, name: str, fault: str) -> None:
    with (packed / name).open("a") as file:
        file.write("\n")

    done = again(packed)

    assert done.return_value == 1
    assert fault in done.output


def test_files_that_are_gone_or_came_later_are_found_out(packed: Path) -> None:
    (packed / "evidence" / "run.log").unlink()
    (packed / "evidence" / "other.log").write_text("")

    done = again(packed)

    assert done.return_value == 1
    assert "expected evidence/run.log: No such file or directory" in done.output
    assert "expected only files with a digest, received evidence/other.log" in done.output


def test_a_digest_of_a_file_elsewhere_is_refused(packed: Path) -> None:
    words = json.loads((packed / "submission.json").read_text())
    words["files"]["../run.json"] = words["files"]["results.json"]
    (packed / "submission.json").write_text(json.dumps(words))

    done = again(packed)

    assert done.return_value == 1
    assert "expected files within the folder, received ../run.json" in done.output


def test_without_its_results_a_submission_is_refused(packed: Path) -> None:
    (packed / "results.json").unlink()

    done = again(packed)

    assert done.return_value == 1
    assert "results.json: No such file or directory" in done.output


def test_results_that_would_be_refused_are_not_packed(tmp_path: Path) -> None:
    document = only(run(), suite=lambda it: {**it, "version": "0.0.9"})
    (tmp_path / "run.json").write_text(json.dumps(document))

    done = CliRunner().invoke(
        submit,
        [str(tmp_path / "run.json"), "--product", "X", "--vendor", "Y", "-o", str(tmp_path / "p")],
        standalone_mode=False,
    )

    assert done.return_value == 1
    assert not (tmp_path / "p").exists()


def test_nothing_is_packed_over_what_is_there(packed: Path) -> None:
    before = (packed / "STATEMENT.md").read_bytes()
    words = ["-o", str(packed), "--product", "X", "--vendor", "Y"]

    done = CliRunner().invoke(submit, [str(packed / "results.json"), *words])

    assert done.exit_code == 2
    assert "to be empty or not there" in done.output
    assert (packed / "STATEMENT.md").read_bytes() == before


# -- signatures -------------------------------------------------------------------------------


@pytest.fixture
def key(tmp_path: Path) -> Path:
    """Make a key, and the list that allows it to qa@example.org."""
    if shutil.which("ssh-keygen") is None:
        pytest.skip("ssh-keygen is not installed (Debian package openssh-client)")
    path = tmp_path / "key"
    keygen("-q", "-t", "ed25519", "-N", "", "-C", "", "-f", path)
    public = (tmp_path / "key.pub").read_text()
    (tmp_path / "allowed").write_text(f'qa@example.org namespaces="fdpass-conformance" {public}')
    return path


def keygen(*words: object) -> None:
    subprocess.run(
        ["ssh-keygen", *map(str, words)], check=True, timeout=30, stdin=subprocess.DEVNULL
    )


def sign(key: Path, file: Path, namespace: str = "fdpass-conformance") -> None:
    keygen("-q", "-Y", "sign", "-n", namespace, "-f", key, file)


def test_a_signed_submission_is_told_with_its_signer(packed: Path, key: Path) -> None:
    sign(key, packed / "STATEMENT.md")

    done = again(packed, "--allowed-signers", key.with_name("allowed"))

    assert done.return_value == 0, done.output
    assert "ok   STATEMENT.md is signed by qa@example.org" in done.output


def test_a_signed_results_file_is_accepted_from_whom_it_is_expected(
    tmp_path: Path, key: Path
) -> None:
    file = tmp_path / "run.json"
    model.write(file, run())
    sign(key, file)
    allowed = ("--allowed-signers", tmp_path / "allowed")

    assert again(file, *allowed, "--identity", "qa@example.org").return_value == 0
    done = again(file, *allowed, "--identity", "ceo@example.org")
    assert done.return_value == 1
    assert "FAIL run.json is signed by ceo@example.org" in done.output


def test_what_was_changed_after_it_was_signed_is_refused(packed: Path, key: Path) -> None:
    sign(key, packed / "STATEMENT.md")
    with (packed / "STATEMENT.md").open("a") as file:
        file.write("\n")

    done = again(packed, "--allowed-signers", key.with_name("allowed"))

    assert done.return_value == 1
    assert "expected a good signature in namespace fdpass-conformance" in done.output


@pytest.mark.parametrize("namespace", ["git", "file"])
def test_a_signature_for_another_purpose_is_refused(
    packed: Path, key: Path, namespace: str
) -> None:
    sign(key, packed / "STATEMENT.md", namespace)

    assert again(packed, "--allowed-signers", key.with_name("allowed")).return_value == 1


def test_a_key_that_nobody_allows_is_refused(packed: Path, key: Path) -> None:
    other = key.with_name("other")
    keygen("-q", "-t", "ed25519", "-N", "", "-C", "", "-f", other)
    sign(other, packed / "STATEMENT.md")

    assert again(packed, "--allowed-signers", key.with_name("allowed")).return_value == 1


def test_a_missing_signature_is_refused_where_one_is_asked(packed: Path, key: Path) -> None:
    done = again(packed, "--allowed-signers", key.with_name("allowed"))

    assert done.return_value == 1
    assert "STATEMENT.md.sig is not there" in done.output


def test_a_signature_without_a_list_of_signers_is_wrong_usage(packed: Path) -> None:
    done = CliRunner().invoke(verify, [str(packed), "--identity", "qa@example.org"])

    assert done.exit_code == 2
    assert "need --allowed-signers" in done.output
