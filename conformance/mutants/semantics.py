"""Systems on which a descriptor is not what was sent, or comes with other bytes than its own."""

from __future__ import annotations

from functools import partial

from .mutant import on

_on = partial(on, "semantics")

MUTANTS = (
    _on("forgets-zero", "number-zero", "not both of them came"),
    _on("gives-again", "first-byte", "came again with the rest of its message"),
    _on("gives-again", "partial-send", "came again with later bytes"),
    _on("joins-messages", "one-message", "other bytes than those of the first message"),
    _on("drops-gathered", "gathered", "a descriptor is to be used that did not come"),
    _on("drops-scattered", "scattered", "a descriptor is to be used that did not come"),
    # These two do not hold on Linux, where the library runs: without it they fail as well.
    _on("joins-messages", "bytes-before", "joined with the message"),
    _on("joins-messages", "rest-alone", "joined with the next message"),
    _on("joins-messages", "read-stops", "ran on into the next message"),
    _on("joins-messages", "one-datagram", "other bytes than those of the first datagram"),
    _on("joins-messages", "one-record", "other bytes than those of the first record"),
    _on("clears-nonblock", "shared-nonblock", "O_NONBLOCK was lost on the way"),
    _on("sets-nonblock", "nonblock-in-datagrams", "O_NONBLOCK has changed on the way"),
    _on("clears-nonblock", "nonblock-works", "did not come to its end"),
    _on("clears-append", "append-kept", "O_APPEND was lost on the way"),
    _on("clears-async", "flags-kept", "O_ASYNC was lost on the way"),
    _on("reopens", "flags-kept", "the flags of the file have changed on the way"),
    _on("read-only", "access-kept", "the access mode has changed on the way"),
    _on("old-number", "own-descriptor-flags", "FD_CLOEXEC was set on the sent descriptor too"),
    _on("passes-cloexec", "cloexec-stays", "FD_CLOEXEC came along"),
    _on("old-number", "closed-apart", "to close what came has closed what was sent"),
    _on("reopens", "shared-offset", "the file offset is not shared"),
    _on("reopens", "offset-in-flight", "with the offset it had when it was sent"),
    _on("reopens", "shared-across-processes", "not shared with the other process"),
    _on("ignores-close", "record-locks", "the lock is held although a descriptor was closed"),
    _on("null-device", "record-locks", "the lock was lost with the receive"),
    _on("null-device", "sender-exits", "what arrived is not the descriptor that was sent"),
    _on("not-held-in-flight", "sender-closes", "the socket was closed on its way"),
    _on("keeps-unread", "unread-is-released", "what was in flight is still open somewhere"),
    _on("keeps-unread", "receiver-closes", "what was in flight is still open somewhere"),
    _on("keeps-unread", "never-accepted", "what was in flight is still open somewhere"),
    _on("installs-unseen", "read-discards", "left a descriptor open that nobody knows"),
    _on("swaps-messages", "one-datagram", "the first datagram brought another descriptor"),
    _on("swaps-messages", "one-record", "the first record brought another descriptor"),
    _on("swaps-messages", "datagrams-in-order", "a message brought another file than its own"),
    _on("swaps-messages", "records-in-order", "a message brought another file than its own"),
    _on("late-descriptor", "datagrams-in-order", "a message came without its descriptor"),
    _on("late-descriptor", "records-in-order", "a message came without its descriptor"),
    _on("receive-races", "two-receivers", "a file was not received once"),
    _on("sends-mix", "two-senders", "a file did not come once"),
    _on("blind-select", "readable-by-select", "select does not tell of the message"),
    _on("reopens", "shared-read-only", "the file offset is not shared"),
    _on("reopens", "shared-write-only", "the file offset is not shared"),
    _on("reopens", "shared-directory", "not of the same open file description"),
    _on("reopens", "flock-kept", "the lock was lost on the way"),
    _on("blind-queue", "readable-by-queue", "the queue does not tell of the message"),
    _on("says-writable", "writable-with-room", "poll tells of room in a full channel"),
    _on("shuts-nothing", "shut-down-together", "does not read the end of a socket"),
    _on("fork-closes", "kept-by-a-child", "has not got what was received before the fork"),
    _on("never-waits", "blocking-waits", "what has no O_NONBLOCK does not wait"),
    _on("sets-nonblock", "blocking-waits", "what has no O_NONBLOCK does not wait"),
    _on("exec-clears-nonblock", "kept-by-a-program", "has cleared O_NONBLOCK"),
    _on("exec-closes-all", "kept-by-a-program", "has not got what was received"),
    _on("exec-keeps-all", "kept-by-a-program", "the program has what is close-on-exec"),
    _on("spoils-pages", "long-message", "bytes have changed on the way"),
    _on("resets-options", "options-kept", "SO_RCVTIMEO has changed on the way"),
)
