"""Run the program of a platform check, just as `repro` prints it, and say what came of it.

It runs in a session of its own, so in a process group of its own, with nothing open but the
standard descriptors; whatever is left of the group in the end is killed.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from conformance.errors import BrokenProgram, Lacking, SystemFailed, hidden
from conformance.report.catalogue import promise

from . import program
from .script import record
from .steps import operations

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from conformance.requirement import Requirement

    from .script import Script

__tracebackhide__ = hidden

STEP = 2.0
"""Seconds for one step, which the program itself watches over."""
WHOLE = 5.0
"""Seconds for the whole; never less, as a program has to start first."""

_VERDICTS = {0: "holds", 1: "fails", 77: "missing", 99: "wrong"}


@dataclass(frozen=True)
class Ending:
    """How a program ended, and what it said."""

    steps: Sequence[str]
    """Its operations, in order."""
    seconds: float
    """The deadline it had."""
    status: int | None = None
    """Its exit status, or minus the number of the signal that killed it; None: the deadline."""
    trace: list[str] = field(default_factory=list)
    """What it said, without the verdict."""
    verdict: dict[str, str] = field(default_factory=dict)
    error: str = ""
    """The last line it wrote to standard error."""

    @property
    def at(self) -> str:
        """Name the step that it was in."""
        done = max((said["step"] for said in map(_json, self.trace) if "step" in said), default=0)
        if done < len(self.steps):
            return f"step {done + 1}, {self.steps[done]}"
        return f"what follows step {done}"

    @property
    def seen(self) -> str:
        """What the program says is wrong, in a sentence."""
        words = self.verdict["words"]
        if "expected" in self.verdict:
            words += f": expected {self.verdict['expected']}, saw {self.verdict['saw']}"
        return words

    def judge(self, requirement: Requirement) -> None:
        """Return if the requirement holds.

        Raises:
            SystemFailed: it does not, or the program hung or was killed.
            Lacking: it cannot be tried here.
            BrokenProgram: the program says that it is wrong, or says nothing.

        """
        if self.status is None:
            _fail(f"{self.at}, did not come to its end within {self.seconds:g} s", requirement)
        elif self.status < 0:
            name = signal.Signals(-self.status).name
            _fail(f"the program was killed by {name} in {self.at}", requirement)
        elif self.verdict.get("verdict") != _VERDICTS.get(self.status, "none"):
            raise BrokenProgram(f"it ended with status {self.status}: {self.error or 'no verdict'}")
        elif self.verdict["verdict"] == "fails":
            _fail(self.seen, requirement)
        elif self.verdict["verdict"] == "missing":
            raise Lacking(self.seen)
        elif self.verdict["verdict"] == "wrong":
            raise BrokenProgram(self.seen)


def _fail(seen: str, requirement: Requirement) -> None:
    if requirement.endangers:
        seen += f"; endangers: {', '.join(map(promise, requirement.endangers))}"
    raise SystemFailed(seen)


def run(
    requirement: Requirement,
    check: Callable[[Script], None],
    *,
    launcher: Sequence[str] = (),
    scale: float = 1.0,
) -> Ending:
    """Run the Python program of a check, started by *launcher*; *scale* stretches its deadlines.

    Raises:
        BrokenProgram: it cannot be started.

    """
    steps = list(operations(record(check).body))
    whole = WHOLE * max(scale, 1.0)
    with tempfile.TemporaryDirectory(prefix="platform-") as folder:
        path = os.path.join(folder, f"{requirement.id}.py")
        with open(path, "w") as file:
            file.write(program.python(requirement, check))
        command = [*launcher, sys.executable, "-I", "-S", path, f"{STEP * scale:g}"]
        status, said, errors = _ended(command, whole)
    lines = said.splitlines()
    verdict = _json(lines[-1]) if lines else {}
    if "verdict" in verdict:
        lines.pop()
    last = (errors.strip().splitlines() or [""])[-1]
    return Ending(steps, whole, status, lines, verdict, last)


def _ended(command: Sequence[str], seconds: float) -> tuple[int | None, str, str]:
    try:
        running = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
    except OSError as error:
        raise BrokenProgram(f"{command[0]} cannot be started: {error.strerror}") from None
    with running:
        try:
            said, errors = running.communicate(timeout=seconds)
            status: int | None = running.returncode
        except subprocess.TimeoutExpired:
            # The program may have ended, and something that it started holds its output.
            status = running.poll()
            _kill_all(running.pid)
            said, errors = running.communicate()
        finally:
            _kill_all(running.pid)
    return status, said.decode(errors="replace"), errors.decode(errors="replace")


def _kill_all(group: int) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(group, signal.SIGKILL)


def _json(line: str) -> dict[str, Any]:
    try:
        said = json.loads(line)
    except ValueError:
        return {}
    return said if isinstance(said, dict) else {}
