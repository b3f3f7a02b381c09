from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner

from conformance.commands.compare import compare as command
from conformance.facts import document as facts
from conformance.report import comparison, model
from conformance.report.compare import compare

from .made_documents import environment, profile, run

if TYPE_CHECKING:
    from pathlib import Path

    from click.testing import Result as Ended

    from conformance.report.model import Document

LOST = ("fail", "expected 2 descriptors, received 1")
SKIPPED = ("skip", "the peer has no fork")


def kinds(old: Document, new: Document) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for change in compare(old, new).changes:
        found.setdefault(change.kind, []).append(change.of["id"])
    return found


def without(document: Document, check: str) -> Document:
    document["results"] = [result for result in document["results"] if result["id"] != check]
    document["summary"] = model.summary(document["results"])
    return document


def ended(folder: Path, old: Document, new: Document, *words: str) -> Ended:
    paths = [folder / "old.json", folder / "new.json"]
    for path, document in zip(paths, (old, new), strict=True):
        model.write(path, document)
    return CliRunner().invoke(command, [*map(str, paths), *words], standalone_mode=False)


def test_two_runs_alike_have_nothing_between_them() -> None:
    found = compare(run(), run())

    assert (found.changes, found.circumstances, found.worse()) == ([], [], [])
    assert found.alike == len(run()["results"])


def test_a_seeded_regression_is_found(tmp_path: Path) -> None:
    done = ended(tmp_path, run(), run({"fifo.order": LOST}), "--plain")

    assert done.return_value == 1
    assert "regressions: 1" in done.output
    assert "expected 2 descriptors, received 1" in " ".join(done.output.split())
    assert done.output.isascii()
    assert "1 check got worse, 0 fixed" in done.output


def test_variants_that_fail_alike_are_one_change() -> None:
    (change,) = compare(run(), run({"fifo.order": LOST})).changes

    assert len(change.members) == 3
    assert (change.was, change.now) == ("pass", "fail")


def test_variants_are_told_apart_by_what_was_seen_and_not_by_folders_of_a_run() -> None:
    messages = {
        f"fifo.order {transport}": ("fail", f"nobody at /tmp/fdcp-{transport}/endpoint-5")
        for transport in ("socketpair", "filesystem")
    }

    (change,) = compare(run(), run(messages)).changes

    assert len(change.members) == 2


@pytest.mark.parametrize(
    ("was", "now", "kind"),
    [
        (LOST, ("pass", ""), "fixed"),
        (("pass", ""), LOST, "regressed"),
        (SKIPPED, LOST, "regressed"),
        (("pass", ""), ("error", "no answer"), "regressed"),
        (("pass", ""), SKIPPED, "untried"),
        (LOST, SKIPPED, "otherwise"),
        (SKIPPED, ("pass", ""), "otherwise"),
        (LOST, ("error", "no answer"), "otherwise"),
    ],
)
def test_each_change_of_a_verdict_has_its_kind(
    was: tuple[str, str], now: tuple[str, str], kind: str
) -> None:
    assert kinds(run({"fifo.order": was}), run({"fifo.order": now})) == {kind: ["fifo.order"]}


def test_what_got_better_does_not_fail(tmp_path: Path) -> None:
    done = ended(tmp_path, run({"fifo.order": LOST}), run())

    assert done.return_value == 0
    assert "nothing got worse, 1 fixed" in done.output


def test_other_modes_of_another_peer_are_held_against_each_other() -> None:
    new = run({"fifo.order filesystem": LOST})
    for result in new["results"]:
        result["survival"] = "reserve" if result["survival"] else ""

    found = compare(run(), new)

    (change,) = found.changes
    assert (change.kind, change.of["id"], len(change.members)) == ("regressed", "fifo.order", 1)
    assert found.alike == len(run()["results"]) - 1


def test_an_interface_that_is_gone_is_worse() -> None:
    old = run()
    extra = {**old["results"][0], "backend": "bsd43"}
    old["results"].append(extra)  # type: ignore[arg-type]

    assert kinds(old, run()) == {"gone": [extra["id"]]}


