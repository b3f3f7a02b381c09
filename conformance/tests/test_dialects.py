"""Raw messages in the dialect of the peer, and a choice of dialect for a run."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any

import pytest

from conformance.errors import Lacking
from conformance.harness.dialects import SPOKEN, spoken

from .test_main import peer, run

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="they pass by Unix sockets")

# What it lists, it need not speak: only what it is asked for is looked at.
_SPEAKS = """
    def op_hello(self, request):
        return {{**super().op_hello(request), "dialects": {dialects!r}}}

    def op_adopt(self, request):
        assert request.get("dialect") == {told!r}, request
        request.pop("dialect", None)
        return super().op_adopt(request)
"""


def _results(tmp_path: Path, *words: str) -> list[dict[str, Any]]:
    path = tmp_path / "results.json"
    ended = run("--subject", "passer", "--results", path, *words)
    assert path.exists(), ended.stdout + ended.stderr
    results: list[dict[str, Any]] = json.loads(path.read_text())["results"]
    return results


def test_a_passer_that_counts_is_spoken_to_by_counting(tmp_path: Path) -> None:
    checks = ("passers.listener", "table.loss-is-told", "fifo.cut-in-two", "table.text-is-refused")
    words = [word for check in checks for word in ("--check", check)]

    results = _results(tmp_path, "--peer", "multiprocessing", *words)

    verdicts = {one["id"]: (one["verdict"], one["message"]) for one in results}
    assert verdicts == {
        "fifo.cut-in-two": (
            "skip",
            "a message of the dialect count is one byte: nothing can cut it",
        ),
        "passers.listener": ("pass", ""),
        "table.loss-is-told": ("pass", ""),
        "table.text-is-refused": (
            "skip",
            (
                "in the dialect count every byte is a number of descriptors: text cannot be told "
                "from a loss"
            ),
        ),
    }


def test_a_dialect_with_a_payload_is_not_spoken(tmp_path: Path) -> None:
    speaker = peer(tmp_path, _SPEAKS, dialects=["jsonl"], told=None)

    (result,) = _results(tmp_path, "--peer", speaker, "--check", "passers.listener")

    assert result["verdict"] == "skip"
    assert "the dialect jsonl, which is a line of JSON" in result["message"]


@pytest.mark.parametrize(("wanted", "told"), [("auto", None), ("nul", None), ("word0", "word0")])
def test_the_peer_is_told_what_is_not_usual(tmp_path: Path, wanted: str, told: str | None) -> None:
    speaker = peer(tmp_path, _SPEAKS, dialects=["nul", "word0"], told=told)
    words = ("--check", "fifo.order", "--transport", "inherited", "--dialect", wanted)

    (result,) = _results(tmp_path, "--peer", speaker, *words)

    assert (result["verdict"], result["message"]) == ("pass", "")


def test_bytes_go_with_a_descriptor_in_the_usual_dialect_only(tmp_path: Path) -> None:
    speaker = peer(tmp_path, _SPEAKS, dialects=["nul", "bang"], told="bang")
    words = ("--check", "fifo.data-in-order", "--transport", "inherited", "--dialect", "bang")

    (result,) = _results(tmp_path, "--peer", speaker, *words)

    assert result["message"] == "there are no bytes beside the descriptors in the dialect bang"


def test_what_a_peer_does_not_speak_is_refused() -> None:
    ended = run("--peer", "multiprocessing", "--dialect", "nul", "--check", "fifo.order")

    assert ended.returncode == 2
    assert "multiprocessing does not speak the dialect 'nul'; it speaks: count" in ended.stderr


def test_a_message_of_one_byte_cannot_be_cut() -> None:
    assert {name for name, one in SPOKEN.items() if one.in_parts} == {"nul", "word0"}
    for name in ("count", "bang"):
        with pytest.raises(Lacking, match=f"dialect {name} is one byte"):
            spoken(name).cut_in_two()
    with pytest.raises(Lacking, match="something that the suite does not know"):
        spoken("smoke")
