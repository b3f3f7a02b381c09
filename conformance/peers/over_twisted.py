"""Twisted's ``sendFileDescriptor`` and ``fileDescriptorReceived``, a descriptor a byte.

The reactor runs all the time: it sends what is queued when there is room, and receives what has
arrived, asked or not. Requests are read in a thread of their own.
"""

from __future__ import annotations

import os
import socket
import sys
import threading
from collections import deque
from typing import TYPE_CHECKING, Any

import twisted
from twisted.internet import defer, error, interfaces, protocol, reactor, tcp, threads
from zope.interface import classImplements

from .descriptors import Descriptors
from .over_sockets import Lost, PeerClosed
from .session import BadRequest, Session

if TYPE_CHECKING:
    from collections.abc import Callable

    from .session import Request


class Changing:
    """What can be waited for, in the reactor."""

    def __init__(self) -> None:
        self._waiting: list[Any] = []

    def changed(self) -> None:
        """Have all who wait look again."""
        waiting, self._waiting = self._waiting, []
        for one in waiting:
            if not one.called:  # its time may be over
                one.callback(None)

    async def until(self, holds: Callable[[], object], timeout: float | None) -> None:
        """Wait until something holds, for at most so many seconds."""
        deadline = None if timeout is None else reactor.seconds() + timeout
        while not holds():
            change = defer.Deferred()
            self._waiting.append(change)
            if deadline is not None:
                change.addTimeout(max(0.0, deadline - reactor.seconds()), reactor)
            await change


class Channel(protocol.Protocol, Changing):  # type: ignore[misc]
    """A connection: what has arrived over it, and what Twisted has not sent yet."""

    def __init__(self) -> None:
        super().__init__()
        self.arrived: deque[int | Exception] = deque()
        self.unsent: list[int] = []
        self.end: Exception | None = None
        self.never_sent = 0
        self._come: list[int] = []

    def connectionMade(self) -> None:  # noqa: N802
        """Register as what is told whenever all has been sent, a producer."""
        self.transport.registerProducer(self, False)

    def fileDescriptorReceived(self, fd: int) -> None:  # noqa: N802
        """Take a descriptor; its byte comes next."""
        self._come.append(fd)

    def dataReceived(self, data: bytes) -> None:  # noqa: N802
        """Take the bytes; those without a descriptor came before the one with it."""
        missing = len(data) - len(self._come)
        self.arrived += [Lost("a byte came without its descriptor")] * missing
        self.arrived += self._come
        self._come = []
        self.changed()

    def connectionLost(self, reason: Any) -> None:  # noqa: N802
        """Take note of the end; what was not sent never will be."""
        clean = reason.check(error.ConnectionDone)
        said = str(reason.value)
        self.end = PeerClosed(said) if clean else ConnectionResetError(said)
        self.never_sent = len(self.unsent)
        self.resumeProducing()

    def resumeProducing(self) -> None:  # noqa: N802
        """Close what has been sent, which is all."""
        while self.unsent:
            os.close(self.unsent.pop())
        self.changed()

    def stopProducing(self) -> None:  # noqa: N802
        """Do nothing: the end of the connection is told, too."""

    def send(self, fd: int, *, close: bool) -> None:
        """Have a descriptor sent; Twisted needs it until then, and a duplicate will do."""
        if self.end:
            raise ConnectionResetError(str(self.end))
        self.unsent.append(fd if close else os.dup(fd))
        self.transport.sendFileDescriptor(self.unsent[-1])
        self.transport.write(b"\0")

    def take(self) -> int:
        """Give the next that has arrived; the caller owns it."""
        if not self.arrived:
            raise self.end or BlockingIOError("nothing has arrived")
        first = self.arrived.popleft()
        if isinstance(first, Exception):
            raise first
        return first

    async def close(self) -> None:
        """Close the connection, and what has arrived that nobody took."""
        self.transport.abortConnection()
        await self.until(lambda: self.end, None)
        for one in self.arrived:
            if not isinstance(one, Exception):
                os.close(one)


classImplements(Channel, interfaces.IFileDescriptorReceiver)


class Listener(protocol.Factory, Changing):  # type: ignore[misc]
    """A port, and the connections to it that nobody has accepted yet."""

    noisy = False

    def __init__(self, path: str) -> None:
        super().__init__()
        self.connected: deque[Channel] = deque()
        self._port = reactor.listenUNIX(path, self)

    def buildProtocol(self, _: object) -> Channel:  # noqa: N802
        """Make what takes a connection."""
        self.connected.append(Channel())
        self.changed()
        return self.connected[-1]

    async def close(self) -> None:
        """Close the port, and the connections that nobody accepted."""
        await self._port.stopListening()
        for channel in self.connected:
            await channel.close()


