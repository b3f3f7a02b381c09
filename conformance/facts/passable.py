"""Which kinds of descriptors pass; a system may lack a kind, or refuse it."""

# ruff: noqa: D401 -- a docstring says here what a fact means

from __future__ import annotations

import ctypes
import os
import select
import socket
from importlib import import_module
from typing import TYPE_CHECKING, Any

from .fact import Unanswered, fact
from .sockets import Nothing, listening, name, pair, receive, send

if TYPE_CHECKING:
    from collections.abc import Callable

_ANY = "4.4BSD unix(4): any valid descriptor may be sent"


def _passes(make: Callable[[], Any]) -> str:
    """Pass what *make* opens: ``passes``, or what goes wrong."""
    try:
        made = make()
    except (AttributeError, ImportError):
        raise Unanswered("this Python has no way to open one") from None
    except OSError as error:
        raise Unanswered(f"there is none here: {name(error)}") from None
    fd = made if isinstance(made, int) else made.fileno()
    first, second = pair()
    try:
        send(first, b"x", [fd])
        received = receive(second).fds
    except Nothing:
        return "nothing arrives"
    except OSError as error:
        return name(error)
    if len(received) != 1:
        return "lost"
    sent, there = os.fstat(fd), os.fstat(received[0])
    same = (sent.st_dev, sent.st_ino, sent.st_mode) == (there.st_dev, there.st_ino, there.st_mode)
    return "passes" if same else "another one arrives"


@fact("passable.file", _ANY)
def file() -> str:
    """A regular file."""
    return _passes(lambda: os.open("file", os.O_RDWR | os.O_CREAT))


@fact("passable.directory", _ANY)
def directory() -> str:
    """A directory."""
    return _passes(lambda: os.open(".", os.O_RDONLY))


@fact("passable.device", _ANY)
def device() -> str:
    """A character device, /dev/null."""
    return _passes(lambda: os.open(os.devnull, os.O_RDWR))


@fact("passable.pipe", _ANY)
def pipe() -> str:
    """An end of a pipe."""
    return _passes(lambda: os.pipe()[1])


def _fifo() -> int:
    os.mkfifo("fifo")
    return os.open("fifo", os.O_RDONLY | os.O_NONBLOCK)


@fact("passable.fifo", _ANY)
def fifo() -> str:
    """A FIFO."""
    return _passes(_fifo)


@fact("passable.pty-master", _ANY)
def pty_master() -> str:
    """The controlling side of a pseudo-terminal."""
    return _passes(lambda: os.openpty()[0])


@fact("passable.pty-terminal", _ANY)
def pty_terminal() -> str:
    """The terminal side of a pseudo-terminal."""
    return _passes(lambda: os.openpty()[1])


@fact("passable.unix-stream", _ANY)
def unix_stream() -> str:
    """A Unix stream socket, which may be a passer itself."""
    return _passes(lambda: pair()[0])


@fact("passable.unix-dgram", _ANY)
def unix_dgram() -> str:
    """A Unix datagram socket."""
    return _passes(lambda: pair("dgram")[0])


@fact("passable.unix-listener", _ANY)
def unix_listener() -> str:
    """A listening Unix socket."""
    return _passes(listening)


@fact("passable.tcp", _ANY)
def tcp() -> str:
    """A TCP socket."""
    return _passes(lambda: socket.socket(socket.AF_INET, socket.SOCK_STREAM))


@fact("passable.udp", _ANY)
def udp() -> str:
    """A UDP socket."""
    return _passes(lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM))


@fact("passable.netlink", "netlink(7)")
def netlink() -> str:
    """A netlink socket."""
    return _passes(lambda: socket.socket(socket.AF_NETLINK, socket.SOCK_RAW))


@fact("passable.shared-memory", _ANY)
def shared_memory() -> str:
    """A POSIX shared memory object."""
    word = f"/facts-{os.getpid()}"

    def make() -> Any:
        module = import_module("_posixshmem")
        fd = module.shm_open(word, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
        module.shm_unlink(word)
        return fd

    return _passes(make)


@fact("passable.memfd", "memfd_create(2)")
def memfd() -> str:
    """A memfd."""
    return _passes(lambda: os.memfd_create("facts"))


def _of_select(word: str) -> Any:
    return getattr(select, word)()


@fact("passable.epoll", "epoll(7)")
def epoll() -> str:
    """An epoll instance."""
    return _passes(lambda: _of_select("epoll"))


@fact("passable.kqueue")
def kqueue() -> str:
    """A kqueue."""
    return _passes(lambda: _of_select("kqueue"))


@fact("passable.eventfd", "eventfd(2)")
def eventfd() -> str:
    """An eventfd."""
    return _passes(lambda: os.eventfd(0))


@fact("passable.pidfd", "pidfd_open(2)")
def pidfd() -> str:
    """A pidfd."""
    return _passes(lambda: os.pidfd_open(os.getpid()))


@fact("passable.path-only", "open(2), O_PATH: it can be passed")
def path_only() -> str:
    """A descriptor opened with O_PATH."""
    return _passes(lambda: os.open(".", os.O_PATH))


def _by_c(word: str, *arguments: Any) -> int:
    """Call a function of the C library that gives a descriptor."""
    made: int = getattr(ctypes.CDLL(None, use_errno=True), word)(*arguments)
    if made < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    return made


@fact("passable.timerfd", "timerfd_create(2)")
def timerfd() -> str:
    """A timerfd."""
    return _passes(lambda: _by_c("timerfd_create", 1, 0))


@fact("passable.signalfd", "signalfd(2)")
def signalfd() -> str:
    """A signalfd."""
    mask = ctypes.create_string_buffer(1024)  # sigset_t, empty
    return _passes(lambda: _by_c("signalfd", -1, mask, 0))


@fact("passable.inotify", "inotify(7)")
def inotify() -> str:
    """An inotify instance."""
    return _passes(lambda: _by_c("inotify_init"))


@fact("passable.io-uring")
def io_uring() -> str:
    """An io_uring, which could hold other descriptors in turn."""
    if os.uname().sysname != "Linux":
        raise Unanswered("io_uring is Linux's")
    # 425 with all architectures but alpha; struct io_uring_params has 120 bytes.
    parameters = ctypes.create_string_buffer(120)
    return _passes(lambda: _by_c("syscall", 425, 1, parameters))
