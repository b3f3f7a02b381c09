"""What happens when the descriptor table is full, so that nothing is lost.

A received descriptor needs a free slot. Without one the system takes the message out of the
channel all the same and the descriptor is gone, with MSG_CTRUNC (Linux), with an error (the BSDs)
or with no sign at all (gVisor). Three ways around it:

*put-back* Where the interface itself keeps what finds no slot, there is nothing to do but to come
           again (I_RECVFD on streams; Windows, where the endpoint keeps what it has fetched).

*peek*     Look at the message with MSG_PEEK, which gives duplicates and leaves it queued. As many
           descriptors as were announced: keep them and discard the message. Fewer: close them,
           and try again later. Nothing is lost whatever other threads do in between.

*reserve*  Keep slots occupied, free them just before receiving, and occupy them again just after
           (the close-dup slot reservation of AnyEvent::FDpasser). While they cannot be occupied
           again, receive nothing. Another thread that takes a freed slot at the wrong moment can
           still cause a loss; it is reported.

Which one: *put-back* where the interface does it; *peek* where a probe of the running system shows
that MSG_PEEK gives real descriptors; never by the system's name. *peek* and *reserve* share one
reserve for the whole process; *peek* touches it only under pressure.

    message waits ──peek──► complete ──discard──► delivered
                      │
                      └──► incomplete: close, free the reserve, peek once more
                                  └──► still incomplete: TableFull, it waits in the channel
"""

from __future__ import annotations

import errno

from .dialects import NUL
from .errors import DescriptorsLost, TableFull
from .table import RESERVE, close_all

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Protocol

    from .backends import Backend, Endpoint
    from .dialects import Dialect

    class Survival(Protocol):
        """A way of taking what has arrived."""

        NAME: str
        RESERVES: bool

        def take(
            self, endpoint: Endpoint, in_hand: int, text: bytes = b""
        ) -> tuple[bytes, list[int], bool]:
            """Take the next bytes and descriptors, and whether some were cut off.

            *in_hand* descriptors and *text* have come before, whose announcement is not whole.
            """


# Room for the bytes of any message of ours and to spare: see Peek.
_BYTES = 4096
_MOST_BYTES = 1 << 20
# How often in a row a message must look incomplete, with free slots shown to be there each time
# and no word from the system, before its descriptors count as lost.
_CONVICTIONS = 16
# As many free slots are asked for at most: a message carries no more (253 on Linux and gVisor), and
# a peer that announces and sends none could make us ask for more than the table has.
_MOST_DUE = 256


class PutBack:
    """Come again: what finds no slot has not been taken."""

    NAME = "put-back"
    RESERVES = False

    def take(
        self,
        endpoint: Endpoint,
        in_hand: int,  # noqa: ARG002
        text: bytes = b"",  # noqa: ARG002
    ) -> tuple[bytes, list[int], bool]:
        """Take the next bytes and descriptors off the channel; the caller owns them.

        Raises:
            BlockingIOError: nothing has arrived.
            TableFull: something has, and there is no slot for it; it waits in the channel.

        """
        try:
            return endpoint.receive(_BYTES)
        except OSError as error:
            if error.errno not in {errno.EMFILE, errno.ENFILE}:
                raise
            raise TableFull(errno.EMFILE, "a descriptor waits for a free slot") from None


class Peek:
    """Look first, take only what is complete."""

    NAME = "peek"
    RESERVES = True

    def __init__(self, dialect: Dialect = NUL) -> None:
        self._dialect = dialect
        self._due = dialect.due
        self._suspected = 0

    def take(
        self, endpoint: Endpoint, in_hand: int, text: bytes = b""
    ) -> tuple[bytes, list[int], bool]:
        """Take the next bytes and descriptors off the channel; the caller owns them.

        *in_hand* descriptors and *text* have come before, whose announcement is not whole.

        Raises:
            BlockingIOError: nothing has arrived.
            TableFull: something has, and there is no slot for it; it waits in the channel.

        """
        while True:
            try:
                data, fds, cut = endpoint.peek(_BYTES)
            except OSError as error:
                # Some systems refuse a look, too, when there is no slot; nothing is taken then.
                if error.errno not in {errno.EMFILE, errno.ENFILE}:
                    raise
                if RESERVE.free():
                    continue
                raise TableFull(errno.EMFILE, "descriptors wait in the channel") from error
            count = len(data)
            if count >= _BYTES:
                data, fds, cut = _peek_wider(endpoint, fds)
                count = len(data)
            if not cut:
                if fds and in_hand and not self._dialect.beyond(text, data, in_hand):
                    # A peek filled by plain bytes also shows the descriptors of the next message
                    # (Linux, unix_stream_read_generic). A receive tells whose they are.
                    close_all(fds)
                    return endpoint.receive(count)
                if len(fds) + in_hand >= self._due(text, data):
                    break
            close_all(fds)
            if not RESERVE.free():
                if in_hand:
                    # What stands before the next message needs no slot, and lets those go that
                    # have come already, which occupy some.
                    rest = self._dialect.beyond(text, data, in_hand)
                    first = data[: len(data) - len(rest)]
                    endpoint.discard(len(first))
                    return first, [], False
                self._convict_or_wait(self._due(text, data) - in_hand, len(fds), cut=cut)
                taken = endpoint.receive(count)  # may be refused, and has to be tried again then
                self._suspected = 0
                return taken
        try:
            endpoint.discard(count)
        except BaseException:
            close_all(fds)
            raise
        self._suspected = 0
        if RESERVE.is_short:
            RESERVE.occupy()
        return data, fds, False

    def _convict_or_wait(self, due: int, came: int, *, cut: bool) -> None:
        """Return only if what is missing was never there, however many slots are free.

        With MSG_CTRUNC set it is there. Without it, it may be: gVisor says nothing.
        """
        if cut or not RESERVE.has_room_for(min(max(due, 1), _MOST_DUE)):
            self._suspected = 0
        else:
            self._suspected += 1
            if self._suspected >= _CONVICTIONS:
                return
        raise TableFull(
            errno.EMFILE, f"{due} descriptors wait in the channel, and there is room for {came}"
        )


