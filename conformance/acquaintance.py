"""Getting to know a peer program: whether it speaks the protocol, before any check is run with it.

Two processes of the peer are joined by a pair of sockets, so that any dialect will do. Each step
says what came and what was due. What a peer may leave out is asked for only if it is in its list.
"""

from __future__ import annotations

import os
import shutil
import socket
import tempfile
from contextlib import suppress
from typing import TYPE_CHECKING, NamedTuple

from .errors import Lacking, PassFailed, PeerFailed, RequestRefused
from .harness.patience import Patience
from .harness.peer import start
from .harness.tokens import Token

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from .harness.peer import Answer, Peer

MANDATORY = ("adopt", "drop", "send", "flush", "recv", "open", "write", "close")
"""The operations that every peer has, besides hello."""
NAMES = frozenset(
    [
        "would-block",
        "timed-out",
        "peer-closed",
        "peer-reset",
        "lost",
        "table-full",
        "queue-full",
        "sent-in-part",
        "not-a-passer",
        "closed",
        "busy",
        "os",
    ]
)
"""The names of errors that a request of ours can bring."""
_END = 3  # the number of the descriptor that each is given
_NEVER_OPEN = 3000
_NOBODY = "p-of-nobody"
_SILENT = 0.1  # seconds in which a peer that was not asked has time to speak


class Finding(NamedTuple):
    """What one step has shown; without a fault it is as it should be."""

    step: str
    fault: str = ""


class Wrong(Exception):
    """An answer is not what was due, and the conversation can go on."""


