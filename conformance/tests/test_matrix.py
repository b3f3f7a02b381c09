from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree as ET

import pytest
from click.testing import CliRunner

from conformance.commands.matrix import matrix as command
from conformance.facts import document as facts
from conformance.matrix import badges, cells, markdown, page, platforms, summary
from conformance.matrix.columns import Named
from conformance.matrix.marks import kept
from conformance.matrix.whole import whole
from conformance.report import model

from .made_documents import environment, profile, run

if TYPE_CHECKING:
    from pathlib import Path

    from click.testing import Result as Ended

    from conformance.matrix.columns import Platform
    from conformance.matrix.whole import Matrix
    from conformance.report.catalogue import Behaviour
    from conformance.report.model import Document

LOST = ("fail", "expected 2 descriptors, received 1")
GVISOR = environment(release="4.4.0", surroundings=[{"what": "gVisor", "sign": "dmesg"}])


def matrix(*documents: Document, **other: Any) -> Matrix:
    return whole([Named("", document) for document in documents], **other)


def column(document: Document, **other: Any) -> Platform:
    (only,) = matrix(document, **other)["platforms"]
    return only


def listed(document: Document, check: str) -> Document:
    line: model.JudgedLine = {
        "file": "linux",
        "line": 3,
        "check": check,
        "when": "",
        "status": ["fail"],
        "reason": "It is so.",
        "url": "https://example.org/1",
        "evidence": "measured 2026-11-21",
        "expires": "",
        "outcome": "as listed",
        "results": 1,
        "wrong": [],
    }
    document["baseline"] = {
        "name": "linux",
        "sha256": "0" * 64,
        "as_listed": True,
        "lines": [line],
        "unlisted": [],
    }
    return document


# -- platforms --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("around", "evidence", "name", "kind"),
    [
        (environment(), "ran", "Linux 6.18", "ran"),
        (GVISOR, "ran", "gVisor", "ran"),
        (environment(), "simulated illumos", "illumos", "simulated"),
        (environment(), "ran on Windows 10, Wine 8.0", "Windows 10, Wine 8.0", "ran"),
        (environment(), "emulated by qemu-s390x", "qemu-s390x", "emulated"),
        (environment(uname=None), "ran", "unknown system", "ran"),
    ],
)
def test_a_platform_is_called_as_people_call_it(
    around: dict[str, Any], evidence: str, name: str, kind: str
) -> None:
    assert platforms.name(around, evidence) == name
    assert platforms.evidence_class(evidence) == kind


def test_platforms_of_one_name_are_told_apart_by_what_they_do_not_share() -> None:
    nobody = environment(user={"euid": 65534})
    musl = environment(libc="musl 1.2.5", user={"euid": 65534})

    told = matrix(run(), run(around=nobody), run(around=musl), run(around=GVISOR))["platforms"]

    assert [(it["name"], it["about"]) for it in told] == [
        ("Linux 6.18", "glibc 2.36, root"),
        ("Linux 6.18", "glibc 2.36, uid 65534"),
        ("Linux 6.18", "musl 1.2.5, uid 65534"),
        ("gVisor", ""),
    ]
    assert len({it["id"] for it in told}) == 4


def test_two_runs_of_the_very_same_still_have_two_ids() -> None:
    assert [it["id"] for it in matrix(run(), run())["platforms"]] == ["linux-6.18", "linux-6.18-2"]


def test_a_file_may_be_given_a_name() -> None:
    (told,) = whole([Named("my kernel", run())])["platforms"]

    assert (told["name"], told["id"]) == ("my kernel", "my-kernel")


def test_the_stronger_evidence_stands_first() -> None:
    told = matrix(run(evidence="simulated illumos"), run())["platforms"]

    assert [it["evidence"] for it in told] == ["ran", "simulated illumos"]


