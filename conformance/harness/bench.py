"""The bench: what a check has in hand. It closes everything, and counts what was left open."""

from __future__ import annotations

import os
import shutil
import socket
import tempfile
import time
import uuid
from typing import TYPE_CHECKING, NamedTuple

from ..errors import Lacking, hidden
from .channels import SOCKETS
from .dialects import USUAL, spoken
from .held import Books
from .patience import Patience
from .peer import fork, start
from .player import Player
from .raw import RawEnd
from .spawn import FIRST_GIVEN, room
from .tokens import Page, Token
from .transports import END, TRANSPORTS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from .held import Held
    from .nursery import Nursery
    from .peer import Peer

__tracebackhide__ = hidden


_LONGEST = 48  # characters; the path of a socket may have 91 everywhere, and what we add is short


def _short_folder() -> str | None:
    """Give a folder for temporary files whose path leaves room for names; None: the usual one."""
    return None if len(os.fsencode(tempfile.gettempdir())) <= _LONGEST else "/tmp"  # noqa: S108


class Program(NamedTuple):
    """A peer program: how it is started, and where its forks come from if it can fork."""

    command: Sequence[str]
    nursery: Nursery | None = None


class Bench:
    """The peers, tokens and files of one check, over one transport."""

    def __init__(
        self,
        command: Sequence[str],
        transport: str = "inherited",
        *,
        other: Program | None = None,
        survival: str = "auto",
        backend: str = "auto",
        interface: str = "none",
        dialect: str = USUAL,
        chosen_dialect: str = "auto",
        both_batch: bool = True,
        scale: float = 1.0,
        nursery: Nursery | None = None,
    ) -> None:
        """Make it for peers of one program; with an *other*, that is what peer B is of.

        *both_batch*: whether they may be told to put several descriptors into one message.
        """
        self._both_batch = both_batch
        self.transport = transport
        self.survival = survival
        self.interface = interface
        self.dialect = dialect
        self.patience = Patience(scale)
        self._programs = [Program(command, nursery), *([other] if other else [])]
        chosen = {"survival": survival, "backend": backend, "dialect": chosen_dialect}
        self._options = {name: value for name, value in chosen.items() if value != "auto"}
        self._folder = tempfile.mkdtemp(prefix="fdcp-", dir=_short_folder())
        self._paths = 0
        self.starting = 0.0  # seconds that went by until peers had said hello
        self._books: list[Books] = []
        self._tokens: list[Token] = []
        self._raw_ends: list[RawEnd] = []
        self._kept: list[socket.socket] = []

    # -- what checks use ----------------------------------------------------------------------

    def join(self, **options: object) -> tuple[Player, Player]:
        """Join two peers in two processes, a passer each; *options*: batch, max_queued."""
        if not self._both_batch:
            options.pop("batch", None)
        return TRANSPORTS[self.transport].join(self, {**self._options, **options})

    def join_raw(self, *, credentials: bool = False, **options: object) -> tuple[Player, RawEnd]:
        """Join one peer to a raw end in the harness, whatever the transport.

        With *credentials* the system puts the sender's before what each message carries.
        """
        if self.interface not in SOCKETS:
            raise Lacking(f"raw messages are those of sockets, and {self.interface} uses none")
        dialect = spoken(self.dialect)
        theirs, ours = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        self._raw_ends.append(RawEnd(ours, self.patience, dialect))
        with theirs:
            if credentials:
                if not hasattr(socket, "SO_PASSCRED"):
                    raise Lacking("this system's messages carry no credentials (SO_PASSCRED)")
                theirs.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
            (player,) = self.start({END: theirs.fileno()})
        return player.adopt_given(END, {**self._options, **options}), self._raw_ends[-1]

    @property
    def unreceived(self) -> int:
        """How many descriptors more were to be sent by now than were received."""
        return sum(books.sent - books.received for books in self._books)

    def needs_table(self, size: int = 512) -> None:
        """Say that this cannot be tried where no descriptor table may be so large.

        The default is enough for who fills a channel, and receives it all.
        """
        most = room()
        if most is not None and most < size:
            raise Lacking(f"it takes {size} descriptors at once, and {most} are allowed here")

    def keep(self, end: socket.socket) -> socket.socket:
        """Close this socket of the harness when the check is over."""
        self._kept.append(end)
        return end

    def token(self) -> Token:
        """Make a token: a FIFO whose reading end is in our hands."""
        self._tokens.append(Token(self.path("token"), self.patience))
        return self._tokens[-1]

    def tokens(self, count: int) -> list[Token]:
        """Make several tokens."""
        return [self.token() for _ in range(count)]

    def file(self, content: bytes = b"") -> Page:
        """Make a regular file."""
        return Page(self.path("file"), content)

    def path(self, name: str) -> str:
        """Give a path where nothing is yet, short enough for a socket."""
        self._paths += 1
        return os.path.join(self._folder, f"{name}-{self._paths}")

    def order(self, received: Sequence[Held], tokens: Sequence[Token]) -> list[int | None]:
        """Write a mark through every received descriptor; tell which token heard it.

        The answer has an index into *tokens* for each of *received*; None: no token heard it.
        """
        marks = [uuid.uuid4().bytes[:8] for _ in received]
        for token in tokens:
            token.heard()
        pairs = zip(received, marks, strict=True)
        for request in [held.ask("write", hex=mark.hex()) for held, mark in pairs]:
            request.answer()
        heard = [token.heard() for token in tokens]
        return [next((i for i, said in enumerate(heard) if mark in said), None) for mark in marks]

    # -- processes ----------------------------------------------------------------------------

    def start(self, *given: Mapping[str, int]) -> list[Player]:
        """Start a peer process for each map of descriptors (borrowed); none: one without any."""
        begun = time.monotonic()
        peers = []
        for number, descriptors in enumerate(given or ({},)):
            program = self._programs[number % len(self._programs)]
            peers.append(self._start_one(program, descriptors))
            self._books.append(Books(peers[-1], ()))
        return self._introduced(peers, begun)

    def start_heirs(self) -> tuple[tuple[Player, str], tuple[Player, str]] | None:
        """Start two peers, each with the name of the end it inherits.

        None if they cannot be forks of the same process.
        """
        (_, nursery), *others = self._programs
        if nursery is None or others:
            return None
        begun = time.monotonic()
        names = self._next_name(), self._next_name(1)
        heirs = nursery.bear_heirs(names, self.patience, self.path, self.interface)
        self._books += [Books(peer, ()) for peer, _ in heirs]
        one, other = self._introduced([peer for peer, _ in heirs], begun)
        return (one, heirs[0][1]), (other, heirs[1][1])

    def _introduced(self, peers: list[Peer], begun: float) -> list[Player]:
        """Say hello to new peers, whose books are the last ones, and look at their tables.

        Their start was *begun* at that time.
        """
        hellos = [peer.hello_later() for peer in peers]
        players = []
        for peer, hello, books in zip(peers, hellos, self._books[-len(peers) :], strict=True):
            hello.answer()
            numbers = range(FIRST_GIVEN, FIRST_GIVEN + len(peer.process.given))
            books.at_the_start = books.table() - set(numbers)
            players.append(Player(books, "", self._options, self._fork))
        self.starting += time.monotonic() - begun
        return players

    def _start_one(self, program: Program, given: Mapping[str, int]) -> Peer:
        if program.nursery is None or given:
            return start(self._next_name(), program.command, self.patience, given)
        return program.nursery.bear(self._next_name(), self.patience, self.path)

    def _fork(self, parent: Player) -> Player:
        peer = fork(parent.peer, self._next_name(), self.patience, self.path)
        books = parent.books.child(peer)
        self._books.append(books)
        peer.hello_later().answer()
        return Player(books, parent.passer, self._options, self._fork)

    def _next_name(self, after: int = 0) -> str:
        return f"peer {chr(ord('A') + len(self._books) + after)}"

    # -- the end ------------------------------------------------------------------------------

    def finish(self) -> None:
        """Have everything given back, and audit every descriptor table.

        Raises:
            AssertionError: a descriptor was leaked, or one closed that was not the passer's.
            PeerFailed: a peer does not come to its end.

        """
        alive = [books for books in self._books if not books.peer.is_dead]
        for books in alive:
            books.give_everything_back()
        for books in alive:
            books.audit()
        for books in reversed(alive):  # children first: their parents know how they ended
            books.peer.leave()
            books.peer.expect_the_end()

    def close(self) -> None:
        """Kill whatever is still there and remove all files."""
        for books in self._books:
            books.peer.close()
        for token in self._tokens:
            token.close()
        for raw in self._raw_ends:
            raw.close()
        for end in self._kept:
            end.close()
        shutil.rmtree(self._folder, ignore_errors=True)

    def transcripts(self) -> dict[str, list[str]]:
        """Give what was said to each peer and by it, by the peer's letter."""
        return {books.peer.name[-1]: books.peer.full_transcript() for books in self._books}
