"""As much of X11 as it takes to share memory with a server, in little endian: MIT-SHM 1.2.

Source: X Window System Protocol, version 11; MIT-SHM, The MIT Shared Memory Extension (shmproto.h).
"""

from __future__ import annotations

import struct
import subprocess
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

from fdpass import MessageSocket
from fdpass.tests.descriptors import SOON
from fdpass.tests.interop.programs import connected, heard_until, owned_pipe, running

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_CREATE_GC, _QUERY_EXTENSION = 55, 98
_QUERY_VERSION, _PUT_IMAGE, _GET_IMAGE, _ATTACH_FD, _CREATE_SEGMENT = 0, 3, 4, 6, 7
_DEPTH, _WHOLE_PIXELS, _ALL_PLANES = 24, 2, 0xFFFFFFFF
SIDE = 32
SIZE = SIDE * SIDE * 4
"""Bytes of an image of the whole screen."""


class Screen:
    """A client of a server that runs as *process*."""

    def __init__(self, channel: MessageSocket, process: int) -> None:
        self.channel = channel
        self.process = process
        channel.send(struct.pack("<cxHHHHH", b"l", 11, 0, 0, 0, 0), timeout=SOON)
        is_welcome, words = struct.unpack("<B5xH", channel.recv_exactly(8, timeout=SOON))
        about = channel.recv_exactly(4 * words, timeout=SOON)

        assert is_welcome, about

        self._next: int
        self._root: int
        (self._next,) = struct.unpack_from("<I", about, 4)
        (vendor,) = struct.unpack_from("<H", about, 16)
        (self._root,) = struct.unpack_from("<I", about, 32 + vendor + -vendor % 4 + 8 * about[21])
        self._send(_QUERY_EXTENSION, 0, "HH8s", len(b"MIT-SHM"), 0, b"MIT-SHM")
        self._extension = self._reply()[9]
        self._send(self._extension, _QUERY_VERSION, "")

        assert struct.unpack_from("<HH", self._reply(), 8) >= (1, 2)

        self._context = self._new()
        self._send(_CREATE_GC, 0, "III", self._context, self._root, 0)

    def _new(self) -> int:
        self._next += 1
        return self._next

    def _send(
        self, major: int, minor: int, form: str, *values: int | bytes, fds: Sequence[int] = ()
    ) -> None:
        body = struct.pack("<" + form, *values)
        head = struct.pack("<BBH", major, minor, 1 + len(body) // 4)
        self.channel.send(head + body, fds, timeout=SOON)

    def _reply(self) -> bytes:
        reply = self.channel.recv_exactly(32, timeout=SOON)

        assert reply[0] == 1, f"expected a reply, received {reply!r}"

        return reply

    def attach(self, fd: int) -> int:
        """Share memory of ours with the server; give the number of the segment."""
        segment = self._new()
        self._send(self._extension, _ATTACH_FD, "IB3x", segment, 0, fds=[fd])
        return segment

    def ask_for_segment(self) -> int:
        """Ask for memory of the server's, as large as the screen; give the segment's number."""
        segment = self._new()
        self._send(self._extension, _CREATE_SEGMENT, "IIB3x", segment, SIZE, 0)
        return segment

    def segment(self) -> int:
        """Receive what was asked for; the caller owns it."""
        assert self._reply()[1] == 1, "expected one descriptor"
        return self.channel.take()[0]

    def show(self, segment: int) -> None:
        """Show what is in a segment."""
        where = (self._root, self._context, SIDE, SIDE, 0, 0, SIDE, SIDE, 0, 0)
        how = (_DEPTH, _WHOLE_PIXELS, 0, segment, 0)
        self._send(self._extension, _PUT_IMAGE, "II6HhhBBBxII", *where, *how)

    def copy(self, segment: int) -> None:
        """Copy what is shown to a segment, and wait until it is there."""
        where = (self._root, 0, 0, SIDE, SIDE, _ALL_PLANES, _WHOLE_PIXELS)
        self._send(self._extension, _GET_IMAGE, "IhhHHIB3xII", *where, segment, 0)
        self._reply()

    def has_mapped(self, inode: int) -> bool:
        """Tell whether the server has a file in its memory, by its inode."""
        with open(f"/proc/{self.process}/maps") as maps:
            return any(line.split()[4] == str(inode) for line in maps)


def _stop(server: subprocess.Popen[bytes]) -> None:
    """Let it remove its socket and its lock."""
    server.terminate()
    server.wait(SOON)


@contextmanager
def screen() -> Iterator[Screen]:
    """Run a server with a small screen, of a number that it chooses, and connect to it."""
    with ExitStack() as stack:
        reading, writing = owned_pipe(stack)
        number = writing.fileno()
        command = ("Xvfb", "-displayfd", str(number), "-screen", "0", f"{SIDE}x{SIDE}x{_DEPTH}")
        quietly = (subprocess.DEVNULL, None, subprocess.DEVNULL)
        server = stack.enter_context(
            running(*command, "-nolisten", "tcp", standard=quietly, pass_fds=[number])
        )
        stack.callback(_stop, server)
        writing.close()
        display = int(heard_until(reading, b"\n"))
        channel = MessageSocket(connected(f"/tmp/.X11-unix/X{display}"))
        yield Screen(stack.enter_context(channel), server.pid)
