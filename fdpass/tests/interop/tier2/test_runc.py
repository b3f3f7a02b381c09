"""runc passes the master of a container's terminal, and the notifications of its seccomp filter."""

from __future__ import annotations

import errno
import fcntl
import json
import os
import struct
import subprocess
import termios
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from fdpass import MessageSocket
from fdpass.tests.descriptors import SOON, identity
from fdpass.tests.interop.programs import (
    accepted,
    full_table,
    heard_until,
    listening,
    needs,
    owned,
    running,
)
from fdpass.tests.interop.tier2.programs import has_come, said

if TYPE_CHECKING:
    from collections.abc import Callable

# Ours, read-only: the container runs what is installed here.
SHARED = [path for path in ("/bin", "/sbin", "/lib", "/lib64", "/usr") if os.path.isdir(path)]

# seccomp_unotify(2), linux/seccomp.h; as on every system whose ioctl numbers are asm-generic.
NOTIFICATION = struct.Struct("=QII" + "iIQ6Q")  # id, pid, flags; syscall, arch, address, arguments
RESPONSE = struct.Struct("=QqiI")  # id, value, error, flags
RECEIVE, RESPOND = 0xC0502100, 0xC0182101

pytestmark = needs("runc", why_not="these containers need root" if os.geteuid() else None)


class Bundle:
    """A container that shares our programs, and a name for it that is ours alone."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.name = folder.name
        (folder / "rootfs").mkdir()
        self.runc = ("runc", "--root", str(folder / "state"))

    def write(self, *command: str, terminal: bool, **linux: Any) -> None:
        mounts = [
            {"destination": path, "type": "bind", "source": path, "options": ["rbind", "ro"]}
            for path in SHARED
        ]
        mounts.append({"destination": "/proc", "type": "proc", "source": "proc"})
        mounts.append({"destination": "/dev", "type": "tmpfs", "source": "tmpfs"})
        pts = ["newinstance", "ptmxmode=0666"]
        mounts.append(
            {"destination": "/dev/pts", "type": "devpts", "source": "devpts", "options": pts}
        )
        spaces = [{"type": kind} for kind in ("pid", "ipc", "uts", "mount")]
        config = {
            "ociVersion": "1.0.2",
            "process": {
                "terminal": terminal,
                "args": command,
                "cwd": "/",
                "env": [f"PATH={os.pathsep.join(('/usr/bin', '/bin'))}"],
                "user": {"uid": 0, "gid": 0},
            },
            "root": {"path": "rootfs"},
            "mounts": mounts,
            "linux": {"namespaces": spaces, **linux},
        }
        (self.folder / "config.json").write_text(json.dumps(config))

    def run(self, *options: str) -> tuple[str, ...]:
        """Give the command line that runs it."""
        return (*self.runc, "run", *options, "--bundle", str(self.folder), self.name)

    def delete(self) -> None:
        """Let nothing of it live on, whatever has become of it."""
        status, words = said(self.folder / "end", *self.runc, "delete", "--force", self.name)

        assert status == 0, words


@pytest.fixture
def bundle(short: Path) -> Bundle:
    """Give a container; where not even a plain one can be run, there is nothing to ask."""
    bundle = Bundle(short)
    bundle.write("true", terminal=False)
    status, words = said(short / "log", *bundle.run())
    if status:
        bundle.delete()
        pytest.skip(f"runc cannot run a container here: {words.splitlines()[-1]}")
    return bundle


def talker(bundle: Bundle, console: str, *options: str) -> tuple[str, ...]:
    """Give the command line of a container whose terminal goes to *console*, and answers there."""
    script = "read line; stty size; echo got $line; read line; exit"
    bundle.write("sh", "-c", script, terminal=True)
    return bundle.run("--detach", "--console-socket", console, *options)


def test_the_terminal_of_a_container_works(bundle: Bundle) -> None:
    console, pid_file = (str(bundle.folder / name) for name in ("console", "pid"))
    detached = talker(bundle, console, "--pid-file", pid_file)
    with ExitStack() as stack:
        listener = stack.enter_context(listening(Path(console)))
        stack.callback(bundle.delete)
        runc = stack.enter_context(running(*detached))
        channel = stack.enter_context(MessageSocket(accepted(listener)))
        message = channel.recv(timeout=SOON)
        (master,) = owned(stack, message.fds)

        assert message.data == b"/dev/ptmx"
        assert runc.wait(SOON) == 0

        there = os.stat(f"/proc/{Path(pid_file).read_text()}/root/dev/pts/ptmx")

        assert identity(master) == (there.st_dev, there.st_ino)

        fcntl.ioctl(master, termios.TIOCSWINSZ, struct.pack("HHHH", 33, 77, 0, 0))
        os.write(master, b"typed\n")

        assert b"33 77\r\ngot typed\r\n" in heard_until(master, b"got typed\r\n")


def test_the_terminal_arrives_in_a_full_table(bundle: Bundle, apart: Callable[..., str]) -> None:
    console = str(bundle.folder / "console")
    with ExitStack() as stack:
        stack.callback(bundle.delete)
        apart(receive_a_terminal_in_a_full_table, console, *talker(bundle, console))


def receive_a_terminal_in_a_full_table(console: str, *runc: str) -> None:
    with ExitStack() as stack:
        listener = stack.enter_context(listening(Path(console)))
        program = stack.enter_context(running(*runc))
        channel = stack.enter_context(MessageSocket(accepted(listener)))

        assert program.wait(SOON) == 0

        with full_table():  # but for what fdpass keeps in reserve
            message = channel.recv(timeout=SOON)
        (master,) = owned(stack, message.fds)
        os.write(master, b"typed\n")

        assert b"got typed" in heard_until(master, b"got typed")


def test_system_calls_of_a_container_are_ours_to_answer(bundle: Bundle) -> None:
    agent = bundle.folder / "agent"
    filtered = {
        "defaultAction": "SCMP_ACT_ALLOW",
        "listenerPath": str(agent),
        "listenerMetadata": "of fdpass",
        "syscalls": [{"names": ["mkdir", "mkdirat"], "action": "SCMP_ACT_NOTIFY"}],
    }
    bundle.write("mkdir", "/made", terminal=False, seccomp=filtered)
    log = bundle.folder / "log"
    with ExitStack() as stack:
        listener = stack.enter_context(listening(agent))
        stack.callback(bundle.delete)
        output = stack.enter_context(log.open("wb"))
        runc = stack.enter_context(
            running(*bundle.run(), standard=(subprocess.DEVNULL, output, output))
        )
        channel = stack.enter_context(MessageSocket(accepted(listener)))
        message = channel.recv(timeout=SOON)
        (notifications,) = owned(stack, message.fds)
        state = json.loads(message.data)

        assert state["fds"] == ["seccompFd"]
        assert state["metadata"] == "of fdpass"
        assert os.readlink(f"/proc/self/fd/{notifications}") == "anon_inode:seccomp notify"
        assert has_come(notifications)

        notification = bytearray(NOTIFICATION.size)
        fcntl.ioctl(notifications, RECEIVE, notification)
        number, pid = NOTIFICATION.unpack(notification)[:2]

        assert pid == state["pid"]

        fcntl.ioctl(notifications, RESPOND, RESPONSE.pack(number, 0, -errno.ENOMEDIUM, 0))

        assert runc.wait(SOON) == 1
        assert os.strerror(errno.ENOMEDIUM) in log.read_text()
