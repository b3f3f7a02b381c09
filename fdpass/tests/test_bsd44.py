from __future__ import annotations

import array
import errno
import os
import socket
import struct
import time
from typing import TYPE_CHECKING

import pytest

import fdpass
from fdpass.backends import available, bsd44, choose
from fdpass.backends.scm_rights import descriptors
from fdpass.tests.descriptors import clamp, close_all, fill, identities, is_open, raised, table

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    Apart = Callable[..., str]
    Make = Callable[[int], list[int]]
    Sockets = tuple[socket.socket, socket.socket]

RIGHTS = (socket.SOL_SOCKET, socket.SCM_RIGHTS)
OTHER = (socket.SOL_SOCKET, socket.SCM_RIGHTS + 1)
KINDS = [socket.SOCK_STREAM, socket.SOCK_DGRAM, socket.SOCK_SEQPACKET]


def ints(*numbers: int) -> bytes:
    return struct.pack(f"{len(numbers)}i", *numbers)


@pytest.fixture
def sockets() -> Iterator[Sockets]:
    one, other = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
    with one, other:
        yield one, other


# -- what comes out of control messages


@pytest.mark.parametrize(
    ("control", "expected"),
    [
        ([], []),
        ([(*RIGHTS, b"")], []),
        ([(*RIGHTS, ints(3))], [3]),
        ([(*RIGHTS, ints(0))], [0]),
        ([(*RIGHTS, ints(7, 5, 6))], [7, 5, 6]),
        ([(*RIGHTS, ints(3)), (*RIGHTS, ints(4, 5))], [3, 4, 5]),
        ([(*OTHER, ints(1, 0, 0)), (*RIGHTS, ints(3))], [3]),
        ([(*RIGHTS, ints(3)), (*OTHER, ints(9)), (*RIGHTS, ints(4))], [3, 4]),
        ([(socket.IPPROTO_IP, socket.SCM_RIGHTS, ints(3))], []),
    ],
)
def test_every_control_message_is_walked(
    control: list[tuple[int, int, bytes]], expected: list[int]
) -> None:
    assert descriptors(control) == expected


@pytest.mark.parametrize("surplus", [1, 2, 3])
def test_only_whole_ints_count(surplus: int) -> None:
    cut = ints(3, 4, 5)[: -4 + surplus]

    assert descriptors([(*RIGHTS, ints(3)[:surplus])]) == []
    assert descriptors([(*RIGHTS, cut)]) == [3, 4]
    assert descriptors([(*RIGHTS, cut), (*RIGHTS, ints(6))]) == [3, 4, 6]


@pytest.mark.parametrize("refused", [-1, -13, -24, -4095])
def test_a_negative_int_is_no_descriptor(refused: int) -> None:
    assert descriptors([(*RIGHTS, ints(refused))]) == []
    assert descriptors([(*RIGHTS, ints(3, refused, 4))]) == [3, 4]
    assert descriptors([(*RIGHTS, ints(3)), (*RIGHTS, ints(refused, 4))]) == [3, 4]


def test_a_large_number_with_the_bytes_of_a_negative_one_is_a_descriptor() -> None:
    assert descriptors([(*RIGHTS, ints(255, 0xFFFF, 3))]) == [255, 0xFFFF, 3]


# -- send_fds and recv_fds


@pytest.mark.parametrize("kind", KINDS)
def test_bytes_and_descriptors_go_over_every_kind_of_unix_socket(kind: int, make: Make) -> None:
    sent = make(3)
    one, other = socket.socketpair(socket.AF_UNIX, kind)
    with one, other:
        taken = fdpass.send_fds(one, [b"ab", b"", array.array("i", [1])], sent)
        data, fds, flags, _ = fdpass.recv_fds(other, 64, 3)
    received = identities(fds)
    inheritable = [fd for fd in fds if os.get_inheritable(fd)]
    close_all(fds)

    assert taken == 6
    assert data == b"ab" + ints(1)
    assert received == identities(sent)
    assert inheritable == []
    assert not flags & (socket.MSG_CTRUNC | socket.MSG_TRUNC)


