"""The peer program of fdpass, the reference passer. It translates; it repairs nothing."""

from __future__ import annotations

import errno
import gc
import os
import sys
import warnings

import fdpass
import fdpass.backends
import fdpass.dialects
import fdpass.survival

from .descriptors import Descriptors
from .session import BadRequest, Session

TYPE_CHECKING = False  # importing typing would double the time to start
if TYPE_CHECKING:
    from typing import Any

    from .session import Request

# Which condition an exception stands for; the first that fits.
_CONDITIONS = (
    (fdpass.PeerClosed, "peer-closed"),
    (fdpass.DescriptorsLost, "lost"),
    (fdpass.SentInPart, "sent-in-part"),
    (fdpass.TableFull, "table-full"),
    (fdpass.QueueFull, "queue-full"),
    (fdpass.NotAPasser, "not-a-passer"),
    (fdpass.PasserClosed, "closed"),
    (fdpass.PasserBusy, "busy"),
)


class ReferencePeer(Descriptors):
    """fdpass, an operation a method. A faulty peer overrides one of them."""

    def __init__(self) -> None:
        super().__init__()
        self._objects: dict[str, Any] = {}

    def condition_of(self, error: Exception) -> str | None:
        """Name the condition that *error* stands for, or None: a fault of this program."""
        for kind, condition in _CONDITIONS:
            if isinstance(error, kind):
                return condition
        return super().condition_of(error)

    def passer(self, request: Request) -> fdpass.Passer:
        """Give the passer that the request names."""
        return self._named(request["passer"])  # type: ignore[no-any-return]

    def _named(self, handle: str) -> Any:
        if handle not in self._objects:
            raise BadRequest(f"there is no {handle!r} here")
        return self._objects[handle]

    def _name(self, prefix: str, thing: object) -> str:
        handle = f"{prefix}{len(self._objects) + 1}"
        self._objects[handle] = thing
        return handle

    def op_hello(self, request: Request) -> object:
        """Tell who this is, and, unless it is to be brief, what works here."""
        about = self.about("fdpass", fdpass.__version__)
        if request.get("brief"):
            return about
        backends = fdpass.backends.available()
        if None not in backends.values():
            return {**about, "backends": backends, "survivals": {}}
        chosen = fdpass.backends.choose(request.get("backend", "auto"))
        return {
            **about,
            "backends": backends,
            "survivals": fdpass.survival.available(chosen),
            "dialects": fdpass.dialects.available(chosen),
        }

    def op_adopt(self, request: Request) -> object:
        """Make a passer of a descriptor, which it takes over."""
        try:
            passer = fdpass.adopt(request["fd"], **_options(request))
        except ValueError as refusal:  # that it is no socket may be what the check is to find
            raise OSError(errno.ENOTSOCK, str(refusal)) from None
        return {"passer": self._name("p", passer)}

    def op_socketpair(self, request: Request) -> object:
        """Open both ends of a channel that can be adopted; without a backend, plain sockets."""
        if "backend" not in request:
            return super().op_socketpair(request)
        fds = []
        for end in fdpass.backends.choose(request["backend"]).open_pair():
            fds.append(end.fileno())
            end.release()
        return {"fds": fds}

    def op_pair(self, request: Request) -> object:
        """Make both ends of a channel."""
        return {"passers": [self._name("p", end) for end in fdpass.pair(**_options(request))]}

    def op_listen(self, request: Request) -> object:
        """Listen at a path."""
        listener = fdpass.listen(request["path"], **_options(request))
        return {"listener": self._name("l", listener)}

    def op_accept(self, request: Request) -> object:
        """Accept a connection."""
        listener = self._named(request["listener"])
        return {"passer": self._name("p", listener.accept(request.get("timeout")))}

    def op_connect(self, request: Request) -> object:
        """Connect to a path."""
        timeout = request.get("timeout")
        passer = fdpass.connect(request["path"], timeout, **_options(request))
        return {"passer": self._name("p", passer)}

    def op_credentials(self, request: Request) -> object:
        """Tell who is at the other end."""
        return self.passer(request).credentials()._asdict()

    def op_drop(self, request: Request) -> object:
        """Close a passer or a listener."""
        self.passer(request).close()
        self._objects[request["passer"]] = None
        return {}

    def op_send(self, request: Request) -> object:
        """Send a descriptor, or queue it."""
        passer, fd, close = self.passer(request), request["fd"], request.get("close", False)
        try:
            passer.send(fd, data=bytes.fromhex(request.get("hex", "")), close=close)
        except ValueError as refusal:  # of bytes that this dialect cannot carry
            raise BadRequest(str(refusal)) from None
        return {}

    def op_send_many(self, request: Request) -> object:
        """Send several, or queue them."""
        self.passer(request).send_many(request["fds"], close=request.get("close", False))
        return {}

    def op_flush(self, request: Request) -> object:
        """Wait until nothing is queued."""
        self.passer(request).flush(request.get("timeout"))
        return {}

    def op_queued(self, request: Request) -> object:
        """Tell how many wait."""
        return {"queued": self.passer(request).queued}

    def op_recv(self, request: Request) -> object:
        """Receive a descriptor."""
        return {"fd": self.passer(request).recv(request.get("timeout"))}

    def op_recv_nowait(self, request: Request) -> object:
        """Receive a descriptor if it is there."""
        return {"fd": self.passer(request).recv_nowait()}

    def op_recv_many(self, request: Request) -> object:
        """Receive all that is there."""
        return {"fds": self.passer(request).recv_many(request.get("timeout"))}

    def op_recv_with_data(self, request: Request) -> object:
        """Receive a descriptor and the bytes with it."""
        fd, data = self.passer(request).recv_with_data(request.get("timeout"))
        return {"fd": fd, "hex": data.hex()}


def _options(request: Request) -> dict[str, Any]:
    names = ("batch", "survival", "max_queued", "backend", "dialect")
    return {name: request[name] for name in names if name in request}


def main(peer_class: type[ReferencePeer] = ReferencePeer) -> None:
    """Answer the harness until it closes standard input."""
    gc.disable()  # it lives too shortly, and its forks would copy what is gone through
    # That a channel is closed with something in its queue is what a check asks for.
    warnings.simplefilter("ignore", ResourceWarning)
    peer = peer_class()
    Session(peer).run()
    peer.reap()
    sys.stderr.flush()
    os._exit(0)  # nothing is left to tidy up, and the harness waits for the end of this process