def _peek_wider(endpoint: Endpoint, fds: list[int]) -> tuple[bytes, list[int], bool]:
    """Peek with ever more room, until the bytes do not fill it: see Peek.take."""
    size = _BYTES
    while True:
        close_all(fds)
        size *= 4
        data, fds, cut = _peek_again(endpoint, size)
        if len(data) < size or size >= _MOST_BYTES:
            return data, fds, cut


def _peek_again(endpoint: Endpoint, size: int) -> tuple[bytes, list[int], bool]:
    # A peek has shown that something is there, so "would block" can only be spurious.
    while True:
        try:
            return endpoint.peek(size)
        except BlockingIOError:
            endpoint.wait(read=True, write=False, timeout=0.1)


class Hold:
    """Keep slots occupied, and free them for the moment of receiving."""

    NAME = "reserve"
    RESERVES = True

    def take(
        self,
        endpoint: Endpoint,
        in_hand: int,  # noqa: ARG002
        text: bytes = b"",  # noqa: ARG002
    ) -> tuple[bytes, list[int], bool]:
        """Take the next bytes and descriptors off the channel; the caller owns them.

        Raises:
            BlockingIOError: nothing has arrived.
            TableFull: the reserve is not whole, so nothing may be received now.
            DescriptorsLost: the system refused to give what had arrived, and dropped it.

        """
        with RESERVE.lock:
            if not RESERVE.occupy():
                if not endpoint.wait(read=True, write=False, timeout=0):
                    raise BlockingIOError(errno.EAGAIN, "nothing has arrived")
                raise TableFull(errno.EMFILE, "no slots to receive into can be kept free")
            if not endpoint.wait(read=True, write=False, timeout=0):
                raise BlockingIOError(errno.EAGAIN, "nothing has arrived")
            RESERVE.free()
            try:
                return endpoint.receive(_BYTES)
            except OSError as error:
                if isinstance(error, (BlockingIOError, ConnectionError)):
                    raise
                # EMSGSIZE on NetBSD, OpenBSD and macOS, EMFILE on FreeBSD and illumos.
                raise DescriptorsLost(f"the system dropped what had arrived: {error}") from error
            finally:
                RESERVE.occupy()


def available(backend: Backend) -> dict[str, str | None]:
    """Tell of every way why it cannot be used on this system, or None; best first."""
    if backend.PUTS_BACK:
        needless = "nothing has to be done: what finds no slot is put back"
        return {PutBack.NAME: None, Peek.NAME: needless, Hold.NAME: needless}
    no_peek = "MSG_PEEK does not give real descriptors on this system"
    return {
        PutBack.NAME: f"{backend.NAME} does not put back what finds no slot",
        Peek.NAME: None if backend.peek_works() else no_peek,
        Hold.NAME: None,
    }


def choose(backend: Backend, name: str = "auto", dialect: Dialect = NUL) -> Survival:
    """Give the best way that works here, or the one named, for what comes in *dialect*.

    Raises:
        ValueError: there is none of that name.
        OSError: it does not work on this system; the message says why.

    """
    ways = available(backend)
    if name == "auto":
        name = next(way for way, reason in ways.items() if reason is None)
    if name not in ways:
        raise ValueError(f"no survival mode {name!r}; known: auto, {', '.join(ways)}")
    if reason := ways[name]:
        raise OSError(f"survival mode {name} cannot be used: {reason}")
    if name == Peek.NAME:
        return Peek(dialect)
    return PutBack() if name == PutBack.NAME else Hold()
