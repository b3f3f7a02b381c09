from __future__ import annotations

import errno
import os
import socket
import sys
import warnings
from typing import TYPE_CHECKING

import pytest

import fdpass
from fdpass.arrivals import Arrivals
from fdpass.table import RESERVE
from fdpass.tests.descriptors import (
    SOON,
    clamp,
    close_all,
    eventually,
    files,
    fill,
    identities,
    is_open,
    raised,
)
from fdpass.tests.passing import Aside, taken

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, NoReturn

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


def send_for_ever(left: fdpass.MessageSocket, **options: Any) -> NoReturn:
    while True:
        left.send(bytes(1000), **options)


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


@linux
def test_plain_bytes_that_fill_a_look_do_not_take_the_descriptors_of_the_next(make: Make) -> None:
    fds = make(1)
    left, right = pair()
    with left, right:
        left.send(bytes(65536))
        left.send(b"x", fds)
        message = right.recv(65536, SOON)
        rest = right.recv(65536, SOON)

        assert len(message.data) + len(rest.data) == 65537
        assert taken(message.fds + rest.fds) == identities(fds)
        assert right.waiting == 0


def test_more_than_the_channel_takes_goes_with_its_descriptors_once(make: Make) -> None:
    fds = make(2)
    left, right = pair()
    data = os.urandom(1 << 20)
    with left, right:
        sending = Aside(left.send, data, fds)

        assert right.recv_exactly(len(data), SOON) == data
        assert taken(right.take(2)) == identities(fds)
        sending.result()
        assert right.waiting == 0


@linux
@every_type
def test_credentials_come_beside_the_descriptors(make: Make, kind: str) -> None:
    fds = make(3)
    one, other = socket.socketpair(socket.AF_UNIX, getattr(socket, kind))
    other.setsockopt(socket.SOL_SOCKET, 16, 1)  # SO_PASSCRED, which Python 3.10 does not name
    with fdpass.MessageSocket(one) as left, fdpass.MessageSocket(other) as right:
        left.send(b"who?", fds)
        message = right.recv(timeout=SOON)

        assert message.credentials == (os.getpid(), os.getuid(), os.getgid())
        assert taken(message.fds) == identities(fds)


def test_bytes_of_two_senders_are_nobodys(apart: Apart) -> None:
    def two_senders() -> None:
        one, other = socket.socketpair()
        other.setsockopt(socket.SOL_SOCKET, 16, 1)
        left, right = fdpass.MessageSocket(one), fdpass.MessageSocket(other)
        left.send(b"parent")
        child = os.fork()
        if not child:
            left.send(b"child\n")
            os._exit(0)
        os.waitpid(child, 0)
        assert right.recv_exactly(3, SOON) == b"par"
        assert right.recv(timeout=SOON) == (b"ent", [], (os.getpid(), os.getuid(), os.getgid()))
        right.recv_until(b"c", timeout=SOON)
        message = right.recv(timeout=SOON)
        assert message == (b"hild\n", [], (child, os.getuid(), os.getgid()))
        left.send(b"parent")
        child = os.fork()
        if not child:
            left.send(b"child\n")
            os._exit(0)
        os.waitpid(child, 0)
        assert right.recv_exactly(7, SOON) == b"parentc"
        assert right.recv(timeout=SOON).data == b"hild\n"
        left.close()
        right.close()

    apart(two_senders)


# -- records


@records
@both_ways
def test_a_record_larger_than_asked_for_is_told(make: Make, kind: str, way: str) -> None:
    fds = make(2)
    left, right = pair(kind, way)
    with left, right:
        left.send(b"0123456789", fds)
        with pytest.raises(OSError, match="at most 4 bytes") as caught:
            right.recv(4, SOON)

        assert caught.value.errno == errno.EMSGSIZE
        if way == "peek":
            message = right.recv(10, SOON)

            assert (message.data, taken(message.fds)) == (b"0123456789", identities(fds))


@linux
@pytest.mark.parametrize("behind", [b"last", b""])
def test_where_looks_are_refused_an_empty_record_is_no_end_while_bytes_wait(behind: bytes) -> None:
    one, other = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with one, BlindSocket(fileno=other.detach()) as blind:
        arrivals = Arrivals(blind, "reserve")
        one.send(b"")
        one.send(behind)
        one.close()

        if behind:
            assert [arrivals.take(9).data, arrivals.take(9).data] == [b"", behind]
        with pytest.raises(fdpass.PeerClosed):
            arrivals.take(9)


