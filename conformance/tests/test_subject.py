from __future__ import annotations

import pytest

from conformance.requirement import Requirement
from conformance.subject import Subject, Variant

SUBJECT = Subject(
    ("peer",),
    {
        "name": "peer",
        "backends": {"one": None, "gone": "it went", "two": None},
        "survivals": {"peek": None, "reserve": None, "magic": "not here"},
    },
    {"two": {"put-back": None, "peek": "needless"}},
)


def requirement(*, each_survival: bool = False, over: str = "", each: bool = False) -> Requirement:
    return Requirement(
        "table.x", "table", "MUST", "", (), each_survival, "It holds.", "", over, each
    )


def test_a_check_runs_over_every_transport_in_every_mode_that_works() -> None:
    asks = requirement(each_survival=True)

    variants = SUBJECT.variants(asks, ["inherited"], backend="auto")

    assert variants == [Variant("inherited", "peek"), Variant("inherited", "reserve")]
    assert len(SUBJECT.variants(requirement(), backend="auto")) == 3


def test_a_check_runs_over_every_interface_that_works_with_its_own_modes() -> None:
    variants = SUBJECT.variants(requirement(each_survival=True), ["inherited"])

    assert [variant.id for variant in variants] == [
        "inherited-peek",
        "inherited-reserve",
        "two-inherited-put-back",
    ]


def test_a_mode_is_run_with_the_interfaces_that_have_it() -> None:
    variants = SUBJECT.variants(requirement(), ["inherited"], "put-back")

    assert variants == [Variant("inherited", "put-back", "two")]
    assert SUBJECT.refusal("each", "put-back") is None
    assert SUBJECT.refusal("auto", "put-back") is not None


def test_a_check_of_the_interfaces_runs_also_for_those_that_are_missing() -> None:
    variants = SUBJECT.variants(requirement(each=True, over="inherited"), expected=["vanished"])

    assert [variant.backend for variant in variants] == ["one", "gone", "two", "vanished"]
    assert SUBJECT.lack_of("gone") == "it went"
    assert SUBJECT.lack_of("vanished") == "peer knows of no backend vanished"
    assert SUBJECT.lack_of("two") is None


def test_a_check_of_one_interface_runs_over_that_one_or_not_at_all() -> None:
    of_two = Requirement("two.x", "two", "MUST", "", (), False, "It holds.", "", only="two")
    of_gone = Requirement("gone.x", "gone", "MUST", "", (), False, "It holds.", "", only="gone")

    assert SUBJECT.variants(of_two, ["inherited"]) == [Variant("inherited", "auto", "two")]
    assert SUBJECT.variants(of_two, ["inherited"], backend="one") == []
    assert SUBJECT.variants(of_gone) == []


@pytest.mark.parametrize(
    ("chosen", "expected"),
    [([], "inherited"), (["inherited", "socketpair"], "inherited"), (["filesystem"], "filesystem")],
)
def test_a_check_that_joins_peers_itself_runs_over_one(chosen: list[str], expected: str) -> None:
    variants = SUBJECT.variants(requirement(over="inherited"), chosen, backend="auto")

    assert variants == [Variant(expected)]
