"""What the interfaces of Unix have in common: waiting, trying, telling what a thing is."""

from __future__ import annotations

import fcntl
import os
import select
import stat
from contextlib import contextmanager, suppress
from time import monotonic, sleep

from ..table import close_all

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import Protocol

    class CanPass(Protocol):
        """As much of an endpoint as a trial needs."""

        def send(self, data: bytes, fds: list[int]) -> int:
            """Send."""

        def receive(self, size: int) -> tuple[bytes, list[int], bool]:
            """Receive."""

        def wait(self, *, read: bool, write: bool, timeout: float | None) -> bool:
            """Wait."""

        def close(self) -> None:
            """Close."""


_ALONE_WITHIN = 1.0  # seconds
_TRIAL_WITHIN = 2.0  # seconds


def wait(fd: int, *, read: bool, write: bool, timeout: float | None) -> bool:
    """Wait until it is worth trying, or for *timeout* seconds (None: for ever)."""
    poll = select.poll()  # one a call: a sender and a receiver may wait at the same time
    poll.register(fd, (read and select.POLLIN) | (write and select.POLLOUT))
    # Once more: in Python an interrupted poll whose time is over has seen nothing.
    return bool(poll.poll(None if timeout is None else max(0, timeout) * 1000) or poll.poll(0))


def wait_readable(fd: int, timeout: float | None) -> None:
    """Wait until *fd* is readable, or for *timeout* seconds."""
    wait(fd, read=True, write=False, timeout=timeout)


def kind(fd: int) -> str:
    """Say in words what a descriptor is open on."""
    mode = os.fstat(fd).st_mode
    for test, name in (
        (stat.S_ISREG, "a regular file"),
        (stat.S_ISDIR, "a directory"),
        (stat.S_ISFIFO, "a pipe"),
        (stat.S_ISCHR, "a character device"),
        (stat.S_ISSOCK, "a socket"),
    ):
        if test(mode):
            return name
    return f"of mode {mode:o}"


@contextmanager
def alone(path: str) -> Iterator[None]:
    """Keep out others who begin to listen in the same directory, as far as that can be done."""
    try:
        directory = os.open(os.path.dirname(path) or ".", os.O_RDONLY)
    except OSError:
        yield
        return
    try:
        deadline = monotonic() + _ALONE_WITHIN
        while monotonic() < deadline:
            try:
                fcntl.flock(directory, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                sleep(0.01)
            except OSError:
                break
        yield
    finally:
        os.close(directory)


def remove_own(path: str, identity: tuple[int, int]) -> None:
    """Remove the file at *path* if it is still the one of that device and inode."""
    with suppress(FileNotFoundError):  # somebody removed it already
        found = os.lstat(path)
        if (found.st_dev, found.st_ino) == identity:
            os.unlink(path)


def find_slots_for(fds: Iterable[int]) -> None:
    """Make sure of free slots: without them a loss would say nothing of the system.

    Raises:
        OSError: the table is too full to try anything.

    """
    taken: list[int] = []
    try:
        for fd in fds:
            taken.append(os.dup(fd))  # noqa: PERF401  what was taken must be known
    finally:
        close_all(taken)


def passes(one: CanPass, other: CanPass) -> bool:
    """Pass the ends of a pipe over a fresh channel, and tell whether something comes out.

    Whether it is the right thing is for the conformance suite to say. Two go, and one has to come,
    so that a system that mixes up their order is still found to have the interface.
    """
    pipe = os.pipe()
    got: list[int] = []
    try:
        find_slots_for(pipe)
        deadline = monotonic() + _TRIAL_WITHIN
        left = list(pipe)
        while not got and monotonic() < deadline:
            with suppress(BlockingIOError):
                while left and one.send(b"\0", left[:1]):
                    del left[0]
            try:
                got = other.receive(16)[1]
            except BlockingIOError:
                other.wait(read=True, write=False, timeout=0.01)
        with suppress(BlockingIOError):  # one is enough; nobody is to wait for the other
            got += other.receive(16)[1]
        return bool(got)
    finally:
        close_all(got)
        close_all(pipe)