class TwistedPeer(Descriptors):
    """The operations that a connection and a port of Twisted's make."""

    op_fork: Any = None  # the reactor would be shared
    op_wait: Any = None

    def __init__(self) -> None:
        super().__init__()
        self._ends: dict[str, Any] = {}
        tcp._reservedFD.reserve()  # it keeps one in reserve, from the first port on

    def condition_of(self, error_: Exception) -> str | None:
        """Name the condition that an error stands for."""
        for kind, condition in (
            (PeerClosed, "peer-closed"),
            (Lost, "lost"),
            (defer.TimeoutError, "timed-out"),
            (error.ConnectError, "os"),
        ):
            if isinstance(error_, kind):
                return condition
        return super().condition_of(error_)

    def _called(self, end: object) -> str:
        name = f"t{len(self._ends) + 1}"
        self._ends[name] = end
        return name

    def _end(self, name: str) -> Any:
        if name not in self._ends:
            raise BadRequest(f"there is no {name!r} here")
        return self._ends[name]

    def op_hello(self, request: Request) -> object:  # noqa: ARG002
        """Tell who this is."""
        return self.about("twisted", twisted.__version__, backends={}, survivals={})

    def _adopted(self, fd: int) -> str:
        os.set_blocking(fd, False)  # as adoptStreamConnection asks
        channel = Channel()
        factory = protocol.Factory.forProtocol(lambda: channel)
        _call(reactor.adoptStreamConnection, fd, socket.AF_UNIX, factory)
        os.close(fd)  # it works on a duplicate
        return self._called(channel)

    def op_adopt(self, request: Request) -> object:
        """Make a passer of a descriptor, which it takes over."""
        return {"passer": self._adopted(request["fd"])}

    def op_pair(self, request: Request) -> object:  # noqa: ARG002
        """Make both ends of a channel."""
        ends = socket.socketpair(socket.AF_UNIX)
        return {"passers": [self._adopted(end.detach()) for end in ends]}

    def op_listen(self, request: Request) -> object:
        """Listen at a path."""
        return {"listener": self._called(_call(Listener, request["path"]))}

    def op_accept(self, request: Request) -> object:
        """Accept a connection."""
        listener = self._end(request["listener"])
        _wait(listener, lambda: listener.connected, request.get("timeout"))
        return {"passer": self._called(listener.connected.popleft())}

    def op_connect(self, request: Request) -> object:
        """Connect to a path."""
        creator = protocol.ClientCreator(reactor, Channel)
        return {"passer": self._called(_call(creator.connectUNIX, request["path"]))}

    def op_drop(self, request: Request) -> object:
        """Close a passer or a listener."""
        _run(self._end(request["passer"]).close)
        return {}

    def op_send(self, request: Request) -> object:
        """Have a descriptor sent when there is room."""
        channel = self._end(request["passer"])
        _call(channel.send, request["fd"], close=request.get("close", False))
        return {}

    def op_flush(self, request: Request) -> object:
        """Wait until all has been sent."""
        channel = self._end(request["passer"])
        _wait(channel, lambda: not channel.unsent, request.get("timeout"))
        if channel.never_sent:
            raise ConnectionResetError(f"{channel.never_sent} were not sent: {channel.end}")
        return {}

    def op_recv(self, request: Request) -> object:
        """Give a descriptor, once one has arrived."""
        channel = self._end(request["passer"])
        _wait(channel, lambda: channel.arrived or channel.end, request.get("timeout"))
        return {"fd": _call(channel.take)}

    def op_recv_nowait(self, request: Request) -> object:
        """Give a descriptor if one has arrived."""
        return {"fd": _call(self._end(request["passer"]).take)}


def _call(function: Callable[..., object], *arguments: object, **named: object) -> Any:
    return threads.blockingCallFromThread(reactor, function, *arguments, **named)


def _run(function: Callable[..., Any], *arguments: object) -> Any:
    return _call(lambda: defer.ensureDeferred(function(*arguments)))


def _wait(where: Changing, holds: Callable[[], object], timeout: float | None) -> None:
    _run(where.until, holds, timeout)


def _converse() -> None:
    try:
        Session(TwistedPeer()).run()
    except BaseException:
        sys.excepthook(*sys.exc_info())
        sys.stderr.flush()
        os._exit(1)
    reactor.callFromThread(reactor.stop)


def main() -> None:
    """Answer the harness until it closes standard input."""
    reactor.callWhenRunning(threading.Thread(target=_converse).start)
    reactor.run(installSignalHandlers=False)
    sys.stderr.flush()
    os._exit(0)
