"""Scenarios of sendmsg and recvmsg, with access rights and with control messages."""

from __future__ import annotations

import ctypes
import os
import socket
import struct
from typing import Any

from .simulated_calls import (
    CLOEXEC,
    DONTWAIT,
    NOSIGNAL,
    PEEK,
    SCM_RIGHTS,
    SOL_SOCKET,
    C,
    attempt,
    called,
    full_table,
    open_descriptors,
    same_file,
    stream_pipe,
)


class Header(ctypes.Structure):
    """struct omsghdr, and with the flags struct msghdr."""

    _fields_ = (
        ("msg_name", ctypes.c_void_p),
        ("msg_namelen", ctypes.c_uint32),
        ("msg_iov", ctypes.c_void_p),
        ("msg_iovlen", ctypes.c_int),
        ("msg_accrights", ctypes.c_void_p),
        ("msg_accrightslen", ctypes.c_uint32),
        ("msg_flags", ctypes.c_int),
    )


def message(data: Any, size: int, rights: Any, length: int) -> tuple[Header, object]:
    part = (ctypes.c_size_t * 2)(ctypes.addressof(data), size)
    return Header(None, 0, ctypes.addressof(part), 1, ctypes.addressof(rights), length, 0), part


def send(sock: socket.socket, rights: bytes, flags: int = 0, name: str = "sendmsg") -> int:
    held = ctypes.create_string_buffer(rights, len(rights) + 1)
    header, _part = message(ctypes.create_string_buffer(b"abc"), 3, held, len(rights))
    return called(name, sock.fileno(), ctypes.byref(header), flags)


def receive(
    sock: socket.socket, room: int, flags: int = DONTWAIT, name: str = "recvmsg"
) -> tuple[str, bytes, int]:
    """The data, what came of the rights, and the flags."""
    data, held = ctypes.create_string_buffer(16), ctypes.create_string_buffer(room + 1)
    header, _part = message(data, 16, held, room)
    got = called(name, sock.fileno(), ctypes.byref(header), flags)
    return data.raw[:got].decode(), held.raw[: header.msg_accrightslen], header.msg_flags


def ints(*numbers: int) -> bytes:
    return struct.pack(f"{len(numbers)}i", *numbers)


def control(*fds: int) -> bytes:
    return struct.pack("Iii", 12 + 4 * len(fds), SOL_SOCKET, SCM_RIGHTS) + ints(*fds)


def unpacked(rights: bytes) -> list[int]:
    return list(struct.unpack(f"{len(rights) // 4}i", rights))


def layout() -> object:
    """The structures' sizes and offsets, as sys/socket.h has them for LP64."""
    return [ctypes.sizeof(Header)] + [getattr(Header, name).offset for name, _ in Header._fields_]


def access_rights() -> object:
    """Whole descriptors come, in order; there are no flags."""
    left, right = socket.socketpair()
    files = [os.memfd_create(str(i)) for i in range(3)]
    before = open_descriptors()
    said: list[object] = []
    for room in (64, 12, 11, 7, 3, 0):
        send(left, ints(*files))
        data, rights, flags = receive(right, room)
        fds = unpacked(rights)
        said.append(
            [data, len(rights), flags, [same_file(*pair) for pair in zip(fds, files, strict=False)]]
        )
        said[-1] += [os.get_inheritable(fd) for fd in fds[:1]]  # type: ignore[operator]
        for fd in fds:
            os.close(fd)
    said += [attempt(receive, right, 64), send(left, ints(*files) + b"xy"), send(left, b"")]
    data, rights, _ = receive(right, 64)
    for fd in unpacked(rights):
        os.close(fd)
    said += [data, len(rights), receive(right, 64, DONTWAIT)[1] == b""] if data == "abc" else []
    return [*said, open_descriptors() == before]


