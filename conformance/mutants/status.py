"""Passers that change the status flags of what they pass."""

from __future__ import annotations

import fcntl
import os
import stat

from conformance.peers.reference import ReferencePeer

from .mutant import Mutant
from .queuers import (
    AllLikeTheFirstOfThem,
    RestoresWhatItQueued,
    SetsWhatItQueues,
    TurnsAFullChannel,
)
from .readers import (
    ClearsWithData,
    LeavesTheChannelSet,
    QueuesWithoutAppend,
    RestoresOneFlag,
    SetsMany,
)
from .spoilers import Reopens, Spoiler
from .waiters import ClearsTheAwaited

TYPE_CHECKING = False
if TYPE_CHECKING:
    import fdpass
    from conformance.peers.session import Request


class Clears(Spoiler):
    """Clears O_NONBLOCK of what it receives."""

    def spoil(self, fd: int, passer: fdpass.Passer) -> None:  # noqa: ARG002
        """Clear it."""
        os.set_blocking(fd, True)


class Sets(Spoiler):
    """Sets O_NONBLOCK of what it receives."""

    def spoil(self, fd: int, passer: fdpass.Passer) -> None:  # noqa: ARG002
        """Set it."""
        os.set_blocking(fd, False)


class AllLikeTheFirst(Spoiler):
    """Gives everything it receives the O_NONBLOCK of the first."""

    def __init__(self) -> None:
        super().__init__()
        self._blocking: bool | None = None

    def spoil(self, fd: int, passer: fdpass.Passer) -> None:  # noqa: ARG002
        """Make it like the first."""
        if self._blocking is None:
            self._blocking = os.get_blocking(fd)
        os.set_blocking(fd, self._blocking)


class ClearsOnReturn(Spoiler):
    """Clears O_NONBLOCK of what it had sent itself, when it comes back."""

    def __init__(self) -> None:
        super().__init__()
        self._sent: set[tuple[int, int]] = set()

    def op_send(self, request: Request) -> object:
        """Send it, and remember what it was."""
        self._sent.add(_what(request["fd"]))
        return super().op_send(request)

    def spoil(self, fd: int, passer: fdpass.Passer) -> None:  # noqa: ARG002
        """Clear it, if it is an old acquaintance."""
        if _what(fd) in self._sent:
            os.set_blocking(fd, True)


def _what(fd: int) -> tuple[int, int]:
    about = os.fstat(fd)
    return about.st_dev, about.st_ino


class ClearsSockets(Spoiler):
    """Clears O_NONBLOCK of the sockets that it receives."""

    def spoil(self, fd: int, passer: fdpass.Passer) -> None:  # noqa: ARG002
        """Clear it."""
        if stat.S_ISSOCK(os.fstat(fd).st_mode):
            os.set_blocking(fd, True)


class ClearsFiles(Spoiler):
    """Clears O_NONBLOCK of the regular files that it receives, where it has no effect."""

    def spoil(self, fd: int, passer: fdpass.Passer) -> None:  # noqa: ARG002
        """Clear it."""
        if stat.S_ISREG(os.fstat(fd).st_mode):
            os.set_blocking(fd, True)


class SetsTheChannel(ReferencePeer):
    """Makes a channel non-blocking for sending over it, and leaves it so."""

    def op_send(self, request: Request) -> object:
        """Send without waiting, by the channel's flag."""
        os.set_blocking(self.passer(request).fileno(), False)
        return super().op_send(request)


class LikeTheChannel(Spoiler):
    """Gives what it receives the O_NONBLOCK of the channel it came through."""

    def spoil(self, fd: int, passer: fdpass.Passer) -> None:
        """Make it like the channel."""
        os.set_blocking(fd, os.get_blocking(passer.fileno()))


class ClearsAppend(Spoiler):
    """Clears O_APPEND of what it receives."""

    def spoil(self, fd: int, passer: fdpass.Passer) -> None:  # noqa: ARG002
        """Clear it."""
        fcntl.fcntl(fd, fcntl.F_SETFL, fcntl.fcntl(fd, fcntl.F_GETFL) & ~os.O_APPEND)


class ReopensForBoth(Reopens):
    """Sends the file opened anew, for reading and for writing."""

    def flags(self, fd: int) -> int:
        """Open it for both."""
        return super().flags(fd) & ~os.O_ACCMODE | os.O_RDWR


class OpensNonblocking(ReferencePeer):
    """Opens pairs of sockets that are non-blocking from the start."""

    def op_socketpair(self, request: Request) -> object:
        """Open a pair."""
        answer = super().op_socketpair(request)
        assert isinstance(answer, dict)
        for fd in answer["fds"]:
            os.set_blocking(fd, False)
        return answer


class ForkClears(ReferencePeer):
    """Clears O_NONBLOCK of all sockets after a fork."""

    def op_fork(self, request: Request) -> object:
        """Fork, and clear it in the parent; the child shares the flag."""
        answer = super().op_fork(request)
        for fd in range(3, 100):
            try:
                if stat.S_ISSOCK(os.fstat(fd).st_mode):
                    os.set_blocking(fd, True)
            except OSError:
                continue
        return answer


class ChildClears(ReferencePeer):
    """Clears O_NONBLOCK of what it sends, in a process that it has forked."""

    def __init__(self) -> None:
        super().__init__()
        self._pid = os.getpid()

    def op_send(self, request: Request) -> object:
        """Send it, as it was or not."""
        if os.getpid() != self._pid:
            os.set_blocking(request["fd"], True)
        return super().op_send(request)


