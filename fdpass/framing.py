"""Framings that others put on a stream of bytes and descriptors, over a MessageSocket.

NetLen      length, number of descriptors, payload         s6 and skalibs
Imsg        a header of 16 bytes, payload                  tmux, and OpenBSD's daemons until 7.4
JsonLines   a JSON value a line, acknowledged descriptors  Node's child processes

Each borrows the socket, sends a payload with its descriptors, and receives one: payload and the
descriptors, which the caller owns. A timeout loses nothing: what has come of a message waits.

Source: skalibs unixmessage(3); imsg_init(3) of OpenBSD 7.3; Node's lib/internal/child_process.js.
"""

from __future__ import annotations

import json
import os
import struct
from collections import deque, namedtuple

from .errors import DescriptorsLost, NotAPasser
from .patience import Patience

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from .messages import MessageSocket
    from .table import HasFileno

    Files = Sequence[int | HasFileno]

_MOST_BYTES = 1 << 20


class _Headed:
    """A header of one size, which says how many bytes and descriptors come with it."""

    _HEAD: struct.Struct

    def __init__(self, sock: MessageSocket, *, most: int = _MOST_BYTES) -> None:
        self._sock = sock
        self._most = most
        self._head: tuple[int, ...] | None = None  # of a message whose payload is still due

    def _payload_and_fds(self, head: tuple[int, ...]) -> tuple[int, int]:
        raise NotImplementedError

    def _receive(self, timeout: float | None) -> tuple[tuple[int, ...], bytes, list[int]]:
        patience = Patience(timeout)
        if self._head is None:
            self._head = self._HEAD.unpack(self._sock.recv_exactly(self._HEAD.size, timeout))
        size, count = self._payload_and_fds(self._head)
        if not 0 <= size <= self._most:
            raise NotAPasser(f"expected a payload of at most {self._most} bytes, received {size}")
        payload = self._sock.recv_exactly(size, patience.left())
        head, self._head = self._head, None
        try:
            return head, payload, self._sock.take(count)
        except DescriptorsLost as error:
            raise DescriptorsLost(str(error), error.lost, payload) from None


class NetLen(_Headed):
    """Length (4 bytes) and number of descriptors (2 bytes), both big-endian, then the payload."""

    _HEAD = struct.Struct(">IH")

    def send(self, payload: bytes, fds: Files = (), *, timeout: float | None = None) -> None:
        """Send one message; as :meth:`fdpass.MessageSocket.send`."""
        self._sock.send(self._HEAD.pack(len(payload), len(fds)) + payload, fds, timeout=timeout)

    def recv(self, timeout: float | None = None) -> tuple[bytes, list[int]]:
        """Receive one message; as :meth:`fdpass.MessageSocket.recv_exactly`.

        Raises:
            NotAPasser: the payload is longer than allowed.
            DescriptorsLost: fewer came than it says; ``data`` has the payload, and those that came
                wait in the socket.

        """
        return self._receive(timeout)[1:]

    def _payload_and_fds(self, head: tuple[int, ...]) -> tuple[int, int]:
        return head[0], head[1]


class ImsgMessage(namedtuple("ImsgMessage", ["payload", "fds", "kind", "peer", "pid"])):
    """A message; *fds* has one descriptor, which the caller owns, or none."""

    __slots__ = ()
    payload: bytes
    fds: list[int]
    kind: int
    peer: int
    pid: int


class Imsg(_Headed):
    """A header in the machine's byte order: type, length with header, flags, peer's id, process."""

    _HEAD = struct.Struct("=IHHII")
    _HAS_FD = 1

    def send(
        self,
        payload: bytes,
        fds: Files = (),
        *,
        kind: int,
        peer: int = 0,
        pid: int | None = None,
        timeout: float | None = None,
    ) -> None:
        """Send one message of type *kind* with one descriptor at most.

        Raises:
            ValueError: more than one came, or more bytes than the length can tell.

        """
        size = self._HEAD.size + len(payload)
        if len(fds) > 1 or size > 0xFFFF:
            raise ValueError(
                f"expected at most 1 descriptor and {0xFFFF - self._HEAD.size} bytes, "
                f"received {len(fds)} and {len(payload)}"
            )
        process = os.getpid() if pid is None else pid
        head = self._HEAD.pack(kind, size, self._HAS_FD * len(fds), peer, process)
        self._sock.send(head + payload, fds, timeout=timeout)

    def recv(self, timeout: float | None = None) -> ImsgMessage:
        """Receive one message; errors as :meth:`NetLen.recv`."""
        (kind, _, _, peer, pid), payload, fds = self._receive(timeout)
        return ImsgMessage(payload, fds, kind, peer, pid)

    def _payload_and_fds(self, head: tuple[int, ...]) -> tuple[int, int]:
        return head[1] - self._HEAD.size, head[2] & self._HAS_FD


