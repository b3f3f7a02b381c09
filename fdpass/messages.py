"""MessageSocket: the user's own bytes and descriptors over a Unix socket of any type.

    send(data, fds) ──► [ the system ] ──► recv() ──► data, fds, credentials

Datagrams and sequenced packets keep their records. A stream does not: it joins what is sent, and
how the bytes are parted is the user's matter (recv_exactly, recv_until). Descriptors that come with
a stream's bytes wait inside, in their order, until somebody takes them.

    bytes         1 2 h e l l o ...   ──► recv_exactly(2), recv_exactly(5)
    descriptors   3   4               ──► waiting == 2, take(), take()

A full descriptor table loses nothing, see :mod:`fdpass.arrivals`.

Threads: any number may send, one may receive. Processes: one may use an end.
"""

from __future__ import annotations

import socket
import threading
from collections import deque, namedtuple
from contextlib import contextmanager

from . import survival as _survival
from .arrivals import Arrivals
from .backends import bsd44, unix_sockets
from .departures import Departures
from .errors import (
    DescriptorsLost,
    NotAPasser,
    PasserBusy,
    PasserClosed,
    PeerClosed,
    PeerReset,
    TableFull,
)
from .lifetime import Owner, renewed_after_fork
from .patience import Patience
from .table import RESERVE, close_all

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from .arrivals import Arrival
    from .credentials import Credentials
    from .table import HasFileno

_AT_ONCE = 1 << 16  # bytes of a stream
# Slots to keep in reserve. Where a peek works one, so that something gets on in a full table; else
# for as many as Linux carries in a message, and never more than a quarter: on macOS there are 256.
_MOST_SLOTS = 253


class Message(namedtuple("Message", ["data", "fds", "credentials"])):
    """What came: bytes, descriptors that the caller owns, and who sent it, if that came too."""

    __slots__ = ()
    data: bytes
    fds: list[int]
    credentials: Credentials | None


