"""Single messages: unusual ones, and such as have something wrong with them."""

# ruff: noqa: D401 -- a docstring says here what a fact means

from __future__ import annotations

import array
import os
import socket
from contextlib import suppress

from .fact import Unanswered, fact
from .sockets import (
    AT_ONCE,
    Nothing,
    Token,
    descriptors,
    name,
    outcome,
    pair,
    receive,
    rights,
    send,
    send_control,
    without_data,
)

_UNIX = "unix(7): one item of each type"
_EBADF = "unix(7), EBADF"
_EMPTY = "FreeBSD tests/sys/kern/unix_passfd_test.c, empty_rights_message"


@fact("messages.zero-bytes-dgram", "unix(7): portable applications send one byte")
def zero_bytes_dgram() -> str:
    """A descriptor without any data over datagrams: delivered, dropped, held back or errno."""
    return without_data("dgram")


@fact("messages.zero-bytes-seqpacket", "unix(7): portable applications send one byte")
def zero_bytes_seqpacket() -> str:
    """A descriptor without any data over SOCK_SEQPACKET."""
    return without_data("seqpacket")


@fact("messages.two-controls", _UNIX)
def two_controls() -> str:
    """Two SCM_RIGHTS in one send, of 1 and 2 descriptors: what arrives; never send two."""
    first, second = pair()
    token = Token()
    try:
        send_control(first, b"x", [rights([token.writing]), rights([token.writing] * 2)])
    except OSError as error:
        return name(error)
    message = receive(second)
    if len(message.fds) == 3:
        return "merged into one" if len(message.control) == 1 else "both"
    return f"{len(message.fds)} of 3"


def _odd(content: bytes) -> str:
    first, second = pair()
    try:
        send_control(first, b"x", [(socket.SOL_SOCKET, socket.SCM_RIGHTS, content)])
    except OSError as error:
        return name(error)
    message = receive(second)
    if message.fds:
        return f"{len(message.fds)} arrive"
    return "an empty array arrives" if message.control else "no control arrives"


@fact("messages.empty-array", _EMPTY)
def empty_array() -> str:
    """SCM_RIGHTS with no descriptor at all: what arrives, or the errno."""
    return _odd(b"")


@fact("messages.part-of-int")
def part_of_int() -> str:
    """SCM_RIGHTS with 3 bytes, less than a descriptor: what arrives, or the errno."""
    return _odd(b"\0\0\0")


@fact("messages.int-and-a-half")
def int_and_a_half() -> str:
    """SCM_RIGHTS with 6 bytes, one descriptor and a half: what arrives, or the errno."""
    return _odd(array.array("i", [0]).tobytes() + b"\0\0")


@fact("messages.unknown-type")
def unknown_type() -> str:
    """A control message of a type that does not exist, at SOL_SOCKET."""
    first, _ = pair()
    return outcome(lambda: send_control(first, b"x", [(socket.SOL_SOCKET, 0x7F, b"\0" * 4)]))


@fact("messages.other-level")
def other_level() -> str:
    """A control message of a level that is none of this socket's."""
    first, _ = pair()
    return outcome(lambda: send_control(first, b"x", [(0x7F, 1, b"\0" * 4)]))


@fact("messages.same-descriptor")
def same_descriptor() -> int:
    """Different numbers that come when one descriptor is sent 3 times in a message."""
    first, second = pair()
    send(first, b"x", [Token().writing] * 3)
    return len(set(receive(second).fds))


def _closed() -> int:
    reading, writing = os.pipe()
    os.close(writing)
    os.close(reading)
    return writing


@fact("messages.closed-descriptor", _EBADF)
def closed_descriptor() -> str:
    """The errno of sending a descriptor that is not open."""
    first, _ = pair()
    number = _closed()
    return outcome(lambda: send(first, b"x", [number]))


@fact("messages.negative-descriptor", _EBADF)
def negative_descriptor() -> str:
    """The errno of sending -1."""
    first, _ = pair()
    return outcome(lambda: send(first, b"x", [-1]))


def _one_bad() -> tuple[str, bool, bool]:
    """Send good ones around a bad one: the errno, whether nothing was queued, nothing kept."""
    first, second = pair()
    token = Token()
    bad = _closed()
    result = outcome(lambda: send(first, b"x", [token.writing, bad, token.writing]))
    try:
        receive(second, patience=AT_ONCE)
        queued = True
    except Nothing:
        queued = False
    token.close()
    return result, not queued, token.released()


@fact("messages.one-bad", _EBADF)
def one_bad() -> str:
    """The errno of a message with a closed descriptor between two good ones."""
    return _one_bad()[0]


@fact("messages.one-bad-atomic")
def one_bad_atomic() -> bool:
    """Whether such a message leaves nothing in the queue and holds nothing open."""
    _, unsent, released = _one_bad()
    return unsent and released


@fact("messages.to-closed", "unix(7), EPIPE")
def to_closed() -> str:
    """The errno of sending a descriptor to a peer that has closed its end."""
    first, second = pair()
    second.close()
    return outcome(lambda: send(first, b"x", [Token().writing]))


@fact("messages.to-closed-released")
def to_closed_released() -> bool:
    """Whether such a send holds the descriptor no longer open than its sender does."""
    first, second = pair()
    second.close()
    token = Token()
    with suppress(OSError):
        send(first, b"x", [token.writing])
    token.close()
    return token.released()


@fact("messages.refused-released", "FreeBSD tests/sys/kern/unix_passfd_test.c, send_overflow")
def refused_released() -> bool:
    """Whether a send that the full queue refused holds nothing open."""
    first, _kept = pair()
    with suppress(OSError):
        while True:
            first.send(b"x" * 1024)
    token = Token()
    try:
        send(first, b"x", [token.writing])
    except OSError:
        token.close()
        return token.released()
    raise Unanswered("a full queue took another message")


@fact("messages.out-of-band", "unix(7): no out-of-band data")
def out_of_band() -> str:
    """A descriptor with a byte of MSG_OOB: what arrives with that byte, or the errno."""
    first, second = pair()
    try:
        send(first, b"x", [Token().writing], socket.MSG_OOB)
        _, control, _, _ = second.recvmsg(1, 64, socket.MSG_OOB)
    except OSError as error:
        return name(error)
    return "the descriptor" if descriptors(control) else "the byte alone"