class BlindSocket(socket.socket):
    """Of a system that refuses MSG_PEEK."""

    def recv(self, size: int, flags: int = 0) -> bytes:
        if flags & socket.MSG_PEEK:
            raise OSError(errno.EOPNOTSUPP, os.strerror(errno.EOPNOTSUPP))
        return super().recv(size, flags)


@linux
@records
def test_an_empty_record_is_no_end(make: Make, kind: str) -> None:
    fds = make(1)
    left, right = pair(kind)
    with left, right:
        left.send(b"")
        left.send(b"", fds)
        left.send(b"")
        left.send(b"last")

        assert right.recv(timeout=SOON) == (b"", [], None)
        message = right.recv(timeout=SOON)
        assert (message.data, taken(message.fds)) == (b"", identities(fds))
        left.close()
        assert right.recv(timeout=SOON) == (b"", [], None)
        assert right.recv(timeout=SOON).data == b"last"


@linux
def test_an_unconnected_datagram_socket_receives_from_anybody(
    make: Make, short: os.PathLike[str]
) -> None:
    fds = make(1)
    path = os.path.join(short, "here")
    here = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    here.bind(path)
    there = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    with fdpass.MessageSocket(here) as right, fdpass.MessageSocket(there) as left:
        left.send(b"FDSTORE=1", fds, to=path)
        message = right.recv(timeout=SOON)

        assert (message.data, taken(message.fds)) == (b"FDSTORE=1", identities(fds))
        with pytest.raises(TimeoutError):
            # One that is not connected is always told that it may send.
            send_for_ever(left, to=path, timeout=0.05)


@pytest.mark.parametrize("kind", ["SOCK_SEQPACKET", "SOCK_DGRAM"])
def test_records_are_not_parted(kind: str) -> None:
    left, right = pair(kind)
    with left, right:
        with pytest.raises(ValueError, match="keeps records"):
            right.recv_exactly(1, SOON)
        with pytest.raises(ValueError, match="keeps records"):
            right.recv_until(b"x")


# -- the full table


@both_ways
def test_a_stream_of_messages_through_a_nearly_full_table_loses_nothing(
    apart: Apart, way: str
) -> None:
    def through(way: str) -> None:
        clamp(64)
        one, other = socket.socketpair()
        right = fdpass.MessageSocket(other, survival=way)
        sent = files(3)
        due = identities(sent)
        child = os.fork()
        if not child:
            with fdpass.MessageSocket(one) as left:
                for number in range(400):
                    left.send(b"%04d" % number, sent[: number % 4], timeout=SOON)
                os._exit(0)
        one.close()
        held: list[int] = []
        for number in range(400):
            held += fill()  # the slots that the last ones left
            RESERVE.free()
            held += fill()
            refused = 0
            while True:
                try:
                    message = right.recv_exactly(4, 0)
                    break
                except (TimeoutError, BlockingIOError):
                    refused += 1
                    if refused > 3 and held:
                        os.close(held.pop())
            assert message == b"%04d" % number, message
            fds = right.take(number % 4)
            assert identities(fds) == due[: number % 4]
            close_all(fds)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        assert right.waiting == 0
        close_all(held + sent)
        right.close()

    apart(through, way)


@linux
@every_type
def test_a_message_larger_than_the_reserve_is_lost_in_words(apart: Apart, kind: str) -> None:
    def larger(kind: str) -> None:
        clamp(48)
        one, other = socket.socketpair(socket.AF_UNIX, getattr(socket, kind))
        left, right = fdpass.MessageSocket(one), fdpass.MessageSocket(other, survival="reserve")
        left.send(b"larger", [0] * 40)
        held = fill()
        with raised(fdpass.DescriptorsLost) as caught:
            right.recv(timeout=SOON)
        assert caught[0].data == b"larger"
        if kind == "SOCK_STREAM":
            assert right.recv(timeout=0) == (b"larger", [], None)
        close_all(held)
        left.send(b"next", [0])
        message = right.recv(timeout=SOON)
        assert (message.data, len(message.fds)) == (b"next", 1)
        close_all(message.fds)
        left.close()
        right.close()

    apart(larger, kind)


