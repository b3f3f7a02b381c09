from __future__ import annotations

import copy
import datetime
import io
import itertools
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jsonschema
import pytest
from click.testing import CliRunner

from conformance import entries
from conformance.__main__ import cli
from conformance.baseline import blocks, condition, file, judging, update, wording
from conformance.mutants import systems
from conformance.report import model, terminal
from conformance.report.screen import Screen

if TYPE_CHECKING:
    from collections.abc import Sequence

    from conformance.report.model import Document, JudgedBaseline, Result

ROOT = Path(__file__).resolve().parents[2]
TODAY = datetime.date(2026, 11, 21)
KNOWN = [
    "fifo.order",
    "fifo.never-twice",
    "table.full",
    "table.flood",
    *(f"a.b{n}" for n in range(21)),
]
TRANSPORTS = ("socketpair", "filesystem", "inherited")
ENVIRONMENT = {
    "uname": {"system": "Linux", "release": "6.9.3-generic", "machine": "x86_64"},
    "libc": "glibc 2.36",
    "bits": 64,
    "python": {"version": "3.11.2"},
    "user": {"uid": 1000, "euid": 0},
    "surroundings": [{"what": "gVisor", "sign": "dmesg"}, {"what": "Docker", "sign": "a file"}],
}
FACTS = condition.of_the_run(ENVIRONMENT, "ran")

LINE = """
[[expect]]
check = "{check}"
status = "{status}"
reason = "known"
"""


def result(name: str = "fifo.order", verdict: str = "fail", **other: Any) -> Result:
    made: Result = {
        "id": name,
        "group": name.split(".", maxsplit=1)[0],
        "level": "SHOULD",
        "source": "unix(7)",
        "requirement": "It holds.",
        "peer": "fdpass",
        "backend": "bsd44",
        "transport": "socketpair",
        "survival": "auto",
        "verdict": verdict,
        "message": "" if verdict == "pass" else "another order: assert [1, 0] == [0, 1]",
        "seconds": 0.25,
    }
    made.update(other)  # type: ignore[typeddict-item]
    return made


def over_each(name: str = "fifo.order", verdicts: str = "fff", **other: Any) -> list[Result]:
    words = {"f": "fail", "p": "pass", "s": "skip"}
    return [
        result(name, words[letter], transport=transport, **other)
        for transport, letter in zip(TRANSPORTS, verdicts, strict=True)
    ]


def document(*results: Result, **selection: Any) -> Document:
    return model.document(
        version="0.1.0",
        entries=[],
        started="2026-11-21T03:04:05+00:00",
        seconds=6.2,
        argv=["run"],
        selection={"complete": True, **selection},
        subject={"name": "fdpass", "version": "0.1.0"},
        environment=ENVIRONMENT,
        evidence="ran",
        results=results,
    )


def text(*lines: str, head: str = "schema = 1\n") -> str:
    return head + "".join(lines)


def line(check: str = "fifo.order", status: str = "fail", **keys: Any) -> str:
    more = "".join(f"{key} = {blocks.written(value)}\n" for key, value in keys.items())
    return LINE.format(check=check, status=status) + more


def judged(written: str, *results: Result, today: datetime.date = TODAY) -> JudgedBaseline:
    return judging.judge(file.parse(written, "here"), results, FACTS, KNOWN, today)


def outcomes(one: JudgedBaseline) -> list[str]:
    return [line["outcome"] for line in one["lines"]]


# -- conditions -----------------------------------------------------------------------------------

ALL = condition.OF_THE_RUN | condition.OF_A_RESULT
EVERYTHING = {**FACTS, **result()}


