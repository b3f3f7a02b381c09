from __future__ import annotations

import copy
import io
import json
import os
import re
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import jsonschema
import pytest

from conformance.report import catalogue, failure, listing, model, page, shape, terminal
from conformance.report.progress import NORMAL, QUIET, VERBOSE, Watch
from conformance.report.screen import Screen, duration

if TYPE_CHECKING:
    from pathlib import Path

    from conformance.report.catalogue import Behaviour, Entry
    from conformance.report.model import Document, Result


_ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def entry(name: str = "fifo.order", level: str = "MUST", **other: Any) -> Entry:
    made: Entry = {
        "id": name,
        "group": name.split(".", maxsplit=1)[0],
        "level": level,
        "source": "unix(7)",
        "requirement": "Descriptors arrive in order.",
        "why": "A stream keeps\nits order.",
        "needs": [],
        "each_survival": False,
        "each_backend": False,
        "only": "",
        "subject": "passer",
        "endangers": [],
    }
    made.update(other)  # type: ignore[typeddict-item]
    return made


def result(name: str = "fifo.order", verdict: str = "pass", **other: Any) -> Result:
    made: Result = {
        "id": name,
        "group": name.split(".", maxsplit=1)[0],
        "level": "MUST",
        "source": "unix(7)",
        "requirement": "Descriptors arrive in order.",
        "peer": "fdpass",
        "backend": "bsd44",
        "transport": "socketpair",
        "survival": "auto",
        "verdict": verdict,
        "message": "" if verdict == "pass" else "another order: [1, 0]",
        "seconds": 0.25,
    }
    made.update(other)  # type: ignore[typeddict-item]
    return made


def document(*results: Result, **other: Any) -> Document:
    made = model.document(
        version="0.1.0",
        entries=[entry("bidirectional.both"), entry("fifo.order"), entry("table.full")],
        started="2026-01-02T03:04:05+00:00",
        seconds=6.2,
        argv=["run"],
        selection={"peer": "fdpass", "complete": True},
        subject={"name": "fdpass", "version": "0.1.0"},
        environment={"bits": 64, "libc": None},
        evidence="ran",
        results=results,
    )
    made.update(other)  # type: ignore[typeddict-item]
    return made


def shown(whole: Document, **how: Any) -> str:
    file = io.StringIO()
    terminal.show(Screen(file, plain=how.pop("plain", False)), whole, **how)
    return file.getvalue()


# -- the results file ---------------------------------------------------------------------------


def test_a_document_fits_the_published_schema() -> None:
    whole = document(result(), result("table.full", "fail", transcript={"A": ["> {}"], "B": []}))

    jsonschema.Draft202012Validator.check_schema(model.schema())
    jsonschema.validate(whole, model.schema())


def test_what_was_written_is_read_back(tmp_path: Path) -> None:
    whole = document(result(), result("table.full", "skip"))
    path = tmp_path / "out.json"

    model.write(path, whole)

    assert model.read(path) == whole


def test_results_stand_in_the_order_of_the_catalogue() -> None:
    whole = document(
        result("table.full"),
        result("unknown.check"),
        result("fifo.order", transport="inherited"),
        result("fifo.order", transport="socketpair", survival="reserve"),
        result("fifo.order", transport="socketpair", survival="peek"),
        result("bidirectional.both"),
    )

    order = [(one["id"], one["transport"], one["survival"]) for one in whole["results"]]
    assert order == [
        ("bidirectional.both", "socketpair", "auto"),
        ("fifo.order", "socketpair", "peek"),
        ("fifo.order", "socketpair", "reserve"),
        ("fifo.order", "inherited", "auto"),
        ("table.full", "socketpair", "auto"),
        ("unknown.check", "socketpair", "auto"),
    ]


