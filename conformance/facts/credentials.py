"""Who sent it: credentials that come along, and where; and who refuses descriptors."""

# ruff: noqa: D401 -- a docstring says here what a fact means

from __future__ import annotations

import ctypes
import os
import socket
import struct
from typing import Any

from .fact import Unanswered, fact
from .sockets import Message, Token, outcome, pair, receive, room, send

_PASSCRED = "unix(7), SO_PASSCRED"

# The option that asks for credentials with every message, its level, and what they come as.
_OPTIONS = (
    ("SO_PASSCRED", "SOL_SOCKET", "SCM_CREDENTIALS"),
    ("LOCAL_CREDS_PERSISTENT", None, "SCM_CREDS2"),
    ("LOCAL_CREDS", None, "SCM_CREDS"),
)


def _option() -> tuple[str, int, int]:
    """Give name, level and number of the option that this Python knows."""
    for word, level, _ in _OPTIONS:
        if hasattr(socket, word):
            number: int = getattr(socket, word)
            return word, getattr(socket, level) if level else 0, number
    raise Unanswered("this Python knows of no such option")


def _asked(descriptors: int = 16) -> Message:
    """Receive a descriptor with credentials asked for, and room for *descriptors* alone."""
    first, second = pair()
    _, level, number = _option()
    second.setsockopt(level, number, 1)
    send(first, b"x", [Token().writing])
    return receive(second, space=room(descriptors) + (256 if descriptors > 1 else 0))


def _credentials(message: Message) -> list[int]:
    """Give the places of what is no SCM_RIGHTS."""
    return [
        place for place, (_, kind, _) in enumerate(message.control) if kind != socket.SCM_RIGHTS
    ]


@fact("credentials.option", _PASSCRED)
def option() -> str:
    """The socket option that adds credentials to every message here."""
    return _option()[0]


@fact("credentials.arrive", _PASSCRED)
def arrive() -> bool:
    """Whether they arrive beside a descriptor, though the sender did not send them."""
    return bool(_credentials(_asked()))


@fact("credentials.place", "gVisor test/syscalls/linux/socket_unix_cmsg.cc, CredAndFDPass")
def place() -> str:
    """Where they stand: before the descriptors or after them; walk all control messages."""
    places = _credentials(_asked())
    if not places:
        raise Unanswered("no credentials arrive")
    return "before" if places[0] == 0 else "after"


@fact("credentials.crowd-out")
def crowd_out() -> int:
    """Descriptors that arrive when the room is for one, and credentials come as well."""
    return len(_asked(1).fds)


@fact("credentials.crowd-out-flag")
def crowd_out_flag() -> bool:
    """Whether MSG_CTRUNC tells what the credentials took the room of."""
    return _asked(1).cut


def _by_name(word: str, level: int, size: int) -> bool:
    number = getattr(socket, word, None)
    if number is None:
        return False
    try:
        end, _kept = pair()
        return bool(end.getsockopt(level, number, size))
    except OSError:
        return False


def _by_function(word: str) -> bool:
    try:
        function: Any = getattr(ctypes.CDLL(None), word)
    except (AttributeError, OSError, TypeError):
        return False
    end, _kept = pair()
    fd = end.fileno()
    if word == "getpeereid":
        uid, gid = ctypes.c_uint32(0xFFFFFFFF), ctypes.c_uint32(0xFFFFFFFF)
        return function(fd, ctypes.byref(uid), ctypes.byref(gid)) == 0 and uid.value == os.geteuid()
    found = ctypes.c_void_p()
    return bool(function(fd, ctypes.byref(found)) == 0)


@fact("credentials.peer", "unix(7), SO_PEERCRED")
def peer() -> list[str]:
    """Calls that tell here who is at the other end of a socketpair."""
    found = {
        "SO_PEERCRED": _by_name("SO_PEERCRED", socket.SOL_SOCKET, struct.calcsize("3i")),
        "LOCAL_PEERCRED": _by_name("LOCAL_PEERCRED", 0, 256),
        "getpeereid": _by_function("getpeereid"),
        "getpeerucred": _by_function("getpeerucred"),
    }
    return [word for word, works in found.items() if works]


@fact("credentials.refusal")
def refusal() -> str:
    """What the sender gets from a receiver that refuses descriptors by SO_PASSRIGHTS."""
    uname = os.uname()
    if uname.sysname != "Linux" or uname.machine.startswith(("sparc", "parisc", "alpha")):
        raise Unanswered("SO_PASSRIGHTS is not known to be here, or its number is not")
    first, second = pair()
    try:
        second.setsockopt(socket.SOL_SOCKET, 83, 0)  # Linux asm-generic/socket.h
    except OSError as error:
        raise Unanswered(f"there is no SO_PASSRIGHTS: {error.strerror}") from None
    return outcome(lambda: send(first, b"x", [Token().writing]))
