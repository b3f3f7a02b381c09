"""A peer: a child process under a deadline, spoken to in JSON lines; see PROTOCOL.md."""

from __future__ import annotations

import json
import os
import signal
import time
import uuid
from collections import deque
from contextlib import contextmanager, suppress
from itertools import count
from typing import TYPE_CHECKING, Any, NoReturn

from ..errors import Lacking, PassFailed, PeerFailed, RequestRefused, hidden
from .dialects import USUAL
from .lines import Ended, Lines
from .patience import WAIT, Patience
from .spawn import Process, ending

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

Answer = dict[str, Any]
_NUMBERS = count(0x10)  # of requests
_UNKNOWN = "its output ended"
_LONGEST = 400  # characters of a transcript line


__tracebackhide__ = hidden


class Pending:
    """A request in flight."""

    def __init__(self, peer: Peer, op: str, limit: float, finish: Callable[[Answer], Any]) -> None:
        self._peer = peer
        self.id = f"{next(_NUMBERS):x}"
        self.op = op
        self.limit = limit
        self.raw: Answer | None = None
        self._finish = finish
        self._value: Any = None

    def take(self, raw: Answer) -> None:
        """Take the answer, now that it is here: what it brings is in the peer's table already."""
        self.raw = raw
        if "ok" in raw:
            self._value = self._finish(raw["ok"])

    @property
    def has_answer(self) -> bool:
        """Whether the peer has answered by now."""
        self._peer.pump(0)
        return self.raw is not None

    def answer(self) -> Any:
        """Wait for the answer, and give what it says.

        Raises:
            PassFailed: it says that the operation failed.
            PeerFailed: there is none.

        """
        answer = self._peer.wait_for(self)
        if "ok" in answer:
            return self._value
        if "unsupported" in answer:
            if self.op in self._peer.ops:
                self._peer.broke(f"it lists {self.op}, and answers unsupported")
            reason = answer["unsupported"].get("reason")
            raise Lacking(f"{self._peer.name} has no {self.op}: {reason}")
        error = answer["error"]
        if error.get("class") == "usage":
            raise RequestRefused(f"{self._peer.name}: {self.op}: {error.get('message')}")
        raise PassFailed(self._peer.name, self.op, error)