@pytest.mark.parametrize(
    ("words", "holds"),
    [
        ("system == 'Linux'", True),
        ("system != 'Linux'", False),
        ("system in ('NetBSD', 'Linux')", True),
        ("system not in ['NetBSD']", True),
        ("release < '6.18'", True),
        ("release >= '6.9.3'", True),
        ("release > '6.9.3'", False),
        ("release <= '6.9'", False),
        ("libc == 'glibc 2.36'", True),
        ("libc < '2.5'", False),
        ("'musl' in libc", False),
        ("'gVisor' in surroundings", True),
        ("'WSL' not in surroundings", True),
        ("bits == 64 and uid == 0", True),
        ("bits < 64 or uid > 0", False),
        ("uid in (0, 1)", True),
        ("python >= '3.10' and not python >= '3.12'", True),
        ("evidence == 'ran'", True),
        ("transport == 'socketpair' and survival == 'auto'", True),
        ("backend != 'bsd44' or peer == 'platform'", False),
        ("machine == 'x86_64' and (bits == 32 or system == 'Linux')", True),
    ],
)
def test_a_condition_is_about_what_was_recorded(words: str, holds: bool) -> None:
    assert condition.parse(words, ALL).holds(EVERYTHING) is holds


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        ("os == 'Linux'", "'os' is no name here; expected one of system, release"),
        ("system = 'Linux'", "expected a condition"),
        ("", "expected a condition"),
        ("(" * 300, "expected a condition"),
        ("x" * 501, "at most 500 characters"),
        ("system", "joined by and, or, not"),
        ("surroundings", "joined by and, or, not"),
        ("system == Linux", "expected a text in quotes, received 'Linux'"),
        ("'Linux' == system", "expected the name first"),
        ("system < 'M'", "'system' has no order"),
        ("release < 'new'", "expected a version such as '6.11'"),
        ("bits == '64'", "expected a number"),
        ("bits == True", "expected a number"),
        ("'6' in bits", "nothing is in 'bits'"),
        ("surroundings == 'gVisor'", "expected \"'NAME' in surroundings\""),
        ("surroundings in ('gVisor',)", "expected \"'NAME' in surroundings\""),
        ("'a' in ('a', 'b')", "expected a name on one side of 'in'"),
        ("system in 'Linux'", "expected values such as"),
        ("system in ()", "expected values such as"),
        ("system is 'Linux'", "expected one of == != < <= > >= in"),
        ("3 < bits < 64", "joined by and, or, not"),
        ("__import__('os').system('true')", "joined by and, or, not"),
        ("system == 'a' if bits else uid", "joined by and, or, not"),
        ("bits + 1 == 65", "expected the name first"),
        ("True", "joined by and, or, not"),
    ],
)
def test_what_is_no_condition_is_refused_with_what_was_due(words: str, complaint: str) -> None:
    with pytest.raises(condition.BadCondition) as refused:
        condition.parse(words, ALL)

    assert complaint in str(refused.value)


def test_what_is_unknown_is_equal_to_nothing() -> None:
    nothing = {**condition.of_the_run({}, "ran"), **result()}

    for words in ("system == 'Linux'", "release < '9'", "bits > 1", "'a' in libc", "uid in (0, 1)"):
        assert not condition.parse(words, ALL).holds(nothing)


def test_a_condition_for_a_platform_cannot_ask_for_a_result() -> None:
    with pytest.raises(file.BadBaseline, match="'transport' is not known before a check has run"):
        file.parse("schema = 1\nplatform = \"transport == 'inherited'\"\n", "here")


# -- files ----------------------------------------------------------------------------------------


def test_a_line_is_read_with_all_its_keys() -> None:
    written = """schema = 1
suite = ">=0.1,<9"
platform = "bits == 64"

[[expect]]
check = "fifo.order"
when = "uid == 0"
status = ["pass", "fail"]
match = "two\\n  words"
reason = "so it is"
url = "https://example.org/1"
evidence = "measured"
expires = 2027-06-30
"""

    baseline = file.parse(written, "here")

    (read,) = baseline.lines
    assert baseline.platform is not None
    assert baseline.platform.text == "bits == 64"
    assert (read.number, read.check, read.status) == (5, "fifo.order", ("pass", "fail"))
    assert read.when is not None
    assert (read.match, read.expires) == (("two words",), datetime.date(2027, 6, 30))
    assert (read.reason, read.url, read.evidence) == (
        "so it is",
        "https://example.org/1",
        "measured",
    )


@pytest.mark.parametrize(
    ("written", "complaint"),
    [
        ("schema = 1\n[expect\n", "there.toml: expected TOML"),
        ("", "there.toml: expected schema = 1, received None"),
        ("schema = 2\n", "there.toml: expected schema = 1, received 2"),
        ("schema = 1\nplatfrom = 'x'\n", "there.toml: there is no 'platfrom'; expected one of"),
        ("schema = 1\nplatform = 'bits'\n", "there.toml, platform: expected comparisons"),
        ("schema = 1\nsuite = '1.0'\n", "there.toml: expected suite = '>=1.2,<2', received '1.0'"),
        ("schema = 1\nsuite = '>=99'\n", "there.toml is for suite >=99, and this is"),
        ("schema = 1\nexpect = [{check='a.b'}]\n", "expected each line to begin with [[expect]]"),
        ("schema = 1\nexpect = 3\n", "expected expect = an array, received 3"),
        ("schema = 1\n[[expect]]\nstatus = 'fail'\n", "line 2: expected check = a text"),
        ("schema = 1\n[[expect]]\ncheck = 'a.b'\nstatus = 'fail'\n", "line 2: expected reason"),
        (text(line(status="error")), "line 3: expected status fail or skip"),
        (text(line(status="pass")), "line 3: expected status fail or skip"),
        (text(line(status="broken")), "line 3: expected status fail or skip"),
        (text(line(mach="x")), "line 3: there is no 'mach'; expected one of check, when"),
        (text(line(match=" ")), "line 3: expected match = the beginning of a message"),
        (text(line(match=[])), "line 3: expected match = a text or an array of texts"),
        (text(line(when="os == 'x'")), "line 3: 'os' is no name here"),
        (text(line(), "url = 3\n"), "line 3: expected url = a text, received 3"),
        (text(line(expires="soon")), "line 3: expected expires = a date such as 2027-06-30"),
        (text(line(), "expires = 2027-01-01T00:00:00\n"), "expected expires = a date"),
        (text(line(), "[expect.more]\nx = 1\n"), "line 3: there is no 'more'"),
    ],
)
def test_what_is_wrong_is_told_by_file_and_line(written: str, complaint: str) -> None:
    with pytest.raises(file.BadBaseline) as refused:
        file.parse(written, "there", "there.toml")

    assert complaint in str(refused.value)


