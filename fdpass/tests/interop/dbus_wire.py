"""As much of D-Bus as it takes to pass descriptors: the greeting, and messages in little endian.

Source: D-Bus Specification 0.42, "Authentication Protocol" and "Message Format".
"""

from __future__ import annotations

import os
import struct
import subprocess
from contextlib import contextmanager
from typing import TYPE_CHECKING, NamedTuple

from fdpass import MessageSocket
from fdpass.tests.descriptors import SOON
from fdpass.tests.interop.programs import connected, running

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

CALL, RETURN, ERROR = 1, 2, 3
PATH, INTERFACE, MEMBER, REPLY_TO, TO, SENDER, SIGNATURE, COUNT = 1, 2, 3, 5, 6, 7, 8, 9
_TYPES = {PATH: "o", REPLY_TO: "u", SIGNATURE: "g", COUNT: "u"}  # of header fields; others: s
US = "com.example.Us"
MOST = 16
"""Descriptors a message may have before the daemon hangs up: max_message_unix_fds."""

_CONFIGURATION = """<busconfig>
<type>session</type> <listen>unix:path={path}</listen> <auth>EXTERNAL</auth>
<policy context="default">
<allow send_destination="*" eavesdrop="true"/> <allow eavesdrop="true"/> <allow own="*"/>
</policy>
</busconfig>"""

Fields = dict[int, "int | str"]


class Received(NamedTuple):
    kind: int
    serial: int
    fields: Fields
    body: bytes
    fds: list[int]


def text(value: str) -> bytes:
    return struct.pack("<I", len(value)) + value.encode() + b"\0"


def handles(count: int) -> bytes:
    """Give the body of a message with so many handles, of the signature ``ah``."""
    return struct.pack(f"<I{count}I", 4 * count, *range(count))


def _padded(data: bytes, to: int) -> bytes:
    return data + bytes(-len(data) % to)


def _packed(fields: Fields) -> bytes:
    packed = b""
    for code, value in fields.items():
        kind = _TYPES.get(code, "s")
        packed = _padded(packed, 8) + bytes((code, 1)) + kind.encode() + b"\0"
        if isinstance(value, int):
            packed += struct.pack("<I", value)
        else:
            packed += text(value) if kind != "g" else text(value)[:1] + text(value)[4:]
    return packed


def _unpacked(packed: bytes) -> Fields:
    fields: Fields = {}
    at = 0
    while at < len(packed):
        code, kind = packed[at], packed[at + 2 : at + 3]
        at += 4
        (value,) = struct.unpack_from("<B" if kind == b"g" else "<I", packed, at)
        at += 1 if kind == b"g" else 4
        if kind == b"u":
            fields[code] = value
        else:
            fields[code] = packed[at : at + value].decode()
            at += value + 1
        at += -at % 8
    return fields


class Bus:
    """A client of a bus."""

    def __init__(self, channel: MessageSocket) -> None:
        self.channel = channel
        self._serial = 0
        user = str(os.getuid()).encode().hex()
        channel.send(f"\0AUTH EXTERNAL {user}\r\nNEGOTIATE_UNIX_FD\r\n".encode(), timeout=SOON)

        assert channel.recv_until(b"\r\n", timeout=SOON).startswith(b"OK ")
        assert channel.recv_until(b"\r\n", timeout=SOON) == b"AGREE_UNIX_FD\r\n"

        channel.send(b"BEGIN\r\n", timeout=SOON)

    def send(
        self, kind: int, fields: Fields, body: bytes = b"", fds: list[int] | None = None
    ) -> None:
        self._serial += 1
        if fds:
            fields = {**fields, COUNT: len(fds)}
        packed = _packed(fields)
        head = struct.pack("<4B3I", ord("l"), kind, 0, 1, len(body), self._serial, len(packed))
        self.channel.send(_padded(head + packed, 8) + body, fds or (), timeout=SOON)

    def receive(self, kind: int) -> Received:
        """Receive the next message of that kind; the caller owns its descriptors."""
        while True:
            head = self.channel.recv_exactly(16, timeout=SOON)
            came, size, serial, width = struct.unpack("<xBxxIII", head)
            fields = _unpacked(self.channel.recv_exactly(width, timeout=SOON))
            self.channel.recv_exactly(-width % 8, timeout=SOON)
            body = self.channel.recv_exactly(size, timeout=SOON)
            fds = self.channel.take(int(fields.get(COUNT, 0)))
            message = Received(came, serial, fields, body, fds)

            assert came == kind or came != ERROR, message

            if came == kind:
                return message

    def ask(self, member: str, signature: str = "", body: bytes = b"") -> Received:
        """Call the bus itself; give its answer."""
        fields: Fields = {PATH: "/", INTERFACE: "org.freedesktop.DBus", MEMBER: member}
        fields[TO] = "org.freedesktop.DBus"
        self.send(CALL, {**fields, **({SIGNATURE: signature} if signature else {})}, body)
        return self.receive(RETURN)

    def answer(
        self, call: Received, signature: str, body: bytes, fds: list[int] | None = None
    ) -> None:
        fields: Fields = {REPLY_TO: call.serial, TO: call.fields[SENDER], SIGNATURE: signature}
        self.send(RETURN, fields, body, fds)

    def call_ourselves(self, fds: list[int]) -> None:
        fields: Fields = {PATH: "/", INTERFACE: US, MEMBER: "Keep", TO: US, SIGNATURE: "ah"}
        self.send(CALL, fields, handles(len(fds)), fds)


@contextmanager
def bus(folder: Path) -> Iterator[Bus]:
    """Run a bus of our own, and connect to it by the name of US."""
    (folder / "bus.conf").write_text(_CONFIGURATION.format(path=folder / "bus"))
    command = ("dbus-daemon", f"--config-file={folder / 'bus.conf'}", "--nofork", "--nopidfile")
    # It says so where it may not have as large a table as it would like.
    quietly = (subprocess.DEVNULL, None, subprocess.DEVNULL)
    with running(*command, standard=quietly), MessageSocket(connected(folder / "bus")) as channel:
        us = Bus(channel)
        us.ask("Hello")
        us.ask("RequestName", "su", text(US) + bytes(-len(text(US)) % 4) + struct.pack("<I", 0))
        yield us
