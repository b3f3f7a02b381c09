"""Which interfaces pass a descriptor: their names prove nothing, so each is tried."""

from __future__ import annotations

import ctypes
import os
import select
import socket
import struct
from importlib import import_module
from typing import TYPE_CHECKING, Any

from .fact import Unanswered, fact
from .sockets import SHORT, Nothing, Token, name, pair, receive, send

if TYPE_CHECKING:
    from collections.abc import Callable

_NAMES = (
    *("socket.AF_UNIX", "socket.socketpair", "socket.SCM_RIGHTS", "socket.CMSG_SPACE"),
    *("socket.socket.sendmsg", "socket.socket.recvmsg", "socket.MSG_CTRUNC"),
    *("socket.MSG_CMSG_CLOEXEC", "socket.send_fds", "socket.recv_fds", "socket.fromshare"),
    *("os.fork", "os.pidfd_open", "os.memfd_create", "os.eventfd"),
)


def _there(path: str) -> bool:
    module, *words = path.split(".")
    found: Any = {"socket": socket, "os": os}[module]
    for word in words:
        found = getattr(found, word, None)
    return found is not None


@fact("interfaces.python-lacks", here=True)
def python_lacks() -> list[str]:
    """Names this Python does not have; those it has may still do nothing."""
    return [path for path in _NAMES if not _there(path)]


def _tried(ends: Callable[[], tuple[socket.socket, socket.socket]]) -> str:
    """Send a descriptor, receive it, and hear through it."""
    try:
        first, second = ends()
        token = Token()
        send(first, b"x", [token.writing])
        message = receive(second)
    except Nothing:
        return "nothing arrives"
    except OSError as error:
        return name(error)
    if not message.fds:
        return "bytes only"
    try:
        os.write(message.fds[0], b"y")
        return "passes" if os.read(token.reading, 1) == b"y" else "another descriptor arrives"
    except OSError as error:
        return f"received, then {name(error)}"


@fact("interfaces.stream", "unix(7), SCM_RIGHTS", here=True)
def stream() -> str:
    """SCM_RIGHTS over a SOCK_STREAM pair: the usual way."""
    return _tried(pair)


@fact("interfaces.dgram", "unix(7), SCM_RIGHTS", here=True)
def dgram() -> str:
    """SCM_RIGHTS over a SOCK_DGRAM pair."""
    return _tried(lambda: pair("dgram"))


@fact("interfaces.seqpacket", "unix(7), SCM_RIGHTS", here=True)
def seqpacket() -> str:
    """SCM_RIGHTS over a SOCK_SEQPACKET pair; not every system has the type."""
    return _tried(lambda: pair("seqpacket"))


def _loopback(kind: int) -> tuple[socket.socket, socket.socket]:
    first = socket.socket(socket.AF_INET, kind)
    first.settimeout(SHORT)
    if kind == socket.SOCK_STREAM:
        listener = socket.create_server(("127.0.0.1", 0))
        listener.settimeout(SHORT)
        first.connect(listener.getsockname())
        second, _ = listener.accept()
    else:
        second = socket.socket(socket.AF_INET, kind)
        second.bind(("127.0.0.1", 0))
        first.connect(second.getsockname())
    second.setblocking(False)
    return first, second


@fact("interfaces.tcp")
def tcp() -> str:
    """SCM_RIGHTS over TCP; `bytes only`: the call succeeds, and the descriptor is gone."""
    return _tried(lambda: _loopback(socket.SOCK_STREAM))


@fact("interfaces.udp")
def udp() -> str:
    """SCM_RIGHTS over UDP; `bytes only`: the call succeeds, and the descriptor is gone."""
    return _tried(lambda: _loopback(socket.SOCK_DGRAM))


@fact("interfaces.pipe-both-ways", "POSIX.1-2008 XSH pipe()")
def pipe_both_ways() -> bool:
    """Whether a plain pipe carries data in both directions."""
    reading, writing = os.pipe()
    try:
        os.write(reading, b"x")
    except OSError:
        return False
    return bool(select.select([writing], [], [], SHORT)[0])


# -- other systems' ways ------------------------------------------------------------------------

_NOT_HERE = "not there"
_SEND_FD, _RECEIVE_FD = 0x5311, 0x530E  # I_SENDFD, I_RECVFD; illumos sys/stropts.h


def _libc(*words: str) -> Any:
    for library in (None, "libsocket.so.1"):  # the second: where illumos has its socket calls
        try:
            found = ctypes.CDLL(library, use_errno=True)
        except (OSError, TypeError):
            continue
        if all(hasattr(found, word) for word in words):
            return found
    return None


def _checked(result: int) -> int:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    return result