def test_no_descriptors_are_plain_bytes(sockets: Sockets) -> None:
    one, other = sockets

    fdpass.send_fds(one, [b"plain"], iter(()))
    data, fds, _, _ = fdpass.recv_fds(other, 64, 0)

    assert (data, fds) == (b"plain", [])


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("buffers", [[], [b""], [b"", bytearray()]])
def test_descriptors_without_a_byte_are_refused(
    kind: int, buffers: list[bytes], make: Make
) -> None:
    one, other = socket.socketpair(socket.AF_UNIX, kind)
    with one, other:
        with pytest.raises(ValueError, match="at least 1 byte"):
            fdpass.send_fds(one, buffers, make(1))

        with pytest.raises(BlockingIOError):
            other.recv(1, socket.MSG_DONTWAIT)


def test_flags_are_honoured_when_sending(sockets: Sockets, make: Make) -> None:
    one, _ = sockets
    sent = make(1)

    def send_for_ever() -> None:
        while True:
            fdpass.send_fds(one, [b"x" * 4096], sent, socket.MSG_DONTWAIT)

    with pytest.raises(BlockingIOError):
        send_for_ever()


def test_flags_are_honoured_when_receiving(sockets: Sockets) -> None:
    with pytest.raises(BlockingIOError):
        fdpass.recv_fds(sockets[1], 1, 1, socket.MSG_DONTWAIT)


def test_a_peek_gives_duplicates_and_leaves_the_message(sockets: Sockets, make: Make) -> None:
    one, other = sockets
    sent = make(1)

    fdpass.send_fds(one, [b"x"], sent)
    _, peeked, _, _ = fdpass.recv_fds(other, 1, 1, socket.MSG_PEEK)
    _, fds, _, _ = fdpass.recv_fds(other, 1, 1)
    received = identities(peeked + fds)
    close_all(peeked + fds)

    assert received == identities(sent * 2)


def test_a_closed_peer_is_an_error_and_no_signal(apart: Apart) -> None:
    def with_the_default_action_for_sigpipe() -> None:
        import signal

        signal.signal(signal.SIGPIPE, signal.SIG_DFL)
        one, other = socket.socketpair()
        other.close()
        with one:
            try:
                fdpass.send_fds(one, [b"x"], [0])
            except BrokenPipeError:
                print("still here")

    told = apart(with_the_default_action_for_sigpipe)

    assert told == "still here\n"


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("sent", [2, 5, 100])
def test_surplus_descriptors_are_closed_and_told(kind: int, sent: int, make: Make) -> None:
    one, other = socket.socketpair(socket.AF_UNIX, kind)
    with one, other:
        fdpass.send_fds(one, [b"text"], make(1) * sent)
        with pytest.raises(fdpass.DescriptorsLost, match=f"at most 1 .* received {sent}") as caught:
            fdpass.recv_fds(other, 64, 1)

    assert (caught.value.lost, caught.value.data) == (sent, b"text")


@pytest.mark.parametrize("leave", [0, 1, 2])
def test_truncation_is_an_error_and_nothing_stays_open(apart: Apart, leave: int) -> None:
    def in_a_nearly_full_table(leave: int) -> None:
        one, other = socket.socketpair()
        clamp(40)
        with one, other:
            fdpass.send_fds(one, [b"text"], [0, 1, 2])
            held = fill(leave)
            with raised(fdpass.DescriptorsLost) as caught:
                fdpass.recv_fds(other, 64, 3)

            assert (caught[0].lost, caught[0].data) == (None, b"text")
            assert "MSG_CTRUNC" in str(caught[0])

            again = fill()

            assert len(again) == leave

            close_all(held + again)

    apart(in_a_nearly_full_table, leave)


def test_the_data_of_a_datagram_that_was_cut_is_told_by_the_flags(make: Make) -> None:
    one, other = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    with one, other:
        fdpass.send_fds(one, [b"text"], make(1))
        data, fds, flags, _ = fdpass.recv_fds(other, 2, 1)
    close_all(fds)

    assert (data, len(fds)) == (b"te", 1)
    assert flags & socket.MSG_TRUNC


