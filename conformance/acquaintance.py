"""Getting to know a peer program: whether it speaks the protocol, before any check is run with it.

Each step says what came and what was due. What a peer may leave out is asked for only if it is in
its list, and then it has to work: no operation that is listed is left untried.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from .capabilities import CAPABILITIES, answers_the_rest
from .conversation import END, LONG, Conversation, Wrong
from .errors import Lacking, PassFailed, PeerFailed, RequestRefused
from .harness.held import NEVER_OPEN
from .protocol import MANDATORY, operations, wrong_with_ok

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from .capabilities import Step

_NOBODY = "p-of-nobody"
_SILENT = 0.1  # seconds in which a peer that was not asked has time to speak


class Finding(NamedTuple):
    """What one step has shown; with neither fault nor lack it is as it should be."""

    step: str
    fault: str = ""
    lack: str = ""
    """Why the step was not taken."""


class Acquaintance:
    """One conversation with two processes of a peer, step by step."""

    def __init__(self, command: Sequence[str], scale: float = 1.0) -> None:
        self._talk = Conversation(command, scale)
        self.transcript = self._talk.transcript
        self.close = self._talk.close
        self.peers = self._talk.peers
        self._faults = 0

    def findings(self) -> Iterator[Finding]:
        """Take the steps; the last one is the first after which the peer cannot go on."""
        self._talk.start()
        for lack, step in self._steps():
            told = (step.__doc__ or "").removeprefix("Require that ").rstrip(".")
            fault = ""
            if lack:
                yield Finding(told, lack=lack)
                continue
            try:
                step(self._talk)
            except Wrong as wrong:
                fault = str(wrong)
            except PassFailed as failure:
                fault = f"came: {failure}; due: ok"
            except (RequestRefused, Lacking) as refusal:
                fault = f"came: {refusal}; due: ok, every peer has to be able to"
            except PeerFailed as failure:
                yield Finding(told, f"{failure} (PROTOCOL.md, Requests and answers)")
                return
            self._faults += bool(fault)
            yield Finding(told, fault)

    def _steps(self) -> Iterator[tuple[str, Step]]:
        """Give each step, and why it cannot be taken; an empty string: it can."""
        for needed, step in _TO_BEGIN_WITH:
            yield self._lack(needed), step
        if self._faults:
            yield "it stands on what every peer has to be able to", answers_the_rest
        else:
            yield from (("", step) for needed, step in CAPABILITIES if self._talk.offers(*needed))
            yield "", answers_the_rest
        for needed, step in _AT_THE_END:
            yield self._lack(needed), step

    def _lack(self, needed: tuple[str, ...]) -> str:
        if unlisted := [name for name in needed if not self._talk.offers(name)]:
            return f"it stands on {', '.join(unlisted)}, not listed in hello"
        adopted = len(self._talk.passers) == len(self.peers) or "adopt" not in self._talk.tried
        if "adopt" in needed and not adopted:
            return "it stands on adopt, which did not work"
        return ""


def _is_silent(talk: Conversation) -> None:
    """Require that it says nothing before it is asked."""
    for peer in talk.peers:
        peer.pump(talk.patience.seconds(_SILENT))


def _greets(talk: Conversation) -> None:
    """Require that it answers hello, and lists what every peer has to have."""
    abouts = [peer.hello_later().answer() for peer in talk.peers]
    for peer, about in zip(talk.peers, abouts, strict=True):
        if missing := [name for name in MANDATORY if name not in {*peer.ops, "hello"}]:
            raise talk.wrong("hello", f"ops that lack {', '.join(missing)}", f"all of {MANDATORY}")
        if unknown := sorted(peer.ops - operations().keys()):
            raise talk.wrong(
                "hello", f"ops with {', '.join(unknown)}", "those that PROTOCOL.md has"
            )
        if found := wrong_with_ok("hello", about):
            raise Wrong(f"hello: {found} (PROTOCOL.md, hello)")
        if "pid" in about and about["pid"] != peer.pid:
            raise talk.wrong(
                "hello", f"the pid {about['pid']}", f"{peer.pid}, or none behind a launcher"
            )
        whole = peer.hello()
        if found := wrong_with_ok("hello", whole):
            raise Wrong(f"hello: {found} (PROTOCOL.md, hello)")
        for backend in [name for name, lack in whole["backends"].items() if lack is None]:
            told = peer.hello(backend=backend)
            if found := wrong_with_ok("hello", told):
                raise Wrong(f"hello with backend {backend!r}: {found} (PROTOCOL.md, hello)")


def _refuses_the_unknown(talk: Conversation) -> None:
    """Require that it refuses an operation that cannot exist."""
    talk.peers[0].refuses_the_unknown()


def _adopts(talk: Conversation) -> None:
    """Require that it makes a passer of the descriptor it was given."""
    for which in (0, 1):
        talk.passers.append(talk.ask(which, "adopt", fd=END)["passer"])


def _refuses_nonsense(talk: Conversation) -> None:
    """Require that it calls nonsense a usage error."""
    for fields in ({"passer": _NOBODY, "timeout": 0.0}, {}):
        try:
            came = str(talk.peers[0].call("recv", **fields))
        except RequestRefused:
            continue
        except PassFailed as failure:
            came = str(failure)
        raise Wrong(
            f"recv of {fields or 'nothing'}: came: {came}; due: an error of class usage "
            "(PROTOCOL.md, Errors)"
        )


def _ignores_fields(talk: Conversation) -> None:
    """Require that it ignores fields that it does not know."""
    talk.ask(0, "flush", passer=talk.passers[0], timeout=LONG, colour="green")


def _passes(talk: Conversation) -> None:
    """Require that it sends a descriptor, and the other process receives it."""
    for sender in (0, 1):
        receiver = 1 - sender
        talk.passes((sender, talk.passers[sender]), (receiver, talk.passers[receiver]), "recv")


def _takes_over(talk: Conversation) -> None:
    """Require that it closes what it sends with close, and nothing else."""
    there, here = talk.passers
    sent = talk.open_token(0)
    talk.send(0, there, sent, close=True)
    talk.is_the_token(1, talk.ask(1, "recv", passer=here, timeout=LONG)["fd"], "recv")
    talk.due_error(0, "close", "os", fd=sent)


def _times_out(talk: Conversation) -> None:
    """Require that a receive from an empty channel is over in time."""
    talk.due_error(1, "recv", "timed-out", passer=talk.passers[1], timeout=0.05)


def _tells_errors(talk: Conversation) -> None:
    """Require that it closes what it is told to, and does not claim to when it cannot."""
    opened = talk.open_token(0)
    talk.ask(0, "close", fd=opened)
    talk.due_error(0, "close", fd=opened)
    talk.due_error(0, "open", "os", path=talk.path("nothing"), flags=["read"])


def _keeps_the_order(talk: Conversation) -> None:
    """Require that it answers requests that come together one after the other."""
    one = talk.peers[0]
    with one.together():
        asked = [one.ask("flush", passer=talk.passers[0], timeout=LONG) for _ in range(20)]
    for request in asked:
        talk.answer(request)


def _refuses_to_send(talk: Conversation) -> None:
    """Require that it does not claim to send what is not open."""
    # Near the end: some passers close the channel with that, which is for the checks to find. And
    # no number that was just closed: whatever the passer opens to send with would have it.
    talk.due_error(0, "send", passer=talk.passers[0], fd=NEVER_OPEN)


def _tells_the_end(talk: Conversation) -> None:
    """Require that it closes a passer, and the other process is told by an error."""
    talk.ask(0, "drop", passer=talk.passers[0])
    # That some passers cannot tell an end from a loss is for the checks to find.
    if talk.due_error(1, "recv", passer=talk.passers[1], timeout=1.0) == "timed-out":
        raise talk.wrong("recv", "timed-out", "peer-closed, the other end has been dropped")
    talk.ask(1, "drop", passer=talk.passers[1])


def _says_no_more(talk: Conversation) -> None:
    """Require that it says nothing but answers."""
    _is_silent(talk)


def _ends(talk: Conversation) -> None:
    """Require that it ends when its input does, with exit status 0."""
    for peer in talk.peers:
        peer.leave()
        peer.expect_the_end()


_PASSING = ("adopt", "open", "send", "flush", "recv", "write", "close")
_TO_BEGIN_WITH: tuple[tuple[tuple[str, ...], Step], ...] = (
    ((), _is_silent),
    ((), _greets),
    ((), _refuses_the_unknown),
    (("adopt",), _adopts),
    (("recv",), _refuses_nonsense),
    (("adopt", "flush"), _ignores_fields),
    (_PASSING, _passes),
    (_PASSING, _takes_over),
    (("adopt", "recv"), _times_out),
    (("open", "close"), _tells_errors),
    (("adopt", "flush"), _keeps_the_order),
)
_AT_THE_END: tuple[tuple[tuple[str, ...], Step], ...] = (
    (("adopt", "send"), _refuses_to_send),
    (("adopt", "recv", "drop"), _tells_the_end),
    ((), _says_no_more),
    ((), _ends),
)
"""The operations that a step stands on, and the step."""
