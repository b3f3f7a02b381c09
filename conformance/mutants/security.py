"""Systems that install what nobody asked for, or tell and give what they should not."""

from __future__ import annotations

from functools import partial

from .mutant import on

_on = partial(on, "security")

MUTANTS = (
    _on("installs-unseen", "read-installs-nothing", "left a descriptor open that nobody knows of"),
    _on("installs-nowhere", "unasked-are-closed", "open that nobody has asked for"),
    _on("leaks-when-cut", "room-is-kept-to", "open that nobody was told of"),
    _on("drops-when-channel-full", "flood-ends", "a flood of descriptors goes on and on"),
    _on("leaks-sent", "flood-ends", "in the table already"),
    _on("keeps-unread", "flood-is-released", "what was in the channel is still open"),
    _on("believes-credentials", "credentials-not-forged", "that are not the sender's"),
    _on("read-write", "read-only-stays", "the receiver can write what the sender cannot"),
    _on("read-write", "write-only-stays", "the receiver can read what the sender cannot"),
    _on("checks-again", "rights-of-the-opener", "a descriptor is to be used that did not come"),
    _on("phantom", "received-numbers-are-open", "a number came that is no open descriptor"),
    _on("bsd-like", "peek-tells-no-address", "a peek shows an address of the kernel"),
    _on("dirty-padding", "padding-is-clean", "bytes of something else are in the padding"),
    _on("writes-beyond", "nothing-beyond", "changed behind what the receive tells of"),
)