def test_the_environment_tells_nothing_of_whose_it_was() -> None:
    around = environment(
        temporary={"path": "/home/me/tmp", "file_system": "ext4"},
        python={"implementation": "CPython", "version": "3.11.2", "executable": "/home/me/python"},
    )
    document = run(
        {"fifo.order": ("fail", "nobody at /home/me/fdcp-1a2b/endpoint-5")}, around=around
    )
    document["selection"] = {**document["selection"], "peer": "/home/me/passer"}

    assert "/home/me" not in json.dumps(matrix(document))


# -- cells ------------------------------------------------------------------------------------


def test_a_check_is_as_good_as_its_worst_variant() -> None:
    cell = column(run({"fifo.order filesystem": LOST}))["cells"]["fifo.order"]

    assert (cell["verdict"], cell["failed"], cell["ran"]) == ("fail", 1, 3)
    failed, passed = cell["seen"]
    assert (failed["message"], failed["variants"], failed["count"]) == (LOST[1], "filesystem", 1)
    assert failed["again"].startswith("python -m conformance run --check fifo.order --transport ")
    assert failed["transcript"]["A"]
    assert (passed["verdict"], passed["variants"]) == ("pass", "socketpair, inherited")


def test_what_passed_everywhere_needs_no_words() -> None:
    assert column(run())["cells"]["fifo.order"] == {"verdict": "pass", "ran": 3}


def test_what_was_skipped_in_some_variants_passes_if_it_ran_in_others() -> None:
    cell = column(run({"fifo.order filesystem": ("skip", "no room")}))["cells"]["fifo.order"]

    assert (cell["verdict"], cell["ran"], cell["skipped"]) == ("pass", 2, 1)


@pytest.mark.parametrize("pattern", ["fifo.order", "fifo.*"])
def test_a_deviation_is_listed_if_all_of_it_was_expected(pattern: str) -> None:
    for unlisted in (False, True):
        document = listed(run({"fifo.order": LOST}), pattern)
        if unlisted:
            document["baseline"]["unlisted"] = [{"id": "fifo.order"}]

        cell = column(document)["cells"]["fifo.order"]

        assert cell["listed"] is not unlisted
        assert cell["lines"][0]["reason"] == "It is so."


def test_without_a_baseline_nothing_is_listed() -> None:
    assert "listed" not in column(run({"fifo.order": LOST}))["cells"]["fifo.order"]


@pytest.mark.parametrize(
    ("verdicts", "state", "words"),
    [
        ([("MUST", "pass")], "kept", "kept"),
        ([("MUST", "pass"), ("SHOULD", "fail")], "soft", "kept; 1 SHOULD failed"),
        ([("MUST", "pass"), ("MUST", "fail")], "broken", "not kept: 1 MUST failed"),
        ([("MUST", "skip")], "skip", "all was skipped: nothing is proven"),
        ([("MUST", "fail"), ("MAY", "error")], "error", "1 errors of the suite"),
    ],
)
def test_a_promise_is_kept_where_a_check_passed_and_no_must_failed(
    verdicts: list[tuple[str, str]], state: str, words: str
) -> None:
    told = kept(cells.promise((level, {"verdict": it}) for level, it in verdicts), "ran")

    assert (told.state, told.words) == (state, words)


def test_a_level_that_is_another_one_in_an_older_file_is_kept() -> None:
    old = run({"fifo.order": LOST}, started="2026-01-01T00:00:00+00:00")
    for result in old["results"]:
        result["level"] = "MAY" if result["id"] == "fifo.order" else result["level"]
    old["suite"] = {**old["suite"], "catalogue_sha256": "0" * 64}

    newest, older = matrix(run(around=GVISOR), old)["platforms"]

    assert (newest["other_catalogue"], older["other_catalogue"]) == (False, True)
    assert older["cells"]["fifo.order"]["level"] == "MAY"
    assert older["promises"]["fifo"]["state"] == "kept"


# -- facts ------------------------------------------------------------------------------------


def test_a_profile_goes_to_the_run_of_its_platform() -> None:
    told = matrix(run(around=GVISOR), run(), profiles=[profile()])["platforms"]

    assert ["facts" in it for it in told] == [False, True]