def test_a_file_that_is_no_text_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x.toml").write_bytes(b"\xff")

    with pytest.raises(file.BadBaseline, match="expected UTF-8 text"):
        file.read(tmp_path / "x.toml")
    with pytest.raises(file.BadBaseline, match="cannot be read"):
        file.read(tmp_path / "none.toml")


def test_a_baseline_is_chosen_by_its_platform(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(file, "SHIPPED", tmp_path)
    (tmp_path / "one.toml").write_text("schema = 1\nplatform = \"system == 'Linux'\"\n")
    (tmp_path / "two.toml").write_text("schema = 1\nplatform = \"system == 'NetBSD'\"\n")

    chosen = file.chosen("auto", FACTS)

    assert chosen is not None
    assert chosen.name == "one"
    assert file.chosen("none", FACTS) is None
    assert file.chosen("auto", {**FACTS, "system": "Plan 9"}) is None
    with pytest.raises(file.BadBaseline, match="is for another platform: system == 'NetBSD'"):
        file.chosen("two", FACTS)
    with pytest.raises(file.BadBaseline, match="no baseline 'three'; known: one, two"):
        file.chosen("three", FACTS)
    (tmp_path / "two.toml").write_text("schema = 1\n")
    with pytest.raises(
        file.BadBaseline, match="more than one baseline is for this platform: one and two"
    ):
        file.chosen("auto", FACTS)


def facts(
    system: str, evidence: str = "ran", *around: str, release: str | None = None
) -> dict[str, Any]:
    seen = [{"what": what, "sign": ""} for what in around]
    uname = {"system": system, "release": release}
    return condition.of_the_run({"uname": uname, "surroundings": seen}, evidence)


@pytest.mark.parametrize(
    ("place", "name"),
    [
        (facts("Linux", "ran", "Docker"), "linux"),
        (facts("Linux", "ran", "gVisor", "Docker"), "gvisor"),
        (facts("Linux", "emulated by qemu-x86_64-static", "qemu-user"), "qemu-user"),
        (facts("Linux", "simulated illumos", "simulated illumos"), None),
        (facts("Linux", "ran on Windows under Wine"), None),
        (facts("Linux", "ran", "WSL"), None),
        (facts("Linux", "ran", "WSL", release="4.4.0-19041-Microsoft"), "wsl"),
        (facts("Linux", "ran", "WSL", release="5.15.153.1-microsoft-standard-WSL2"), "linux"),
        (facts("Linux", "emulated by valgrind", "valgrind"), "valgrind"),
        (facts("FreeBSD"), "freebsd"),
        (facts("NetBSD"), "netbsd"),
        (facts("OpenBSD"), "openbsd"),
        (facts("DragonFly"), "dragonfly"),
        (facts("Darwin"), "macos"),
        (facts("SunOS"), "solaris"),
        (facts("AIX"), "aix"),
        (facts("Haiku"), None),
    ],
)
def test_at_most_one_shipped_file_is_for_a_platform(
    place: dict[str, Any], name: str | None
) -> None:
    chosen = file.chosen("auto", place)

    assert (chosen.name if chosen else None) == name


def test_what_is_shipped_is_as_it_should_be() -> None:
    ended = CliRunner().invoke(cli, ["baseline", "check"], standalone_mode=False)

    assert (ended.return_value, ended.exception) == (0, None), ended.output


OF_PLAIN = "schema = 1\nplatform = \"peer == 'plain' and system == 'Linux'\"\n"


def test_a_run_is_held_against_the_file_of_its_platform_and_that_of_its_peer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "peers").mkdir()
    on_linux = "schema = 1\nplatform = \"system == 'Linux'\"\n"
    (tmp_path / "linux.toml").write_text(text(line("table.full"), head=on_linux))
    (tmp_path / "peers" / "plain.toml").write_text(text(line(), head=OF_PLAIN))
    monkeypatch.setattr(file, "SHIPPED", tmp_path)

    both = file.chosen("auto", {**FACTS, "peer": "plain"})
    other = file.chosen("auto", {**FACTS, "peer": "fdpass"})

    assert both
    assert (both.name, [one.file for one in both.lines]) == ("linux + plain", ["linux", "plain"])
    assert other
    assert (other.name, len(other.lines)) == ("linux", 1)
    results = [*over_each(), *over_each("table.full")]
    assert judging.judge(both, results, FACTS, KNOWN, TODAY)["as_listed"]
    assert not judging.judge(other, results, FACTS, KNOWN, TODAY)["as_listed"]
    with pytest.raises(file.BadBaseline, match="for another peer or platform: peer == 'plain'"):
        file.chosen("plain", FACTS)
    (tmp_path / "peers" / "again.toml").write_text(text(head=OF_PLAIN))
    with pytest.raises(file.BadBaseline, match="for this peer: again and plain"):
        file.chosen("auto", {**FACTS, "peer": "plain"})


