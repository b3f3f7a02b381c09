"""Channels that the harness itself makes for peers: of the kind that their interface is for."""

from __future__ import annotations

import os
import socket

from ..errors import Lacking

SOCKETS = frozenset({"bsd44", "bsd43", "none"})
"""The interfaces whose channel is a Unix stream socket; none: the peer names no interface."""


def open_channel(interface: str) -> tuple[int, int]:
    """Open both ends of a channel; the caller owns them.

    Raises:
        Lacking: no such channel can be made here.

    """
    if interface == "sysv":
        return _stream_pipe()
    if interface in SOCKETS:
        one, other = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        return one.detach(), other.detach()
    raise Lacking(f"the suite knows of no channel for {interface} that can be inherited")


def _stream_pipe() -> tuple[int, int]:
    import ctypes

    library = ctypes.CDLL(None, use_errno=True)
    ends = (ctypes.c_int * 2)()
    if not hasattr(library, "isastream"):
        raise Lacking("this system has no stream pipes")
    if library.pipe(ends) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    for fd in ends:
        os.set_inheritable(fd, False)
    if library.isastream(ends[0]) != 1:
        for fd in ends:
            os.close(fd)
        raise Lacking("the ends of a pipe are no streams on this system")
    return ends[0], ends[1]
