"""The streams interface, on a simulated system: see conformance/simulated/README.md."""

from __future__ import annotations

import errno
import os
import sys
import threading
from typing import TYPE_CHECKING

import pytest

import fdpass
from fdpass.backends import streams, systems, sysv
from fdpass.tests.descriptors import (
    SOON,
    clamp,
    close_all,
    eventually,
    files,
    fill,
    identities,
    identity,
    raised,
)
from fdpass.tests.passing import taken

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Apart = Callable[..., str]

if sys.platform == "win32":
    pytest.skip("streams are of Unix systems", allow_module_level=True)


# -- passing


def test_descriptors_go_both_ways(simulated: Apart) -> None:
    def both_ways() -> None:
        left, right = fdpass.pair(backend="sysv")
        with left, right:
            fds = files(3)
            left.send_many(fds)
            right.send(fds[0])

            assert taken([right.recv(SOON) for _ in fds]) == identities(fds)
            assert taken([left.recv(SOON)]) == identities(fds[:1])
            assert (left.backend, left.survival, left.batch) == ("sysv", "put-back", 1)
        close_all(fds)

    simulated(both_ways)


def test_text_stays_with_its_descriptor(simulated: Apart) -> None:
    def with_text() -> None:
        left, right = fdpass.pair(backend="sysv")
        with left, right:
            for text in (b"one", b"", b"three" * 1000):
                left.send(1, data=text)
            for text in (b"one", b"", b"three" * 1000):
                left.flush_nowait()
                fd, came = right.recv_with_data(SOON)
                os.close(fd)
                assert came == text

    simulated(with_text)


def test_a_received_descriptor_is_close_on_exec(simulated: Apart) -> None:
    def close_on_exec() -> None:
        left, right = fdpass.pair(backend="sysv")
        with left, right:
            left.send(1)
            fd = right.recv(SOON)
            assert not os.get_inheritable(fd)
            os.close(fd)

    simulated(close_on_exec)


def test_a_full_channel_delays_and_mixes_up_nothing(simulated: Apart) -> None:
    # Again and again the byte is the last thing that finds room, and its descriptor waits.
    def full_channel() -> None:
        left, right = fdpass.pair(backend="sysv", max_queued=4096)
        with left, right:
            fds = files(7)
            sent: list[tuple[int, bytes]] = []
            for text in (b"", b"x", b"xy" * 50):
                while not left.wants_write:
                    left.send(fds[len(sent) % 7], data=text)
                    sent.append((fds[len(sent) % 7], text))
                for _ in range(20):
                    left.send(fds[len(sent) % 7], data=text)
                    sent.append((fds[len(sent) % 7], text))
                while sent:
                    left.flush_nowait()
                    fd, came = right.recv_with_data(SOON)
                    due, text_due = sent.pop(0)
                    assert (identity(fd), came) == (identity(due), text_due)
                    os.close(fd)
                assert (left.queued, left.wants_write) == (0, False)
        close_all(fds)

    simulated(full_channel)


def test_a_sender_without_slots_loses_nothing_in_a_full_channel(simulated: Apart) -> None:
    # The byte has gone, there is no room for the descriptor and no slot to keep it in.
    def no_slots() -> None:
        left, right = fdpass.pair(backend="sysv", max_queued=0)
        with left, right:
            fds = files(2)
            clamp(64)
            filling = fill()
            sent = 0
            with raised(OSError):
                while True:
                    left.send(fds[sent % 2])
                    sent += 1
            close_all(filling)
            came = 0
            while came < sent:
                fd = right.recv(SOON)
                assert identity(fd) == identity(fds[came % 2])
                os.close(fd)
                came += 1
            left.send(fds[0])
            left.flush(SOON)
            assert taken([right.recv(SOON)]) == identities(fds[:1])
        close_all(fds)

    simulated(no_slots)


# -- bug 18 of AnyEvent::FDpasser: a byte and its descriptor are two messages


def test_bug_18_a_byte_whose_descriptor_is_late_is_not_forgotten(simulated: Apart) -> None:
    def late() -> None:
        one, other = streams.open_ends()
        with fdpass.adopt(other) as right:
            os.write(one, b"\0")
            with raised(BlockingIOError):
                right.recv_nowait()
            with raised(BlockingIOError):
                right.recv_nowait()
            streams.send_descriptor(one, 1)
            os.write(one, b"\0")
            streams.send_descriptor(one, 2)

            assert taken([right.recv(SOON), right.recv(SOON)]) == identities([1, 2])
        os.close(one)

    simulated(late)


