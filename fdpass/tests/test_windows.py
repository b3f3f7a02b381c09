# ruff: noqa: E402  the platform stands before the imports, so that mypy stops there elsewhere
"""Handles over TCP: the wire, what is lost and how that is told, sockets, and who closes what."""

from __future__ import annotations

import errno
import os
import socket
import struct
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

if sys.platform != "win32":
    pytest.skip("DuplicateHandle is there on Windows only", allow_module_level=True)
assert sys.platform == "win32"  # for mypy, which does not know that skip ends the module

import msvcrt

import fdpass
from fdpass.backends import handles, loopback, sockets, windows
from fdpass.backends.handles import KEEPER, as_descriptor, take
from fdpass.tests.descriptors import SOON, close_all, eventually, fill, identities
from fdpass.tests.passing import taken

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path
    from typing import Any

    Make = Callable[[int], list[int]]

RECORD = struct.Struct("=IQ")
NOBODY = 0x7FFFFFFC  # no process has this id


@pytest.fixture(autouse=True)
def _nothing_is_left_untaken() -> Iterator[None]:
    assert windows.missing() is None
    before = KEEPER.untaken()
    yield

    assert KEEPER.untaken() == before, "the test leaves copies that nobody takes"


@pytest.fixture
def ends() -> Iterator[tuple[windows.Endpoint, windows.Endpoint]]:
    one, other = windows.open_pair()
    yield one, other
    one.close()
    other.close()


@pytest.fixture
def raw() -> Iterator[tuple[socket.socket, windows.Endpoint]]:
    """Give a plain socket, and the endpoint at its other end."""
    one, other = socket.socketpair()
    endpoint = windows.Endpoint(other)
    one.settimeout(SOON)
    yield one, endpoint
    endpoint.close()
    one.close()


def receive(endpoint: windows.Endpoint) -> list[int]:
    assert endpoint.wait(read=True, write=False, timeout=SOON)
    data, fds, cut = endpoint.receive(4096)

    assert data == b"\0" * len(fds)
    assert not cut
    return fds


# -- the wire -------------------------------------------------------------------------------------


def test_a_record_is_a_process_and_a_handle(
    raw: tuple[socket.socket, windows.Endpoint], make: Make
) -> None:
    plain, endpoint = raw

    assert endpoint.send(b"\0", make(1)) == 1
    record = plain.recv(64)

    assert len(record) == 12
    pid, value = RECORD.unpack(record)
    assert pid == KEEPER.pid
    assert KEEPER.has(value)
    plain.sendall(record)
    close_all(receive(endpoint))


def test_a_record_may_come_in_pieces(
    raw: tuple[socket.socket, windows.Endpoint], make: Make
) -> None:
    plain, endpoint = raw
    endpoint.send(b"\0", make(1))
    record = plain.recv(64)

    for number in range(len(record) - 1):
        plain.sendall(record[number : number + 1])
        assert endpoint.wait(read=True, write=False, timeout=SOON)
        with pytest.raises(BlockingIOError):
            endpoint.receive(4096)
    plain.sendall(record[-1:])

    close_all(receive(endpoint))


class Narrow(socket.socket):
    """Takes a few bytes at a time, and then none once."""

    taken: list[int]

    def send(self, data: Any, flags: int = 0) -> int:
        room = self.taken.pop(0) if self.taken else len(data)
        if not room:
            raise BlockingIOError(errno.EAGAIN, "full")
        return super().send(data[:room], flags)


def test_the_rest_of_a_record_goes_before_the_next(make: Make) -> None:
    one, other = socket.socketpair()
    narrow = Narrow(fileno=one.detach())
    narrow.taken = [5, 4, 0, 2, 0]
    sending, receiving = windows.Endpoint(narrow), windows.Endpoint(other)

    assert sending.send(b"\0", make(1)) == 0, "the byte counts when the record has gone"
    for _ in range(2):
        with pytest.raises(BlockingIOError):
            sending.send(b"\0", ())
    assert sending.send(b"\0", ()) == 1
    assert sending.send(b"\0", make(1)) == 1

    close_all(receive(receiving))
    close_all(receive(receiving))
    sending.close()
    receiving.close()


