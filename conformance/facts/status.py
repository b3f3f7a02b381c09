"""What a received descriptor has of the sent one: flags, offset, number."""

from __future__ import annotations

import os
import socket
from typing import NamedTuple

from .fact import fact
from .sockets import Message, Token, connected, fcntl, listening, pair, receive, send

_OFD = "POSIX.1-2008 XSH fcntl(): flags of the open file description"
_DUP = "unix(7), SCM_RIGHTS: as if by dup(2)"
_CLOEXEC = "recv(2), MSG_CMSG_CLOEXEC"


class _Passed(NamedTuple):
    sent: int
    received: int


def _nonblocking(fd: int) -> bool:
    return bool(fcntl.fcntl(fd, fcntl.F_GETFL) & os.O_NONBLOCK)


def _passed(fd: int) -> _Passed:
    first, second = pair()
    send(first, b"x", [fd])
    (received,) = receive(second).fds
    return _Passed(fd, received)


@fact("status.nonblock-kept", _OFD)
def nonblock_kept() -> bool:
    """Whether a descriptor arrives with the O_NONBLOCK it was sent with, set or not."""
    waiting, other = Token().writing, Token().writing
    os.set_blocking(other, False)
    return not _nonblocking(_passed(waiting).received) and _nonblocking(_passed(other).received)


@fact("status.nonblock-shared", _OFD)
def nonblock_shared() -> bool:
    """Whether O_NONBLOCK set on one of the two later is set on the other as well."""
    passed = _passed(Token().writing)
    os.set_blocking(passed.received, False)
    one = _nonblocking(passed.sent)
    os.set_blocking(passed.sent, True)
    return one and not _nonblocking(passed.received)


@fact("status.append-kept", _OFD)
def append_kept() -> bool:
    """Whether O_APPEND arrives."""
    fd = os.open("file", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    return bool(fcntl.fcntl(_passed(fd).received, fcntl.F_GETFL) & os.O_APPEND)


@fact("status.offset-shared", _OFD)
def offset_shared() -> bool:
    """Whether the two share one file offset."""
    passed = _passed(os.open("file", os.O_RDWR | os.O_CREAT))
    os.lseek(passed.sent, 7, os.SEEK_SET)
    return os.lseek(passed.received, 0, os.SEEK_CUR) == 7


@fact("status.lowest-number", "POSIX.1-2008 XSH 2.14: the lowest available, unless specified")
def lowest_number() -> bool:
    """Whether received descriptors take the lowest free numbers, in order."""
    first, second = pair()
    send(first, b"x", [Token().writing] * 2)
    reserved = [os.dup(0) for _ in range(3)]
    wanted = sorted(reserved)[:2]
    for number in reserved:
        os.close(number)
    return receive(second).fds == wanted


def _arrived(flags: int) -> Message:
    first, second = pair()
    send(first, b"x", [Token().writing] * 3)
    return receive(second, flags=flags)


@fact("status.cloexec-default", "4.4BSD unix(4): per-process descriptor flags are not passed")
def cloexec_default() -> bool:
    """Whether a descriptor arrives close-on-exec without anybody asking for it."""
    return not os.get_inheritable(_arrived(0).fds[0])


@fact("status.cloexec-asked", _CLOEXEC)
def cloexec_asked() -> int:
    """How many of 3 descriptors MSG_CMSG_CLOEXEC makes close-on-exec."""
    return sum(not os.get_inheritable(fd) for fd in _arrived(socket.MSG_CMSG_CLOEXEC).fds)


@fact("status.cloexec-echoed", _CLOEXEC)
def cloexec_echoed() -> bool:
    """Whether MSG_CMSG_CLOEXEC comes back in msg_flags: never compare those as a whole."""
    return bool(_arrived(socket.MSG_CMSG_CLOEXEC).flags & socket.MSG_CMSG_CLOEXEC)


@fact("status.accept-inherits", "accept(2): does not inherit on Linux, does on BSD")
def accept_inherits() -> bool:
    """Whether accept() on a listener with O_NONBLOCK gives a socket with it: set it yourself."""
    listener, _kept = listening(), connected()
    os.set_blocking(listener.fileno(), False)
    # Python's accept() sets what it wants; its inner one only asks the system.
    fd, _ = listener._accept()  # type: ignore[attr-defined]
    return _nonblocking(fd)


@fact("status.pair-blocks", "POSIX.1-2008 XSH 2.10.7: initially off")
def pair_blocks() -> bool:
    """Whether a new socketpair is blocking."""
    first, _kept = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
    return not _nonblocking(first.fileno())


@fact("status.lock-travels", _DUP)
def lock_travels() -> bool:
    """Whether an flock() is still held while its only descriptor is in flight."""
    fd, other = (os.open("file", os.O_RDWR | os.O_CREAT) for _ in range(2))
    fcntl.flock(fd, fcntl.LOCK_EX)
    first, _kept = pair()
    send(first, b"x", [fd])
    os.close(fd)
    try:
        fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    return False
