"""What a step is: its deadline, what it tells, and what its failure means."""

from __future__ import annotations

import errno
import os
import signal
import socket
import time

from .saying import FAILS, MISSING, Result, State, end, error_name, fail, missing, say, shown, wrong

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any


def hangs(*_: object) -> None:
    fail(f"step {State.step}, {State.doing}, did not come to its end")


def begin(doing: str) -> bool:
    """Start a step and its deadline; tell whether it may fail."""
    may_fail, State.may_fail = State.may_fail, False
    State.step += 1
    State.doing = doing
    signal.setitimer(signal.ITIMER_REAL, State.seconds * (1.5 if doing == "child" else 1))
    return may_fail


def done(may_fail: bool, error: int, told: dict[str, object], *, prepares: bool = False) -> None:
    """End a step: tell what it gave; whether it was allowed to fail is known from :func:`begin`."""
    signal.setitimer(signal.ITIMER_REAL, 0)
    name = error_name(error) if error else ""
    say({"step": State.step, "do": State.doing, "errno": name, **told})
    if not error or may_fail:
        return
    words = f"step {State.step}, {State.doing}, failed with {name}"
    unknown = {errno.EPROTONOSUPPORT, errno.EAFNOSUPPORT, errno.ENOSYS}
    unknown |= {getattr(errno, "ESOCKTNOSUPPORT", errno.ENOSYS)}
    if prepares and error in {*unknown, errno.EOPNOTSUPP, errno.EPROTOTYPE, errno.EADDRNOTAVAIL}:
        missing(words)
    if prepares:
        wrong(words)
    fail(words)


def attempt(operation: Callable[..., Any], *arguments: object, **options: object) -> Any:
    """Do a step that may fail."""
    State.may_fail = True
    return operation(*arguments, **options)


CROWDED = {errno.ENOBUFS, errno.ETOOMANYREFS}  # others use what a send needs; it may end
TRIES = 30


def gives(
    *fields: str, prepares: bool = False
) -> Callable[[Callable[..., Result]], Callable[..., Result]]:
    """Make a step of a function that gives a result with these fields."""

    def wrap(call: Callable[..., Result]) -> Callable[..., Result]:
        def step(*arguments: object, **options: object) -> Result:
            may_fail = begin(call.__name__[3:])
            for tries in range(TRIES):
                error = 0
                try:
                    result = call(*arguments, **options)
                except OSError as raised:
                    result, error = Result(), raised.errno or -1
                    result.errno = error_name(error)
                if may_fail or error not in CROWDED:
                    break
                time.sleep(tries / 1000)
            told = {name: getattr(result, name) for name in fields}
            if "data" in told:
                told["data"] = shown(result.data)
            done(may_fail, error, told, prepares=prepares)
            return result

        return step

    return wrap


def opens(number: int, *, prepares: bool = True) -> Callable[..., Any]:
    """Make a step of a function that gives so many descriptors; -errno if it fails."""

    def wrap(call: Callable[..., Any]) -> Callable[..., Any]:
        def step(*arguments: object) -> Any:
            may_fail = begin(call.__name__[3:])
            error = 0
            try:
                fds = call(*arguments)
                for fd in fds if number > 1 else [fds]:
                    os.set_inheritable(fd, True)  # as the system call alone leaves it
            except OSError as raised:
                error = raised.errno or -1
                fds = (-error,) * number if number > 1 else -error
            done(may_fail, error, {}, prepares=prepares)
            return fds

        return step

    return wrap


def errno_of(fd: int) -> str:
    """Name the error in place of a descriptor."""
    return error_name(-fd) if fd < 0 else ""


def received(result: Result, index: int) -> int:
    if index >= result.fds:
        fail(f"after step {State.step}: a descriptor is to be used that did not come")
    return result.received[index]


def expect(holds: bool, words: str, expected: str, saw: dict[str, object]) -> None:
    if not holds:
        end(FAILS, words=words, expected=expected, saw=listed(saw))


def need(holds: bool, words: str, expected: str, saw: dict[str, object]) -> None:
    if not holds:
        end(MISSING, words=words, expected=expected, saw=listed(saw))


def listed(saw: dict[str, object]) -> str:
    return ", ".join(f"{name} {shown(value)}" for name, value in saw.items())


class borrowed:  # noqa: N801 - a verb, as `closing`
    """Give a socket object for a descriptor, which stays open and as it is."""

    def __init__(self, fd: int) -> None:
        if fd < 0:
            raise OSError(errno.EBADF, "")
        blocking = os.get_blocking(fd)
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM, 0, fileno=fd)
        if os.get_blocking(fd) is not blocking:  # PyPy has cleared O_NONBLOCK
            os.set_blocking(fd, blocking)

    def __enter__(self) -> socket.socket:
        return self.socket

    def __exit__(self, *_: object) -> None:
        self.socket.detach()


def numbered(number: int) -> Result:
    result = Result()
    result.number = int(number)
    return result
