from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from conformance import known, mutants
from conformance.entries import entries
from conformance.report import page

if TYPE_CHECKING:
    from pathlib import Path

    from conformance.report.catalogue import Behaviour

_IDS = ("fifo.order", "fifo.never-twice", "table.waits")
_LINE = {
    "check": "'fifo.order'",
    "system": "'FreeBSD'",
    "does": "'Holds.'",
    "evidence": "'documented'",
    "where": "'uipc_usrreq.c'",
    "when": "'2026-11'",
}


def _read(folder: Path, *lines: dict[str, str]) -> list[tuple[str, Behaviour]]:
    path = folder / "fifo.toml"
    tables = ["\n".join(["[[known]]", *(f"{k} = {v}" for k, v in it.items())]) for it in lines]
    path.write_text("\n".join(tables), encoding="utf-8")
    return list(known.read(path, _IDS))


# -- the format ---------------------------------------------------------------------------------


def test_a_line_is_read(tmp_path: Path) -> None:
    ((check, behaviour),) = _read(tmp_path, _LINE)

    assert check == "fifo.order"
    assert behaviour == {
        "system": "FreeBSD",
        "does": "Holds.",
        "evidence": "documented",
        "where": "uipc_usrreq.c",
        "when": "2026-11",
        "url": "",
    }


def test_a_line_may_be_about_several_checks(tmp_path: Path) -> None:
    found = _read(tmp_path, {**_LINE, "check": "['fifo.order', 'fifo.never-twice']"})

    assert [check for check, _ in found] == ["fifo.order", "fifo.never-twice"]
    assert found[0][1] == found[1][1]


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"check": "'fifo.odrer'"}, "there is no check 'fifo.odrer'"),
        ({"check": "'table.waits'"}, "table.waits belongs into table.toml"),
        ({"check": "[]"}, "expected one id or several in 'check', found []"),
        ({"check": "[7]"}, "there is no check 7"),
        ({"evidence": "'guessed'"}, "expected measured or documented in 'evidence'"),
        ({"when": "'lately'"}, "expected a month or a day such as 2026-11 in 'when'"),
        ({"when": "2026-11-20"}, "expected words in 'when'"),
        ({"does": "'Nothing'"}, "expected a sentence in 'does'"),
        ({"does": "' '"}, "expected words in 'does'"),
        ({"url": "'source.c'"}, "expected an address in 'url'"),
        ({"link": "'https://example.org'"}, "there is no 'link'; known: check, system"),
    ],
)
def test_a_wrong_line_is_refused(tmp_path: Path, wrong: dict[str, str], said: str) -> None:
    expected = rf"^fifo\.toml, \[\[known\]\] number 2: {re.escape(said)}"

    with pytest.raises(known.BadLine, match=expected):
        _read(tmp_path, {**_LINE, "system": "'NetBSD'"}, {**_LINE, **wrong})


@pytest.mark.parametrize("name", sorted(_LINE))
def test_no_word_may_be_missing(tmp_path: Path, name: str) -> None:
    line = {key: value for key, value in _LINE.items() if key != name}

    with pytest.raises(known.BadLine, match=f"'{name}' is missing"):
        _read(tmp_path, line)


def test_nothing_is_told_twice(tmp_path: Path) -> None:
    with pytest.raises(known.BadLine, match=r"number 2: fifo\.order on FreeBSD is told already"):
        _read(tmp_path, _LINE, _LINE)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("known = ", "is no TOML"),
        ("[known]", "in two brackets"),
        ("[[expect]]", "expected \\[\\[known\\]\\] only, found 'expect'"),
    ],
)
def test_another_file_is_refused(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "fifo.toml"
    path.write_text(text, encoding="utf-8")

    with pytest.raises(known.BadLine, match=said):
        list(known.read(path, _IDS))


# -- what is known ------------------------------------------------------------------------------


def test_every_file_keeps_to_the_format() -> None:
    assert known.known()


def test_every_file_is_of_a_group() -> None:
    groups = {entry["group"] for entry in entries()}

    assert {path.stem for path in known.FOLDER.glob("*.toml")} <= groups


def test_the_systems_stand_in_their_order() -> None:
    told = [it["system"] for it in known.known()["passers.cycle-is-collected"]]

    assert told[:2] == ["Linux", "gVisor"]
    assert told.index("NetBSD") < told.index("macOS") < told.index("Wine")


# -- the pages ----------------------------------------------------------------------------------


def test_every_link_within_the_pages_leads_somewhere() -> None:
    pages = {
        "CATALOGUE.md": page.render(entries(), known.known(), mutants.by_check()),
        "MUTANTS.md": mutants.kill_matrix(),
    }
    headings = {
        (name, page.anchor(line.lstrip("# ")))
        for name, text in pages.items()
        for line in text.splitlines()
        if line.startswith("#")
    }
    links = {
        (there or name, anchor)
        for name, text in pages.items()
        for there, anchor in re.findall(r"\]\(((?:CATALOGUE|MUTANTS)\.md)?#([^)]*)\)", text)
    }

    assert links - headings == set()
