"""The page of the matrix: what stands in it, and that nothing outside of it is needed."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from io import StringIO
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner

from conformance.__main__ import cli
from conformance.report import pairs, pairs_page
from conformance.report.screen import Screen

if TYPE_CHECKING:
    from pathlib import Path

    from conformance.report.pairs import Cell, Document

_HOSTILE = '<script>alert("|")</script>'
_VOID = {"meta", "br"}


def cell(row: str, column: str, kind: str, words: str) -> Cell:
    step: pairs.Step = {"when": "full", "got": None, "said": "lost", "words": _HOSTILE}
    trial: pairs.Outcome = {
        "due": ["A"],
        "steps": [step],
        "sender": [_HOSTILE],
        "leaked": None,
        "failure": "",
    }
    return {
        "row": row,
        "column": column,
        "dialect": "nul",
        "kind": kind,
        "words": words,
        "seconds": 0.1,
        "trials": {"one by one": trial},
        "not_tried": {"array": "the sender has no send_many"},
        "transcript": {"the receiver": [f"> {_HOSTILE}"]},
    }


def document(size: int = 3) -> Document:
    kinds = list(pairs.KINDS)
    names = [f"peer-{i}" for i in range(size)]
    found = [
        cell(f"{one}, nul", other, kinds[(i + j) % len(kinds)], f"words {_HOSTILE}")
        for i, one in enumerate(names)
        for j, other in enumerate(names)
    ]
    return {
        "schema": 1,
        "suite": {"version": "0"},
        "started": "2026-11-21T10:00:00+00:00",
        "seconds": 1.5,
        "environment": {"uname": {"system": "Linux", "release": "6", "machine": "x86_64"}},
        "evidence": "ran",
        "rows": [
            {"id": f"{one}, nul", "name": one, "dialect": "nul", "wire": ["00+1"], "raw": False}
            for one in names
        ],
        "columns": [
            {
                "name": one,
                "passer": _HOSTILE,
                "version": "1.2.3",
                "language": "Perl",
                "package": "libio-fdpass-perl",
                "dialects": ["nul"],
                "lists_dialects": False,
            }
            for one in names
        ],
        "missing": {"ruby": "apt-get install ruby"},
        "cells": found,
        "finished": True,
    }


class _Reader(HTMLParser):
    """Keeps what refers to something, and what is open."""

    def __init__(self) -> None:
        super().__init__()
        self.refers: list[str] = []
        self.ids: set[str] = set()
        self.tags: set[str] = set()
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        if tag not in _VOID:
            self.open.append(tag)
        self.refers += [value or "" for name, value in attrs if name in {"href", "src"}]
        self.ids |= {value or "" for name, value in attrs if name == "id"}

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_the_page_needs_nothing_from_outside() -> None:
    said = pairs_page.html(document())
    reader = _Reader()
    reader.feed(said)

    assert reader.open == []
    assert reader.tags.isdisjoint({"script", "link", "img", "iframe"})
    assert {each.removeprefix("#") for each in reader.refers} <= reader.ids
    assert not re.search(r"https?:|url\(|@import", said)
    assert "prefers-color-scheme: dark" in said


def test_no_colour_stands_alone() -> None:
    said = pairs_page.html(document(len(pairs.KINDS)))

    for kind, look in pairs.KINDS.items():
        assert f"<b>{look.mark}</b><span>{kind}</span>" in said
        assert f".{kind.replace(' ', '-')} " in said, "it has no colour"


def test_the_page_tells_who_when_and_where() -> None:
    for said in (pairs_page.html(document()), pairs_page.markdown(document())):
        for words in ("ran 2026-11-21 on Linux 6 x86_64", "1.2.3", "apt-get install ruby"):
            assert words in said


def test_the_story_of_a_cell_is_told() -> None:
    said = pairs_page.html(document())

    assert "one by one: due A; came lost (while full); leaked unknown; the sender said: " in said
    assert "array: not tried: the sender has no send_many" in said


def test_a_table_in_markdown_keeps_its_columns() -> None:
    lines = pairs_page.markdown(document()).splitlines()
    start = next(i for i, line in enumerate(lines) if line.startswith("| sender, dialect"))

    rows = lines[start : start + 5]
    assert {len(re.findall(r"(?<!\\)\|", row)) for row in rows} == {5}


@pytest.mark.parametrize("plain", [True, False])
def test_a_wide_matrix_comes_in_pieces(plain: bool) -> None:
    shown = StringIO()
    screen = Screen(shown, plain=plain)
    screen.show(*pairs.shown(screen, document(25)))

    said = shown.getvalue()
    assert said.count("sender, dialect") >= 2
    for number in range(1, 26):
        assert re.search(rf"\b{number}\b", said)
    assert max(map(len, said.split("receivers: ")[0].splitlines())) <= screen.console.width
    assert said.isascii() == plain


def test_what_is_kept_is_shown_again(tmp_path: Path) -> None:
    kept, page = tmp_path / "pairs.json", tmp_path / "pairs.html"
    kept.write_text(json.dumps(document()))

    done = CliRunner().invoke(cli, ["pairs", "--read", str(kept), "--html", str(page)])

    assert done.exit_code == 0, done.output
    assert page.read_text() == pairs_page.html(document())


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"schema": 2}, "schema"),
        ({"finished": False}, "finished"),
        ({"cells": [{"row": "x"}]}, "cells"),
        ({"rows": None}, "rows"),
    ],
)
def test_what_is_no_matrix_is_refused(
    tmp_path: Path, change: dict[str, object], words: str
) -> None:
    kept = tmp_path / "pairs.json"
    kept.write_text(json.dumps({**document(), **change}))

    done = CliRunner().invoke(cli, ["pairs", "--read", str(kept)])

    assert done.exit_code == 2
    assert "is no matrix of pairs" in done.output
    assert words in done.output


def test_a_cut_file_is_refused(tmp_path: Path) -> None:
    kept = tmp_path / "pairs.json"
    kept.write_text(json.dumps(document())[:-40])

    with pytest.raises(pairs.Refused, match="expected JSON to the end"):
        pairs.read(str(kept))
