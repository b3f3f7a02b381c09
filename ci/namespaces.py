"""Machines that are none: network namespaces, each with a link, an ssh server and an account."""

from __future__ import annotations

import os
import pwd
import signal
import subprocess
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import ExitStack

SSHD = "/usr/sbin/sshd"


def told(*words: str) -> str:
    """Run a program that has to succeed; give what it says."""
    return subprocess.run(words, check=True, timeout=60, capture_output=True, text=True).stdout


class Machine:
    """A network namespace with an account, and an ssh server in it."""

    def __init__(self, name: str, folder: Path, stack: ExitStack) -> None:
        self.name, self.folder = name, folder
        self.server: subprocess.Popen[bytes] | None = None
        here, self.address = (f"10.77.{name[-2:].lstrip('0')}.{end}" for end in (1, 2))
        self.remove()
        stack.callback(self.remove)
        told("useradd", "--create-home", "--shell", "/bin/sh", "--password", "*", name)
        told("ip", "netns", "add", name)
        told("ip", "link", "add", name, "type", "veth", "peer", "name", "eth0", "netns", name)
        told("ip", "addr", "add", f"{here}/30", "dev", name)
        told("ip", "link", "set", name, "up")
        for words in (
            ("addr", "add", f"{self.address}/30", "dev", "eth0"),
            ("link", "set", "eth0", "up"),
            ("link", "set", "lo", "up"),
        ):
            told("ip", "-n", name, *words)

    def serve(self, path: str = os.defpath) -> None:
        """Start its ssh server; *path* is where its visitors find programs."""
        settings = (
            f"ListenAddress {self.address}",
            f"HostKey {self.folder}/server",
            f"AuthorizedKeysFile {self.folder}/key.pub",
            "StrictModes no",
            "PidFile none",
            "PermitRootLogin yes",
            f"SetEnv PATH={path}",
        )
        file = self.folder / f"{self.name}.conf"
        file.write_text("\n".join((*settings, "")))
        log = self.folder / f"{self.name}.sshd"
        command = ["ip", "netns", "exec", self.name, SSHD, "-D", "-e", "-f", str(file)]
        with log.open("wb") as stderr:
            self.server = subprocess.Popen(command, stdin=subprocess.DEVNULL, stderr=stderr)
        within(20, lambda: b"listening" in log.read_bytes(), f"{self.name} listens")

    def servers(self) -> list[int]:
        """Give its ssh server and their sessions."""
        pids = told("ip", "netns", "pids", self.name).split()
        named = [(pid, Path("/proc", pid, "comm")) for pid in pids]
        return [int(pid) for pid, comm in named if comm.exists() and "sshd" in comm.read_text()]

    def signal(self, number: int) -> None:
        """Send a signal to its server and its sessions, and to nothing that these run."""
        for pid in self.servers():
            with suppress(ProcessLookupError):
                os.kill(pid, number)

    def left(self) -> list[str]:
        """Say what of a run is left in it: processes, and temporary folders."""
        servers = {str(pid) for pid in self.servers()}
        pids = [pid for pid in told("ip", "netns", "pids", self.name).split() if pid not in servers]
        made = Path(tempfile.gettempdir()).glob("fdpass*")
        owned = [str(path) for path in made if owner(path) == self.name]
        return [*(f"process {pid}" for pid in pids), *owned]

    def end(self) -> None:
        """End all that runs in it."""
        for pid in told("ip", "netns", "pids", self.name).split():
            with suppress(ProcessLookupError):
                os.kill(int(pid), signal.SIGKILL)
        if self.server:
            self.server.wait(20)

    def remove(self) -> None:
        """Remove it, if it is there."""
        if self.name in told("ip", "netns", "list").split():
            self.end()
            told("ip", "netns", "del", self.name)
        if self.name in (account.pw_name for account in pwd.getpwall()):
            within(20, lambda: self.name not in told("ps", "-A", "-o", "user="), "its runs end")
            told("userdel", "--remove", self.name)


def owner(path: Path) -> str:
    """Name the owner of a file, which may have gone by now."""
    try:
        return path.owner()
    except (OSError, KeyError):
        return ""


def within(seconds: float, holds: Callable[[], bool], what: str) -> None:
    """Wait until something holds."""
    deadline = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what}: not within {seconds:g} s")
        time.sleep(0.1)
