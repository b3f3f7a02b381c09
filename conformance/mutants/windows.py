"""Passers that go wrong with handles of Windows; they are tried where Wine has been set up."""

from __future__ import annotations

import os
import struct
import sys
from importlib import import_module
from types import SimpleNamespace
from typing import Any

from conformance.peers.reference import ReferencePeer
from fdpass.errors import DescriptorsLost, NotAPasser

from .mutant import Mutant

# On another system only the names and the sentences of the mutants are of interest.
WindowsPeer: Any = ReferencePeer
handles: Any = None
records: Any = None
if sys.platform == "win32":
    from conformance.peers import windows

    WindowsPeer = windows.WindowsPeer
    handles = import_module("fdpass.backends.handles")
    records = import_module("fdpass.backends.records")


class ForgetsCloseSource(WindowsPeer):  # type: ignore[misc]
    """Duplicates a handle, and forgets DUPLICATE_CLOSE_SOURCE."""

    def __init__(self) -> None:
        super().__init__()
        handles._drop = lambda *_: None


class KeepsTheUntaken(WindowsPeer):  # type: ignore[misc]
    """Leaves copies open that the receiver had not taken when it died."""

    def __init__(self) -> None:
        super().__init__()
        handles.KEEPER.close = lambda *_: None


class PadsTheRecord(WindowsPeer):  # type: ignore[misc]
    """Writes a record as a C structure, with four bytes of padding."""

    def __init__(self) -> None:
        super().__init__()
        records._RECORD = struct.Struct("=I4xQ")


class _TakesOtherwise(WindowsPeer):  # type: ignore[misc]
    """Takes handles in a way of its own."""

    def __init__(self) -> None:
        super().__init__()
        self.take = records.take
        records.take = self.taken

    def taken(self, pid: int, value: int) -> Any:
        """Take one soundly."""
        return self.take(pid, value)


class MakesUpTheLost(_TakesOtherwise):
    """Delivers the null device in place of a handle whose process is gone."""

    def taken(self, pid: int, value: int) -> Any:
        """Take it, or something else."""
        try:
            return super().taken(pid, value)
        except DescriptorsLost:
            msvcrt: Any = import_module("msvcrt")
            return msvcrt.get_osfhandle(os.open(os.devnull, os.O_RDWR))


class EndsAtALoss(_TakesOtherwise):
    """Takes a record of a process that is gone for the end of all."""

    def taken(self, pid: int, value: int) -> Any:
        """Take it, or give up."""
        try:
            return super().taken(pid, value)
        except DescriptorsLost as lost:
            raise NotAPasser(str(lost)) from None


class TakesAnything(_TakesOtherwise):
    """Duplicates whatever value it is told, pseudo-handles too."""

    def taken(self, pid: int, value: int) -> Any:
        """Take it without a look."""
        _winapi: Any = import_module("_winapi")
        if value <= 0x7FFFFFFF:
            return super().taken(pid, value)
        process = _winapi.OpenProcess(0x40, False, pid)
        here = _winapi.GetCurrentProcess()
        return _winapi.DuplicateHandle(process, value - (1 << 64), here, 0, False, 2)


class EndsQuietly(WindowsPeer):  # type: ignore[misc]
    """Says nothing of the beginning of a record at the end of the channel."""

    def __init__(self) -> None:
        super().__init__()
        sound = records.Endpoint._has_record

        def has_record(endpoint: Any) -> bool:
            try:
                return bool(sound(endpoint))
            except DescriptorsLost:
                return False

        records.Endpoint._has_record = has_record


class AcceptsAnybody(WindowsPeer):  # type: ignore[misc]
    """Accepts who connects to the port, whatever word is said."""

    def __init__(self) -> None:
        super().__init__()
        loopback: Any = import_module("fdpass.backends.loopback")
        loopback.hmac = SimpleNamespace(compare_digest=lambda *_: True)


def _mutant(peer: type[ReferencePeer], check: str, because: str) -> Mutant:
    return Mutant(
        peer.__name__,
        f"windows.{check}",
        because=because,
        peer=peer,
        transport="filesystem",
        backend="windows",
        timeout_scale=3.0,
    )


MUTANTS = (
    _mutant(PadsTheRecord, "record", "recv: timed-out"),
    _mutant(ForgetsCloseSource, "source-closed", "a copy is still open"),
    _mutant(KeepsTheUntaken, "receiver-dies", "a copy is still open at the sender's"),
    _mutant(MakesUpTheLost, "rendezvous", "expected the loss to be told, and it was ok"),
    _mutant(EndsAtALoss, "no-such-process", "expected lost"),
    _mutant(MakesUpTheLost, "no-such-handle", "expected lost, and it succeeded"),
    _mutant(TakesAnything, "pseudo-handle", "expected not-a-passer"),
    _mutant(EndsQuietly, "half-a-record", "expected lost"),
    _mutant(AcceptsAnybody, "without-the-word", "expected timed-out, and it succeeded"),
)
