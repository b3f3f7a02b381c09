"""What becomes of descriptors for which the control buffer has too little room."""

# ruff: noqa: D401 -- a docstring says here what a fact means

from __future__ import annotations

import os
import socket
import warnings
from typing import NamedTuple

from .fact import fact
from .sockets import INT, Nothing, Token, name, open_now, pair, receive, room, send

_UNIX = "unix(7): ancillary data is truncated"
_CTRUNC = "POSIX.1-2008 XSH recvmsg(), MSG_CTRUNC"
_BSD = "FreeBSD tests/sys/kern/unix_passfd_test.c, truncated_rights"
_SENT = 3


class _Cut(NamedTuple):
    result: str
    installed: int
    flag: bool
    hidden: int
    length: int  # bytes of descriptors that were told of
    last: Token  # of which the last one was


def _cut(space: int, sent: int = _SENT) -> _Cut:
    """Receive *sent* descriptors with a control buffer of *space* bytes."""
    first, second = pair()
    tokens = [Token() for _ in range(sent)]
    send(first, b"x", [token.writing for token in tokens])
    for token in tokens:
        token.close()
    before = open_now()
    result, fds, flag, length = "done", [], False, 0
    try:
        message = receive(second, space=space)
        fds, flag = message.fds, message.cut
        length = sum(len(content) for _, kind, content in message.control if kind == _rights())
    except Nothing:
        result = "EAGAIN"
    except OSError as error:
        result = name(error)
    hidden = len(open_now() - before - set(fds))
    return _Cut(result, len(fds), flag, hidden, length, tokens[-1])


def _rights() -> int:
    return socket.SCM_RIGHTS


def _header() -> int:
    return socket.CMSG_LEN(0)


def _shown(cut: _Cut) -> str:
    words = [str(cut.installed) if cut.result == "done" else cut.result]
    words += ["MSG_CTRUNC"] * cut.flag + [f"{cut.hidden} hidden"] * bool(cut.hidden)
    return ", ".join(words)


@fact("truncation.result", _CTRUNC)
def result() -> str:
    """How a receive of 3 descriptors with room for 1 ends: `done`, or its errno."""
    return _cut(room(1)).result


@fact("truncation.room-for-one", _UNIX)
def room_for_one() -> int:
    """Descriptors that come into CMSG_SPACE of one: 2 where padding is used; count them."""
    return _cut(room(1)).installed


@fact("truncation.flag", _CTRUNC)
def flag() -> bool:
    """Whether MSG_CTRUNC tells that some had no room."""
    return _cut(room(1)).flag


@fact("truncation.hidden", _BSD)
def hidden() -> int:
    """Descriptors of the 3 that are open without having been told of: a leak."""
    return _cut(room(1)).hidden


@fact("truncation.released", _UNIX)
def released() -> bool:
    """Whether what had no room is closed for good."""
    return _cut(room(1)).last.released()


@fact("truncation.granularity", _UNIX)
def granularity() -> str:
    """What is cut off where 1 and a half fit: whole descriptors, bytes, or the whole array."""
    cut = _cut(_header() + INT + INT // 2)
    if cut.result != "done":
        return cut.result
    return {0: "whole array", INT: "descriptors"}.get(cut.length, f"bytes: {cut.length}")


@fact("truncation.length-fits", "CMSG_FIRSTHDR(3) and what msg_controllen says")
def length_fits() -> bool:
    """Whether cmsg_len stays within what was received; if not, clamp it before you read."""
    first, second = pair()
    token = Token()
    send(first, b"x", [token.writing] * _SENT)
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        second.recvmsg(1, room(1))
    return not any("ancillary" in str(warning.message) for warning in told)


@fact("truncation.length-is-enough", "RFC 3542 section 20.2")
def length_is_enough() -> bool:
    """Whether a buffer of CMSG_LEN receives the one descriptor that was sent."""
    return _cut(socket.CMSG_LEN(INT), 1).installed == 1


@fact("truncation.header-only", _BSD)
def header_only() -> str:
    """What a buffer of a header alone receives of 1 descriptor."""
    return _shown(_cut(_header(), 1))


@fact("truncation.no-buffer-flag", _UNIX)
def no_buffer_flag() -> bool:
    """Whether MSG_CTRUNC tells of descriptors to a receive without any control buffer."""
    return _cut(0, 1).flag


@fact("truncation.no-buffer-hidden", _UNIX)
def no_buffer_hidden() -> int:
    """Descriptors that are open after a receive without any control buffer."""
    return _cut(0, 1).hidden


@fact("truncation.no-buffer-released", _UNIX)
def no_buffer_released() -> bool:
    """Whether a descriptor that came without any control buffer is closed for good."""
    return _cut(0, 1).last.released()


@fact("truncation.sizes", "CPython Lib/test/test_socket.py, testCmsgTrunc*")
def sizes() -> list[str]:
    """Of 3 descriptors, what control buffers of these sizes receive."""
    length = socket.CMSG_LEN
    spaces = {
        "0": 0,
        "1": 1,
        "LEN(0)-1": length(0) - 1,
        "LEN(0)": length(0),
        "LEN(0)+1": length(0) + 1,
        "LEN(1)-1": length(INT) - 1,
        "LEN(1)": length(INT),
        "LEN(1)+1": length(INT) + 1,
        "SPACE(1)": room(1),
        "LEN(2)-1": length(2 * INT) - 1,
        "LEN(2)": length(2 * INT),
        "LEN(3)-1": length(3 * INT) - 1,
        "LEN(3)": length(3 * INT),
        "SPACE(3)": room(3),
    }
    found = []
    for word, space in spaces.items():
        found.append(f"{word}: {_shown(_cut(space))}")
        os.closerange(4, 256)  # all but what it is told by
    return found


@fact("truncation.read-released", _UNIX)
def read_released() -> bool:
    """Whether a plain read() of such a message closes its descriptor for good."""
    first, second = pair()
    token = Token()
    send(first, b"x", [token.writing])
    token.close()
    os.read(second.fileno(), 10)
    return token.released()


@fact("truncation.read-hidden", _UNIX)
def read_hidden() -> int:
    """Descriptors that are open after a plain read() of such a message."""
    first, second = pair()
    token = Token()
    send(first, b"x", [token.writing])
    before = open_now()
    os.read(second.fileno(), 10)
    return len(open_now() - before)


@fact("truncation.datagram-cut", "POSIX.1-2008 XSH recvmsg(), MSG_TRUNC")
def datagram_cut() -> bool:
    """Whether the descriptor of a datagram comes though its data was cut."""
    first, second = pair("dgram")
    send(first, b"xyz", [Token().writing])
    return len(receive(second, 1).fds) == 1