# -- judging --------------------------------------------------------------------------------------


def test_all_as_listed() -> None:
    one = judged(text(line(match="another order")), *over_each(), result("table.full", "pass"))

    assert one["as_listed"]
    assert outcomes(one) == ["as listed"]
    assert one["lines"][0]["results"] == 3


def test_nothing_listed_and_nothing_failed() -> None:
    assert judged("schema = 1\n", result(verdict="pass"), result(verdict="skip"))["as_listed"]


@pytest.mark.parametrize("level", model.LEVELS)
def test_an_unlisted_failure(level: str) -> None:
    one = judged(text(line("table.full")), result(level=level), result("table.full"))

    assert not one["as_listed"]
    assert [failure["id"] for failure in one["unlisted"]] == ["fifo.order"]
    assert outcomes(one) == ["as listed"]


def test_a_listed_failure_that_passes() -> None:
    one = judged(text(line()), *over_each(verdicts="fpp"))

    assert not one["as_listed"]
    assert outcomes(one) == ["not as listed"]
    assert one["lines"][0]["wrong"] == [
        "fifo.order passed over filesystem, inherited; take the line out, or narrow its condition"
    ]
    assert judged(text(line(when="transport == 'socketpair'")), *over_each(verdicts="fpp"))[
        "as_listed"
    ]


def test_another_message() -> None:
    one = judged(text(line(match="lost")), result())

    assert not one["as_listed"]
    assert outcomes(one) == ["not as listed"]
    assert one["lines"][0]["wrong"][0] == (
        "fifo.order failed over socketpair, as listed, but with another message: "
        "another order: assert [1, 0] == [0, 1]"
    )
    assert not one["unlisted"]  # it is told once
    assert judged(text(line(match=["lost", "another  order:\n"])), result())["as_listed"]


def test_skipped() -> None:
    skipped = result(verdict="skip", message="no fork")

    one = judged(text(line()), skipped)

    assert not one["as_listed"]
    assert outcomes(one) == ["not as listed"]
    assert one["lines"][0]["wrong"] == [
        "fifo.order was skipped over socketpair: no fork; a check that does not run proves nothing"
    ]
    assert judged(text(line(status="skip")), skipped)["as_listed"]


def test_a_listed_skip_that_fails_is_told_once() -> None:
    one = judged(text(line(status="skip")), result())

    assert (one["as_listed"], outcomes(one), one["unlisted"]) == (False, ["not as listed"], [])


def test_what_comes_and_goes_may_do_so() -> None:
    flaky = text(line(), "").replace('"fail"', '["pass", "fail"]')

    assert judged(flaky, *over_each(verdicts="fpf"))["as_listed"]
    assert judged(flaky, *over_each(verdicts="ppp"))["as_listed"]
    assert not judged(flaky, *over_each(verdicts="fps"))["as_listed"]


@pytest.mark.parametrize("results", [[], [result("table.full", "pass")]])
def test_an_unknown_id(results: Sequence[Result]) -> None:
    one = judged(text(line("fifo.odrer")), *results)

    assert not one["as_listed"]
    assert outcomes(one) == ["not as listed"]


def test_a_line_fails_from_its_day_on() -> None:
    written = text(line(), "expires = 2026-11-21\n")

    before = judged(written, result(), today=TODAY - datetime.timedelta(days=1))
    then = judged(written, result(), today=TODAY)

    assert before["as_listed"]
    assert (then["as_listed"], outcomes(then)) == (False, ["not as listed"])
    assert then["lines"][0]["wrong"] == ["expired on 2026-11-21: look whether it still holds"]
    assert not then["unlisted"]


def test_a_glob_stands_for_twenty_at_most() -> None:
    assert judged(text(line("fifo.*")), result(), result("fifo.never-twice"))["as_listed"]
    assert judged(text(line("a.b?")), result("a.b1"))["as_listed"]

    one = judged(text(line("a.*")), result("a.b1"))

    assert (one["as_listed"], outcomes(one)) == (False, ["not as listed"])
    assert one["lines"][0]["wrong"] == ["it stands for 21 checks, expected at most 20"]


def test_each_line_has_to_be_so_for_itself() -> None:
    results = [result(), result("fifo.never-twice")]

    assert judged(text(line(), line("fifo.*")), *results)["as_listed"]
    one = judged(text(line(), line("fifo.*", match="lost")), *results)

    assert (one["as_listed"], outcomes(one)) == (False, ["as listed", "not as listed"])


def test_what_was_not_run_or_does_not_apply_says_nothing() -> None:
    other = line("table.full", when="transport == 'inherited'")

    one = judged(text(line(), other), result("table.full", "pass"))

    assert one["as_listed"]
    assert outcomes(one) == ["not run", "does not apply"]


def test_an_error_is_no_deviation() -> None:
    one = judged(text(line()), result(verdict="error"))

    assert (one["as_listed"], outcomes(one)) == (True, ["does not apply"])
    assert model.status({**document(result(verdict="error")), "baseline": one}) == 4


