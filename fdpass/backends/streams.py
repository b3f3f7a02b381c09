"""Streams: the calls that Python does not offer, and how they are found in the file system.

Source: streamio(4I), connld(4M), fattach(3C), isastream(3C); illumos fifosubr.c.
"""

from __future__ import annotations

import errno
import fcntl
import functools
import os
import stat
import threading

from ..credentials import Credentials
from . import systems, unix

TYPE_CHECKING = False
if TYPE_CHECKING:
    import ctypes

    from .systems import Streams


# open() of an attached path waits until the listener takes the connection, whatever its flags say
# (illumos fifosubr.c, fifo_connld); so whoever asks not to wait gets this long all the same.
_TAKEN_WITHIN = 1.0  # seconds


def _numbers() -> Streams:
    numbers = systems.running().streams
    assert numbers is not None, "missing() has said that they are known"
    return numbers


@functools.cache
def library() -> ctypes.CDLL:
    """Give the C library."""
    import ctypes

    return ctypes.CDLL(None, use_errno=True)


def offers(name: str) -> bool:
    """Tell whether the C library has a function of this name."""
    return hasattr(library(), name)


def call(name: str, *arguments: object) -> int:
    """Call a function of the C library that Python does not offer.

    Raises:
        OSError: it says -1.

    """
    import ctypes

    done = int(getattr(library(), name)(*arguments))
    if done < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    return done


def ioctl(fd: int, request: int, argument: int | bytearray | bytes) -> int:
    """Make an ioctl that nothing but an error ends."""
    while True:
        try:
            return fcntl.ioctl(fd, request, argument)  # type: ignore[return-value]
        except InterruptedError:  # PEP 475 leaves ioctl out
            continue


def send_descriptor(stream: int, fd: int) -> None:
    """Send a descriptor, which is borrowed; never waits (I_SENDFD)."""
    ioctl(stream, _numbers().send_fd, fd)


def receive_descriptor(stream: int) -> tuple[int, Credentials]:
    """Receive a descriptor, close-on-exec, and who sent it; the caller owns it (I_RECVFD).

    Raises:
        OSError: EAGAIN, none has come; EMFILE, no free slot, it stays; EBADMSG, something else is
            first; ENXIO, the other end is closed.

    """
    numbers = _numbers()
    buffer = bytearray(numbers.size)
    ioctl(stream, numbers.receive_fd, buffer)
    received, uid, gid = numbers.received(bytes(buffer))
    os.set_inheritable(received, False)
    return received, Credentials(None, uid, gid)


def open_ends() -> tuple[int, int]:
    """Open a pipe whose ends are streams, as the C library's own pipe() makes them."""
    import ctypes

    ends = (ctypes.c_int * 2)()
    call("pipe", ends)
    for fd in ends:
        os.set_inheritable(fd, False)
    return ends[0], ends[1]


def is_stream(fd: int) -> bool:
    """Tell whether a descriptor is a stream (isastream(3C))."""
    return offers("isastream") and call("isastream", fd) == 1


# -- rendezvous in the file system ----------------------------------------------------------------


def bind(path: str) -> int:
    """Make the file that the listener will be attached to; gives it, open.

    An empty file is taken as it is: attaching covers it, and does not change it.

    Raises:
        FileExistsError: a file with something in it is there, or something that is no file.
        OSError: EADDRINUSE, somebody listens there.

    """
    try:
        return os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    except FileExistsError:
        pass
    found = os.lstat(path)
    if stat.S_ISFIFO(found.st_mode):  # what is attached shows as the stream it is
        raise OSError(errno.EADDRINUSE, "somebody listens there", path)
    if not stat.S_ISREG(found.st_mode) or found.st_size:
        raise FileExistsError(errno.EEXIST, "a file that is no stale endpoint is there", path)
    return os.open(path, os.O_RDONLY | os.O_CLOEXEC)


def start(listener: int, path: str) -> int:
    """Attach a pipe with connld to *path*; gives its other end, and closes the file."""
    ours, attached = open_ends()
    try:
        os.set_blocking(ours, False)
        ioctl(attached, _numbers().push, b"connld\0")
        try:
            call("fattach", attached, os.fsencode(path))
        except OSError as error:
            if error.errno != errno.EBUSY:
                raise
            raise OSError(errno.EADDRINUSE, "somebody listens there", path) from None
    except BaseException:
        os.close(ours)
        raise
    finally:
        os.close(attached)  # what it is attached to keeps it open
    os.close(listener)
    return ours


def stop(listener: int, path: str, identity: tuple[int, int]) -> None:
    """Close the listener, which comes loose then, and remove the file if it is still its own."""
    os.close(listener)
    unix.remove_own(path, identity)


def open_attached(path: str, timeout: float | None) -> int:
    """Open a path that a listener is attached to, and has to take within *timeout* seconds.

    Raises:
        ConnectionRefusedError: nobody listens there.
        BlockingIOError: it was not taken in time; should it be later, it is closed then.

    """
    if stat.S_ISDIR(os.stat(path).st_mode):
        raise OSError(errno.EISDIR, os.strerror(errno.EISDIR), path)
    fd = _Opening(path).wait(None if timeout is None else max(timeout, _TAKEN_WITHIN))
    if fd is None:
        raise BlockingIOError(errno.EAGAIN, "the listener has not taken the connection", path)
    if not is_stream(fd):
        os.close(fd)
        raise ConnectionRefusedError(errno.ECONNREFUSED, "nobody listens there", path)
    return fd


class _Opening(threading.Thread):
    """Opens a path aside, as the one way of not waiting for ever; closes what comes too late."""

    def __init__(self, path: str) -> None:
        super().__init__(daemon=True)
        self._path = path
        self._fd: int | None = None
        self._error: OSError | None = None
        self._given_up = False
        self._lock = threading.Lock()
        self.start()

    def run(self) -> None:
        try:
            fd = os.open(self._path, os.O_RDWR | os.O_NOCTTY | os.O_CLOEXEC)
        except OSError as error:
            self._error = error
            return
        with self._lock:
            if not self._given_up:
                self._fd = fd
                return
        os.close(fd)

    def wait(self, timeout: float | None) -> int | None:
        """Give the descriptor, or None if it has not been opened in time."""
        self.join(timeout)
        with self._lock:
            self._given_up = True
            if self._error is None:
                return self._fd
        if self._error.errno in {errno.ENXIO, errno.EPIPE}:  # the listener went, or it is a socket
            raise ConnectionRefusedError(errno.ECONNREFUSED, "nobody listens there", self._path)
        raise self._error


def longest_path(path: str) -> int:
    """Give how many bytes of a path this system takes."""
    return min(len(os.fsencode(path)), os.pathconf("/", "PC_PATH_MAX") - 1)
