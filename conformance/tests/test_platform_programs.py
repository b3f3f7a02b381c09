"""The programs of all platform checks: Python and C do the same, and see the same."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from conformance.interposed import compiler
from conformance.platform import program
from conformance.platform.prelude import texts
from conformance.requirement import catalogue

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from conformance.requirement import Requirement

CASES = [(asked, check) for asked, check in catalogue() if asked.of_platform]
CC = compiler()
STRICT = ("-std=c99", "-pthread", "-pedantic", "-Wall", "-Wextra", "-Werror")

needs_cc = pytest.mark.skipif(CC is None, reason="there is no C compiler")


def compile_(*words: object) -> None:
    done = subprocess.run(
        [*(CC or []), *map(str, words)], capture_output=True, text=True, timeout=100, check=False
    )
    assert done.returncode == 0, done.stderr


@pytest.fixture(scope="session")
def all_in_c(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give one program that has all of them; its first argument says which is to be run.

    Each has the same prelude, of which a program alone has what it uses.
    """
    mains = []
    for number, (asked, check) in enumerate(CASES):
        text = program.c(asked, check)
        mains.append(text[text.index("\nint main(") :].replace("main(", f"main_{number}(", 1))
    names = ", ".join(f"main_{number}" for number in range(len(mains)))
    choice = (
        "int main(int argc, char **argv)\n{\n"
        f"    int (*all[])(int, char **) = {{{names}}};\n"
        "    return all[atoi(argv[1])](argc - 1, argv + 1);\n}\n"
    )
    path = tmp_path_factory.mktemp("platform") / "all"
    path.with_suffix(".c").write_text("\n".join([*texts("c"), *mains, choice]))
    lenient = ("-Wno-return-type", "-Wno-unused-function")
    compile_(*STRICT, *lenient, "-o", path, path.with_suffix(".c"))
    return path


class Said:
    """What a program said."""

    def __init__(self, command: Sequence[object]) -> None:
        done = subprocess.run(
            list(map(str, command)),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        self.status = done.returncode
        self.errors = done.stderr
        *self.steps, self.verdict = map(json.loads, done.stdout.splitlines())


@needs_cc
@pytest.mark.parametrize("number", range(len(CASES)), ids=[asked.id for asked, _ in CASES])
def test_both_languages_see_the_same(number: int, all_in_c: Path, tmp_path: Path) -> None:
    path = tmp_path / "program.py"
    path.write_text(program.python(*CASES[number]))

    python = Said([sys.executable, "-W", "error", "-I", "-S", path, "4"])
    c = Said([all_in_c, number, "4"])

    assert python.status == c.status, (python.errors, c.errors)
    assert python.steps == c.steps
    if python.status == 77:  # what is lacking may be the language's
        assert python.verdict["verdict"] == c.verdict["verdict"] == "missing"
    else:
        assert python.verdict == c.verdict
        assert python.errors == c.errors


@pytest.fixture(scope="session")
def few(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Give some of the C programs, which together have all that any of them has."""
    folder = tmp_path_factory.mktemp("few")
    seen: set[str] = set()
    paths = []
    for asked, check in CASES:
        text = program.c(asked, check)
        words = set(re.findall(r"\b\w+\(", text[text.index("*/") :]))
        if words - seen:
            seen |= words
            paths.append(folder / f"{asked.id}.c")
            paths[-1].write_text(text)
    return paths


@needs_cc
def test_c_programs_compile_without_a_warning(few: list[Path]) -> None:
    compile_(*STRICT, "-fsyntax-only", *few)


@pytest.mark.parametrize(("asked", "check"), CASES, ids=[asked.id for asked, _ in CASES])
def test_a_platform_check_keeps_to_the_rules(
    asked: Requirement, check: Callable[..., None]
) -> None:
    text: dict[str, Any] = {
        "python": program.python(asked, check),
        "c": program.c(asked, check),
    }

    compile(text["python"], asked.id, "exec", flags=0, dont_inherit=True)
    assert asked.endangers or asked.level == "MAY"
    for needless in ("fdpass", "conformance"):
        assert f"import {needless}" not in text["python"]
    # A step that fails is a failure too, and some promise no more than that one does not.
    assert "expect(" in text["c"] or "do_send(" in text["c"], "it expects nothing"