def test_of_several_profiles_that_of_the_same_python_is_taken() -> None:
    newer = environment(python={"implementation": "CPython", "version": "3.14.0"})
    ours = profile({"limits.descriptors-per-message": 7}, newer)

    told = matrix(run(), run(around=newer), profiles=[ours, profile()])["platforms"]

    assert [it["facts"]["limits.descriptors-per-message"] for it in told] == [253, 7]


def test_a_profile_that_fits_no_run_is_a_column_of_its_own() -> None:
    run_, alone = matrix(run(), profiles=[profile(around=GVISOR)])["platforms"]

    assert "facts" not in run_
    assert "cells" not in alone
    assert alone["name"] == "gVisor"


# -- what documents tell ------------------------------------------------------------------------


def told(system: str, does: str, evidence: str = "documented") -> Behaviour:
    return {
        "system": system,
        "does": does,
        "evidence": evidence,
        "where": "a manual",
        "when": "2026-11",
        "url": "",
    }


def test_a_system_of_which_documents_tell_gets_a_column_if_that_is_asked() -> None:
    known = {
        "fifo.order": [
            told("Plan 9", "Loses every second one."),
            told("Linux", "Holds.", "measured"),
        ],
        "table.waits": [told("Plan 9", "Holds."), told("Linux", "Loses it.")],
    }

    assert len(matrix(run(), known=known)["platforms"]) == 1
    _, read = matrix(run(), known=known, documented=True)["platforms"]
    assert (read["name"], read["evidence"]) == ("Plan 9", "documented")
    assert {check: cell["verdict"] for check, cell in read["cells"].items()} == {
        "fifo.order": "fail",
        "table.waits": "pass",
    }
    assert "nothing ran" in kept(read["promises"]["fifo"], "documented").words


def test_what_is_only_documented_counts_for_no_promise() -> None:
    known = {"fifo.order": [told("Plan 9", "Loses every second one.")]}

    made = matrix(run(), known=known, documented=True)

    assert summary.kept_by(made, "fifo") == (1, 1)
    assert summary.headline(made) == "Linux 6.18 keeps every promise."


# -- what is drawn ------------------------------------------------------------------------------


def test_the_headline_counts() -> None:
    bad = run({"fifo.order": LOST}, around=GVISOR)

    assert summary.headline(matrix()) == "No promise was tried anywhere."
    assert summary.headline(matrix(bad)) == "gVisor does not keep every promise."
    assert summary.headline(matrix(run(), bad)).startswith("1 of 2 platforms keeps every promise")
    assert summary.headline(matrix(bad, bad)).startswith("None of 2 platforms keeps")
    assert summary.headline(matrix(run(), run())).startswith("All 2 platforms keep")


def test_markdown_has_the_promises_and_what_fails() -> None:
    text = markdown.render(matrix(run(), run({"fifo.order": ("fail", "a | b")}, around=GVISOR)))

    assert "| gVisor | ran | ✓ | ✓ | ✗ 1 MUST | ✓ | ✓ | ✓ |" in text
    assert (
        "## gVisor\n\ndoes not conform; ran, 2026-11-21.\n\n- `fifo.order`, MUST: a \\| b\n" in text
    )
    assert "## Linux 6.18\n\nconforms; ran, 2026-11-21.\n\nNothing failed.\n" in text


def test_badges_are_images_that_say_the_same_in_words() -> None:
    made = badges.all_of(matrix(run(), run({"fifo.order": LOST}, around=GVISOR)))

    assert made.keys() == {"platforms", "linux-6.18", "gvisor"}
    for name, words in (
        ("platforms", "descriptor passing: 1 of 2 platforms"),
        ("gvisor", "gVisor: does not conform"),
    ):
        assert ET.fromstring(made[name]).attrib["aria-label"] == words
    odd = ET.fromstring(badges.badge('<"&">', "x", "good"))
    assert odd.attrib["aria-label"] == '<"&">: x'


