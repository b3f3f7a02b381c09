"""What comes with the suite: every peer program with its language, and what it takes to run it.

A peer whose language or library is not installed here is missing, and says what is to be installed;
nothing else of the suite minds.
"""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING, NamedTuple

from ..errors import CannotStart
from ..harness.dialects import MULTIPROCESSING
from . import PEERS, compiled

if TYPE_CHECKING:
    from collections.abc import Callable

PROGRAMS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "programs")
"""The folder of the programs in other languages."""


class Shipped(NamedTuple):
    """A peer program: what it passes by, and how it is started."""

    passer: str
    language: str
    dialects: tuple[str, ...]
    """How it announces descriptors on a channel, the usual way first; PROTOCOL.md, Dialects."""
    command: Callable[[], tuple[str, ...]]
    """Gives the command line; compiles the program first if that is to be done."""
    probe: tuple[str, ...] = ()
    """A command that succeeds where all is installed; empty: Python alone is needed."""
    package: str = ""
    """What Debian calls what has to be installed."""
    pip: str = ""
    """What pip calls it, for the Python that runs the suite."""
    cpan: str = ""
    """What CPAN calls it, where Debian has not packaged it."""

    def missing(self) -> str | None:
        """Say what has to be installed, or None: it can be run."""
        if sys.platform == "win32" and self.probe:
            return "it passes by Unix sockets"
        if not self.probe or _succeeds(self.probe):
            return None
        ways = [
            words + name
            for words, name in (
                ("Debian: apt-get install ", self.package),
                ("pip install ", self.pip),
                ("not in Debian: cpan ", self.cpan),
            )
            if name
        ]
        return f"{self.passer} is not installed; {'; or '.join(ways)}"


def _succeeds(command: tuple[str, ...]) -> bool:
    if shutil.which(command[0]) is None:
        return False
    return not subprocess.run(command, capture_output=True, check=False).returncode


def _python(name: str) -> Callable[[], tuple[str, ...]]:
    return lambda: PEERS[name]


def _script(interpreter: tuple[str, ...], *path: str) -> Callable[[], tuple[str, ...]]:
    return lambda: (*interpreter, os.path.join(PROGRAMS, *path))


def _imports(module: str, name: str = "__name__") -> tuple[str, ...]:
    return (sys.executable, "-c", f"import {module}; {module}.{name}")


def _c() -> tuple[str, ...]:
    return compiled.program("c", os.path.join(PROGRAMS, "c"), ".c", compiled.cc)


def _musl() -> tuple[str, ...]:
    return compiled.program("c-musl", os.path.join(PROGRAMS, "c"), ".c", compiled.musl)


def _rust() -> tuple[str, ...]:
    return compiled.program("rust", os.path.join(PROGRAMS, "rust"), ".rs", compiled.cargo)


def _erlang() -> tuple[str, ...]:
    folder = os.path.join(PROGRAMS, "erlang")
    (modules,) = compiled.program("erlang", folder, ".erl", compiled.erlc)
    log = "[{handler, default, logger_std_h, #{config => #{type => standard_error}}}]"
    start = ("erl", "-noinput", "-boot", "no_dot_erlang", "-kernel", "logger", log)
    return (*start, "-pa", modules, "-s", "fd_peer", "main")


def _java() -> tuple[str, ...]:
    (archive,) = compiled.program("java", os.path.join(PROGRAMS, "java"), ".java", compiled.javac)
    quick = ("-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-XX:-UseContainerSupport")
    opened = (*compiled.JAVA_INTERNALS, "--add-opens", "java.base/sun.nio.ch=ALL-UNNAMED")
    native = f"-Djava.library.path={':'.join(_JNI)}"
    return ("java", *quick, *opened, native, "-cp", f"{archive}:{compiled.JUNIXSOCKET}", "Peer")


def _haskell() -> tuple[str, ...]:
    return compiled.program("haskell", os.path.join(PROGRAMS, "haskell"), ".hs", compiled.ghc)


def _dlang() -> tuple[str, ...]:
    return compiled.program("dlang", os.path.join(PROGRAMS, "d"), ".d", compiled.gdc)


def _go() -> tuple[str, ...]:
    return compiled.program("go", os.path.join(PROGRAMS, "go"), ".go", compiled.go)


_JNI = ("/usr/lib/jni", f"/usr/lib/{platform.machine()}-linux-gnu/jni")
_CPYTHON = "Python"
_EXTENSIONS = "'FFI', 'pcntl', 'posix', 'sockets'"
_NUL = ("nul",)
_MULTIPROCESSING = (MULTIPROCESSING,)
_OURS = ("nul", "count", "count-ack", "bang", "word0")