def test_an_address_is_sent_to_and_told(short: Path, make: Make) -> None:
    server = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    client = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    sent = make(1)
    with server, client:
        server.bind(str(short / "server"))
        client.bind(str(short / "client"))

        fdpass.send_fds(client, [b"x"], sent, 0, str(short / "server"))
        _, fds, _, address = fdpass.recv_fds(server, 1, 1)
    received = identities(fds)
    close_all(fds)

    assert address == str(short / "client")
    assert received == identities(sent)


@pytest.mark.skipif(not hasattr(socket, "SO_PASSCRED"), reason="no SO_PASSCRED here")
@pytest.mark.parametrize("sent", [1, 3, 64])
def test_credentials_before_the_descriptors_do_not_push_them_out(
    sockets: Sockets, make: Make, sent: int
) -> None:
    one, other = sockets
    other.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)

    fdpass.send_fds(one, [b"x"], make(1) * sent)
    _, fds, flags, _ = fdpass.recv_fds(other, 1, sent)
    close_all(fds)

    assert len(fds) == sent
    assert not flags & socket.MSG_CTRUNC


_SO_PASSPIDFD = 76  # Linux 6.5; Python does not name it


@pytest.mark.parametrize("through", ["recv_fds", "peek", "reserve"])
def test_a_descriptor_of_the_senders_process_is_not_left_open(
    sockets: Sockets, make: Make, through: str
) -> None:
    one, other = sockets
    try:
        other.setsockopt(socket.SOL_SOCKET, _SO_PASSPIDFD, 1)
    except OSError as lack:
        pytest.skip(f"no SO_PASSPIDFD here: {lack}")
    (sent,) = make(1)
    passer = None if through == "recv_fds" else fdpass.adopt(other.dup(), survival=through)

    def passed() -> tuple[list[tuple[int, int]], int]:
        fdpass.send_fds(one, [b"\0"], [sent])
        fd = passer.recv(1.0) if passer else fdpass.recv_fds(other, 1, 1)[1][0]
        came = identities([fd])
        os.close(fd)
        return came, len(table())

    first, second = passed(), passed()
    if passer:
        passer.close()

    assert first == second == (identities([sent]), first[1])


def test_a_timeout_of_the_socket_is_kept(sockets: Sockets) -> None:
    sockets[1].settimeout(0.01)

    with pytest.raises(TimeoutError):
        fdpass.recv_fds(sockets[1], 1, 1)


# -- adopting a descriptor


def not_channels(short: Path) -> Iterator[int]:
    reading, writing = os.pipe()
    yield reading
    yield writing
    yield os.open(short, os.O_RDONLY)
    yield os.open(short / "file", os.O_RDWR | os.O_CREAT)
    yield os.open(os.devnull, os.O_RDWR)
    yield socket.socket(socket.AF_INET, socket.SOCK_STREAM).detach()
    yield socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM).detach()
    yield socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET).detach()
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listening:
        listening.bind(str(short / "listening"))
        listening.listen()
        yield listening.detach()


def test_another_kind_of_descriptor_is_refused_and_stays_open(short: Path) -> None:
    fds = list(not_channels(short))
    refused = []
    for fd in fds:
        with pytest.raises(ValueError, match=f"^descriptor {fd} is .* was due$"):
            bsd44.adopt(fd)
        refused.append(fd)
    still_open = [fd for fd in refused if is_open(fd)]
    close_all(fds)

    assert still_open == fds


def test_a_number_that_is_no_descriptor_is_refused() -> None:
    with pytest.raises(OSError, match="Bad file descriptor"):
        bsd44.adopt(-1)


def test_a_release_leaves_the_descriptor_open(sockets: Sockets) -> None:
    fd = sockets[0].detach()

    bsd44.adopt(fd).release()
    left_open = is_open(fd)
    os.close(fd)

    assert left_open


# -- an endpoint