def test_the_page_is_the_same_from_the_same_files() -> None:
    assert page.render(matrix(run())) == page.render(matrix(run()))


def test_the_page_needs_nothing_from_elsewhere() -> None:
    text = page.render(matrix(run({"fifo.order": LOST}), profiles=[profile()]))

    for loading in ("src=", "<link", "@import", "url(", "fetch(", "XMLHttpRequest"):
        assert loading not in text


def test_what_was_seen_cannot_end_the_data_of_the_page() -> None:
    hostile = "</script><script>alert(1)</script><!-- {{ 7 * 7 }}"
    made = matrix(run({"fifo.order": ("fail", hostile)}, around=environment(libc="<b>&amp;")))

    text = page.render(made)

    start = text.index('id="data">') + len('id="data">')
    data = json.loads(text[start : text.index("</script>", start)])
    assert data["platforms"] == made["platforms"]
    assert "<script>alert" not in text
    assert "<b>&amp;" not in text
    assert "&lt;b&gt;&amp;amp;" in text


def test_nothing_that_draws_imports_the_harness() -> None:
    modules = "page markdown badges whole", "statement folder verify signature"
    names = [f"conformance.matrix.{name}" for name in modules[0].split()]
    names += [f"conformance.submission.{name}" for name in modules[1].split()]
    names += ["conformance.report.compare", "conformance.report.comparison"]
    program = f"import sys, {', '.join(names)}; print(*sys.modules)"

    loaded = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60
    ).stdout.split()

    assert "conformance.matrix.page" in loaded
    foreign = ("conformance.harness", "conformance.checks", "pytest", "fdpass")
    assert not [name for name in loaded if name.startswith(foreign)]


# -- the command --------------------------------------------------------------------------------


def drawn(*words: object) -> Ended:
    return CliRunner().invoke(command, [str(word) for word in words])


def test_all_is_written_of_files_and_folders(tmp_path: Path) -> None:
    inside = tmp_path / "out"
    inside.mkdir()
    model.write(inside / "a.json", run())
    (inside / "f.json").write_text(facts.text(profile()))
    model.write(tmp_path / "b.json", run({"fifo.order": LOST}, around=GVISOR))
    target = tmp_path / "made"

    done = drawn(
        *(inside, f"my sandbox={tmp_path / 'b.json'}", "--facts", "gvisor"),
        *("--html", target, "--markdown", target / "m.md", "--json", target / "m.json"),
        *("--badges", target / "badges"),
    )

    assert done.exit_code == 0, done.output
    data = json.loads((target / "m.json").read_text())
    assert [it["name"] for it in data["platforms"]] == ["Linux 6.18", "my sandbox"]
    assert all("facts" in it for it in data["platforms"])
    assert {path.name for path in target.rglob("*") if path.is_file()} == {
        *("index.html", "m.md", "m.json", "platforms.svg", "linux-6.18.svg", "my-sandbox.svg")
    }


@pytest.mark.parametrize(
    ("words", "refusal"),
    [
        ((), "expected results files or profiles"),
        (("{here}/good.json",), "expected one at least of --html"),
        (("{here}/cut.json", "--json", "{here}/m"), "cut.json is cut or damaged"),
        (("{here}/none.json", "--json", "{here}/m"), "none.json cannot be read: No such file"),
        (("{here}/empty", "--json", "{here}/m"), "expected JSON files in"),
        (("{here}/good.json", "--json", "{here}/good.json/m"), "good.json/m cannot be written"),
        (("--facts", "{here}/good.json", "--json", "{here}/m"), "good.json is no profile"),
    ],
)
def test_what_cannot_be_drawn_is_refused_in_words(
    tmp_path: Path, words: tuple[str, ...], refusal: str
) -> None:
    (tmp_path / "empty").mkdir()
    model.write(tmp_path / "good.json", run())
    (tmp_path / "cut.json").write_text(json.dumps(run())[:-9])

    done = drawn(*(word.format(here=tmp_path) for word in words))

    assert done.exit_code == 2
    assert refusal in " ".join(done.output.split())
