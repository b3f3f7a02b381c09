"""A player: a peer process and one passer of it, in the hands of a check."""

from __future__ import annotations

import signal
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from ..errors import PassFailed, hidden
from .held import Held
from .patience import FOREVER, WITHIN
from .spawn import FIRST_GIVEN

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from typing import Protocol

    from .held import Books
    from .peer import Peer, Pending

    class Openable(Protocol):
        """A token, a page: what a peer opens by its path."""

        @property
        def path(self) -> str:
            """Where it is."""

        @property
        def flags(self) -> Sequence[str]:
            """How it is to be opened."""


__tracebackhide__ = hidden

_MAKING = frozenset({"listen", "accept", "connect"})
_A_MOMENT = 0.02  # seconds, in which the other peer has begun to wait
_RECEIVING = frozenset({"recv", "recv_nowait", "recv_many", "recv_with_data"})
_WAITING = frozenset({"recv", "recv_many", "recv_with_data", "flush", "accept", "connect"})


class Player:
    """What a check does with one peer and one passer.

    Timeouts are in seconds and grow with the timeout scale. Without one, a call waits for almost
    as long as the harness waits for the peer; with FOREVER the request names none. What the peer
    reports as failed raises PassFailed.
    """

    def __init__(
        self,
        books: Books,
        passer: str,
        options: Mapping[str, object],
        fork: Callable[[Player], Player],
    ) -> None:
        self.books = books
        self.passer = passer
        self._options = options
        self._fork = fork

    @property
    def peer(self) -> Peer:
        """The process."""
        return self.books.peer

    @property
    def name(self) -> str:
        """What the process is called in messages and in the transcript."""
        return self.peer.name

    def __repr__(self) -> str:
        return self.name

    # -- the passer ---------------------------------------------------------------------------

    def ask(self, op: str, timeout: float | None = None, **fields: object) -> Pending:
        """Send a request about this passer; the answer can be waited for later."""
        if op in _MAKING and "dialect" in self._options:
            fields["dialect"] = self._options["dialect"]
        if op in _WAITING and timeout != FOREVER:
            fields["timeout"] = self.peer.patience.seconds(WITHIN if timeout is None else timeout)
        if op in {"send", "send_many"}:
            fds = fields.get("fds")
            self.books.sent += len(fds) if isinstance(fds, list) else 1
        value_of = self.books.received_of if op in _RECEIVING else self.books.value_of
        of_whom = None if "listener" in fields else self.passer or None
        return self.peer.ask(op, value_of, passer=of_whom, **fields)

    def send(self, held: Held, *, close: bool = False, data: bytes = b"") -> None:
        """Send one descriptor; with *close* the passer takes it over."""
        self.send_later(held, close=close, data=data).answer()

    def send_later(self, held: Held, *, close: bool = False, data: bytes = b"") -> Pending:
        """Send one descriptor, without waiting for the peer to say that it has."""
        self._check(held)
        if close:
            self.books.strike(held)
        return self.ask("send", fd=held.number, close=close or None, hex=data.hex() or None)

    def send_many(self, helds: Sequence[Held], *, close: bool = False) -> None:
        """Send several descriptors; with *close* the passer takes them over."""
        for held in helds:
            self._check(held)
            if close:
                self.books.strike(held)
        fds = [held.number for held in helds]
        self.ask("send_many", fds=fds, close=close or None).answer()

    def flush(self, timeout: float | None = None) -> None:
        """Wait until nothing is queued."""
        self.ask("flush", timeout).answer()

    def queued(self) -> int:
        """Ask how many descriptors wait in the passer's queue."""
        return int(self.ask("queued").answer()["queued"])

    def recv(self, timeout: float | None = None) -> Held:
        """Receive one descriptor."""
        return _one(self.ask("recv", timeout).answer())

    def recv_awaited(
        self, other: Player, timeout: float | None = None, *, moment: float = _A_MOMENT
    ) -> Pending:
        """Ask to receive while nothing is there; *other* waits for a moment too, and gives up."""
        waiting = self.ask("recv", timeout)
        with suppress(PassFailed):
            other.recv(moment)
        return waiting

    def recv_nowait(self) -> Held:
        """Receive one descriptor if it is there."""
        return _one(self.ask("recv_nowait").answer())

    def recv_at_once(self) -> Held | None:
        """Receive one that is there; None if each of many tries says would-block.

        A system may say so for no reason once in a while.
        """
        for _ in range(100):
            try:
                return self.recv_nowait()
            except PassFailed as failure:
                if failure.condition != "would-block":
                    raise
        return None

    def recv_many(self, timeout: float | None = None) -> list[Held]:
        """Receive all that is there, at least one."""
        return [_one(held) for held in self.ask("recv_many", timeout).answer()]

    def recv_with_data(self, timeout: float | None = None) -> tuple[Held, bytes]:
        """Receive one descriptor and the bytes that were sent with it."""
        held, data = self.ask("recv_with_data", timeout).answer()
        return _one(held), data

    def recv_all(self, count: int, timeout: float | None = None) -> list[Held]:
        """Receive *count* descriptors, one after the other."""
        with self.peer.together():
            pending = [self.ask("recv", timeout) for _ in range(count)]
        return [_one(one.answer()) for one in pending]

    def pass_to(self, other: Player, held: Held) -> Held:
        """Send *held*, and receive it as *other*."""
        self.send(held)
        self.flush()
        return other.recv()

    def credentials(self) -> dict[str, int | None]:
        """Ask who is at the other end: pid, uid and gid; None for what the system does not tell."""
        answer = self.ask("credentials").answer()
        return {name: answer[name] for name in ("pid", "uid", "gid")}

    def drop(self) -> None:
        """Close the passer."""
        self.books.passers.remove(self.passer)
        self.ask("drop").answer()

    def adopt(self, held: Held, **options: object) -> Player:
        """Make a received descriptor a passer of its own, which takes it over."""
        self._check(held)
        self.books.strike(held)
        fields = {**self._options, **options}
        return self.with_passer(self.peer.call("adopt", fd=held.number, **fields)["passer"])

    def adopt_given(self, name: str, options: Mapping[str, object]) -> Player:
        """Make a passer of the descriptor that the process was given under *name*."""
        fd = FIRST_GIVEN + self.peer.process.given.index(name)
        return self.with_passer(self.peer.call("adopt", fd=fd, **options)["passer"])

    def with_passer(self, passer: str) -> Player:
        """Give the player of another passer in the same process."""
        if passer not in self.books.passers:
            self.books.passers.append(passer)
        return Player(self.books, passer, self._options, self._fork)

    # -- conditions ---------------------------------------------------------------------------

    @contextmanager
    def expects(self, condition: str) -> Iterator[None]:
        """Require that what is done inside fails with *condition*.

        Raises:
            AssertionError: it succeeds, or fails otherwise.

        """
        try:
            yield
        except PassFailed as failure:
            if failure.condition != condition:
                raise AssertionError(f"expected {condition}: {failure}") from None
        else:
            raise AssertionError(f"{self.name}: expected {condition}, and it succeeded")

    def condition_of(self, call: str, *arguments: object, **named: object) -> str:
        """Name the condition with which a call of this player fails; "ok" if it does not."""
        try:
            getattr(self, call)(*arguments, **named)
        except PassFailed as failure:
            return failure.condition
        return "ok"

    # -- the process --------------------------------------------------------------------------

    def open(self, what: Openable, *flags: str) -> Held:
        """Open a token or a page; *flags* as the protocol names them, for other than usual."""
        ask = self.peer.ask(
            "open", self.books.value_of, path=what.path, flags=list(flags or what.flags)
        )
        return _one(ask.answer())

    def open_all(self, things: Sequence[Openable]) -> list[Held]:
        """Open several."""
        return [self.open(what) for what in things]

    def channel(self) -> tuple[Held, Held]:
        """Open both ends of a channel, to be adopted."""
        chosen = {key: value for key, value in self._options.items() if key == "backend"}
        one, other = self.peer.ask("socketpair", self.books.value_of, **chosen).answer()
        return one, other

    def socketpair(self) -> tuple[Held, Held]:
        """Open a connected pair of sockets, neither of them a passer."""
        left, right = self.peer.ask("socketpair", self.books.value_of).answer()
        return left, right

    def fork(self) -> Player:
        """Fork; gives the child, which has a copy of this passer and of all descriptors."""
        return self._fork(self)

    def copy_of(self, held: Held) -> Held:
        """Give the descriptor that this child of a fork has inherited as a copy of *held*."""
        return self.books.held[held.number]

    def limit(self, descriptors: int) -> None:
        """Limit the descriptor table (RLIMIT_NOFILE) of the process to so many numbers.

        Those that it had when it started do not count: what it inherits is not the passer's.
        """
        for number in sorted(self.books.at_the_start - {0, 1, 2}):
            if number < descriptors:
                descriptors += 1
        self.peer.call("limit", descriptors=descriptors)

    def fill(self, leave: int = 0) -> int:
        """Fill the descriptor table but for *leave* slots; gives how many it took."""
        self.books.to_undo["free"] = {}
        return int(self.peer.call("fill", leave=leave)["filled"])

    def free(self, count: int | None = None) -> int:
        """Free *count* of the slots filled (all: None); gives how many."""
        return int(self.peer.call("free", count=count)["freed"])

    def churn(self, on: bool = True) -> None:
        """Start or stop a thread that opens and closes descriptors all the time."""
        if on:
            self.books.to_undo["churn"] = {"on": False}
        self.peer.call("churn", on=on)

    def stop(self) -> None:
        """Stop the process (SIGSTOP)."""
        self.peer.signal(signal.SIGSTOP)
        self.books.is_stopped = True

    def go_on(self) -> None:
        """Let a stopped process go on (SIGCONT)."""
        self.peer.signal(signal.SIGCONT)
        self.books.is_stopped = False

    def kill(self) -> None:
        """Kill the process (SIGKILL) and wait until it is gone."""
        self.peer.kill()

    def _check(self, held: Held) -> None:
        if held.books is not self.books:
            raise ValueError(f"{held} is not in the table of {self}")


def _one(value: object) -> Held:
    assert isinstance(value, Held), f"expected a descriptor, received {value!r}"
    return value
