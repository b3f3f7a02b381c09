"""Where passers come from: a pair, a path, a descriptor at hand, a parent process.

pair()                       both ends in this process; fork, and each side closes one
listen(path), connect(path)  between processes that have nothing in common but a path
adopt(fd_or_socket)          a connected descriptor that came from elsewhere
spawn(args), inherited()     parent and child program
"""

from __future__ import annotations

import errno
import os
import sys
from time import monotonic, sleep

from . import backends, credentials
from .credentials import Credentials
from .errors import PasserClosed
from .lifetime import Owner
from .passer import Passer

if sys.platform == "win32":
    from .backends import sockets, windows

TYPE_CHECKING = False
if TYPE_CHECKING:
    import socket
    import subprocess
    from collections.abc import Sequence
    from typing import Any

    from .backends import Backend, Endpoint

__all__ = [
    "Credentials",
    "Listener",
    "adopt",
    "as_socket",
    "connect",
    "inherited",
    "listen",
    "pair",
    "peer_credentials",
    "spawn",
]

# Measured: 3.7 to 3.9 times socket.send_fds with 16 a message, 4.3 with 24; but in a table of 40
# that another thread keeps filling, 5000 descriptors take 0.1 s with 16 and 2 s with 24.
_PAIR_BATCH = 24
_VARIABLE = "FDPASS_FD"


def pair(
    *,
    batch: int = _PAIR_BATCH,
    survival: str = "auto",
    max_queued: int = 1024,
    backend: str = "auto",
    dialect: str = "nul",
) -> tuple[Passer, Passer]:
    """Make a channel and give both ends of it.

    Up to *batch* descriptors travel in one message; each message needs as many free slots at once
    in the receiver. To talk to a forked child, fork and close one end on each side.
    """
    chosen = backends.choose(backend)
    one, other = chosen.open_pair()
    try:
        options: dict[str, Any] = {
            "batch": batch,
            "survival": survival,
            "max_queued": max_queued,
            "dialect": dialect,
        }
        left = Passer(chosen, one, **options)
    except BaseException:
        one.close()
        other.close()
        raise
    try:
        return left, Passer(chosen, other, **options)
    except BaseException:
        left.close()
        other.close()
        raise


def adopt(
    channel: int | socket.socket,
    *,
    batch: int = 1,
    survival: str = "auto",
    max_queued: int = 1024,
    backend: str = "auto",
    dialect: str = "nul",
) -> Passer:
    """Make a passer of a connected descriptor or socket, and take it over.

    What kind of descriptor it is decides which interface is used: a Unix stream socket, or an end
    of a stream pipe; on Windows any stream socket.

    *batch* is 1 because foreign receivers leak or lose the second descriptor of a message; raise
    it where fdpass is at the other end too. *dialect* is how the other end announces descriptors,
    see :mod:`fdpass.dialects`.

    Raises:
        ValueError: it is no channel for descriptors; the caller keeps it, open.

    """
    if sys.platform == "win32" and not isinstance(channel, int):
        chosen: Backend = backends.choose(backend)
        endpoint: Endpoint = windows.adopt_socket(channel.fileno())
    else:
        fd = channel if isinstance(channel, int) else channel.fileno()
        chosen, endpoint = backends.adopt(fd, backend)
    try:
        passer = Passer(
            chosen,
            endpoint,
            batch=batch,
            survival=survival,
            max_queued=max_queued,
            dialect=dialect,
        )
    except BaseException:
        endpoint.release()
        raise
    if not isinstance(channel, int):
        channel.detach()
    return passer


def as_socket(fd: int) -> socket.socket:
    """Make a socket object of a received descriptor, and take the descriptor over.

    On Unix that is ``socket.socket(fileno=fd)``. On Windows a socket's number is no descriptor,
    and a handle that was passed has to be entered into the books of Winsock first.

    Raises:
        ValueError, OSError: it is no socket; the caller keeps it, open.

    """
    if sys.platform == "win32":
        return sockets.as_socket(fd)
    import socket

    return socket.socket(fileno=fd)


def peer_credentials(channel: int | socket.socket | Passer) -> Credentials:
    """Ask the system who is at the other end of a channel; borrows it.

    Of a Unix socket that is always known; over streams, once the listener has accepted or a
    descriptor has come.

    Raises:
        OSError: it is no connected channel, or the system has no way to tell.

    """
    if isinstance(channel, Passer):
        return channel.credentials()
    if sys.platform == "win32":
        raise OSError("a socket of Windows does not tell who the peer is; ask a passer")
    return credentials.of_socket(channel if isinstance(channel, int) else channel.fileno())


def connect(path: str | os.PathLike[str], timeout: float | None = 0, **options: Any) -> Passer:
    """Connect to a listener at *path*; *options* are those of :func:`adopt`.

    A listener that is not there yet is waited for, *timeout* seconds at most (None: for ever).
    Over streams the listener also has to accept in that time, or within one second.

    Raises:
        FileNotFoundError, ConnectionRefusedError: nobody listens there.
        BlockingIOError: too many others wait to be accepted.
        OSError: the path is longer than the system allows; the message names the limit.

    """
    name = _name(path)
    chosen = backends.choose(options.pop("backend", "auto"))
    deadline = None if timeout is None else monotonic() + timeout
    while True:
        left = None if deadline is None else max(0.0, deadline - monotonic())
        try:
            return _passer(chosen, chosen.connect(name, left), options)
        except (FileNotFoundError, ConnectionRefusedError, BlockingIOError):
            if deadline is not None and monotonic() >= deadline:
                raise
            sleep(0.01)
        except OSError as error:
            raise _named(error, name, chosen) from None


