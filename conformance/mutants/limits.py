"""Systems that misbehave where a message, a table or a channel is full."""

from __future__ import annotations

from functools import partial

from .mutant import on

_on = partial(on, "limits")

MUTANTS = (
    _on("cuts-large-arrays", "too-many", "a part of the message was sent, or lost"),
    _on("keeps-refused", "too-many-are-not-held", "what was refused is still open somewhere"),
    _on("reverses-arrays", "largest-array", "another file came in its place"),
    _on("cuts-large-arrays", "largest-array", "not all of them came"),
    _on("spares-a-slot", "last-slots", "not all of them came although there were slots"),
    _on("spares-a-slot", "one-slot", "without its descriptor although there was a slot"),
    _on("stuck-after-full", "next-after-full", "nothing is received any more"),
    _on("leaks-sent", "lost-is-not-held", "what found no slot is still open somewhere"),
    _on("ignores-limit", "lowered", "a descriptor was installed beyond the limit"),
    _on("hides-truncation", "full-with-credentials", "lost, and nothing tells of it"),
    _on("null-device", "high-numbers", "what was sent on is another file"),
    _on("select-numbers", "high-numbers", "not all of them came although there were slots"),
    _on("send-needs-slot", "full-sender", "send, failed with EMFILE"),
    _on("drops-when-channel-full", "taken-arrives", "other bytes came than were taken"),
    _on("leaks-hundredth", "thousand-leave-nothing", "something is still open"),
    _on("claims-refused", "in-flight", "other descriptors came than were taken"),
    _on("counts-for-ever", "in-flight-ends", "send, failed with ETOOMANYREFS"),
)
