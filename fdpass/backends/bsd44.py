"""BSD4.4: descriptors over connected Unix stream sockets, in SCM_RIGHTS control messages.

Knows the socket calls. Never waits by itself, keeps no state of a stream, and never decides what
a loss means: that is :mod:`fdpass.survival` and the passer.
"""

from __future__ import annotations

import errno
import fcntl
import os
import select
import socket
import stat
from array import array
from contextlib import closing, contextmanager
from time import monotonic, sleep

from . import scm_rights
from .scm_rights import (
    CTRUNC,
    DONTWAIT,
    PEEKING,
    RECEIVING,
    ROOM,
    SCM_RIGHTS,
    SENDING,
    SOL_SOCKET,
    descriptors,
    probe,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

NAME = "bsd44"
TRY_LATER = scm_rights.TRY_LATER
TOO_MANY = scm_rights.TOO_MANY
peek_works = scm_rights.peek_works
_ALONE_WITHIN = 1.0  # seconds


class Endpoint:
    """One end of a connected Unix stream socket; owns it."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self._sendmsg, self._recvmsg, self._recv = sock.sendmsg, sock.recvmsg, sock.recv
        self._cloexec_by_hand = not probe()["cloexec"]
        if not DONTWAIT:
            sock.setblocking(False)
        elif sock.gettimeout():  # socket.setdefaulttimeout(): Python itself would wait
            sock.setblocking(True)

    def fileno(self) -> int:
        return self._sock.fileno()

    def send(self, data: bytes, fds: Sequence[int]) -> int:
        if not fds:
            return self._sendmsg((data,), (), SENDING)
        rights = fds if type(fds) is array else array("i", fds)
        return self._sendmsg((data,), ((SOL_SOCKET, SCM_RIGHTS, rights),), SENDING)

    def receive(self, size: int, flags: int = RECEIVING) -> tuple[bytes, list[int], bool]:
        data, control, got, _ = self._recvmsg(size, ROOM, flags)
        fds = descriptors(control)
        if self._cloexec_by_hand:
            for fd in fds:
                os.set_inheritable(fd, False)
        return data, fds, bool(got & CTRUNC)

    def peek(self, size: int) -> tuple[bytes, list[int], bool]:
        if self._cloexec_by_hand:
            return self.receive(size, PEEKING)
        data, control, got, _ = self._recvmsg(size, ROOM, PEEKING)
        return data, descriptors(control), got & CTRUNC != 0

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
        poll = select.poll()  # one a call: a sender and a receiver may wait at the same time
        poll.register(self._sock, (read and select.POLLIN) | (write and select.POLLOUT))
        # Once more: in Python an interrupted poll whose time is over has seen nothing.
        return bool(poll.poll(None if timeout is None else max(0, timeout) * 1000) or poll.poll(0))

    def release(self) -> None:
        """Let go of the descriptor without closing it; whoever has its number owns it."""
        self._sock.detach()

    def close(self) -> None:
        self._sock.close()


def open_pair() -> tuple[Endpoint, Endpoint]:
    """Open both ends of a channel: ``socketpair(AF_UNIX, SOCK_STREAM)``."""
    one, other = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
    return Endpoint(one), Endpoint(other)


def adopt(fd: int) -> Endpoint:
    """Take over a connected Unix stream socket.

    Raises:
        ValueError: it is something else; the caller keeps it, still open.

    """
    if not stat.S_ISSOCK(os.fstat(fd).st_mode):
        raise ValueError(f"descriptor {fd} is {_kind(fd)}; a Unix stream socket was due")
    sock = socket.socket(fileno=fd)
    try:
        if sock.family != socket.AF_UNIX or sock.type != socket.SOCK_STREAM:
            what = f"{sock.family!r}, {sock.type!r}"
            raise ValueError(f"descriptor {fd} is a socket of {what}; a Unix stream was due")
        if sock.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
            raise ValueError(f"descriptor {fd} is a listening socket; a connected one was due")
        return Endpoint(sock)
    except BaseException:
        sock.detach()
        raise


def _kind(fd: int) -> str:
    mode = os.fstat(fd).st_mode
    for test, name in (
        (stat.S_ISREG, "a regular file"),
        (stat.S_ISDIR, "a directory"),
        (stat.S_ISFIFO, "a pipe"),
        (stat.S_ISCHR, "a character device"),
    ):
        if test(mode):
            return name
    return f"of mode {mode:o}"


@contextmanager
def alone(path: str) -> Iterator[None]:
    """Keep out others who begin to listen in the same directory, as far as that can be done."""
    try:
        directory = os.open(os.path.dirname(path) or ".", os.O_RDONLY)
    except OSError:
        yield
        return
    try:
        deadline = monotonic() + _ALONE_WITHIN
        while monotonic() < deadline:
            try:
                fcntl.flock(directory, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                sleep(0.01)
            except OSError:
                break
        yield
    finally:
        os.close(directory)


def bind(path: str) -> int:
    """Bind a Unix stream socket to *path*; nobody can connect before :func:`start`."""
    with closing(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)) as sock:
        sock.bind(path)
        return sock.detach()


def start(listener: int) -> None:
    """Let clients connect."""
    sock = socket.socket(fileno=listener)
    try:
        sock.setblocking(False)
        sock.listen()
    finally:
        sock.detach()


def accept(listener: int) -> int:
    """Accept one connection; the caller owns it."""
    sock = socket.socket(fileno=listener)
    try:
        sock.settimeout(0)
        connected, _ = sock.accept()
        # Whether O_NONBLOCK is inherited from the listener differs; a channel starts blocking.
        connected.setblocking(True)
        return connected.detach()
    finally:
        sock.detach()


def connect(path: str) -> int:
    """Connect to *path*, or say at once that the listener is too busy; the caller owns it."""
    with closing(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)) as sock:
        # A blocking connect would wait for room in the backlog, however long that takes (Linux).
        sock.setblocking(False)
        while error := sock.connect_ex(path):
            if error == errno.EISCONN:  # what was interrupted went on by itself
                break
            # PEP 475 does not hold for a connect that is not to wait.
            if error != errno.EINTR:
                raise OSError(error, os.strerror(error))
        sock.setblocking(True)
        return sock.detach()


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


def wait_readable(fd: int, timeout: float | None) -> None:
    """Wait until *fd* is readable, or for *timeout* seconds."""
    poll = select.poll()
    poll.register(fd, select.POLLIN)
    poll.poll(None if timeout is None else max(0, timeout) * 1000)


def missing() -> str | None:
    """Say in a sentence why SCM_RIGHTS does not work here, or None; by doing."""
    for name in ("AF_UNIX", "SCM_RIGHTS", "CMSG_SPACE"):
        if not hasattr(socket, name):
            return f"this Python was built without socket.{name}"
    if not hasattr(socket.socket, "sendmsg"):
        return "this Python was built without socket.sendmsg"
    try:
        return None if probe()["works"] else "a descriptor sent over a fresh pair did not arrive"
    except OSError as error:
        if error.errno in {errno.EMFILE, errno.ENFILE}:
            raise
        return f"passing a descriptor over a fresh pair failed: {error}"
