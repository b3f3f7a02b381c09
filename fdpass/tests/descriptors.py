"""The descriptor table as the tests look at it, and the making and filling of it."""

from __future__ import annotations

import os
import sys
import tempfile
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, TypeVar

if sys.platform != "win32":
    import resource

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

E = TypeVar("E", bound=BaseException)

# Long enough for a machine under load; nothing waits for it when all is well.
SOON = 20.0


def identity(fd: int) -> tuple[int, int]:
    """Say which file it is: a number of the table says nothing."""
    found = os.fstat(fd)
    return found.st_dev, found.st_ino


def identities(fds: Iterable[int]) -> list[tuple[int, int]]:
    return [identity(fd) for fd in fds]


def is_open(fd: int) -> bool:
    try:
        os.fstat(fd)
    except OSError:
        return False
    return True


def table() -> dict[int, tuple[int, int]]:
    """Give every open descriptor and the file behind it."""
    try:
        numbers = sorted(map(int, os.listdir("/proc/self/fd")))
    except OSError:  # no /proc, no slot left to look into it, or another user's by now
        numbers = list(range(4096))
    return {fd: identity(fd) for fd in numbers if is_open(fd)}


def files(count: int) -> list[int]:
    """Open *count* files, each another; the caller owns them."""
    made = []
    for _ in range(count):
        with tempfile.TemporaryFile() as file:
            made.append(os.dup(file.fileno()))
    return made


def close_all(fds: Iterable[int]) -> None:
    for fd in fds:
        os.close(fd)


def clamp(limit: int) -> None:
    """Allow this process *limit* descriptors, from now on; never the one that runs pytest."""
    assert sys.platform != "win32", "no limit can be set there"
    resource.setrlimit(
        resource.RLIMIT_NOFILE, (limit, resource.getrlimit(resource.RLIMIT_NOFILE)[1])
    )


def fill(leave: int = 0) -> list[int]:
    """Fill the table but for *leave* slots; the caller owns what fills it."""
    held = []
    try:
        while True:
            held.append(os.dup(0))
    except OSError:
        pass
    for _ in range(leave):
        os.close(held.pop())
    return held


@contextmanager
def raised(kind: type[E]) -> Iterator[list[E]]:
    """Expect an error, where there is no pytest; it will be in the list."""
    caught: list[E] = []
    try:
        yield caught
    except kind as error:
        caught.append(error)
        return
    raise AssertionError(f"no {kind.__name__} was raised")


def eventually(condition: Callable[[], object]) -> bool:
    """Look again and again whether *condition* holds, until it does or it is too late."""
    deadline = time.monotonic() + SOON
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.001)
    return True
