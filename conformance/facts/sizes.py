"""Constants and sizes, as the C library of this system defines them."""

# ruff: noqa: D401 -- a docstring says here what a fact means

from __future__ import annotations

import socket

from .fact import Unanswered, fact
from .sockets import INT, pair

_RFC = "RFC 3542 section 20"
_MAN = "recv(2)"


def _constant(word: str) -> int:
    value = getattr(socket, word, None)
    if value is None:
        raise Unanswered(f"this Python has no socket.{word}")
    return int(value)


def _length(macro: str, ints: int) -> int:
    measure = getattr(socket, macro, None)
    if measure is None:
        raise Unanswered(f"this Python has no socket.{macro}")
    return int(measure(ints * INT))


@fact("sizes.cmsg-len-none", _RFC, here=True)
def cmsg_len_none() -> int:
    """CMSG_LEN(0), in bytes: the header of a control message and its padding."""
    return _length("CMSG_LEN", 0)


@fact("sizes.cmsg-len-one", _RFC, here=True)
def cmsg_len_one() -> int:
    """CMSG_LEN of one descriptor: what cmsg_len is to be; never use it for the buffer."""
    return _length("CMSG_LEN", 1)


@fact("sizes.cmsg-space-none", _RFC, here=True)
def cmsg_space_none() -> int:
    """CMSG_SPACE(0), in bytes: it is not 0, so an empty array still asks for a buffer."""
    return _length("CMSG_SPACE", 0)


@fact("sizes.cmsg-space-one", _RFC, here=True)
def cmsg_space_one() -> int:
    """CMSG_SPACE of one descriptor: the buffer that a receiver of one has."""
    return _length("CMSG_SPACE", 1)


@fact("sizes.cmsg-space-two", _RFC, here=True)
def cmsg_space_two() -> int:
    """CMSG_SPACE of two; the same as of one where padding has room for the second."""
    return _length("CMSG_SPACE", 2)


@fact("sizes.sol-socket", here=True)
def sol_socket() -> int:
    """The number of SOL_SOCKET, for those who call without a header."""
    return _constant("SOL_SOCKET")


@fact("sizes.scm-rights", here=True)
def scm_rights() -> int:
    """The number of SCM_RIGHTS."""
    return _constant("SCM_RIGHTS")


@fact("sizes.msg-ctrunc", _MAN, here=True)
def msg_ctrunc() -> int:
    """The number of MSG_CTRUNC."""
    return _constant("MSG_CTRUNC")


@fact("sizes.msg-peek", _MAN, here=True)
def msg_peek() -> int:
    """The number of MSG_PEEK."""
    return _constant("MSG_PEEK")


@fact("sizes.msg-dontwait", _MAN, here=True)
def msg_dontwait() -> int:
    """The number of MSG_DONTWAIT; without it O_NONBLOCK is the only way not to wait."""
    return _constant("MSG_DONTWAIT")


@fact("sizes.msg-cmsg-cloexec", _MAN, here=True)
def msg_cmsg_cloexec() -> int:
    """The number of MSG_CMSG_CLOEXEC; without it a fork at the wrong time inherits."""
    return _constant("MSG_CMSG_CLOEXEC")


@fact("sizes.send-buffer", "POSIX.1-2008 XSH 2.10.9")
def send_buffer() -> int:
    """SO_SNDBUF of a new stream pair, in bytes."""
    return pair()[0].getsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF)


@fact("sizes.receive-buffer", "POSIX.1-2008 XSH 2.10.9")
def receive_buffer() -> int:
    """SO_RCVBUF of a new stream pair, in bytes."""
    return pair()[0].getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF)
