"""anyio: receive_fds leaks the descriptors of a message that has another control message too.

Expected: the descriptors, or an exception after they were closed. unix(7), SO_PASSCRED: each
  message then brings SCM_CREDENTIALS, before SCM_RIGHTS.
Seen: RuntimeError ("Received unexpected ancillary data"), and the descriptors stay open: their
  numbers were in the control messages that are thrown away.
Measured: anyio 4.16.0, CPython 3.11.7, on Linux 6.18, Debian 12:
  RuntimeError (Received unexpected ancillary data; message = b'x', cmsg_level = 1, cmsg_type = 2);
  0 given, 1 others are open
Run: python anyio_other_control_message.py    (Linux: SO_PASSCRED, /proc)
Shown by: python -m conformance run --peer anyio --check fifo.behind-credentials
"""

from __future__ import annotations

import os
import socket
import sys

import anyio
from anyio.abc import UNIXSocketStream


async def main() -> None:
    """Pass a descriptor to a stream that gets credentials as well."""
    left, right = socket.socketpair()
    right.setblocking(False)
    right.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
    stream = await UNIXSocketStream.from_socket(right)
    socket.send_fds(left, [b"x"], [0])
    before = len(os.listdir("/proc/self/fd"))
    said, fds = "nothing was raised", []
    try:
        _, fds = await stream.receive_fds(1, 16)
    except RuntimeError as refusal:
        said = f"RuntimeError ({refusal})"
    leaked = len(os.listdir("/proc/self/fd")) - before - len(fds)
    print(f"{said}; {len(fds)} given, {leaked} others are open")
    sys.exit(leaked > 0)


anyio.run(main)