@linux
@every_type
def test_with_too_many_in_flight_a_sender_waits(apart: Apart, kind: str) -> None:
    def in_flight(kind: str) -> None:
        one, other = socket.socketpair(socket.AF_UNIX, getattr(socket, kind))
        if os.geteuid() == 0:
            # One that nobody else has in flight: the system counts by user, and spares root.
            os.setresuid(*[1_000_000 + os.getpid()] * 3)
        clamp(40)
        left, right = fdpass.MessageSocket(one), fdpass.MessageSocket(other)
        count = 0
        with raised(TimeoutError) as caught:
            while count < 100:
                left.send(b"x", [0] * 10, timeout=0.01)
                count += 1
        cause = caught[0].__cause__
        assert isinstance(cause, OSError)
        assert cause.errno == errno.ETOOMANYREFS
        sending = Aside(left.send, b"y", [0], timeout=SOON)
        for _ in range(count):
            close_all(right.recv(1, SOON).fds)
        message = right.recv(1, SOON)
        sending.result()
        assert (message.data, len(message.fds)) == (b"y", 1)
        close_all(message.fds)
        left.close()
        right.close()

    apart(in_flight, kind)


def test_the_descriptors_inside_are_closed_with_it(make: Make) -> None:
    left, right = pair()
    left.send(b"x", make(2))
    assert right.recv_exactly(1, SOON) == b"x"
    inside = right.waiting
    left.close()
    right.close()

    assert inside == 2  # and the descriptor table says whether they are closed


# -- waiting, and what does not come


@every_type
def test_nothing_comes(kind: str) -> None:
    left, right = pair(kind)
    with left, right:
        for timeout in (0, 0.01):
            with pytest.raises(TimeoutError, match="nothing has arrived"):
                right.recv(timeout=timeout)


def test_what_has_come_of_a_message_waits() -> None:
    left, right = pair()
    with left, right:
        left.send(b"abc")
        with pytest.raises(TimeoutError, match="3 of 5 bytes have arrived"):
            right.recv_exactly(5, 0.01)
        with pytest.raises(TimeoutError, match="3 bytes have arrived, and no"):
            right.recv_until(b"\n", timeout=0.01)
        left.send(b"d\r\n")

        assert right.recv_until(b"\r\n", timeout=SOON) == b"abcd\r\n"


def test_an_end_that_does_not_come_within_its_bytes() -> None:
    left, right = pair()
    with left, right:
        left.send(b"0123456789\n")
        with pytest.raises(fdpass.NotAPasser, match=r"within 10 bytes, received 11 without"):
            right.recv_until(b"\n", 10, SOON)

        assert right.buffered == 11
        assert right.recv_until(b"\n", 11, SOON) == b"0123456789\n"


def test_fewer_descriptors_than_due_wait(make: Make) -> None:
    left, right = pair()
    with left, right:
        left.send(b"x", make(1))
        right.recv_exactly(1, SOON)
        with pytest.raises(
            fdpass.DescriptorsLost, match="expected 2 descriptors, received 1"
        ) as caught:
            right.take(2)

        assert caught.value.lost == 1
        assert right.waiting == 1


@pytest.mark.parametrize("kind", ["SOCK_STREAM", "SOCK_SEQPACKET"])
def test_the_peer_closed_after_all_that_it_sent(make: Make, kind: str) -> None:
    left, right = pair(kind)
    with right:
        left.send(b"last words")
        left.close()

        assert right.recv(timeout=SOON).data == b"last words"
        for _ in range(2):
            with pytest.raises(fdpass.PeerClosed):
                right.recv(timeout=SOON)


def test_the_peer_closed_amid_a_message() -> None:
    left, right = pair()
    with right:
        left.send(b"abc")
        left.close()
        with pytest.raises(fdpass.PeerClosed, match="3 of 5 bytes have arrived"):
            right.recv_exactly(5, SOON)

        assert right.recv(timeout=SOON).data == b"abc"


@linux
def test_a_peer_that_left_something_unread_is_gone() -> None:
    left, right = pair()
    with right:
        right.send(b"unread")
        left.close()
        with pytest.raises(fdpass.PeerReset):
            right.recv(timeout=SOON)
        with pytest.raises(BrokenPipeError):
            right.send(b"x")


