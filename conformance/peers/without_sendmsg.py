"""fdpass as it is on a Python that was built without socket.sendmsg: by ctypes.

So are CPython before 3.16 on illumos and Solaris, and CPython on Cygwin.
"""

from __future__ import annotations

import socket

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .session import Request

_ABSENT = frozenset({"sendmsg", "recvmsg", "recvmsg_into"})


class _Lacking(type):
    """Of a class that has not what its base has."""

    def __getattribute__(cls, name: str) -> object:
        if name in _ABSENT:
            raise AttributeError(f"this Python was built without socket.{name}")
        return super().__getattribute__(name)


class Socket(socket.socket, metaclass=_Lacking):
    """A socket without messages."""


def main() -> None:
    """Answer the harness, as the reference passer does."""
    socket.socket = Socket  # type: ignore[misc]
    from . import reference  # only now: it looks at once what there is

    class Peer(reference.ReferencePeer):
        """Says what it lacks."""

        def op_hello(self, request: Request) -> object:
            """Tell who this is."""
            about = super().op_hello(request)
            assert isinstance(about, dict)
            return {**about, "language": f"{about['language']}, without socket.sendmsg"}

    reference.main(Peer)
