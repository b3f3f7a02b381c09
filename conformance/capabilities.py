"""What a peer may leave out, tried of one that lists it: an operation that is listed has to work.

A step for operations that belong together; it stands with those that it needs.
"""

from __future__ import annotations

import os
from contextlib import suppress
from typing import TYPE_CHECKING

from .conversation import LONG
from .errors import PassFailed, RequestRefused
from .harness.dialects import carries_bytes
from .harness.held import Books
from .harness.patience import NOTHING
from .harness.peer import fork

if TYPE_CHECKING:
    from collections.abc import Callable

    from .conversation import Conversation
    from .harness.peer import Peer

    Step = Callable[[Conversation], None]

_LIMIT = 128  # descriptors; more than a runtime has open for itself
_BUSY = 0.05  # seconds


def _receives_at_once(talk: Conversation) -> None:
    """Require that it receives what is there, and does not wait for what is not (recv_nowait)."""
    there, here = talk.passers
    talk.due_error(1, "recv_nowait", *sorted(NOTHING), passer=here)
    sent = talk.open_token(0)
    talk.send(0, there, sent)
    talk.ask(0, "close", fd=sent)
    deadline = talk.patience.deadline(LONG)
    while True:  # a system may say would-block for no reason once in a while
        pending = talk.request(1, "recv_nowait", passer=here)
        if "error" not in talk.peers[1].wait_for(pending) or deadline.passed:
            break
    talk.is_the_token(1, talk.answer(pending)["fd"], "recv_nowait")


def _receives_many(talk: Conversation) -> None:
    """Require that it receives all that is there (recv_many)."""
    talk.due_error(1, "recv_many", *sorted(NOTHING), passer=talk.passers[1], timeout=0.0)
    sent = talk.open_token(0)
    for _ in range(3):
        talk.send(0, talk.passers[0], sent)
    talk.ask(0, "close", fd=sent)
    received: list[int] = []
    while len(received) < 3:
        some = talk.ask(1, "recv_many", passer=talk.passers[1], timeout=LONG)["fds"]
        if not some:
            raise talk.wrong("recv_many", "no descriptors", "at least one")
        received += some
    for fd in received:
        talk.is_the_token(1, fd, "recv_many")


def _sends_many(talk: Conversation) -> None:
    """Require that it sends several, in order (send_many)."""
    sent = [talk.open_token(0) for _ in range(3)]
    talk.ask(0, "send_many", passer=talk.passers[0], fds=sent, close=True)
    talk.ask(0, "flush", passer=talk.passers[0], timeout=LONG)
    for _ in sent:
        got = talk.ask(1, "recv", passer=talk.passers[1], timeout=LONG)["fd"]
        talk.is_the_token(1, got, "send_many")
    for fd in sent:
        talk.due_error(0, "close", "os", fd=fd)


def _passes_bytes(talk: Conversation) -> None:
    """Require that bytes go with a descriptor (recv_with_data)."""
    if not carries_bytes(_dialect(talk)):
        return  # which has no bytes beside the descriptors
    sent = talk.open_token(0)
    for data in (b"beside", b""):
        talk.send(0, talk.passers[0], sent, hex=data.hex() or None)
        got = talk.ask(1, "recv_with_data", passer=talk.passers[1], timeout=LONG)
        talk.is_the_token(1, got["fd"], "recv_with_data")
        if bytes.fromhex(got["hex"]) != data:
            raise talk.wrong("recv_with_data", f"hex {got['hex']!r}", repr(data.hex()))
    talk.ask(0, "close", fd=sent)


def _counts_its_queue(talk: Conversation) -> None:
    """Require that it tells how many wait (queued)."""
    if waiting := talk.ask(0, "queued", passer=talk.passers[0])["queued"]:
        raise talk.wrong("queued", str(waiting), "0, as nothing was sent")


def _tells_credentials(talk: Conversation) -> None:
    """Require that it tells who is at the other end, or that it does not know (credentials)."""
    who = talk.ask(0, "credentials", passer=talk.passers[0])
    ours = {"uid": os.getuid(), "gid": os.getgid()}  # of whoever made the channel: of us
    for name, due in ours.items():
        if who[name] not in {None, due} and talk.peers[0].is_visible:
            raise talk.wrong("credentials", f"{name} {who[name]}", f"{due}, or null")


def _makes_pairs(talk: Conversation) -> None:
    """Require that it makes both ends of a channel (pair)."""
    ends = talk.ask(0, "pair")["passers"]
    if len(ends) != 2 or len({*ends, talk.passers[0]}) != 3:
        raise talk.wrong("pair", f"passers {ends}", "two new words")
    talk.passes((0, ends[0]), (0, ends[1]), "pair")
    for end in ends:
        talk.ask(0, "drop", passer=end)