def test_bug_18_a_full_table_between_the_two_costs_nothing(simulated: Apart) -> None:
    def full_table() -> None:
        left, right = fdpass.pair(backend="sysv")
        with left, right:
            fds = files(3)
            left.send_many(fds)
            clamp(64)
            filling = fill()
            for _ in range(3):
                with raised(fdpass.TableFull):
                    right.recv_nowait()
            for due in fds:
                os.close(filling.pop())
                fd = right.recv(SOON)
                assert identity(fd) == identity(due)
                filling.append(fd)
            close_all(filling)
        close_all(fds)

    simulated(full_table)


def test_nothing_is_lost_while_other_threads_take_every_slot(simulated: Apart) -> None:
    def churning() -> None:
        left, right = fdpass.pair(backend="sysv")
        with left, right:
            clamp(40)
            filling = fill(leave=3)
            over = threading.Event()

            def churn() -> None:
                while not over.is_set():
                    opened = []
                    try:
                        opened += [os.dup(2)]
                        opened += [os.dup(2)]
                        opened += [os.dup(2)]
                    except OSError:
                        pass
                    close_all(opened)

            thread = threading.Thread(target=churn)
            thread.start()
            try:
                for _ in range(300):
                    left.send(1)
                    assert taken([right.recv(SOON)]) == identities([1])
            finally:
                over.set()
                thread.join()
            close_all(filling)

    simulated(churning)


def test_a_byte_that_nothing_follows_is_a_loss_and_the_next_one_comes(simulated: Apart) -> None:
    def never_sent() -> None:
        one, other = streams.open_ends()
        with fdpass.adopt(other) as right:
            os.write(one, b"\0\0one\0two\0")
            streams.send_descriptor(one, 1)
            os.write(one, b"\0")
            os.close(one)

            with raised(fdpass.DescriptorsLost) as caught:
                right.recv(SOON)
            assert caught[0].lost == 1
            with raised(fdpass.DescriptorsLost):
                right.recv(SOON)
            with raised(fdpass.DescriptorsLost):
                right.recv(SOON)
            fd, text = right.recv_with_data(SOON)
            os.close(fd)
            assert text == b"two"
            with raised(fdpass.DescriptorsLost):
                right.recv(SOON)
            with raised(fdpass.PeerClosed):
                right.recv(SOON)

    simulated(never_sent)


def test_text_that_ends_amid_a_record_is_a_loss(simulated: Apart) -> None:
    def amid() -> None:
        one, other = streams.open_ends()
        with fdpass.adopt(other) as right:
            os.write(one, b"half")
            os.close(one)
            with raised(fdpass.DescriptorsLost):
                right.recv(SOON)
            with raised(fdpass.PeerClosed):
                right.recv(SOON)

    simulated(amid)


def test_a_descriptor_that_no_byte_announces_is_taken(simulated: Apart) -> None:
    def bare() -> None:
        one, other = streams.open_ends()
        with fdpass.adopt(other) as right:
            streams.send_descriptor(one, 1)
            streams.send_descriptor(one, 2)
            assert taken([right.recv(SOON), right.recv(SOON)]) == identities([1, 2])
        os.close(one)

    simulated(bare)


def test_what_is_not_open_is_refused_before_it_is_announced(simulated: Apart) -> None:
    def not_open() -> None:
        left, right = fdpass.pair(backend="sysv")
        with left, right:
            with raised(OSError) as caught:
                left.send(999)
            assert caught[0].errno == errno.EBADF
            left.send(1)
            assert taken([right.recv(SOON)]) == identities([1])

    simulated(not_open)


def test_the_end_is_seen_after_all_that_was_sent(simulated: Apart) -> None:
    def the_end() -> None:
        left, right = fdpass.pair(backend="sysv")
        with right:
            left.send(1)
            right.send(2)
            left.close()
            assert taken([right.recv(SOON)]) == identities([1])
            with raised(fdpass.PeerClosed):
                right.recv(SOON)
            with raised(OSError):
                right.send(1)

    simulated(the_end)