class JsonLines:
    """A JSON value a line; one with a descriptor is acknowledged before anything follows it.

    A sender that waits for that receives meanwhile, so one thread at a time may use it.
    """

    def __init__(self, sock: MessageSocket, *, most: int = _MOST_BYTES) -> None:
        self._sock = sock
        self._most = most
        self._unacknowledged = False
        self._owed = b""  # an acknowledgement of ours, for which there was no room
        self._arrived: deque[tuple[Any, list[int]]] = deque()  # while an acknowledgement was due

    def send(
        self,
        payload: Any,
        fds: Files = (),
        *,
        kind: str = "net.Socket",
        timeout: float | None = None,
    ) -> None:
        """Send one message with one descriptor at most, which is a *kind* to Node.

        Raises:
            TimeoutError: the last descriptor has not been acknowledged; nothing has gone.
            DescriptorsLost: the peer says that it did not get the last one; nothing has gone.

        """
        if len(fds) > 1:
            raise ValueError(f"expected at most 1 descriptor, received {len(fds)}")
        patience = Patience(timeout)
        self._await_acknowledgement(patience)
        if fds:
            payload = {"cmd": "NODE_HANDLE", "type": kind, "msg": payload}
        self._sock.send(_line(payload), fds, timeout=patience.left())
        self._unacknowledged = bool(fds)

    def flush(self, timeout: float | None = None) -> None:
        """Wait until the last descriptor has been acknowledged; errors as :meth:`send`."""
        self._await_acknowledgement(Patience(timeout))

    def _await_acknowledgement(self, patience: Patience) -> None:
        while self._unacknowledged:
            if came := self._receive(patience):
                self._arrived.append(came)

    def recv(self, timeout: float | None = None) -> tuple[Any, list[int]]:
        """Receive one message and its descriptor, if it has one, and acknowledge that.

        Raises:
            NotAPasser: a line is no JSON, or too long.
            DescriptorsLost: the peer says that it did not get the last one sent.
            others as :meth:`fdpass.MessageSocket.recv_until`.

        """
        patience = Patience(timeout)
        self._pay(patience)
        while not self._arrived:
            if came := self._receive(patience):
                return came
        return self._arrived.popleft()

    def _receive(self, patience: Patience) -> tuple[Any, list[int]] | None:
        """Receive a line; None if it was about a descriptor and no message."""
        self._pay(patience)
        line = self._sock.recv_until(b"\n", self._most, patience.left())
        try:
            payload = json.loads(line)
        except ValueError as error:
            raise NotAPasser(f"expected a line of JSON, received {line[:80]!r}: {error}") from None
        command = payload.get("cmd") if isinstance(payload, dict) else None
        if command == "NODE_HANDLE":
            if not self._sock.waiting:  # it will be sent again
                self._owed = _line({"cmd": "NODE_HANDLE_NACK"})
                self._pay(patience)
                return None
            self._owed = _line({"cmd": "NODE_HANDLE_ACK"})
            came = payload.get("msg"), self._sock.take()
            try:
                self._pay(patience)
            except BaseException:
                self._arrived.append(came)
                raise
            return came
        if command in {"NODE_HANDLE_ACK", "NODE_HANDLE_NACK"}:
            self._unacknowledged = False
            if command == "NODE_HANDLE_NACK":
                raise DescriptorsLost("the peer did not get the descriptor (NODE_HANDLE_NACK)", 1)
            return None
        return payload, []

    def _pay(self, patience: Patience) -> None:
        if self._owed:
            self._sock.send(self._owed, timeout=patience.left())
            self._owed = b""


def _line(payload: Any) -> bytes:
    return json.dumps(payload, separators=(",", ":")).encode() + b"\n"
