"""What the second tier wants besides: files in memory, and a look into a program's table."""

from __future__ import annotations

import os
import select
import subprocess
from contextlib import suppress
from typing import TYPE_CHECKING

from fdpass.tests.descriptors import SOON
from fdpass.tests.interop.programs import running

if TYPE_CHECKING:
    from contextlib import ExitStack
    from pathlib import Path


def said(log: Path, *command: str) -> tuple[int, str]:
    """Run a command that ends by itself; give its status, and what it said to *log*, both ways."""
    with (
        log.open("wb") as output,
        running(*command, standard=(subprocess.DEVNULL, output, output)) as program,
    ):
        status = program.wait(SOON)
    return status, log.read_text(errors="replace").strip()


def memory(stack: ExitStack, content: bytes = b"") -> int:
    """Make a file in memory that closes with *stack*."""
    fd = os.memfd_create("fdpass")
    stack.callback(os.close, fd)
    assert os.pwrite(fd, content, 0) == len(content)
    return fd


def has_come(fd: int, timeout: float = SOON) -> bool:
    """Wait until something can be read."""
    return bool(select.select([fd], [], [], timeout)[0])


def held_by(pid: int) -> dict[int, tuple[int, int]]:
    """Give every open descriptor of a program and the file behind it."""
    found = {}
    for number in os.listdir(f"/proc/{pid}/fd"):
        with suppress(FileNotFoundError):  # closed since
            there = os.stat(f"/proc/{pid}/fd/{number}")
            found[int(number)] = there.st_dev, there.st_ino
    return found
