"""What a plain program sees of a system: run by test_systems, in a process of its own.

``python -m conformance.tests.system_scenarios [SCENARIO HOW]...`` prints a line of JSON for
each. What sends is a child, what receives its parent, since a fault leaves alone what a process
passes to itself.
"""

from __future__ import annotations

import fcntl
import json
import os
import resource
import signal
import socket
import stat
import sys
import tempfile
import traceback
from array import array
from functools import partial
from typing import Any

from .odd_scenarios import accepting, calls, duration, looks, received, sizes, threads
from .plain_sockets import (
    DONTWAIT,
    ROOM,
    Tokens,
    after_child,
    attempt,
    error_name,
    full_table,
    in_child,
    look,
    open_count,
    readable,
    send,
    take,
)


def waiting(how: str, count: int = 6, each: int = 1) -> object:
    """Messages that all wait when the first is received."""
    tokens = Tokens(count * each)
    left, right = socket.socketpair()
    before = open_count()
    fds = tokens.writing
    after_child(*(partial(send, left, fds[i : i + each]) for i in range(0, len(fds), each)))
    heard, inheritable, size = [], [], 0
    while readable(right):
        got = take(right, how)
        size += len(got.data)
        heard.append(got.heard(tokens))
        inheritable += [os.get_inheritable(fd) for fd in got.fds]
        got.close()
    right.close()
    return {
        "heard": heard,
        "bytes": size,
        "inheritable": inheritable,
        "more open": open_count() - before + 1,
    }


def arrays(how: str) -> object:
    return waiting(how, 2, 3)


def sixty(how: str) -> object:
    """Which of sixty did not come."""
    said: Any = waiting(how, 60)
    return [i for i, one in enumerate(said["heard"]) if one != [i]]


def exchange(how: str) -> object:
    """A careful sender and a careful receiver, at the same time."""
    tokens = Tokens(30)
    left, right = socket.socketpair()
    before = open_count()
    fds = tokens.writing
    child = in_child(*(partial(send, left, fds[i : i + 3]) for i in range(0, 30, 3)))
    size, heard = 0, []
    while size < 30:
        got = take(right, how)
        size += len(got.data)
        heard += got.heard(tokens)
        got.close()
    os.waitpid(child, 0)
    return heard == list(range(30)) and open_count() == before


def flags(how: str) -> object:
    """O_NONBLOCK and O_APPEND of a non-blocking pipe, a blocking one, and a file."""
    tokens = Tokens(2)
    os.set_blocking(tokens.writing[0], False)
    left, right = socket.socketpair()
    with tempfile.TemporaryFile() as file:
        fcntl.fcntl(file, fcntl.F_SETFL, os.O_APPEND)
        fds = [*tokens.writing, file.fileno()]
        after_child(*(partial(send, left, [fd]) for fd in fds))
        status = [fcntl.fcntl(take(right, how).fds[0], fcntl.F_GETFL) for _ in range(3)]
    return [[bool(one & os.O_NONBLOCK), bool(one & os.O_APPEND)] for one in status]


def fork(how: str) -> object:
    """Whether a non-blocking socket is non-blocking before and after a fork."""
    left, _right = socket.socketpair()
    left.setblocking(False)
    before = os.get_blocking(left.fileno())
    after_child()
    return [before, os.get_blocking(left.fileno())]


def file(how: str) -> object:
    """Whether a received file is the one sent, shares its offset, and can be written."""
    left, right = socket.socketpair()
    with tempfile.TemporaryFile(buffering=0) as sent:
        sent.write(b"0123456789")
        sent.seek(0)
        after_child(lambda: send(left, [sent.fileno()]))
        fd = take(right, how).fds[0]
        os.lseek(fd, 7, os.SEEK_SET)
        shared = sent.tell() == 7
        return {
            "same": os.path.sameopenfile(fd, sent.fileno()),
            "shared": shared,
            "written": attempt(lambda: os.write(fd, b"!")),
        }


def table(how: str, each: int = 1, free: int = 0) -> object:
    """What comes while the table is full, and what when it no longer is."""
    tokens = Tokens(2 * each)
    left, right = socket.socketpair()
    before = open_count()
    fds = tokens.writing
    after_child(partial(send, left, fds[:each]), partial(send, left, fds[each:]))
    seen: list[object] = []
    with full_table() as filling:
        for _ in range(3):
            for fd in filling[:free]:
                os.close(fd)
            del filling[:free]
            free = len(filling)
            try:
                got = look(right, how)
                if seen and how == "peek":
                    right.recv(len(got.data))
                seen.append([len(got.data), got.heard(tokens), got.cut])
                got.close()
            except OSError as error:
                seen.append(error_name(error))
    return {"seen": seen, "more open": open_count() - before}


def one_slot(how: str) -> object:
    """The same with one free slot and three descriptors a message."""
    return table(how, each=3, free=1)


def gone(how: str) -> object:
    """What waited when the sender went."""
    tokens = Tokens(1)
    left, right = socket.socketpair()
    child = in_child(partial(send, left, tokens.writing))
    left.close()
    os.waitpid(child, 0)
    return take(right, how).heard(tokens)


