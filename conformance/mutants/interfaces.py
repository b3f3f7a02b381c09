"""Backends that go wrong in the ways that belong to their interface."""

from __future__ import annotations

import errno
import os
import struct

from conformance.peers.reference import ReferencePeer

from .mutant import HASTY, Mutant

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from conformance.peers.session import Request


class LosesAnInterface(ReferencePeer):
    """Knows of an interface no more that this system has."""

    def op_hello(self, request: Request) -> object:
        """Leave the first out."""
        about = super().op_hello(request)
        assert isinstance(about, dict)
        if "backends" in about:
            about["backends"] = {"bsd43": "there are no access rights here"}
            about["survivals"] = {}
        return about


class NamesAnother(ReferencePeer):
    """Tells itself for who is at the other end, and that by a wrong user."""

    def op_credentials(self, request: Request) -> object:
        """Tell somebody."""
        self.passer(request)
        return {"pid": os.getpid(), "uid": 31337, "gid": 31337}


class LosesThePutBack(ReferencePeer):
    """Takes a descriptor that found no slot, and was put back, for one that is lost."""

    def __init__(self) -> None:
        super().__init__()
        from fdpass.backends.sysv import Endpoint

        sound = Endpoint._receive_due

        def receive_due(endpoint: Endpoint) -> tuple[bytes, list[int], bool]:
            try:
                return sound(endpoint)
            except OSError as error:
                if error.errno != errno.EMFILE:
                    raise
                endpoint._taken = b""
                return b"\0", [], False

        Endpoint._receive_due = receive_due  # type: ignore[method-assign,assignment]


class AnnouncesTwice(ReferencePeer):
    """Writes the byte again when the descriptor had to wait: bug 18 of AnyEvent::FDpasser."""

    def __init__(self) -> None:
        super().__init__()
        from fdpass.backends import streams, sysv

        def send(endpoint: sysv.Endpoint, data: bytes, fds: Sequence[int]) -> int:
            os.write(endpoint.fileno(), data)
            streams.send_descriptor(endpoint.fileno(), fds[0])
            return len(data)

        sysv.Endpoint.send = send  # type: ignore[method-assign,assignment]


class DescriptorFirst(ReferencePeer):
    """Sends the descriptor before the bytes that belong to it."""

    def __init__(self) -> None:
        super().__init__()
        from fdpass.backends import streams, sysv

        def send(endpoint: sysv.Endpoint, data: bytes, fds: Sequence[int]) -> int:
            streams.send_descriptor(endpoint.fileno(), fds[0])
            os.write(endpoint.fileno(), data)
            return len(data)

        sysv.Endpoint.send = send  # type: ignore[method-assign,assignment]


class MisSizesStrrecvfd(ReferencePeer):
    """Takes struct strrecvfd to begin four bytes later than it does."""

    def op_adopt(self, request: Request) -> object:
        """Adopt a descriptor, and read the structure wrongly from now on."""
        adopted = super().op_adopt(request)
        from fdpass.backends import systems

        def received(_: object, buffer: bytes) -> tuple[int, int, int]:
            _, fd, uid = struct.unpack_from("@iii", buffer)
            return fd, uid, uid

        systems.Streams.received = received  # type: ignore[assignment,method-assign]
        return adopted


class TrustsTheLength(ReferencePeer):
    """Has room for one descriptor of access rights, and believes that all have come."""

    def __init__(self) -> None:
        super().__init__()
        from fdpass.backends import native

        sound = native.receive_rights

        def receive(fd: int, size: int, most: int, flags: int = 0) -> tuple[bytes, list[int]]:
            del most
            data, fds = sound(fd, size, 1, flags)
            missing = data.count(0) - len(fds) if fds else 0
            return data, fds + [os.dup(fds[-1]) for _ in range(missing)]

        native.receive_rights = receive


MUTANTS = (
    Mutant(
        "loses-put-back",
        "table.waits",
        because="descriptor 1 of 1 never arrived",
        system="loses-put-back",
        backend="sysv",
        timeout_scale=HASTY,
    ),
    Mutant(
        "LosesAnInterface",
        "interfaces.passes",
        because="bsd44 is expected here: fdpass knows of no backend bsd44",
        peer=LosesAnInterface,
        backend="each",
    ),
    Mutant(
        "NamesAnother",
        "interfaces.credentials",
        because="that is somebody else",
        peer=NamesAnother,
    ),
    Mutant(
        "LosesThePutBack",
        "table.waits",
        because="lost",
        peer=LosesThePutBack,
        backend="sysv",
        timeout_scale=HASTY,
    ),
    Mutant(
        "AnnouncesTwice",
        "fifo.data-beyond-the-channel",
        because="lost",
        peer=AnnouncesTwice,
        backend="sysv",
        timeout_scale=HASTY,
    ),
    Mutant(
        "DescriptorFirst",
        "fifo.data-in-order",
        because="the bytes are not with their descriptors",
        peer=DescriptorFirst,
        backend="sysv",
        timeout_scale=HASTY,
    ),
    Mutant(
        "MisSizesStrrecvfd",
        "bidirectional.first-to-second",
        because="what arrived is not the descriptor that was sent",
        peer=MisSizesStrrecvfd,
        backend="sysv",
        timeout_scale=HASTY,
    ),
    Mutant(
        "TrustsTheLength",
        "fifo.array-order",
        because="another order than sent",
        peer=TrustsTheLength,
        backend="bsd43",
    ),
)
