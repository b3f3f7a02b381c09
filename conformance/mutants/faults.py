"""Systems that take what is wrong, lose what is right, or hold what nobody can receive."""

from __future__ import annotations

from functools import partial

from .mutant import HASTY, on

_on = partial(on, "faults")

_OPEN = "still open somewhere"
_SENT = "the send did not say"

MUTANTS = (
    _on(
        "receive-blocks",
        "nothing-there",
        "recv, did not come to its end",
        timeout_scale=HASTY,
    ),
    _on(
        "send-blocks",
        "full-channel",
        "flood, did not come to its end",
        timeout_scale=HASTY,
    ),
    _on("leaks-refused", "full-channel-keeps-nothing", _OPEN),
    _on("skips-closed", "closed-descriptor", _SENT),
    _on("skips-closed", "one-bad-of-many", _SENT),
    _on("keeps-refused", "one-bad-of-many", "is held by the system"),
    _on("skips-closed", "no-such-number", _SENT),
    _on("takes-malformed", "short-control-message", _SENT),
    _on("takes-malformed", "long-control-message", _SENT),
    _on("rounds-up", "half-a-number", "other than whole descriptors came"),
    _on("takes-malformed", "unknown-control-message", "the send took what it does not know"),
    _on("keeps-refused", "unknown-control-message", _OPEN),
    _on("takes-malformed", "control-nowhere", _SENT),
    _on("keeps-refused", "data-nowhere", _OPEN),
    _on("installs-nowhere", "no-room-nowhere", "left something open that nobody knows of"),
    _on("installs-nowhere", "receive-nowhere", "left something open that nobody knows of"),
    _on("loses-after-signal", "interrupted-receive", "the next descriptor was not received"),
    _on("keeps-refused", "interrupted-send", _OPEN),
    _on("claims-refused", "closed-peer", _SENT),
    _on("keeps-refused", "closed-peer-keeps-nothing", _OPEN),
    _on("raises-sigpipe", "no-signal", "a child ended with status 13"),
    _on("claims-refused", "not-connected", _SENT),
    _on("claims-refused", "shut-down-for-writing", "although the socket is shut down"),
    _on("drops-replies", "half-closed", "the answer came without its descriptor"),
    _on("drops-at-close", "end-comes-last", "the first descriptor was lost"),
    _on("drops-at-close", "end-of-records-last", "the first descriptor was lost"),
    _on("drops-at-close", "closed-with-unread", "sent before it closed was lost"),
    _on("leaks-sent", "killed-receiver", "what nobody can receive is still open"),
    _on("drops-at-close", "killed-sender", "a descriptor is to be used that did not come"),
)