def replies(how: str) -> object:
    """An answer after the first descriptor was received, then two that cross."""
    tokens = Tokens(1)
    left, right = socket.socketpair()
    send(right, tokens.writing)
    after_child(lambda: take(left, how), partial(send, left, tokens.writing))
    answer = take(right, how).heard(tokens)
    after_child(partial(send, left, tokens.writing))
    send(right, tokens.writing)
    return [answer, take(right, how).heard(tokens)]


def full_channel(how: str) -> object:
    """What the last non-blocking send said, and whether all that were sent came."""
    left, right = socket.socketpair()
    before = open_count()
    after_child()  # from here on, two processes have both ends
    control = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array("i", [0]))]
    sent, said = 0, "done"
    while said == "done" and sent < 2000:
        said = attempt(lambda: left.sendmsg([b"x"], control, DONTWAIT))
        sent += said == "done"
    more, came = open_count() - before, 0
    while readable(right):
        came += len(take(right, how).close().data)
    return {"last": said, "all came": came == sent, "more open": more}


def empty(how: str) -> object:
    """What receiving says where nothing is: with MSG_DONTWAIT, and with O_NONBLOCK."""
    _left, right = socket.socketpair()
    said = [attempt(lambda: look(right, how))]
    right.setblocking(False)
    flags = socket.MSG_PEEK if how == "peek" else 0
    return [*said, attempt(lambda: right.recvmsg(64, ROOM, flags))]


def readiness(how: str) -> object:
    """Whether poll tells of one message that comes during the wait, that is there, and of two."""
    left, right = socket.socketpair()
    waiter = os.getpid()

    def wait_until_it_sleeps() -> None:
        while True:
            with open(f"/proc/{waiter}/stat") as status:
                if status.read().rpartition(")")[2].split()[0] == "S":
                    return

    child = in_child(wait_until_it_sleeps, lambda: send(left, [0]))
    said = [readable(right, 1)]
    os.waitpid(child, 0)
    said.append(readable(right, 0.05))
    send(left, [0])
    return [*said, readable(right, 0.05)]


def sender(how: str) -> object:
    """Whether sending needs a free slot, and leaves anything open."""
    left, _right = socket.socketpair()
    after_child()
    before = open_count()
    send(left, [0])
    more = open_count() - before
    control = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array("i", [0]))]
    with full_table():
        return {"full": attempt(lambda: left.sendmsg([b"x"], control)), "more open": more}


def passers(how: str) -> object:
    """A passed socket: its status kept, what came over it both ways, and a socket over it."""
    tokens = Tokens(1)
    left, right = socket.socketpair()
    far, near = socket.socketpair()
    inner, _other = socket.socketpair()
    after_child(partial(send, left, [near.fileno()]))
    fd = take(right, how).fds[0]
    kept = os.get_blocking(fd)
    passed = socket.socket(fileno=fd)
    send(far, tokens.writing)
    came = take(passed, how).heard(tokens)
    send(passed, tokens.writing)
    returned = take(far, how).heard(tokens)
    send(far, [inner.fileno()])
    return [kept, came, returned, len(take(passed, how).fds)]


def in_flight(how: str) -> object:
    """Whether a pipe is one still: closed by its sender while it waited; not closed."""
    left, right = socket.socketpair()

    def pass_two() -> None:
        fds = os.pipe()
        for fd in fds:
            send(left, [fd])
        os.close(fds[0])

    after_child(pass_two)
    fds = [fd for _ in range(2) for fd in take(right, how).fds]
    return [stat.S_ISFIFO(os.fstat(fd).st_mode) for fd in fds]


def plain(how: str) -> object:
    """All that carries no descriptors: bytes over every kind of channel, whole and in order."""
    data = bytes(range(256)) * 40
    with tempfile.TemporaryDirectory() as folder, socket.socket(socket.AF_UNIX) as listener:
        listener.bind(f"{folder}/s")
        listener.listen()
        client = socket.socket(socket.AF_UNIX)
        client.connect(f"{folder}/s")
        accepted, _ = listener.accept()
    accepted.setblocking(True)
    reading, writing = os.pipe()
    child = in_child(lambda: client.sendall(data), lambda: os.write(writing, data))
    client.close()
    os.close(writing)
    with accepted.makefile("rb") as stream, open(reading, "rb") as pipe:
        whole = stream.read() == data and pipe.read() == data
    os.waitpid(child, 0)
    return whole


SCENARIOS = {
    each.__name__: each
    for each in (
        waiting, arrays, sixty, exchange, flags, fork, file, table, one_slot, gone, replies,
        full_channel, empty, readiness, sender, passers, in_flight, plain, threads,
        calls, sizes, received, looks, accepting, duration,
    )
}  # fmt: skip


def play(scenario: str, how: str) -> None:
    """Run it in a process of its own, under an alarm; print what it says."""
    child = os.fork()
    if child == 0:
        try:
            signal.alarm(20)
            print(json.dumps(SCENARIOS[scenario](how)), flush=True)
            os._exit(0)
        finally:
            traceback.print_exc()
            os._exit(1)
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if status:
        sys.exit(f"{scenario} {how} ended with {status}")


if __name__ == "__main__":
    resource.setrlimit(resource.RLIMIT_NOFILE, (1024, 1024))
    for words in zip(sys.argv[1::2], sys.argv[2::2], strict=True):
        play(*words)
