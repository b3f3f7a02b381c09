"""A disk outside of QEMU: the back-end of vhost-user, whose wire carries descriptors both ways.

QEMU passes the guest's memory, and for a queue two event counters: it kicks one when there is
something to do, and learns by the other what is done. How many descriptors a message has is a
matter of its type: a stream joins messages, so they may come with the bytes of the one before.
Here is no more than a BIOS needs to read sectors: one queue, and nothing is written.
Source: QEMU, docs/interop/vhost-user.rst; Virtual I/O Device 1.1, sections 2.6 and 5.2.
"""

from __future__ import annotations

import mmap
import os
import struct
from typing import TYPE_CHECKING, NamedTuple

from fdpass.tests.descriptors import SOON, eventually
from fdpass.tests.interop.programs import owned
from fdpass.tests.interop.tier2.programs import has_come, memory

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import ExitStack

    from fdpass import MessageSocket

GET_FEATURES, SET_MEM_TABLE, SET_NUM, SET_ADDR, GET_BASE = 1, 5, 8, 9, 11
SET_KICK, SET_CALL, SET_ERR, GET_PROTOCOL_FEATURES, GET_QUEUE_NUM = 12, 13, 14, 15, 17
SET_REQUEST_FD, GET_CONFIG, GET_INFLIGHT_FD, SET_INFLIGHT_FD = 21, 24, 31, 32
CONFIG_CHANGED = 2  # from us, over the channel that SET_REQUEST_FD passes

SECTOR = 512
_HEADER = struct.Struct("=III")  # type, flags, length of what follows
_VERSION, _IS_ANSWER, _NEEDS_ANSWER = 1, 4, 8
_NO_FD = 0x100
_FEATURES = 1 << 32 | 1 << 30  # VERSION_1, PROTOCOL_FEATURES
_PROTOCOL_FEATURES = 1 << 3 | 1 << 5 | 1 << 9 | 1 << 12  # REPLY_ACK, REQUEST, CONFIG, INFLIGHT
_LONG, _SHORT = struct.Struct("=Q"), struct.Struct("=H")
_REGION = struct.Struct("=QQQQ")  # address of the guest, size, address in QEMU, offset in the file
_DESCRIPTOR = struct.Struct("=QIHH")  # address, length, flags, next
_HAS_NEXT = 1


class Region(NamedTuple):
    """A piece of the guest's memory, as we see it."""

    guest: int
    size: int
    qemu: int
    offset: int
    mapped: mmap.mmap


