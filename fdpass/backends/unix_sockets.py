"""Connected Unix stream sockets: how they are made, adopted, listened on and waited for.

What travels over them, and in what form, is for :mod:`bsd44` and :mod:`bsd43`.
"""

from __future__ import annotations

import errno
import os
import socket
import stat
from contextlib import closing

from .. import credentials
from . import unix

DONTWAIT = int(getattr(socket, "MSG_DONTWAIT", 0))


class SocketEndpoint:
    """One end of a connected Unix stream socket, without the messages; owns it."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self._recv = sock.recv
        if not DONTWAIT:
            sock.setblocking(False)
        elif sock.gettimeout():  # socket.setdefaulttimeout(): Python itself would wait
            sock.setblocking(True)

    def fileno(self) -> int:
        return self._sock.fileno()

    def discard(self, count: int) -> None:
        # A peek has shown these bytes, so "would block" can only be spurious; a short read
        # leaves plain bytes, whose descriptors went with the first one.
        while count:
            try:
                taken = len(self._recv(count, DONTWAIT))
            except BlockingIOError:
                self.wait(read=True, write=False, timeout=0.1)
                continue
            if not taken:
                raise ConnectionResetError(errno.ECONNRESET, "the channel ended under a peek")
            count -= taken

    def wait(self, *, read: bool, write: bool, timeout: float | None) -> bool:
        return unix.wait(self._sock.fileno(), read=read, write=write, timeout=timeout)

    def credentials(self) -> credentials.Credentials:
        return credentials.of_socket(self._sock.fileno())

    def release(self) -> None:
        """Let go of the descriptor without closing it; whoever has its number owns it."""
        self._sock.detach()

    def close(self) -> None:
        self._sock.close()


def open_sockets() -> tuple[socket.socket, socket.socket]:
    """Open both ends of a channel: ``socketpair(AF_UNIX, SOCK_STREAM)``."""
    return socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)


def adopt_socket(fd: int, *, any_type: bool = False) -> socket.socket:
    """Make a socket object of a connected Unix stream socket, and take it over.

    With *any_type* of any Unix socket that does not listen.

    Raises:
        ValueError: it is something else; the caller keeps it, still open.

    """
    due = "a Unix socket" if any_type else "a Unix stream socket"
    if not stat.S_ISSOCK(os.fstat(fd).st_mode):
        raise ValueError(f"descriptor {fd} is {unix.kind(fd)}; {due} was due")
    blocking = os.get_blocking(fd)
    sock = socket.socket(fileno=fd)
    if os.get_blocking(fd) is not blocking:  # PyPy has cleared O_NONBLOCK
        os.set_blocking(fd, blocking)
    try:
        if sock.family != socket.AF_UNIX or not (any_type or sock.type == socket.SOCK_STREAM):
            what = f"{sock.family!r}, {sock.type!r}"
            raise ValueError(f"descriptor {fd} is a socket of {what}; {due} was due")
        if sock.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
            raise ValueError(f"descriptor {fd} is a listening socket; a connected one was due")
    except BaseException:
        sock.detach()
        raise
    return sock


# -- rendezvous in the file system ----------------------------------------------------------------


def bind(path: str) -> int:
    """Bind a Unix stream socket to *path*, replacing a stale one; nobody can connect yet.

    Raises:
        FileExistsError: a file that is no socket is there.
        OSError: EADDRINUSE, somebody listens there.

    """
    try:
        return _bind(path)
    except OSError as error:
        if error.errno != errno.EADDRINUSE:
            raise
    try:
        found = os.lstat(path)
        if not stat.S_ISSOCK(found.st_mode):
            raise FileExistsError(errno.EEXIST, "a file that is no socket is there", path)
        connect_socket(path).close()
    except FileNotFoundError:
        return _bind(path)  # its owner removed it just now
    except ConnectionRefusedError:
        _remove_stale(path, (found.st_dev, found.st_ino))
        return _bind(path)
    except BlockingIOError:
        pass  # alive, and busy
    raise OSError(errno.EADDRINUSE, "somebody listens there", path)


def _bind(path: str) -> int:
    with closing(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)) as sock:
        sock.bind(path)
        return sock.detach()


def _remove_stale(path: str, seen: tuple[int, int]) -> None:
    """Remove the file at *path* if it is still the one that was *seen* to be stale.

    Moved aside first: somebody else may have replaced it meanwhile, and gets it back.
    """
    aside = f"{path}.{os.getpid()}"
    os.rename(path, aside)
    found = os.lstat(aside)
    if (found.st_dev, found.st_ino) != seen:
        os.link(aside, path)
        os.unlink(aside)
        raise OSError(errno.EADDRINUSE, "somebody else began to listen there", path)
    os.unlink(aside)


def start(listener: int, path: str) -> int:  # noqa: ARG001
    """Let clients connect."""
    sock = socket.socket(fileno=listener)
    try:
        sock.setblocking(False)
        sock.listen()
    finally:
        sock.detach()
    return listener


def stop(listener: int, path: str, identity: tuple[int, int]) -> None:
    """Remove the path if it is still the listener's own, and close that."""
    try:
        unix.remove_own(path, identity)
    finally:
        os.close(listener)


def accept_socket(listener: int) -> socket.socket:
    """Accept one connection."""
    sock = socket.socket(fileno=listener)
    try:
        sock.settimeout(0)
        connected, _ = sock.accept()
        # Whether O_NONBLOCK is inherited from the listener differs; a channel starts blocking.
        connected.setblocking(True)
        return connected
    finally:
        sock.detach()


def connect_socket(path: str) -> socket.socket:
    """Connect to *path*, or say at once that the listener is too busy."""
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        # A blocking connect would wait for room in the backlog, however long that takes (Linux).
        sock.setblocking(False)
        while error := sock.connect_ex(path):
            if error == errno.EISCONN:  # what was interrupted went on by itself
                break
            # PEP 475 does not hold for a connect that is not to wait.
            if error != errno.EINTR:
                raise OSError(error, os.strerror(error))
        sock.setblocking(True)
    except BaseException:
        sock.close()
        raise
    return sock


def longest_path(path: str) -> int:
    """Give how many bytes of *path* this system takes; only the start of it is ever tried."""
    raw = os.fsencode(path)
    with closing(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)) as sock:
        for length in range(len(raw), 0, -1):
            try:
                sock.connect(b"\xff" * length)  # a name that is not there, relative
            except OSError as error:
                if error.errno is not None and error.errno != errno.ENAMETOOLONG:
                    return length
    return 0