def test_the_old_file_stays_when_the_new_one_cannot_be_written(tmp_path: Path) -> None:
    path = tmp_path / "out.json"
    model.write(path, document(result()))
    before = path.read_text()

    with pytest.raises(model.Refused, match="verdict: expected one of 'pass'"):
        model.write(path, document(result(verdict="passed")))

    assert path.read_text() == before
    assert os.listdir(tmp_path) == ["out.json"]


def test_nothing_is_left_behind_when_the_disk_refuses(tmp_path: Path) -> None:
    whole = document(result())
    whole["argv"] = ["\ud800"] * 3
    path = tmp_path / "sub" / "out.json"

    with pytest.raises(FileNotFoundError):
        model.write(path, whole)

    assert os.listdir(tmp_path) == []


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("target.json")

    model.write(tmp_path / "link", document(result()))

    assert (tmp_path / "link").is_symlink()
    assert model.read(tmp_path / "target.json")["finished"]


def test_a_pipe_is_written_to_and_not_replaced() -> None:
    code = "from conformance.tests.test_report import *; model.write('/dev/stdout', document())"

    assert json.loads(_python("-c", code))["finished"] is True


def _python(*arguments: str) -> str:
    ended = subprocess.run(
        [sys.executable, *arguments], check=True, capture_output=True, text=True, cwd=_ROOT
    )
    return ended.stdout


def _without(*names: str) -> dict[str, Any]:
    whole: dict[str, Any] = dict(document(result()))
    for name in names:
        del whole[name]
    return whole


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "is empty: expected a results file"),
        ("<testsuites/>", "is not a results file: expected JSON to the end"),
        ('["a"]', 'is not a results file: expected an object with "schema": 1'),
        ('{"results": []}', 'is not a results file: expected an object with "schema": 1'),
        ('{"schema": 2}', "is of another format: expected schema 1, received schema 2"),
        (json.dumps(document())[:-40], "is cut or damaged: expected JSON to the end"),
        (
            json.dumps(_without("finished")),
            "did not come to its end: expected \"finished\": true, received 'nothing'",
        ),
        (json.dumps({**document(), "finished": False}), "received False"),
        (json.dumps(_without("subject")), "the document: 'subject' is missing"),
        (json.dumps(document(result(seconds="1"))), "results[0].seconds: expected number"),
        (
            json.dumps(document(result(), summary={"pass": 2, "fail": 0, "skip": 0, "error": 0})),
            "contradicts itself: its summary says 2 pass, 0 fail",
        ),
    ],
)
def test_a_cut_or_foreign_file_is_refused(tmp_path: Path, text: str, sentence: str) -> None:
    path = tmp_path / "out.json"
    path.write_text(text)

    with pytest.raises(model.Refused) as refused:
        model.read(path)

    assert sentence in str(refused.value)
    assert str(refused.value).startswith(str(path))


def test_the_file_of_an_interrupted_run_is_written_and_not_read(tmp_path: Path) -> None:
    path = tmp_path / "out.json"
    stopped = document(result(), finished=False, interrupted="ended by SIGTERM")

    model.write(path, stopped)

    jsonschema.validate(json.loads(path.read_text()), model.schema())
    with pytest.raises(model.Refused, match=r"received False \(ended by SIGTERM\)"):
        model.read(path)


@pytest.mark.parametrize("other", [{"finished": False}, {"interrupted": "ended by SIGTERM"}])
def test_a_run_is_either_finished_or_interrupted(tmp_path: Path, other: dict[str, Any]) -> None:
    with pytest.raises(model.Refused, match="contradicts itself"):
        model.write(tmp_path / "out.json", document(result(), **other))


def test_every_cut_of_a_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "out.json"
    model.write(path, document(result()))
    text = path.read_text().rstrip()

    for length in range(len(text)):
        path.write_text(text[:length])
        with pytest.raises(model.Refused):
            model.read(path)


def test_a_file_that_is_no_text_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "out.json"
    path.write_bytes(b"\x7fELF\xff\xfe")

    with pytest.raises(model.Refused, match="expected UTF-8 text"):
        model.read(path)


