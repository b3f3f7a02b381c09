"""anyio: receive_fds loses a descriptor in a full descriptor table, and says nothing.

Expected: an exception, or any other sign. recvmsg(2) sets MSG_CTRUNC when control data was
  discarded, which on Linux is all that tells of a descriptor that found no free slot (unix(7)).
Seen: receive_fds returns the bytes with an empty list, as if none had been sent; the flags that
  recvmsg gave are not looked at.
Measured: anyio 4.16.0, CPython 3.11.7, on Linux 6.18, Debian 12:
  one was sent; receive_fds returned b'x', []
Run: python anyio_full_table.py
Shown by: python -m conformance run --peer anyio --check table.waits
"""

from __future__ import annotations

import os
import resource
import socket
import sys

import anyio
from anyio.abc import UNIXSocketStream


async def main() -> None:
    """Pass a descriptor to a stream whose process has no slot for it."""
    left, right = socket.socketpair()
    right.setblocking(False)
    stream = await UNIXSocketStream.from_socket(right)
    socket.send_fds(left, [b"x"], [0])
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (128, hard))
    filling = []
    while True:
        try:
            filling.append(os.dup(0))
        except OSError:
            break
    try:
        data, fds = await stream.receive_fds(1, 1)
    except Exception as told:
        print(f"the lost descriptor is told: {type(told).__name__}: {told}")
        return
    finally:
        for fd in filling:
            os.close(fd)
    print(f"one was sent; receive_fds returned {data!r}, {fds}")
    sys.exit(not fds)


anyio.run(main)
