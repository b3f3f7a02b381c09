"""A conversation with two processes of a peer, joined by a pair of sockets: in any dialect.

What the peer says is held against the protocol. What is wrong with it names what came, what was
due, and where PROTOCOL.md says so.
"""

from __future__ import annotations

import os
import shutil
import socket
import tempfile
from typing import TYPE_CHECKING

from .errors import PassFailed, RequestRefused
from .harness.patience import Patience
from .harness.peer import start
from .harness.tokens import Token
from .protocol import conditions, wrong_with_error, wrong_with_ok

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .harness.peer import Answer, Peer, Pending

END = 3
"""The number of the descriptor that each process is given: an end of the channel."""
LONG = 2.0
"""Seconds that a request may take for which all that it waits for is there."""


class Wrong(Exception):
    """An answer is not what was due, and the conversation can go on."""


class Conversation:
    """Both processes, a passer of each, and one file that the suite listens at."""

    def __init__(self, command: Sequence[str], scale: float) -> None:
        self.patience = Patience(scale)
        self.peers: list[Peer] = []
        self.passers: list[str] = []
        self.tried: set[str] = set()
        self._command = command
        self._folder = tempfile.mkdtemp(prefix="fdcp-", dir=None)
        self._paths = 0
        self.token = Token(self.path("token"), self.patience)

    def start(self) -> None:
        """Start both."""
        one, other = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        with one, other:
            for name, end in (("A", one), ("B", other)):
                given = {"end": end.fileno()}
                self.peers.append(start(f"peer {name}", self._command, self.patience, given))

    def path(self, name: str) -> str:
        """Give a path where nothing is yet."""
        self._paths += 1
        return os.path.join(self._folder, f"{name}-{self._paths}")

    def offers(self, *ops: str) -> bool:
        """Tell whether all these are listed."""
        return self.peers[0].ops.issuperset(ops)

    # -- one request ------------------------------------------------------------------------------

    def request(self, which: int, op: str, **fields: object) -> Pending:
        """Send a request to process 0 or 1; the answer can be waited for later."""
        self.tried.add(op)
        return self.peers[which].ask(op, **fields)

    def ask(self, which: int, op: str, **fields: object) -> Answer:
        """Ask process 0 or 1 for what it has to be able to do; give what the answer brings.

        Raises:
            Wrong: it is an error, or of another shape than the protocol has.

        """
        try:
            return self.answer(self.request(which, op, **fields))
        except PassFailed as failure:
            raise self.wrong(op, str(failure), "ok")
        except RequestRefused as refusal:
            raise self.wrong(op, str(refusal), "ok: there is sense in the request")

    def answer(self, pending: Pending) -> Answer:
        """Wait for an answer that may be an error, and hold it against the protocol."""
        try:
            ok: Answer = pending.answer()
        except PassFailed as failure:
            name = failure.condition
            if name not in conditions():
                due = f"there is no such error; due: one of {conditions()} (Errors)"
                raise Wrong(f"{pending.op}: came: the error {name}; {due}") from None
            if found := wrong_with_error(failure.details):
                raise Wrong(f"{pending.op}: {found} (PROTOCOL.md, Errors)") from None
            raise
        if found := wrong_with_ok(pending.op, ok):
            raise Wrong(f"{pending.op}: {found} (PROTOCOL.md, {pending.op})")
        return ok

    def due_error(self, which: int, op: str, *due: str, **fields: object) -> str:
        """Ask for what cannot be done; give the name of the error, which is to be one of *due*."""
        try:
            ok = self.answer(self.request(which, op, **fields))
        except PassFailed as failure:
            if due and failure.condition not in due:
                raise self.wrong(op, f"the error {failure.condition}", f"{' or '.join(due)}")
            return failure.condition
        except RequestRefused as refusal:
            raise self.wrong(op, f"an error of class usage ({refusal})", "another: it makes sense")
        raise self.wrong(op, f"ok {ok}", f"{' or '.join(due) or 'an error, as it cannot be done'}")

    @staticmethod
    def wrong(op: str, came: str, due: str) -> Wrong:
        """Say that an answer is not what was due."""
        return Wrong(f"{op}: came: {came}; due: {due} (PROTOCOL.md, {op})")

    # -- what is passed ---------------------------------------------------------------------------

    def open_token(self, which: int) -> int:
        """Have the token opened; give the number."""
        return int(self.ask(which, "open", path=self.token.path, flags=["write"])["fd"])

    def send(self, which: int, passer: str, fd: int, **more: object) -> None:
        """Have a descriptor sent, and handed over."""
        self.ask(which, "send", passer=passer, fd=fd, **more)
        self.ask(which, "flush", passer=passer, timeout=LONG)

    def is_the_token(self, which: int, fd: int, op: str) -> None:
        """Require that a received descriptor is the token; closes it."""
        mark = os.urandom(8)
        ok = self.ask(which, "write", fd=fd, hex=mark.hex())
        if ok["count"] != len(mark):
            raise self.wrong("write", f"count {ok['count']!r}", str(len(mark)))
        if mark not in self.token.heard():
            raise self.wrong(
                op, "a descriptor of something else", "the eight bytes that were written through it"
            )
        self.ask(which, "close", fd=fd)

    def passes(self, sender: tuple[int, str], receiver: tuple[int, str], op: str) -> None:
        """Require that what one passer sends another receives."""
        sent = self.open_token(sender[0])
        self.send(*sender, sent)
        got = self.ask(receiver[0], "recv", passer=receiver[1], timeout=LONG)["fd"]
        self.is_the_token(receiver[0], got, op)
        self.ask(sender[0], "close", fd=sent)

    # -- the end ----------------------------------------------------------------------------------

    def transcript(self) -> list[str]:
        """Give the end of what was said, and what was said on standard error."""
        return [
            f"{peer.name} {line}" for peer in self.peers for line in peer.full_transcript()[-8:]
        ]

    def close(self) -> None:
        """Kill all, and remove all files."""
        for peer in self.peers:
            peer.close()
        self.token.close()
        shutil.rmtree(self._folder, ignore_errors=True)
