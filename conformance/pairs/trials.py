"""What is tried with a pair: each trial does it, and tells what came and not what it means."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from ..errors import Lacking
from ..harness.patience import NOTHING
from .meeting import MOST
from .sides import ENDS, name_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ..report.pairs import Outcome, Step
    from .meeting import Meeting, PeerSends

    Trial = Callable[[Meeting, str | None, str | None], Outcome]

_ARRAY = 3  # descriptors
_FULL = 0.3  # seconds for a receive while the table is full
_MORE = 4  # receives after those that are due
_ANSWERS = 1.0  # seconds in which a receive is answered when its own time is over


def one_by_one(meeting: Meeting, to_sender: str | None, to_receiver: str | None) -> Outcome:
    """Send ten, each by itself, and receive them."""
    sending = meeting.sends("one by one", to_sender)
    meeting.receiver.adopt("one by one", to_receiver)
    sending.send(*range(MOST))
    return _received(meeting, sending, MOST)


def array(meeting: Meeting, to_sender: str | None, to_receiver: str | None) -> Outcome:
    """Send three in one call, and receive one at a time."""
    if not meeting.can("send_many"):
        raise Lacking("the sender has no send_many")
    sending = meeting.sends("array", to_sender)
    meeting.receiver.adopt("array", to_receiver)
    sending.send_together(*range(_ARRAY))
    return _received(meeting, sending, _ARRAY)


def full(meeting: Meeting, to_sender: str | None, to_receiver: str | None) -> Outcome:
    """Send A before, B while the receiver's table is full, and C after."""
    receiver = meeting.receiver
    sending = meeting.sends("full", to_sender)
    receiver.adopt("full", to_receiver)
    sending.send(0)
    sending.gone()
    receiver.receives(meeting.tokens, "before")
    sending.open(1, 2)
    with receiver.full_table():
        sending.send(1)
        sending.gone()
        asked = receiver.asked(_FULL)
        if in_time := receiver.answers(asked, _FULL + _ANSWERS):
            receiver.received(asked, meeting.tokens, "full")
    sending.send(2)
    sending.gone()
    if not in_time:
        receiver.answers(asked, _ANSWERS)
        sending.finish()
        receiver.received(asked, meeting.tokens, "waited")
    return _outcome(meeting, sending, 3)


def _received(meeting: Meeting, sending: PeerSends, due: int) -> Outcome:
    # At the end of the channel nobody waits for more; but some senders wait for the receiver.
    if sending.gone():
        sending.finish()
    return _outcome(meeting, sending, due)


def _outcome(meeting: Meeting, sending: PeerSends | None, due: int) -> Outcome:
    """Receive what is there, then have the channel closed, and receive what is left."""
    receiver = meeting.receiver
    while len(receiver.steps) < due:
        receiver.receives(meeting.tokens, "after")
        if receiver.steps[-1]["said"] in ENDS:
            break
    if sending is not None:
        sending.finish()
    for _ in range(_MORE):
        if receiver.steps[-1]["said"] in ENDS - NOTHING:
            break
        receiver.receives(meeting.tokens, "after")
        if receiver.steps[-1]["said"] in ENDS:
            break
    return {
        "due": [name_of(place) for place in range(due)],
        "steps": receiver.steps,
        "sender": [] if sending is None else sending.said,
        "leaked": receiver.leaked(),
        "failure": "",
    }


TRIALS: dict[str, Trial] = {"one by one": one_by_one, "array": array, "full": full}
"""Those of two peers, in the order in which they are done; each has a channel of its name."""


# -- what the suite itself sends ------------------------------------------------------------------


class Raw(NamedTuple):
    """A message that the suite sends itself, before one as the receiver knows it."""

    descriptors: int
    data: Callable[[Callable[[int], bytes]], bytes]
    """Gives its bytes, of the receiver's usual messages."""


RAW: dict[str, Raw] = {
    "3 in a message": Raw(3, lambda usual: usual(3)),
    "3 behind one NUL": Raw(3, lambda _: b"\0"),
    "one NUL": Raw(1, lambda _: b"\0"),
    "count": Raw(1, lambda _: b"\1"),
    "!": Raw(1, lambda _: b"!"),
    "4 NULs": Raw(1, lambda _: bytes(4)),
}


def raw(meeting: Meeting, name: str, usual: Callable[[int], bytes]) -> Outcome:
    """Send one raw message, and then one descriptor as the receiver's own dialect has it."""
    tried = RAW[name]
    end = meeting.raw(name)
    meeting.receiver.adopt(name, None)
    try:
        tokens = meeting.tokens[: tried.descriptors + 1]
        end.send_opened(tried.data(usual), tokens[:-1])
        end.send_opened(usual(1), tokens[-1:])
    finally:
        end.close()
    return _outcome(meeting, None, tried.descriptors + 1)


def broken_off(why: str, steps: Sequence[Step]) -> Outcome:
    """Give the outcome of a trial that did not come to its end."""
    return {"due": [], "steps": list(steps), "sender": [], "leaked": None, "failure": why}
