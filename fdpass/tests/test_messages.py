from __future__ import annotations

import os
import socket
import sys
from typing import TYPE_CHECKING

import pytest

import fdpass
from fdpass.table import RESERVE
from fdpass.tests.descriptors import (
    SOON,
    clamp,
    close_all,
    files,
    fill,
    identities,
    raised,
)
from fdpass.tests.passing import taken

if TYPE_CHECKING:
    from collections.abc import Callable

    Apart = Callable[..., str]
    Make = Callable[[int], list[int]]

linux = pytest.mark.skipif(sys.platform != "linux", reason="how Linux does it")
both_ways = pytest.mark.parametrize("way", ["peek", "reserve"])
every_type = pytest.mark.parametrize("kind", ["SOCK_STREAM", "SOCK_SEQPACKET", "SOCK_DGRAM"])
records = pytest.mark.parametrize("kind", ["SOCK_SEQPACKET", "SOCK_DGRAM"])


def pair(
    kind: str = "SOCK_STREAM", way: str = "auto"
) -> tuple[fdpass.MessageSocket, fdpass.MessageSocket]:
    one, other = socket.socketpair(socket.AF_UNIX, getattr(socket, kind))
    return fdpass.MessageSocket(one), fdpass.MessageSocket(other, survival=way)


@every_type
@both_ways
def test_bytes_and_descriptors_arrive_together(make: Make, kind: str, way: str) -> None:
    fds = make(3)
    left, right = pair(kind, way)
    with left, right:
        left.send(b"three", fds)
        message = right.recv(timeout=SOON)

        assert (message.data, message.credentials) == (b"three", None)
        assert not any(map(os.get_inheritable, message.fds))
        assert taken(message.fds) == identities(fds)


def test_a_stream_is_parted_by_the_receiver_and_its_descriptors_wait(make: Make) -> None:
    fds = make(3)
    left, right = pair()
    with left, right:
        left.send(b"plain")
        left.send(b"one two\n", fds[:2])
        left.send(b"rest", fds[2:])

        assert right.recv_exactly(5, SOON) == b"plain"
        assert right.recv_until(b"\n", timeout=SOON) == b"one two\n"
        assert taken(right.take(2)) == identities(fds[:2])
        assert right.recv_exactly(4, SOON) == b"rest"
        assert right.waiting == 1
        assert taken(right.take()) == identities(fds[2:])


@every_type
@both_ways
def test_a_full_table_delays_and_loses_nothing(apart: Apart, kind: str, way: str) -> None:
    def in_a_full_table(kind: str, way: str) -> None:
        clamp(48)
        one, other = socket.socketpair(socket.AF_UNIX, getattr(socket, kind))
        left, right = fdpass.MessageSocket(one), fdpass.MessageSocket(other, survival=way)
        sent = files(3)
        left.send(b"x", sent)
        left.send(b"y")
        held = fill()
        RESERVE.free()
        held += fill()
        with raised(fdpass.TableFull):
            right.recv(timeout=0)
        with raised(TimeoutError):
            right.recv(timeout=0.05)
        close_all(held)
        message = right.recv(1, SOON)
        assert (message.data, identities(message.fds)) == (b"x", identities(sent))
        assert right.recv(timeout=SOON).data == b"y"
        close_all(message.fds + sent)
        left.close()
        right.close()

    apart(in_a_full_table, kind, way)