# -- sending


def test_a_message_that_was_cut_off_is_told_and_nothing_follows_it(make: Make) -> None:
    left, right = pair()
    with left, right:
        with pytest.raises(TimeoutError, match=r"\d+ of 4194304 bytes have gone"):
            left.send(bytes(1 << 22), make(1), timeout=0.05)
        with pytest.raises(BrokenPipeError, match=r"cut off after \d+ of 4194304 bytes"):
            left.send(b"x")
        right.send(b"back")

        assert left.recv(timeout=SOON).data == b"back"


@records
def test_a_full_channel_is_waited_for(kind: str) -> None:
    left, right = pair(kind)
    with left, right:
        with pytest.raises(TimeoutError, match="nothing has gone"):
            send_for_ever(left, timeout=0)
        sending = Aside(left.send, b"last")
        while (data := right.recv(timeout=SOON).data) != b"last":
            assert data == bytes(1000)
        sending.result()


def test_descriptors_without_a_byte_are_refused_on_a_stream(make: Make) -> None:
    left, right = pair()
    with left, right, pytest.raises(ValueError, match="to go with 2 descriptors"):
        left.send(b"", make(2))


@linux
def test_more_descriptors_than_a_message_carries(make: Make) -> None:
    left, right = pair()
    with left, right:
        with pytest.raises(OSError, match="254 descriptors came for one message") as caught:
            left.send(b"x", make(1) * 254)

        assert caught.value.errno == errno.EINVAL


def test_what_is_taken_over_is_closed_once_it_has_gone(make: Make) -> None:
    number = os.dup(make(1)[0])
    reading, writing = os.pipe()
    left, right = pair()
    with left, right, os.fdopen(reading), os.fdopen(writing, "wb", 0) as file:
        left.send(b"x", [number, file], close=True)

        assert not is_open(number)
        assert file.closed
        close_all(right.recv(timeout=SOON).fds)


def test_messages_of_several_threads_are_not_mixed(make: Make) -> None:
    left, right = pair()
    with left, right:
        size = 300_000
        sending = [Aside(left.send, bytes([letter]) * size, make(1)) for letter in b"abcd"]
        came = [set(right.recv_exactly(size, SOON)) for _ in sending]
        for one in sending:
            one.result()

        assert sorted(came, key=min) == [{letter} for letter in b"abcd"]
        assert right.waiting == 4


def test_only_one_thread_receives() -> None:
    left, right = pair()
    with left, right:
        receiving = Aside(right.recv, 1, SOON)

        def is_receiving() -> bool:
            try:
                right.recv_exactly(1, 0)
            except fdpass.PasserBusy:
                return True
            except TimeoutError:
                pass
            return False

        assert eventually(is_receiving)
        left.send(b"x")
        assert receiving.result() == (b"x", [], None)


# -- from the beginning to the end


def test_what_is_no_unix_socket_is_refused_and_stays_open(make: Make) -> None:
    fd = make(1)[0]
    with pytest.raises(ValueError, match="is a regular file; a Unix socket was due"):
        fdpass.MessageSocket(fd)

    assert is_open(fd)
    with (
        socket.socket() as sock,
        pytest.raises(ValueError, match="a Unix socket was due"),
    ):
        fdpass.MessageSocket(sock)


def test_a_way_that_there_is_not_is_refused() -> None:
    one, other = socket.socketpair()
    with one, other, pytest.raises(ValueError, match="no survival mode 'hope'"):
        fdpass.MessageSocket(one, survival="hope")


def test_a_closed_one_says_so() -> None:
    left, right = pair()
    with left, right:
        left.close()

        assert left.closed
        for call in (left.fileno, left.recv, left.take, lambda: left.send(b"x")):
            with pytest.raises(fdpass.PasserClosed):
                call()


def test_one_that_is_dropped_open_is_told() -> None:
    one, other = socket.socketpair()
    with other:
        with warnings.catch_warnings(record=True) as told:
            warnings.simplefilter("always")
            made = fdpass.MessageSocket(one)
            del made

        assert ["unclosed <fdpass.MessageSocket" in str(one.message) for one in told] == [True]
