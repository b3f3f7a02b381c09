"""A run with two peer programs: peer A is one of them, peer B the other."""

from __future__ import annotations

import json
import shutil
import sys
import xml.etree.ElementTree as ET
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner

from conformance.__main__ import cli
from conformance.joint import joint
from conformance.subject import Subject

from .test_main import peer, run

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="they pass by Unix sockets")

_TELLS_ITS_NAME = """
    def op_hello(self, request):
        return {{**super().op_hello(request), "name": {name!r}}}
"""
_LACKS_LIMIT = """
    op_limit = None
"""
_DIES_RECEIVING = """
    def op_recv(self, request):
        os._exit(9)
"""


def _subject(**hello: object) -> Subject:
    usual = {"name": "n", "version": "1", "language": "l", "ops": ["recv"]}
    return Subject(("n",), {**usual, "backends": {}, "survivals": {}, **hello})


def test_what_both_know_of_is_left() -> None:
    one = _subject(
        ops=["recv", "limit"],
        backends={"a": None, "b": None},
        survivals={"peek": None, "reserve": None},
        dialects=["nul", "count", "bang"],
        name="one",
    )
    other = _subject(
        ops=["recv", "queued"],
        backends={"b": "not here", "c": None},
        survivals={"reserve": None},
        dialects=["bang", "count"],
        name="other",
    )

    both = joint(one, other)

    assert both.name == "one and other"
    assert both.hello["ops"] == ["limit", "queued", "recv"]
    assert both.hello["backends"] == {"b": "not here"}
    assert both.survivals() == ["reserve"]
    assert both.dialects == ["count", "bang"]
    assert both.dialect_to_ask_for("auto") == "count"
    assert both.other is other


def test_without_a_common_dialect_they_cannot_be_joined() -> None:
    both = joint(_subject(dialects=["jsonl"]), _subject())

    assert both.refusal("each", "each") == (
        "peer A speaks the dialect jsonl, peer B nul: none that both speak"
    )


@pytest.mark.parametrize("workers", [0, 2])
def test_each_program_is_one_side(tmp_path: Path, workers: int) -> None:
    for name in ("left", "right"):
        (tmp_path / name).mkdir()
    left = peer(tmp_path / "left", _TELLS_ITS_NAME, name="left")
    right = peer(tmp_path / "right", _DIES_RECEIVING)
    results, junit = tmp_path / "out.json", tmp_path / "out.xml"
    words = ("--check", "bidirectional.first-to-second", "--check", "bidirectional.second-to-first")

    ended = run(
        *("--peer-a", left, "--peer-b", right, *words),
        *("--results", results, "--junit", junit),
        workers=workers,
    )

    whole = json.loads(results.read_text())
    verdicts = {(it["id"], it["transport"]): it["verdict"] for it in whole["results"]}
    assert ended.returncode == 1
    for transport in ("filesystem", "inherited"):
        assert verdicts["bidirectional.first-to-second", transport] == "fail"
        assert verdicts["bidirectional.second-to-first", transport] == "pass"
    assert verdicts["bidirectional.second-to-first", "socketpair"] == "skip"
    assert "the second peer is a fork of the first, and these are two" in ended.stdout
    assert f"--peer-a '{left}'" in ended.stdout
    assert whole["subject"]["name"] == "left and fdpass"
    assert [one["name"] for one in whole["subject"]["peers"]] == ["left", "fdpass"]
    assert (whole["selection"]["peer_a"], whole["selection"]["peer_b"]) == (left, right)
    assert "A: left " in ended.stdout
    (suite,) = ET.parse(junit).iter("testsuite")
    assert suite.get("name") == f"conformance of {left} with {right}"


def test_what_one_lacks_is_skipped_where_it_is_asked(tmp_path: Path) -> None:
    lacking = peer(tmp_path, _LACKS_LIMIT)
    results = tmp_path / "out.json"
    words = ("--check", "table.intermittent", "--transport", "inherited", "--survival", "auto")

    run("--peer-a", lacking, "--peer-b", "fdpass", *words, "--results", results)
    (receiver_has_it,) = json.loads(results.read_text())["results"]
    run("--peer-a", "fdpass", "--peer-b", lacking, *words, "--results", results)
    (receiver_lacks_it,) = json.loads(results.read_text())["results"]

    assert receiver_has_it["verdict"] == "pass"
    assert receiver_lacks_it["verdict"] == "skip"
    assert "peer B has no limit" in receiver_lacks_it["message"]


def test_nobody_is_asked_for_messages_that_the_other_does_not_know(tmp_path: Path) -> None:
    results = tmp_path / "out.json"
    words = ("--check", "fifo.array-order", "--check", "nonblocking.flush-times-out")
    path = ("--transport", "inherited", "--results", results)

    run("--peer-a", "fdpass", "--peer-b", "send-fds", *words, *path)
    there = {one["id"]: one for one in json.loads(results.read_text())["results"]}
    run("--peer-a", "send-fds", "--peer-b", "fdpass", *words, *path)
    back = {one["id"]: one for one in json.loads(results.read_text())["results"]}

    assert there["fifo.array-order"]["verdict"] == "pass"
    assert there["nonblocking.flush-times-out"]["verdict"] == "pass"
    assert "peer A has no send_many" in back["fifo.array-order"]["message"]
    assert back["nonblocking.flush-times-out"]["message"] == "peer A, which sends, has no queued"


def test_what_is_listened_at_has_the_dialect_too() -> None:
    words = ("--peer-a", "multiprocessing", "--peer-b", "multiprocessing", "--dialect", "count")

    ended = run(*words, "--check", "table.accept-recovers", "--check", "fifo.order")

    assert ended.returncode == 0, ended.stdout


@pytest.mark.skipif(shutil.which("cc") is None, reason="there is no C compiler")
def test_programs_of_two_languages_pass_to_each_other() -> None:
    words = ("--check", "fifo.order", "--check", "bidirectional.there-and-back")

    ended = run("--peer-a", "fdpass", "--peer-b", "c-cmsg", *words)

    assert ended.returncode == 0, ended.stdout
    assert "4 passed, 0 failed, 2 skipped" in ended.stdout


@pytest.mark.parametrize(
    "words",
    [
        ("--peer-a", "fdpass"),
        ("--peer-b", "fdpass"),
        ("--peer", "fdpass", "--peer-a", "fdpass", "--peer-b", "send-fds"),
    ],
)
def test_both_are_named_or_none(words: tuple[str, ...]) -> None:
    ended = CliRunner().invoke(cli, ["run", *words])

    assert ended.exit_code == 2
    assert "--peer-a and --peer-b belong together" in ended.output


def test_they_speak_what_both_speak() -> None:
    ended = run("--peer-a", "send-fds", "--peer-b", "multiprocessing", "--check", "fifo.order")

    assert ended.returncode == 2
    assert "peer A speaks the dialect nul, peer B count" in ended.stderr
