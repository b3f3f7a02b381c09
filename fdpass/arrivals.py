"""What arrives on a Unix socket of any type, piece by piece, when no byte tells of descriptors.

The user's own bytes announce nothing, so only the system can tell that some are missing: with
MSG_CTRUNC (Linux) or with an error (the BSDs). Where it tells nothing (gVisor) nobody can know.
The two ways are those of :mod:`fdpass.survival`: *peek* takes only what a look has shown whole,
*reserve* frees slots for the moment of receiving.

A peek that plain bytes fill exactly also shows the descriptors of the next message (Linux,
unix_stream_read_generic); they would be given with it, and again with their own. So a peek of a
stream has room to spare.
"""

from __future__ import annotations

import errno
import fcntl
import os
import select
import socket
import struct
from collections import namedtuple

from .backends import unix
from .backends.scm_rights import (
    CTRUNC,
    DONTWAIT,
    PEEKING,
    RECEIVING,
    ROOM,
    SOL_SOCKET,
    descriptors,
    messages,
    probe,
)
from .credentials import Credentials
from .errors import DescriptorsLost, PeerClosed, TableFull
from .table import RESERVE, close_all

try:
    import termios
except ImportError:  # Python may be built without
    _FIONREAD = 0
else:
    _FIONREAD = int(getattr(termios, "FIONREAD", 0))

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .backends.scm_rights import Control

_MOST_BYTES = 1 << 20  # where a peek of a stream does not get wider any more
_TRUNC = int(getattr(socket, "MSG_TRUNC", 0))
_NO_SLOT = frozenset({errno.EMFILE, errno.ENFILE})
_HUNG_UP = select.POLLHUP | int(getattr(select, "POLLRDHUP", 0))
_CREDENTIALS = int(getattr(socket, "SCM_CREDENTIALS", -1))
_INT = struct.Struct("i")
_UCRED = struct.Struct("iII")  # pid, uid, gid: unix(7)


class Arrival(namedtuple("Arrival", ["data", "fds", "credentials", "cut", "short"])):
    """One piece: a record, or of a stream what was there."""

    __slots__ = ()
    data: bytes
    fds: list[int]
    credentials: Credentials | None
    cut: bool  # descriptors are missing
    short: bool  # bytes of the record are missing


