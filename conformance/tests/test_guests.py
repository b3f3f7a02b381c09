from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from ci.guests import console, front, inside, outcome, page, places, running, table
from ci.guests.kinds import KINDS
from conformance.report import model

from .made_documents import run

if TYPE_CHECKING:
    from collections.abc import Callable

ROW = """
schema = 1

[[platform]]
name = "one"
title = "a system"
reached = "guest"
evidence = "ran"
kind = "here"
"""


def test_the_table_is_as_it_should_be() -> None:
    platforms = table.platforms()

    guests = [one for one in platforms if one.reached == "guest"]
    assert len(guests) >= 20
    assert {one.kind for one in guests} == set(KINDS)
    assert {one.ci for one in guests} >= {"fast", "full"}


def test_readme_has_what_the_table_says() -> None:
    text = page.PAGE.read_text(encoding="utf-8")

    assert page.renewed(text, table.platforms()) == text


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("schema = 2", "expected schema = 1, found 2"),
        ("schema =", "platforms.toml: "),
        (ROW + 'colour = "red"', "one: unknown: colour; known: name, title"),
        (ROW.replace('title = "a system"\n', ""), "one: missing: title"),
        (ROW.replace('"ran"', '"seen"'), "one: evidence is 'seen', expected one of ran, emulated"),
        (ROW.replace('kind = "here"\n', ""), "one: a guest needs a kind"),
        (ROW + ROW.partition("1\n")[2], "twice in it: one"),
    ],
)
def test_a_table_that_is_none_is_refused(text: str, words: str) -> None:
    with pytest.raises(table.BadTable) as refused:
        table.platforms(text)

    assert words in str(refused.value)


def test_a_kind_says_what_it_needs() -> None:
    (row,) = table.platforms(ROW)

    with pytest.raises(table.BadTable, match=r"one: a guest of the kind here needs given\.kernel"):
        row.word("kernel")


def test_what_is_noted_changes_one_platform_only() -> None:
    text = ROW + ROW.partition("1\n")[2].replace('"one"', '"two"')

    once = page.noted(text, "one", {"seconds": "3"})
    twice = page.noted(once, "one", {"seconds": "4", "verdict": '"conforms"'})

    one, two = table.platforms(twice)
    assert (one.seconds, one.verdict) == (4, "conforms")
    assert (two.seconds, two.verdict) == (None, "")
    assert twice.count("seconds") == 1


def test_what_is_said_before_the_next_platform_stays_before_it() -> None:
    text = ROW + "\n# Of two:\n" + ROW.partition("1\n")[2].lstrip().replace('"one"', '"two"')

    noted = page.noted(text, "one", {"seconds": "3"})

    assert noted == text.replace("\n\n# Of two:", "\nseconds = 3\n\n# Of two:")