def test_a_passer_goes_on_with_a_record(make: Make) -> None:
    one, other = socket.socketpair()
    narrow = Narrow(fileno=one.detach())
    narrow.taken = [5, 0, 4, 0, 1, 0, 0, 7]
    fds = make(3)
    with fdpass.adopt(other) as receiving:
        backend = fdpass.backends.choose()
        with fdpass.Passer(backend, windows.Endpoint(narrow)) as sending:
            sending.send_many(fds)
            assert sending.wants_write
            sending.flush(SOON)
        assert identities(fds) == taken([receiving.recv(SOON) for _ in fds])


def test_what_is_sent_may_be_closed_at_once(
    ends: tuple[windows.Endpoint, windows.Endpoint],
) -> None:
    reading, writing = os.pipe()
    ends[0].send(b"\0", [writing])
    os.close(writing)

    (fd,) = receive(ends[1])
    os.write(fd, b"through")
    os.close(fd)

    assert os.read(reading, 99) == b"through"
    assert os.read(reading, 99) == b"", "the copy is still open at the sender's"
    os.close(reading)


def test_what_arrives_is_not_inherited(
    ends: tuple[windows.Endpoint, windows.Endpoint], make: Make
) -> None:
    ends[0].send(b"\0", make(1))
    (fd,) = receive(ends[1])

    assert not os.get_inheritable(fd)
    assert not os.get_handle_inheritable(msvcrt.get_osfhandle(fd))
    os.close(fd)


@pytest.mark.parametrize("data", [b"text\0", b"text", b"\0\0"])
def test_a_record_has_no_room_for_bytes(
    ends: tuple[windows.Endpoint, windows.Endpoint], data: bytes, make: Make
) -> None:
    with pytest.raises(ValueError, match="no room"):
        ends[0].send(data, make(1))


def test_text_is_refused_before_it_is_queued(
    pair: tuple[fdpass.Passer, fdpass.Passer], make: Make
) -> None:
    with pytest.raises(ValueError, match="nothing but descriptors"):
        pair[0].send(make(1)[0], data=b"text")


def test_what_is_not_open_is_refused(ends: tuple[windows.Endpoint, windows.Endpoint]) -> None:
    with pytest.raises(OSError, match="Bad file descriptor"):
        ends[0].send(b"\0", [4000])


# -- losses ---------------------------------------------------------------------------------------


def test_a_sender_that_is_gone_is_a_loss_and_the_next_arrives(
    raw: tuple[socket.socket, windows.Endpoint], make: Make
) -> None:
    plain, endpoint = raw
    endpoint.send(b"\0", make(1))
    record = plain.recv(64)
    plain.sendall(RECORD.pack(NOBODY, 64) + record)

    assert endpoint.wait(read=True, write=False, timeout=SOON)
    with pytest.raises(fdpass.DescriptorsLost, match="has ended") as lost:
        endpoint.receive(4096)

    assert lost.value.lost == 1
    close_all(receive(endpoint))


def test_a_handle_that_is_not_open_is_a_loss(
    raw: tuple[socket.socket, windows.Endpoint],
) -> None:
    plain, endpoint = raw
    plain.sendall(RECORD.pack(KEEPER.pid, 0x7FF0))

    assert endpoint.wait(read=True, write=False, timeout=SOON)
    with pytest.raises(fdpass.DescriptorsLost, match="cannot be taken"):
        endpoint.receive(4096)


@pytest.mark.parametrize(
    ("pid", "value"),
    [
        (0, 64),
        (NOBODY, 0),
        (NOBODY, 0xFFFFFFFFFFFFFFFF),  # the pseudo-handle of the process itself
        (NOBODY, 0xFFFFFFFF),
        (os.getpid(), 64),  # one of ours, whatever it is, that we have not sent
    ],
)
def test_numbers_that_no_sender_writes_are_refused_for_good(
    raw: tuple[socket.socket, windows.Endpoint], pid: int, value: int
) -> None:
    plain, endpoint = raw
    plain.sendall(RECORD.pack(pid, value))

    assert endpoint.wait(read=True, write=False, timeout=SOON)
    for _ in range(2):
        with pytest.raises(fdpass.NotAPasser):
            endpoint.receive(4096)


