"""A one-shot passer, for ``--peer 'oneshot:python oneshot.py'``: a NUL byte a descriptor.

    oneshot.py send SOCK FD...                 sends the inherited descriptors over the socket
    oneshot.py recv SOCK COUNT PROGRAM ARG...  receives, and runs PROGRAM ARG... FD...

SOCK is the number of a connected socket, which is inherited too. When something goes wrong, the
first word of standard error says what, as PROTOCOL.md names it, and the exit status is not 0.
"""

from __future__ import annotations

import array
import os
import socket
import sys


def main(what: str, number: str, *words: str) -> None:
    """Send, or receive and run."""
    end = socket.socket(fileno=int(number))
    if what == "send":
        for fd in words:
            rights = (socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [int(fd)]))
            try:
                end.sendmsg([b"\0"], [rights], socket.MSG_DONTWAIT)
            except BlockingIOError:
                sys.exit("would-block the channel is full")
            except (BrokenPipeError, ConnectionResetError):
                sys.exit("peer-reset the other end is gone")
        return
    count, *program = words
    received: list[int] = []
    while len(received) < int(count):
        try:
            data, fds, _, _ = socket.recv_fds(end, 1, 1)
        except ConnectionResetError:
            sys.exit("peer-reset the other end is gone")
        if not data:
            sys.exit("peer-closed the other end was closed")
        if not fds:
            sys.exit("lost a byte came without its descriptor")
        os.set_inheritable(fds[0], True)
        received += fds
    os.execvp(program[0], [*program, *map(str, received)])


if __name__ == "__main__":
    main(*sys.argv[1:])
