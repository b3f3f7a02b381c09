"""CPython: socket.send_fds does not pass its flags on.

Expected: MSG_DONTWAIT makes it raise BlockingIOError where there is no room in the channel, as
  sendmsg(2) says, and as its own documentation does: "Consult sendmsg() for the documentation of
  these parameters".
Seen: it waits; Lib/socket.py calls sock.sendmsg without flags and address.
Measured: CPython 3.10.13, 3.11.7, 3.12.1, 3.13.0, on Linux 6.18, Debian 12:
  send_fds over a full channel, with MSG_DONTWAIT: it waits
Run: python cpython_send_fds_flags.py
Shown by: python -m conformance run --peer send-fds --check nonblocking.send-on-a-blocking-channel
"""

import signal
import socket
import sys

left, right = socket.socketpair()
left.setblocking(False)
try:
    while True:
        left.send(b"x" * 4096)
except BlockingIOError:
    left.setblocking(True)


class Late(Exception):
    """It has waited for two seconds."""


def late(*_: object) -> None:
    """Interrupt the call."""
    raise Late


signal.signal(signal.SIGALRM, late)
signal.alarm(2)
try:
    socket.send_fds(left, [b"x"], [0], socket.MSG_DONTWAIT)
    said = "it was sent"
except BlockingIOError:
    said = "BlockingIOError"
except Late:
    said = "it waits"
print(f"send_fds over a full channel, with MSG_DONTWAIT: {said}")
sys.exit(said != "BlockingIOError")
