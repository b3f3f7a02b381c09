"""Scenarios of connld, fattach() and the open() of an attached path."""

from __future__ import annotations

import fcntl
import os
import signal
import stat
import tempfile
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

from .simulated_calls import (
    I_LOOK,
    I_POP,
    I_PUSH,
    SOON,
    attempt,
    called,
    ended,
    full_table,
    in_child,
    ready,
    receive_fd,
    same_file,
    send_fd,
    stream_pipe,
)


@contextmanager
def attached() -> Iterator[tuple[int, str]]:
    """A path with a server's end: gives that, and the path."""
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "endpoint")
        os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
        ours, named = stream_pipe()
        fcntl.ioctl(named, I_PUSH, b"connld\0")
        called("fattach", named, path.encode())
        os.close(named)
        yield ours, path


def pushing() -> object:
    """connld goes on once; other modules there are none."""
    left, right = stream_pipe()
    said = [attempt(fcntl.ioctl, left, I_LOOK, bytes(9)), attempt(fcntl.ioctl, left, I_POP, 0)]
    said += [
        attempt(fcntl.ioctl, left, I_PUSH, name) for name in (b"ldterm\0", b"connld\0", b"connld\0")
    ]
    said += [attempt(fcntl.ioctl, left, I_LOOK, bytes(9)), attempt(fcntl.ioctl, right, I_POP, 0)]
    said += [attempt(fcntl.ioctl, left, I_POP, 0), attempt(fcntl.ioctl, left, I_POP, 0)]
    reading, _ = os.pipe()
    return [*said, attempt(fcntl.ioctl, reading, I_PUSH, b"connld\0")]


def attaching() -> object:
    """fattach() wants a stream with connld and a file, and that one only once."""
    said = []
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "endpoint").encode()
        left, right = stream_pipe()
        said += [attempt(called, "fattach", right, path)]
        os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
        said += [attempt(called, "fattach", right, path), attempt(called, "fattach", 99, path)]
        fcntl.ioctl(right, I_PUSH, b"connld\0")
        said += [attempt(called, "fattach", 0, path), attempt(called, "fattach", right, path)]
        said += [stat.S_ISFIFO(os.stat(path).st_mode), stat.S_ISFIFO(os.fstat(left).st_mode)]
        third, fourth = stream_pipe()
        fcntl.ioctl(fourth, I_PUSH, b"connld\0")
        said += [attempt(called, "fattach", fourth, path)]

        def stranger() -> None:
            os.seteuid(2345)
            assert attempt(called, "fattach", fourth, path) == "EPERM"

        if os.geteuid() == 0:
            os.chmod(folder, 0o755)
            child = in_child(stranger)
            said += [ended(child)]
        else:
            said += [0]
        os.close(left)
        said += [stat.S_ISREG(os.stat(path).st_mode), attempt(called, "fattach", fourth, path)]
        os.close(third)
    return said


def meeting() -> object:
    """A client waits in open(), whatever its flags say, until I_RECVFD gives the server its end."""
    with attached() as (server, path):
        os.set_blocking(server, False)
        said = [attempt(receive_fd, server), attempt(os.read, server, 1), ready(server)]
        opened: list[int] = []
        flags = os.O_RDWR | os.O_NONBLOCK
        thread = threading.Thread(target=lambda: opened.append(os.open(path, flags)))
        thread.start()
        said += [ready(server, SOON), attempt(os.read, server, 1)]
        thread.join(0.05)
        said += [thread.is_alive()]
        fd, uid, gid = receive_fd(server)
        thread.join(10)
        client = opened[0]
        said += [(uid, gid) == (os.geteuid(), os.getegid()), os.get_blocking(client)]
        said += [os.get_inheritable(client), os.get_inheritable(fd), os.get_blocking(fd)]
        os.write(client, b"ping")
        send_fd(fd, fd)
        said += [attempt(os.read, fd, 9), same_file(receive_fd(client)[0], fd)]
        os.set_blocking(client, True)
        os.close(client)
        return [*said, attempt(os.read, fd, 9), attempt(receive_fd, server)]


def meeting_with_a_full_table() -> object:
    """A client whom the server has no slot for goes on waiting."""
    with attached() as (server, path):
        child = in_child(lambda: os.write(os.open(path, os.O_RDWR), b"in"))
        ready(server, SOON)
        with full_table():
            said = [attempt(receive_fd, server) for _ in range(3)]
        fd, _, _ = receive_fd(server)
        return [*said, attempt(os.read, fd, 9), ended(child)]


def server_gone() -> object:
    """When the server goes, open() says ENXIO to who waits, and then opens the file itself."""
    with attached() as (server, path):

        def client() -> None:
            os.close(server)
            if attempt(os.open, path, os.O_RDWR) != "ENXIO":
                os._exit(2)
            fd = os.open(path, os.O_RDWR)
            if not stat.S_ISREG(os.fstat(fd).st_mode):
                os._exit(3)

        child = in_child(client)
        ready(server, SOON)
        os.close(server)
        return ended(child)


def client_gone() -> object:
    """A client that is interrupted leaves a stream that is hung up, and the server lives."""
    with attached() as (server, path):

        def rise(*_: object) -> None:
            raise TimeoutError

        signal.signal(signal.SIGALRM, rise)
        signal.setitimer(signal.ITIMER_REAL, 0.05)
        said = []
        try:
            os.open(path, os.O_RDWR)
        except TimeoutError:
            said.append("interrupted")
        fd, _, _ = receive_fd(server)
        return [*said, attempt(os.read, fd, 1), attempt(receive_fd, fd)]


def heirs_of_a_server() -> object:
    """The path is attached until the last process that has the server's end lets go of it."""
    with attached() as (server, path):
        reading, writing = os.pipe()

        def heir() -> None:
            os.close(writing)
            os.read(reading, 1)

        child = in_child(heir)
        os.close(server)
        said: list[object] = [stat.S_ISFIFO(os.stat(path).st_mode)]
        os.close(writing)
        said += [ended(child), stat.S_ISFIFO(os.stat(path).st_mode)]
        return said


def detaching() -> object:
    """fdetach() takes the name away; the server's end is hung up."""
    with attached() as (server, path):
        said = [called("fdetach", path.encode()), stat.S_ISFIFO(os.stat(path).st_mode)]
        said += [attempt(os.read, server, 1), attempt(receive_fd, server)]
        return [*said, attempt(called, "fdetach", path.encode())]


def another_file() -> object:
    """A new file of the same name is not the one that is attached."""
    with attached() as (server, path):
        os.unlink(path)
        fd = os.open(path, os.O_CREAT | os.O_RDWR, 0o600)
        said = [stat.S_ISREG(os.fstat(fd).st_mode), stat.S_ISREG(os.stat(path).st_mode)]
        said += [stat.S_ISREG(os.fstat(os.open(path, os.O_RDWR)).st_mode)]
        os.close(server)
        return said
