from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from conformance.entries import entries
from conformance.mutants import for_check, page, systems
from conformance.mutants.__main__ import _verdict
from conformance.mutants.catalogue import MUTANTS
from conformance.mutants.grounds import Grounds
from conformance.mutants.mutant import Mutant
from conformance.mutants.oddities import ODD
from conformance.mutants.spoilers import Spoiler
from conformance.mutants.trial import CAUGHT, NOT_TRIED, OTHERWISE, SURVIVED, Trial, try_mutant
from conformance.report.screen import Screen

if TYPE_CHECKING:
    from collections.abc import Sequence

_BY_NAME = {mutant.name: mutant for mutant in MUTANTS}
_ANY = "bidirectional.first-to-second"
_NOWHERE = Grounds("there is no C compiler", "there is no C compiler", "there is no Wine")


def _trial(outcome: str) -> Trial:
    trouble = "the machine is on fire" if outcome == OTHERWISE else ""
    return Trial("name", "Is broken.", _ANY, "so", 1.0, trouble=trouble)


# -- the catalogue


def test_every_must_and_every_should_has_a_mutant() -> None:
    assert [entry["id"] for entry in page.holes(entries(), MUTANTS)] == []


def test_a_check_without_a_mutant_is_a_hole() -> None:
    left = [mutant for mutant in MUTANTS if mutant.check != _ANY]

    assert next(entry["id"] for entry in page.holes(entries(), left)) == _ANY
    assert "**Holes: none.**" in page.render(entries()[:1], MUTANTS, ODD)
    assert f"- [`{_ANY}`](CATALOGUE.md#bidirectionalfirst-to-second) MUST\n" in page.render(
        entries()[:1], left, ODD
    )


def test_the_page_has_every_mutant_and_every_odd_system() -> None:
    text = page.render(entries(), MUTANTS, ODD)

    names = [mutant.name for mutant in MUTANTS] + [system.name for system in ODD]
    assert [name for name in names if f"`{name}`" not in text] == []


def test_every_mutant_is_for_a_check_that_exists() -> None:
    ids = {entry["id"] for entry in entries()}

    assert [mutant.name for mutant in MUTANTS if mutant.check not in ids] == []


def test_every_faulty_system_has_to_be_caught() -> None:
    named = {mutant.system for mutant in MUTANTS}

    faulty = systems.FAULTY + systems.PLATFORM
    assert [system.name for system in faulty if system.name not in named] == []


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: f"{mutant.name}-{mutant.check}")
def test_a_mutant_says_what_is_wrong_with_it(mutant: Mutant) -> None:
    assert mutant.fault.endswith(".")
    assert mutant.because


def test_a_mutant_is_either_a_passer_or_a_system() -> None:
    with pytest.raises(ValueError, match="a faulty peer or a faulty system"):
        Mutant("Nothing", _ANY, because="nothing")


def test_the_names_are_told_to_explain() -> None:
    assert "Echo" in for_check("bidirectional.not-to-oneself")


# -- a trial


def test_a_faulty_peer_is_caught() -> None:
    trial = try_mutant(_BY_NAME["Echo"], _NOWHERE)

    assert trial.outcome == CAUGHT, (trial.trouble, trial.said)


def test_a_sound_peer_survives() -> None:
    sound = Mutant("Sound", _ANY, because="anything", peer=Spoiler)

    assert try_mutant(sound, _NOWHERE).outcome == SURVIVED


def test_a_system_that_cannot_be_built_is_not_tried() -> None:
    trial = try_mutant(_BY_NAME["reopens"], _NOWHERE)

    assert (trial.outcome, trial.lack) == (NOT_TRIED, "there is no C compiler")


def test_a_mutant_that_dies_for_another_reason_is_not_caught() -> None:
    echo = _BY_NAME["Echo"]
    mistaken = Mutant(echo.name, echo.check, because="because of the moon", peer=echo.peer)

    assert try_mutant(mistaken, _NOWHERE).outcome == OTHERWISE


# -- the runner


@pytest.mark.parametrize("outcome", [SURVIVED, OTHERWISE])
def test_the_runner_fails_when_a_mutant_is_not_caught(outcome: str) -> None:
    trial = _trial(outcome)

    assert trial.outcome == outcome
    assert _verdict(Screen(plain=True), [trial], [], []) == 1


def test_the_runner_fails_when_a_check_has_no_mutant() -> None:
    assert _verdict(Screen(plain=True), [], [], ["fifo.order"]) == 1


def test_the_runner_passes_when_all_is_caught() -> None:
    assert _verdict(Screen(plain=True), [], [], []) == 0


_NONE_IS_FOR_IT = ("--check", "fifo.cut-in-two")  # a MAY


@pytest.mark.parametrize(
    ("words", "status"),
    [(["Echo"], 0), (["NoSuchThing"], 2), (_NONE_IS_FOR_IT, 2), (["Echo", "--check", "fifo.*"], 2)],
)
def test_exit_status(words: Sequence[str], status: int) -> None:
    command = [sys.executable, "-m", "conformance.mutants", "--plain", *words]

    done = subprocess.run(command, capture_output=True, text=True, timeout=100, check=False)

    assert done.returncode == status, done.stdout + done.stderr
