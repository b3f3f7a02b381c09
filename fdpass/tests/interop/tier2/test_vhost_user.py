"""QEMU passes a guest's memory and event counters to a disk that fdpass serves it."""

from __future__ import annotations

import os
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

from fdpass import MessageSocket
from fdpass.tests.descriptors import SOON, identities, identity
from fdpass.tests.interop.programs import accepted, listening, needs, running
from fdpass.tests.interop.tier2 import vhost_user
from fdpass.tests.interop.tier2.programs import has_come, held_by

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

QEMU = "qemu-system-x86_64"
WORDS = b"what the guest says\n"
# mov si, words; again: lodsb; test al, al; jz end; out 0xe9, al; jmp again; end: hlt; jmp end
CODE = bytes.fromhex("be 0f7c  ac  84c0  7404  e6e9  ebf7  f4  ebfd")
BOOT_SECTOR = (CODE + WORDS).ljust(vhost_user.SECTOR - 2, b"\0") + b"\x55\xaa"

pytestmark = needs(QEMU)


@contextmanager
def guest(folder: Path) -> Iterator[tuple[vhost_user.Disk, int, Path]]:
    """Start a guest whose disk we are; give that, QEMU's number, and where the guest writes to."""
    said = folder / "said"
    of_memory = "memory-backend-memfd,id=memory,size=64M,share=on"
    command = (
        *("-machine", "q35,accel=tcg,memory-backend=memory", "-m", "64", "-object", of_memory),
        *("-nodefaults", "-display", "none", "-debugcon", f"file:{said}"),
        *("-chardev", f"socket,id=disk,path={folder}/disk"),
        *("-device", "vhost-user-blk-pci,chardev=disk,num-queues=1,bootindex=0"),
    )
    with ExitStack() as stack:
        listener = stack.enter_context(listening(folder / "disk"))
        program = stack.enter_context(running(QEMU, *command))
        channel = stack.enter_context(MessageSocket(accepted(listener)))
        content = BOOT_SECTOR + bytes(2047 * vhost_user.SECTOR)
        yield vhost_user.Disk(channel, content, stack), program.pid, said


def test_a_guest_starts_from_it(short: Path) -> None:
    with guest(short) as (disk, _, said):
        assert disk.serve(lambda: said.exists() and WORDS in said.read_bytes())
        assert disk.kicks > 0


def test_what_is_mapped_is_the_memory_of_the_guest(short: Path) -> None:
    with guest(short) as (disk, pid, _):
        assert disk.serve(lambda: disk.kicks)
        assert set(identities(disk.received[vhost_user.SET_MEM_TABLE])) <= set(
            held_by(pid).values()
        )


def test_a_file_that_qemu_asked_for_comes_back(short: Path) -> None:
    with guest(short) as (disk, _, _):
        assert disk.serve(lambda: vhost_user.SET_INFLIGHT_FD in disk.received)
        assert identities(disk.received[vhost_user.SET_INFLIGHT_FD]) == [identity(disk.inflight)]


def test_a_channel_that_was_passed_is_answered(short: Path) -> None:
    with guest(short) as (disk, _, said):
        assert disk.serve(lambda: said.exists() and WORDS in said.read_bytes())

        (passed,) = disk.received[vhost_user.SET_REQUEST_FD]
        with MessageSocket(os.dup(passed)) as backwards:
            backwards.send(vhost_user.message(vhost_user.CONFIG_CHANGED), timeout=SOON)

            # QEMU asks the disk for its size again before it answers.
            assert disk.serve(lambda: has_come(backwards.fileno(), 0))

            answer = backwards.recv(timeout=SOON)

        assert answer.data == vhost_user.message(vhost_user.CONFIG_CHANGED, bytes(8), 4)
