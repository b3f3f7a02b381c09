"""The peer program of a passer that is a Python object: the level in-process.

A user writes a factory, and names it ``module:factory``. What it gives makes passers; it is called
once, in a process of the suite's own, before anything is asked. This program does the rest: the
protocol, and all that has to do with plain descriptors.
"""

from __future__ import annotations

import importlib
import os
import socket
import sys

from .descriptors import Descriptors
from .session import BadRequest, Session

TYPE_CHECKING = False  # importing typing would double the time to start
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import Any, Protocol

    from .session import Request

    class Passer(Protocol):
        """What is asked of a passer. The optional ones may be missing.

        Optional: ``recv_nowait() -> fd``, ``recv_many(timeout) -> fds``, ``send_many(fds)``,
        ``send_with_data(fd, data)`` with ``recv_with_data(timeout) -> (fd, data)``, ``queued() ->
        int``, ``credentials() -> {"pid":, "uid":, "gid":}``.
        """

        def send(self, fd: int) -> None:
            """Send a descriptor or queue it, without waiting; borrows it."""

        def flush(self, timeout: float | None) -> None:
            """Wait until nothing is queued."""

        def recv(self, timeout: float | None) -> int:
            """Wait for a descriptor; the caller owns it."""

        def close(self) -> None:
            """Close all that the passer has."""

    class Maker(Protocol):
        """What a factory gives. Only ``adopt`` has to be there.

        Optional: ``pair() -> (passer, passer)``; ``connect(path, timeout) -> passer`` with
        ``listen(path)``, that gives something with ``accept(timeout) -> passer``, ``close()``;
        ``name`` and ``version``; ``dialects``, names with the usual one first, of which the chosen
        one comes as the argument ``dialect`` if it is not that; ``conditions``, a table of
        exception classes and what PROTOCOL.md calls them.
        """

        def adopt(self, fd: int) -> Passer:
            """Make a passer of a connected socket, and take it over."""


USUAL_CONDITIONS: Mapping[type[Exception], str] = {
    BlockingIOError: "would-block",
    TimeoutError: "timed-out",
    EOFError: "peer-closed",
    BrokenPipeError: "peer-reset",
    ConnectionResetError: "peer-reset",
}
"""What stands for what is not in the maker's ``conditions``; any other OSError is ``os``."""

# Which method an operation takes, beyond those that every maker and every passer has.
_OF_THE_MAKER = {"pair": "pair", "listen": "listen", "accept": "listen", "connect": "connect"}
_OF_THE_PASSER = (
    "recv_nowait",
    "recv_many",
    "send_many",
    "recv_with_data",
    "queued",
    "credentials",
)