class Arrivals:
    """Takes what has arrived; never waits, keeps nothing, and borrows the socket."""

    def __init__(self, sock: socket.socket, survival: str) -> None:
        self._sock = sock
        self._recvmsg = messages(sock)[1]
        self._cloexec_by_hand = not probe()["cloexec"]
        self._looks_first = survival == "peek"
        self._kind = sock.type

    def take(self, size: int) -> Arrival:
        """Take one record of at most *size* bytes, or of a stream what is there, maybe more.

        The caller owns the descriptors, which are close-on-exec.

        Raises:
            BlockingIOError: nothing has arrived.
            TableFull: something has, and there are not slots enough; it waits in the channel.
            DescriptorsLost: the system cut some off; those that came are closed, and ``data`` has
                the bytes.
            PeerClosed: the peer closed its end.
            OSError: EMSGSIZE, the record is larger; unless the message says otherwise it waits.

        """
        came = self._look_and_take(size) if self._looks_first else self._take_with_reserve(size)
        if not came.data and not came.fds and self._is_at_end():
            raise PeerClosed("the peer closed its end")
        return came

    def _look_and_take(self, size: int) -> Arrival:
        while True:
            seen = self._look(size)
            if self._kind == socket.SOCK_STREAM and seen.fds and len(seen.data) >= size:
                close_all(seen.fds)
                if size >= _MOST_BYTES:
                    return self._receive_whole(size)
                size = min(size * 4, _MOST_BYTES)
                continue
            if seen.short:
                close_all(seen.fds)
                raise OSError(errno.EMSGSIZE, f"expected at most {size} bytes, {self._due(size)}")
            try:
                self._discard(len(seen.data))
            except BaseException:
                close_all(seen.fds)
                raise
            if RESERVE.is_short:
                RESERVE.occupy()
            return seen

    def _look(self, size: int) -> Arrival:
        while True:
            came = 0
            try:
                seen = self._receive(size, PEEKING)
                if not seen.cut:
                    return seen
                came = len(seen.fds)
                close_all(seen.fds)
            except OSError as error:
                # Some systems refuse a look, too, when there is no slot; nothing is taken then.
                if error.errno not in _NO_SLOT:
                    raise
            if not RESERVE.free():
                raise TableFull(
                    errno.EMFILE, f"descriptors wait in the channel, and there is room for {came}"
                )

    def _take_with_reserve(self, size: int) -> Arrival:
        with RESERVE.lock:
            if not unix.wait(self._sock.fileno(), read=True, write=False, timeout=0):
                raise BlockingIOError(errno.EAGAIN, "nothing has arrived")
            if not RESERVE.occupy():
                raise TableFull(errno.EMFILE, "no slots to receive into can be kept free")
            RESERVE.free()
            try:
                came = self._receive_whole(size)
            except OSError as error:
                if isinstance(error, (BlockingIOError, ConnectionError, DescriptorsLost)):
                    raise
                # EMSGSIZE on NetBSD, OpenBSD and macOS, EMFILE on FreeBSD and illumos.
                raise DescriptorsLost(f"the system dropped what had arrived: {error}") from error
            finally:
                RESERVE.occupy()
        if came.short:
            close_all(came.fds)
            raise OSError(
                errno.EMSGSIZE,
                f"expected at most {size} bytes, received more; the record is lost, and "
                f"{len(came.fds)} descriptors with it are closed",
            )
        return came

    def _receive_whole(self, size: int) -> Arrival:
        came = self._receive(size, RECEIVING)
        if came.cut:
            close_all(came.fds)
            raise DescriptorsLost(
                f"the system cut descriptors off (MSG_CTRUNC); {len(came.fds)} came and are closed",
                None,
                came.data,
            )
        return came

    def _receive(self, size: int, flags: int) -> Arrival:
        data, control, got, _ = self._recvmsg(size, ROOM, flags)
        fds = descriptors(control)
        if self._cloexec_by_hand:
            for fd in fds:
                os.set_inheritable(fd, False)
        return Arrival(data, fds, _credentials(control), bool(got & CTRUNC), bool(got & _TRUNC))

    def _discard(self, count: int) -> None:
        """Take out what a look has shown: so many bytes of a stream, or a record."""
        while True:
            try:
                taken = len(self._sock.recv(count or 1, DONTWAIT))
            except BlockingIOError:  # something is there, so it can only be spurious
                unix.wait(self._sock.fileno(), read=True, write=False, timeout=0.1)
                continue
            count -= taken
            if count <= 0 or self._kind != socket.SOCK_STREAM:
                return
            if not taken:
                raise ConnectionResetError(errno.ECONNRESET, "the channel ended under a peek")

    def _due(self, size: int) -> str:
        """Say how large the record is that waits; Linux tells (recv(2), MSG_TRUNC)."""
        true = self._sock.recv_into(bytearray(1), 1, DONTWAIT | socket.MSG_PEEK | _TRUNC)
        return f"and a record of {true if true > size else 'more'} waits"

    def _is_at_end(self) -> bool:
        """Tell whether an empty piece is the end; in datagrams it never is.

        An empty record of a sequence looks like the end (Linux): while the peer is there, and while
        bytes wait behind it, it is one.
        """
        if self._kind != socket.SOCK_SEQPACKET:
            return self._kind == socket.SOCK_STREAM
        poll = select.poll()
        poll.register(self._sock, _HUNG_UP)
        if not poll.poll(0):
            return False
        try:
            return not self._sock.recv(1, DONTWAIT | socket.MSG_PEEK)
        except (BlockingIOError, ConnectionError):
            return False
        except OSError:  # a look is refused here, but the bytes that wait can be counted
            if not _FIONREAD:
                return True
            waiting = fcntl.ioctl(self._sock, _FIONREAD, bytes(_INT.size))
            return not _INT.unpack(waiting)[0]


def _credentials(control: Control) -> Credentials | None:
    for level, kind, data in control:
        if level == SOL_SOCKET and kind == _CREDENTIALS and len(data) >= _UCRED.size:
            pid, uid, gid = _UCRED.unpack_from(data)
            return Credentials(pid or None, uid, gid)  # 0: it lives in a namespace we do not see
    return None