@pytest.mark.parametrize(
    "change",
    [
        {"schema": "1"},
        {"seconds": -1},
        {"seconds": True},
        {"argv": [1]},
        {"suite": {"version": "1"}},
        {"selection": {}},
        {"summary": {"pass": 1.5, "fail": 0, "skip": 0, "error": 0}},
        {"finished": 1},
        {"results": [{}]},
        {"results": {}},
        {"results": [{**result(), "level": "must"}]},
        {"results": [{**result(), "transcript": {"A": "line"}}]},
    ],
)
def test_our_own_validator_refuses_what_jsonschema_refuses(change: dict[str, Any]) -> None:
    whole = {**copy.deepcopy(document(result())), **change}

    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(whole, model.schema())
    assert shape.complaint(whole, model.schema())


def test_a_field_of_a_later_version_is_no_reason_to_refuse() -> None:
    whole = {**document(result()), "weather": {"path": "x"}}

    assert model.validate(whole)["finished"]


# -- the exit status ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("verdicts", "status"),
    [
        ([("MUST", "pass")], model.CONFORMS),
        ([("MUST", "pass"), ("SHOULD", "fail"), ("MAY", "fail")], model.CONFORMS),
        ([("MUST", "pass"), ("MUST", "skip")], model.CONFORMS),
        ([("MUST", "pass"), ("MUST", "fail")], model.DEVIATES),
        ([], model.NOTHING_RAN),
        ([("MUST", "skip")], model.NOTHING_RAN),
        ([("MUST", "skip"), ("SHOULD", "pass")], model.NOTHING_RAN),
        ([("MUST", "fail"), ("MAY", "error")], model.SUITE_FAILED),
    ],
)
def test_the_exit_status(verdicts: list[tuple[str, str]], status: int) -> None:
    results = [result(level=level, verdict=verdict) for level, verdict in verdicts]

    assert model.exit_status(results) == status


# -- on a terminal ------------------------------------------------------------------------------


def test_a_passing_run_ends_with_the_verdict_in_words() -> None:
    said = shown(document(result(), result("table.full", "skip", message="the peer has no fill")))

    assert said.endswith("conforms: 1 passed, 0 failed, 1 skipped in 6.2 s\n")
    assert "full descriptor table" in said
    assert "the peer has no fill" in said


def test_a_failure_tells_all_that_is_known_of_it() -> None:
    lines = [f'  0.{number:03} > {{"id": "ab", "op": "recv{number}"}}' for number in range(25)]
    failed = result("fifo.order", "fail", transcript={"A": lines, "B": ["2> Traceback"]})

    said = shown(document(failed), why={"fifo.order": "A stream keeps\nits order."})

    for words in (
        "✗ fifo.order  MUST  FIFO ordering",
        "required  Descriptors arrive in order.",
        "seen      another order: [1, 0]",
        "in        socketpair",
        "why       A stream keeps its order.",
        "source    unix(7)",
        "peer A    (5 lines before these)",
        '> {"op": "recv24"}',
        "2> Traceback",
        "does not conform: 0 passed, 1 failed, 0 skipped in 6.2 s",
    ):
        assert words in said
    assert "recv4" not in said


def test_what_is_said_over_and_over_is_shown_once() -> None:
    lines = [f'  0.{number:03} < {{"id": "{number}", "ok": {{}}}}' for number in range(30)]
    failed = result(verdict="fail", transcript={"A": ["  0.000 > {}", *lines]})

    said = shown(document(failed))

    assert 'peer A      0.000 > {}\n              0.000 < {"ok": {}}  (30 times)\n' in said


def test_variants_with_the_same_reason_are_one_failure() -> None:
    whole = document(
        result(verdict="fail", survival="peek", message="token 3fa9c0d1 is lost"),
        result(verdict="fail", survival="reserve", message="token 77aa00bb is lost"),
        result(verdict="fail", transport="inherited", message="no answer within 5 s"),
    )

    said = shown(whole)

    assert said.count("✗ fifo.order") == 2
    assert "in        socketpair (peek, reserve)\n" in said
    assert "failed: 1 (3 variants)" in said


