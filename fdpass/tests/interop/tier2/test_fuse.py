"""fusermount3 mounts, and passes the device by which the file system is served."""

from __future__ import annotations

import os
import socket
import struct
import subprocess
from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest

from fdpass import MessageSocket
from fdpass.tests.descriptors import SOON, identities
from fdpass.tests.interop.programs import needs, owned, running
from fdpass.tests.interop.tier2.programs import has_come, said

if TYPE_CHECKING:
    from pathlib import Path

DEVICE = "/dev/fuse"

pytestmark = needs(
    "fusermount3",
    why_not=None if os.access(DEVICE, os.R_OK | os.W_OK) else f"{DEVICE} cannot be opened here",
)

# linux/fuse.h, fuse_in_header, fuse_out_header, fuse_init_out, fuse_attr_out.
ASKED = struct.Struct("=IIQQ3I2H")  # length, operation, number, node; user, group, process
ANSWER = struct.Struct("=IiQ")  # length, error, number of what was asked
INIT_ANSWER = struct.Struct("=4I 2H 2I 2H 8I")
ATTRIBUTES = struct.Struct("=QII 6Q 10I")
GETATTR, INIT = 3, 26
NOT_SERVED = -38  # ENOSYS
MOST = 1 << 17  # bytes; no less than the device wants to have room for
DIRECTORY = 0o040751
LINKS = 4321


def test_the_file_system_is_served_by_what_it_passed(short: Path) -> None:
    mounted, log = short / "mounted", short / "log"
    mounted.mkdir()
    with ExitStack() as stack:
        device = mount(mounted, log, stack)
        there = os.stat(DEVICE)

        assert identities([device]) == [(there.st_dev, there.st_ino)]

        number, body = next_asked(device, INIT)
        version = struct.unpack_from("=2I", body)
        answer(device, number, INIT_ANSWER.pack(7, min(31, version[1]), *16 * [0]))

        assert version[0] == 7

        output = stack.enter_context(log.open("wb"))
        asking = running(
            "stat", "-c", "%a %h", str(mounted), standard=(subprocess.DEVNULL, output, output)
        )
        program = stack.enter_context(asking)
        number, _ = next_asked(device, GETATTR)
        owner = (DIRECTORY, LINKS, os.getuid(), os.getgid())
        answer(device, number, ATTRIBUTES.pack(0, 0, 0, 1, *5 * [0], *3 * [0], *owner, *3 * [0]))

        assert program.wait(SOON) == 0
        assert log.read_text() == f"751 {LINKS}\n"


def mount(where: Path, log: Path, stack: ExitStack) -> int:
    """Mount, as libfuse does, until *stack* is left; give the device, which closes with it."""
    ours, theirs = socket.socketpair()
    channel = stack.enter_context(MessageSocket(ours))
    with theirs, log.open("wb") as output:
        command = ("fusermount3", "-o", "fsname=fdpass", "--", str(where))
        passed = {"_FUSE_COMMFD": str(theirs.fileno())}
        with running(
            *command,
            env=passed,
            pass_fds=[theirs.fileno()],
            standard=(subprocess.DEVNULL, output, output),
        ) as program:
            status = program.wait(SOON)
    words = log.read_text()
    if status and "not permitted" in words:
        pytest.skip(f"it may not mount here: {words}")

    assert status == 0, words

    stack.callback(said, log.with_name("unmounting"), "fusermount3", "-u", "-z", str(where))
    message = channel.recv(timeout=SOON)
    (device,) = owned(stack, message.fds)

    assert message.data == b"\0"

    return device


def next_asked(device: int, kind: int) -> tuple[int, bytes]:
    """Wait until the system asks for that, refusing all else; give the number of it, and more."""
    while True:
        assert has_come(device), "the system asks for nothing"

        asked = os.read(device, MOST)
        _, operation, number, *_ = ASKED.unpack_from(asked)
        if operation == kind:
            return number, asked[ASKED.size :]
        os.write(device, ANSWER.pack(ANSWER.size, NOT_SERVED, number))


def answer(device: int, number: int, body: bytes) -> None:
    os.write(device, ANSWER.pack(ANSWER.size + len(body), 0, number) + body)
