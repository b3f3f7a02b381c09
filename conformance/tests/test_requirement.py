from __future__ import annotations

import ast
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from conformance import checks
from conformance.requirement import catalogue, may, must, should

if TYPE_CHECKING:
    from collections.abc import Callable

FILES = sorted(Path(checks.__file__).parent.glob("[!_]*.py"))
ORACLES = {"is_written_by", "released", "order", "condition_of"}


def documented(docstring: str) -> Callable[..., None]:
    def check(bench: object) -> None: ...

    check.__doc__ = docstring
    return check


@pytest.mark.parametrize(("mark", "level"), [(must, "MUST"), (should, "SHOULD"), (may, "MAY")])
def test_a_mark_says_what_is_asked(mark: Any, level: str) -> None:
    check = documented("What holds.\n\nWhy the body proves it.\n")

    requirement = mark("fifo.order", "a source", needs=("fork",), each_survival=True)(
        check
    ).requirement

    assert requirement.level == level
    assert requirement.group == "fifo"
    assert (requirement.summary, requirement.why) == ("What holds.", "Why the body proves it.")
    assert requirement.entry() == {
        "id": "fifo.order",
        "group": "fifo",
        "level": level,
        "source": "a source",
        "requirement": "What holds.",
        "why": "Why the body proves it.",
        "needs": ["fork"],
        "each_survival": True,
        "each_backend": False,
        "only": "",
        "subject": "passer",
        "endangers": [],
    }


def test_a_check_of_the_platform_names_what_it_endangers() -> None:
    def mark(**words: Any) -> Any:
        return must("semantics.some", "a source", **words)(documented("What holds."))

    requirement = mark(subject="platform", endangers=("fifo",)).requirement

    assert requirement.of_platform
    assert requirement.entry()["endangers"] == ["fifo"]
    with pytest.raises(ValueError, match="there is no promise 'luck'"):
        mark(subject="platform", endangers=("luck",))
    with pytest.raises(ValueError, match="expected a subject of passer, platform"):
        mark(subject="kernel")


@pytest.mark.parametrize("id_", ["order", "Fifo.order", "fifo.order_kept", "fifo.", "1.2"])
def test_an_id_has_a_group_and_words(id_: str) -> None:
    with pytest.raises(ValueError, match="expected an id such as"):
        must(id_, "a source")


@pytest.mark.parametrize("docstring", ["", "No full stop", "Far too long" * 10 + "."])
def test_the_first_sentence_fits_a_line(docstring: str) -> None:
    with pytest.raises(ValueError, match="expected a first sentence"):
        must("fifo.order", "a source")(documented(docstring))


def test_all_files_of_checks_are_in_the_written_list() -> None:
    assert sorted(checks.MODULES) == [file.stem for file in FILES]


def test_every_check_has_a_requirement() -> None:
    marked = {check.__name__ for _, check in catalogue()}
    written = {
        node.name
        for file in FILES
        for node in ast.walk(ast.parse(file.read_text()))
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")
    }

    assert written == marked


def test_every_promise_has_a_must() -> None:
    promised = set(checks.GROUPS) - set(checks.PLATFORM)

    assert {it.group for it, _ in catalogue() if it.level == "MUST"} >= promised


def test_a_group_is_of_one_subject() -> None:
    assert {it.group for it, _ in catalogue() if it.of_platform} == set(checks.PLATFORM)
    assert {it.group for it, _ in catalogue()} == set(checks.GROUPS)


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.stem))
def test_no_oracle_is_asked_in_vain(file: Path) -> None:
    ignored = [
        f"{file.name}:{node.lineno}"
        for node in ast.walk(ast.parse(file.read_text()))
        if isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Call)
        and isinstance(node.value.func, ast.Attribute)
        and node.value.func.attr in ORACLES
    ]

    assert not ignored
