"""How much fits: into one message, into the queue of a socket, into what is in flight."""

# ruff: noqa: D401 -- a docstring says here what a fact means

from __future__ import annotations

import os
import socket
from contextlib import suppress
from typing import TYPE_CHECKING

from .fact import Unanswered, fact
from .sockets import Token, limit, name, pair, resource, rights, send, send_control

if TYPE_CHECKING:
    from collections.abc import Callable

_UNIX = "unix(7), SCM_RIGHTS"
_FLIGHT = "unix(7), ETOOMANYREFS"
_QUEUE = "POSIX.1-2008 XSH 2.10.11: the limit includes ancillary data"
_NONE = "none"


def _until_refused(once: Callable[[int], object], most: int) -> tuple[int, str]:
    """Call with 1, 2 and so on; give the last that went well, and the errno of the next."""
    for number in range(1, most + 1):
        try:
            once(number)
        except OSError as error:
            return number - 1, name(error)
    return most, _NONE


_MOST_AT_ONCE = 2048


def _at_once() -> tuple[int, str]:
    """Search the most descriptors a message may carry: what is more than too many is too many."""
    token = Token()

    def refused(count: int) -> str:
        end, _kept = pair()
        try:
            send(end, b"x", [token.writing] * count)
        except OSError as error:
            return name(error)
        return ""

    fits, too_many, why = 0, _MOST_AT_ONCE + 1, _NONE
    while too_many - fits > 1:
        count = (fits + too_many) // 2
        if refusal := refused(count):
            too_many, why = count, refusal
        else:
            fits = count
    return fits, why


@fact("limits.descriptors-per-message", _UNIX)
def descriptors_per_message() -> int:
    """The most descriptors one message may carry (tried up to 2048); split what is more."""
    return _at_once()[0]


@fact("limits.descriptors-per-message-error", _UNIX)
def descriptors_per_message_error() -> str:
    """The errno of a message with one descriptor more: it will never be taken."""
    return _at_once()[1]


_MOST_CONTROLS = 64


def _controls() -> tuple[int, str]:
    token = Token()

    def once(count: int) -> None:
        end, _kept = pair()
        send_control(end, b"x", [rights([token.writing])] * count)

    return _until_refused(once, _MOST_CONTROLS)


@fact("limits.controls-per-message")
def controls_per_message() -> int:
    """The most SCM_RIGHTS control messages one send may have (tried up to 64)."""
    return _controls()[0]


@fact("limits.controls-per-message-error")
def controls_per_message_error() -> str:
    """The errno of one control message more; `none`: 64 are taken."""
    return _controls()[1]


# -- in flight ----------------------------------------------------------------------------------

_TABLE = 64  # what the limit of open descriptors is lowered to, so that few messages reach it
_MOST_IN_FLIGHT = 256
_QUEUES = 16  # so that none of them becomes full before


def _in_flight() -> tuple[int, str]:
    limit(_TABLE)
    token = Token()
    pairs = [pair() for _ in range(_QUEUES)]

    def once(number: int) -> None:
        send(pairs[number % _QUEUES][0], b"x", [token.writing])

    return _until_refused(once, _MOST_IN_FLIGHT)


def become_unprivileged() -> None:
    """Become nobody in particular, if we are root: a user with nothing else in flight."""
    if os.geteuid() != 0:
        return
    with suppress(OSError):
        os.setgroups([])
    for number in (60000 + os.getpid() % 4096, 65534):
        try:
            os.setresgid(number, number, number)
            os.setresuid(number, number, number)
            return
        except AttributeError:
            os.setgid(number)
            os.setuid(number)
            return
        except OSError:
            continue
    raise Unanswered("root cannot become another user here")


@fact("limits.in-flight-this-user", _FLIGHT)
def in_flight() -> int:
    """Descriptors this user, who may be root, has in flight at most with RLIMIT_NOFILE 64."""
    return _in_flight()[0]


@fact("limits.in-flight-this-user-error", _FLIGHT)
def in_flight_error() -> str:
    """The errno of one more, for this user; `none`: 256 are in flight and none is refused."""
    return _in_flight()[1]


