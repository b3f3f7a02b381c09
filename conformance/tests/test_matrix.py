from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from conformance.matrix import cells, platforms, summary
from conformance.matrix.columns import Named
from conformance.matrix.marks import kept
from conformance.matrix.whole import whole

from .made_documents import environment, profile, run

if TYPE_CHECKING:
    from conformance.matrix.columns import Platform
    from conformance.matrix.whole import Matrix
    from conformance.report import model
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


def test_a_process_of_32_bits_is_told_on_a_kernel_of_64() -> None:
    runs = matrix(run(), run(around=environment(bits=32)))["platforms"]

    assert [it["about"] for it in runs] == ["", "32 bits"]


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


def test_a_profile_goes_to_the_run_that_it_is_named_for() -> None:
    ours = profile({"limits.descriptors-per-message": 7}, GVISOR)

    told = whole([Named("one", run()), Named("two", run(), ours)], [profile()])["platforms"]

    assert [it["facts"]["limits.descriptors-per-message"] for it in told] == [253, 7]


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
