"""Plain system calls for the facts: pairs, messages with descriptors, and what is open.

Everything is made for a process that ends soon: nothing is closed that need not be.
"""

from __future__ import annotations

import array
import errno
import os
import select
import socket
import time
import warnings
from importlib import import_module
from typing import TYPE_CHECKING, Any, NamedTuple

from .fact import Unanswered

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from types import ModuleType


def _module(name: str) -> ModuleType | None:
    # Now, and not when the table is full, or when the files are another user's.
    try:
        return import_module(name)
    except ImportError:
        return None


resource: Any = _module("resource")
fcntl: Any = _module("fcntl")

SHORT = 0.2
"""Seconds to wait for what should be there already."""

AT_ONCE = 0.01
"""Seconds to wait for what may well not be there."""

INT = array.array("i").itemsize
_MOST = 512  # numbers that are looked at: received descriptors have low ones
_TYPES = {"stream": "SOCK_STREAM", "dgram": "SOCK_DGRAM", "seqpacket": "SOCK_SEQPACKET"}


class Nothing(Exception):
    """Nothing has come."""


class Message(NamedTuple):
    """What one recvmsg gave; ``control`` has every control message as level, type, content."""

    data: bytes
    fds: list[int]
    control: list[tuple[int, int, bytes]]
    flags: int

    @property
    def cut(self) -> bool:
        """Whether MSG_CTRUNC is set."""
        return bool(self.flags & socket.MSG_CTRUNC)


def name(error: OSError) -> str:
    """Name an errno as the manual pages do."""
    number = error.errno
    if number is None:
        return type(error).__name__
    for first in ("EAGAIN", "EOPNOTSUPP"):  # each has another name with the same number somewhere
        if number == getattr(errno, first, None):
            return first
    return errno.errorcode.get(number, f"errno {number}")


def outcome(call: Callable[[], object]) -> str:
    """Say how a call ends: ``done``, or the name of its errno."""
    try:
        call()
    except OSError as error:
        return name(error)
    return "done"


def pair(kind: str = "stream") -> tuple[socket.socket, socket.socket]:
    """Make two connected sockets that do not block."""
    if not hasattr(socket, "AF_UNIX"):
        raise Unanswered("this Python has no socket.AF_UNIX")
    wanted = getattr(socket, _TYPES[kind])
    first, second = socket.socketpair(socket.AF_UNIX, wanted)
    first.setblocking(False)
    second.setblocking(False)
    return first, second


NAME = "s"
"""A path in the folder of the fact: always short enough, and nobody else's."""


def listening(path: str | bytes = NAME) -> socket.socket:
    """Make a listening Unix socket."""
    made = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    made.bind(path)
    made.listen(2)
    made.settimeout(SHORT)
    return made


def connected(path: str | bytes = NAME) -> socket.socket:
    """Make a Unix socket that is connected to the one that listens there."""
    made = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    made.settimeout(SHORT)
    made.connect(path)
    return made


