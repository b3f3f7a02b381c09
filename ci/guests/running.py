"""Running a program that may hang: a deadline, its whole process group ended, all it says kept."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from contextlib import suppress
from typing import TYPE_CHECKING

from .places import ROOT

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

PREPARING = 900  # seconds for any one step that prepares a guest
_TAIL = 800  # bytes of what a failed step said


_RUNNING: set[subprocess.Popen[bytes]] = set()


class CannotRun(Exception):
    """Something that a guest needs is not here, and cannot be had; the message names it."""


class Overdue(Exception):
    """The deadline came first; what was started has been killed."""


def supervise(
    command: Sequence[str | Path],
    log: Path,
    deadline: float,
    *,
    shown: bool = False,
    environment: Mapping[str, str] | None = None,
) -> int:
    """Run a program, add what it says to *log*, and give its exit status.

    Its output is a pipe: gVisor writes to a file at an offset of its own, and Python under Wine
    does not start with one.

    Raises:
        Overdue: it has not ended within *deadline* seconds.

    """
    words = [str(word) for word in command]
    with open(log, "ab") as file:
        file.write(f"{' '.join(words)}\n".encode())
        child = subprocess.Popen(
            words,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            cwd=ROOT,
            env=None if environment is None else {**os.environ, **environment},
        )
        _RUNNING.add(child)
        assert child.stdout is not None
        output = child.stdout

        def keep() -> None:
            for line in output:
                file.write(line)
                file.flush()
                if shown:
                    sys.stdout.write(line.decode(errors="replace"))
                    sys.stdout.flush()

        keeper = threading.Thread(target=keep)
        keeper.start()
        try:
            return child.wait(deadline)
        except subprocess.TimeoutExpired:
            raise Overdue(f"it has not ended after {deadline:g} s") from None
        finally:
            _kill(child)  # also what it has left behind
            child.wait()
            _RUNNING.discard(child)
            keeper.join()
            output.close()


def _kill(child: subprocess.Popen[bytes]) -> None:
    with suppress(ProcessLookupError):
        os.killpg(child.pid, signal.SIGKILL)


def end_all() -> None:
    """Kill all that other threads supervise."""
    for child in tuple(_RUNNING):
        _kill(child)


def call(
    *command: str | Path, folder: Path | None = None, environment: Mapping[str, str] | None = None
) -> str:
    """Run a program that has to succeed, and give what it writes to its output.

    Raises:
        CannotRun: it failed, or has not ended.

    """
    words = [str(word) for word in command]
    try:
        ended = subprocess.run(
            words,
            cwd=folder,
            env=None if environment is None else {**os.environ, **environment},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=PREPARING,
            check=False,
        )
    except FileNotFoundError:
        raise CannotRun(f"there is no program {words[0]}") from None
    except subprocess.TimeoutExpired:
        raise CannotRun(f"{' '.join(words)}: not ended after {PREPARING} s") from None
    if ended.returncode:
        said = (ended.stderr or ended.stdout).decode(errors="replace")[-_TAIL:].strip()
        raise CannotRun(f"{' '.join(words)}: exit status {ended.returncode}: {said}")
    return ended.stdout.decode(errors="replace")