class Peer:
    """One peer process; ``transcript`` keeps what was said."""

    def __init__(
        self,
        name: str,
        process: Process,
        patience: Patience,
        pipes: tuple[int, int],
        parent: Peer | None = None,
    ) -> None:
        """Take over *pipes*: to write requests into, and to read answers from."""
        self.name = name
        self.process = process
        self.pid = process.pid
        self.patience = patience
        self.transcript: list[str] = []
        self.ops: frozenset[str] = parent.ops if parent else frozenset()
        self._kinds: Sequence[str] | None = None
        self.dialects: tuple[str, ...] = parent.dialects if parent else (USUAL,)
        self.is_visible = False  # from outside, by its process id
        self._parent = parent
        self.birth = ""  # the id of the request by which a parent forked
        # With peers of other checks: it must be killed alone.
        self.shares_group: bool = parent is not None and parent.shares_group
        self.is_dead = False
        self._waiting: deque[Pending] = deque()
        self._log_start = process.log_size() if parent else 0
        self._started = time.monotonic()
        self._lines = Lines(*pipes)
        self._unsent = b""
        self._holds_back = False

    def ask(
        self,
        op: str,
        finish: Callable[[Answer], Any] = lambda ok: ok,
        /,
        **fields: object,
    ) -> Pending:
        """Send a request; the answer can be waited for later."""
        within = fields.get("timeout")
        limit = self.patience.seconds(WAIT)
        if op == "hello":  # starting takes what it takes, however short the waits are to be
            limit = max(limit, WAIT)
        if isinstance(within, float | int):
            limit = max(limit, self.patience.seconds(within / self.patience.scale + 1))
        pending = Pending(self, op, limit, finish)
        fields = {name: value for name, value in fields.items() if value is not None}
        line = json.dumps({"id": pending.id, "op": op, **fields})
        self.note(f"> {line}")
        self._waiting.append(pending)
        self._unsent += line.encode() + b"\n"
        if not self._holds_back:
            self._send()
        return pending

    @contextmanager
    def together(self) -> Iterator[None]:
        """Send what is asked inside in one go at the end; no answer may be waited for before."""
        self._holds_back = True
        try:
            yield
        finally:
            self._holds_back = False
            self._send()

    def _send(self) -> None:
        unsent, self._unsent = self._unsent, b""
        try:
            if not self._lines.write(unsent, self.patience.deadline()):
                self._give_up(f"{self._waiting[-1].op}: it takes no more requests")
        except Ended:
            self._died()

    def call(self, op: str, **fields: object) -> Answer:
        """Send a request and wait for its answer."""
        answer: Answer = self.ask(op, **fields).answer()
        return answer

    def hello(self, **fields: object) -> Answer:
        """Ask who the peer is and what it can do; *fields*: backend."""
        about: Answer = self.ask("hello", self._meet, protocol=1, **fields).answer()
        return about

    def hello_later(self) -> Pending:
        """Ask who it is, and nothing that it has to try first; do not wait for the answer.

        So nothing has been passed when the descriptor table is looked at for the first time.
        """
        return self.ask("hello", self._meet_briefly, protocol=1, brief=True)

    def _meet(self, about: Answer) -> Answer:
        missing = {"backends", "survivals"} - about.keys()
        if missing:
            self.broke(f"hello lacks {', '.join(sorted(missing))}")
        return self._meet_briefly(about)

    def _meet_briefly(self, about: Answer) -> Answer:
        missing = {"name", "version", "language", "ops"} - about.keys()
        if missing:
            self.broke(f"hello lacks {', '.join(sorted(missing))}")
        ops = about["ops"]
        if not isinstance(ops, list) or not all(isinstance(name, str) for name in ops):
            self.broke(f"hello: ops: expected a list of words, received {ops!r}")
        if about.get("protocol") != 1:
            self.broke(f"it speaks protocol {about.get('protocol')!r}, expected 1")
        self.ops = frozenset(ops)
        self._kinds = about.get("kinds")
        self.dialects = tuple(about.get("dialects") or self.dialects)
        self.is_visible = about.get("pid") == self.pid  # not so behind some launchers
        return about

    def passes(self, kind: str) -> bool:
        """Tell whether it passes descriptors of this kind, as it says itself."""
        return self._kinds is None or kind in self._kinds

    def refuses_the_unknown(self) -> None:
        """Require that an operation which cannot exist is refused.

        A peer that says yes to everything would say so here as well.
        """
        op = f"x-{uuid.uuid4().hex}"
        answer = self.wait_for(self.ask(op))
        if "unsupported" not in answer:
            self.broke(f"it does not refuse the unknown operation {op}")

    def wait_for(self, pending: Pending) -> Answer:
        """Wait for one answer; those that come before it are kept for who asked."""
        deadline = self.patience.deadline(pending.limit / self.patience.scale)
        while pending.raw is None:
            if deadline.passed:
                self._give_up(f"{pending.op}: no answer within {pending.limit:.3g} s")
            self.pump(deadline.remaining())
        return pending.raw

    def settle(self) -> None:
        """Wait for all answers that nobody has asked for."""
        for pending in list(self._waiting):
            self.wait_for(pending)

    def pump(self, timeout: float) -> None:
        """Take in what has arrived, after waiting for at most *timeout* seconds."""
        try:
            lines = self._lines.read(timeout)
        except Ended:
            self._died()
        for line in lines:
            self._take(line)

    def _take(self, line: bytes) -> None:
        self.note(f"< {line.decode(errors='replace')}")
        try:
            answer = json.loads(line)
        except ValueError:
            answer = None
        if not isinstance(answer, dict):
            self.broke(f"this is not a JSON object: {line[:80]!r}")
        if not self._waiting or answer.get("id") != self._waiting[0].id:
            if answer.get("id") == self.birth:
                self.broke("it answers fork, which its parent has to, and the child must not")
            due = self._waiting and f"{self._waiting[0].id!r}, of {self._waiting[0].op}"
            self.broke(
                f"nothing with the id {answer.get('id')!r} waits for an answer; due: "
                f"{due or 'nothing, it has not been asked'}"
            )
        pending = self._waiting.popleft()
        kinds = answer.keys() & {"ok", "error", "unsupported"}
        if len(kinds) != 1 or not all(isinstance(answer[kind], dict) for kind in kinds):
            self.broke(f"{pending.op}: expected one object: ok, error or unsupported")
        if "error" in answer and "name" not in answer["error"]:
            self.broke(f"{pending.op}: the error has no name")
        pending.take(answer)

    # -- the end ------------------------------------------------------------------------------

    def note(self, text: str) -> None:
        """Add a line to the transcript."""
        if len(text) > _LONGEST:
            text = f"{text[:_LONGEST]}... ({len(text)} characters)"
        self.transcript.append(f"{time.monotonic() - self._started:7.3f} {text}")

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to this process alone."""
        self.note(f"! {number.name}")
        if not self._is_in_group():
            self._fail(f"there is no process {self.pid} in its process group to be signalled")
        os.kill(self.pid, number)

    def _is_in_group(self) -> bool:
        # The process id of a fork's child is the peer's word: 0 would be all of us, -1 everybody.
        try:
            return self.pid > 0 and os.getpgid(self.pid) == self.process.pid
        except ProcessLookupError:
            return False

    def kill(self) -> None:
        """Kill this process and wait until it is gone."""
        self.signal(signal.SIGKILL)
        self.is_dead = True
        if not self._lines.has_ended(self.patience.deadline()):
            self._give_up("it does not die when killed")

    def leave(self) -> None:
        """Close the peer's standard input: it is to come to its end."""
        self._lines.end()

    def expect_the_end(self) -> None:
        """Wait until it has come to its end, in good order."""
        gone = self._parent is None or self._lines.has_ended(self.patience.deadline())
        ended = self._ending() if gone else None
        if ended is None:
            self._give_up("it does not end, although its input has")
        if ended not in {"exit status 0", _UNKNOWN}:
            self._fail(f"{ended}, expected 0 at the end of its input")

    def close(self) -> None:
        """Kill it, with all of its process group if that is its own, and give up the pipes."""
        self.is_dead = True
        if not self.shares_group:
            self.process.kill_all()
        elif not self._lines.has_ended(Patience().deadline(0)):
            with suppress(ProcessLookupError):
                if self._is_in_group():
                    os.kill(self.pid, signal.SIGKILL)
        self._lines.close()

    def abandon(self) -> None:
        """Give the pipes up of one that never came to be."""
        self.is_dead = True
        self._lines.close()

    def full_transcript(self) -> list[str]:
        """Give what was said, and the end of standard error."""
        log = self.process.log(self._log_start)
        return self.transcript + [f"2> {line}" for line in log.splitlines()]

    def broke(self, how: str) -> NoReturn:
        """Say that the peer broke the protocol."""
        self._fail(f"the peer broke the protocol: {how}")

    def _died(self) -> NoReturn:
        op = self._waiting[0].op if self._waiting else "between two requests"
        self._fail(f"the peer died ({self._ending() or _UNKNOWN}): {op}")

    def _ending(self) -> str | None:
        """Tell how it has ended; None if it has not. Of a child its parent knows, if anybody."""
        parent = self._parent
        if parent is None:
            return self.process.ended(self.patience.deadline())
        if parent.is_dead or "wait" not in parent.ops:
            return _UNKNOWN
        parent.patience = self.patience
        try:
            told = parent.call("wait", pid=self.pid, timeout=self.patience.seconds())
        except (PassFailed, PeerFailed):
            return _UNKNOWN
        return ending(int(told["status"]))

    def _give_up(self, what: str) -> NoReturn:
        if self.patience.exhausted:
            what += "; the check has had its time"
        self._fail(what)

    def _fail(self, what: str) -> NoReturn:
        self.is_dead = True
        self.note(f"! {what}")
        raise PeerFailed(f"{self.name}: {what}")


