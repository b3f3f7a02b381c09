"""What the tests have in hand; and no test may leave the descriptor table other than it was."""

from __future__ import annotations

import ast
import inspect
import os
import shutil
import subprocess
import sys
import tempfile
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import fdpass
from fdpass.tests.descriptors import close_all, files, table
from fdpass.tests.loops import has, run_on

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterator

_ROOT = Path(__file__).parents[2]


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--interop",
        choices=("none", "1", "2", "all"),
        default="1",
        help="talk to programs of other people: tier 1 takes seconds (default), 2 may need root",
    )


@pytest.fixture(autouse=True)
def _nothing_leaks() -> Iterator[None]:
    before = table()
    yield
    after = table()

    assert after == before, "the test leaves another descriptor table than it found"


@pytest.fixture
def short() -> Iterator[Path]:
    """Give a directory whose name leaves room for a socket's: tmp_path does not everywhere."""
    made = Path(tempfile.mkdtemp(prefix="fdp", dir="/tmp"))
    yield made
    shutil.rmtree(made)


@pytest.fixture
def make() -> Iterator[Callable[[int], list[int]]]:
    """Open that many different files; they are closed when the test is over."""
    made: list[int] = []

    def make(count: int) -> list[int]:
        made.extend(files(count))
        return made[-count:]

    yield make
    close_all(made)


@pytest.fixture
def pair() -> Iterator[tuple[fdpass.Passer, fdpass.Passer]]:
    left, right = fdpass.pair()
    with left, right:
        yield left, right


@pytest.fixture(params=["asyncio", "uvloop"])
def run(request: pytest.FixtureRequest) -> Callable[..., None]:
    """Run a coroutine function on an event loop of asyncio's kind, under a deadline."""
    if request.param == "uvloop" and not has("uvloop"):
        pytest.skip("uvloop is not installed")

    def run(main: Callable[..., Coroutine[Any, Any, None]], *args: Any) -> None:
        run_on(request.param, main, *args)

    return run


@pytest.fixture(scope="session")
def library(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Build the simulated system; the variables that put a program on it."""
    from conformance import simulated as system

    if reason := system.missing():
        pytest.skip(reason)
    return system.environment(system.build(tmp_path_factory.mktemp("simulated")))


@pytest.fixture
def simulated(tmp_path: Path, library: dict[str, str]) -> Callable[..., str]:
    """Run a function apart, on the simulated system."""
    return _runner(tmp_path, library)


@pytest.fixture
def apart(tmp_path: Path) -> Callable[..., str]:
    """Run a function in a process of its own, where it may fill the table, fork or change its user.

    It gets its source, the imports of its module, and *args* as they are written. It must end
    with the descriptor table it began with, and with nothing on standard error.
    """
    return _runner(tmp_path, {})


def _runner(tmp_path: Path, surroundings: dict[str, str]) -> Callable[..., str]:
    def run(function: Callable[..., None], *args: object) -> str:
        module = ast.parse(Path(inspect.getfile(function)).read_text())
        imports = [node for node in module.body if isinstance(node, (ast.Import, ast.ImportFrom))]
        program = [
            *(ast.unparse(node) for node in imports if "pytest" not in ast.unparse(node)),
            "from fdpass.tests.descriptors import table as _table",
            textwrap.dedent(inspect.getsource(function)),
            "_before = _table()",
            f"{function.__name__}(*{args!r})",
            "_after = _table()",
            "assert _after == _before, f'{_before} at the start, {_after} at the end'",
        ]
        script = tmp_path / f"{function.__name__}.py"
        script.write_text("\n".join(program))
        done = subprocess.run(
            [sys.executable, "-W", "error", str(script)],
            env={
                **os.environ,
                **surroundings,
                "PYTHONPATH": str(_ROOT),
                "PYTHONDONTWRITEBYTECODE": "1",
            },
            capture_output=True,
            check=False,
            text=True,
            timeout=60,
        )
        if done.returncode or done.stderr:
            pytest.fail(f"status {done.returncode}\n{done.stderr}", pytrace=False)
        return done.stdout

    return run
