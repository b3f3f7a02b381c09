"""Systems that carry other control messages than were sent, or treat their room otherwise."""

from __future__ import annotations

from functools import partial

from .mutant import on

_on = partial(on, "ancillary")

_UNTOLD = "the receive left more open than it told of"

MUTANTS = (
    _on("reverses-arrays", "array-order", "they came in another order"),
    _on("numbers-once", "one-for-each", "the table does not have what the receive told of"),
    _on("reverses-arrays", "sixteen", "they came in another order"),
    _on("first-control-message", "two-control-messages", "lost without an error"),
    _on("first-control-message", "empty-beside-full", "lost without an error"),
    _on(
        "drops-beside-others", "credentials-beside", "a descriptor is to be used that did not come"
    ),
    _on("hides-truncation", "credentials-in-the-way", "lost, and nothing tells of it"),
    _on("cries-truncation", "space-is-enough", "MSG_CTRUNC is set although there was room"),
    _on("hides-truncation", "truncated-is-told", "MSG_CTRUNC is not set"),
    _on("stays-truncated", "next-is-whole", "MSG_CTRUNC is set although there was room"),
    _on("leaks-when-cut", "truncated-is-closed", _UNTOLD),
    _on("leaks-sent", "truncated-is-closed", "what found no room is still open somewhere"),
    _on("leaks-when-cut", "no-room-for-one", "what it had no room to tell of"),
    _on("leaks-when-cut", "room-for-a-part", "more is open than the receives told of"),
    _on("overstates-length", "truncated-length", "it goes on beyond the buffer"),
    _on("leaks-when-cut", "no-control-buffer", "left a descriptor open that nobody knows"),
    _on("drops-when-full", "full-table-is-told", "lost, and nothing tells of it"),
    _on("leaks-when-full", "full-table-is-told", _UNTOLD),
    _on("drops-with-cut-data", "cut-datagram", "lost with the rest of the bytes"),
    _on("drops-without-bytes", "datagram-without-bytes", "lost without an error"),
    _on("drops-in-short-sends", "short-send", "did not come with the first byte"),
    _on("gives-again", "short-send", "a descriptor came with the rest too"),
    _on("takes-by-look", "peek-leaves-it", "a descriptor is to be used that did not come"),
    _on("takes-by-look", "peek-twice", "the second look shows other descriptors"),
    _on("leaks-received", "peek-leaves-no-more", "more is open than was told of"),
    _on("forgets-cloexec", "cloexec", "the descriptor that came is not close-on-exec"),
    _on("cloexec-first-only", "cloexec-on-each", "the second one is not close-on-exec"),
    _on("cloexec-low-only", "cloexec-on-each", "the first one is not close-on-exec"),
    _on("cloexec-low-only", "cloexec-high", "a file that came is not close-on-exec"),
    _on("cloexec-first-only", "cloexec-when-cut", "the second one is not close-on-exec"),
    _on("passes-cloexec", "cloexec-in-turn", "came without MSG_CMSG_CLOEXEC is close-on-exec"),
    _on("exec-keeps-all", "cloexec-at-exec", "the program has it"),
    _on("fork-clears-cloexec", "cloexec", "it is not close-on-exec there"),
)
