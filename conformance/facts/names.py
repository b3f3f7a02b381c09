"""Sockets with names: how long a path may be, and what is left of it."""

# ruff: noqa: D401 -- a docstring says here what a fact means

from __future__ import annotations

import os
import socket
from contextlib import suppress

from .fact import Unanswered, fact
from .limits import become_unprivileged
from .sockets import NAME, Token, connected, listening, outcome, pair, receive, rights, send

_SUN_PATH = "POSIX.1-2008 XBD <sys/un.h>: typically 92 to 108"
_UNIX = "unix(7), Address format"


def _longest() -> int:
    """Bind ever longer names in the folder we are in."""
    for length in range(80, 300):
        try:
            socket.socket(socket.AF_UNIX, socket.SOCK_STREAM).bind(b"x" * length)
        except OSError:  # of the system, or of Python whose sockaddr_un has no more room
            return length - 1
    return 299


@fact("names.longest-path", _SUN_PATH)
def longest_path() -> int:
    """The longest path that can be bound, in bytes; relative paths from near by are shorter."""
    return _longest()


@fact("names.abstract", "unix(7), Address format, abstract")
def abstract() -> bool:
    """Whether names that begin with a null byte work, which leave no file."""
    word = b"\0facts-%d" % os.getpid()
    try:
        listener, client = listening(word), connected(word)
    except OSError:
        return False
    server, _ = listener.accept()
    server.setblocking(False)
    send(client, b"x", [Token().writing])
    return len(receive(server).fds) == 1


def _bound_twice() -> tuple[str, str, bool]:
    """Bind one path twice, close, and connect: errno, errno, and whether the file stayed."""
    listener = listening()
    again = outcome(listening)
    listener.close()
    return again, outcome(connected), os.path.exists(NAME)


@fact("names.bound-twice", "unix(7), EADDRINUSE")
def bound_twice() -> str:
    """The errno of binding a path where something is, even if nobody listens any more."""
    return _bound_twice()[0]


@fact("names.connect-stale", "unix(7), ECONNREFUSED")
def connect_stale() -> str:
    """The errno of connecting to a path whose listener is gone: that is how to know."""
    return _bound_twice()[1]


@fact("names.file-stays", "unix(7): must be deleted by the caller")
def file_stays() -> bool:
    """Whether the path stays when its socket is closed, and has to be unlinked."""
    return _bound_twice()[2]


@fact("names.mode-is-asked", "unix(7): connecting requires write permission")
def mode_is_asked() -> bool:
    """Whether the mode of the path keeps other users from connecting (asked as one)."""
    os.chmod(".", 0o755)  # noqa: S103  another user is to get in
    _kept = listening()
    os.chmod(NAME, 0o777)  # noqa: S103
    if _connected_as_another() != "done":
        raise Unanswered("another user cannot connect here at all")
    os.chmod(NAME, 0)
    return _connected_as_another() != "done"


def _connected_as_another() -> str:
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        with suppress(BaseException):
            become_unprivileged()
            os.write(writing, outcome(connected).encode())
        os._exit(0)
    os.close(writing)
    os.waitpid(child, 0)
    return os.read(reading, 100).decode()


@fact("names.datagram", _UNIX)
def datagram() -> bool:
    """Whether a datagram sent to a path, without connecting, brings a descriptor."""
    server, client = (socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) for _ in range(2))
    server.bind(NAME)
    server.setblocking(False)
    client.setblocking(False)  # or Python would ask first whether it may
    client.sendmsg([b"x"], [rights([Token().writing])], 0, NAME)
    return len(receive(server).fds) == 1


@fact("names.unnamed-peer")
def unnamed_peer() -> str:
    """What getpeername() tells of a peer without a name; do not show it as who it is."""
    return repr(pair()[1].getpeername() or "")
