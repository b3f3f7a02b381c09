"""The descriptor table."""

from __future__ import annotations

import errno
import fcntl
import os
import resource

from .saying import Result, State
from .steps import gives, numbered


@gives()
def do_limit(number: int) -> Result:
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (number, hard))
    except ValueError as error:  # in place of EINVAL
        raise OSError(errno.EINVAL, "") from error
    return Result()


@gives()
def do_fill(leave: int) -> Result:
    while len(State.filled) < 4096:
        try:
            State.filled.append(os.dup(0))
        except OSError as error:
            if error.errno != errno.EMFILE:
                raise
            break
    for _ in range(leave):
        os.close(State.filled.pop())
    return Result()


@gives()
def do_free(number: int) -> Result:
    for _ in range(number):
        os.close(State.filled.pop())
    return Result()


@gives("number")
def do_table() -> Result:
    found = 0
    for fd in range(4096):
        try:
            fcntl.fcntl(fd, fcntl.F_GETFD)
        except OSError:
            continue
        found += 1
    return numbered(found)
