from __future__ import annotations

import pytest

from conformance.requirement import Requirement
from conformance.subject import Subject, Variant

SUBJECT = Subject(("peer",), {"survivals": {"peek": None, "reserve": None, "magic": "not here"}})


def requirement(*, each_survival: bool = False, over: str = "") -> Requirement:
    return Requirement("table.x", "table", "MUST", "", (), each_survival, "It holds.", "", over)


def test_a_check_runs_over_every_transport_in_every_mode_that_works() -> None:
    variants = SUBJECT.variants(requirement(each_survival=True), ["inherited"], "each")

    assert variants == [Variant("inherited", "peek"), Variant("inherited", "reserve")]
    assert len(SUBJECT.variants(requirement(), [], "each")) == 3


@pytest.mark.parametrize(
    ("chosen", "expected"),
    [([], "inherited"), (["inherited", "socketpair"], "inherited"), (["filesystem"], "filesystem")],
)
def test_a_check_that_joins_peers_itself_runs_over_one(chosen: list[str], expected: str) -> None:
    variants = SUBJECT.variants(requirement(over="inherited"), chosen, "each")

    assert variants == [Variant(expected)]