def _listens(talk: Conversation) -> None:
    """Require that it listens, accepts and connects (listen, accept, connect)."""
    path = talk.path("endpoint")
    listener = talk.ask(0, "listen", path=path)["listener"]
    talk.due_error(0, "accept", *sorted(NOTHING), listener=listener, timeout=_BUSY)
    accepting = talk.request(0, "accept", listener=listener, timeout=LONG)
    connected = talk.ask(1, "connect", path=path, timeout=LONG)["passer"]
    accepted = talk.answer(accepting)["passer"]
    talk.passes((1, connected), (0, accepted), "accept")
    for which, passer in ((0, listener), (0, accepted), (1, connected)):
        talk.ask(which, "drop", passer=passer)
    talk.due_error(1, "connect", path=talk.path("nobody"), timeout=_BUSY)


def _forks(talk: Conversation) -> None:
    """Require that it forks: a child that is a peer, has the same passers, and ends (fork)."""
    parent = Books(talk.peers[1], ())
    parent.at_the_start = parent.table()
    try:
        child = fork(parent.peer, "peer C", talk.patience, talk.path)
    except KeyError as missing:
        raise talk.wrong("fork", f"an answer without {missing}", "the pid of the child") from None
    talk.peers.append(child)
    try:
        child.hello_later().answer()
        _closes_what_it_was_given(talk, parent, parent.child(child))
        sent = talk.open_token(0)
        talk.send(0, talk.passers[0], sent)
        talk.ask(0, "close", fd=sent)
        got = talk.ask(2, "recv", passer=talk.passers[1], timeout=LONG)["fd"]
        talk.is_the_token(2, got, "fork")
        child.leave()
        _expect_the_end(talk, child)
    finally:
        talk.peers.remove(child)
        child.abandon()  # with its parent it is killed, if it has not ended


def _closes_what_it_was_given(talk: Conversation, *tables: Books) -> None:
    for books in tables:
        try:
            books.audit()
        except AssertionError as found:
            due = "what was open before, stdin and stdout of the request are closed in both"
            raise talk.wrong("fork", str(found), due) from None


def _expect_the_end(talk: Conversation, child: Peer) -> None:
    if not talk.offers("wait"):
        child.expect_the_end()
    elif status := talk.ask(1, "wait", pid=child.pid, timeout=LONG)["status"]:
        raise talk.wrong("wait", f"status {status}", "0, as its input has ended")


def _makes_sockets(talk: Conversation) -> None:
    """Require that it makes a connected pair of sockets (socketpair)."""
    one, other = _two(talk)
    talk.ask(0, "write", fd=one, hex="00ff")
    if talk.offers("read"):
        said = talk.ask(0, "read", fd=other, count=10, timeout=LONG)["hex"]
        if said != "00ff":
            raise talk.wrong(
                "read", f"hex {said!r}", "'00ff', which was written into the other end"
            )
        talk.due_error(0, "read", *sorted(NOTHING), fd=other, count=10, timeout=_BUSY)
    for fd in (one, other):
        talk.ask(0, "close", fd=fd)


def _speaks_its_dialects(talk: Conversation) -> None:
    """Require that it passes in every dialect that it lists (dialects)."""
    for dialect in talk.peers[0].dialects:
        one, other = _two(talk)
        ends = [talk.ask(0, "adopt", fd=fd, dialect=dialect)["passer"] for fd in (one, other)]
        talk.passes((0, ends[0]), (0, ends[1]), "adopt")
        for end in ends:
            talk.ask(0, "drop", passer=end)


def _reads_files(talk: Conversation) -> None:
    """Require that it reads, and moves the file offset (read, seek)."""
    fd = talk.ask(0, "open", path=talk.path("file"), flags=["both", "create"])["fd"]
    talk.ask(0, "write", fd=fd, hex=b"0123456789".hex())
    if (at := talk.ask(0, "seek", fd=fd, offset=7)["offset"]) != 7:
        raise talk.wrong("seek", f"offset {at}", "7")
    for due in (b"789", b""):
        said = talk.ask(0, "read", fd=fd, count=10, timeout=LONG)["hex"]
        if said != due.hex():
            raise talk.wrong("read", f"hex {said!r}", repr(due.hex()))
    talk.ask(0, "close", fd=fd)


def _tells_flags(talk: Conversation) -> None:
    """Require that it tells the flags as they are (flags)."""
    fd = talk.ask(0, "open", path=talk.path("file"), flags=["write", "append", "create"])["fd"]
    due = {"nonblocking": False, "append": True, "access": "write"}
    if talk.offers("set_nonblocking"):
        talk.ask(0, "set_nonblocking", fd=fd, on=True)
        due["nonblocking"] = True
    came = talk.ask(0, "flags", fd=fd)
    for name, value in due.items():
        if came[name] != value:
            raise talk.wrong("flags", f"{name} {came[name]!r}", repr(value))
    talk.ask(0, "close", fd=fd)


