"""Many files, each of which is known again by what is written into it; many who pass them at once.

File 0 is sent with the byte ``0``, the next ones with those after it. Who receives a message writes
the number that its byte stands for into the file that came with it.
"""

from __future__ import annotations

import errno
import os
import socket
import threading

from .messages import recv_all, rights
from .opening import place
from .processes import ended
from .saying import HOLDS, WRONG, Result, State
from .steps import CROWDED, borrowed, gives

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable


FIRST_BYTE = 48  # of the message that brings file 0


@gives("fds", prepares=True)
def do_files(count: int) -> Result:
    result = Result()
    path = place("files")
    for _ in range(count):
        fd = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_EXCL, 0o600)
        os.set_inheritable(fd, True)
        os.unlink(path)
        result.received.append(fd)
    return result


def taken(sock: int, data: bytes, *fds: int) -> bool:
    """Send without waiting; whether the message was taken. Full is who says so three times."""
    kind, inside = rights(*fds)
    with borrowed(sock) as there:
        for _ in range(3):
            try:
                there.sendmsg([data], [(socket.SOL_SOCKET, kind, inside)], socket.MSG_DONTWAIT)
            except OSError as error:
                if error.errno not in {errno.EAGAIN, *CROWDED}:
                    raise
            else:
                return True
    return False


def send_some(sock: int, files: Result, first: int, step: int) -> int:
    """Send every so many-th file; how many were taken."""
    sent = 0
    for at in range(first, files.fds, step):
        if not taken(sock, bytes([FIRST_BYTE + at]), files.received[at]):
            break
        sent += 1
    return sent


def write_number(fd: int, number: int) -> None:
    try:
        os.write(fd, b"%d\n" % number)
    except OSError:
        return  # it is another file; the right one has no number then


def recv_some(sock: int) -> Result:
    """Receive all that waits, a byte at a time, and number what comes."""
    result = Result()
    for data, fds, _ in recv_all(sock, 1, 16):
        result.data += data
        result.received += fds
        for fd in fds:
            write_number(fd, data[0] - FIRST_BYTE if data else -1)
            os.close(fd)
    result.count = len(result.data)
    return result


@gives("count", "data")
def do_send_each(sock: int, files: Result) -> Result:
    result = Result()
    result.count = send_some(sock, files, 0, 1)
    result.data = bytes(range(FIRST_BYTE, FIRST_BYTE + result.count))
    return result


@gives("count", "data", "fds")
def do_recv_each(sock: int) -> Result:
    return recv_some(sock)


def at_once(processes: int, job: Callable[[int], int]) -> int:
    """Let so many processes begin at the same time; add up what they did."""
    told, tell = os.pipe()
    gate, opener = os.pipe()
    pids = []
    for number in range(processes):
        pids.append(os.fork())
        if pids[-1] == 0:
            State.processes = []
            try:
                os.close(opener)
                os.write(tell, b"\0")
                os.read(gate, 1)  # until nobody can open the gate any more
                os.write(tell, bytes([job(number)]))
            except OSError:
                os._exit(WRONG)
            os._exit(HOLDS)
        State.processes.append(pids[-1])
    os.close(tell)
    for _ in pids:
        os.read(told, 1)
    os.close(opener)
    for pid in pids:
        _, status = os.waitpid(pid, 0)
        State.processes.remove(pid)
        ended(status)
    done = sum(os.read(told, processes))
    os.close(told)
    os.close(gate)
    return done


def by_threads(threads: int, job: Callable[[int], int]) -> int:
    """Let so many threads do something, of which this one is the first; add up what they did."""
    counts: list[int] = []

    def one(number: int) -> None:
        counts.append(job(number))

    others = [threading.Thread(target=one, args=(number,)) for number in range(1, threads)]
    for thread in others:
        thread.start()
    one(0)
    for thread in others:
        thread.join()
    return sum(counts)


@gives("count")
def do_recv_by(sock: int, processes: int, threads: int) -> Result:
    def job(_: int) -> int:
        return by_threads(threads, lambda _: recv_some(sock).fds)

    result = Result()
    result.count = at_once(processes, job)
    return result


@gives("count")
def do_send_by(sock: int, files: Result, processes: int, threads: int) -> Result:
    def job(process: int) -> int:
        every = processes * threads
        return by_threads(
            threads, lambda at: send_some(sock, files, process + at * processes, every)
        )

    result = Result()
    result.count = at_once(processes, job)
    return result


@gives("count")
def do_send_most(sock: int, files: Result) -> Result:
    result = Result()
    for count in range(files.fds, 0, -1):
        try:
            if taken(sock, b"x", *files.received[:count]):
                result.count = count
                break
        except OSError:
            continue  # so many are too many
    return result


@gives()
def do_number_each(came: Result) -> Result:
    for number, fd in enumerate(came.received):
        write_number(fd, number)
    return Result()


@gives("text")
def do_unlike(files: Result, count: int) -> Result:
    result = Result()
    wrong = []
    for at, fd in enumerate(files.received[:count]):
        seen = os.pread(fd, 64, 0)
        if seen != b"%d\n" % at:
            numbers = " and ".join(seen.decode().split()) or "nothing"
            wrong.append(f"file {at} came as {numbers}")
    result.text = "; ".join(wrong[:4]) or "none"
    return result
