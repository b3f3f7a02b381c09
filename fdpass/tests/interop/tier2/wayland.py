"""The wire of Wayland: requests and events, and beside them a queue of descriptors.

A descriptor belongs to the next request that takes one, with whatever byte it came.
Source: the Wayland protocol, chapter 4, Wire Format.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, NamedTuple

from fdpass.tests.descriptors import SOON

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fdpass import MessageSocket

_HEADER = struct.Struct("=IHH")  # object, operation, length of all
_DISPLAY = 1
_SYNC, _GET_REGISTRY = 0, 1
_ERROR = 0
_BIND = 0


class Event(NamedTuple):
    """What an object says."""

    source: int
    kind: int
    body: bytes


class Client:
    """A client of a compositor; the numbers of its objects are given in their order."""

    def __init__(self, channel: MessageSocket) -> None:
        self.channel = channel
        self._last = _DISPLAY
        self._registry = self.new()
        self.say(request(_DISPLAY, _GET_REGISTRY, self._registry))
        self.globals: dict[str, int] = {}
        for event in self.all_done():
            if event.source == self._registry:
                name, length = struct.unpack_from("=II", event.body)
                self.globals[event.body[8 : 8 + length - 1].decode()] = name

    def new(self) -> int:
        """Give the number of the next object."""
        self._last += 1
        return self._last

    def say(self, requests: bytes, fds: Sequence[int] = ()) -> None:
        """Send requests, or a part of one; borrows the descriptors."""
        self.channel.send(requests, fds, timeout=SOON)

    def bind(self, interface: str) -> int:
        """Make an object of what the compositor offers, in its first version."""
        made = self.new()
        self.say(request(self._registry, _BIND, self.globals[interface], interface, 1, made))
        return made

    def all_done(self) -> list[Event]:
        """Wait until all requests have been worked on; give what was said meanwhile."""
        callback = self.new()
        self.say(request(_DISPLAY, _SYNC, callback))
        return self.until(callback)

    def until(self, source: int) -> list[Event]:
        """Give the events up to the next one of an object."""
        events = [self._event()]
        while events[-1].source != source:
            events.append(self._event())
        return events

    def _event(self) -> Event:
        header = self.channel.recv_exactly(_HEADER.size, timeout=SOON)
        source, kind, length = _HEADER.unpack(header)
        body = self.channel.recv_exactly(length - _HEADER.size, timeout=SOON)

        assert (source, kind) != (_DISPLAY, _ERROR), body

        return Event(source, kind, body)


def request(target: int, operation: int, *arguments: int | str) -> bytes:
    """Write a request; what it takes of descriptors is not among the arguments."""
    body = b"".join(
        struct.pack("=I", one) if isinstance(one, int) else _string(one) for one in arguments
    )
    return _HEADER.pack(target, operation, _HEADER.size + len(body)) + body


def _string(text: str) -> bytes:
    data = text.encode() + b"\0"
    return struct.pack("=I", len(data)) + data + bytes(-len(data) % 4)