class MessageSocket(Owner):
    """A Unix socket for bytes and descriptors, of whatever type: stream, records, datagrams.

    Takes *channel* over. *survival* is "peek", "reserve" or "auto", see :mod:`fdpass.survival`. A
    reserve holds a quarter of the table, 253 slots at most; what is larger may lose descriptors.
    Credentials come where the socket has SO_PASSCRED.

    Raises:
        ValueError: it is no Unix socket, or it listens; the caller keeps it, open.
        OSError: this system has no such messages, or not that way to survive.

    """

    def __init__(self, channel: int | socket.socket, *, survival: str = "auto") -> None:
        if reason := bsd44.missing():
            raise OSError(reason)
        self.survival = _survival.choose(bsd44, survival).NAME
        fd = channel if isinstance(channel, int) else channel.fileno()
        sock = unix_sockets.adopt_socket(fd, any_type=True)
        if not isinstance(channel, int):
            channel.detach()
        self._end = unix_sockets.SocketEndpoint(sock)
        self._is_stream = sock.type == socket.SOCK_STREAM
        self._departures = Departures(self._end, sock)
        self._arrivals = Arrivals(sock, self.survival)
        self._lock = threading.Lock()  # held in a system call, under which nobody is to close
        self._reader = threading.Lock()
        self._buffer = bytearray()  # of a stream: come, and not given yet
        self._waiting: deque[int] = deque()
        self._credentials: Credentials | None = None
        self._closed = False
        self._slots = 1 if self.survival == "peek" else _slots()
        RESERVE.want(self._slots)
        renewed_after_fork(self)

    # -- what it is

    def fileno(self) -> int:
        """Give the descriptor, which the socket owns; poll when nothing is :attr:`buffered`."""
        self._check_open()
        return self._end.fileno()

    @property
    def buffered(self) -> int:
        """How many bytes of a stream have come and not been given; no poll tells of them."""
        return len(self._buffer)

    @property
    def waiting(self) -> int:
        """How many descriptors have come with a stream's bytes and not been taken."""
        return len(self._waiting)

    def __repr__(self) -> str:
        if self._closed:
            return "<fdpass.MessageSocket, closed>"
        load = f"{len(self._buffer)} bytes buffered, {len(self._waiting)} descriptors waiting"
        return f"<fdpass.MessageSocket on descriptor {self._end.fileno()}, {self.survival}: {load}>"

    def _check_open(self) -> None:
        if self._closed:
            raise PasserClosed("this socket has been closed")

    # -- sending

    def send(
        self,
        data: bytes,
        fds: Iterable[int | HasFileno] = (),
        *,
        close: bool = False,
        timeout: float | None = None,
        to: str | bytes | None = None,
    ) -> None:
        """Send one message, waiting until the system has all of it, or *timeout* seconds.

        Borrows the descriptors; with *close* takes them over once they have gone. On a stream they
        go with the first byte. *to* is where a datagram goes, if not to the peer.

        Raises:
            TimeoutError: nothing has gone; or so much of a stream's message as the error says, and
                then its descriptors too, and nothing more can be sent.
            ValueError: descriptors without a byte on a stream, which Linux would drop.
            OSError: the system refused; unless the message says otherwise nothing has gone.

        """
        self._check_open()
        address = () if to is None else (to,)
        try:
            self._departures.send(data, list(fds), close=close, to=address, timeout=timeout)
        except (OSError, ValueError):
            self._check_open()  # by now: another thread may have closed it
            raise

    # -- receiving

    def recv(self, size: int = _AT_ONCE, timeout: float | None = None) -> Message:
        """Receive one message, or of a stream what is there; at most *size* bytes of either.

        The caller owns the descriptors; they are close-on-exec. A stream's message has all that
        are :attr:`waiting`. An empty record just before the end of a sequence passes for the end.

        Raises:
            TimeoutError: nothing has arrived, or nothing found free slots; nothing is lost.
            TableFull: likewise, from a *timeout* of 0, if it waits for free slots.
            PeerClosed, PeerReset: nothing more will arrive.
            DescriptorsLost: the system cut some off; ``data`` has a record's bytes, and a stream's
                are received next.
            OSError: EMSGSIZE, the record is larger than *size*; receive it with more.
            PasserBusy: another thread is receiving.

        """
        if size < 1:
            raise ValueError(f"expected room for at least 1 byte, received {size}")
        with self._receiving():
            patience = Patience(timeout)
            if not self._is_stream:
                return Message(*self._take(size, patience, "nothing has arrived")[:3])
            while not self._buffer:
                self._fill(patience, "nothing has arrived")
            data = self._cut_off(min(size, len(self._buffer)))
            fds = list(self._waiting)
            self._waiting.clear()
            return Message(data, fds, self._credentials)

    def recv_exactly(self, count: int, timeout: float | None = None) -> bytes:
        """Receive *count* bytes of a stream; descriptors that come with them are :attr:`waiting`.

        Raises:
            TimeoutError: not all have arrived; those that have wait for the next call.
            others as :meth:`recv`.

        """
        self._check_stream()
        if count < 0:
            raise ValueError(f"expected a count of at least 0 bytes, received {count}")
        with self._receiving():
            patience = Patience(timeout)
            while len(self._buffer) < count:
                self._fill(patience, f"{len(self._buffer)} of {count} bytes have arrived")
            return self._cut_off(count)

    def recv_until(self, end: bytes, most: int = _AT_ONCE, timeout: float | None = None) -> bytes:
        """Receive a stream's bytes up to and with *end*, at most *most*.

        Raises:
            NotAPasser: there is no *end* within *most* bytes; they wait for the next call.
            others as :meth:`recv_exactly`.

        """
        self._check_stream()
        if not end:
            raise ValueError("expected at least 1 byte to end with, received none")
        with self._receiving():
            patience = Patience(timeout)
            looked = 0
            while (found := self._buffer.find(end, looked, most)) < 0:
                here = len(self._buffer)
                if here >= most:
                    raise NotAPasser(
                        f"expected {end!r} within {most} bytes, received {here} without"
                    )
                looked = max(0, here - len(end) + 1)
                self._fill(patience, f"{here} bytes have arrived, and no {end!r}")
            return self._cut_off(found + len(end))

    def take(self, count: int = 1) -> list[int]:
        """Take *count* of the descriptors that are :attr:`waiting`; the caller owns them.

        Raises:
            DescriptorsLost: fewer have come than are due; those that have wait.

        """
        self._check_open()
        came = len(self._waiting)
        if came < count:
            raise DescriptorsLost(f"expected {count} descriptors, received {came}", count - came)
        return [self._waiting.popleft() for _ in range(count)]

    def _cut_off(self, count: int) -> bytes:
        data = bytes(self._buffer[:count])
        del self._buffer[:count]
        return data

    def _check_stream(self) -> None:
        if not self._is_stream:
            raise ValueError("this socket keeps records; only a stream is parted by the receiver")

    @contextmanager
    def _receiving(self) -> Iterator[None]:
        self._check_open()
        if not self._reader.acquire(blocking=False):
            raise PasserBusy("another thread is receiving on this socket; only one may")
        try:
            yield
        finally:
            self._reader.release()

    def _fill(self, patience: Patience, so_far: str) -> None:
        """Wait for the next piece of a stream and put it with what is here."""
        try:
            came = self._take(_AT_ONCE, patience, so_far)
        except DescriptorsLost as error:
            self._buffer += error.data
            self._credentials = None
            raise
        mixed = self._buffer and came.credentials != self._credentials
        self._credentials = None if mixed else came.credentials
        self._buffer += came.data
        self._waiting += came.fds

    def _take(self, size: int, patience: Patience, so_far: str) -> Arrival:
        while True:
            full = None
            try:
                with self._lock:
                    self._check_open()
                    return self._arrivals.take(size)
            except TableFull as error:
                full = error
            except BlockingIOError:
                pass
            except PeerClosed as error:
                raise PeerClosed(f"{error}: {so_far}") from None
            except ConnectionResetError as error:
                raise PeerReset(error.errno, f"the peer is gone: {so_far}") from error
            if patience.over():
                if full and patience.at_once:
                    raise full
                raise TimeoutError(full.strerror if full else so_far)
            if full:
                patience.pause()
                continue
            try:
                self._end.wait(read=True, write=False, timeout=patience.left())
            except (OSError, ValueError):
                self._check_open()  # by now: another thread may have closed it
                raise

    # -- the end

    def close(self) -> None:
        """Close this end, and the descriptors that nobody has taken."""
        if self._closed:
            return
        self._closed = True
        with self._departures.lock, self._lock:
            close_all(self._waiting)
            self._waiting.clear()
            self._end.close()
        RESERVE.release(self._slots)

    def _renew_locks(self) -> None:
        # The old ones may be held by threads that the child of a fork has not.
        self._departures.renew_locks()
        self._lock = threading.Lock()
        self._reader = threading.Lock()


def _slots() -> int:
    """Give how many slots to keep in reserve."""
    import resource

    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    return max(1, _MOST_SLOTS if limit < 0 else min(_MOST_SLOTS, limit // 4))
