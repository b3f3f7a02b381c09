"""BSD4.4: ``sendmsg``/``recvmsg`` on Unix sockets, descriptors in SCM_RIGHTS control messages.

Knows the socket calls and what comes out of them. Never waits by itself, keeps no state of a
stream, and never decides what a loss means: that is :mod:`fdpass.survival` and the passer.

Source: RFC 3542 section 20 (the macros), recvmsg(2), unix(7).
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
from functools import partial
from time import monotonic, sleep

from ..errors import DescriptorsLost
from ..table import close_all

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from typing import TypeVar

    from _typeshed import ReadableBuffer

    T = TypeVar("T")
    Control = list[tuple[int, int, bytes]]

NAME = "bsd44"


def _constant(name: str, absent: int = 0) -> int:
    # A plain int: the flags of enum are slow to combine.
    return int(getattr(socket, name, absent))


_SOL_SOCKET = _constant("SOL_SOCKET", -1)
_SCM_RIGHTS = _constant("SCM_RIGHTS", -1)
_DONTWAIT = _constant("MSG_DONTWAIT")
_NOSIGNAL = _constant("MSG_NOSIGNAL")
_CLOEXEC = _constant("MSG_CMSG_CLOEXEC")
_PEEK = _constant("MSG_PEEK")
_CTRUNC = _constant("MSG_CTRUNC")

_SENDING = _DONTWAIT | _NOSIGNAL
_RECEIVING = _DONTWAIT | _CLOEXEC
_PEEKING = _RECEIVING | _PEEK
_INT = array("i").itemsize

# No system is known to take more in one message: 253 on Linux, 254 on FreeBSD and macOS, 1020
# computed for NetBSD. Always leaving room for all of them matters on macOS, which installs
# descriptors that did not fit and does not tell their numbers (CPython issue 80931).
MOST_PER_MESSAGE = 1024
# Credentials may stand in the same buffer, before the descriptors.
_CREDENTIALS = 256
_PROBE_WITHIN = 2.0  # seconds
_ALONE_WITHIN = 1.0

# What sendmsg says when the system must recover first. OpenBSD reports too many descriptors in
# flight as EMFILE, though sending needs no slot (uipc_usrreq.c, unp_internalize).
TRY_LATER = frozenset({errno.EAGAIN, errno.EWOULDBLOCK, errno.ENOBUFS, errno.EMFILE}) | frozenset(
    getattr(errno, name) for name in ("ETOOMANYREFS",) if hasattr(errno, name)
)
# What it says to more descriptors than one message carries: EINVAL on Linux, EMSGSIZE on
# FreeBSD, E2BIG on DragonFly and OpenBSD; musl's own copy ends in ENOMEM.
TOO_MANY = frozenset({errno.EINVAL, errno.EMSGSIZE, errno.E2BIG, errno.ENOMEM})


def descriptors(control: Control) -> list[int]:
    """Give every descriptor in the control messages, in order; whole ints only.

    A negative number stands for one that the system refused to hand out (Linux 7.3,
    SO_RIGHTS_NOTRUNC): it is no descriptor, and left out.
    """
    found = array("i")
    for level, kind, data in control:
        if kind == _SCM_RIGHTS and level == _SOL_SOCKET:
            found.frombytes(data[: len(data) - len(data) % _INT] if len(data) % _INT else data)
            # Looked for as a byte first, which every negative int has.
            if b"\xff" in data and min(found, default=0) < 0:
                found = array("i", [fd for fd in found if fd >= 0])
    return found.tolist()


class Endpoint:
    """One end of a connected Unix stream socket; owns it."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self._sendmsg, self._recvmsg, self._recv = sock.sendmsg, sock.recvmsg, sock.recv
        self._cloexec_by_hand = not _probe()["cloexec"]
        self._room = socket.CMSG_SPACE(MOST_PER_MESSAGE * _INT) + _CREDENTIALS
        if not _DONTWAIT:
            sock.setblocking(False)
        elif sock.gettimeout():  # socket.setdefaulttimeout(): Python itself would wait
            sock.setblocking(True)

    def fileno(self) -> int:
        return self._sock.fileno()

    def send(self, data: bytes, fds: Sequence[int]) -> int:
        control = [(_SOL_SOCKET, _SCM_RIGHTS, array("i", fds))] if fds else []
        return self._sendmsg((data,), control, _SENDING)

    def receive(self, size: int, flags: int = _RECEIVING) -> tuple[bytes, list[int], bool]:
        data, control, got, _ = self._recvmsg(size, self._room, flags)
        fds = descriptors(control)
        if self._cloexec_by_hand:
            for fd in fds:
                os.set_inheritable(fd, False)
        return data, fds, bool(got & _CTRUNC)

    def peek(self, size: int) -> tuple[bytes, list[int], bool]:
        return self.receive(size, _PEEKING)

    def discard(self, count: int) -> None:
        # A peek has shown these bytes, so "would block" can only be spurious; a short read
        # leaves plain bytes, whose descriptors went with the first one.
        while count:
            try:
                taken = len(self._recv(count, _DONTWAIT))
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
        sock.connect(path)
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


