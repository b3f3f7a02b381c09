"""Who is the peer: what the system knows of the process at the other end of a Unix socket.

Linux was measured. The others are documented only: getpeereid(3) on the BSDs and macOS,
getpeerucred(3C) on illumos and Solaris.
"""

from __future__ import annotations

import errno
import os
import socket
import struct
import sys
from collections import namedtuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    import ctypes


_NOBODY = 0xFFFFFFFF  # (uid_t)-1
_WITH_17 = {"x86_64", "i686", "aarch64", "riscv64", "s390x"}


class Credentials(namedtuple("Credentials", ["pid", "uid", "gid"])):
    """Process, effective user and effective group; None for what the system does not tell.

    They are those of the process that connected, listened, or made the pair, at that moment; with
    STREAMS of the one that sent the last descriptor. On Windows there is the process only: the one
    that held the last descriptor until it was fetched, which with ``fdpass`` at the other end is a
    helper of the sender's.
    """

    __slots__ = ()
    pid: int | None
    uid: int | None
    gid: int | None


def of_socket(fd: int) -> Credentials:
    """Ask the system who is at the other end of a connected Unix socket; borrows it.

    Raises:
        OSError: it is no connected Unix socket, or the system has no way to tell.

    """
    import ctypes

    libc = ctypes.CDLL(None, use_errno=True)
    if hasattr(libc, "getpeereid"):
        return _by_getpeereid(libc, fd)
    if hasattr(libc, "getpeerucred"):
        return _by_getpeerucred(libc, fd)
    option = _so_peercred()
    if option is not None:
        return _by_so_peercred(libc, fd, option)
    raise OSError("this system has no way known to us of telling who the peer is")


def _so_peercred() -> int | None:
    option: int | None = getattr(socket, "SO_PEERCRED", None)
    # PyPy does not name it. Other processors have other numbers (asm/socket.h), of other options.
    if option is None and sys.platform == "linux" and os.uname().machine in _WITH_17:
        return 17
    return option


def _by_so_peercred(libc: ctypes.CDLL, fd: int, option: int) -> Credentials:
    """Linux: struct ucred is pid, uid, gid (unix(7)); OpenBSD's is another, and has getpeereid."""
    import ctypes

    # Not by a socket object of our own: under socket.setdefaulttimeout() making one sets
    # O_NONBLOCK, which is the caller's.
    found = ctypes.create_string_buffer(struct.calcsize("iII"))
    size = ctypes.c_uint(len(found))
    if libc.getsockopt(fd, socket.SOL_SOCKET, option, found, ctypes.byref(size)) != 0:
        raise _last_error()
    pid, uid, gid = struct.unpack("iII", found.raw)
    if uid == gid == _NOBODY:
        raise OSError(errno.ENOTCONN, "the system knows no peer of this socket")
    return Credentials(pid or None, uid, gid)  # 0: it lives in a pid namespace we do not see


def _by_getpeereid(libc: ctypes.CDLL, fd: int) -> Credentials:
    import ctypes

    uid, gid = ctypes.c_uint(), ctypes.c_uint()
    if libc.getpeereid(fd, ctypes.byref(uid), ctypes.byref(gid)) != 0:
        raise _last_error()
    return Credentials(None, uid.value, gid.value)


def _by_getpeerucred(libc: ctypes.CDLL, fd: int) -> Credentials:
    import ctypes

    ucred = ctypes.c_void_p()
    if libc.getpeerucred(fd, ctypes.byref(ucred)) != 0:
        raise _last_error()
    try:
        return Credentials(
            libc.ucred_getpid(ucred), libc.ucred_geteuid(ucred), libc.ucred_getegid(ucred)
        )
    finally:
        libc.ucred_free(ucred)


def _last_error() -> OSError:
    import ctypes

    number = ctypes.get_errno()
    return OSError(number, os.strerror(number))
