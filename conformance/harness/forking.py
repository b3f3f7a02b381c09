"""What posix_spawn(3) does, by fork(2) and execve(2): for a Python that has no posix_spawn."""

from __future__ import annotations

import errno
import fcntl
import os
import signal
from typing import TYPE_CHECKING, NamedTuple, NoReturn

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_NOT_STARTED = 127  # as posix_spawn(3) has it


def above_all(fd: int, lowest: int) -> int:
    """Duplicate a descriptor to a number that is not below *lowest*; no program inherits it."""
    if hasattr(fcntl, "F_DUPFD_CLOEXEC"):
        return fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, lowest)
    number = fcntl.fcntl(fd, fcntl.F_DUPFD, lowest)
    os.set_inheritable(number, False)
    return number


class Start(NamedTuple):
    """A program that is to run, in a process group of its own."""

    program: str
    command: list[str]
    environment: Mapping[str, str]
    closed: Sequence[int]
    """Descriptors that it is not to have."""
    given: Sequence[int]
    """What it has as 0, 1 and so on; these have to have higher numbers, and stay the caller's."""


def forked(start: Start) -> int:
    """Start a program, and give its process.

    Raises:
        OSError: it cannot be started.

    """
    told, tell = os.pipe()
    try:
        over = above_all(tell, len(start.given))
        try:
            child = os.fork()
            if child == 0:
                _become(start, over)
        finally:
            os.close(over)
            os.close(tell)
        failure = os.read(told, 20)  # nothing, once execve(2) has closed the other end
        if failure:
            os.waitpid(child, 0)
            raise OSError(int(failure), os.strerror(int(failure)))
        return child
    finally:
        os.close(told)


def _become(start: Start, tell: int) -> NoReturn:
    try:
        os.setpgid(0, 0)
        signal.signal(signal.SIGPIPE, signal.SIG_DFL)
        for fd in start.closed:
            os.close(fd)
        for number, fd in enumerate(start.given):
            os.dup2(fd, number)
        signal.pthread_sigmask(signal.SIG_SETMASK, ())
        os.execve(start.program, start.command, start.environment)
    except OSError as error:
        os.write(tell, str(error.errno or errno.EINVAL).encode())
    finally:
        os._exit(_NOT_STARTED)