def send_fds(
    sock: socket.socket,
    buffers: Iterable[ReadableBuffer],
    fds: Iterable[int],
    flags: int = 0,
    address: str | None = None,
) -> int:
    """Send bytes and descriptors in one message over any Unix socket; give the bytes taken.

    As ``socket.send_fds``, but *flags* and *address* are honoured, and descriptors without a byte
    to go with are refused. The descriptors go with the first byte: after a short write, send the
    rest without them.

    Raises:
        ValueError: there are descriptors and no byte; Linux would drop them without a word.

    """
    data = [memoryview(buffer).cast("B") for buffer in buffers]
    control = [(_SOL_SOCKET, _SCM_RIGHTS, array("i", fds))]
    if not control[0][2]:
        control = []
    elif not any(map(len, data)):
        raise ValueError("expected at least 1 byte to go with the descriptors, received none")
    if address is None:
        return sock.sendmsg(data, control, flags | _NOSIGNAL)
    return sock.sendmsg(data, control, flags | _NOSIGNAL, address)


def recv_fds(
    sock: socket.socket, bufsize: int, maxfds: int, flags: int = 0
) -> tuple[bytes, list[int], int, object]:
    """Receive one message: bytes, descriptors the caller owns, flags, address.

    As ``socket.recv_fds``, but *flags* are honoured, every descriptor is close-on-exec, and a
    descriptor that came and cannot be given is closed and reported.

    Raises:
        DescriptorsLost: more than *maxfds* came, or the system cut some off; all that came are
            closed, and ``data`` of the error has the bytes.
        ValueError: MSG_PEEK, which makes numbers that are no descriptors on many systems.

    """
    if flags & _PEEK and not peek_works():
        raise ValueError("MSG_PEEK gives numbers that are no descriptors on this system")
    room = socket.CMSG_SPACE(MOST_PER_MESSAGE * _INT) + _CREDENTIALS
    data, control, got, address = sock.recvmsg(bufsize, room, flags | _CLOEXEC)
    fds = descriptors(control)
    if got & _CTRUNC or len(fds) > maxfds:
        close_all(fds)
        cut = bool(got & _CTRUNC)
        more = " and more that the system cut off (MSG_CTRUNC)" if cut else ""
        raise DescriptorsLost(
            f"expected at most {maxfds} descriptors, received {len(fds)}{more}; all are closed",
            None if cut else len(fds),
            data,
        )
    if not _probe()["cloexec"]:
        for fd in fds:
            os.set_inheritable(fd, False)
    return data, fds, got, address


_found: dict[str, bool] = {}


def _probe() -> dict[str, bool]:
    """Pass the ends of a pipe over a fresh channel, once in a process, and look what comes out.

    Whether *something* arrives decides that the interface is there; whether it is the right thing
    is for the conformance suite to say. Two messages go, so that a system that mixes up their
    order is still found to have the interface.

    Raises:
        OSError: the descriptor table is too full to try; nothing is concluded.

    """
    if not _found.get("works"):
        _found.update(_try_all())
    return _found


def _try_all() -> dict[str, bool]:
    pipe = os.pipe()
    try:
        one, other = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        with one, other:
            room = socket.CMSG_SPACE(4 * _INT) + _CREDENTIALS
            _find_slots_for(pipe)

            def receive(flags: int) -> list[int]:
                return descriptors(_insist(partial(other.recvmsg, 1, room, flags | _RECEIVING))[1])

            for fd in pipe:
                rights = [(_SOL_SOCKET, _SCM_RIGHTS, array("i", [fd]))]
                _insist(partial(one.sendmsg, (b"\0",), rights, _SENDING))
            # NetBSD and FreeBSD show kernel pointers here, macOS zeros: never close a number
            # that has not been seen to be one of the two.
            ours = {*pipe, one.fileno(), other.fileno()}
            peeked = [fd for fd in receive(_PEEK) if fd not in ours and _is_one_of(pipe, fd)]
            close_all(peeked)
            got = [fd for _ in pipe for fd in receive(0)]
            works = len(got) == len(pipe)
            cloexec = works and not any(map(os.get_inheritable, got))
            close_all(got)
            return {"works": works, "cloexec": cloexec, "peek": works and len(peeked) == 1}
    finally:
        close_all(pipe)


def _find_slots_for(fds: Iterable[int]) -> None:
    """Make sure of free slots: without them a loss would say nothing of the system."""
    taken: list[int] = []
    try:
        for fd in fds:
            taken.append(os.dup(fd))  # noqa: PERF401  what was taken must be known
    finally:
        close_all(taken)


def _insist(call: Callable[[], T]) -> T:
    """Make a call that has every reason to succeed at once, although it says "would block"."""
    deadline = monotonic() + _PROBE_WITHIN
    while True:
        try:
            return call()
        except BlockingIOError:
            if monotonic() >= deadline:
                raise


def _is_one_of(pipe: tuple[int, int], fd: int) -> bool:
    try:
        found = os.fstat(fd)
    except OSError:
        return False
    return any(os.path.samestat(found, os.fstat(end)) for end in pipe)


def peek_works() -> bool:
    """Tell whether MSG_PEEK gives real descriptors here and leaves the message, by doing."""
    return _probe()["peek"]


def missing() -> str | None:
    """Say in a sentence why SCM_RIGHTS does not work here, or None; by doing."""
    for name in ("AF_UNIX", "SCM_RIGHTS", "CMSG_SPACE"):
        if not hasattr(socket, name):
            return f"this Python was built without socket.{name}"
    if not hasattr(socket.socket, "sendmsg"):
        return "this Python was built without socket.sendmsg"
    try:
        return None if _probe()["works"] else "a descriptor sent over a fresh pair did not arrive"
    except OSError as error:
        if error.errno in {errno.EMFILE, errno.ENFILE}:
            raise
        return f"passing a descriptor over a fresh pair failed: {error}"
