"""Machines for a fleet to visit: ssh servers of our own on loopback, and single files to send."""

from __future__ import annotations

import getpass
import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import time
import zipfile
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

SOON = 60.0  # seconds, on a machine that has other work
_ROOT = Path(__file__).resolve().parents[2]
PATHS = [str(_ROOT), *filter(None, sys.path)]
"""Where the suite and all it needs is found, also by a Python that is started elsewhere."""
_SERVERS = ("/usr/sbin/sshd", "/usr/local/sbin/sshd")

_SUITE = """
import sys
sys.path[:0] = {path!r}
from conformance.__main__ import main
main()
"""


def sshd() -> str:
    """Give the path of the ssh server, which it wants to be started by; skip without."""
    found = shutil.which("sshd") or next(filter(os.path.exists, _SERVERS), None)
    if found is None:
        pytest.skip("sshd is not installed (Debian package openssh-server)")
    if shutil.which("ssh") is None:
        pytest.skip("ssh is not installed (Debian package openssh-client)")
    if shutil.which("ps") is None:
        pytest.skip("ps is not installed (Debian package procps)")
    if os.geteuid() == 0 and not os.path.isdir("/run/sshd"):
        pytest.skip("sshd, as root, needs the directory /run/sshd (Debian package openssh-server)")
    shell = pwd.getpwuid(os.getuid()).pw_shell
    if os.path.basename(shell) in {"nologin", "false"}:
        pytest.skip(f"this account cannot log in: its shell is {shell}")
    return os.path.realpath(found)


def eventually(holds: Callable[[], bool], what: str, within: float = SOON) -> None:
    deadline = time.monotonic() + within
    while not holds():
        assert time.monotonic() < deadline, f"{what}: not within {within:g} s"
        time.sleep(0.05)


def below(pid: int) -> list[int]:
    """Give the descendants of a process."""
    told = subprocess.run(
        ["ps", "-A", "-o", "pid=", "-o", "ppid="], capture_output=True, check=True
    )
    rows = [tuple(map(int, line.split())) for line in told.stdout.splitlines()]
    found = {pid}
    while more := {child for child, parent in rows if parent in found} - found:
        found |= more
    return sorted(found - {pid})


def is_running(pid: int) -> bool:
    told = subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, check=False)
    return bool(told.stdout.strip()) and not told.stdout.strip().startswith(b"Z")


@dataclass
class Machine:
    """An ssh server, with a home of its own."""

    port: int
    home: Path
    key: Path
    process: subprocess.Popen[bytes]

    @property
    def ssh(self) -> list[str]:
        """Give what is typed after ssh to get there."""
        trust = ["-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null"]
        own = ["-F", "none", "-p", str(self.port), "-i", str(self.key), "-o", "IdentitiesOnly=yes"]
        return [*own, *trust, f"{getpass.getuser()}@127.0.0.1"]

    @property
    def kept(self) -> list[Path]:
        """Give the single files that it has kept."""
        return sorted((self.home / "cache" / "fdpass-fleet").glob("*"))

    @property
    def temporary(self) -> list[Path]:
        return sorted((self.home / "tmp").iterdir())

    def signal(self, number: int) -> None:
        """Send a signal to the server and to its sessions, but to none of what these run."""
        told = ("ps", "-o", "pid=", "-o", "comm=", "-p", ",".join(map(str, self._all())))
        for line in subprocess.run(told, capture_output=True, check=True).stdout.splitlines():
            pid, name = line.split()[:2]
            if name.startswith(b"sshd"):
                with suppress(ProcessLookupError):
                    os.kill(int(pid), number)

    def end(self) -> None:
        """End the server and everything that was started over it."""
        for pid in self._all():
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.process.wait(SOON)

    def _all(self) -> list[int]:
        return [self.process.pid, *below(self.process.pid)]


def machine(folder: Path, *lines: str, path: str | None = None) -> Machine:
    """Start an ssh server that keeps everything in *folder*; *lines* are of its configuration."""
    server = sshd()
    for name in ("cache", "tmp"):
        (folder / name).mkdir(parents=True)
    for key in ("key", "server"):
        words = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(folder / key)]
        subprocess.run(words, check=True, timeout=SOON)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    settings = (
        f"Port {port}",
        "ListenAddress 127.0.0.1",
        f"HostKey {folder / 'server'}",
        f"AuthorizedKeysFile {folder / 'key.pub'}",
        "StrictModes no",
        "PidFile none",
        "PermitRootLogin yes",
        f"SetEnv XDG_CACHE_HOME={folder / 'cache'} TMPDIR={folder / 'tmp'}"
        + (f" PATH={path}" if path else ""),
        *lines,
    )
    (folder / "sshd_config").write_text("\n".join((*settings, "")))
    with open(folder / "sshd.log", "wb") as log:
        process = subprocess.Popen(
            [server, "-D", "-e", "-f", str(folder / "sshd_config")],
            stdin=subprocess.DEVNULL,
            stderr=log,
        )
    made = Machine(port, folder, folder / "key", process)
    try:
        eventually(lambda: b"listening" in (folder / "sshd.log").read_bytes(), "sshd listens")
    except BaseException:
        made.end()
        raise
    return made


def single_file(path: Path, source: str | None = None) -> Path:
    """Make a single file to send: the suite as it lies here, or a program that stands in for it."""
    whole = _SUITE.format(path=PATHS)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("__main__.py", whole if source is None else source)
    return path
