"""Faulty and odd systems: a library interposed with LD_PRELOAD breaks one promise of the real one.

The faults themselves are C, in ``system/``; its README tells what it imitates. Here is the written
list of them, and how the library is built and put under a program.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from .. import interposed
from ..interposed import CannotBuild, compiler, missing

if TYPE_CHECKING:
    import os

__all__ = [
    "BY_NAME",
    "FAULTY",
    "ODD",
    "PLATFORM",
    "SOURCES",
    "TO_SELF",
    "CannotBuild",
    "System",
    "build",
    "compiler",
    "environment",
    "missing",
]

SOURCES = Path(__file__).with_name("system")


@dataclass(frozen=True)
class System:
    """A system that is not as others: its name, what it does, and what kind of promise it breaks.

    ``kind`` is ``odd`` where it breaks none: a conforming passer passes everything on it. Some of
    these owe something as a platform all the same: ``breaks`` has the ids of the platform checks
    that tell of it (patterns), and all others pass.
    """

    name: str
    sentence: str
    kind: str
    breaks: tuple[str, ...] = ()


FAULTY = (
    System("clears-nonblock", "A received descriptor has lost O_NONBLOCK.", "status"),
    System("sets-nonblock", "A received descriptor has O_NONBLOCK set.", "status"),
    System("fork-clears-nonblock", "After a fork the sockets have lost O_NONBLOCK.", "status"),
    System("clears-append", "A received descriptor has lost O_APPEND.", "status"),
    System("swaps-messages", "Two messages that wait are given each other's descriptors.", "order"),
    System("stacks-messages", "Of four messages that wait, the last comes first.", "order"),
    System("reverses-arrays", "The descriptors of one message come in reverse order.", "order"),
    System("sends-twice", "Every fifth message goes, yet the sender is told EAGAIN.", "order"),
    System("null-device", "/dev/null is delivered instead.", "identity"),
    System("reopens", "The file is opened again instead of shared.", "identity"),
    System("read-only", "The file is opened again, for reading only.", "identity"),
    System("repeats", "Of two messages that wait, the second repeats the first's.", "identity"),
    System("leaks-received", "Every receive leaves one more duplicate open.", "leaks"),
    System("leaks-once", "The first receive of a process leaves a duplicate open.", "leaks"),
    System("leaks-when-full", "What a cut receive installed stays open, unreported.", "leaks"),
    System("leaks-sent", "Every sent descriptor stays open in the sender.", "leaks"),
    System("leaks-refused", "A send that would block leaves duplicates open.", "leaks"),
    System("surplus", "Every message brings one descriptor more than was sent.", "leaks"),
    System(
        "drops-when-full", "With a full table the descriptor is lost, and no flag says so.", "loss"
    ),
    System("stuck-after-full", "After a full table nothing is received any more.", "loss"),
    System("drops-fiftieth", "Every fiftieth descriptor of a channel is lost.", "loss"),
    System("drops-at-close", "What waits is lost when the sender closes or exits.", "loss"),
    System("drops-replies", "Who has sent a descriptor receives none.", "loss"),
    System("drops-in-collision", "Descriptors that cross one another are lost.", "loss"),
    System("late-descriptor", "A descriptor comes with the next message's bytes.", "loss"),
    System("drops-when-channel-full", "A full channel loses what it says it took.", "loss"),
    System("send-blocks", "A non-blocking send waits for room.", "blocking"),
    System("receive-blocks", "A non-blocking receive waits for a message.", "blocking"),
    System("ignores-dontwait", "MSG_DONTWAIT has no effect.", "blocking"),
    System("late-readiness", "poll does not tell of a message that is alone.", "blocking"),
    System("send-needs-slot", "Sending fails while the sender's table is full.", "table"),
    System("toggles-passed-sockets", "A passed socket has O_NONBLOCK changed.", "passers"),
    System("mutes-passed-sockets", "A passed socket carries no descriptors.", "passers"),
    System("one-deep", "A socket passed over a passed socket is lost.", "passers"),
    System("forgets-cloexec", "MSG_CMSG_CLOEXEC works within a process only.", "close-on-exec"),
    System(
        "cloexec-first-only", "Only a message's first descriptor is close-on-exec.", "close-on-exec"
    ),
    System(
        "not-held-in-flight",
        "What its sender closes while it waits becomes /dev/null.",
        "in-flight",
    ),
)

PLATFORM = (
    System("passes-cloexec", "A received descriptor is close-on-exec unasked.", "close-on-exec"),
    System("cloexec-low-only", "Numbers of 64 and more are not close-on-exec.", "close-on-exec"),
    System("send-clears-cloexec", "To send a descriptor clears its FD_CLOEXEC.", "close-on-exec"),
    System("dontwait-stays", "To send with MSG_DONTWAIT sets O_NONBLOCK.", "status"),
    System("select-numbers", "Numbers of 1024 and more are not received.", "table"),
    System("shuts-when-closed", "To close a received socket shuts it down.", "passers"),
    System("fork-clears-cloexec", "What a child inherits is not close-on-exec.", "close-on-exec"),
    System("old-number", "What is open here already is given its old number.", "identity"),
    System("gives-again", "Bytes that follow bring the last descriptors again.", "order"),
    System("joins-messages", "A receive runs on into the next message.", "order"),
    System("installs-unseen", "A read leaves the descriptors open, unreported.", "leaks"),
    System("keeps-unread", "What is unread when a socket closes stays open.", "leaks"),
    System("keeps-cycles", "Sockets that hold one another are never closed.", "leaks"),
    System("receive-races", "Two that receive at once get the same descriptors.", "order"),
    System("sends-mix", "Threads that send at once send each other's descriptors.", "order"),
    System("blind-select", "select does not tell of a message that is alone.", "blocking"),
    System("blind-queue", "epoll does not tell of a message that is alone.", "blocking"),
    System("hangup-hides", "poll tells of a hangup and not of what waits.", "blocking"),
    System("says-writable", "poll says that a full channel has room.", "blocking"),
    System("forgets-names", "A received socket has lost its name.", "identity"),
    System("shuts-nothing", "To shut down a received socket does nothing.", "identity"),
    System("forgets-types", "A received socket says that it is of a stream.", "identity"),
    System("never-waits", "To read what was received never waits.", "blocking"),
    System("exec-clears-nonblock", "Where a program starts, O_NONBLOCK is cleared.", "status"),
    System("exec-closes-all", "A program that starts has not got what was received.", "loss"),
    System("exec-keeps-all", "A program that starts has what is close-on-exec.", "close-on-exec"),
    System("spoils-pages", "What is beyond 4096 bytes of a message is zeros.", "identity"),
    System("fork-closes", "A child has not got what was received before the fork.", "loss"),
    System("leaks-hundredth", "Every hundredth receive leaves a duplicate open.", "leaks"),
    System("clears-async", "A received descriptor has lost O_ASYNC.", "status"),
    System("resets-options", "A passed socket has lost its options.", "passers"),
    System("resets-terminal", "A passed terminal gives lines and echoes again.", "identity"),
    System("ignores-close", "What was received stays open when it is closed.", "leaks"),
    System("empties-passed-sockets", "A passed socket has lost what waited in it.", "passers"),
    System("numbers-once", "A descriptor listed twice comes under one number.", "identity"),
    System("forgets-zero", "What would come as number 0 is closed.", "loss"),
    System("leaks-when-cut", "A cut message leaves a descriptor open, unreported.", "leaks"),
    System("overstates-length", "cmsg_len of a cut message ends beyond the buffer.", "truncation"),
    System("cries-truncation", "MSG_CTRUNC is set although nothing was cut.", "truncation"),
    System("stays-truncated", "Once set, MSG_CTRUNC stays set on a channel.", "truncation"),
    System("drops-beside-others", "Beside other control messages descriptors are lost.", "loss"),
    System("drops-gathered", "Sent from several buffers, descriptors are lost.", "loss"),
    System("drops-scattered", "Received into several buffers, descriptors are lost.", "loss"),
    System("drops-with-cut-data", "Where data is cut, the descriptors are lost.", "loss"),
    System("drops-without-bytes", "Without a byte of data the descriptors are lost.", "loss"),
    System("takes-by-look", "A look with MSG_PEEK takes the descriptors away.", "loss"),
    System("spares-a-slot", "The last free slot of a table is never used.", "table"),
    System("ignores-limit", "Descriptors are received beyond RLIMIT_NOFILE.", "table"),
    System("first-control-message", "Of two arrays in a message only the first is sent.", "loss"),
    System("drops-in-short-sends", "What does not fit at once loses its descriptors.", "loss"),
    System("cuts-large-arrays", "Of too many descriptors the first 200 are sent.", "loss"),
    System("keeps-refused", "A send that fails leaves a duplicate open.", "leaks"),
    System("claims-refused", "A send that fails says that all of it went.", "loss"),
    System("counts-for-ever", "What nobody received counts as in flight for ever.", "in-flight"),
    System("skips-closed", "A descriptor that is not open is left out of a send.", "loss"),
    System("takes-malformed", "Malformed control data is left out, and the bytes go.", "loss"),
    System("rounds-up", "Half a number, and the padding behind it, are sent as one.", "identity"),
    System("raises-sigpipe", "MSG_NOSIGNAL has no effect.", "signals"),
    System("mutes-addressed", "A datagram to an address carries no descriptors.", "loss"),
    System(
        "believes-credentials", "Credentials that a sender has not are not refused.", "security"
    ),
    System("installs-nowhere", "What there is no room to tell of is installed.", "leaks"),
    System("loses-after-signal", "After an interrupted receive descriptors are lost.", "loss"),
    System("read-write", "The file is opened again, for reading and writing.", "security"),
    System("checks-again", "What a receiver could not open itself is not delivered.", "loss"),
    System("phantom", "A message tells of one number more, which is not open.", "identity"),
    System("dirty-padding", "Bytes of something else are in the padding.", "security"),
    System("writes-beyond", "A byte behind the data that came is changed.", "security"),
    System("binds-over", "What stands at a path is replaced by who binds to it.", "endpoints"),
    System("cuts-paths", "A path that is too long is cut off.", "endpoints"),
    System("short-paths", "A path of more than 80 bytes is refused.", "endpoints"),
    System("connects-to-nobody", "A connect that is refused says that it went well.", "endpoints"),
    System("waits-anyway", "connect and accept wait although O_NONBLOCK is set.", "blocking"),
    System("accepts-last", "Who came last is accepted first.", "order"),
    System("accepts-once", "A listener accepts one connection and no more.", "endpoints"),
    System(
        "unready-listeners", "poll does not tell that somebody waits to be accepted.", "blocking"
    ),
    System(
        "dies-with-listener", "Connections are shut down when their listener closes.", "endpoints"
    ),
    System("loses-early", "What was sent before the accept loses its descriptors.", "loss"),
)
"""For the checks of the platform, whose mutants show what they do."""

ODD = (
    System("interrupts", "Every third call that may wait fails with EINTR.", "odd"),
    System("short-writes", "A stream takes one byte at a time.", "odd"),
    System("short-reads", "A stream gives one byte at a time.", "odd"),
    System("spurious-eagain", "Every third non-blocking call fails with EAGAIN.", "odd"),
    System("spurious-readiness", "Every third poll tells of what is not there.", "odd"),
    System("tiny-buffers", "Sockets have the smallest buffer there is.", "odd"),
    System("slow", "Every third passing call takes its time.", "odd"),
    System("no-buffers", "Every third send of descriptors fails with ENOBUFS.", "odd"),
    System("too-many-references", "The same with ETOOMANYREFS.", "odd"),
    # It duplicates and closes what came, and a close lets go of the process's record locks.
    System(
        "high-numbers",
        "Received descriptors have high numbers.",
        "odd",
        ("semantics.record-locks",),
    ),
    # They crowd out descriptors that there was just enough room for.
    System(
        "credentials-first",
        "Credentials stand before the descriptors.",
        "odd",
        ("ancillary.*", "security.*", "limits.*"),
    ),
    System(
        "hides-truncation",
        "MSG_CTRUNC is never set.",
        "odd",
        ("ancillary.*", "security.*", "limits.*", "messages.truncated-*", "faults.no-room-nowhere"),
    ),
    System(
        "no-peek",
        "A peek shows zeros, and there is no MSG_CMSG_CLOEXEC.",
        "odd",
        ("ancillary.cloexec*", "messages.cloexec-*"),
    ),
    System("refuses-peek", "A look with MSG_PEEK is refused: EOPNOTSUPP.", "odd"),
    System(
        "bsd-like",
        "A peek shows kernel pointers; a full table is EMSGSIZE.",
        "odd",
        ("security.peek-tells-no-address", "limits.full-keeps-bytes"),
    ),
    System(
        "no-cloexec",
        "MSG_CMSG_CLOEXEC has no effect.",
        "odd",
        ("ancillary.cloexec*", "messages.cloexec-*"),
    ),
    System("accept-inherits", "accept hands O_NONBLOCK on from the listener.", "odd"),
    System("storm", "EINTR, short writes and spurious EAGAIN together.", "odd"),
)

BY_NAME = {system.name: system for system in FAULTY + PLATFORM + ODD}

TO_SELF = "to-self"
"""Beside a faulty system's name: it spoils also what a process passes to itself."""


def build(folder: str | os.PathLike[str]) -> Path:
    """Compile the library into *folder*; give its path.

    Raises:
        CannotBuild: there is no compiler, or it failed.

    """
    return interposed.build(SOURCES, Path(folder) / "faulty_system.so")


def environment(name: str, library: str | os.PathLike[str]) -> dict[str, str]:
    """Give the variables that put a program, and all it starts, on the system *name*.

    Several names, with commas between them, combine odd systems; see also :data:`TO_SELF`.

    Raises:
        ValueError: there is no such system, or the dynamic linker cannot read such a path.

    """
    for part in name.split(","):
        if part != TO_SELF and part not in BY_NAME:
            raise ValueError(f"no system {part!r}; known: {', '.join(BY_NAME)}")
    return interposed.preloaded(library) | {"FAULTY_SYSTEM": name}
