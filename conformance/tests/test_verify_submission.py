from __future__ import annotations

import json
import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner

from conformance.commands.verify import submit, verify
from conformance.report import model
from conformance.submission import folder

from .made_documents import run

if TYPE_CHECKING:
    from pathlib import Path

    from click.testing import Result as Ended


LOST = ("fail", "expected 2 descriptors, received 1")


def again(*words: object) -> Ended:
    return CliRunner().invoke(verify, [str(word) for word in words], standalone_mode=False)


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
    document = {**run(), "suite": {"version": "0.0.9", "catalogue_sha256": "0" * 64}}
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
