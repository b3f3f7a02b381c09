"""tmux's wire: OpenBSD's imsg, a header in the machine's own order and at most one descriptor.

Source: tmux 3.3a, tmux-protocol.h, client.c, proc.c; OpenBSD, imsg.h.
"""

from __future__ import annotations

import os
import struct
from typing import TYPE_CHECKING

from fdpass.tests.descriptors import SOON

if TYPE_CHECKING:
    from fdpass import MessageSocket

IDENTIFY_FLAGS, IDENTIFY_TERM, IDENTIFY_TERMINAL, IDENTIFY_STDIN = 100, 101, 102, 104
IDENTIFY_DONE, IDENTIFY_PROCESS, IDENTIFY_DIRECTORY, IDENTIFY_STDOUT = 106, 107, 108, 110
IDENTIFY_CAPABILITY = 112
COMMAND, EXIT = 200, 203
VERSION = 8
HAS_DESCRIPTOR = 1
_HEADER = struct.Struct("=IHHII")


def send(channel: MessageSocket, kind: int, body: bytes = b"", fd: int | None = None) -> None:
    flags = 0 if fd is None else HAS_DESCRIPTOR
    header = _HEADER.pack(kind, _HEADER.size + len(body), flags, VERSION, 0)
    channel.send(header + body, [] if fd is None else [fd], timeout=SOON)


def recv(channel: MessageSocket) -> tuple[int, bytes, list[int]]:
    """Receive one message: its kind, its body, and a descriptor that the caller owns, or none."""
    kind, size, flags, version, _ = _HEADER.unpack(channel.recv_exactly(_HEADER.size, timeout=SOON))

    assert version == VERSION

    body = channel.recv_exactly(size - _HEADER.size, timeout=SOON)
    return kind, body, channel.take(flags & HAS_DESCRIPTOR)


def command(*words: str) -> bytes:
    """Give the body of a command: how many words, and each with a NUL."""
    return struct.pack("=I", len(words)) + b"".join(word.encode() + b"\0" for word in words)


def identify(channel: MessageSocket, terminal: int) -> None:
    """Say that we are a client at that terminal; the server falls without its name."""
    send(channel, IDENTIFY_FLAGS, struct.pack("=I", 0))
    send(channel, IDENTIFY_TERM, b"xterm\0")
    send(channel, IDENTIFY_TERMINAL, os.ttyname(terminal).encode() + b"\0")
    send(channel, IDENTIFY_DIRECTORY, b"/\0")
    for capability in (b"clear=\x1b[H\x1b[2J", b"cup=\x1b[%i%p1%d;%p2%dH"):
        send(channel, IDENTIFY_CAPABILITY, capability + b"\0")
    send(channel, IDENTIFY_STDIN, fd=terminal)
    send(channel, IDENTIFY_STDOUT, fd=terminal)
    send(channel, IDENTIFY_PROCESS, struct.pack("=i", os.getpid()))
    send(channel, IDENTIFY_DONE)
