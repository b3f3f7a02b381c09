"""Systems with which those who do not know one another come to no channel, or to a wrong one."""

from __future__ import annotations

from functools import partial

from .mutant import HASTY, on

_on = partial(on, "endpoints")

MUTANTS = (
    _on("binds-over", "path-in-use", "a path that is in use was bound to once more"),
    _on("connects-to-nobody", "stale-path-refuses", "a path without a listener does not say so"),
    _on("binds-over", "stale-path-is-in-use", "what stood at the path was replaced"),
    _on("connects-to-nobody", "no-such-path", "a path where nothing is does not say so"),
    _on("short-paths", "path-of-ninety-one", "a path of 91 bytes is refused"),
    _on("cuts-paths", "long-path-is-not-cut", "bound to another path than was asked for"),
    _on("waits-anyway", "nobody-waits", "accept, did not come to its end", timeout_scale=HASTY),
    _on("unready-listeners", "readable-when-somebody-waits", "though somebody waits"),
    _on("accepts-last", "accepted-in-order", "who came first was not accepted first"),
    _on("loses-early", "sent-before-accept", "a descriptor is to be used that did not come"),
    _on("drops-at-close", "gone-before-accept", "what was sent before the accept was lost"),
    _on("leaks-sent", "unaccepted-is-released", "what nobody can receive is still open"),
    _on("waits-anyway", "full-queue", "connect_to, did not come to its end", timeout_scale=HASTY),
    _on("dies-with-listener", "outlives-its-listener", "send, failed with EPIPE"),
    _on("accepts-once", "accepts-more", "nobody is accepted any more"),
    _on("mutes-addressed", "addressed-datagram", "the descriptor did not come"),
)
