"""SCM_RIGHTS: descriptors in the control messages of ``sendmsg`` and ``recvmsg``.

Knows what such a message looks like, and finds out what the running system makes of one. Two
functions are for everybody: :func:`send_fds` and :func:`recv_fds`, over any Unix socket.

Source: RFC 3542 section 20 (the macros), recvmsg(2), unix(7).
"""

from __future__ import annotations

import errno
import os
import socket
import sys
from array import array
from contextlib import suppress
from functools import partial
from time import monotonic

from ..errors import DescriptorsLost
from ..table import close_all
from . import native
from .unix import find_slots_for

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import TypeVar

    from _typeshed import ReadableBuffer

    T = TypeVar("T")
    Control = list[tuple[int, int, bytes]]
    Received = tuple[bytes, Control, int, object]


# CPython for illumos and Solaris before 3.16, and for Cygwin, has none (CPython issue 154271).
_PYTHONS_OWN = hasattr(socket.socket, "sendmsg") and hasattr(socket, "CMSG_SPACE")


def _constant(name: str, absent: int = 0) -> int:
    # A plain int: the flags of enum are slow to combine.
    if not _PYTHONS_OWN and native.missing() is None:
        return native.constant(name)
    return int(getattr(socket, name, absent))


def _space(size: int) -> int:
    # CMSG_SPACE, never CMSG_LEN: with less than the padding FreeBSD and NetBSD drop the last one.
    if _PYTHONS_OWN:
        return socket.CMSG_SPACE(size)
    return native.cmsg_space(size) if native.missing() is None else 0


def messages(sock: socket.socket) -> tuple[Callable[..., int], Callable[..., Received]]:
    """Give sendmsg and recvmsg of *sock*: Python's own, or where it has none, by ctypes."""
    if _PYTHONS_OWN:
        return sock.sendmsg, sock.recvmsg
    fd = sock.fileno()
    return partial(native.sendmsg, fd), partial(native.recvmsg, fd)


def missing() -> str | None:
    """Say in a sentence why there are no such messages here, or None."""
    for name in ("AF_UNIX", "socketpair"):
        if not hasattr(socket, name):
            return f"this Python was built without socket.{name}"
    if _PYTHONS_OWN:
        return None if SCM_RIGHTS >= 0 else "this Python was built without socket.SCM_RIGHTS"
    reason = native.missing()
    return f"this Python was built without socket.sendmsg, and {reason}" if reason else None


SOL_SOCKET = _constant("SOL_SOCKET", -1)
SCM_RIGHTS = _constant("SCM_RIGHTS", -1)
DONTWAIT = _constant("MSG_DONTWAIT")
_NOSIGNAL = _constant("MSG_NOSIGNAL")
_CLOEXEC = _constant("MSG_CMSG_CLOEXEC")
_PEEK = _constant("MSG_PEEK")
CTRUNC = _constant("MSG_CTRUNC")

SENDING = DONTWAIT | _NOSIGNAL
RECEIVING = DONTWAIT | _CLOEXEC
PEEKING = RECEIVING | _PEEK
# A descriptor of the sender's process, which comes where SO_PASSPIDFD is set (linux/socket.h).
_PIDFD = 4 if sys.platform == "linux" else -1
_INT = array("i").itemsize

# No system is known to take more in one message: 253 on Linux, 254 on FreeBSD and macOS, 1020
# computed for NetBSD. Always leaving room for all of them matters on macOS, which installs
# descriptors that did not fit and does not tell their numbers (CPython issue 80931).
MOST_PER_MESSAGE = 1024
# Credentials may stand in the same buffer, before the descriptors.
_CREDENTIALS = 256
ROOM = _space(MOST_PER_MESSAGE * _INT) + _CREDENTIALS
"""Bytes of control buffer to receive with, whatever may come."""
_PROBE_WITHIN = 2.0  # seconds

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
    SO_RIGHTS_NOTRUNC): it is no descriptor, and left out. A descriptor of the sender's process
    that came beside them is closed: nobody has sent it.
    """
    found: list[int] = []
    for level, kind, data in control:
        if kind == SCM_RIGHTS and level == SOL_SOCKET:
            fds = _numbers(data)
            found = found + fds if found else fds
        elif kind == _PIDFD and level == SOL_SOCKET:
            close_all(_numbers(data))
    return found


def _numbers(data: bytes) -> list[int]:
    odd = len(data) % _INT
    fds = array("i", data[:-odd] if odd else data).tolist()
    if b"\xff" in data:  # as in every small negative int; looked for first, being cheap
        fds = [fd for fd in fds if fd >= 0]
    return fds


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
    control = [(SOL_SOCKET, SCM_RIGHTS, array("i", fds))]
    if not control[0][2]:
        control = []
    elif not any(map(len, data)):
        raise ValueError("expected at least 1 byte to go with the descriptors, received none")
    sendmsg, _ = messages(sock)
    if address is None:
        return sendmsg(data, control, flags | _NOSIGNAL)
    return sendmsg(data, control, flags | _NOSIGNAL, address)


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
    data, control, got, address = messages(sock)[1](bufsize, ROOM, flags | _CLOEXEC)
    fds = descriptors(control)
    if got & CTRUNC or len(fds) > maxfds:
        close_all(fds)
        cut = bool(got & CTRUNC)
        more = " and more that the system cut off (MSG_CTRUNC)" if cut else ""
        raise DescriptorsLost(
            f"expected at most {maxfds} descriptors, received {len(fds)}{more}; all are closed",
            None if cut else len(fds),
            data,
        )
    if fds and os.get_inheritable(fds[0]):  # there is no such flag here, or it has no effect
        for fd in fds:
            os.set_inheritable(fd, False)
    return data, fds, got, address


_found: dict[str, bool] = {}


def probe() -> dict[str, bool]:
    """Pass the ends of a pipe over a fresh channel, once in a process, and look what comes out.

    Whether *something* arrives decides that the interface is there; whether it is the right thing
    is for the conformance suite to say. Two messages go, and one has to come, so that a system that
    mixes up their order is still found to have the interface.

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
            find_slots_for(pipe)
            sendmsg, recvmsg = messages(one)[0], messages(other)[1]

            def receive(flags: int) -> list[int]:
                return descriptors(_insist(partial(recvmsg, 1, ROOM, flags | RECEIVING))[1])

            for fd in pipe:
                rights = [(SOL_SOCKET, SCM_RIGHTS, array("i", [fd]))]
                _insist(partial(sendmsg, (b"\0",), rights, SENDING))
            # NetBSD and FreeBSD show kernel pointers here, macOS zeros: never close a number
            # that has not been seen to be one of the two.
            ours = {*pipe, one.fileno(), other.fileno()}
            shown = _look(partial(receive, _PEEK))
            peeked = [fd for fd in shown if fd not in ours and _is_one_of(pipe, fd)]
            close_all(peeked)
            got = receive(0)
            with suppress(BlockingIOError):  # one is enough; nobody is to wait for the other
                got += descriptors(recvmsg(1, ROOM, RECEIVING)[1])
            works = bool(got)
            cloexec = works and not any(map(os.get_inheritable, got))
            close_all(got)
            return {"works": works, "cloexec": cloexec, "peek": works and len(peeked) == 1}
    finally:
        close_all(pipe)


def _look(peek: Callable[[], list[int]]) -> list[int]:
    """Look; a system that refuses to, with whatever error, shows nothing."""
    try:
        return peek()
    except OSError as error:
        if error.errno in {errno.EMFILE, errno.ENFILE}:  # it may be another time
            raise
        return []


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
    return probe()["peek"]