def access_rights_refused() -> object:
    """EBADF, EINVAL, ENOTSOCK, EPIPE; and with a full table EMFILE, the message gone."""
    left, right = socket.socketpair()
    stream, _ = stream_pipe()
    said = [attempt(send, left, ints(99)), attempt(send, left, bytes(8196))]
    said += [attempt(send, socket.socket(fileno=os.dup(left.fileno())), ints(0))]
    with full_table() as fillers:
        os.close(fillers.pop())
        said += [attempt(receive, right, 64)[1] != b""]
    send(left, ints(0, 0))
    before = open_descriptors()
    with full_table() as fillers:
        os.close(fillers.pop())  # one free slot is not enough: what came is undone
        said += [attempt(receive, right, 64), attempt(receive, right, 64)]
        send(left, ints(0))
        said += [attempt(receive, right, 0)[:2]]
        fillers.append(os.dup(0))
    said += [open_descriptors() == before]
    right.close()
    said += [attempt(send, left, ints(0), NOSIGNAL)]

    class Stream:
        fileno = staticmethod(lambda: stream)

    stream_socket: Any = Stream
    return [*said, attempt(send, stream_socket, ints(0)), attempt(receive, stream_socket, 64)]


def access_rights_peeked() -> object:
    """A peek shows bytes and no rights, and takes neither."""
    left, right = socket.socketpair()
    send(left, ints(0, 0))
    before = open_descriptors()
    shown, rights, _ = receive(right, 64, PEEK)
    said: list[object] = [shown, len(rights), open_descriptors() == before]
    data, rights, _ = receive(right, 64, CLOEXEC)
    said += [data, [os.get_inheritable(fd) for fd in unpacked(rights)]]
    return said


def control_messages() -> object:
    """The 4.4 form under its own names: 12-byte headers, MSG_CTRUNC, MSG_CMSG_CLOEXEC."""
    left, right = socket.socketpair()
    files = [os.memfd_create(str(i)) for i in range(3)]
    before = open_descriptors()
    said: list[object] = []
    for room in (64, 24, 20, 18, 12, 11, 0):
        send(left, control(*files), 0, "__xnet_sendmsg")
        data, rights, flags = receive(right, room, CLOEXEC, "__xnet_recvmsg")
        head = struct.unpack("Iii", rights[:12]) if len(rights) >= 12 else ()
        fds = unpacked(rights[12 : 12 + (len(rights) - 12) // 4 * 4]) if head else []
        said.append(
            [
                data,
                len(rights),
                flags,
                list(head),
                [same_file(*p) for p in zip(fds, files, strict=False)],
            ]
        )
        said[-1] += [os.get_inheritable(fd) for fd in fds[:1]]  # type: ignore[operator]
        for fd in fds:
            os.close(fd)
    two = control(files[0]) + control(files[1])
    said.append(attempt(send, left, two, 0, "__xnet_sendmsg"))
    send(left, control(*files), 0, "__xnet_sendmsg")
    with full_table():
        said.append(attempt(receive, right, 64, DONTWAIT, "__xnet_recvmsg"))
        said.append(attempt(receive, right, 64, DONTWAIT, "__xnet_recvmsg"))
    return [*said, open_descriptors() == before]


def linux() -> object:
    """Python's own calls mean Linux: recv_fds, MSG_CTRUNC, socketpairs, files."""
    left, right = socket.socketpair()
    socket.send_fds(left, [b"x"], [0, 0])
    _, fds, flags, _ = socket.recv_fds(right, 1, 2)
    said = [len(fds), flags]
    socket.send_fds(left, [b"x"], [0, 0])
    with full_table():
        said += [socket.recv_fds(right, 1, 2)[2] & socket.MSG_CTRUNC]
    return said


def system() -> object:
    """The library says what it simulates."""
    C.simulated_system.restype = ctypes.c_char_p
    return C.simulated_system().decode()


def lengths() -> object:
    """What a receive tells of rights that did not fit."""
    left, right = socket.socketpair()
    send(left, ints(0, 0, 0))
    held = ctypes.create_string_buffer(64)
    data = ctypes.create_string_buffer(16)
    header, _part = message(data, 16, held, 6)
    called("recvmsg", right.fileno(), ctypes.byref(header), DONTWAIT)
    return header.msg_accrightslen