# -- which descriptor is for which interface


def test_adopt_chooses_by_the_kind_of_descriptor(simulated: Apart) -> None:
    def by_kind() -> None:
        one, other = streams.open_ends()
        with fdpass.adopt(one) as left, fdpass.adopt(other) as right:
            assert left.backend == "sysv"
            left.send(1)
            assert taken([right.recv(SOON)]) == identities([1])
        near, far = fdpass.pair()
        near.close()
        assert far.backend == "bsd44"
        with raised(ValueError) as caught:
            fdpass.adopt(far.fileno(), backend="sysv")
        assert "is a socket; an end of a stream pipe was due" in str(caught[0])
        far.close()
        reading, writing = os.pipe()
        for backend in ("auto", "sysv"):
            with raised(ValueError) as caught:
                fdpass.adopt(reading, backend=backend)
            assert "is a pipe" in str(caught[0])
        close_all([reading, writing])

    simulated(by_kind)


def test_what_is_released_blocks_as_it_did(simulated: Apart) -> None:
    def released() -> None:
        one, other = streams.open_ends()
        sysv.adopt(one).release()
        assert os.get_blocking(one)
        close_all([one, other])

    simulated(released)


# -- in the file system


def test_a_listener_is_found_by_its_path(simulated: Apart, short: Path) -> None:
    def by_path(path: str) -> None:
        with fdpass.listen(path, backend="sysv") as listener:
            accepted: list[fdpass.Passer] = []
            thread = threading.Thread(target=lambda: accepted.append(listener.accept(SOON)))
            thread.start()
            with fdpass.connect(path, SOON, backend="sysv") as client:
                thread.join(SOON)
                with accepted[0] as server:
                    client.send(1)
                    assert taken([server.recv(SOON)]) == identities([1])
                    server.send(2)
                    assert taken([client.recv(SOON)]) == identities([2])
                    assert server.credentials()[1:] == (os.geteuid(), os.getegid())
                    assert fdpass.peer_credentials(client)[1:] == (os.geteuid(), os.getegid())
            with raised(TimeoutError):
                listener.accept(0.01)
        assert not os.path.exists(path)

    simulated(by_path, str(short / "endpoint"))


def test_who_is_not_accepted_in_time_is_told(simulated: Apart, short: Path) -> None:
    def in_time(path: str) -> None:
        with fdpass.listen(path, backend="sysv") as listener:
            with raised(BlockingIOError):
                fdpass.connect(path, 0.05, backend="sysv")
            # It has been given up, and is closed at once.
            with listener.accept(SOON) as late, raised(fdpass.PeerClosed):
                late.recv(SOON)
        assert eventually(lambda: threading.active_count() == 1)

    simulated(in_time, str(short / "endpoint"))


def test_nobody_listens_at_a_file_that_nothing_is_attached_to(
    simulated: Apart, short: Path
) -> None:
    def nobody(path: str) -> None:
        with raised(FileNotFoundError):
            fdpass.connect(path, backend="sysv")
        with open(path, "w"):
            pass
        with raised(ConnectionRefusedError):
            fdpass.connect(path, backend="sysv")
        with raised(IsADirectoryError):
            fdpass.connect(os.path.dirname(path), backend="sysv")

    simulated(nobody, str(short / "endpoint"))


def test_only_an_empty_file_is_taken_for_a_stale_endpoint(simulated: Apart, short: Path) -> None:
    def stale(path: str) -> None:
        with open(path, "w") as file:
            file.write("dear diary")
        with raised(FileExistsError):
            fdpass.listen(path, backend="sysv")
        with open(path) as file:
            assert file.read() == "dear diary"
        os.truncate(path, 0)
        with fdpass.listen(path, backend="sysv"):
            with raised(OSError) as caught:
                fdpass.listen(path, backend="sysv")
            assert caught[0].errno == errno.EADDRINUSE
        assert not os.path.exists(path)

    simulated(stale, str(short / "endpoint"))


# -- where there is nothing of the kind


def test_a_system_without_streams_is_told_in_a_sentence() -> None:
    if systems.running().streams is not None:
        pytest.skip("this system has them")
    reason = sysv.missing()

    assert reason == systems.running().lack("streams")
    with pytest.raises(OSError, match=f"sysv: {reason}"):
        fdpass.pair(backend="sysv")