@pytest.mark.parametrize(
    ("verdict", "outcome"),
    [("fail", "as documented"), ("pass", "not as documented"), ("skip", "not as documented")],
)
def test_a_hint_excuses_a_failure_and_never_fails_a_run(verdict: str, outcome: str) -> None:
    one = judged(text(line(evidence="documented", url="there")), result(verdict=verdict))

    assert (one["as_listed"], outcomes(one)) == (True, [outcome])


def test_a_hint_does_not_excuse_another_message() -> None:
    one = judged(text(line(evidence="documented", url="there", match="lost")), result())

    assert (one["as_listed"], outcomes(one)) == (False, ["not as documented"])
    assert one["unlisted"]


def test_every_outcome_is_in_the_schema() -> None:
    known = model.schema()["$defs"]["known"]["properties"]["outcome"]["enum"]

    assert known == list(judging.OUTCOMES)


# -- the exit status, the document, the report ----------------------------------------------------


@pytest.mark.parametrize(
    ("results", "lines", "status"),
    [
        ([result(level="MUST")], [line()], 0),
        ([result(level="MUST")], [], 1),
        ([result(verdict="pass", level="MUST"), result("table.full")], [], 1),
        ([result(verdict="pass", level="MUST")], [line()], 1),
        ([result(verdict="pass", level="MUST")], [], 0),
        ([result(verdict="skip", level="MUST")], [], 3),
        ([result(verdict="error", level="MUST")], [], 4),
    ],
)
def test_the_exit_status_goes_by_the_baseline(
    results: list[Result], lines: list[str], status: int
) -> None:
    before = copy.deepcopy(results)
    whole = document(*results)

    whole["baseline"] = judged(text(*lines), *results)

    assert model.status(whole) == status
    assert whole["results"] == before
    assert whole["summary"] == model.summary(before)
    model.validate(whole)
    jsonschema.validate(whole, model.schema())


def test_without_a_baseline_the_verdicts_decide() -> None:
    assert model.status(document(result(level="MUST"))) == 1
    assert model.status(document(result(level="SHOULD"), result(verdict="pass", level="MUST"))) == 0


def shown(whole: Document, *, quiet: bool = False) -> str:
    out = io.StringIO()
    screen = Screen(out, plain=True)
    screen.console.width = 100
    terminal.show(screen, whole, quiet=quiet)
    return " ".join(out.getvalue().split())


def test_a_report_shows_what_was_expected_and_why() -> None:
    whole = document(*over_each(level="MUST"))
    whole["baseline"] = judged(text(line(url="https://example.org/1")), *whole["results"])

    said = shown(whole)

    assert "expected deviations, as baseline here says: 1" in said
    assert "fifo.order known https://example.org/1" in said
    assert "does not conform, as baseline here says: 0 passed, 3 failed" in said
    assert "expected deviations" not in shown(whole, quiet=True)


def test_a_report_shows_what_is_wrong_with_a_baseline() -> None:
    results = [result(), *over_each("table.full", "fpp"), *over_each("table.flood", "ppp")]
    hint = line("table.flood", evidence="documented", url="there")
    whole = document(*results, result("fifo.never-twice", "pass", level="MUST"))
    whole["baseline"] = judged(
        text(line("table.full"), line("fifo.odrer"), hint), *whole["results"]
    )

    said = shown(whole)

    assert "not as baseline here says: 3" in said
    assert "fifo.order unlisted failure over socketpair: another order" in said
    assert "here, line 3: table.full passed over filesystem, inherited; take the line out" in said
    assert "fifo.odrer here, line 8: there is no check fifo.odrer" in said
    assert "not seen here, although it is documented" in said
    assert "conforms, but not as baseline here says" in said
    assert "unlisted failure" in shown(whole, quiet=True)


# -- what a new line says -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("message", "beginning"),
    [
        ("another order: assert [1, 0] == [0, 1]", "another order"),
        (
            "peer A: accept: timed-out (nobody at /tmp/fdcp-x/e-6)",
            "peer A: accept: timed-out (nobody at",
        ),
        ("expected 2 descriptors, received 1", "expected 2 descriptors, received 1"),
        ("it was joined: expected a, saw b; endangers: FIFO ordering", "it was joined"),
        ("step 4, recv, failed with EAGAIN; endangers: x", "step 4, recv, failed with EAGAIN"),
        ("the token 3f2a9c81 was lost", "the token"),
        ("it took 15.0 s", "it took"),
        ("process 31337 died", "process"),
        ("a  b\n c", "a b c"),
        ("word " * 60, ("word " * 32).strip()),
        ("it is “so”", "it is"),
        ("/tmp/x", ""),
    ],
)
def test_a_line_says_what_another_run_will_say_too(message: str, beginning: str) -> None:
    assert wording.beginning(message) == beginning


def test_several_messages_have_several_beginnings() -> None:
    assert wording.beginnings(["b: assert 1", "a", "a and more"]) == ("a", "b")
    assert wording.beginnings(["/tmp/x", "a"]) == ()


