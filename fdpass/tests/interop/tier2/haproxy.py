"""How HAProxy hands its listeners over on a reload: their number, and batches of descriptors.

The receiver answers each with four bytes; the sender waits for them, but not after the last. So
is HAProxy 2.6; no other was looked at.
Source: HAProxy, src/cli.c, _getsocks(); src/sock.c, sock_get_old_sockets().
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

from fdpass.tests.descriptors import SOON

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from fdpass import MessageSocket

ASKED = b"_getsocks\n"
BATCH = 252  # MAX_SEND_FD
# Of a listener without a namespace and an interface: two names of length 0, and an int of options.
_OF_ONE = bytes(6)
NUMBER = struct.Struct("i")

_SERVES = """
defaults
    mode http
    timeout connect 20s
    timeout client 20s
    timeout server 20s
frontend all
    http-request return status 200 content-type text/plain string adopted
"""


def configuration(path: Path, addresses: Sequence[str], stats: Path | None = None) -> str:
    """Write what serves at these addresses, and hands over at *stats*; give its path."""
    control = f"global\n    stats socket {stats} expose-fd listeners level admin\n" if stats else ""
    binds = "".join(f"    bind {address}\n" for address in addresses)
    path.write_text(control + _SERVES + binds)
    return str(path)


def count(channel: MessageSocket) -> int:
    """Receive how many descriptors are to come."""
    return int(NUMBER.unpack(channel.recv_exactly(NUMBER.size, timeout=SOON))[0])


def batch(channel: MessageSocket, due: int) -> list[int]:
    """Receive the next batch, where *due* are left; the caller owns it."""
    number = min(due, BATCH)
    told = channel.recv_exactly(number * len(_OF_ONE), timeout=SOON)

    assert told == number * _OF_ONE

    return channel.take(number)


def ready_for_more(channel: MessageSocket) -> None:
    channel.send(NUMBER.pack(0), timeout=SOON)


def hand_over(channel: MessageSocket, fds: Sequence[int]) -> None:
    """Play the old program, which waits for an answer to each batch; borrows the descriptors."""
    channel.send(NUMBER.pack(len(fds)), timeout=SOON)
    for start in range(0, len(fds), BATCH):
        now = fds[start : start + BATCH]
        channel.send(len(now) * _OF_ONE, now, timeout=SOON)
        channel.recv_exactly(NUMBER.size, timeout=SOON)
