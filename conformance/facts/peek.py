"""What a look with MSG_PEEK shows, and what it leaves."""

# ruff: noqa: D401 -- a docstring says here what a fact means

from __future__ import annotations

import socket

from .fact import fact
from .sockets import AT_ONCE, Message, Token, bits_of, open_now, pair, receive, send

_MAN = "recv(2), MSG_PEEK: a subsequent receive will return the same data"
_GVISOR = "gVisor test/syscalls/linux/socket_unix_cmsg.cc, FDPassPeek"


def _sent() -> tuple[socket.socket, Token]:
    first, second = pair()
    token = Token()
    send(first, b"x", [token.writing])
    first.close()
    return second, token


def _look(end: socket.socket, space: int | None = None) -> Message:
    return receive(end, space=space, flags=socket.MSG_PEEK)


@fact("peek.shows", _GVISOR)
def shows() -> str:
    """What a look shows: descriptors (close them), zeros, pointers (tell nobody), nothing."""
    end, _ = _sent()
    before = open_now()
    return bits_of(_look(end).fds, before)


@fact("peek.numbers", _GVISOR)
def numbers() -> int:
    """How many numbers a look at 1 descriptor shows; more than 1: they are no descriptors."""
    return len(_look(_sent()[0]).fds)


@fact("peek.leaves-data", _MAN)
def leaves_data() -> bool:
    """Whether the data is still there after a look."""
    end, _ = _sent()
    _look(end)
    return receive(end).data == b"x"


@fact("peek.leaves-descriptor", _GVISOR)
def leaves_descriptor() -> bool:
    """Whether the descriptor is still there after a look: if not, never look."""
    end, _ = _sent()
    before = open_now()
    _look(end)
    return bits_of(receive(end).fds, before) == "descriptors"


@fact("peek.again", _GVISOR)
def again() -> str:
    """What a second look brings: further descriptors, or the same numbers again."""
    end, _ = _sent()
    one, two = _look(end).fds, _look(end).fds
    return "nothing" if not two else "the same" if one == two else "further ones"


@fact("peek.hidden")
def hidden() -> int:
    """Descriptors that a look left open without having told of them."""
    end, _ = _sent()
    before = open_now()
    shown = _look(end).fds
    return len(open_now() - before - set(shown))


@fact("peek.without-room")
def without_room() -> bool:
    """Whether a look without a control buffer leaves the descriptor: the cheap way to look."""
    end, _ = _sent()
    before = open_now()
    _look(end, 0)
    return open_now() == before and len(receive(end).fds) == 1


@fact("peek.without-room-flag")
def without_room_flag() -> bool:
    """Whether such a look tells by MSG_CTRUNC that there is a descriptor."""
    return _look(_sent()[0], 0).cut


@fact("peek.takes-over-reference")
def takes_over_reference() -> bool:
    """Whether a number that a look showed still works when the message is gone."""
    end, token = _sent()
    before = open_now()
    shown = _look(end).fds
    if bits_of(shown, before) != "descriptors":
        return False
    token.close()
    end.close()
    held = not token.released(AT_ONCE)
    return held and shown[0] in open_now()