class Disk:
    """A read-only disk for a guest; what QEMU passes closes with *stack*."""

    def __init__(self, channel: MessageSocket, content: bytes, stack: ExitStack) -> None:
        self.channel = channel
        self.received: dict[int, list[int]] = {}
        self.inflight = memory(stack, bytes(mmap.PAGESIZE))
        self.kicks = 0
        self._content = content
        self._stack = stack
        self._regions: list[Region] = []
        self._size, self._descriptors, self._used, self._available = 0, 0, 0, 0
        self._done = 0

    def serve(self, until: Callable[[], object]) -> bool:
        """Answer QEMU and the guest until something is the case, or it is too late."""

        def turn() -> object:
            while self.channel.buffered or has_come(self.channel.fileno(), 0):
                self._answer()
            for kick in self.received.get(SET_KICK, [])[-1:]:
                if has_come(kick, 0):
                    self.kicks += _LONG.unpack(os.read(kick, _LONG.size))[0]
                    self._work()
            return until()

        return eventually(turn)

    # -- the wire

    def _answer(self) -> None:
        header = self.channel.recv_exactly(_HEADER.size, timeout=SOON)
        kind, flags, length = _HEADER.unpack(header)
        body = self.channel.recv_exactly(length, timeout=SOON)
        fds = owned(self._stack, self.channel.take(_due(kind, body)))
        if fds:
            self.received.setdefault(kind, []).extend(fds)
        if kind == SET_MEM_TABLE:
            self._map(body, fds)
        elif kind == SET_NUM:
            self._size = struct.unpack("=II", body)[1]
        elif kind == SET_ADDR:
            where = struct.unpack("=IIQQQQ", body)  # index, flags, three addresses, that of a log
            self._descriptors, self._used, self._available = map(self._of_guest, where[2:5])
        answers = {
            GET_FEATURES: _LONG.pack(_FEATURES),
            GET_PROTOCOL_FEATURES: _LONG.pack(_PROTOCOL_FEATURES),
            GET_QUEUE_NUM: _LONG.pack(1),
            GET_BASE: body,
            GET_CONFIG: body[:12] + _LONG.pack(len(self._content) // SECTOR) + body[20:],
            GET_INFLIGHT_FD: struct.pack("=QQ", mmap.PAGESIZE, 0) + body[16:],
        }
        answer = answers.get(kind, _LONG.pack(0) if flags & _NEEDS_ANSWER else None)
        if answer is not None:
            given = [self.inflight] if kind == GET_INFLIGHT_FD else []
            self.channel.send(message(kind, answer, _IS_ANSWER), given, timeout=SOON)

    def _map(self, body: bytes, fds: list[int]) -> None:
        for number, fd in enumerate(fds):
            guest, size, qemu, offset = _REGION.unpack_from(body, 8 + number * _REGION.size)
            mapped = self._stack.enter_context(mmap.mmap(fd, offset + size))
            self._regions.append(Region(guest, size, qemu, offset, mapped))

    # -- the queue

    def _work(self) -> None:
        """Do what the guest has put into the queue, and say that it is done."""
        while self._done != self._short(self._available + 2):
            place = self._done % self._size
            head = self._short(self._available + 4 + 2 * place)
            request, *parts, (status, _) = self._chain(head)
            kind, _, sector = struct.unpack("=IIQ", self._read(request[0], 16))

            assert kind == 0, f"only reading is served here; {kind} came"

            start = sector * SECTOR
            for address, length in parts:
                self._write(address, self._content[start : start + length])
                start += length
            self._write(status, b"\0")
            used = struct.pack("=II", head, 1 + start - sector * SECTOR)
            self._write(self._used + 4 + 8 * place, used)
            self._done = (self._done + 1) % (1 << 16)
            self._write(self._used + 2, _SHORT.pack(self._done))
        os.write(self.received[SET_CALL][-1], _LONG.pack(1))

    def _chain(self, place: int) -> Iterator[tuple[int, int]]:
        """Give address and length of each part of a request."""
        flags = _HAS_NEXT
        while flags & _HAS_NEXT:
            at = self._descriptors + place * _DESCRIPTOR.size
            found = _DESCRIPTOR.unpack(self._read(at, _DESCRIPTOR.size))
            address, length, flags, place = found
            yield address, length

    # -- the memory

    def _short(self, address: int) -> int:
        return int(_SHORT.unpack(self._read(address, _SHORT.size))[0])

    def _of_guest(self, address: int) -> int:
        """Translate an address in QEMU."""
        for one in self._regions:
            if one.qemu <= address < one.qemu + one.size:
                return one.guest + address - one.qemu
        raise LookupError(f"the address {address:#x} of QEMU is in no region")

    def _place(self, address: int) -> tuple[mmap.mmap, int]:
        for one in self._regions:
            if one.guest <= address < one.guest + one.size:
                return one.mapped, one.offset + address - one.guest
        raise LookupError(f"the guest's address {address:#x} is in no region")

    def _read(self, address: int, length: int) -> bytes:
        mapped, start = self._place(address)
        return mapped[start : start + length]

    def _write(self, address: int, data: bytes) -> None:
        mapped, start = self._place(address)
        mapped[start : start + len(data)] = data


def message(kind: int, body: bytes = b"", flags: int = _NEEDS_ANSWER) -> bytes:
    return _HEADER.pack(kind, _VERSION | flags, len(body)) + body


def _due(kind: int, body: bytes) -> int:
    """Say how many descriptors belong to a message."""
    if kind == SET_MEM_TABLE:
        return int(struct.unpack_from("=I", body)[0])
    if kind in {SET_KICK, SET_CALL, SET_ERR}:
        return 0 if _LONG.unpack(body)[0] & _NO_FD else 1
    return 1 if kind in {SET_REQUEST_FD, SET_INFLIGHT_FD} else 0
