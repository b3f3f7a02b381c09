"""tmux's messages, which are imsg: what a client says of itself, and what a server answers.

Source: tmux 3.3a, tmux-protocol.h, client.c and server-client.c.
"""

from __future__ import annotations

import os
import struct
from typing import TYPE_CHECKING

from fdpass.tests.descriptors import SOON

if TYPE_CHECKING:
    from fdpass.framing import Imsg

IDENTIFY_FLAGS, IDENTIFY_TERM, IDENTIFY_TERMINAL, IDENTIFY_STDIN = 100, 101, 102, 104
IDENTIFY_DONE, IDENTIFY_PROCESS, IDENTIFY_DIRECTORY, IDENTIFY_STDOUT = 106, 107, 108, 110
IDENTIFY_CAPABILITY = 112
COMMAND, EXIT = 200, 203
VERSION = 8  # stands where imsg has the peer's number


def send(messages: Imsg, kind: int, payload: bytes = b"", fds: tuple[int, ...] = ()) -> None:
    messages.send(payload, fds, kind=kind, peer=VERSION, timeout=SOON)


def command(*words: str) -> bytes:
    """Give the body of a command: how many words, and each with a NUL."""
    return struct.pack("=I", len(words)) + b"".join(word.encode() + b"\0" for word in words)


def identify(messages: Imsg, terminal: int) -> None:
    """Say that we are a client at that terminal; the server falls without its name."""
    send(messages, IDENTIFY_FLAGS, struct.pack("=I", 0))
    send(messages, IDENTIFY_TERM, b"xterm\0")
    send(messages, IDENTIFY_TERMINAL, os.ttyname(terminal).encode() + b"\0")
    send(messages, IDENTIFY_DIRECTORY, b"/\0")
    for capability in (b"clear=\x1b[H\x1b[2J", b"cup=\x1b[%i%p1%d;%p2%dH"):
        send(messages, IDENTIFY_CAPABILITY, capability + b"\0")
    send(messages, IDENTIFY_STDIN, fds=(terminal,))
    send(messages, IDENTIFY_STDOUT, fds=(terminal,))
    send(messages, IDENTIFY_PROCESS, struct.pack("=i", os.getpid()))
    send(messages, IDENTIFY_DONE)