def test_half_a_record_at_the_end_is_a_loss(raw: tuple[socket.socket, windows.Endpoint]) -> None:
    plain, endpoint = raw
    plain.sendall(b"\1\2\3")
    plain.close()

    assert eventually(lambda: endpoint.wait(read=True, write=False, timeout=0))
    with pytest.raises(fdpass.DescriptorsLost, match="3 bytes"):
        endpoint.receive(4096)
    assert endpoint.receive(4096) == (b"", [], False)


def test_a_full_table_puts_back(ends: tuple[windows.Endpoint, windows.Endpoint]) -> None:
    reading, writing = os.pipe()
    ends[0].send(b"\0", [writing])
    os.close(writing)
    held = fill()
    try:
        for _ in range(2):
            assert ends[1].wait(read=True, write=False, timeout=SOON)
            with pytest.raises(OSError, match="Too many open files"):
                ends[1].receive(4096)
    finally:
        close_all(held)

    close_all(receive(ends[1]))
    assert os.read(reading, 9) == b""
    os.close(reading)


# -- who closes it --------------------------------------------------------------------------------


def test_what_the_peer_never_took_is_closed_with_the_sender() -> None:
    reading, writing = os.pipe()
    one, other = socket.socketpair()
    sending = windows.Endpoint(one)
    for _ in range(3):
        sending.send(b"\0", [writing])
    os.close(writing)
    other.close()

    sending.close()

    assert os.read(reading, 9) == b"", "a copy is still open"
    os.close(reading)


def test_what_the_peer_may_still_take_is_left_to_it(make: Make) -> None:
    sending, receiving = windows.open_pair()
    sending.send(b"\0", make(1))

    sending.close()

    close_all(receive(receiving))
    assert receive(receiving) == []
    receiving.close()


def test_a_receiver_that_closes_takes_what_waits_for_it() -> None:
    reading, writing = os.pipe()
    sending, receiving = windows.open_pair()
    sending.send(b"\0", [writing])
    os.close(writing)

    receiving.close()

    assert os.read(reading, 9) == b""
    sending.close()
    os.close(reading)


def test_a_value_that_was_taken_and_given_anew_belongs_to_the_other(make: Make) -> None:
    first, second = windows.open_pair()
    third, fourth = socket.socketpair()
    other = windows.Endpoint(third)
    (fd,) = make(1)
    other.send(b"\0", [fd])
    fourth.close()
    (value,) = other._told
    # Taken by somebody, and the value given to what goes over another channel.
    os.close(as_descriptor(take(KEEPER.pid, value)))
    first.send(b"\0", [fd])
    assert list(first._told) == [value], "the value was not given anew"

    other.close()

    close_all(receive(second))
    first.close()
    second.close()


def test_a_keeper_that_was_ended_is_replaced(
    ends: tuple[windows.Endpoint, windows.Endpoint], make: Make
) -> None:
    (fd,) = make(1)
    ends[0].send(b"\0", [fd])
    before = KEEPER.pid
    os.kill(before, 15)

    assert eventually(lambda: not handles._is_alive(KEEPER._process))

    ends[0].send(b"\0", [fd])

    assert KEEPER.pid != before
    assert ends[1].wait(read=True, write=False, timeout=SOON)
    with pytest.raises(fdpass.DescriptorsLost):
        ends[1].receive(4096)
    close_all(receive(ends[1]))


# -- sockets --------------------------------------------------------------------------------------


def test_a_socket_arrives_and_is_one(pair: tuple[fdpass.Passer, fdpass.Passer]) -> None:
    near, far = socket.socketpair()
    pair[0].send(far, close=True)

    assert far.fileno() < 0, "it was not taken over"
    with fdpass.as_socket(pair[1].recv(SOON)) as received:
        received.sendall(b"over it")
        assert near.recv(9) == b"over it"
    assert near.recv(9) == b""
    near.close()


def test_a_borrowed_socket_stays_open(pair: tuple[fdpass.Passer, fdpass.Passer]) -> None:
    near, far = socket.socketpair()
    pair[0].send_many([far, near])
    for _ in range(2):
        os.close(pair[1].recv(SOON))

    far.sendall(b"still")
    assert near.recv(9) == b"still"
    near.close()
    far.close()


