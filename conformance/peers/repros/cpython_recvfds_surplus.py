"""CPython: multiprocessing.reduction leaves surplus descriptors open.

Expected: recv_handle(conn) and recvfds(sock, 1) give one descriptor; others that came in the
  same message are closed, as they are where an exception is raised. unix(7): received descriptors
  are as open as if by dup(2).
Seen: CMSG_SPACE of one has room for two on 64-bit systems. With two, recv_handle returns the first
  and forgets the other; where the count in the byte is wrong, AssertionError is raised, both stay.
Measured: CPython 3.10.13, 3.11.7, 3.12.1, 3.13.0, on Linux 6.18, Debian 12:
  two were sent; left open: 1, and 2 where the count is wrong
Run: python cpython_recvfds_surplus.py    (needs /proc)
Shown by: python -m conformance run --peer multiprocessing --check table.surplus-is-closed
"""

from __future__ import annotations

import os
import socket
import sys
from multiprocessing import reduction
from multiprocessing.connection import Connection


def leaked(count: int) -> int:
    """Send two with a byte that says *count*, take one by recv_handle, and count the others."""
    left, right = socket.socketpair()
    with left, Connection(right.detach()) as end:
        before = len(os.listdir("/proc/self/fd"))
        socket.send_fds(left, [bytes([count])], [0, 0])
        given = 0
        try:
            reduction.recv_handle(end)
            given = 1
        except (AssertionError, RuntimeError):
            pass
        return len(os.listdir("/proc/self/fd")) - before - given


right_count, wrong_count = leaked(2), leaked(1)
print(f"two were sent; left open: {right_count}, and {wrong_count} where the count is wrong")
sys.exit(right_count + wrong_count > 0)
