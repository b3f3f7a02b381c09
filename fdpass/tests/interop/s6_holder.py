"""s6-fdholder's daemon, and what is asked of it.

Source: s6, src/include/s6/fdholder.h and src/fdholder/s6-fdholderd.c.
"""

from __future__ import annotations

import struct
from contextlib import contextmanager
from typing import TYPE_CHECKING

from fdpass import MessageSocket
from fdpass.framing import NetLen
from fdpass.tests.descriptors import SOON
from fdpass.tests.interop.programs import connected, running

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

_NEVER = struct.pack(">QI", (1 << 62) + (1 << 61), 0)  # when to forget it: a TAI64N label
DONE = b"\0"


def _name(name: str) -> bytes:
    return bytes((len(name),)) + name.encode() + b"\0"


def store(name: str) -> bytes:
    """Ask to keep the descriptor that goes with it."""
    return b"S" + _NEVER + _name(name)


def retrieve(name: str) -> bytes:
    return b"R\0" + _name(name)  # the NUL: it is to be kept, too


def listed(answer: bytes) -> set[str]:
    """Say which names are in the answer to ``L``: a byte, their number, and each with a NUL."""
    (count,) = struct.unpack_from(">I", answer, 1)
    names = answer[5:].decode().split("\0")[:-1]

    assert (answer[:1], len(names)) == (DONE, count)

    return set(names)


@contextmanager
def holder(folder: Path) -> Iterator[Path]:
    """Run a daemon that lets anybody do anything; give the path to reach it by."""
    rules = folder / "rules" / "uid" / "default"
    (rules / "env").mkdir(parents=True)
    (rules / "allow").touch()
    for name, value in (("STORE_REGEX", ".*"), ("RETRIEVE_REGEX", ".*"), ("LIST", "1")):
        (rules / "env" / f"S6_FDHOLDER_{name}").write_text(value)
    (rules / "env" / "S6_FDHOLDER_GETDUMP").write_text("1")
    path = folder / "holder"
    with running("s6-fdholder-daemon", "-i", str(folder / "rules"), str(path)):
        yield path


def ask(path: Path, request: bytes, fds: Sequence[int] = ()) -> tuple[bytes, list[int]]:
    """Make one request on a connection of its own, as the tools do; give the answer."""
    with MessageSocket(connected(path)) as channel:
        messages = NetLen(channel)
        messages.send(request, fds, timeout=SOON)
        return messages.recv(SOON)
