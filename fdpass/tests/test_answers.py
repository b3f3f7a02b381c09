"""The dialect in which each message is answered; multiprocessing itself is in test_dialects."""

from __future__ import annotations

import os
import socket
from typing import TYPE_CHECKING

import pytest

import fdpass
from fdpass.tests.descriptors import SOON, close_all, identities, raised
from fdpass.tests.passing import Aside, fill_channel, receive

if TYPE_CHECKING:
    from collections.abc import Callable

    Make = Callable[[int], list[int]]


def test_each_message_is_answered_once(make: Make) -> None:
    fds = make(3)
    one, other = socket.socketpair()
    with fdpass.adopt(one, dialect="count-ack") as passer, other:
        for some in (fds, fds[:1]):
            fdpass.send_fds(other, [bytes([len(some)])], some)
        receive(passer, 4)
        other.settimeout(SOON)

        assert other.recv(2, socket.MSG_WAITALL) == b"AA"
        with raised(TimeoutError):
            passer.recv(0)
        other.setblocking(False)
        with raised(BlockingIOError):
            other.recv(1)


@pytest.mark.parametrize("sent", [0, 1, 2])
@pytest.mark.parametrize("way", ["peek", "reserve"])
def test_sixty_five_are_no_answer(make: Make, sent: int, way: str) -> None:
    fds = make(1) * 65
    one, other = socket.socketpair()
    with fdpass.adopt(one, dialect="count-ack", survival=way, batch=65) as passer, other:
        for _ in range(sent):
            passer.send(fds[0])
        other.send(b"A" * (sent // 2))
        fdpass.send_fds(other, [b"A"], fds)
        other.send(b"A" * (sent - sent // 2))
        fdpass.send_fds(other, [b"\1"], fds[:1])

        assert receive(passer, 66) == identities([*fds, fds[0]])


def test_an_answer_that_finds_no_room_goes_later(make: Make) -> None:
    fds = make(1)
    one, other = socket.socketpair()
    with fdpass.adopt(one, dialect="count-ack") as passer, other:
        messages = fill_channel(passer, fds[0])
        fdpass.send_fds(other, [b"\1"], fds)
        os.close(passer.recv(SOON))
        assert passer.wants_write

        flushing = Aside(passer.flush, SOON)
        came = b""
        while len(came) < messages + 1:
            data, got, *_ = fdpass.recv_fds(other, 64, 8)
            came += data
            close_all(got)
        flushing.result()

        assert sorted(came) == sorted(b"\1" * messages + b"A")
        assert not passer.wants_write


def test_who_is_gone_needs_no_answer(make: Make) -> None:
    one, other = socket.socketpair()
    with fdpass.adopt(one, dialect="count-ack") as passer:
        fdpass.send_fds(other, [b"\1"], make(1))
        other.close()

        os.close(passer.recv(SOON))
        with raised(fdpass.PeerClosed):
            passer.recv(SOON)
        assert not passer.wants_write


def test_an_answer_to_nothing_is_a_loss() -> None:
    one, other = socket.socketpair()
    with fdpass.adopt(one, dialect="count-ack", survival="reserve") as passer, other:
        other.send(b"A")

        with pytest.raises(fdpass.DescriptorsLost, match="65 of 65"):
            passer.recv(SOON)