def test_a_run_that_was_stopped_or_chose_checks_is_not_recorded(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (platform,) = table.platforms(ROW)
    results = tmp_path / "one.json"
    stopped = {**run(), "finished": False, "interrupted": "ended by SIGTERM"}

    results.write_text(json.dumps(stopped))
    ended = outcome.of(platform, 4, 1.0, results, tmp_path / "log")
    assert (ended.status, outcome.whole(results)) == (4, None)
    assert "did not come to its end" in ended.words
    some = run()
    some["selection"]["group"] = ["fifo"]
    model.write(results, some)
    assert outcome.whole(results) is None
    model.write(results, run())
    assert outcome.whole(results) is not None
    assert [line.split()[0] for line in capsys.readouterr().out.splitlines()] == ["one:", "one:"]


def test_a_page_without_marks_is_refused() -> None:
    with pytest.raises(ValueError, match="has no <!-- made from"):
        page.renewed("nothing", [])


def test_the_first_process_reports_what_the_console_collects(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    inner, log, results = (tmp_path / name for name in ("inner", "log", "results"))
    inner.write_bytes(os.urandom(5000))

    print("before")
    inside.report(3, str(inner))
    print("after")
    log.write_text(capfd.readouterr().out.replace("\n", "\r\n"), newline="")

    assert console.collect(log, results) == 3
    assert results.read_bytes() == inner.read_bytes()
    assert log.read_text().split() == ["before", "after"]


def test_a_guest_without_results_reports_none(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    log, results = tmp_path / "log", tmp_path / "results"
    inside.report(4, str(tmp_path / "nothing"))
    log.write_text(capfd.readouterr().out)

    assert console.collect(log, results) == 4
    assert not results.exists()


def test_a_log_without_a_report_is_left_alone(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_text("kernel panic\n")

    assert console.collect(log, tmp_path / "results") is None
    assert log.read_text() == "kernel panic\n"


def test_a_document_is_found_amid_what_a_kernel_says(tmp_path: Path) -> None:
    log, document = tmp_path / "log", tmp_path / "document"

    log.write_text("booting\n", newline="")
    console.keep_document(log, document)
    assert not document.exists()
    log.write_text('booting {\r\n{\r\n "a": {\r\n  "b": 1\r\n }\r\n}\r\nhalted\r\n', newline="")
    console.keep_document(log, document)
    assert json.loads(document.read_text()) == {"a": {"b": 1}}
    log.write_text('Booting from ROM..\x1b[2J{\r\n "a": 2\r\n}\r\n', newline="")
    console.keep_document(log, document)
    assert json.loads(document.read_text()) == {"a": 2}


def test_what_a_program_says_is_kept(tmp_path: Path) -> None:
    log = tmp_path / "log"

    status = running.supervise([sys.executable, "-c", "print('said'); exit(5)"], log, 60)

    assert status == 5
    assert log.read_text().endswith("\nsaid\n")


def test_who_is_late_is_killed_with_all_it_started(tmp_path: Path) -> None:
    log = tmp_path / "log"
    begun = "import os, time; print(os.getpid(), flush=True); time.sleep(600)"
    both = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {begun!r}])"

    with pytest.raises(running.Overdue, match="not ended after 3 s"):
        running.supervise([sys.executable, "-c", both], log, 3)

    grandchild = int(log.read_text().splitlines()[-1])
    assert _within(30, lambda: not _lives(grandchild))


def _lives(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").split()[2] != "Z"
    except FileNotFoundError:
        return False


def _within(seconds: float, holds: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


def test_a_step_that_fails_says_what_it_said() -> None:
    with pytest.raises(running.CannotRun, match=r"exit status 7: no room"):
        running.call(sys.executable, "-c", "import sys; sys.stderr.write('no room'); exit(7)")
    with pytest.raises(running.CannotRun, match="there is no program no-such-program"):
        running.call("no-such-program")


def test_a_folder_is_made_once_and_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(places, "MADE", tmp_path)

    with pytest.raises(KeyError), places.made_once("it"):
        raise KeyError
    assert not (tmp_path / "it").exists()
    with places.made_once("it") as first:
        assert first is not None
        (first / "file").touch()
    with places.made_once("it") as second:
        assert second is None
    assert (tmp_path / "it" / "file").exists()


def test_names_choose_guests() -> None:
    guests = [one for one in table.platforms() if one.reached == "guest"]

    assert front.chosen(["full"]) == guests
    fast = [one for one in guests if one.ci == "fast"]
    assert front.chosen(["fast"]) == [front.in_haste(one) for one in fast]
    assert [one.name for one in front.chosen(["uml", "gvisor", "uml"])] == ["uml", "gvisor"]
    with pytest.raises(running.CannotRun, match="there is no guest 'hurd'; known: fast, full, cpy"):
        front.chosen(["hurd"])


@pytest.mark.parametrize(
    ("statuses", "expected"),
    [((0, 0), 0), ((0, None), 0), ((0, 1), 1), ((4, None), 1), ((None, None), 3)],
)
def test_the_exit_status_is_that_of_all(
    statuses: tuple[int | None, ...], expected: int, capsys: pytest.CaptureFixture[str]
) -> None:
    outcomes = [outcome.Outcome("one", status, "words") for status in statuses]

    assert front.told(outcomes) == expected
    assert f"{sum(status is not None for status in statuses)} ran" in capsys.readouterr().out


def test_a_verdict_counts_checks_and_not_their_variants() -> None:
    def result(identity: str, level: str, verdict: str) -> model.Result:
        return {"id": identity, "level": level, "verdict": verdict}  # type: ignore[typeddict-item]

    results = [result("a.b", "SHOULD", "fail")] * 3 + [result("a.c", "MUST", "pass")]
    document: model.Document = {"results": results}  # type: ignore[typeddict-item]

    assert outcome.verdict(document) == "conforms; not kept: 1 SHOULD"
    results.append(result("a.d", "MUST", "fail"))
    assert outcome.verdict(document) == "does not conform; not kept: 1 MUST, 1 SHOULD"
