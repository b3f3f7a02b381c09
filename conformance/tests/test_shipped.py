"""The peers that come with the suite: each speaks the protocol, or says what is to be installed."""

from __future__ import annotations

import json
import os
import shutil
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from conformance.__main__ import cli
from conformance.acquaintance import Acquaintance
from conformance.errors import CannotStart
from conformance.peers import compiled
from conformance.peers.shipped import SHIPPED, command_of
from conformance.report import model, passers

from .test_main import command

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="they pass by Unix sockets")


@pytest.mark.parametrize("name", SHIPPED)
def test_it_speaks_the_protocol(name: str) -> None:
    if lack := SHIPPED[name].missing():
        pytest.skip(lack)
    talk = Acquaintance(command_of(name), scale=2)
    try:
        faults = [finding for finding in talk.findings() if finding.fault]
    finally:
        talk.close()

    assert faults == []


def test_they_are_listed() -> None:
    listed = json.loads(CliRunner().invoke(cli, ["peers", "--json"]).output)

    assert [one["name"] for one in listed] == list(SHIPPED)
    for one in listed:
        assert one["found"] == (one["missing"] is None)
        due = SHIPPED[one["name"]]
        assert one["package"] or due.cpan or not due.probe


def test_a_missing_one_names_the_package(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))

    listed = CliRunner().invoke(cli, ["peers"]).output
    refused = CliRunner().invoke(cli, ["run", "--peer", "io-fdpass"])

    assert "IO::FDPass is not installed; Debian: apt-get install libio-fdpass-perl" in listed
    assert refused.exit_code == 2
    assert "libio-fdpass-perl" in refused.output
    with pytest.raises(CannotStart, match="libio-fdpass-perl"):
        command_of("io-fdpass")


@pytest.mark.skipif(shutil.which("cc") is None, reason="there is no C compiler")
def test_what_is_compiled_is_kept(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    source = tmp_path / "source"
    source.mkdir()
    (source / "one.c").write_text("int main(void) { return 0; }\n")

    (first,) = compiled.program("one", str(source), ".c", compiled.cc)
    made = os.stat(first).st_mtime_ns
    (again,) = compiled.program("one", str(source), ".c", compiled.cc)
    (source / "one.c").write_text("int main(void) { return 1; }\n")
    (changed,) = compiled.program("one", str(source), ".c", compiled.cc)

    assert again == first
    assert os.stat(again).st_mtime_ns == made
    assert changed != first
    assert Path(first).is_relative_to(tmp_path)


@pytest.mark.skipif(shutil.which("cc") is None, reason="there is no C compiler")
def test_what_does_not_compile_tells_why(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    source = tmp_path / "source"
    source.mkdir()
    (source / "one.c").write_text("int main(void) { return nothing; }\n")

    with pytest.raises(CannotStart, match="nothing"):
        compiled.program("one", str(source), ".c", compiled.cc)
    assert list((tmp_path / "cache" / "fdpass-conformance").iterdir()) == []


def test_the_page_tells_what_became_of_each(tmp_path: Path) -> None:
    results = tmp_path / "results.json"
    words = ("--check", "table.waits", "--check", "fifo.order", "--transport", "inherited")
    command("run", "--peer", "send-fds", *words, "-n", "0", "--results", results)

    known = {"table.waits": ("What finds no slot is lost.", "https://example.org/1")}
    about = passers.Passer("send_fds", "Python", "nul", known)
    said = passers.page([model.read(results)], {"send-fds": about})
    table = passers.promises([model.read(results)], {"send-fds": about})

    assert "| `send-fds` | send_fds | Python" in said
    assert "| 1 | 1 MUST | 0 |" in said
    assert "| keeps it | **1** of 1 |" in said
    assert "- What finds no slot is lost. (https://example.org/1)\n  MUST `table.waits`" in said
    assert "| `send-fds` | Python | keeps it | **1** of 1 |" in table
    unknown = passers.page([model.read(results)], {"send-fds": about._replace(reasons={})})
    assert "- not known: descriptor 1 of 1 was lost: " in unknown
    assert f"ran {model.read(results)['started'][:10]} on " in said


def test_readme_says_of_passers_what_their_page_says() -> None:
    here = Path(__file__).resolve().parents[1]
    whole = (here / "peers" / "README.md").read_text(encoding="utf-8")
    readme = (here.parent / "README.md").read_text(encoding="utf-8")
    table = readme.partition("<!-- passers -->\n")[2].partition("<!-- up to here -->")[0]
    rows = [line.strip("| ").split(" | ") for line in table.splitlines()[2:]]

    assert len(rows) >= 15
    assert len({language for _, language, *_ in rows}) >= 9
    for name, _, *cells in rows:
        assert f"| {' | '.join([name, *cells])} |" in whole