def rights(fds: Sequence[int]) -> tuple[int, int, bytes]:
    """Make the control message that passes descriptors."""
    return (socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", fds).tobytes())


def send(end: socket.socket, data: bytes, fds: Sequence[int] = (), flags: int = 0) -> int:
    """Send one message with these descriptors, which stay ours."""
    return send_control(end, data, [rights(fds)] if fds else [], flags)


def send_control(
    end: socket.socket,
    data: bytes,
    control: Sequence[tuple[int, int, bytes]],
    flags: int = 0,
) -> int:
    """Send one message with these control messages."""
    if not hasattr(end, "sendmsg"):
        raise Unanswered("this Python has no socket.sendmsg")
    return end.sendmsg([data], control, flags)


def room(descriptors: int) -> int:
    """Give the size of a control buffer for so many descriptors, as CMSG_SPACE says."""
    if not hasattr(socket, "CMSG_SPACE"):
        raise Unanswered("this Python has no socket.CMSG_SPACE")
    return socket.CMSG_SPACE(descriptors * INT)


def receive(
    end: socket.socket,
    size: int = 100,
    space: int | None = None,
    flags: int = 0,
    patience: float = SHORT,
) -> Message:
    """Receive one message, with room for 16 descriptors or *space* bytes of control data.

    Raises:
        Nothing: it does not come.

    """
    if not hasattr(end, "recvmsg"):
        raise Unanswered("this Python has no socket.recvmsg")
    space = room(16) if space is None else space
    deadline = time.monotonic() + patience
    while True:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # Python tells of lengths that do not fit
                data, control, flags_out, _ = end.recvmsg(size, space, flags)
            break
        except BlockingIOError:
            left = deadline - time.monotonic()
            if left <= 0:
                raise Nothing from None
            select.select([end], [], [], left)
            time.sleep(0.001)
    return Message(data, descriptors(control), control, flags_out)


def descriptors(control: Sequence[tuple[int, int, bytes]]) -> list[int]:
    """Give the numbers in the SCM_RIGHTS messages, whole ones only."""
    numbers = array.array("i")
    for level, kind, content in control:
        if (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS):
            numbers.frombytes(content[: len(content) - len(content) % INT])
    return list(numbers)


def said(message: Message) -> str:
    """Write a message down: its bytes, and how many descriptors came with them."""
    return message.data.decode("ascii", "replace") + (f"+{len(message.fds)}" if message.fds else "")


def open_now() -> set[int]:
    """Give the descriptors that are open, as far as they have low numbers; works anywhere."""
    found = set()
    for number in range(_MOST):
        try:
            os.fstat(number)
        except OSError as error:
            if error.errno == errno.EBADF:
                continue
        found.add(number)
    return found


class Token:
    """A pipe whose writing end is passed: while that is open anywhere, the reading end knows."""

    def __init__(self) -> None:
        self.reading, self.writing = os.pipe()
        os.set_blocking(self.reading, False)

    def close(self) -> None:
        """Close our own writing end."""
        os.close(self.writing)

    def released(self, seconds: float = SHORT, kick: Callable[[], object] | None = None) -> bool:
        """Say whether nobody holds the writing end, which may become true within *seconds*.

        *kick* is called between the looks, to give the system a reason to clean up.
        """
        end = time.monotonic() + seconds
        while True:
            try:
                os.read(self.reading, 1)
                return True
            except BlockingIOError:
                if time.monotonic() >= end:
                    return False
            if kick:
                kick()
            time.sleep(0.002)


def limit(most: int) -> None:
    """Set the limit of open descriptors of this process."""
    if resource is None:
        raise Unanswered("this Python has no resource module")
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < most:
        raise Unanswered(f"at most {hard} descriptors may be open here, and {most} are needed")
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))


_FULL = 16  # what the table is lowered to, so that it is soon full


def fill() -> list[int]:
    """Fill the table of this process; give what filled it."""
    limit(_FULL)
    filling: list[int] = []
    while len(filling) < _FULL:
        try:
            filling.append(os.dup(0))
        except OSError:
            return filling
    raise Unanswered(f"the limit of {_FULL} descriptors has no effect")


def bits_of(numbers: Sequence[int], before: set[int]) -> str:
    """Say what received numbers are, without ever showing one: they may be kernel addresses."""
    if not numbers:
        return "nothing"
    if not any(numbers):
        return "zeros"
    if all(number in open_now() and number not in before for number in numbers):
        return "descriptors"
    if any(number < 0 or number >= 1 << 20 for number in numbers):
        return "pointers"
    return "other numbers"


def without_data(kind: str) -> str:
    """Say what becomes of a descriptor that is sent without a byte of data."""
    first, second = pair(kind)
    token = Token()
    try:
        send(first, b"", [token.writing])
    except OSError as error:
        return name(error)
    token.close()
    try:
        message = receive(second, patience=AT_ONCE)
    except Nothing:
        return "dropped" if token.released() else "held back"
    return "delivered" if message.fds else "dropped"
