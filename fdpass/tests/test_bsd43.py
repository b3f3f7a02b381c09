"""The access rights interface, on a simulated system: see conformance/simulated/README.md."""

from __future__ import annotations

import os
import socket
import sys
from array import array
from typing import TYPE_CHECKING

import pytest

import fdpass
from fdpass.backends import bsd43, native, systems
from fdpass.tests.descriptors import SOON, clamp, close_all, files, fill, identities, raised
from fdpass.tests.passing import receive, taken

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Apart = Callable[..., str]

if sys.platform == "win32":
    pytest.skip("access rights are of Unix systems", allow_module_level=True)


def test_descriptors_go_both_ways_and_several_in_a_message(simulated: Apart) -> None:
    def both_ways() -> None:
        left, right = fdpass.pair(backend="bsd43")
        with left, right:
            fds = files(40)
            left.send_many(fds)
            right.send(fds[0], data=b"with text")

            assert receive(right, 40) == identities(fds)
            fd, text = left.recv_with_data(SOON)
            assert (taken([fd]), text) == (identities(fds[:1]), b"with text")
            assert (left.backend, left.survival, left.batch) == ("bsd43", "reserve", 24)
        close_all(fds)

    simulated(both_ways)


def test_a_received_descriptor_is_close_on_exec(simulated: Apart) -> None:
    def close_on_exec() -> None:
        left, right = fdpass.pair(backend="bsd43")
        with left, right:
            left.send_many([1, 2])
            for fd in right.recv_many(SOON):
                assert not os.get_inheritable(fd)
                os.close(fd)

    simulated(close_on_exec)


def test_fewer_descriptors_than_bytes_are_a_loss(simulated: Apart) -> None:
    # There are no flags that could tell.
    def fewer() -> None:
        one, other = socket.socketpair()
        with one, fdpass.adopt(other, backend="bsd43") as right:
            one.sendmsg([b"\0\0\0"], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array("i", [1]))])
            assert taken([right.recv(SOON)]) == identities([1])
            with raised(fdpass.DescriptorsLost) as caught:
                right.recv(SOON)
            assert caught[0].lost == 2

    simulated(fewer)


def test_a_full_table_delays_and_loses_nothing(simulated: Apart) -> None:
    def full_table() -> None:
        left, right = fdpass.pair(backend="bsd43", batch=4)
        with left, right:
            fds = files(8)
            left.send_many(fds)
            clamp(64)
            filling = fill()
            came = []
            with raised(fdpass.TableFull):
                while True:
                    came.append(right.recv_nowait())
            close_all(filling)
            came += [right.recv(SOON) for _ in range(8 - len(came))]
            assert taken(came) == identities(fds)
        close_all(fds)

    simulated(full_table)


def test_what_does_not_fit_is_cut_to_whole_descriptors(simulated: Apart) -> None:
    def cut() -> None:
        one, other = socket.socketpair()
        with one, other:
            native.send_rights(one.fileno(), b"\0\0\0", [0, 1, 2])
            data, fds = native.receive_rights(other.fileno(), 16, 2)
            assert (data, taken(fds)) == (b"\0\0\0", identities([0, 1]))

    simulated(cut)


def test_both_forms_talk_to_each_other(simulated: Apart, short: Path) -> None:
    # It is one kernel: what differs is how a program asks.
    def both_forms(path: str) -> None:
        with (
            fdpass.listen(path, backend="bsd43") as listener,
            fdpass.connect(path, backend="bsd44") as new,
            listener.accept(SOON) as old,
        ):
            new.send(1)
            old.send(2)
            assert taken([old.recv(SOON), new.recv(SOON)]) == identities([1, 2])
            assert old.credentials().uid == os.geteuid()

    simulated(both_forms, str(short / "endpoint"))


def test_a_system_without_access_rights_is_told_in_a_sentence() -> None:
    if systems.running().rights is not None:
        pytest.skip("this system has them")
    reason = bsd43.missing()

    assert reason == systems.running().lack("rights")
    with pytest.raises(OSError, match="bsd43: "):
        fdpass.pair(backend="bsd43")
