"""Programs of other people: found or skipped, started in a session of their own, ended."""

from __future__ import annotations

import ctypes
import os
import select
import shutil
import signal
import socket
import subprocess
import time
from contextlib import contextmanager, suppress
from io import FileIO
from typing import IO, TYPE_CHECKING, NamedTuple

import pytest

import fdpass
from fdpass.tests.descriptors import SOON, clamp, fill

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from contextlib import ExitStack
    from pathlib import Path

    from fdpass.table import HasFileno

# Where Debian puts what users seldom call by themselves.
_PATH = os.pathsep.join((os.environ.get("PATH", os.defpath), "/usr/sbin", "/sbin"))
_SLOTS = 64
SECOND_TIER = {"haproxy", "runc", "qemu-system-x86", "weston", "fuse3", "xdg-dbus-proxy"}


# What the tests talk to, by the Debian package that has it.
PACKAGES = {
    "ssh": "openssh-client",
    "sshd": "openssh-server",
    "systemd-notify": "systemd",
    "libsystemd.so.0": "libsystemd0",
    "dbus-daemon": "dbus-daemon",
    "gdbus": "libglib2.0-bin",
    "tmux": "tmux",
    "s6-fdholder-daemon": "s6",
    "Xvfb": "xvfb",
    "IO::FDPass": "libio-fdpass-perl",
    "Socket::MsgHdr": "libsocket-msghdr-perl",
    "ruby": "ruby",
    "php": "php-cli",
    "node": "nodejs",
    "go": "golang-go",
    "haproxy": "haproxy",
    "runc": "runc",
    "qemu-system-x86_64": "qemu-system-x86",
    "weston": "weston",
    "fusermount3": "fuse3",
    "xdg-dbus-proxy": "xdg-dbus-proxy",
}


def needs(*names: str, why_not: str | None = None) -> pytest.MarkDecorator:
    """Skip what needs these, if one is not here, or for that reason."""
    absent = [name for name in names if not is_here(name)]
    if absent:
        why_not = f"{absent[0]} is not installed (Debian package {PACKAGES[absent[0]]})"
    return pytest.mark.skipif(why_not is not None, reason=why_not or "")


class Joined(NamedTuple):
    """A program, and our end of a channel to it."""

    program: subprocess.Popen[bytes]
    channel: socket.socket

    def said(self) -> list[str]:
        """Wait for the end of the program, which must be a good one; give what it has said."""
        said = os.fsdecode(self.program.communicate(timeout=SOON)[0])

        assert self.program.returncode == 0, f"it ended with {self.program.returncode}: {said}"

        return said.splitlines()


def is_here(name: str) -> bool:
    """Tell whether a program, a shared library or a module of Perl is installed."""
    if ".so" in name:
        try:
            ctypes.CDLL(name)
        except OSError:
            return False
        return True
    if "::" in name:
        if not (perl := path_of("perl")):
            return False
        command = [perl, f"-M{name}", "-e", "0"]
        return subprocess.run(command, capture_output=True, check=False).returncode == 0
    return path_of(name) is not None


def path_of(name: str) -> str | None:
    return shutil.which(name, path=_PATH)


def wanted(tier: str) -> dict[str, str]:
    """Give what a tier talks to, 1, 2 or all of them, by the Debian package that has it."""
    tiers = {"none": set[bool](), "1": {False}, "2": {True}}.get(tier, {True, False})
    return {name: it for name, it in PACKAGES.items() if (it in SECOND_TIER) in tiers}


def versions(tier: str) -> list[str]:
    """Say what is installed, in one line each; the versions are those of Debian's packages."""
    lines = []
    for name, package in wanted(tier).items():
        if not is_here(name):
            lines.append(f"{name}: not installed (Debian package {package})")
        elif not (query := path_of("dpkg-query")):
            lines.append(f"{name}: {path_of(name) or 'installed'}, of a version that nobody tells")
        else:
            asked = [query, "-W", "-f", "${Package} ${Version}", package]
            told = subprocess.run(asked, capture_output=True, check=False, text=True)
            lines.append(f"{name}: {told.stdout or 'not of a package'}")
    return lines


def output(*command: str, env: Mapping[str, str] | None = None) -> str:
    """Run a command that ends by itself and must succeed; give what it says, both ways."""
    standard = (subprocess.DEVNULL, subprocess.PIPE, subprocess.STDOUT)
    with running(*command, env=env, standard=standard) as program:
        said = os.fsdecode(program.communicate(timeout=SOON)[0])

    assert program.returncode == 0, f"{command[0]} ended with {program.returncode}: {said}"

    return said


