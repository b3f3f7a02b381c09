"""SysV: descriptors over STREAMS pipes, by ioctl I_SENDFD and I_RECVFD.

A byte and a descriptor are two messages here, written one after the other and received one after
the other: on the wire every descriptor follows the NUL that announces it, as with
AnyEvent::FDpasser. Either half may have to wait, so an endpoint remembers where it stands. A
descriptor that finds no slot is put back by the system itself.

Source: streamio(4I), connld(4M), fattach(3C); illumos streamio.c and fifosubr.c.
"""

from __future__ import annotations

import errno
import os
import stat
from collections import deque

from . import streams, systems, unix
from .streams import bind, longest_path, start, stop
from .unix import alone, wait_readable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..credentials import Credentials

__all__ = [
    "CARRIES_TEXT",
    "MOST_PER_MESSAGE",
    "NAME",
    "PUTS_BACK",
    "TOO_MANY",
    "TRY_LATER",
    "Endpoint",
    "accept",
    "adopt",
    "alone",
    "bind",
    "connect",
    "longest_path",
    "missing",
    "open_pair",
    "peek_works",
    "start",
    "stop",
    "wait_readable",
]

NAME = "sysv"
MOST_PER_MESSAGE = 1
PUTS_BACK = True
CARRIES_TEXT = True
# ENOSR: the system is short of STREAMS buffers.
TRY_LATER = frozenset({errno.EAGAIN, errno.EWOULDBLOCK, getattr(errno, "ENOSR", errno.EAGAIN)})
TOO_MANY: frozenset[int] = frozenset()

_AT_ONCE = 4096
_MOST_TEXT = 1 << 17  # bytes without a NUL; more than any passer sends
_works = False  # found out once in a process


class Endpoint:
    """One end of a stream pipe; owns it. Its O_NONBLOCK is set: no call takes a flag instead."""

    def __init__(self, fd: int, sender: Credentials | None = None) -> None:
        self._fd = fd
        self._was_blocking = os.get_blocking(fd)
        os.set_blocking(fd, False)
        self._sender = sender
        # Sending. Of a record (text and NUL, then the descriptor) that the system took in part:
        self._held: int | None = None  # our duplicate of its descriptor
        self._announced = False  # its NUL has gone; only the descriptor is due
        self._begun = b""  # what went of one whose descriptor nobody could keep
        # Receiving:
        self._taken = b""  # text, or text and the NUL of a descriptor that is due
        self._lost: deque[bytes] = deque()  # records that were announced, and never came

    def fileno(self) -> int:
        return self._fd

    # -- sending

    def send(self, data: bytes, fds: Sequence[int]) -> int:
        if not fds:
            return self._send_rest(data)
        (fd,) = fds
        os.fstat(fd)  # one that is not open is refused before it is announced
        self._end_what_was_begun(data)
        begun = len(self._begun)
        sent = begun + self._write(data[begun:])
        self._begun = data[:sent]
        if sent == len(data) and self._hand_over(fd):
            self._begun = b""
            return sent
        try:
            self._held = os.dup(fd)
        except OSError:  # no slot; who comes with the same again goes on here
            raise BlockingIOError(errno.EAGAIN, "announced, and not yet sent") from None
        self._begun = b""
        self._announced = sent == len(data)
        return min(sent, len(data) - 1)

    def _send_rest(self, rest: bytes) -> int:
        """Go on with a record whose descriptor we hold: its last byte counts as the descriptor."""
        assert self._held is not None
        if not self._announced:
            sent = self._write(rest)
            if sent < len(rest):
                return sent
            self._announced = True
        if not self._hand_over(self._held):
            if len(rest) > 1:
                return len(rest) - 1
            raise BlockingIOError(errno.EAGAIN, "announced, and not yet sent")
        os.close(self._held)
        self._held = None
        return len(rest)

    def _end_what_was_begun(self, data: bytes) -> None:
        """End a record that its sender gave up: the peer will see that one never came."""
        if self._begun and not data.startswith(self._begun):
            if not self._begun.endswith(b"\0"):
                self._write(b"\0")
            self._begun = b""

    def _write(self, data: bytes) -> int:
        if not data:
            return 0
        self._do_not_wait(read=False)
        return os.write(self._fd, data)

    def _hand_over(self, fd: int) -> bool:
        """Send the descriptor that was announced; tell whether there was room."""
        try:
            streams.send_descriptor(self._fd, fd)
        except OSError as error:
            if error.errno in TRY_LATER:
                return False
            raise
        return True

    # -- receiving

    def receive(self, size: int) -> tuple[bytes, list[int], bool]:
        while not self._lost:
            if self._taken.endswith(b"\0"):
                return self._receive_due()
            self._do_not_wait(read=True)
            try:
                data = os.read(self._fd, min(size, _AT_ONCE))
            except OSError as error:
                if error.errno != errno.EBADMSG:
                    raise
                # A descriptor that nobody has announced: from who sends no byte with it.
                self._taken += b"\0"
                continue
            if not data or len(self._taken) > _MOST_TEXT:
                # At the end: text whose descriptor never came has been cut off.
                text, self._taken = self._taken + data, b""
                return text, [], bool(text) and not data
            # Reading stops before a descriptor: only what stands last can be followed by one.
            *ended, self._taken = (self._taken + data).split(b"\0")
            if ended and not self._taken:
                self._taken = ended.pop() + b"\0"
            self._lost.extend(text + b"\0" for text in ended)
        return self._lost.popleft(), [], False

    def _receive_due(self) -> tuple[bytes, list[int], bool]:
        """Receive the descriptor that was announced. With a full table it stays in the channel."""
        self._do_not_wait(read=True)
        try:
            fd, self._sender = streams.receive_descriptor(self._fd)
        except OSError as error:
            if error.errno not in {errno.EBADMSG, errno.ENXIO}:
                raise
            fds = []  # something else follows, or nothing ever will
        else:
            fds = [fd]
        data, self._taken = self._taken, b""
        return data, fds, False

    def peek(self, size: int) -> tuple[bytes, list[int], bool]:
        raise NotImplementedError(f"peek_works() says that {size} bytes cannot be peeked at")

    def discard(self, count: int) -> None:
        raise NotImplementedError(
            f"nothing was peeked at, so there are no {count} bytes to discard"
        )

    # -- the rest

    def _do_not_wait(self, *, read: bool) -> None:
        """Ask first: somebody who shares the open file description may have cleared O_NONBLOCK."""
        if not unix.wait(self._fd, read=read, write=not read, timeout=0):
            raise BlockingIOError(errno.EAGAIN, os.strerror(errno.EAGAIN))

    def wait(self, *, read: bool, write: bool, timeout: float | None) -> bool:
        if read and self._lost:
            return True
        return unix.wait(self._fd, read=read, write=write, timeout=timeout)

    def credentials(self) -> Credentials:
        if self._sender is None:
            raise OSError(
                errno.ENOTCONN, "a stream tells who is there with the first descriptor that comes"
            )
        return self._sender

    def release(self) -> None:
        """Let go of the descriptor without closing it; whoever has its number owns it."""
        os.set_blocking(self._fd, self._was_blocking)
        self._fd = -1

    def close(self) -> None:
        if self._held is not None:
            os.close(self._held)
            self._held = None
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1


