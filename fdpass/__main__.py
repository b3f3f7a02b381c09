"""The command line: ``python -m fdpass doctor | send | recv``.

Exit status: 0 done, 1 failed, 2 wrong usage; ``recv PATH -- COMMAND`` gives the command's own.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys

from .doctor import examine, lines
from .endpoints import connect, listen
from .errors import FdPassError, PeerClosed

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from .passer import Passer

_MODES = {
    "r": os.O_RDONLY,
    "w": os.O_WRONLY | os.O_CREAT | os.O_TRUNC,
    "a": os.O_WRONLY | os.O_CREAT | os.O_APPEND,
    "rw": os.O_RDWR | os.O_CREAT,
}


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="fdpass",
        description="Pass file descriptors between programs.",
        epilog="Exit status: 0 done, 1 failed, 2 wrong usage; 'recv -- COMMAND' gives its own.",
    )
    commands = parser.add_subparsers(dest="command", required=True)

    doctor = commands.add_parser("doctor", help="try what this system can do, and tell")
    doctor.add_argument("--json", action="store_true", help="as JSON")

    send = commands.add_parser("send", help="open files and pass them to who listens at PATH")
    send.add_argument("path", metavar="PATH", help="where 'fdpass recv' or any listener waits")
    send.add_argument(
        "files", metavar="FILE", nargs="+", help="a file; - for standard input; fd:N for number N"
    )
    send.add_argument("--mode", choices=_MODES, default="r", help="how to open files (default r)")
    _add_timeout(send, "a listener that is not there yet")

    recv = commands.add_parser(
        "recv",
        help="listen at PATH, receive descriptors, and use them",
        usage="fdpass recv [-h] [--count COUNT] [--timeout SECONDS] PATH [-- COMMAND [{}]...]",
        description="Without COMMAND, what can be read from each goes to standard output. With "
        "COMMAND, every {} becomes /dev/fd/N of all of them, and the command gets them open.",
    )
    recv.add_argument("path", metavar="PATH", help="where to listen; made, and removed at the end")
    recv.add_argument(
        "--count", type=_positive, help="receive this many (default: until the sender closes)"
    )
    _add_timeout(recv, "the sender")
    return parser


def _add_timeout(parser: argparse.ArgumentParser, what: str) -> None:
    parser.add_argument(
        "--timeout", type=float, default=30.0, metavar="SECONDS", help=f"wait for {what} (30)"
    )


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"expected at least 1, received {number}")
    return number


def _doctor(*, as_json: bool) -> int:
    found = examine()
    print(json.dumps(found, indent=2) if as_json else "\n".join(lines(found)))
    return 0 if found["backend"] else 1


def _open(name: str, mode: str) -> int:
    """Open one FILE argument; the caller owns the descriptor."""
    if name == "-":
        return os.dup(0)
    if name.startswith("fd:"):
        return os.dup(int(name[3:]))
    return os.open(name, _MODES[mode], 0o666)


def _send(path: str, files: Sequence[str], mode: str, timeout: float) -> int:
    fds = []
    try:
        for name in files:
            fds.append(_open(name, mode))  # noqa: PERF401  those opened must be known
        _say_if_waiting(not os.path.exists(path), f"waiting for a listener at {path}")
        with connect(path, timeout=timeout) as passer:
            for fd, name in zip(fds, files, strict=True):
                named = sys.platform != "win32"  # where nothing but a handle travels
                passer.send(fd, data=os.fsencode(os.path.basename(name)) if named else b"")
            passer.flush(timeout=timeout)
    finally:
        for fd in fds:
            os.close(fd)
    return 0


def _recv(path: str, count: int | None, timeout: float, command: Sequence[str]) -> int:
    with listen(path) as listener:
        _say_if_waiting(True, f"waiting for a sender at {path}")
        with listener.accept(timeout=timeout) as passer:
            fds = _receive_all(passer, count, timeout)
    try:
        return _run(command, fds) if command else _copy(fds)
    finally:
        for fd in fds:
            os.close(fd)


def _receive_all(passer: Passer, count: int | None, timeout: float) -> list[int]:
    fds: list[int] = []
    try:
        while count is None or len(fds) < count:
            fds.append(passer.recv(timeout=timeout))
    except PeerClosed:
        if count is None or len(fds) == count:
            return fds
        _close(fds)
        raise PeerClosed(f"expected {count} descriptors, received {len(fds)}") from None
    except BaseException:
        _close(fds)
        raise
    return fds


def _close(fds: list[int]) -> None:
    for fd in fds:
        os.close(fd)


def _run(command: Sequence[str], fds: list[int]) -> int:
    names = [f"/dev/fd/{fd}" for fd in fds]
    argv = [word for part in command for word in (names if part == "{}" else [part])]
    status = subprocess.run(argv, pass_fds=fds, check=False).returncode
    return status if status >= 0 else 128 - status


def _copy(fds: list[int]) -> int:
    sys.stdout.flush()
    for fd in fds:
        with open(fd, "rb", closefd=False) as source:
            shutil.copyfileobj(source, sys.stdout.buffer)
    sys.stdout.buffer.flush()
    return 0


def _say_if_waiting(waits: bool, what: str) -> None:
    if waits and sys.stderr.isatty():
        print(f"fdpass: {what}", file=sys.stderr)


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; give the exit status."""
    words = list(sys.argv[1:] if argv is None else argv)
    # Taken off here: argparse loses what follows -- where an option stands before it.
    command: list[str] = []
    if "--" in words and words[0] == "recv":
        command = words[words.index("--") + 1 :]
        words = words[: words.index("--")]
    given = _parser().parse_args(words)
    try:
        if given.command == "doctor":
            return _doctor(as_json=given.json)
        if given.command == "send":
            return _send(given.path, given.files, given.mode, given.timeout)
        return _recv(given.path, given.count, given.timeout, command)
    except (OSError, FdPassError, ValueError) as error:
        print(f"fdpass: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main())
