"""What Linux shows of a peer process from outside, in /proc, beside its descriptor table."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from ..errors import Lacking, hidden

if TYPE_CHECKING:
    from .peer import Peer

__tracebackhide__ = hidden


def cpu_seconds(peer: Peer) -> float:
    """Give the seconds of processor time that all its threads have used.

    Source: proc(5), /proc/PID/stat, utime and stime.

    Raises:
        Lacking: it cannot be seen here.

    """
    # The name, in parentheses, may have anything in it, parentheses too.
    _, _, fields = _read(peer, "stat", "how much processor time it uses").rpartition(")")
    utime, stime = fields.split()[11:13]
    return (int(utime) + int(stime)) / os.sysconf("SC_CLK_TCK")


def would_be_inherited(peer: Peer, fd: int) -> bool:
    """Tell whether a program that it starts would have this descriptor, too.

    Source: proc(5), /proc/PID/fdinfo, flags.

    Raises:
        Lacking: it cannot be seen here.

    """
    lines = _read(peer, f"fdinfo/{fd}", "what is close-on-exec").splitlines()
    flags = next((line.split()[1] for line in lines if line.startswith("flags:")), None)
    if flags is None:
        raise Lacking(f"what is close-on-exec in {peer.name} cannot be seen here")
    return not int(flags, 8) & os.O_CLOEXEC


def is_socket(peer: Peer, fd: int) -> bool:
    """Tell whether this descriptor is open on a socket, as far as it can be seen."""
    try:
        return os.readlink(f"/proc/{peer.pid}/fd/{fd}").startswith("socket:")
    except OSError:
        return False


def _read(peer: Peer, name: str, what: str) -> str:
    try:
        if peer.is_visible:
            with open(f"/proc/{peer.pid}/{name}", encoding="utf-8", errors="replace") as file:
                return file.read()
    except OSError:
        pass
    raise Lacking(f"{what} cannot be seen of {peer.name} here")
