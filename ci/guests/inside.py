#!/usr/bin/python3
"""The first process of a kernel that was booted for the suite: mounts, runs, reports, ends.

It imports nothing of ours, and runs where there is nothing but Python. What is to be run stands in
the file that ``plan`` on the kernel's command line names: a JSON object with ``command``,
``results``, ``environment`` and ``end``. The results go to the console, between two marks.
"""

import base64
import ctypes
import fcntl
import gzip
import json
import os
import socket
import struct
import sys
import traceback
from typing import Any

MOUNTS = (
    ("proc", "/proc", "proc"),
    ("sysfs", "/sys", "sysfs"),
    ("devtmpfs", "/dev", "devtmpfs"),
    ("devpts", "/dev/pts", "devpts"),
    ("tmpfs", "/dev/shm", "tmpfs"),  # noqa: S108
    ("tmpfs", "/tmp", "tmpfs"),  # noqa: S108
    ("tmpfs", "/run", "tmpfs"),
)
FOLDERS = ("/dev/pts", "/dev/shm")  # noqa: S108  devtmpfs does not have them
SIOCGIFFLAGS, SIOCSIFFLAGS, IFF_UP = 0x8913, 0x8914, 1
ENDS = {"off": 0x4321FEDC, "restart": 0x01234567}  # reboot(2)
BEGIN, END = "-----BEGIN RESULTS ", "-----END RESULTS-----"

libc = ctypes.CDLL(None, use_errno=True)


def mount_all() -> None:
    """Mount what a program expects to be there."""
    for kind, folder, source in MOUNTS:
        if folder in FOLDERS:
            os.makedirs(folder, exist_ok=True)
        words = (word.encode() for word in (source, folder, kind))
        if libc.mount(*words, 0, None) != 0:
            print(f"{folder}: {os.strerror(ctypes.get_errno())}", flush=True)


def raise_loopback() -> None:
    """Bring up the loopback interface."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        asked = fcntl.ioctl(sock, SIOCGIFFLAGS, struct.pack("16sH14x", b"lo", 0))
        (flags,) = struct.unpack_from("H", asked, 16)
        fcntl.ioctl(sock, SIOCSIFFLAGS, struct.pack("16sH14x", b"lo", flags | IFF_UP))


def run(plan: dict[str, Any]) -> int:
    """Run the command as a child, and collect all that die; give its exit status."""
    child = os.posix_spawn(plan["command"][0], plan["command"], plan["environment"], setsid=True)
    while True:
        pid, status = os.wait()
        if pid == child:
            return os.waitstatus_to_exitcode(status)


def report(status: int, results: str) -> None:
    """Write the exit status and the results file to the console."""
    data = b""
    if os.path.exists(results):
        with open(results, "rb") as file:
            data = gzip.compress(file.read())
    print(
        f"\n{BEGIN}{status}", base64.encodebytes(data).decode().strip(), END, sep="\n", flush=True
    )


def main() -> None:
    """Do it all; whatever happens, the machine ends."""
    end = ENDS["restart"]
    try:
        mount_all()
        with open(os.environ["plan"]) as file:  # noqa: SIM112
            plan = json.load(file)
        end = ENDS[plan["end"]]
        raise_loopback()
        report(run(plan), plan["results"])
    except BaseException:
        traceback.print_exc()
    sys.stdout.flush()
    sys.stderr.flush()
    os.sync()
    libc.reboot(end)


if __name__ == "__main__":
    main()
