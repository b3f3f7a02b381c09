"""Reading, writing, and waiting."""

from __future__ import annotations

import errno
import fcntl
import mmap
import os
import select
import socket
import sys
import time

from .saying import Result, State, missing
from .steps import borrowed, gives, numbered


@gives("count", "data")
def do_read(fd: int, size: int) -> Result:
    result = Result()
    result.data = os.read(fd, size)
    result.count = len(result.data)
    return result


@gives("count")
def do_write(fd: int, data: bytes) -> Result:
    result = Result()
    result.count = os.write(fd, data)
    return result


@gives()
def do_write_soon(fd: int, data: bytes) -> Result:
    pid = os.fork()
    if pid == 0:
        time.sleep(0.1)
        os.write(fd, data)
        os._exit(0)
    State.processes.append(pid)
    return Result()


@gives()
def do_seek(fd: int, offset: int) -> Result:
    os.lseek(fd, offset, os.SEEK_SET)
    return Result()


@gives("number")
def do_tell(fd: int) -> Result:
    return numbered(os.lseek(fd, 0, os.SEEK_CUR))


@gives("count", "data")
def do_map_read(fd: int, size: int) -> Result:
    result = Result()
    with mmap.mmap(fd, size, mmap.MAP_SHARED, mmap.PROT_READ) as memory:
        result.data = memory[:size]
    result.count = len(result.data)
    return result


@gives()
def do_map_write(fd: int, data: bytes) -> Result:
    with mmap.mmap(fd, len(data), mmap.MAP_SHARED) as memory:
        memory[:] = data
    return Result()


@gives()
def do_lock(fd: int) -> Result:
    fcntl.lockf(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    return Result()


@gives()
def do_flock(fd: int) -> Result:
    if sys.platform.startswith(("sunos", "aix")):
        missing("this Python may make flock of record locks; the C program can be tried")
    fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    return Result()


@gives("number")
def do_eof(fd: int) -> Result:
    deadline = time.monotonic() + State.seconds / 2
    poll = select.poll()
    poll.register(fd, select.POLLIN)
    while (left := deadline - time.monotonic()) > 0:
        if poll.poll(left * 1000) and not os.read(fd, 4096):
            return numbered(1)
    return numbered(0)


@gives("readable", "writable", "hangup")
def do_poll(fd: int) -> Result:
    poll = select.poll()
    poll.register(fd, select.POLLIN | select.POLLOUT)
    told = poll.poll(0) or poll.poll(0)  # an interrupted one says that there is nothing
    seen = dict(told).get(fd, 0)
    if seen & select.POLLNVAL:
        raise OSError(errno.EBADF, "")
    result = Result()
    result.readable = int(bool(seen & select.POLLIN))
    result.writable = int(bool(seen & select.POLLOUT))
    result.hangup = int(bool(seen & select.POLLHUP))
    return result


@gives("readable")
def do_select(fd: int) -> Result:
    result = Result()
    for _ in range(2):  # an interrupted one says that there is nothing
        result.readable |= int(bool(select.select([fd], [], [], 0)[0]))
    return result


@gives("number")
def do_events(queue: int) -> Result:
    with select.epoll.fromfd(os.dup(queue)) as there:
        return numbered(len(there.poll(0)))


@gives()
def do_shutdown(sock: int, how: str) -> Result:
    hows = {"read": socket.SHUT_RD, "write": socket.SHUT_WR, "both": socket.SHUT_RDWR}
    with borrowed(sock) as there:
        there.shutdown(hows[how])
    return Result()