@contextmanager
def running(
    *command: str,
    standard: Iterable[int | IO[bytes] | None] = (subprocess.DEVNULL, None, None),
    pass_fds: Iterable[int] = (),
    env: Mapping[str, str] | None = None,
) -> Iterator[subprocess.Popen[bytes]]:
    """Run a program in a session of its own, all of which ends with the context.

    *standard* is its input, output and error; *env* adds to our environment.
    """
    stdin, stdout, stderr = standard
    with subprocess.Popen(
        [path_of(command[0]) or command[0], *command[1:]],
        stdin=stdin,
        stdout=stdout,
        stderr=stderr,
        pass_fds=tuple(pass_fds),
        env={**os.environ, "LC_ALL": "C", **(env or {})},
        start_new_session=True,
    ) as program:
        try:
            yield program
        finally:
            # Also when it has ended: those that it started may have outlived it.
            with suppress(ProcessLookupError):
                os.killpg(program.pid, signal.SIGKILL)
            program.wait(SOON)


def listening(path: Path) -> socket.socket:
    """Listen at a path, for a program that connects by itself; never blocks for ever."""
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        listener.bind(str(path))
        listener.listen()
        listener.settimeout(SOON)
    except BaseException:
        listener.close()
        raise
    return listener


@contextmanager
def joined(*command: str, env: Mapping[str, str] | None = None) -> Iterator[Joined]:
    """Run a program whose standard input is a channel to us; it is the caller's to close."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
    with ours, theirs:
        standard = (theirs.fileno(), subprocess.PIPE, None)
        with running(*command, standard=standard, env=env) as program:
            theirs.close()
            yield Joined(program, ours)


def accepted(listener: socket.socket) -> socket.socket:
    return listener.accept()[0]


def connected(path: Path | str) -> socket.socket:
    """Connect to a program that is about to listen there."""
    deadline = time.monotonic() + SOON
    while True:
        one = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            one.connect(str(path))
        except (FileNotFoundError, ConnectionRefusedError):
            one.close()
            if time.monotonic() > deadline:
                raise
            time.sleep(0.005)
        else:
            return one


def owned_pipe(stack: ExitStack) -> tuple[FileIO, FileIO]:
    """Make a pipe whose ends close with *stack*, or before."""
    reading, writing = os.pipe()
    return stack.enter_context(FileIO(reading, "rb")), stack.enter_context(FileIO(writing, "wb"))


def owned(stack: ExitStack, fds: list[int]) -> list[int]:
    """Have received descriptors close with *stack*."""
    for fd in fds:
        stack.callback(os.close, fd)
    return fds


def await_arrival(channel: HasFileno) -> None:
    """Wait until there is something to receive, by a deadline."""
    assert select.select([channel], [], [], SOON)[0], "nothing has arrived in time"


def heard(file: int | HasFileno, least: int = 1) -> bytes:
    """Read until there are so many bytes or the end, by a deadline."""
    return _read(file, lambda got: len(got) >= least, f"{least} bytes")


def heard_until(file: int | HasFileno, due: bytes) -> bytes:
    """Read until *due* has come among other things, or the end, by a deadline."""
    return _read(file, lambda got: due in got, repr(due))


def _read(file: int | HasFileno, is_enough: Callable[[bytes], bool], due: str) -> bytes:
    fd = file if isinstance(file, int) else file.fileno()
    deadline = time.monotonic() + SOON
    got = b""
    while not is_enough(got):
        ready = select.select([fd], [], [], max(0.0, deadline - time.monotonic()))[0]

        assert ready, f"expected {due}, received {got!r} in time"

        piece = os.read(fd, 65536)
        if not piece:
            break
        got += piece
    return got


@contextmanager
def full_table() -> Iterator[list[int]]:
    """Leave this process, which is not the one of pytest, no free slot; gives what fills them."""
    clamp(_SLOTS)
    held = fill()
    try:
        yield held
    finally:
        while held:
            os.close(held.pop())


def receive_in_a_full_table(
    channel: HasFileno, receive: Callable[[], list[int]], count: int
) -> tuple[list[int], int]:
    """Receive so many, and free one slot whenever there is none; also tells how often that was.

    Fills the table of this process, which is not to be the one of pytest, for as long as it takes.
    """
    got: list[int] = []
    times_full = 0
    with full_table() as held:
        while len(got) < count:
            try:
                got += receive()
            except fdpass.TableFull:
                times_full += 1
                os.close(held.pop())
            except (BlockingIOError, TimeoutError):
                await_arrival(channel)
    return got, times_full


def files(folder: Path, count: int) -> list[Path]:
    """Make files whose contents tell which is which."""
    made = [folder / f"file-{number}" for number in range(count)]
    for path in made:
        path.write_text(path.name)
    return made


def identity_of(path: Path) -> tuple[int, int]:
    return path.stat().st_dev, path.stat().st_ino


def whole(fd: int) -> bytes:
    """Read a file from its beginning, wherever its offset is."""
    return os.pread(fd, 65536, 0)
