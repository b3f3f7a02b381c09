"""new-peer: what it writes speaks the protocol as it is, by the commands of its own README."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner

from conformance.__main__ import cli
from conformance.peers.shipped import SHIPPED
from conformance.peers.skeleton import SKELETONS

from .test_main import command

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="they pass by Unix sockets")


def _new(folder: Path, language: str) -> list[list[str]]:
    """Write one; give the commands of its README."""
    ended = CliRunner().invoke(cli, ["new-peer", str(folder), "--language", language])
    assert ended.exit_code == 0, ended.output
    readme = (folder / "README.md").read_text()
    return [shlex.split(line) for line in re.findall(r"^    (.*)$", readme, re.MULTILINE)]


@pytest.mark.parametrize("language", SKELETONS)
def test_it_goes_on_as_the_readme_says(language: str, tmp_path: Path) -> None:
    if lack := SHIPPED[SKELETONS[language].shipped].missing():
        pytest.skip(lack)
    folder = tmp_path / "deep" / "mine"
    first, check, run = _new(folder, language)

    if first[:3] != ["python", "-m", "conformance"]:
        shell = ["sh", "-c", " ".join(first)]
        subprocess.run(shell, cwd=folder, check=True, timeout=100, capture_output=True)
    checked = command(*check[3:], cwd=folder)
    ran = command(*run[3:], "--check", "fifo.order", "--transport", "inherited", cwd=folder)

    assert checked.returncode == 0, checked.stdout + checked.stderr
    assert ran.returncode == 0, ran.stdout + ran.stderr


@pytest.mark.parametrize("language", SKELETONS)
def test_the_file_of_the_passer_says_what_to_replace(language: str, tmp_path: Path) -> None:
    _new(tmp_path / "mine", language)
    skeleton = SKELETONS[language]
    text = (tmp_path / "mine" / skeleton.passer[1]).read_text()
    everything = "".join(
        path.read_text() for path in (tmp_path / "mine").iterdir() if path.name != "PROTOCOL.md"
    )

    assert text.startswith(f"{skeleton.mark} Your passer comes in here")
    words = set(re.findall(r"\b(\w+)\(\)", skeleton.replace))
    assert [word for word in words if not re.search(rf"\b{word}\b ?\(", everything)] == []
    assert "../PROTOCOL.md" not in everything
    assert "TODO" not in everything


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    mine = tmp_path / "passing.c"
    mine.write_text("years of work")

    ended = CliRunner().invoke(cli, ["new-peer", str(tmp_path), "--language", "c"])

    assert ended.exit_code == 2
    assert "is not empty, and nothing is overwritten" in " ".join(ended.output.split())
    assert mine.read_text() == "years of work"
    assert list(tmp_path.iterdir()) == [mine]


def test_a_language_that_there_is_not_is_refused(tmp_path: Path) -> None:
    ended = CliRunner().invoke(cli, ["new-peer", str(tmp_path / "x"), "--language", "cobol"])

    assert ended.exit_code == 2
    assert not (tmp_path / "x").exists()