def test_what_is_no_socket_is_refused(make: Make) -> None:
    for refuse in (fdpass.adopt, fdpass.as_socket):
        (fd,) = make(1)
        with pytest.raises(ValueError, match="no socket"):
            refuse(fd)
        os.fstat(fd)


def test_a_passed_socket_can_be_adopted(pair: tuple[fdpass.Passer, fdpass.Passer]) -> None:
    near, far = socket.socketpair()
    pair[0].send(far, close=True)
    reading, writing = os.pipe()
    with fdpass.adopt(near) as ours, fdpass.adopt(pair[1].recv(SOON)) as theirs:
        theirs.send(writing, close=True)
        os.close(ours.recv(SOON))

    assert os.read(reading, 9) == b""
    os.close(reading)


def test_a_refused_adoption_leaves_the_descriptor() -> None:
    near, far = socket.socketpair()
    fd = sockets.copy_socket(near)
    with pytest.raises(ValueError, match="batch"):
        fdpass.adopt(fd, batch=0)
    with pytest.raises(ValueError, match="batch"):
        fdpass.adopt(near, batch=0)

    near.sendall(b"open")
    assert far.recv(9) == b"open"
    os.close(fd)
    near.close()
    far.close()


# -- between programs -----------------------------------------------------------------------------

CHILD = """
import os, fdpass
with fdpass.inherited() as passer:
    fd = passer.recv(20.0)
    os.write(fd, b"from the child")
    passer.send(fd, close=True)
    passer.recv(20.0)
"""


def test_a_spawned_program_has_an_end() -> None:
    reading, writing = os.pipe()
    child, passer = fdpass.spawn([sys.executable, "-c", CHILD])
    with passer:
        passer.send(writing, close=True)
        assert os.read(reading, 99) == b"from the child"
        back = passer.recv(SOON)
        passer.send(back, close=True)
        assert child.wait(SOON) == 0
        with pytest.raises(fdpass.ChannelEnded):
            passer.recv(SOON)
    assert os.read(reading, 99) == b""
    os.close(reading)


def test_the_path_is_a_port_and_two_words(tmp_path: Path, make: Make) -> None:
    path = tmp_path / "endpoint"
    with fdpass.listen(path) as listener:
        with pytest.raises(OSError, match="somebody listens"):
            fdpass.listen(path)
        with fdpass.connect(path, SOON) as client, listener.accept(SOON) as server:
            client.send(make(1)[0])
            os.close(server.recv(SOON))
            server.send(make(1)[0])
            os.close(client.recv(SOON))
    assert not path.exists()


def test_who_does_not_know_the_word_is_not_accepted(tmp_path: Path) -> None:
    path = tmp_path / "endpoint"
    with fdpass.listen(path) as listener:
        port = int(path.read_bytes().split(b"\n")[1])
        with socket.create_connection(("127.0.0.1", port), SOON) as stranger:
            stranger.sendall(b"not the word....")
            with pytest.raises(TimeoutError):
                listener.accept(0.5)
            with fdpass.connect(path, SOON), listener.accept(SOON):
                pass


def test_who_answers_without_the_word_is_a_stranger(tmp_path: Path) -> None:
    path = tmp_path / "endpoint"
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        path.write_bytes(loopback._MARK + b"%d\n%s\n%s\n" % (port, b"aa" * 16, b"bb" * 16))
        with fdpass.connect(path, SOON) as client:
            stranger, _ = server.accept()
            with stranger:
                stranger.sendall(RECORD.pack(NOBODY, 64) * 2)
                with pytest.raises(fdpass.NotAPasser, match="not the one who listens"):
                    client.recv(SOON)


def test_a_stale_file_is_replaced_and_another_is_not(tmp_path: Path) -> None:
    path = tmp_path / "endpoint"
    path.write_bytes(loopback._MARK + b"1\naa\nbb\n")
    fdpass.listen(path).close()
    path.write_bytes(b"somebody's")

    with pytest.raises(FileExistsError):
        fdpass.listen(path)
    assert path.read_bytes() == b"somebody's"


def test_the_doctor_works() -> None:
    said = subprocess.run(
        [sys.executable, "-m", "fdpass", "doctor"], stdout=subprocess.PIPE, check=True
    ).stdout.decode()

    assert "a descriptor was passed and used" in said