def test_a_condition_tells_variants_apart() -> None:
    for letters in map("".join, itertools.product("fp", repeat=6)):
        results = [
            result(verdict=letter, transport=transport, survival=survival)
            for letter, (transport, survival) in zip(
                letters, itertools.product(TRANSPORTS, ("peek", "reserve")), strict=True
            )
        ]
        chosen = [one for one in results if one["verdict"] == "f"]
        rest = [one for one in results if one["verdict"] == "p"]
        words = wording.condition(chosen, rest)
        assert words is not None
        if words and chosen:
            told = condition.parse(words, ALL)
            holding = [one for one in results if told.holds(one)]
            assert holding == chosen
    assert wording.condition([result()], [result()]) is None


# -- update ---------------------------------------------------------------------------------------

HERE = "measured 2026-11-21, Linux 6.9.3-generic x86_64 in gVisor in Docker"


def updated(written: str, *results: Result, **selection: Any) -> update.Rewriting:
    baseline = file.parse(written, "here")
    return update.rewritten(baseline, document(*results, **selection), KNOWN)


COMMENTED = """# The head.
schema = 1

# A comment of its own.

# About the first.
[[expect]]
check = "fifo.order"
status = "fail"  # always
match = [  # two of them
  "another order",
  "lost",  # a # in it
]
reason = "a \\"#\\" in it"  # why
# Still about the first.

# Between them.

# About the second.
[[expect]]
check = "table.full"
status = "fail"
reason = "known"
# The end.
"""


def test_nothing_changes_where_all_is_as_listed() -> None:
    done = updated(COMMENTED, *over_each(), result("table.full"))

    assert (done.text, done.changes) == (COMMENTED, [])


def test_what_passes_goes_with_its_comments_and_the_others_stay() -> None:
    done = updated(COMMENTED, *over_each(verdicts="ppp"), result("table.full"))

    assert done.changes == ["line 7, fifo.order: taken out, it passed"]
    assert (
        done.text
        == COMMENTED[: COMMENTED.index("# About the first")]
        + COMMENTED[COMMENTED.index("# Between") :]
    )


def test_the_last_line_goes() -> None:
    done = updated(COMMENTED, *over_each(), result("table.full", "pass"))

    assert done.text == COMMENTED[: COMMENTED.index("\n# About the second")]


def test_another_message_is_written_in_place() -> None:
    done = updated(COMMENTED, *over_each(message="gone: assert 0"), result("table.full"))

    assert done.changes == ["line 7, fifo.order: rewritten as seen here"]
    kept = COMMENTED[: COMMENTED.index("match")]
    assert done.text.startswith(
        kept + f'match = "gone"\nreason = "a \\"#\\" in it"  # why\nevidence = "{HERE}"\n# Still'
    )


def test_a_comment_behind_a_value_stays() -> None:
    written = text(line()).replace('"fail"', '"fail"  # "#" so')

    done = updated(written, result(verdict="skip", message="no fork"))

    assert done.text == written.replace('"fail"', '"skip"') + f'evidence = "{HERE}"\n'
    assert done.changes == ["line 3, fifo.order: rewritten as seen here"]


def test_some_that_pass_narrow_the_condition() -> None:
    done = updated(text(line(when="uid == 0 or bits == 32")), *over_each(verdicts="fpf"))

    (read,) = file.parse(done.text, "here").lines
    assert read.when is not None
    assert read.when.text == (
        "(uid == 0 or bits == 32) and transport in ('inherited', 'socketpair')"
    )


def test_a_glob_becomes_a_line_for_each() -> None:
    written = text("\n# Why.", line("fifo.*", url="there"), "\n# The end.\n")
    never = over_each("fifo.never-twice", "fpp")

    done = updated(written, *over_each(), *never)

    first, second = file.parse(done.text, "here").lines
    assert first.check == "fifo.never-twice"
    assert first.when is not None
    assert first.when.text == "transport == 'socketpair'"
    assert (second.check, second.when) == ("fifo.order", None)
    assert {first.url, second.url} == {"there"}
    assert done.text.count("# Why.") == 1
    assert done.text.endswith("\n# The end.\n")


def test_a_failure_without_a_line_gets_one() -> None:
    done = updated("schema = 1\n", *over_each(verdicts="pff"), result("table.full", "pass"))

    assert done.changes == ["new, fifo.order: failed; its reason is to be said"]
    assert done.text == (
        "schema = 1\n\n[[expect]]\n"
        'check = "fifo.order"\n'
        "when = \"transport in ('filesystem', 'inherited')\"\n"
        'status = "fail"\n'
        'match = "another order"\n'
        'reason = "not yet said"\n'
        f'evidence = "{HERE}"\n'
    )