MUTANTS = (
    Mutant(
        "OpensNonblocking",
        "status.default-blocking",
        because="a fresh descriptor has O_NONBLOCK set",
        peer=OpensNonblocking,
    ),
    Mutant("Clears", "status.passed-set", because="O_NONBLOCK was lost on the way", peer=Clears),
    Mutant("Sets", "status.passed-clear", because="O_NONBLOCK was set on the way", peer=Sets),
    Mutant(
        "AllLikeTheFirst",
        "status.each-its-own",
        because="O_NONBLOCK went astray",
        peer=AllLikeTheFirst,
    ),
    Mutant(
        "ClearsOnReturn",
        "status.passed-back",
        because="O_NONBLOCK has changed",
        peer=ClearsOnReturn,
    ),
    Mutant(
        "ClearsSockets",
        "status.socket",
        because="O_NONBLOCK of a socket has changed",
        peer=ClearsSockets,
    ),
    Mutant(
        "Reopens",
        "status.sender-sets-later",
        because="O_NONBLOCK is not shared with the receiver",
        peer=Reopens,
    ),
    Mutant(
        "Reopens",
        "status.receiver-clears-later",
        because="O_NONBLOCK is not shared with the sender",
        peer=Reopens,
    ),
    Mutant("Reopens", "status.changed-in-flight", because="as it was when sent", peer=Reopens),
    Mutant(
        "ClearsAppend", "status.append", because="O_APPEND was lost on the way", peer=ClearsAppend
    ),
    Mutant(
        "ReopensForBoth",
        "status.access-mode",
        because="opened for reading only can be written",
        peer=ReopensForBoth,
    ),
    Mutant(
        "ForkClears",
        "status.fork-keeps",
        because="O_NONBLOCK was lost by the fork",
        peer=ForkClears,
    ),
    Mutant(
        "ChildClears",
        "status.fork-then-pass",
        because="O_NONBLOCK was changed by a fork and passing",
        peer=ChildClears,
    ),
    Mutant(
        "LikeTheChannel",
        "status.nonblocking-channel",
        because="O_NONBLOCK of the channel has rubbed off",
        peer=LikeTheChannel,
    ),
    Mutant(
        "clears-nonblock",
        "status.passed-set",
        because="O_NONBLOCK was lost on the way",
        system="clears-nonblock",
    ),
    Mutant(
        "sets-nonblock",
        "status.passed-clear",
        because="O_NONBLOCK was set on the way",
        system="sets-nonblock",
    ),
    Mutant(
        "toggles-passed-sockets",
        "status.socket",
        because="O_NONBLOCK of a socket has changed",
        system="toggles-passed-sockets",
    ),
    Mutant(
        "clears-append",
        "status.append",
        because="O_APPEND was lost on the way",
        system="clears-append",
    ),
    Mutant(
        "fork-clears-nonblock",
        "status.fork-keeps",
        because="O_NONBLOCK was lost by the fork",
        system="fork-clears-nonblock",
    ),
    Mutant(
        "LikeTheChannel",
        "status.blocking-channel",
        because="clearing it on the channel cleared it on the pending",
        peer=LikeTheChannel,
    ),
    Mutant(
        "SetsTheChannel",
        "status.channel-untouched",
        because="passing has changed the status of the channel",
        peer=SetsTheChannel,
    ),
    Mutant(
        "ClearsFiles", "status.kinds", because="O_NONBLOCK was lost on the way", peer=ClearsFiles
    ),
    Mutant(
        "SetsWhatItQueues",
        "status.queued",
        because="queueing has changed the O_NONBLOCK of the sent",
        peer=SetsWhatItQueues,
    ),
    Mutant(
        "RestoresWhatItQueued",
        "status.queued",
        because="or not as it is now",
        peer=RestoresWhatItQueued,
    ),
    Mutant(
        "TurnsAFullChannel",
        "status.full-channel-untouched",
        because="queueing has changed the status of the channel",
        peer=TurnsAFullChannel,
    ),
    Mutant(
        "AllLikeTheFirstOfThem",
        "status.each-its-own-at-once",
        because="O_NONBLOCK went astray",
        peer=AllLikeTheFirstOfThem,
    ),
    Mutant(
        "ClearsTheAwaited",
        "status.awaited",
        because="waiting for it has changed its O_NONBLOCK",
        peer=ClearsTheAwaited,
    ),
    Mutant(
        "SetsMany",
        "status.many",
        because="O_NONBLOCK went astray",
        peer=SetsMany,
    ),
    Mutant(
        "ClearsWithData",
        "status.with-data",
        because="beside data its O_NONBLOCK has changed",
        peer=ClearsWithData,
    ),
    Mutant(
        "RestoresOneFlag",
        "status.append-nonblocking",
        because="was lost beside O_NONBLOCK",
        peer=RestoresOneFlag,
    ),
    Mutant(
        "QueuesWithoutAppend",
        "status.append-queued",
        because="queueing has changed the O_APPEND",
        peer=QueuesWithoutAppend,
    ),
    Mutant(
        "LeavesTheChannelSet",
        "status.channel-untouched-in-vain",
        because="waiting in vain has changed the status",
        peer=LeavesTheChannelSet,
    ),
)
