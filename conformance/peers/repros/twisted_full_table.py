"""Twisted: a descriptor that finds no slot is lost without a word, its bytes are delivered.

Expected: fileDescriptorReceived, or some sign that it will never be called, such as the loss of the
  connection. recvmsg(2) sets MSG_CTRUNC when control data was discarded, which on Linux is all that
  tells of a descriptor that found no free slot (unix(7)).
Seen: dataReceived is called, fileDescriptorReceived is not, nothing is logged: doRead of
  twisted.internet.unix has the flags and does not look at them.
Measured: Twisted 26.10.0, CPython 3.11.7, on Linux 6.18, Debian 12:
  one was sent; what is called: dataReceived(b'x')
Run: python twisted_full_table.py
Shown by: python -m conformance run --peer twisted --check table.waits
"""

from __future__ import annotations

import os
import resource
import socket

from twisted.internet import interfaces, protocol, reactor
from twisted.python import log
from zope.interface import classImplements

seen: list[str] = []


class Receiver(protocol.Protocol):  # type: ignore[misc]
    """What takes the descriptor and the byte that goes with it."""

    def fileDescriptorReceived(self, fd: int) -> None:  # noqa: N802
        """Take note of the descriptor."""
        seen.append(f"fileDescriptorReceived({fd})")

    def dataReceived(self, data: bytes) -> None:  # noqa: N802
        """Take note of the bytes, which come after it."""
        seen.append(f"dataReceived({data!r})")
        reactor.callLater(0.5, end)  # what it does besides it does by then

    def connectionLost(self, _: object) -> None:  # noqa: N802
        """Take note of the end."""
        seen.append("connectionLost")


def end() -> None:
    """Say what was called, and end."""
    told = [one for one in seen if not one.startswith("dataReceived")]
    print("one was sent; what is called: " + (", ".join(seen) or "nothing"), flush=True)
    os._exit(not told)


classImplements(Receiver, interfaces.IFileDescriptorReceiver)
log.addObserver(lambda event: seen.append("an error is logged") if event["isError"] else None)
left, right = socket.socketpair()
right.setblocking(False)
factory = protocol.Factory.forProtocol(Receiver)
reactor.adoptStreamConnection(right.fileno(), socket.AF_UNIX, factory)
socket.send_fds(left, [b"x"], [0])


def fill() -> None:
    """Fill the descriptor table."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (128, hard))
    while True:
        try:
            os.dup(0)
        except OSError:
            return


reactor.callWhenRunning(fill)
reactor.callLater(10, end)
reactor.run()