def test_a_hint_that_is_seen_becomes_a_measured_line() -> None:
    hint = line(evidence="documented", url="there")

    done = updated(text(hint), *over_each(verdicts="fpp"))

    (read,) = file.parse(done.text, "here").lines
    assert done.changes == ["line 3, fifo.order: rewritten as seen here"]
    assert (read.url, read.match) == ("there", ("another order",))
    assert read.evidence.startswith("measured 2026-11-21")
    assert updated(text(hint), *over_each(verdicts="ppp")).text == text(hint)


def test_what_comes_and_goes_stays_so() -> None:
    flaky = text(line()).replace('"fail"', '["pass", "fail"]')

    assert updated(flaky, *over_each(verdicts="ppp")).text == flaky
    more = updated(flaky, *over_each(verdicts="fps"))
    assert file.parse(more.text, "here").lines[0].status == ("fail", "skip", "pass")


def test_what_does_not_apply_stays_and_what_is_unknown_goes() -> None:
    elsewhere = line("table.full", when="bits == 32")

    done = updated(text(elsewhere, line("fifo.odrer"), line("a.*")), result(verdict="pass"))

    assert done.text == text(elsewhere)
    assert done.changes == [
        "line 9, fifo.odrer: taken out, there is no check fifo.odrer",
        "line 14, a.*: taken out, it stands for 21 checks, expected at most 20",
    ]


def test_no_run_sets_another_day() -> None:
    written = text(line(), "expires = 2026-01-01\n")

    assert updated(written, result()).text == written


LINES = (
    line(),
    line("fifo.*"),
    line(match="lost", when="transport != 'inherited'"),
    line(status="skip", reason2="").replace('reason2 = ""\n', ""),
    line("table.full", evidence="documented", url="there"),
    line("table.full").replace('"fail"', '["fail", "pass"]'),
    line("table.gone"),
)


@pytest.mark.parametrize("pair", list(itertools.combinations(range(len(LINES)), 2)))
def test_after_an_update_all_is_as_listed_and_stays_so(pair: tuple[int, int]) -> None:
    written = text(*(LINES[place] for place in pair))
    for verdicts in itertools.product("fps", repeat=3):
        results = [
            *over_each("fifo.order", "".join(verdicts)),
            *over_each("fifo.never-twice", "".join(reversed(verdicts)), message="gone: assert 1"),
            *over_each("table.full", "ffp"),
        ]
        for one in results:
            one["message"] = "" if one["verdict"] == "pass" else one["message"]

        once = updated(written, *results)
        twice = updated(once.text, *results)

        assert judged(once.text, *results)["as_listed"], once.text
        assert (twice.text, twice.changes) == (once.text, [])


@pytest.mark.parametrize(
    ("selection", "complaint"),
    [
        ({"complete": False}, "left checks out"),
        ({"survival": "peek"}, "a selection: survival peek"),
        ({"backend": "bsd44"}, "a selection: backend bsd44"),
    ],
)
def test_an_update_is_refused_after_a_selection(selection: dict[str, Any], complaint: str) -> None:
    with pytest.raises(update.Refused, match=complaint):
        updated("schema = 1\n", result(), **selection)


def test_an_update_is_refused_where_it_would_say_nothing_true() -> None:
    with pytest.raises(update.Refused, match="1 errors of the suite"):
        updated("schema = 1\n", result(verdict="error"))
    with pytest.raises(update.Refused, match="not of its platform: bits == 32"):
        updated('schema = 1\nplatform = "bits == 32"\n', result())
    with pytest.raises(update.Refused, match=r"fifo\.order passes and fails in one variant"):
        updated("schema = 1\n", result(), result(verdict="pass"))


def of_a_passer(*results: Result, **selection: Any) -> Document:
    """Give the results file of a run that tried the passer only, and all of it."""
    whole = document(*results, complete=False, complete_of=["passer"], **selection)
    whole["subject"]["name"] = "plain"
    return whole


def test_the_file_of_a_peer_takes_a_run_of_the_passer_alone() -> None:
    whole = of_a_passer(*over_each(), result("table.full", peer="platform"))

    first = update.fresh(whole)
    done = update.rewritten(file.parse(first, "plain"), whole, KNOWN)

    assert "peer == 'plain' and system == 'Linux'" in first
    read = file.parse(done.text, "plain")
    assert read.of_a_peer
    assert [one.check for one in read.lines] == ["fifo.order"]
    with pytest.raises(update.Refused, match="left checks out"):
        update.rewritten(file.parse("schema = 1\n", "all"), whole, KNOWN)
    with pytest.raises(update.Refused, match="not of its peer or platform"):
        update.rewritten(read, document(result()), KNOWN)


# -- the commands ---------------------------------------------------------------------------------


def command(*words: object) -> tuple[int, str]:
    ended = subprocess.run(
        [sys.executable, "-m", "conformance", *map(str, words)],
        capture_output=True,
        text=True,
        cwd=ROOT,
        env=os.environ | {"COLUMNS": "100"},
        timeout=100,
        check=False,
    )
    return ended.returncode, ended.stdout + ended.stderr


