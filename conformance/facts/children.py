"""Ask each fact in a process of its own, under a deadline: whatever it does, it harms no other."""

from __future__ import annotations

import json
import os
import select
import signal
import tempfile
import time
from contextlib import suppress
from typing import TYPE_CHECKING, TypedDict

from .fact import Unanswered, fits

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from .fact import Fact, Value

PATIENCE = 3.0
"""Seconds that one fact may take; times the scale."""

_REPORT = 3  # the number of the one descriptor that a child has besides the standard ones


class Answer(TypedDict):
    """What became of a fact: its value, or None and the reason."""

    value: Value | None
    reason: str
    seconds: float


def ask(facts: Iterable[Fact], scale: float = 1.0) -> Iterator[tuple[Fact, Answer]]:
    """Measure one fact after the other.

    They are forks of this process, not started programs: what stands between it and the system, an
    emulator or an interposed library, then stands there for them as well. It must have no threads.
    """
    with tempfile.TemporaryDirectory(prefix="facts-", ignore_cleanup_errors=True) as folder:
        for fact in facts:
            started = time.monotonic()
            own = os.path.join(folder, fact.id)
            os.mkdir(own)
            value, reason = _asked(fact, own, PATIENCE * scale)
            seconds = round(time.monotonic() - started, 4)
            yield fact, {"value": value, "reason": reason, "seconds": seconds}


def _asked(fact: Fact, folder: str, patience: float) -> tuple[Value | None, str]:
    try:
        reading, writing = os.pipe()
    except (AttributeError, OSError) as error:
        return _here(fact, f"no pipe: {error}")
    try:
        child = os.fork()
    except (AttributeError, OSError) as error:
        os.close(reading)
        os.close(writing)
        return _here(fact, f"this system cannot fork: {error}")
    if child == 0:
        _answer(fact, folder, writing)
    os.close(writing)
    said, closed = b"", False
    try:
        said, closed = _said(reading, patience)
    finally:
        os.close(reading)
        # What has said all, or closed its pipe, is about to end; what hangs is not.
        status = _ended(child, patience if closed else 0.0)
    if said.endswith(b"\n"):
        value, reason = json.loads(said)
        return value, reason
    return None, _silence(status, patience)


def _here(fact: Fact, why: str) -> tuple[Value | None, str]:
    """Measure in this very process what cannot harm it."""
    return _measured(fact) if fact.here else (None, why)


def _measured(fact: Fact) -> tuple[Value | None, str]:
    """Find it out; whatever a strange system answers, or lacks, is a reason and no accident."""
    try:
        value = fact.measure()
    except Unanswered as why:
        return None, str(why)
    except OSError as error:
        from .sockets import name

        return None, f"{name(error)}: {error.strerror or error}"
    except Exception as error:  # as AttributeError, for a name that this Python lacks
        return None, f"{type(error).__name__}: {error}"
    if not fits(value, fact.type):
        return None, f"expected {fact.type}, measured {value!r}"
    return value, ""


# -- in the child -------------------------------------------------------------------------------


def _answer(fact: Fact, folder: str, writing: int) -> None:
    """Measure and tell, with nothing else open; never returns."""
    status = 1
    with suppress(BaseException):
        with suppress(AttributeError, OSError):
            os.setpgid(0, 0)
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.SIG_DFL)
        signal.signal(signal.SIGPIPE, signal.SIG_IGN)  # EPIPE is told, as it is to any Python
        os.chdir(folder)
        _leave_nothing_open_but(writing)
        value, reason = _measured(fact)
        _tell(json.dumps([value, reason]).encode() + b"\n")
        status = 0
    os._exit(status)


def _leave_nothing_open_but(writing: int) -> None:
    null = os.open(os.devnull, os.O_RDWR)
    kept = os.dup(writing)  # above it, if it is one of those to be replaced
    for number in range(_REPORT):
        if number != null:
            os.dup2(null, number, True)
    if kept != _REPORT:
        os.dup2(kept, _REPORT, False)
    try:
        others = [int(number) for number in os.listdir("/dev/fd")]
    except (OSError, ValueError):
        others = []
    for number in {*others, *range(_REPORT + 1, 256)}:
        if number > _REPORT:
            with suppress(OSError):
                os.close(number)


def _tell(line: bytes) -> None:
    while line:
        line = line[os.write(_REPORT, line) :]


# -- in the parent ------------------------------------------------------------------------------


def _said(reading: int, patience: float) -> tuple[bytes, bool]:
    """Read what the child says; the flag tells whether it said all, or ended, within the time."""
    end = time.monotonic() + patience
    said = b""
    while not said.endswith(b"\n"):
        ready, _, _ = select.select([reading], [], [], max(0.0, end - time.monotonic()))
        if not ready:
            return said, False
        more = os.read(reading, 65536)
        if not more:
            break
        said += more
    return said, True


def _ended(child: int, patience: float) -> int | None:
    """Wait for it, and end it with all its children if it does not end itself; None: it did not."""
    end = time.monotonic() + patience
    status = _reaped(child, end)
    with suppress(OSError, AttributeError):
        os.killpg(child, signal.SIGKILL)
    if status is None:
        with suppress(OSError):
            os.kill(child, signal.SIGKILL)
        # Not for ever: what hangs in the kernel does not even end by that.
        _reaped(child, time.monotonic() + 1)
    return status


def _reaped(child: int, end: float) -> int | None:
    pause = 0.0005
    while True:
        pid, status = os.waitpid(child, os.WNOHANG)
        if pid:
            return status
        if time.monotonic() >= end:
            return None
        time.sleep(pause)
        pause = min(pause * 2, 0.02)


def _silence(status: int | None, patience: float) -> str:
    """Say what became of a child that gave no answer."""
    if status is None:
        return f"no answer (killed after {patience:g} s)"
    if os.WIFSIGNALED(status):
        number = os.WTERMSIG(status)
        try:
            killer = signal.Signals(number).name
        except ValueError:
            killer = f"signal {number}"
        return f"no answer (ended by {killer})"
    return f"no answer (ended with status {os.WEXITSTATUS(status)})"