def _passer(backend: Backend, endpoint: Endpoint, options: dict[str, Any]) -> Passer:
    try:
        return Passer(backend, endpoint, **options)
    except BaseException:
        endpoint.close()
        raise


def _name(path: str | os.PathLike[str]) -> str:
    name = os.fspath(path)
    if "\0" in name:  # the system would take what stands before it
        raise ValueError(f"embedded null character in path {name!r}")
    return name


def _named(error: OSError, path: str, backend: Backend) -> OSError:
    """Name the limit in the error of a path that is too long: found by trying shorter ones."""
    if error.errno is not None and error.errno != errno.ENAMETOOLONG:
        return error
    longest = backend.longest_path(path)
    message = f"the path has {len(os.fsencode(path))} bytes, and this system allows {longest}"
    return OSError(errno.ENAMETOOLONG, message, path)


def listen(path: str | os.PathLike[str], *, mode: int = 0o600, **options: Any) -> Listener:
    """Listen at *path*; *options* are those of :func:`adopt`, for every accepted passer.

    The file gets *mode* before anybody can connect. A stale socket (nobody listens on it) is
    replaced; a live one or any other file is never touched.

    Raises:
        FileExistsError: a file that is no socket is at the path.
        OSError: EADDRINUSE, somebody listens there; ENAMETOOLONG, naming the limit.

    """
    name = _name(path)
    chosen = backends.choose(options.pop("backend", "auto"))
    with chosen.alone(name):  # what is bound and does not listen yet looks stale
        try:
            fd = chosen.bind(name)
        except OSError as error:
            raise _named(error, name, chosen) from None
        try:
            try:
                os.chmod(name, mode)
                made = os.stat(name)
                fd = chosen.start(fd, name)
            except BaseException:
                os.unlink(name)
                raise
        except BaseException:
            os.close(fd)
            raise
    return Listener(chosen, fd, name, (made.st_dev, made.st_ino), options)


class Listener(Owner):
    """Accepts passers at a path; removes the path when closed, if it is still its own."""

    _fd = -1  # none yet, or no more

    def __init__(
        self,
        backend: Backend,
        fd: int,
        path: str,
        identity: tuple[int, int],
        options: dict[str, Any],
    ) -> None:
        self._backend = backend
        self._fd = fd
        self._identity = identity
        self._options = options
        self._process = os.getpid()
        self._absolute = os.path.abspath(path)
        self.path = path

    @property
    def closed(self) -> bool:
        """Whether the listener has been closed."""
        return self._fd < 0

    def fileno(self) -> int:
        """Give the listening descriptor, to be polled; the listener owns it."""
        if self._fd < 0:
            raise PasserClosed("this listener has been closed")
        return self._fd

    def accept(self, timeout: float | None = None) -> Passer:
        """Accept one connection, waiting *timeout* seconds at most (None: for ever).

        Raises:
            TimeoutError: nobody connected.

        """
        deadline = None if timeout is None else monotonic() + timeout
        while True:
            try:
                return _passer(self._backend, self._backend.accept(self.fileno()), self._options)
            except (BlockingIOError, ConnectionAbortedError):
                left = None if deadline is None else deadline - monotonic()
                if left is not None and left <= 0:
                    raise TimeoutError(f"nobody connected to {self.path}") from None
                self._backend.wait_readable(self._fd, left)

    def close(self) -> None:
        """Stop listening, and remove the path if it is still ours; a forked child leaves it."""
        if self._fd < 0:
            return
        fd, self._fd = self._fd, -1
        if self._process == os.getpid():
            self._backend.stop(fd, self._absolute, self._identity)
        else:
            os.close(fd)

    def __repr__(self) -> str:
        state = "closed" if self._fd < 0 else f"on descriptor {self._fd}"
        return f"<fdpass.Listener at {self.path!r}, {state}>"


def spawn(args: Sequence[str], **popen: Any) -> tuple[subprocess.Popen[Any], Passer]:
    """Start a program with one end of a new channel; give it and our end.

    The child finds its end with :func:`inherited`. *popen* goes to ``subprocess.Popen``.
    """
    import subprocess

    ours, theirs = pair()
    with theirs:
        given = theirs.fileno()
        try:
            environ = popen.pop("env", None)
            environment = {**(os.environ if environ is None else environ), _VARIABLE: str(given)}
            child = subprocess.Popen(args, env=environment, **_inheriting(given, popen))
        except BaseException:
            ours.close()
            raise
    return child, ours


def _inheriting(given: int, popen: dict[str, Any]) -> dict[str, Any]:
    """Add to the arguments of Popen what lets the child have *given*, and nothing else of ours."""
    if sys.platform != "win32":
        return {**popen, "pass_fds": (*popen.get("pass_fds", ()), given)}
    import subprocess

    os.set_handle_inheritable(given, True)
    about: Any = popen.get("startupinfo") or subprocess.STARTUPINFO()
    about.lpAttributeList["handle_list"] = [*about.lpAttributeList.get("handle_list", ()), given]
    return {**popen, "startupinfo": about}


def inherited() -> Passer:
    """Make a passer of the end that the parent's :func:`spawn` gave this program; once.

    Raises:
        OSError: the parent gave none.

    """
    number = os.environ.pop(_VARIABLE, None)
    if number is None:
        raise OSError(errno.EBADF, f"the parent gave no channel: {_VARIABLE} is not set")
    if sys.platform == "win32":
        return adopt(sockets.inherited(int(number)), batch=_PAIR_BATCH)
    os.set_inheritable(int(number), False)
    return adopt(int(number), batch=_PAIR_BATCH)
