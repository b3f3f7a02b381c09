"""Start a peer program with nothing open but what it is given.

The harness may have threads (xdist workers do), and posix_spawn(3) is safe with them; where Python
has none (PyPy), a fork does the same.
"""

from __future__ import annotations

import atexit
import functools
import os
import shutil
import signal
import sys
import tempfile
import time
from contextlib import suppress
from typing import TYPE_CHECKING

from ..errors import CannotStart
from .forking import Start, above_all, forked

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from .patience import Deadline

FIRST_GIVEN = 3
"""The number of the first descriptor that is given to a peer."""
_TAIL = 4000  # bytes of standard error that are worth showing


_ROOM = 4096  # descriptors; 256 is usual on macOS, and a check may pass 600


def make_room() -> None:
    """Raise our own limit of descriptors, which the peers inherit, as far as it is too low."""
    try:
        import resource
    except ImportError:  # no limits here that could be too low
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = min(_ROOM, room() or _ROOM)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def room() -> int | None:
    """Tell how many descriptors a process of ours may have at most; None: there is no limit."""
    try:
        import resource
    except ImportError:
        return None
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    return None if hard == resource.RLIM_INFINITY else hard


class Process:
    """A peer program in a process group of its own; the harness holds the other pipe ends."""

    def __init__(self, command: Sequence[str], given: Mapping[str, int]) -> None:
        """Start *command*; it gets the *given* descriptors (borrowed) as 3, 4 and so on."""
        program = shutil.which(command[0])
        if program is None:
            raise CannotStart(f"there is no program {command[0]!r} to be run")
        self.given = tuple(given)
        self._log = tempfile.TemporaryFile()
        self._status: int | None = None
        self._tail: str | None = None
        theirs_in, self.requests = os.pipe()
        self.answers, theirs_out = os.pipe()
        try:
            self.pid = _spawn(program, command, (theirs_in, theirs_out, self._log.fileno()), given)
        except OSError as error:
            self._log.close()
            os.close(self.requests)
            os.close(self.answers)
            raise CannotStart(f"{command[0]} cannot be started: {error.strerror}") from error
        finally:
            os.close(theirs_in)
            os.close(theirs_out)

    def kill_all(self) -> None:
        """Kill the process group, children of a fork included, and wait for the leader's end."""
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, signal.SIGKILL)
        if self._status is None:
            _, self._status = os.waitpid(self.pid, 0)
        if self._tail is None:
            self._tail = self._read_log()
            self._log.close()

    def ended(self, deadline: Deadline) -> str | None:
        """Wait for the end; tell how it was, or None if the deadline passed."""
        pause = 0.0005
        while self._status is None:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                self._status = status
            elif deadline.passed:
                return None
            else:
                time.sleep(min(pause, deadline.remaining()))
                pause = min(2 * pause, 0.02)
        return ending(os.waitstatus_to_exitcode(self._status))

    def log(self, start: int = 0) -> str:
        """Give the end of what was written to standard error, from byte *start* on."""
        return self._read_log(start) if self._tail is None else self._tail

    def log_size(self) -> int:
        """Tell how many bytes have been written to standard error."""
        return os.fstat(self._log.fileno()).st_size

    def _read_log(self, start: int = 0) -> str:
        tail = os.pread(self._log.fileno(), _TAIL, max(start, self.log_size() - _TAIL))
        return tail.decode(errors="replace")


def ending(code: int) -> str:
    """Say in words how a process ended: an exit status, or minus the number of a signal."""
    return f"exit status {code}" if code >= 0 else f"killed by {signal.Signals(-code).name}"


def _spawn(
    program: str, command: Sequence[str], standard: tuple[int, int, int], given: Mapping[str, int]
) -> int:
    sources = [*standard, *given.values()]
    above = len(sources)
    lifted = []
    try:
        # Out of the way first: a dup2() onto a number that is still to be a source would lose it.
        for source in sources:
            lifted.append(above_all(source, above))  # noqa: PERF401
        numbers = (f"{name}={number}" for number, name in enumerate(given, start=FIRST_GIVEN))
        named = {"FDCP": "1", "FDCP_FDS": ",".join(numbers)}
        environment = os.environ | _bytecode() | named
        start = Start(program, list(command), environment, _inherited(above), lifted)
        return (_spawned if hasattr(os, "posix_spawn") else forked)(start)
    finally:
        for fd in lifted:
            os.close(fd)


def _spawned(start: Start) -> int:
    actions: list[tuple[int, int] | tuple[int, int, int]]
    actions = [(os.POSIX_SPAWN_CLOSE, fd) for fd in start.closed]
    actions += [(os.POSIX_SPAWN_DUP2, fd, number) for number, fd in enumerate(start.given)]
    return os.posix_spawn(
        start.program,
        start.command,
        start.environment,
        file_actions=actions,
        setpgroup=0,
        setsigmask=[],
        setsigdef=[signal.SIGPIPE],
    )


def _inherited(above: int) -> list[int]:
    """List what a program is not to inherit, from a number on."""
    limit = os.sysconf("SC_OPEN_MAX")
    found = [fd for fd in inheritable() if fd >= above]
    for fd in found:
        # Opened before the limit was lowered: it can be used, but posix_spawn refuses its number.
        if fd >= limit:
            os.set_inheritable(fd, False)
    return [fd for fd in found if fd < limit]


@functools.cache
def _bytecode() -> dict[str, str]:
    """Let peers in Python keep their bytecode for a run, where it may not be written beside them.

    Compiling anew would be half of the time that a check takes.
    """
    if not sys.dont_write_bytecode:
        return {}
    folder = tempfile.mkdtemp(prefix="fdcp-bytecode-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return {"PYTHONDONTWRITEBYTECODE": "", "PYTHONPYCACHEPREFIX": folder}


def inheritable() -> list[int]:
    """List the descriptors of this process that a program started now would inherit."""
    found = []
    for fd in _open_numbers():
        with suppress(OSError):  # closed since, by another thread
            if os.get_inheritable(fd):
                found.append(fd)
    return found


def _open_numbers() -> Sequence[int]:
    try:
        return sorted(int(name) for name in os.listdir("/proc/self/fd"))
    except OSError:
        return range(min(os.sysconf("SC_OPEN_MAX"), 4096))
