"""Sending and receiving messages."""

from __future__ import annotations

import array
import os
import select
import socket
import struct
import warnings

from .saying import Result, error_name, missing
from .steps import CROWDED, TRIES, borrowed, gives

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence


def flags_of(names: str) -> int:
    flags = 0
    for name in filter(None, names.split("|")):
        flag = getattr(socket, f"MSG_{name}", None)
        if flag is None:
            missing(f"this Python has no MSG_{name}")
        flags |= flag
    return flags


def space(fds: int) -> int:
    return socket.CMSG_SPACE(fds * struct.calcsize("i"))


def length(fds: int) -> int:
    return socket.CMSG_LEN(fds * struct.calcsize("i"))


def rights(*fds: int) -> tuple[int, bytes]:
    return socket.SCM_RIGHTS, array.array("i", fds).tobytes()


def descriptors(control: Sequence[tuple[int, int, bytes]]) -> array.array[int]:
    inside = b"".join(one for _, kind, one in control if kind == socket.SCM_RIGHTS)
    return array.array("i", inside[: len(inside) - len(inside) % struct.calcsize("i")])


def part(name: str, data: bytes) -> tuple[int, bytes]:
    kind = int(name) if name.isdigit() else getattr(socket, f"SCM_{name}", None)
    if kind is None:
        missing(f"this Python has no SCM_{name}")
    return kind, data


@gives("count")
def do_send(sock: int, data: bytes, parts: Sequence[tuple[int, bytes]], flags: str) -> Result:
    result = Result()
    control = [(socket.SOL_SOCKET, kind, inside) for kind, inside in parts]
    with borrowed(sock) as there:
        result.count = there.sendmsg([data], control, flags_of(flags))
    return result


@gives("count", "refused")
def do_flood(sock: int, data: bytes, parts: Sequence[tuple[int, bytes]]) -> Result:
    result = Result()
    control = [(socket.SOL_SOCKET, kind, inside) for kind, inside in parts]
    with borrowed(sock) as there:
        refused = 0
        while result.count < 5000 and refused < TRIES:
            try:
                there.sendmsg([data], control, socket.MSG_DONTWAIT)
            except OSError as error:
                result.errno = result.refused = error_name(error.errno or 0)
                # Full is what is not writable either, and says so three times.
                ready = error.errno in CROWDED or select.select([], [there], [], 0)[1]
                refused += 1 if ready else TRIES // 3
                continue
            result.errno = result.refused = ""
            result.count += 1
            refused = 0
    return result


@gives("count", "data", "fds", "messages", "ctrunc", "trunc", "overrun")
def do_recv(sock: int, size: int, room: int, flags: str) -> Result:
    result = Result()
    with borrowed(sock) as there, warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")  # of a length beyond the buffer nothing else tells
        result.data, control, seen, _ = there.recvmsg(size, room, flags_of(flags))
    result.overrun = int(bool(warned))
    result.count = len(result.data)
    result.messages = len(control)
    result.ctrunc = int(bool(seen & socket.MSG_CTRUNC))
    result.trunc = int(bool(seen & socket.MSG_TRUNC))
    for level, kind, inside in control:
        if (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS):
            whole = len(inside) - len(inside) % struct.calcsize("i")
            result.received += array.array("i", inside[:whole])
    return result


def recv_all(sock: int, size: int, room: int) -> Iterator[tuple[bytes, Sequence[int], int]]:
    """Receive what waits, part by part, to the end of file at most: bytes, descriptors, flags."""
    empty = 0
    with borrowed(sock) as there:
        while empty < 3:  # so often, as EAGAIN may be said too early
            try:
                data, control, flags, _ = there.recvmsg(size, space(room), socket.MSG_DONTWAIT)
            except BlockingIOError:
                empty += 1
                continue
            empty = 0
            fds = descriptors(control)
            if not data and not fds:
                return
            yield data, fds, flags


@gives("count", "fds", "ctrunc", "others")
def do_drain(sock: int) -> Result:
    result = Result()
    for data, fds, flags in recv_all(sock, 65536, 64):
        result.count += len(data)
        result.data = result.data or data[:1]
        result.others += len(data) - data.count(result.data)
        result.received += fds
        result.ctrunc |= int(bool(flags & socket.MSG_CTRUNC))
        for fd in fds:
            os.close(fd)
    return result


@gives("count")
def do_send_to(sock: int, path: str, data: bytes, parts: Sequence[tuple[int, bytes]]) -> Result:
    result = Result()
    control = [(socket.SOL_SOCKET, kind, inside) for kind, inside in parts]
    with borrowed(sock) as there:
        result.count = there.sendmsg([data], control, 0, path)
    return result