class InProcess(Descriptors):
    """Any passer, by the objects that a factory gives."""

    def __init__(self, maker: Any) -> None:
        super().__init__()
        self._maker = maker
        self._dialects = list(getattr(maker, "dialects", ("nul",)))
        self._offered = self._tried()
        self._objects: dict[str, Any] = {}
        self._conditions: dict[type, str] = {**USUAL_CONDITIONS, **getattr(maker, "conditions", {})}

    def condition_of(self, error: Exception) -> str | None:
        """Name the condition that *error* stands for: by the class nearest to its own."""
        for kind in type(error).__mro__:
            if kind in self._conditions:
                return self._conditions[kind]
        return super().condition_of(error)

    def _tried(self) -> list[str]:
        """Make a passer, to see which methods it has; list the operations that can be offered."""
        one, other = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        with other:
            passer = self._maker.adopt(one.detach())
            lacking = {name for name in _OF_THE_PASSER if not hasattr(passer, name)}
            passer.close()
        lacking |= {op for op, method in _OF_THE_MAKER.items() if not hasattr(self._maker, method)}
        return [name for name in super().operations() if name not in lacking]

    def operations(self) -> list[str]:
        """List what the maker and its passers have."""
        return self._offered

    def _named(self, word: str) -> Any:
        if word not in self._objects:
            raise BadRequest(f"there is no {word!r} here")
        return self._objects[word]

    def _name(self, thing: object) -> str:
        word = f"p{len(self._objects) + 1}"
        self._objects[word] = thing
        return word

    def _options(self, request: Request) -> dict[str, Any]:
        """Give the dialect as an argument, if it is not what the maker speaks unasked."""
        chosen = request.get("dialect", self._dialects[0])
        return {} if chosen == self._dialects[0] else {"dialect": chosen}

    def op_hello(self, request: Request) -> object:  # noqa: ARG002
        """Tell who this is."""
        name = getattr(self._maker, "name", type(self._maker).__name__)
        version = str(getattr(self._maker, "version", "unknown"))
        works = {"backends": {}, "survivals": {}, "dialects": self._dialects}
        return self.about(name, version, level="in-process", **works)

    def op_adopt(self, request: Request) -> object:
        """Make a passer of a descriptor, which it takes over."""
        return {"passer": self._name(self._maker.adopt(request["fd"], **self._options(request)))}

    def op_pair(self, request: Request) -> object:
        """Make both ends of a channel."""
        return {"passers": [self._name(end) for end in self._maker.pair(**self._options(request))]}

    def op_listen(self, request: Request) -> object:
        """Listen at a path."""
        return {
            "listener": self._name(self._maker.listen(request["path"], **self._options(request)))
        }

    def op_accept(self, request: Request) -> object:
        """Accept a connection."""
        listener = self._named(request["listener"])
        return {"passer": self._name(listener.accept(request.get("timeout")))}

    def op_connect(self, request: Request) -> object:
        """Connect to a path."""
        path, timeout = request["path"], request.get("timeout")
        return {"passer": self._name(self._maker.connect(path, timeout, **self._options(request)))}

    def op_drop(self, request: Request) -> object:
        """Close a passer or a listener."""
        self._named(request["passer"]).close()
        return {}

    def op_send(self, request: Request) -> object:
        """Send a descriptor, or have it queued."""
        passer, data = self._named(request["passer"]), bytes.fromhex(request.get("hex", ""))
        if data:
            passer.send_with_data(request["fd"], data)
        else:
            passer.send(request["fd"])
        _close(request, [request["fd"]])
        return {}

    def op_send_many(self, request: Request) -> object:
        """Send several, or have them queued."""
        self._named(request["passer"]).send_many(request["fds"])
        _close(request, request["fds"])
        return {}

    def op_flush(self, request: Request) -> object:
        """Wait until nothing is queued."""
        self._named(request["passer"]).flush(request.get("timeout"))
        return {}

    def op_queued(self, request: Request) -> object:
        """Tell how many wait."""
        return {"queued": self._named(request["passer"]).queued()}

    def op_recv(self, request: Request) -> object:
        """Receive a descriptor."""
        return {"fd": self._named(request["passer"]).recv(request.get("timeout"))}

    def op_recv_nowait(self, request: Request) -> object:
        """Receive a descriptor if it is there."""
        return {"fd": self._named(request["passer"]).recv_nowait()}

    def op_recv_many(self, request: Request) -> object:
        """Receive all that is there."""
        return {"fds": list(self._named(request["passer"]).recv_many(request.get("timeout")))}

    def op_recv_with_data(self, request: Request) -> object:
        """Receive a descriptor and the bytes with it."""
        fd, data = self._named(request["passer"]).recv_with_data(request.get("timeout"))
        return {"fd": fd, "hex": bytes(data).hex()}

    def op_credentials(self, request: Request) -> object:
        """Tell who is at the other end."""
        return dict(self._named(request["passer"]).credentials())


def _close(request: Request, fds: Sequence[int]) -> None:
    """Close what was to be taken over: a passer of this level borrows."""
    if request.get("close", False):
        for fd in fds:
            os.close(fd)


def _found(name: str) -> Callable[[], Any]:
    module, _, factory = name.partition(":")
    return getattr(importlib.import_module(module), factory)  # type: ignore[no-any-return]


def main(name: str) -> None:
    """Answer the harness until it closes standard input; *name*: module:factory."""
    try:
        maker = _found(name)()
        peer = InProcess(maker)
    except (ImportError, AttributeError) as lack:
        sys.exit(f"{name} is no factory of passers: {lack}")
    Session(peer).run()
    peer.reap()
    sys.stderr.flush()
    os._exit(0)