def peek_works() -> bool:
    """Tell that there is no peeking at descriptors: I_PEEK shows bytes only."""
    return False


def open_pair() -> tuple[Endpoint, Endpoint]:
    """Open both ends of a channel: a stream pipe carries both ways."""
    one, other = streams.open_ends()
    return Endpoint(one), Endpoint(other)


def adopt(fd: int) -> Endpoint:
    """Take over an end of a stream pipe.

    Raises:
        ValueError: it is something else; the caller keeps it, still open.

    """
    found = unix.kind(fd)
    if not (stat.S_ISFIFO(os.fstat(fd).st_mode) and streams.is_stream(fd)):
        raise ValueError(f"descriptor {fd} is {found}; an end of a stream pipe was due")
    return Endpoint(fd)


def accept(listener: int) -> Endpoint:
    """Accept one connection: a stream of its own, which connld sends."""
    return Endpoint(*streams.receive_descriptor(listener))


def connect(path: str, timeout: float | None) -> Endpoint:
    """Connect to *path*; the listener has to accept within *timeout* seconds."""
    return Endpoint(streams.open_attached(path, timeout))


def missing() -> str | None:
    """Say in a sentence why descriptors do not pass over streams here, or None; by doing."""
    global _works
    if _works:
        return None
    if systems.running().streams is None:
        return systems.running().lack("streams")
    for name in ("isastream", "fattach", "pipe"):
        if not streams.offers(name):
            return f"this C library has no {name}()"
    try:
        one, other = streams.open_ends()
        if not streams.is_stream(one):
            os.close(one)
            os.close(other)
            return "the ends of a pipe are no streams here"
        ends = Endpoint(one), Endpoint(other)
        try:
            _works = unix.passes(*ends)
        finally:
            for end in ends:
                end.close()
    except OSError as error:
        if error.errno in {errno.EMFILE, errno.ENFILE}:
            raise
        return f"passing a descriptor over a fresh pipe failed: {error}"
    return None if _works else "a descriptor sent over a fresh pipe did not arrive"
