"""Where one receive of a stream ends, and to which bytes a descriptor belongs."""

# ruff: noqa: D401 -- a docstring says here what a fact means

from __future__ import annotations

import os
import signal
import socket
from typing import TYPE_CHECKING, Any

from .fact import Unanswered, fact
from .sockets import Nothing, Token, pair, receive, said, send, without_data

if TYPE_CHECKING:
    from collections.abc import Sequence

_SEGMENT = "POSIX.1-2008 XSH 2.10.11: never from more than one segment"
_FIRST = "POSIX.1-2008 XSH 2.10.11: as if queued with the first normal data octet"
_BARRIER = "unix(7): ancillary data forms a kind of barrier"


def _received(messages: Sequence[str], sizes: Sequence[int] = ()) -> list[str]:
    """Send messages such as ``AA`` and ``BB+1``; give what receives of these sizes give."""
    first, second = pair()
    token = Token()
    for message in messages:
        data, _, count = message.partition("+")
        send(first, data.encode(), [token.writing] * int(count or 0))
    first.close()
    heard: list[str] = []
    for number in range(20):
        size = sizes[number] if number < len(sizes) else 100
        message = said(receive(second, size))
        if not message:
            return heard
        heard.append(message)
    return heard


def _merged(messages: Sequence[str]) -> str:
    return "merged" if len(_received(messages)) == 1 else "separate"


@fact("stream.coalescing", _BARRIER)
def coalescing() -> list[str]:
    """What large receives make of AA, BB+1, CC, DD+2, EE: where the barriers are."""
    return _received(["AA", "BB+1", "CC", "DD+2", "EE"])


@fact("stream.plain-then-descriptor", _SEGMENT)
def plain_then_descriptor() -> str:
    """Data, then data with a descriptor, in one large receive: which bytes it came with."""
    return _merged(["AA", "BB+1"])


@fact("stream.descriptor-then-plain", _BARRIER)
def descriptor_then_plain() -> str:
    """Data with a descriptor, then data: whether the rest comes along."""
    return _merged(["AA+1", "BB"])


@fact("stream.two-with-descriptors", _SEGMENT)
def two_with_descriptors() -> str:
    """Two messages with descriptors in one large receive; merged: they cannot be told apart."""
    return _merged(["AA+1", "BB+1"])


@fact("stream.partial-read", _FIRST)
def partial_read() -> list[str]:
    """HELLO with a descriptor, read by 2 and 3 bytes: it should come with the first, once."""
    return _received(["HELLO+1"], [2, 3])


@fact("stream.partial-then-next", _SEGMENT)
def partial_then_next() -> list[str]:
    """HELLO+1 and WORLD+2, read by 2, then by much: whether the rest runs into the next."""
    return _received(["HELLO+1", "WORLD+2"], [2])


@fact("stream.read-merges", _SEGMENT)
def read_merges() -> str:
    """Two messages with descriptors and one plain read(): whether it goes on into the second."""
    first, second = pair()
    token = Token()
    send(first, b"AA", [token.writing])
    send(first, b"BB", [token.writing])
    return "merged" if os.read(second.fileno(), 100) == b"AABB" else "separate"


class _TooLong(Exception):
    pass


def _alarm(_: int, __: Any) -> None:
    raise _TooLong


@fact("stream.waitall", "recv(2), MSG_WAITALL")
def waitall() -> str:
    """MSG_WAITALL over two messages with descriptors: it stops between, goes on, or waits."""
    first, second = pair()
    token = Token()
    send(first, b"AA", [token.writing])
    send(first, b"BB", [token.writing])
    second.setblocking(True)
    if not hasattr(signal, "setitimer"):
        raise Unanswered("this Python has no signal.setitimer")
    signal.signal(signal.SIGALRM, _alarm)
    signal.setitimer(signal.ITIMER_REAL, 0.3, 0.3)
    try:
        heard = second.recvmsg(4, 0, socket.MSG_WAITALL)[0]
    except _TooLong:
        return "waits"
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
    return "stops between" if heard == b"AA" else "goes on"


@fact("stream.zero-bytes", "unix(7): at least one byte of real data")
def zero_bytes() -> str:
    """A descriptor without any data: delivered, dropped though the call succeeds, or errno."""
    return without_data("stream")


@fact("stream.zero-receive")
def zero_receive() -> str:
    """A receive of 0 bytes: whether it takes the descriptor away from its data."""
    first, second = pair()
    send(first, b"x", [Token().writing])
    try:
        now = receive(second, 0)
    except Nothing:
        return "waits"
    later = receive(second)
    return "takes it" if now.fds else "leaves it" if later.fds else "loses it"


@fact("stream.split-write", _FIRST)
def split_write() -> str:
    """A write with a descriptor that is taken in part: with which byte it comes."""
    first, second = pair()
    sent = send(first, b"x" * (1 << 22), [Token().writing])
    if sent == 1 << 22:
        return "taken whole"
    message = receive(second, 1)
    return "first byte" if message.fds else "not the first byte"