@fact("interfaces.streams", "POSIX.1-2008 XSH ioctl(), I_SENDFD and I_RECVFD")
def streams() -> str:
    """I_SENDFD over a pipe, the System V interface: with it a full table loses nothing."""
    libc = _libc("pipe")
    if libc is None:
        return _NOT_HERE
    ioctl = import_module("fcntl").ioctl
    # Not os.pipe(): it may be another call, and give what is no stream.
    ends = (ctypes.c_int * 2)()
    token = Token()
    # The number, then uid and gid of the sender, and room for what may become more.
    received = bytearray(64)
    try:
        _checked(libc.pipe(ends))
        ioctl(ends[0], _SEND_FD, token.writing)
        ioctl(ends[1], _RECEIVE_FD, received)
    except OSError as error:
        return f"{_NOT_HERE}: {name(error)}"
    os.write(struct.unpack_from("i", received)[0], b"y")
    return "passes" if os.read(token.reading, 1) == b"y" else "another descriptor arrives"


class _Vector(ctypes.Structure):
    _fields_ = [("base", ctypes.c_void_p), ("length", ctypes.c_size_t)]


class _Header(ctypes.Structure):
    """struct omsghdr of illumos' sys/socket.h: access rights where others have control data."""

    _fields_ = [
        ("name", ctypes.c_void_p),
        ("namelen", ctypes.c_uint32),
        ("iov", ctypes.c_void_p),
        ("iovlen", ctypes.c_int),
        ("rights", ctypes.c_void_p),
        ("length", ctypes.c_int),
    ]


@fact("interfaces.access-rights", "illumos sys/socket.h, struct omsghdr")
def access_rights() -> str:
    """msg_accrights, the 4.3BSD interface, where plain sendmsg takes it."""
    # Only where there are two kinds of sendmsg is the plain one known to take omsghdr.
    libc = _libc("sendmsg", "recvmsg", "__xnet_sendmsg")
    if libc is None:
        return _NOT_HERE
    first, second = pair()
    token = Token()
    data = ctypes.create_string_buffer(b"x", 1)
    fds = (ctypes.c_int * 1)(token.writing)
    vector = _Vector(ctypes.addressof(data), 1)
    header = _Header(None, 0, ctypes.addressof(vector), 1, ctypes.addressof(fds), 4)
    try:
        _checked(libc.sendmsg(first.fileno(), ctypes.byref(header), 0))
        fds[0] = -1
        _checked(libc.recvmsg(second.fileno(), ctypes.byref(header), 0))
        if header.length != 4:
            return "bytes only"
        os.write(fds[0], b"y")
    except OSError as error:
        return name(error)
    return "passes" if os.read(token.reading, 1) == b"y" else "another descriptor arrives"


@fact("interfaces.handles", "Microsoft, DuplicateHandle", here=True)
def handles() -> str:
    """DuplicateHandle, the Windows way: the handle has to be put into a process by name."""
    windows = getattr(ctypes, "windll", None)
    if windows is None:
        return _NOT_HERE
    to_handle: Any = import_module("msvcrt").get_osfhandle
    to_fd: Any = import_module("msvcrt").open_osfhandle
    reading, writing = os.pipe()
    own = ctypes.c_void_p(windows.kernel32.GetCurrentProcess())
    copy = ctypes.c_void_p()
    done = windows.kernel32.DuplicateHandle(
        own, ctypes.c_void_p(to_handle(writing)), own, ctypes.byref(copy), 0, False, 2
    )
    if not done:
        return f"error {windows.kernel32.GetLastError()}"
    os.write(to_fd(copy.value, 0), b"y")
    return "passes" if os.read(reading, 1) == b"y" else "another descriptor arrives"


@fact("interfaces.socket-share", "Microsoft, WSADuplicateSocket", here=True)
def socket_share() -> str:
    """socket.share, the Windows way for sockets: a blob that one process, by its id, can use."""
    share: Any = getattr(socket.socket, "share", None)
    again: Any = getattr(socket, "fromshare", None)
    if share is None or again is None:
        return _NOT_HERE
    first, second = socket.socketpair()
    copy = again(share(first, os.getpid()))
    copy.send(b"y")
    second.settimeout(SHORT)
    return "passes" if second.recv(1) == b"y" else "another socket arrives"


@fact("interfaces.pull", "pidfd_getfd(2)")
def pull() -> str:
    """pidfd_getfd: taking a descriptor out of another process, which need not send it."""
    libc = _libc("syscall")
    if libc is None or os.uname().sysname != "Linux":
        return _NOT_HERE
    if not hasattr(os, "pidfd_open"):
        raise Unanswered("this Python has no os.pidfd_open")
    token = Token()
    try:
        process = os.pidfd_open(os.getpid())
        # 438 with all architectures, as all calls since Linux 5.1 but on alpha.
        copy = _checked(libc.syscall(438, process, token.writing, 0))
    except OSError as error:
        return f"{_NOT_HERE}: {name(error)}"
    os.write(copy, b"y")
    return "passes" if os.read(token.reading, 1) == b"y" else "another descriptor arrives"