def _identifies(talk: Conversation) -> None:
    """Require that it tells what a descriptor is open on (identity)."""
    path = talk.path("file")
    fd = talk.ask(0, "open", path=path, flags=["write", "create"])["fd"]
    came, about = talk.ask(0, "identity", fd=fd), os.stat(path)
    for name, due in (("kind", "file"), ("dev", about.st_dev), ("ino", about.st_ino)):
        if came[name] != due and talk.peers[0].is_visible:
            raise talk.wrong("identity", f"{name} {came[name]!r}", repr(due))
    talk.ask(0, "close", fd=fd)


def _lists_its_table(talk: Conversation) -> None:
    """Require that it lists what is open, and nothing else (table)."""
    fd = talk.open_token(0)
    if fd not in (fds := talk.ask(0, "table")["fds"]):
        raise talk.wrong("table", f"fds {fds}", f"{fd} among them, which has been opened")
    talk.ask(0, "close", fd=fd)
    if fd in (fds := talk.ask(0, "table")["fds"]):
        raise talk.wrong("table", f"fds {fds}", f"not {fd}, which has been closed")


def _fills_its_table(talk: Conversation) -> None:
    """Require that it fills its table, and frees it again (limit, fill, free)."""
    talk.ask(0, "limit", descriptors=_LIMIT)
    if not (filled := talk.ask(0, "fill", leave=0)["filled"]):
        raise talk.wrong("fill", "filled 0", "as many as found a slot")
    talk.due_error(0, "open", path=talk.token.path, flags=["write"])
    if talk.offers("table"):
        talk.ask(0, "table")
    for count, due in ((1, 1), (None, filled - 1)):
        if (freed := talk.ask(0, "free", count=count)["freed"]) != due:
            raise talk.wrong("free", f"freed {freed}", str(due))
    if (left := talk.ask(0, "fill", leave=5)["filled"]) != filled - 5:
        raise talk.wrong("fill", f"filled {left}", f"{filled - 5}, for 5 are to be left")
    talk.ask(0, "free")


def _churns(talk: Conversation) -> None:
    """Require that it churns, and stops (churn)."""
    for on in (True, False):
        talk.ask(0, "churn", on=on)


def answers_the_rest(talk: Conversation) -> None:
    """Require that it knows whatever else it lists."""
    fd = talk.open_token(0)
    rest: dict[str, dict[str, object]] = {
        "listen": {"path": talk.path("endpoint")},
        "accept": {"listener": talk.passers[0], "timeout": 0.0},
        "connect": {"path": talk.path("nobody"), "timeout": 0.0},
        "wait": {"pid": os.getpid(), "timeout": 0.0},
        "read": {"fd": fd, "count": 1, "timeout": 0.0},
        "seek": {"fd": fd, "offset": 0},
        "set_nonblocking": {"fd": fd, "on": True},
        "limit": {"descriptors": _LIMIT},
        "fill": {"leave": _LIMIT},
        "free": {},
    }
    for op, fields in rest.items():
        if talk.offers(op) and op not in talk.tried:
            with suppress(PassFailed, RequestRefused):  # which is an answer, too
                talk.answer(talk.request(0, op, **fields))
    talk.ask(0, "close", fd=fd)


def _two(talk: Conversation) -> tuple[int, int]:
    fds = talk.ask(0, "socketpair")["fds"]
    if len(set(fds)) != 2:
        raise talk.wrong("socketpair", f"fds {fds}", "two descriptors")
    return fds[0], fds[1]


def _dialect(talk: Conversation) -> str:
    return talk.peers[0].dialects[0]


CAPABILITIES: tuple[tuple[tuple[str, ...], Step], ...] = (
    (("recv_nowait",), _receives_at_once),
    (("recv_many",), _receives_many),
    (("send_many",), _sends_many),
    (("recv_with_data",), _passes_bytes),
    (("queued",), _counts_its_queue),
    (("credentials",), _tells_credentials),
    (("pair",), _makes_pairs),
    (("listen", "accept", "connect"), _listens),
    (("fork",), _forks),
    (("socketpair",), _makes_sockets),
    (("socketpair",), _speaks_its_dialects),
    (("read", "seek"), _reads_files),
    (("flags",), _tells_flags),
    (("identity",), _identifies),
    (("table",), _lists_its_table),
    (("limit", "fill", "free"), _fills_its_table),
    (("churn",), _churns),
)
"""The operations that a step needs, and the step."""
