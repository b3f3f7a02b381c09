"""What single calls of a plain program, and many at once, say of an odd system."""

from __future__ import annotations

import ctypes
import os
import select
import socket
import tempfile
import threading
import time
from array import array
from typing import TYPE_CHECKING

from .plain_sockets import DONTWAIT, ROOM, Got, Tokens, attempt, patiently, readable, send, take

if TYPE_CHECKING:
    from collections.abc import Callable


def six(call: Callable[[], object]) -> list[str]:
    """What one call says six times; counted, since it may be any third."""
    said = [attempt(call) for _ in range(6)]
    return [f"{said.count(one)} {one}" for one in sorted(set(said))]


def raw_recv(sock: socket.socket) -> None:
    """recv as C has it: Python's own begins again after EINTR."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.recv(sock.fileno(), ctypes.create_string_buffer(1), 1, DONTWAIT) < 0:
        raise OSError(ctypes.get_errno(), "recv")


def calls(how: str) -> object:
    """What single calls say where all is well."""
    left, right = socket.socketpair()
    quiet, _silent = socket.socketpair()
    patiently(left, select.POLLOUT, lambda: left.sendall(b"y" * 10))
    control = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array("i", [0]))]
    return {
        "recv": six(lambda: raw_recv(right)),
        "poll": [readable(quiet) for _ in range(6)].count(True),
        "sendmsg": six(lambda: left.sendmsg([b"x"], control)),
    }


def sizes(how: str) -> object:
    """How much of five bytes goes and comes, and whether many more find room."""
    left, right = socket.socketpair()
    sent = [left.send(b"12345"), left.sendmsg([b"", b"12", b"345"])]
    right.recv(1, socket.MSG_PEEK)
    return {
        "sent": sent,
        "received": [len(right.recv(5)), len(right.recvmsg(5)[0])] if sent[0] > 1 else None,
        "room": left.getsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF) > 10000,
    }


def received(how: str) -> object:
    """What comes beside a descriptor, and what a peek shows."""
    tokens = Tokens(1)
    left, right = socket.socketpair()
    send(left, tokens.writing)
    seen = Got(*right.recvmsg(64, ROOM, socket.MSG_PEEK)[:3])
    got = take(right, "direct")
    return {
        "peek": "real" if seen.heard(tokens) == [0] else seen.fds,
        "kinds": got.kinds,
        "high": got.fds[0] >= 512,
        "inheritable": os.get_inheritable(got.fds[0]),
    }


def looks(how: str) -> object:
    """What two kinds of look say where a byte waits, and whether it still comes."""
    left, right = socket.socketpair()
    left.send(b"x")
    return [
        attempt(lambda: right.recvmsg(1, ROOM, socket.MSG_PEEK)),
        attempt(lambda: right.recv(1, socket.MSG_PEEK)),
        right.recv(2) == b"x",
    ]


def duration(how: str) -> object:
    """Whether three passes take what two pauses of a slow system take; others may, too."""
    left, right = socket.socketpair()
    start = time.monotonic()
    for _ in range(3):
        send(left, [0])
        take(right, "direct").close()
    return time.monotonic() - start >= 0.0004


def accepting(how: str) -> object:
    """Whether a socket accepted from a non-blocking listener is blocking."""
    with tempfile.TemporaryDirectory() as folder, socket.socket(socket.AF_UNIX) as listener:
        listener.bind(f"{folder}/s")
        listener.listen()
        listener.setblocking(False)
        client = socket.socket(socket.AF_UNIX)
        client.connect(f"{folder}/s")
        accepted, _ = listener.accept()
        return os.get_blocking(accepted.fileno())


def threads(how: str) -> object:
    """Four threads, each passing over a pair of its own, while the others open and close."""

    def run(done: list[bool]) -> None:
        left, right = socket.socketpair()
        tokens = Tokens(2)
        for _ in range(50):
            send(left, tokens.writing)
            got = 0
            while got < 2:
                got += len(take(right, how).close().data)
        done.append(True)

    done: list[bool] = []
    running = [threading.Thread(target=run, args=(done,)) for _ in range(4)]
    for thread in running:
        thread.start()
    for thread in running:
        thread.join()
    return len(done)