def test_the_command_that_repeats_a_check_is_whole() -> None:
    chosen = {
        "peer": "python3 /a/very/long/path/to/a/peer/that/somebody/wrote/peer.py --fast",
        "backend": "sysv",
        "launcher": "qemu-x86_64-static -L /root",
        "timeout_scale": 3.0,
        "complete": True,
    }
    failed = result(verdict="fail", survival="peek")

    said = shown(document(failed, selection=chosen))

    command = said[said.index("python -m") : said.index("\n\n", said.index("python -m"))]
    words = subprocess.run(
        ["/bin/sh", "-c", "printf '%s\\n' " + command], capture_output=True, text=True, check=True
    )
    assert words.stdout.split("\n")[:-1] == failure.again(failed, chosen)


@pytest.mark.parametrize("plain", [True, False])
def test_it_fits_into_80_columns(plain: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    results = [
        result(f"{group}.check-{number}", verdict, transport=transport, message="word " * 40)
        for group in catalogue.PROMISES
        for transport in model.TRANSPORTS
        for number, verdict in enumerate(model.VERDICTS)
    ]

    said = shown(document(*results), plain=plain)

    lines = said.splitlines()
    assert max(map(len, lines[:-1])) <= 80
    assert not any(line.endswith(" ") for line in lines)
    assert said.isascii() == plain
    assert "\x1b" not in said


def test_colour_comes_and_goes_with_the_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.delenv("NO_COLOR", raising=False)

    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    def drawn() -> str:
        file = Terminal()
        terminal.show(Screen(file), document(result()))
        return file.getvalue()

    coloured = drawn()
    monkeypatch.setenv("NO_COLOR", "1")
    without = drawn()

    assert "\x1b[1;32mconforms" in coloured
    assert not re.search(r"\x1b\[[\d;]*3[0-7]", without)


def test_a_failed_should_is_told_apart() -> None:
    said = shown(document(result(), result("table.full", "fail", level="SHOULD")))

    assert "conforms: 1 passed, 1 failed (1 SHOULD), 0 skipped" in said


def test_what_befell_the_suite_is_told_and_is_no_verdict_on_the_peer() -> None:
    said = shown(document(result()), broken=["worker 'gw1' crashed\nwhile running"])

    assert "! worker 'gw1' crashed\n  while running\n" in said
    assert said.splitlines()[-1].startswith("the suite itself failed: 1 passed")


def test_a_selection_does_not_claim_the_whole() -> None:
    said = shown(document(result(), selection={"complete": False}))

    assert said.endswith("(a selection, not the whole catalogue)\n")


def test_quiet_shows_the_failures_and_the_verdict_only() -> None:
    passed = shown(document(result(), result("table.full", "skip")), quiet=True)
    failed = shown(document(result(verdict="fail")), quiet=True)

    assert passed == "conforms: 1 passed, 0 failed, 1 skipped in 6.2 s\n"
    assert "✗ fifo.order" in failed
    assert "promise" not in failed


@pytest.mark.parametrize(
    ("verbosity", "lines"),
    [
        (QUIET, []),
        (
            NORMAL,
            [
                "✗ fifo.order  inherited  0.2 s  another order: [1, 0]",
                "✗ FIFO ordering              1 passed, 2 failed  0.8 s",
            ],
        ),
        (
            VERBOSE,
            [
                "✓ fifo.order  socketpair  0.2 s",
                "✗ fifo.order  inherited  0.2 s  another order: [1, 0]",
                "✗ fifo.order  filesystem  0.2 s  another order: [1, 0]",
            ],
        ),
    ],
)
def test_progress_without_a_terminal_is_a_line_per_promise(
    verbosity: int, lines: list[str]
) -> None:
    file = io.StringIO()
    watch = Watch(Screen(file), verbosity)

    watch.planned(["fifo", "fifo", "fifo", "table"])
    watch.done(result())
    watch.done(result(verdict="fail", transport="inherited"))
    watch.done(result(verdict="fail", transport="filesystem"))
    watch.stop()

    assert file.getvalue().splitlines() == lines


def test_times_are_written_as_people_say_them() -> None:
    assert [duration(0.04), duration(59.94), duration(61.2)] == ["0.0 s", "59.9 s", "1 min 01 s"]


# -- the catalogue ------------------------------------------------------------------------------


_HOLDS: Behaviour = {
    "system": "Linux",
    "does": "Holds.",
    "evidence": "measured",
    "where": "a machine",
    "when": "2026-11",
    "url": "",
}


def test_the_catalogue_is_grouped_by_promise() -> None:
    text = page.render(
        [
            entry("later.thing", "MAY", subject="platform"),
            entry("table.full", needs=["fill"], each_survival=True),
            entry("bidirectional.both"),
        ]
    )

    headings = [line for line in text.splitlines() if line.startswith("## ")]
    assert headings == ["## Contents", "## Bidirectional", "## Full descriptor table", "## Later"]
    assert "3 requirements: 2 MUST, 1 MAY." in text
    assert "**Of a platform.** Tried with system calls alone" in text
    assert "- [Later](#later) (`later`): 1 MAY.\n" in text
    row = "| [`table.full`](#tablefull) | MUST | passer | Descriptors arrive in order. |\n"
    assert row in text
    assert "### `table.full`\n\nMUST. **Descriptors arrive in order.**\n" in text
    assert "- Source: unix(7)\n- Needs of the peer: `fill`\n" in text


def test_the_catalogue_tells_what_systems_do() -> None:
    odd: Behaviour = {
        **_HOLDS,
        "system": "BSD",
        "does": "Says EMSGSIZE.",
        "evidence": "documented",
        "where": "its source",
        "url": "https://example.org/source",
    }
    sandbox: Behaviour = {**_HOLDS, "system": "gVisor"}
    told = (_HOLDS, sandbox, odd)
    text = page.render([entry()], {"fifo.order": told}, {"fifo.order": ["Swapper"]})

    assert "- Holds, measured: Linux, gVisor\n" in text
    source = "[its source](https://example.org/source)"
    assert f"- BSD: Says EMSGSIZE. (documented: {source}, 2026-11)\n" in text
    assert f"| BSD | documented | {source} | 2026-11 | 1 |\n" in text
    assert "- Must catch: [`Swapper`](MUTANTS.md#fifo-ordering)\n" in text


def test_a_requirement_is_explained_with_what_systems_do(
    capsys: pytest.CaptureFixture[str],
) -> None:
    screen = Screen(plain=True)
    screen.show(*listing.explained(screen, entry(), ["Swapper: Swaps."], "", [_HOLDS]))

    said = capsys.readouterr().out
    assert re.search(r"known +Linux +Holds\.\n +measured: a machine, 2026-11\n", said)
    assert re.search(r"proven by +Swapper: Swaps\.\n", said)


def test_the_fingerprint_changes_with_what_is_asked() -> None:
    same = [entry(), entry("table.full")]

    assert catalogue.sha256(same) == catalogue.sha256(copy.deepcopy(same))
    assert catalogue.sha256(same) != catalogue.sha256([*same[:1], entry("table.full", "SHOULD")])


def test_reports_import_nothing_of_the_harness() -> None:
    code = """if True:
        import sys
        import conformance.report.terminal, conformance.report.progress, conformance.report.listing
        ours = {name for name in sys.modules if name.startswith(("conformance.", "fdpass"))}
        print(sorted(name for name in ours if not name.startswith("conformance.report")))
        print("pytest" in sys.modules)
    """

    assert _python("-c", code) == "[]\nFalse\n"


def test_a_results_file_is_read_without_anything_installed() -> None:
    code = "import conformance.report.model, sys; print('rich' in sys.modules)"

    assert _python("-S", "-c", code) == "False\n"
