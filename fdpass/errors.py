"""What can go wrong, one small tree; each leaf is also the builtin a caller would catch.

    FdPassError
    ├── ChannelEnded        nothing more will arrive
    │   ├── PeerClosed      EOFError               the peer closed in good order
    │   └── PeerReset       ConnectionResetError   the peer vanished with unread data
    ├── DescriptorsLost     OSError                descriptors were sent and will never arrive
    ├── NotAPasser          ValueError             what came does not follow the wire
    ├── PasserClosed        ValueError             this end has been closed
    ├── PasserBusy          RuntimeError           another thread is receiving here
    ├── QueueFull           BlockingIOError        the sending queue has no room
    ├── SentInPart          OSError                the first few of several were accepted
    └── TableFull           BlockingIOError        it waits in the channel for a free slot

The kernel's own ``OSError`` passes unchanged, errno and all. ``BlockingIOError`` that is none of
these means "would block".
"""

from __future__ import annotations


class FdPassError(Exception):
    """Something that only descriptor passing can run into."""


class ChannelEnded(FdPassError):
    """Nothing more will arrive on this channel."""


class PeerClosed(ChannelEnded, EOFError):
    """The peer closed its end in good order."""


class PeerReset(ChannelEnded, ConnectionResetError):
    """The peer is gone, and left unread what we had sent it.

    Source: Linux, af_unix.c, unix_release_sock: ECONNRESET if the queue was not empty.
    """


class DescriptorsLost(FdPassError, OSError):
    """Descriptors were sent and will never arrive; those after them will.

    ``lost`` is how many, or None where the system does not tell; ``data`` the bytes that came
    with them, where there were any of the user's.
    """

    def __init__(self, message: str, lost: int | None = None, data: bytes = b"") -> None:
        super().__init__(message)
        self.lost = lost
        self.data = data


class NotAPasser(FdPassError, ValueError):
    """What came does not follow the wire of a passer; the channel is of no further use."""


class PasserClosed(FdPassError, ValueError):
    """This passer has been closed."""


class PasserBusy(FdPassError, RuntimeError):
    """Another thread is receiving on this passer; only one may."""


class QueueFull(FdPassError, BlockingIOError):
    """The channel takes no more now, and the queue has no room; nothing was accepted."""


class SentInPart(FdPassError, OSError):
    """Of several descriptors only the first ``accepted`` were; the caller still owns the others."""

    def __init__(self, cause: OSError, accepted: int, due: int) -> None:
        super().__init__(cause.errno, f"{cause.strerror}, after {accepted} of {due} descriptors")
        self.accepted = accepted
        self._made_of = cause, accepted, due

    def __reduce__(self) -> tuple[object, ...]:
        return type(self), self._made_of  # args are those of OSError


class TableFull(FdPassError, BlockingIOError):
    """A descriptor waits in the channel; this process has no free slot for it. Nothing is lost."""
