"""Calls of the simulated illumos, for the scenarios; the numbers are written out once more.

So a slip in the library's own is found.
"""

from __future__ import annotations

import ctypes
import errno
import fcntl
import os
import resource
import select
import struct
import traceback
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

I_PUSH, I_POP, I_LOOK, I_RECVFD, I_PEEK, I_SENDFD = 0x5302, 0x5303, 0x5304, 0x530E, 0x530F, 0x5311
PEEK, CTRUNC, DONTWAIT, NOSIGNAL, CLOEXEC = 0x2, 0x10, 0x80, 0x200, 0x1000
SOL_SOCKET, SCM_RIGHTS = 0xFFFF, 0x1010
SOON = 10_000  # milliseconds

C = ctypes.CDLL(None, use_errno=True)


def called(name: str, *arguments: object) -> int:
    """Call a function of the C library; -1 is an OSError."""
    result = int(getattr(C, name)(*arguments))
    if result < 0:
        raise OSError(ctypes.get_errno(), name)
    return result


def attempt(function: Callable[..., Any], *arguments: object) -> Any:
    """What a call gives, or the name of its error."""
    try:
        given = function(*arguments)
    except OSError as error:
        return errno.errorcode[error.errno or 0]
    if isinstance(given, tuple):
        return [one.hex() if isinstance(one, bytes) else one for one in given]
    return given.decode() if isinstance(given, bytes) else given


def stream_pipe() -> tuple[int, int]:
    ends = (ctypes.c_int * 2)()
    called("pipe", ends)
    return ends[0], ends[1]


def send_fd(end: int, fd: int) -> object:
    return fcntl.ioctl(end, I_SENDFD, fd)


def receive_fd(end: int) -> tuple[int, int, int]:
    """The descriptor, and its sender's uid and gid."""
    fd, uid, gid, _ = struct.unpack("iII8s", fcntl.ioctl(end, I_RECVFD, bytes(20)))
    return fd, uid, gid


def same_file(fd: int, other: int) -> bool:
    return os.path.sameopenfile(fd, other)


def open_descriptors() -> set[str]:
    return set(os.listdir("/proc/self/fd"))


@contextmanager
def full_table() -> Iterator[list[int]]:
    """Leave no free slot; gives what fills them."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (64, before[1]))
    fillers: list[int] = []
    try:
        while attempt(lambda: fillers.append(os.dup(0))) != "EMFILE":
            pass
        yield fillers
    finally:
        for fd in fillers:
            os.close(fd)
        resource.setrlimit(resource.RLIMIT_NOFILE, before)


def append_from(heard: list[bool], function: Callable[[], bool]) -> None:
    heard.append(function())


def ready(fd: int, timeout: int = 0) -> list[str]:
    poll = select.poll()
    poll.register(fd, select.POLLIN | select.POLLOUT)
    names = ("POLLIN", "POLLOUT", "POLLERR", "POLLHUP")
    return [name for _, got in poll.poll(timeout) for name in names if got & getattr(select, name)]


def in_child(function: Callable[[], object]) -> int:
    """Run it in a forked child; gives the child's number."""
    if child := os.fork():
        return child
    status = 1
    try:
        function()
        status = 0
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(status)


def ended(child: int) -> int:
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