class Acquaintance:
    """One conversation with two processes of a peer, step by step."""

    def __init__(self, command: Sequence[str], scale: float = 1.0) -> None:
        self._command = command
        self._patience = Patience(scale)
        self._folder = tempfile.mkdtemp(prefix="fdcp-", dir=None)
        self._peers: list[Peer] = []
        self._passers: list[str] = []
        self._token = Token(os.path.join(self._folder, "token"), self._patience)
        self._sent = self._received = -1

    def findings(self) -> Iterator[Finding]:
        """Take the steps; the last one is the first after which the peer cannot go on."""
        self._start()
        for step in _STEPS:
            told = (step.__doc__ or "").removeprefix("Require that ").rstrip(".")
            try:
                step(self)
            except Wrong as wrong:
                yield Finding(told, str(wrong))
            except PassFailed as failure:
                yield Finding(told, f"came: {failure}; due: ok")
            except (RequestRefused, Lacking) as refusal:
                yield Finding(told, f"came: {refusal}; due: ok, every peer has to be able to")
            except PeerFailed as failure:
                yield Finding(told, str(failure))
                return
            else:
                yield Finding(told)

    def transcript(self) -> list[str]:
        """Give the end of what was said, and what was said on standard error."""
        return [
            f"{peer.name} {line}" for peer in self._peers for line in peer.full_transcript()[-8:]
        ]

    def close(self) -> None:
        """Kill both, and remove all files."""
        for peer in self._peers:
            peer.close()
        self._token.close()
        shutil.rmtree(self._folder, ignore_errors=True)

    def _start(self) -> None:
        one, other = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        with one, other:
            for name, end in (("A", one), ("B", other)):
                given = {"end": end.fileno()}
                self._peers.append(start(f"peer {name}", self._command, self._patience, given))

    # -- steps --------------------------------------------------------------------------------

    def is_silent(self) -> None:
        """Require that it says nothing before it is asked."""
        for peer in self._peers:
            peer.pump(self._patience.seconds(_SILENT))

    def greets(self) -> None:
        """Require that it answers hello, and lists what every peer has to have."""
        for peer in self._peers:
            about = peer.hello_later().answer()
            if missing := [name for name in MANDATORY if name not in peer.ops]:
                raise Wrong(f"ops of hello lack {', '.join(missing)}; due: all of {MANDATORY}")
            if "pid" in about and about["pid"] != peer.pid:
                raise Wrong(
                    f"came: the pid {about['pid']}; due: {peer.pid}, or none behind a launcher"
                )
            peer.hello()

    def refuses_the_unknown(self) -> None:
        """Require that it refuses an operation that cannot exist."""
        self._peers[0].refuses_the_unknown()

    def refuses_nonsense(self) -> None:
        """Require that it calls nonsense a usage error."""
        for fields in ({"passer": _NOBODY, "timeout": 0.0}, {}):
            try:
                came = str(self._peers[0].call("recv", **fields))
            except RequestRefused:
                continue
            except PassFailed as failure:
                came = str(failure)
            raise Wrong(
                f"recv of {fields or 'nothing'}: came: {came}; due: an error of class usage"
            )

    def adopts(self) -> None:
        """Require that it makes a passer of the descriptor it was given."""
        for peer in self._peers:
            self._passers.append(_word(peer.call("adopt", fd=_END), "passer"))

    def opens(self) -> None:
        """Require that it opens a file, and gives its number."""
        one = self._peers[0]
        ok = one.call("open", path=self._token.path, flags=list(self._token.flags))
        self._sent = _number(ok, "fd")

    def passes(self) -> None:
        """Require that it sends a descriptor, and the other process receives it."""
        one, other = self._peers
        one.call("send", passer=self._passers[0], fd=self._sent)
        one.call("flush", passer=self._passers[0], timeout=1.0)
        ok = other.call("recv", passer=self._passers[1], timeout=1.0)
        self._received = _number(ok, "fd")

    def delivers(self) -> None:
        """Require that what is written through the received one comes out."""
        mark = os.urandom(8)
        ok = self._peers[1].call("write", fd=self._received, hex=mark.hex())
        if ok.get("count") != len(mark):
            raise Wrong(f"write: came: count {ok.get('count')!r}; due: {len(mark)}")
        if mark not in self._token.heard():
            raise Wrong("came: nothing, or something else; due: the eight bytes that were written")

    def times_out(self) -> None:
        """Require that a receive from an empty channel is over in time."""
        said = self._due_error(1, "recv", passer=self._passers[1], timeout=0.05)
        if said != "timed-out":
            raise Wrong(f"recv: came: the error {said}; due: timed-out")

    def tells_errors(self) -> None:
        """Require that it closes what it is told to, and does not claim to when it cannot."""
        one, other = self._peers
        one.call("close", fd=self._sent)
        other.call("close", fd=self._received)
        self._due_error(0, "close", fd=self._sent)
        # Not the one just closed: whatever the passer opens to send with would have its number.
        self._due_error(0, "send", passer=self._passers[0], fd=_NEVER_OPEN)

    def keeps_the_order(self) -> None:
        """Require that it answers requests that come together one after the other."""
        one = self._peers[0]
        with one.together():
            asked = [one.ask("flush", passer=self._passers[0], timeout=1.0) for _ in range(20)]
        for request in asked:
            request.answer()

    def keeps_its_word(self) -> None:
        """Require that it can do what it lists."""
        one = self._peers[0]
        for name, fields in _TRIED.items():
            if name in one.ops:
                wanted = {"passer": self._passers[0]} if "passer" in fields else {}
                with suppress(PassFailed):  # an error is an answer, too
                    one.call(name, **{**fields, **wanted})

    def tells_the_end(self) -> None:
        """Require that it closes a passer, and the other process is told by an error."""
        one, other = self._peers
        one.call("drop", passer=self._passers[0])
        # That some passers cannot tell an end from a loss is for the checks to find.
        if self._due_error(1, "recv", passer=self._passers[1], timeout=1.0) == "timed-out":
            raise Wrong("recv: came: timed-out; due: peer-closed, the other end has been dropped")
        other.call("drop", passer=self._passers[1])

    def says_no_more(self) -> None:
        """Require that it says nothing but answers."""
        self.is_silent()

    def ends(self) -> None:
        """Require that it ends when its input does, with exit status 0."""
        for peer in self._peers:
            peer.leave()
            peer.expect_the_end()

    def _due_error(self, which: int, op: str, **fields: object) -> str:
        try:
            ok = self._peers[which].call(op, **fields)
        except PassFailed as failure:
            if failure.condition not in NAMES:
                raise Wrong(
                    f"{failure}: there is no such error; due: one of {sorted(NAMES)}"
                ) from None
            return failure.condition
        raise Wrong(f"{op}: came: ok {ok}; due: an error, as it cannot be done")


def _number(ok: Answer, name: str) -> int:
    value = ok.get(name)
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise Wrong(f"came: {name} {value!r} in {ok}; due: the number of a descriptor")
    return value


def _word(ok: Answer, name: str) -> str:
    value = ok.get(name)
    if not isinstance(value, str):
        raise Wrong(f"came: {name} {value!r} in {ok}; due: a word, such as p1")
    return value


# What is asked of a peer that lists it; a passer is put in.
_TRIED: dict[str, dict[str, object]] = {
    "recv_nowait": {"passer": ""},
    "recv_many": {"passer": "", "timeout": 0.0},
    "recv_with_data": {"passer": "", "timeout": 0.0},
    "queued": {"passer": ""},
    "credentials": {"passer": ""},
    "flags": {"fd": 0},
    "identity": {"fd": 0},
    "table": {},
}

_STEPS: tuple[Callable[[Acquaintance], None], ...] = (
    Acquaintance.is_silent,
    Acquaintance.greets,
    Acquaintance.refuses_the_unknown,
    Acquaintance.adopts,
    Acquaintance.refuses_nonsense,
    Acquaintance.opens,
    Acquaintance.passes,
    Acquaintance.delivers,
    Acquaintance.times_out,
    Acquaintance.tells_errors,
    Acquaintance.keeps_the_order,
    Acquaintance.keeps_its_word,
    Acquaintance.tells_the_end,
    Acquaintance.says_no_more,
    Acquaintance.ends,
)
