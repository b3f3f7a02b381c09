"""The wire of OpenSSH's multiplexer: packets, and after them descriptors, a NUL byte for each.

Source: PROTOCOL.mux and monitor_fdpass.c of OpenSSH.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

from fdpass.tests.descriptors import SOON

if TYPE_CHECKING:
    from pathlib import Path

    from fdpass import MessageSocket

HELLO, NEW_SESSION, ALIVE_CHECK = 1, 0x10000002, 0x10000004
EXIT_MESSAGE, IS_ALIVE, SESSION_OPENED = 0x80000004, 0x80000005, 0x80000006
VERSION = 4


def client(path: Path | str) -> tuple[str, ...]:
    """Give the command line of a client of the master that listens there."""
    return ("ssh", "-F", "none", "-S", str(path), "nowhere.invalid", "a command")


def string(text: bytes) -> bytes:
    return struct.pack(">I", len(text)) + text


def numbers(body: bytes | bytearray, count: int) -> tuple[int, ...]:
    return struct.unpack_from(f">{count}I", body)


def send(channel: MessageSocket, *fields: int | bytes) -> None:
    """Send one packet."""
    body = [struct.pack(">I", it) if isinstance(it, int) else string(it) for it in fields]
    channel.send(string(b"".join(body)), timeout=SOON)


def expect(channel: MessageSocket, kind: int) -> bytes:
    """Receive one packet, which must be of that kind; give what follows its type."""
    (length,) = numbers(channel.recv_exactly(4, timeout=SOON), 1)
    packet = channel.recv_exactly(length, timeout=SOON)
    (came,) = numbers(packet, 1)

    assert came == kind, f"expected {kind:#x}, received {packet!r}"

    return packet[4:]


def receive_descriptor(channel: MessageSocket) -> int:
    assert channel.recv_exactly(1, timeout=SOON) == b"\0"
    return channel.take()[0]


def greet(channel: MessageSocket) -> int:
    """Play the master, until the client asks whether we are alive; give the request's number."""
    send(channel, HELLO, VERSION)

    assert numbers(expect(channel, HELLO), 1) == (VERSION,)

    return numbers(expect(channel, ALIVE_CHECK), 1)[0]


def end(channel: MessageSocket, request: int, status: int) -> None:
    """Tell the client that its command has run, and how it ended; and hang up, as masters do."""
    send(channel, SESSION_OPENED, request, 1)
    send(channel, EXIT_MESSAGE, 1, status)
    channel.close()


def ask(channel: MessageSocket, command: bytes) -> None:
    """Ask a master to run a command; three descriptors are to follow."""
    send(channel, HELLO, VERSION)

    assert numbers(expect(channel, HELLO), 1) == (VERSION,)

    # A number and a reserved field; no terminal, X11, agent, subsystem; no escape character.
    send(channel, NEW_SESSION, 5, b"", 0, 0, 0, 0, 0xFFFFFFFF, b"dumb", command)


def opened(channel: MessageSocket) -> int:
    """Wait until the master has opened the session; give its number."""
    request, session = numbers(expect(channel, SESSION_OPENED), 2)

    assert request == 5

    return session


def exit_status(channel: MessageSocket, session: int) -> int:
    of_session, status = numbers(expect(channel, EXIT_MESSAGE), 2)

    assert of_session == session

    return status
