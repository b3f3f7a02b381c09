"""Systems that never close sockets which hold one another, or close those that are alive."""

from __future__ import annotations

from functools import partial

from .mutant import on

_on = partial(on, "cycles")

MUTANTS = (
    _on("keeps-cycles", "self", "a socket in its own queue stays open for ever"),
    _on("keeps-cycles", "both-ends", "two ends that hold each other stay open for ever"),
    _on("keeps-cycles", "crossed", "two channels that hold each other stay open for ever"),
    _on("keeps-cycles", "triangle", "three channels that hold one another stay open for ever"),
    _on("keeps-cycles", "datagrams", "a socket in its own queue stays open for ever"),
    _on("keeps-cycles", "listener", "in its own backlog stays open for ever"),
    _on("keeps-unread", "chain", "the innermost of a chain is still open somewhere"),
    _on("one-deep", "nested", "the second channel did not come"),
    _on("not-held-in-flight", "over-itself", "the end was closed on its way"),
    _on("empties-passed-sockets", "live-stays", "waited in a live socket are lost"),
)
