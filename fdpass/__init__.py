"""Pass file descriptors between processes, and lose none.

    left, right = fdpass.pair()
    left.send(fd)
    fd = right.recv(timeout=5.0)

See :class:`Passer` for who owns what, :mod:`fdpass.survival` for what happens when the
descriptor table is full, and ``python -m fdpass doctor`` for what works on this system.
"""

import sys

from .endpoints import (
    Credentials,
    Listener,
    adopt,
    as_socket,
    connect,
    inherited,
    listen,
    pair,
    peer_credentials,
    spawn,
)
from .errors import (
    ChannelEnded,
    DescriptorsLost,
    FdPassError,
    NotAPasser,
    PasserBusy,
    PasserClosed,
    PeerClosed,
    PeerReset,
    QueueFull,
    SentInPart,
    TableFull,
)
from .passer import Passer

if sys.platform != "win32":
    from .backends import recv_fds, send_fds
    from .messages import Message, MessageSocket

__version__ = "0.1.0"

__all__ = [
    "ChannelEnded",
    "Credentials",
    "DescriptorsLost",
    "FdPassError",
    "Listener",
    "Message",
    "MessageSocket",
    "NotAPasser",
    "Passer",
    "PasserBusy",
    "PasserClosed",
    "PeerClosed",
    "PeerReset",
    "QueueFull",
    "SentInPart",
    "TableFull",
    "adopt",
    "as_socket",
    "connect",
    "inherited",
    "listen",
    "pair",
    "peer_credentials",
    "recv_fds",
    "send_fds",
    "spawn",
]
