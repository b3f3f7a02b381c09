"""Passers and systems that lose descriptors when the table is full, or take nothing for one."""

from __future__ import annotations

from .hasteners import (
    CountsOneLost,
    HasRoomForFifty,
    SeesAGoodEnd,
    SelectsForRoom,
    TellsTheLossFirst,
)
from .mutant import HASTY, Mutant
from .naive import (
    CountsDescriptors,
    DropsWhatItCannotKeep,
    GivesStandardOutput,
    GivesUpAccepting,
    GivesUpAtHangUp,
    LooksBeforehand,
    LooksForSixteen,
    Naive,
    NaiveOnceItHasSent,
    TakesAll,
    TakesTheFirst,
    TakesWhatFits,
)
from .waiters import KnowsAThousand

_NEVER = "never arrived: peer B: recv: timed-out (nothing came)"

MUTANTS = (
    Mutant("drops-when-full", "table.intermittent", because="was lost", system="drops-when-full"),
    Mutant(
        "Naive",
        "table.waits",
        because=_NEVER,
        peer=Naive,
        timeout_scale=HASTY,
    ),
    Mutant(
        "SkipsToNext", "table.next-is-not-skipped", because="another order than sent", peer=Naive
    ),
    Mutant(
        "stuck-after-full",
        "table.one-slot-at-a-time",
        because="never arrived",
        system="stuck-after-full",
        timeout_scale=HASTY,
    ),
    Mutant(
        "TakesWhatFits",
        "table.several-in-one-message",
        because=_NEVER,
        peer=TakesWhatFits,
        timeout_scale=HASTY,
    ),
    Mutant(
        "leaks-when-full",
        "table.fills-and-clears",
        because="more than at the start",
        system="leaks-when-full",
    ),
    Mutant(
        "CountsDescriptors",
        "table.limit-lowered",
        because=_NEVER,
        peer=CountsDescriptors,
        timeout_scale=HASTY,
    ),
    Mutant(
        "NaiveOnceItHasSent",
        "table.both-full",
        because=_NEVER,
        peer=NaiveOnceItHasSent,
        timeout_scale=HASTY,
    ),
    Mutant("GivesUpAtHangUp", "table.sender-ends", because="peer-closed", peer=GivesUpAtHangUp),
    Mutant(
        "LooksBeforehand",
        "table.under-churn",
        because=_NEVER,
        peer=LooksBeforehand,
        timeout_scale=HASTY,
    ),
    Mutant(
        "LooksForSixteen",
        "table.under-churn-in-batches",
        because="never arrived",
        peer=LooksForSixteen,
        timeout_scale=HASTY,
    ),
    Mutant(
        "SaysNothing", "table.loss-is-not-silent", because=_NEVER, peer=Naive, timeout_scale=HASTY
    ),
    Mutant(
        "GivesStandardOutput",
        "table.byte-without-descriptor",
        because="a descriptor was delivered",
        peer=GivesStandardOutput,
    ),
    Mutant(
        "send-needs-slot",
        "table.sender-full",
        because="recv: timed-out",
        system="send-needs-slot",
        timeout_scale=HASTY,
    ),
    Mutant(
        "TakesAll",
        "table.recv-many",
        because="of 12 never arrived",
        peer=TakesAll,
        timeout_scale=HASTY,
    ),
    Mutant(
        "DropsWhatItCannotKeep",
        "table.sender-and-channel-full",
        because="of 5000 never arrived",
        peer=DropsWhatItCannotKeep,
        timeout_scale=HASTY,
    ),
    Mutant(
        "GivesUpAccepting",
        "table.accept-recovers",
        because="accept: timed-out",
        peer=GivesUpAccepting,
        transport="filesystem",
    ),
    Mutant(
        "leaks-when-full",
        "table.given-up",
        because="a descriptor of the message is still open",
        system="leaks-when-full",
        timeout_scale=HASTY,
    ),
    Mutant(
        "SaysNothing",
        "table.loss-is-told",
        because="expected lost",
        peer=Naive,
        timeout_scale=HASTY,
    ),
    Mutant(
        "TakesTheFirst",
        "table.surplus-is-closed",
        because="a descriptor that nobody got is still open",
        peer=TakesTheFirst,
        timeout_scale=HASTY,
    ),
    Mutant(
        "TakesTheFirst",
        "table.flood",
        because="a descriptor that nobody asked for is still open",
        peer=TakesTheFirst,
        timeout_scale=HASTY,
    ),
    Mutant(
        "GivesStandardOutput",
        "table.text-is-refused",
        because="expected not-a-passer, and it succeeded",
        peer=GivesStandardOutput,
    ),
    Mutant(
        "KnowsAThousand",
        "table.high-numbers",
        because="waiting at a channel of a high number: os",
        peer=KnowsAThousand,
    ),
    Mutant(
        "forgets-cloexec",
        "table.close-on-exec",
        because="it would be inherited over exec",
        system="forgets-cloexec",
    ),
    Mutant(
        "SelectsForRoom",
        "table.high-numbers-wait",
        because="waiting for room at a channel of a high number: os",
        peer=SelectsForRoom,
    ),
    Mutant(
        "CountsOneLost",
        "table.loss-in-its-place",
        because="2 of five arrived, and 1 are told as lost",
        peer=CountsOneLost,
    ),
    Mutant(
        "TellsTheLossFirst",
        "table.loss-in-its-place",
        because="a loss is told before what had arrived ahead of it",
        peer=TellsTheLossFirst,
    ),
    Mutant(
        "HasRoomForFifty",
        "table.largest-message",
        because="0 are told as lost, and now",
        peer=HasRoomForFifty,
        timeout_scale=HASTY,
    ),
    Mutant(
        "SeesAGoodEnd",
        "table.cut-off-is-told",
        because="half a message is told as peer-closed",
        peer=SeesAGoodEnd,
    ),
)