def test_a_peek_leaves_what_a_discard_takes(make: Make) -> None:
    one, other = bsd44.open_pair()
    sent = make(2)
    for fd in sent:
        one.send(b"\0", [fd])

    seen = [other.peek(16), other.peek(16)]
    other.discard(1)
    seen.append(other.receive(16))
    received = identities(fd for _, fds, _ in seen for fd in fds)
    for _, fds, _ in seen:
        close_all(fds)
    one.close()
    other.close()

    assert [data for data, _, _ in seen] == [b"\0"] * 3
    assert received == identities([sent[0], sent[0], sent[1]])


def test_discarding_from_a_channel_that_ended_is_a_reset() -> None:
    one, other = bsd44.open_pair()
    one.send(b"\0", [])
    one.close()

    with pytest.raises(ConnectionResetError):
        other.discard(2)
    other.close()


def test_waiting_ends_with_its_reason_or_its_timeout() -> None:
    one, other = bsd44.open_pair()

    nothing = other.wait(read=True, write=False, timeout=0)
    negative = other.wait(read=True, write=False, timeout=-1)
    writable = other.wait(read=True, write=True, timeout=None)
    one.send(b"\0", [])
    readable = other.wait(read=True, write=False, timeout=None)
    one.close()
    other.close()

    assert (nothing, negative, writable, readable) == (False, False, True, True)


def test_a_default_timeout_of_the_socket_module_makes_nothing_wait(apart: Apart) -> None:
    def with_a_default_timeout() -> None:
        socket.setdefaulttimeout(50)
        begun = time.monotonic()
        left, right = fdpass.pair(max_queued=0)
        with left, right:
            for passer in (left, right):
                with raised(BlockingIOError):
                    passer.recv_nowait()
            try:
                while True:
                    left.send(0)
            except fdpass.QueueFull:
                pass
            close_all(right.recv_many())

            assert time.monotonic() - begun < 40

    apart(with_a_default_timeout)


# -- the probe


def test_the_interface_is_found_by_doing() -> None:
    assert bsd44.missing() is None
    assert available()["bsd44"] is None
    assert all(reason for name, reason in available().items() if name != "bsd44")
    assert choose() is choose("bsd44")


def test_an_interface_nobody_knows_is_named_with_those_known() -> None:
    with pytest.raises(ValueError, match=r"no backend 'smoke'; known: auto, bsd44, bsd43, sysv"):
        choose("smoke")


def test_a_table_too_full_to_try_concludes_nothing(apart: Apart) -> None:
    def with_few_slots() -> None:
        clamp(64)
        outcomes = []
        for leave in range(12):
            child = os.fork()  # each tries for the first time
            if not child:
                held = fill(leave)
                status = 0
                try:
                    passers = fdpass.pair(batch=1)
                except OSError as error:
                    status = error.errno or 1
                    close_all(held)
                    passers = fdpass.pair(batch=1)
                for passer in passers:
                    passer.close()
                os._exit(status)
            outcomes.append(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))

        assert set(outcomes) == {0, errno.EMFILE}
        assert outcomes == sorted(outcomes, reverse=True)

    apart(with_few_slots)


def test_the_probe_is_made_once(apart: Apart) -> None:
    def in_a_table_that_fills_up() -> None:
        bsd44.missing()
        clamp(40)
        held = fill()
        bsd44.missing()
        bsd44.peek_works()
        close_all(held)

    apart(in_a_table_that_fills_up)


@pytest.mark.parametrize("length", [1, 50, 1000, 100_000])
def test_the_longest_path_is_one_that_can_be_bound(short: Path, length: int) -> None:
    start = f"{short}/"
    longest = bsd44.longest_path(start + "x" * length)
    named = (start + "x" * length)[:longest]
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as sock:
        sock.bind(named)
    os.unlink(named)

    assert longest == min(len(start) + length, longest)
    if length >= 1000:
        with pytest.raises(OSError, match="too long"), socket.socket(socket.AF_UNIX) as sock:
            sock.bind(named + "x")