def test_a_result_that_was_due_and_is_gone_is_worse() -> None:
    assert kinds(run(), without(run(), "fifo.order")) == {"gone": ["fifo.order"]}


def test_what_a_selection_left_out_is_not_gone(tmp_path: Path) -> None:
    new = without(run(), "fifo.order")
    new["selection"] = {**new["selection"], "complete": False, "complete_of": []}

    done = ended(tmp_path, run(), new)

    assert kinds(run(), new) == {"vanished": ["fifo.order"]}
    assert done.return_value == 0
    assert "the newer run is a selection" in done.output


def test_another_catalogue_is_told_and_its_checks_are_new_or_vanished(tmp_path: Path) -> None:
    old, new = without(run(), "table.waits"), without(run({"table.waits": LOST}), "fifo.order")
    old["suite"] = {**old["suite"], "catalogue_sha256": "0" * 64}

    done = ended(tmp_path, old, new)

    assert kinds(old, new) == {"new failing": ["table.waits"], "vanished": ["fifo.order"]}
    assert done.return_value == 0
    assert "different catalogues" in done.output


def test_a_level_that_changed_is_told() -> None:
    old = run()
    for result in old["results"]:
        if result["id"] == "fifo.order":
            result["level"] = "MAY"

    (change,) = compare(old, run()).of("level")

    assert (change.was, change.now) == ("MAY", "MUST")


def test_only_what_is_asked_strongly_enough_fails(tmp_path: Path) -> None:
    new = run({"semantics.bytes-before": LOST})

    assert ended(tmp_path, run(), new).return_value == 1
    done = ended(tmp_path, run(), new, "--level", "must")
    assert done.return_value == 0
    assert "regressions: 1" in done.output


def test_what_else_is_different_is_told_first() -> None:
    new = run(around=environment(release="7.2.0", libc="musl 1.2.5"))

    told = {name: (was, now) for name, was, now in compare(run(), new).circumstances}

    assert told == {
        "system": ("Linux 6.18.44 x86_64", "Linux 7.2.0 x86_64"),
        "C library": ("glibc 2.36", "musl 1.2.5"),
    }


def test_changed_facts_are_told_and_are_no_regression(tmp_path: Path) -> None:
    for name, told in (("a", profile()), ("b", profile({"limits.descriptors-per-message": 121}))):
        (tmp_path / f"{name}.json").write_text(facts.text(told))
    words = ["--facts", str(tmp_path / "a.json"), str(tmp_path / "b.json")]

    done = ended(tmp_path, run(), run(), *words)

    assert done.return_value == 0
    assert "changed facts: 1" in done.output
    assert "253 -> 121" in done.output


def test_markdown_has_a_table_for_each_kind(tmp_path: Path) -> None:
    message = "a | b"
    new = run({"fifo.order": ("fail", message)}, around=environment(release="7.2.0"))

    done = ended(tmp_path, run({"table.waits": LOST}), new, "--markdown")

    assert done.return_value == 1
    assert done.output.startswith("## ❌ 1 check got worse, 1 fixed")
    assert "### regressions: 1\n\n| check | level | was → now | seen |\n" in done.output
    assert "| `fifo.order` | MUST | pass → fail | a \\| b; over " in done.output
    assert "### fixes: 1\n" in done.output
    assert "| system | Linux 6.18.44 x86_64 | Linux 7.2.0 x86_64 |" in done.output


def test_long_lists_of_what_is_neither_worse_nor_better_are_folded() -> None:
    many = {result["id"] for result in run()["results"][:60]}
    old = run()
    old["results"] = [result for result in old["results"] if result["id"] not in many]
    found = compare(old, run())

    told = comparison.markdown(found, found.worse(), [], ("old", "new"))

    assert f"<details><summary>new checks: {len(many)}</summary>" in told


def test_a_file_that_is_none_is_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / "cut.json").write_text(json.dumps(run())[:-20])
    model.write(tmp_path / "new.json", run())

    done = CliRunner().invoke(command, [str(tmp_path / "cut.json"), str(tmp_path / "new.json")])

    assert done.exit_code == 2
    assert "cut.json is cut or damaged" in done.output
