"""The manager's side of systemd's notifications, and a service that has it keep descriptors.

Source: sd_notify(3), sd_pid_notify_with_fds(3).
"""

from __future__ import annotations

import socket
import sys
from typing import TYPE_CHECKING

from fdpass import MessageSocket
from fdpass.tests.interop.programs import running

if TYPE_CHECKING:
    import subprocess
    from contextlib import AbstractContextManager
    from pathlib import Path

TEXT = b"FDSTORE=1\nFDNAME=foo\n"
# Opens the files that are named, and ends with what the library says of them all: an errno.
_SERVICE = f"""
import ctypes, os, sys
store = ctypes.CDLL("libsystemd.so.0").sd_pid_notify_with_fds
fds = [os.open(path, os.O_RDWR) for path in sys.argv[1:]]
sys.exit(max(0, -store(0, 0, {TEXT!r}, (ctypes.c_int * len(fds))(*fds), len(fds))))
"""


def manager(path: Path) -> MessageSocket:
    """Listen for notifications, and for who sends them, as the manager does."""
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    try:
        sock.bind(str(path))
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
        return MessageSocket(sock)
    except BaseException:
        sock.close()
        raise


def service(path: Path, given: list[Path]) -> AbstractContextManager[subprocess.Popen[bytes]]:
    """Run a service that has the manager at *path* keep those files, in one message."""
    command = (sys.executable, "-c", _SERVICE, *map(str, given))
    return running(*command, env={"NOTIFY_SOCKET": str(path)})
