"""Systems on which datagrams or records are not what streams are."""

from __future__ import annotations

from functools import partial

from .mutant import on

_on = partial(on, "messages")

_UNTOLD = "the receive left more open than it told of"
_HELD = "what was refused is still open somewhere"
_TAKEN = "has taken the descriptor away"

MUTANTS = (
    _on("reverses-arrays", "array-of-a-datagram", "they came in another order"),
    _on("numbers-once", "array-of-a-record", "does not have what the receive told of"),
    _on("reverses-arrays", "array-of-a-record", "they came in another order"),
    _on("cloexec-first-only", "cloexec-of-a-datagram", "the second one is not close-on-exec"),
    _on("cloexec-first-only", "cloexec-of-a-record", "the second one is not close-on-exec"),
    _on("drops-without-bytes", "record-without-bytes", "lost without an error"),
    _on("joins-messages", "long-datagram", "other bytes came than those of the message"),
    _on("joins-messages", "long-record", "other bytes came than those of the message"),
    _on("hides-truncation", "truncated-datagram", "lost, and nothing tells of it"),
    _on("leaks-when-cut", "truncated-datagram", _UNTOLD),
    _on("hides-truncation", "truncated-record", "lost, and nothing tells of it"),
    _on("leaks-when-cut", "truncated-record", _UNTOLD),
    _on("stays-truncated", "truncated-record", "set although there was room"),
    _on("drops-with-cut-data", "cut-record", "lost with the rest of the bytes"),
    _on("installs-unseen", "unread-datagram", "left a descriptor open that nobody knows"),
    _on("keeps-unread", "unread-datagram", "unread when the sockets closed"),
    _on("installs-unseen", "unread-record", "left a descriptor open that nobody knows"),
    _on("keeps-unread", "unread-record", "unread when the sockets closed"),
    _on("claims-refused", "datagram-to-nobody", "did not say that the peer is gone"),
    _on("keeps-refused", "datagram-to-nobody", _HELD),
    _on("claims-refused", "record-to-nobody", "did not say that the peer is gone"),
    _on("keeps-refused", "record-to-nobody", _HELD),
    _on("drops-when-channel-full", "full-of-datagrams", "came than were taken"),
    _on("leaks-refused", "full-of-datagrams", _HELD),
    _on("drops-when-channel-full", "full-of-records", "came than were taken"),
    _on("leaks-refused", "full-of-records", _HELD),
    _on("takes-by-look", "peeked-datagram", _TAKEN),
    _on("takes-by-look", "peeked-record", _TAKEN),
    _on("leaks-received", "peeked-record", "left more open than they told of"),
    _on("not-held-in-flight", "datagram-outlives-sender", "not the descriptor that was sent"),
    _on("drops-at-close", "record-outlives-sender", "a descriptor is to be used that did not come"),
    _on("receive-blocks", "no-datagram", "did not come to its end"),
    _on("receive-blocks", "no-record", "did not come to its end"),
)
