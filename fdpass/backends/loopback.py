"""Listening at a path where there are no Unix sockets: a TCP port on the loopback interface.

CPython for Windows has no AF_UNIX. The file at the path names the port and two random words, as
Cygwin's does: the client says the first before all else, or it is not accepted, since any program
on the machine can connect to a port; the listener answers with the second, or the client takes it
for a stranger who has got the port since. Who may read the file may connect: that is the matter of
the directory's access rights, *mode* has no effect.

The listener keeps the file open. On Windows such a file cannot be removed: a stale one is one that
can be.
"""

from __future__ import annotations

import errno
import hmac
import os
import select
import socket
import sys
from contextlib import nullcontext, suppress
from secrets import token_bytes
from time import monotonic

assert sys.platform == "win32"

TYPE_CHECKING = False
if TYPE_CHECKING:
    from contextlib import AbstractContextManager
    from typing import Any

_MARK = b"fdpass listens on loopback, version 1\n"
_WORD = 16  # bytes
_MOST = 4096  # bytes of a file that are looked at
_CONNECT_WITHIN = 5.0  # seconds; refusing takes Windows two
_SAY_WITHIN = 5.0  # seconds for a client to say the word
_ROOM = 8192  # bytes: some hundred records; with megabytes nobody would ever have to wait
_STEP = 0.25  # seconds, as Ctrl-C does not interrupt a select


def narrow(sock: socket.socket) -> None:
    """Let a channel have room for some hundred handles, as a Unix socket has, and no more."""
    for option in (socket.SO_SNDBUF, socket.SO_RCVBUF):
        sock.setsockopt(socket.SOL_SOCKET, option, _ROOM)


class _Listening:
    """A listening socket, its file, and the clients that have not said the word yet."""

    def __init__(self, sock: socket.socket, file: int, words: tuple[bytes, bytes]) -> None:
        self.sock = sock
        self.file = file
        self.words = words
        self.waiting: list[tuple[socket.socket, bytes, float]] = []

    def take_in(self) -> None:
        """Accept at the socket whoever is there."""
        with suppress(BlockingIOError):
            while True:
                client, _ = self.sock.accept()
                client.setblocking(False)
                self.waiting.append((client, b"", monotonic() + _SAY_WITHIN))

    def next(self) -> socket.socket | None:
        """Give a client that has said the word; close those that never will."""
        still, found = [], None
        for client, said, deadline in self.waiting:
            if found is not None:
                still.append((client, said, deadline))
                continue
            try:
                some = client.recv(_WORD - len(said))
            except BlockingIOError:
                if monotonic() < deadline:
                    still.append((client, said, deadline))
                else:
                    client.close()
                continue
            except OSError:
                some = b""
            now = said + some
            if some and len(now) < _WORD:
                still.append((client, now, deadline))
            elif some and hmac.compare_digest(now, self.words[0]):
                found = client
            else:
                client.close()
        self.waiting = still
        return found

    def close(self) -> None:
        for client, _, _ in self.waiting:
            client.close()
        self.sock.close()
        os.close(self.file)


_listening: dict[int, _Listening] = {}


def alone(path: str) -> AbstractContextManager[None]:  # noqa: ARG001
    """Keep out nobody: making a file that is not there, and removing a stale one, is enough."""
    return nullcontext()


def bind(path: str) -> int:
    """Make the file, still without a port; replace a stale one. The caller owns the descriptor."""
    flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_BINARY | os.O_NOINHERIT
    try:
        return os.open(path, flags, 0o600)
    except FileExistsError:
        pass
    try:
        content = _content(path)
        if content and not content.startswith(_MARK):
            raise FileExistsError(errno.EEXIST, "a file that is no endpoint is there", path)
        os.unlink(path)
    except FileNotFoundError:
        pass  # its owner removed it just now
    except (PermissionError, IsADirectoryError):
        if os.path.isdir(path):
            raise FileExistsError(errno.EEXIST, "a directory is there", path) from None
        raise OSError(errno.EADDRINUSE, "somebody listens there", path) from None
    return os.open(path, flags, 0o600)


def _content(path: str) -> bytes:
    with open(path, "rb") as file:
        return file.read(_MOST)


def start(listener: int, path: str) -> int:  # noqa: ARG001
    """Let clients connect; give the number of the listening socket. Takes *listener* over."""
    sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        # Nobody else may bind the port beside us, which Windows would allow.
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_EXCLUSIVEADDRUSE, 1)
        sock.bind(("127.0.0.1", 0))
        narrow(sock)  # and with it what is accepted; before a connection is made, or it is too late
        sock.listen()
        sock.setblocking(False)
        words = token_bytes(_WORD), token_bytes(_WORD)
        port = sock.getsockname()[1]
        text = f"{port}\n{words[0].hex()}\n{words[1].hex()}\n"
        os.write(listener, _MARK + text.encode())
    except BaseException:
        sock.close()
        raise
    _listening[sock.fileno()] = _Listening(sock, listener, words)
    return sock.fileno()


def stop(listener: int, path: str, identity: tuple[int, int]) -> None:
    """Stop listening, and remove the file if it is still the one that was made."""
    _listening.pop(listener).close()
    with suppress(FileNotFoundError, PermissionError):  # somebody has it open at the moment
        found = os.stat(path)
        if (found.st_dev, found.st_ino) == identity:
            os.unlink(path)


def accept_one(listener: int) -> tuple[socket.socket, bytes]:
    """Give a client that has said the word, and what is to be answered; the caller owns it."""
    listening = _listening[listener]
    listening.take_in()
    client = listening.next()
    if client is None:
        raise BlockingIOError(errno.EAGAIN, "nobody has connected")
    return client, listening.words[1]


def reach(path: str, timeout: float | None) -> tuple[socket.socket, bytes]:
    """Connect to who listens at *path*; give the socket and what will be answered."""
    content = _content(path)
    lines = content.removeprefix(_MARK).split(b"\n")
    if not content.startswith(_MARK) or len(lines) < 4:
        raise ConnectionRefusedError(errno.ECONNREFUSED, "the file there is no endpoint", path)
    port, word, answer = int(lines[0]), *(bytes.fromhex(line.decode()) for line in lines[1:3])
    within = timeout or _CONNECT_WITHIN
    sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        narrow(sock)
        sock.settimeout(within)
        sock.connect(("127.0.0.1", port))
        sock.sendall(word)
    except TimeoutError as error:
        sock.close()
        raise ConnectionRefusedError(errno.ECONNREFUSED, f"nobody answers: {error}", path) from None
    except BaseException:
        sock.close()
        raise
    return sock, answer


def longest_path(path: str) -> int:  # noqa: ARG001
    """Give how many bytes of a path the system takes: MAX_PATH, with its NUL, is 260."""
    return 259


def wait_readable(fd: int, timeout: float | None) -> None:
    """Wait until somebody connects or says something, or for *timeout* seconds."""
    deadline = None if timeout is None else monotonic() + timeout
    while True:
        listening = _listening.get(fd)
        clients = [client for client, _, _ in listening.waiting] if listening else []
        left = _STEP if deadline is None else min(_STEP, max(0.0, deadline - monotonic()))
        watched: list[Any] = [fd, *clients]
        if any(select.select(watched, [], [], left)):
            return
        if deadline is not None and monotonic() >= deadline:
            return
