"""What a full descriptor table does to a message that brings descriptors."""

from __future__ import annotations

import os
import socket
from typing import NamedTuple

from .fact import fact
from .sockets import AT_ONCE, Nothing, Token, fill, name, open_now, pair, receive, send

_UNIX = "unix(7), SCM_RIGHTS: over RLIMIT_NOFILE"
_BSD = "FreeBSD tests/sys/kern/unix_passfd_test.c, send_a_lot"


class _Seen(NamedTuple):
    result: str  # of the receive with the full table
    data: bytes
    installed: int
    cut: bool
    hidden: int  # open afterwards, and not told of
    data_later: bytes  # what a receive gives when there is room
    installed_later: int
    released: bool


def _full(sent: int = 1, free: int = 0, kind: str = "stream") -> _Seen:
    """Receive *sent* descriptors with only *free* slots, and once more when there are enough."""
    first, second = pair(kind)
    token = Token()
    send(first, b"x", [token.writing] * sent)
    token.close()
    filling = fill()
    for _ in range(free):
        os.close(filling.pop())
    before = open_now()
    result, data, fds, cut = "done", b"", [], False
    try:
        message = receive(second)
        data, fds, cut = message.data, message.fds, message.cut
    except Nothing:
        result = "EAGAIN"
    except OSError as error:
        result = name(error)
    hidden = open_now() - before - set(fds)
    for number in filling:
        os.close(number)
    data_later, fds_later = b"", []
    try:
        message = receive(second, patience=AT_ONCE)
        data_later, fds_later = message.data, message.fds
    except (Nothing, OSError):
        pass
    for number in {*fds, *fds_later}:
        os.close(number)
    released = token.released()
    return _Seen(result, data, len(fds), cut, len(hidden), data_later, len(fds_later), released)


def _where(now: object, later: object) -> str:
    return "with it" if now else "later" if later else "lost"


@fact("table.full-result", _BSD)
def full_result() -> str:
    """How recvmsg ends when the table is full: `done`, or its errno."""
    return _full().result


@fact("table.full-flag", _UNIX)
def full_flag() -> bool:
    """Whether MSG_CTRUNC tells it; if nothing does, only a count can find the loss."""
    return _full().cut


@fact("table.full-data", _BSD)
def full_data() -> str:
    """Where the data of that message is: with it, later when there is room, or lost."""
    seen = _full()
    return _where(seen.data, seen.data_later)


@fact("table.full-descriptor", _UNIX)
def full_descriptor() -> str:
    """Where the descriptor is: with it (above the limit), later, or lost."""
    seen = _full()
    return _where(seen.installed, seen.installed_later)


@fact("table.full-hidden", _UNIX)
def full_hidden() -> int:
    """Descriptors that are open after it without having been told of: a leak."""
    return _full().hidden


@fact("table.full-released", _UNIX)
def full_released() -> bool:
    """Whether nobody holds the descriptor after that: if not, its other end waits for ever."""
    return _full().released


@fact("table.full-datagram", _BSD)
def full_datagram() -> str:
    """Where the data of a datagram is after the same: with it, later, or lost."""
    seen = _full(kind="dgram")
    return _where(seen.data, seen.data_later)


@fact("table.full-datagram-result", _BSD)
def full_datagram_result() -> str:
    """How recvmsg of a datagram ends when the table is full."""
    return _full(kind="dgram").result


@fact("table.partial-result", _UNIX)
def partial_result() -> str:
    """How a receive of 3 descriptors ends when there is room for 1."""
    return _full(3, 1).result


@fact("table.partial-installed", _UNIX)
def partial_installed() -> int:
    """How many of the 3 arrive: 1, or none where it is all or nothing."""
    return _full(3, 1).installed


@fact("table.partial-flag", _UNIX)
def partial_flag() -> bool:
    """Whether MSG_CTRUNC tells that some of the 3 are missing."""
    return _full(3, 1).cut


@fact("table.partial-hidden", _UNIX)
def partial_hidden() -> int:
    """Descriptors of the 3 that are open without having been told of."""
    return _full(3, 1).hidden


@fact("table.partial-later", _UNIX)
def partial_later() -> int:
    """How many of the 3 come later, when there is room."""
    return _full(3, 1).installed_later


@fact("table.next-message", _BSD)
def next_message() -> bool:
    """Whether the message behind the one with the loss arrives whole, once there is room."""
    first, second = pair()
    token = Token()
    send(first, b"x", [token.writing])
    send(first, b"y", [token.writing] * 2)
    filling = fill()
    try:
        receive(second, 1)
    except (Nothing, OSError):
        pass
    for number in filling:
        os.close(number)
    for _ in range(3):  # the data of the first may still be there
        try:
            message = receive(second, 1)
        except (Nothing, OSError):
            return False
        if message.data == b"y":
            return len(message.fds) == 2
    return False


@fact("table.full-sends")
def full_sends() -> bool:
    """Whether a process with a full table can send what it has open."""
    first, second = pair()
    token = Token()
    fill()
    try:
        send(first, b"x", [token.writing])
    except OSError:
        return False
    os.close(token.writing)
    return len(receive(second).fds) == 1


@fact("table.peek-keeps")
def peek_keeps() -> bool:
    """Whether a message survives a look with MSG_PEEK while the table is full."""
    first, second = pair()
    token = Token()
    send(first, b"x", [token.writing])
    filling = fill()
    try:
        receive(second, flags=socket.MSG_PEEK)
    except (Nothing, OSError):
        pass
    for number in filling:
        os.close(number)
    try:
        return len(receive(second).fds) == 1
    except (Nothing, OSError):
        return False


@fact("table.peek-flag")
def peek_flag() -> bool:
    """Whether such a look tells of the full table, by MSG_CTRUNC or an errno."""
    first, second = pair()
    token = Token()
    send(first, b"x", [token.writing])
    fill()
    try:
        return receive(second, flags=socket.MSG_PEEK).cut
    except Nothing:
        return False
    except OSError:
        return True