SHIPPED: dict[str, Shipped] = {
    "fdpass": Shipped("fdpass", _CPYTHON, _OURS, _python("fdpass")),
    "fdpass-ctypes": Shipped("fdpass, by ctypes", _CPYTHON, _OURS, _python("fdpass-ctypes")),
    "send-fds": Shipped("socket.send_fds, recv_fds", _CPYTHON, _NUL, _python("send-fds")),
    "multiprocessing": Shipped(
        "multiprocessing.reduction.sendfds, recvfds",
        _CPYTHON,
        _MULTIPROCESSING,
        _python("multiprocessing"),
    ),
    "multiprocessing-handle": Shipped(
        "multiprocessing.reduction.send_handle, recv_handle",
        _CPYTHON,
        _MULTIPROCESSING,
        _python("multiprocessing-handle"),
    ),
    "c-cmsg": Shipped("sendmsg(2), recvmsg(2)", "C", _NUL, _c, ("cc", "--version"), "gcc"),
    "io-fdpass": Shipped(
        "IO::FDPass",
        "Perl",
        _NUL,
        _script(("perl",), "perl", "io-fdpass.pl"),
        ("perl", "-MIO::FDPass", "-MJSON::PP", "-e1"),
        "libio-fdpass-perl",
    ),
    "socket-msghdr": Shipped(
        "Socket::MsgHdr",
        "Perl",
        _NUL,
        _script(("perl",), "perl", "socket-msghdr.pl"),
        ("perl", "-MSocket::MsgHdr", "-MJSON::PP", "-e1"),
        "libsocket-msghdr-perl",
    ),
    "ruby": Shipped(
        "UNIXSocket#send_io, recv_io",
        "Ruby",
        _NUL,
        _script(("ruby", "--disable-gems"), "ruby", "send-io.rb"),
        ("ruby", "--disable-gems", "-rsocket", "-rjson", "-e1"),
        "ruby",
    ),
    "go": Shipped(
        "net.UnixConn.WriteMsgUnix, ReadMsgUnix", "Go", _NUL, _go, ("go", "version"), "golang-go"
    ),
    "node": Shipped(
        "child_process send(message, handle)",
        "Node.js",
        ("jsonl",),
        _script(("node", "--expose-internals", "--no-warnings"), "node", "peer.js"),
        ("node", "--expose-internals", "-e", "require('internal/child_process').setupChannel"),
        "nodejs",
    ),
    "php": Shipped(
        "socket_sendmsg, socket_recvmsg",
        "PHP",
        _NUL,
        _script(("php", "-d", "display_errors=stderr"), "php", "peer.php"),
        ("php", "-r", f"exit(array_diff([{_EXTENSIONS}], get_loaded_extensions()) ? 1 : 0);"),
        "php-cli",
    ),
    "anyio": Shipped(
        "anyio.abc.UNIXSocketStream.send_fds, receive_fds",
        _CPYTHON,
        _NUL,
        _python("anyio"),
        _imports("anyio.abc", "UNIXSocketStream.from_socket"),
        "python3-anyio",
        "anyio>=4.10",
    ),
    "asyncio": Shipped(
        "socket.send_fds, recv_fds under asyncio", _CPYTHON, _NUL, _python("asyncio")
    ),
    "twisted": Shipped(
        "IUNIXTransport.sendFileDescriptor, IFileDescriptorReceiver",
        _CPYTHON,
        _NUL,
        _python("twisted"),
        _imports("twisted.internet.unix"),
        "python3-twisted",
        "twisted",
    ),
    "uvloop": Shipped(
        "socket.send_fds, recv_fds under uvloop",
        _CPYTHON,
        _NUL,
        _python("uvloop"),
        _imports("uvloop"),
        "python3-uvloop",
        "uvloop",
    ),
    "c-musl": Shipped(
        "sendmsg(2), recvmsg(2), musl",
        "C",
        _NUL,
        _musl,
        ("musl-gcc", "--version"),
        "musl-tools gcc",
    ),
    "dlang": Shipped(
        "core.sys.posix: sendmsg, recvmsg", "D", _NUL, _dlang, ("gdc", "--version"), "gdc"
    ),
    "erlang": Shipped(
        "socket:sendmsg, recvmsg",
        "Erlang",
        _NUL,
        _erlang,
        ("sh", "-c", "command -v erlc && command -v erl"),
        "erlang-base",
    ),
    "haskell": Shipped(
        "Network.Socket: sendFd, recvFd",
        "Haskell",
        _NUL,
        _haskell,
        ("ghc-pkg", "describe", "network"),
        "ghc libghc-network-dev",
    ),
    "junixsocket": Shipped(
        "junixsocket: AFUNIXSocketChannel",
        "Java",
        _NUL,
        _java,
        ("sh", "-c", f"command -v javac && ls {compiled.JUNIXSOCKET}"),
        "default-jdk-headless libjunixsocket-java",
    ),
    "anyevent-fdpasser": Shipped(
        "AnyEvent::FDpasser",
        "Perl",
        _NUL,
        _script(("perl",), "perl", "anyevent-fdpasser.pl"),
        ("perl", "-MAnyEvent::FDpasser", "-MJSON::PP", "-e1"),
        cpan="AnyEvent::FDpasser",
    ),
    "rust-nix": Shipped(
        "nix: sendmsg, recvmsg, ScmRights",
        "Rust",
        _NUL,
        _rust,
        ("sh", "-c", f"cargo --version && ls -d {compiled.CRATES}/nix-0.26*"),
        "cargo librust-nix-dev",
    ),
}


def command_of(name: str) -> tuple[str, ...]:
    """Give the command line of a shipped peer.

    Raises:
        CannotStart: it cannot be run here; the message says what is to be installed.

    """
    peer = SHIPPED[name]
    if lack := peer.missing():
        raise CannotStart(f"the peer {name} cannot be run here: {lack}")
    return peer.command()
