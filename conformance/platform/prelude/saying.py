"""What a program says, and where it is."""

from __future__ import annotations

import errno
import json
import os
import signal

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NoReturn


HOLDS, FAILS, MISSING, WRONG = 0, 1, 77, 99
STEP = 2.0  # seconds for one step, or those given on the command line


class Result:
    """What a step gave; the fields that a step does not give stay as they are here."""

    def __init__(self) -> None:
        self.errno = self.refused = self.text = ""
        self.data = b""
        self.number = self.count = self.messages = self.ctrunc = self.trunc = self.overrun = 0
        self.readable = self.writable = self.hangup = 0
        self.addresses = self.unopened = self.stale = self.beyond = self.others = 0
        self.received: list[int] = []

    @property
    def fds(self) -> int:
        return len(self.received)


class State:
    """Where the program is."""

    seconds = STEP
    step = 0
    doing = ""
    may_fail = False
    pid = os.getpid()
    folder = ""
    made: list[str] = []
    filled: list[int] = []
    processes: list[int] = []


def say(line: dict[str, object]) -> None:
    """Write one line of the trace, or the verdict: JSON on standard output."""
    os.write(1, json.dumps(line).encode() + b"\n")


def shown(value: object) -> str:
    """Write a value for people; expectations are written so too."""
    if isinstance(value, bytes):
        if len(value) > 64:
            return f"{shown(value[:16])}... {len(value)} bytes"
        return "".join(chr(byte) if 32 <= byte < 127 else f"\\x{byte:02x}" for byte in value)
    return "no error" if value == "" else str(value)


def end(status: int, **verdict: str) -> NoReturn:
    """Say the verdict, and be gone; nothing that was started stays."""
    names = {HOLDS: "holds", FAILS: "fails", MISSING: "missing", WRONG: "wrong"}
    if verdict:
        sentence = verdict["words"]
        if "expected" in verdict:
            sentence += f": expected {verdict['expected']}, saw {verdict['saw']}"
        os.write(2, f"{names[status]}: {sentence}\n".encode())
    for pid in State.processes:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
    if State.pid == os.getpid():
        clean()
    # What a child has said, its parent does not say again.
    if verdict or (status == HOLDS and State.pid == os.getpid()):
        say({"verdict": names[status], **verdict})
    os._exit(status)


def clean() -> None:
    """Remove what was made."""
    try:
        for path in filter(os.path.lexists, State.made):
            os.unlink(path)
        if State.folder:
            os.rmdir(State.folder)
    except OSError as error:
        os.write(2, f"{State.folder} could not be removed: {error}\n".encode())


def fail(words: str) -> NoReturn:
    end(FAILS, words=words)


def missing(words: str) -> NoReturn:
    end(MISSING, words=words)


def wrong(words: str) -> NoReturn:
    end(WRONG, words=words)


def error_name(number: int) -> str:
    same = {errno.EWOULDBLOCK: "EAGAIN", errno.EAGAIN: "EAGAIN", errno.EOPNOTSUPP: "EOPNOTSUPP"}
    return same.get(number) or errno.errorcode.get(number, str(number))