def fork(parent: Peer, name: str, patience: Patience, path: Callable[[str], str]) -> Peer:
    """Have *parent* fork; give the child, a peer of its own that has not been asked anything yet.

    *path* gives paths where nothing is yet, for the two FIFOs by which it is spoken to.
    """
    requests, answers = path("requests"), path("answers")
    os.mkfifo(requests)
    os.mkfifo(answers)
    # Without a reader a FIFO cannot be opened for writing: ours, until the peer has it open.
    reader = os.open(requests, os.O_RDONLY | os.O_NONBLOCK)
    pipes = (os.open(requests, os.O_WRONLY), os.open(answers, os.O_RDONLY | os.O_NONBLOCK))
    child = Peer(name, parent.process, patience, pipes, parent)
    try:
        stdin = parent.call("open", path=requests, flags=["read"])["fd"]
        stdout = parent.call("open", path=answers, flags=["write"])["fd"]
        asked = parent.ask("fork", stdin=stdin, stdout=stdout)
        child.birth = asked.id
        child.pid = asked.answer()["pid"]
    except BaseException:
        child.abandon()
        raise
    finally:
        os.close(reader)
    return child


def start(
    name: str, command: Sequence[str], patience: Patience, given: Mapping[str, int] | None = None
) -> Peer:
    """Start a peer program; its *given* descriptors are borrowed."""
    process = Process(command, given or {})
    return Peer(name, process, patience, (process.requests, process.answers))