def test_update_makes_a_file_and_check_wants_its_reasons(tmp_path: Path) -> None:
    results, path = tmp_path / "out.json", tmp_path / "new.toml"
    model.write(results, document(result("table.flood")))

    status, said = command("baseline", "update", path, "--results", results)

    assert (status, said) == (
        0,
        f"new, table.flood: failed; its reason is to be said\n{path} written\n",
    )
    assert "'gVisor' in surroundings" in path.read_text()
    again = command("baseline", "update", path, "--results", results)
    assert again == (0, f"{path} says so already\n")
    assert command("baseline", "check", path) == (
        1,
        f"{path}, line 4, table.flood: its reason is to be said\n",
    )
    path.write_text(path.read_text().replace("not yet said", "It is known."))
    assert command("baseline", "check", path) == (0, "new.toml is as it should be\n")


def test_update_is_refused_for_a_run_that_did_not_end(tmp_path: Path) -> None:
    results, path = tmp_path / "out.json", tmp_path / "new.toml"
    results.write_text(json.dumps({**document(result()), "finished": False}))

    status, said = command("baseline", "update", path, "--results", results)

    assert status == 2
    assert "of a run that did not come to its end" in said
    assert not path.exists()


def test_check_names_what_is_wrong(tmp_path: Path) -> None:
    path = tmp_path / "x.toml"
    lines = [
        line("fifo.odrer", url="there"),
        line("*", url="there"),
        line("fifo.order") + "expires = 2026-01-01\n",
        line("fifo.never-twice", evidence="documented"),
    ]
    path.write_text(text(*lines))

    status, said = command("baseline", "check", path)

    assert status == 1
    assert "expected platform = a condition" in said
    assert "line 3, fifo.odrer: there is no check fifo.odrer" in said
    assert f"line 9, *: it stands for {len(entries.entries())} checks" in said
    assert "line 15, fifo.order: expired on 2026-01-01" in said
    assert "line 15, fifo.order: expected a url, or evidence" in said
    assert "line 21, fifo.never-twice: expected url = where it is documented" in said
    path.write_text("schema = 1\n[x")
    assert "expected TOML" in command("baseline", "check", path)[1]
    assert command("baseline", "check", tmp_path / "none.toml")[0] == 2


# -- runs -----------------------------------------------------------------------------------------

RUN = ("run", "-n", "0", "--plain", "--transport", "inherited", "--check", "fifo.order")


def test_a_run_takes_the_baseline_of_its_platform(tmp_path: Path) -> None:
    results = tmp_path / "out.json"

    status, said = command(*RUN, "--baseline", "auto", "--results", results)

    assert status == 0, said
    judged = model.read(results).get("baseline")
    chosen = file.chosen("auto", here())
    assert (judged["name"] if judged else None) == (chosen.name if chosen else None)


def here() -> dict[str, Any]:
    from conformance import environment

    return condition.of_the_run(environment.record(), environment.evidence())


@pytest.mark.parametrize(
    ("written", "complaint"),
    [
        ("schema = 1\nplatform = \"system == 'Plan 9'\"\n", "is for another platform"),
        ("schema = 3\n", "expected schema = 1, received 3"),
    ],
)
def test_a_baseline_that_cannot_be_used_is_wrong_usage(
    tmp_path: Path, written: str, complaint: str
) -> None:
    path = tmp_path / "x.toml"
    path.write_text(written)

    status, said = command(*RUN, "--baseline", path)

    assert status == 2
    assert complaint in said
    assert command(*RUN, "--baseline", tmp_path / "none.toml")[0] == 2


@pytest.mark.skipif(systems.missing() is not None, reason=str(systems.missing()))
def test_a_faulty_system_is_known_by_its_baseline(tmp_path: Path) -> None:
    library = systems.build(tmp_path)
    on_it = os.environ | systems.environment("forgets-cloexec", library)
    path, results = tmp_path / "faulty.toml", tmp_path / "out.json"

    def run() -> tuple[int, str, Document]:
        words = [*RUN, "--check", "*.close-on-exec*", "--baseline", path, "--results", results]
        ended = subprocess.run(
            [sys.executable, "-m", "conformance", *map(str, words)],
            capture_output=True,
            text=True,
            cwd=ROOT,
            env=on_it | {"COLUMNS": "100"},
            timeout=100,
            check=False,
        )
        said = " ".join(ended.stdout.split()) + ended.stderr
        return ended.returncode, said, model.read(results)

    path.write_text("schema = 1\n")
    status, _, whole = run()
    failed = [one for one in whole["results"] if one["verdict"] == "fail"]
    assert status == 1
    assert len(failed) > 1
    lines = [line(one["id"], match=wording.beginning(one["message"])) for one in failed]

    path.write_text(text(*lines))
    status, said, whole = run()

    assert status == 0, said
    assert f"as baseline faulty says: {len(failed)}" in said
    assert whole["baseline"]["as_listed"]
    assert [one["verdict"] for one in whole["results"]].count("fail") == len(failed)

    path.write_text(text(*lines[1:]))
    status, said, whole = run()

    assert status == 1
    assert f"{failed[0]['id']} unlisted failure over inherited: {failed[0]['message']}"[:90] in said
    assert "but not as baseline faulty says" in said