@fact("limits.in-flight-unprivileged", _FLIGHT)
def in_flight_unprivileged() -> int:
    """The same for a user who is not root: the in-flight limit to be ready for."""
    become_unprivileged()
    return _in_flight()[0]


@fact("limits.in-flight-unprivileged-error", _FLIGHT)
def in_flight_unprivileged_error() -> str:
    """The errno of one more for a user who is not root; handle it like a full queue."""
    become_unprivileged()
    return _in_flight()[1]


_DEEPEST = 12


def _nesting() -> tuple[int, str]:
    become_unprivileged()
    inner = pair()[1]
    kept = []

    def once(_: int) -> None:
        nonlocal inner
        first, second = pair()
        send(first, b"x", [inner.fileno()])
        inner.close()  # now it is in the queue of the next one only
        kept.append(first)
        inner = second

    return _until_refused(once, _DEEPEST)


@fact("limits.nesting")
def nesting() -> int:
    """Sockets that wait inside of each other, of a user who is not root (tried up to 12)."""
    return _nesting()[0]


@fact("limits.nesting-error")
def nesting_error() -> str:
    """The errno of one deeper; `none`: 12 are taken."""
    return _nesting()[1]


# -- queues -------------------------------------------------------------------------------------

_MOST_QUEUED = 5000


def _queue(kind: str) -> tuple[int, str]:
    end, _kept = pair(kind)
    token = Token()
    return _until_refused(lambda _: send(end, b"x", [token.writing]), _MOST_QUEUED)


@fact("limits.queue-stream", _QUEUE)
def queue_stream() -> int:
    """Messages of 1 byte and 1 descriptor that a new stream takes (5000 tried)."""
    return _queue("stream")[0]


@fact("limits.queue-stream-error", _QUEUE)
def queue_stream_error() -> str:
    """The errno of one message more."""
    return _queue("stream")[1]


@fact("limits.queue-dgram", _QUEUE)
def queue_dgram() -> int:
    """Messages of 1 byte and 1 descriptor that a new datagram pair takes (5000 tried)."""
    return _queue("dgram")[0]


@fact("limits.queue-dgram-error", _QUEUE)
def queue_dgram_error() -> str:
    """The errno of one message more; ENOBUFS is not told by poll()."""
    return _queue("dgram")[1]


@fact("limits.stream-bytes", "POSIX.1-2008 XSH 2.10.9")
def stream_bytes() -> int:
    """Bytes a new stream takes, in writes of 1024."""
    end, _kept = pair()
    total = 0
    while total < 1 << 24:
        try:
            total += end.send(b"x" * 1024)
        except OSError:
            break
    return total


@fact("limits.datagram-bytes", "unix(7), SO_SNDBUF")
def datagram_bytes() -> int:
    """The largest datagram a new pair takes, in bytes (4194304 tried)."""
    fits, too_many = 0, (1 << 22) + 1
    while too_many - fits > 1:
        size = (fits + too_many) // 2
        end, _kept = pair("dgram")
        try:
            end.send(b"x" * size)
            fits = size
        except OSError:
            too_many = size
    return fits


@fact("limits.lowest-buffer", "unix(7), SO_SNDBUF")
def lowest_buffer() -> int:
    """What SO_SNDBUF becomes when 1 is asked for: a message of a descriptor has to fit."""
    end, _ = pair()
    end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1)
    return end.getsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF)


# -- the table ----------------------------------------------------------------------------------


def _open_files(which: int) -> int:
    if resource is None:
        raise Unanswered("this Python has no resource module")
    most: int = resource.getrlimit(resource.RLIMIT_NOFILE)[which]
    return -1 if most == resource.RLIM_INFINITY else most


@fact("limits.open-files", "POSIX.1-2008 XSH getrlimit(), RLIMIT_NOFILE", here=True)
def open_files() -> int:
    """RLIMIT_NOFILE, the size of the descriptor table; -1: no limit."""
    return _open_files(0)


@fact("limits.open-files-hard", "POSIX.1-2008 XSH getrlimit(), RLIMIT_NOFILE", here=True)
def open_files_hard() -> int:
    """What that limit may be raised to; -1: as far as wanted."""
    return _open_files(1)
