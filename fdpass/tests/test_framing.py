from __future__ import annotations

import os
import socket
import struct
from typing import TYPE_CHECKING

import pytest

import fdpass
from fdpass.framing import Imsg, JsonLines, NetLen
from fdpass.tests.descriptors import SOON, close_all, identities
from fdpass.tests.passing import Aside, taken

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Make = Callable[[int], list[int]]
    Ends = tuple[fdpass.MessageSocket, fdpass.MessageSocket]


@pytest.fixture
def ends() -> Iterator[Ends]:
    one, other = socket.socketpair()
    with fdpass.MessageSocket(one) as left, fdpass.MessageSocket(other) as right:
        yield left, right


# -- netlen


def test_netlen_tells_bytes_and_descriptors(ends: Ends, make: Make) -> None:
    fds = make(3)
    left, right = ends
    NetLen(left).send(b"plain")
    NetLen(left).send(b"both", fds)
    NetLen(left).send(b"", fds[:1])

    assert right.recv_exactly(11, SOON) == b"\0\0\0\5\0\0plain"
    receiver = NetLen(right)
    payload, got = receiver.recv(SOON)
    assert (payload, taken(got)) == (b"both", identities(fds))
    payload, got = receiver.recv(SOON)
    assert (payload, taken(got)) == (b"", identities(fds[:1]))


def test_a_message_that_comes_in_parts_is_not_lost_to_a_timeout(ends: Ends, make: Make) -> None:
    fds = make(2)
    left, right = ends
    receiver = NetLen(right)
    data = struct.pack(">IH", 4, 2) + b"data"
    for start, part in enumerate(data):
        with pytest.raises(TimeoutError):
            receiver.recv(0)
        left.send(bytes([part]), () if start else fds)
    payload, got = receiver.recv(SOON)

    assert (payload, taken(got)) == (b"data", identities(fds))


def test_netlen_refuses_what_is_too_long(ends: Ends) -> None:
    left, right = ends
    NetLen(left).send(bytes(11))
    with pytest.raises(fdpass.NotAPasser, match="at most 10 bytes, received 11"):
        NetLen(right, most=10).recv(SOON)


def test_netlen_says_how_many_are_missing(ends: Ends, make: Make) -> None:
    left, right = ends
    left.send(struct.pack(">IH", 1, 2) + b"x", make(1))
    with pytest.raises(
        fdpass.DescriptorsLost, match="expected 2 descriptors, received 1"
    ) as caught:
        NetLen(right).recv(SOON)

    assert caught.value.data == b"x"
    assert right.waiting == 1


# -- imsg


def test_imsg_has_type_peer_and_process(ends: Ends, make: Make) -> None:
    fds = make(1)
    left, right = ends
    Imsg(left).send(b"plain", kind=100, peer=8, pid=77)
    Imsg(left).send(b"tty", fds, kind=104)

    assert right.recv_exactly(21, SOON) == struct.pack("=IHHII", 100, 21, 0, 8, 77) + b"plain"
    payload, got, *rest = Imsg(right).recv(SOON)
    assert (payload, rest) == (b"tty", [104, 0, os.getpid()])
    assert taken(got) == identities(fds)


def test_imsg_carries_one_descriptor_and_no_more_than_its_length_tells(
    ends: Ends, make: Make
) -> None:
    sender = Imsg(ends[0])
    with pytest.raises(ValueError, match="at most 1 descriptor and 65519 bytes, received 2 and 0"):
        sender.send(b"", make(2), kind=1)
    with pytest.raises(ValueError, match="received 0 and 65520"):
        sender.send(bytes(65520), kind=1)


def test_imsg_refuses_a_length_shorter_than_its_header(ends: Ends) -> None:
    left, right = ends
    left.send(struct.pack("=IHHII", 1, 15, 0, 0, 0))
    with pytest.raises(fdpass.NotAPasser, match="received -1"):
        Imsg(right).recv(SOON)


# -- jsonl


def test_a_descriptor_is_acknowledged_before_anything_follows(ends: Ends, make: Make) -> None:
    fds = make(1)
    left, right = JsonLines(ends[0]), JsonLines(ends[1])
    left.send({"n": 1})
    left.send("take", fds)
    with pytest.raises(TimeoutError):
        left.send("early", timeout=0.01)

    assert right.recv(SOON) == ({"n": 1}, [])
    payload, got = right.recv(SOON)
    assert (payload, taken(got)) == ("take", identities(fds))
    right.send("meanwhile")
    left.send("after", timeout=SOON)
    left.flush(SOON)
    assert right.recv(SOON) == ("after", [])
    assert left.recv(SOON) == ("meanwhile", [])


def test_both_send_descriptors_at_the_same_time(ends: Ends, make: Make) -> None:
    def send_and_receive(end: fdpass.MessageSocket, fds: list[int]) -> list[tuple[int, int]]:
        lines, came = JsonLines(end), []
        for fd in fds:
            lines.send(None, [fd], timeout=SOON)
        for _ in fds:
            came += lines.recv(SOON)[1]
        lines.flush(SOON)
        return taken(came)

    fds = make(20)
    here = Aside(send_and_receive, ends[0], fds[:10])

    assert send_and_receive(ends[1], fds[10:]) == identities(fds[:10])
    assert here.result() == identities(fds[10:])


def test_a_message_without_its_descriptor_is_asked_for_again(ends: Ends, make: Make) -> None:
    fds = make(1)
    left, right = ends
    message = b'{"cmd":"NODE_HANDLE","type":"net.Socket","msg":"it"}\n'
    left.send(message)
    with pytest.raises(TimeoutError):
        JsonLines(right).recv(0.05)
    asked = left.recv_until(b"\n", timeout=SOON)
    left.send(message, fds)
    payload, got = JsonLines(right).recv(SOON)
    thanked = left.recv_until(b"\n", timeout=SOON)

    assert (payload, taken(got)) == ("it", identities(fds))
    assert asked == b'{"cmd":"NODE_HANDLE_NACK"}\n'
    assert thanked == b'{"cmd":"NODE_HANDLE_ACK"}\n'


def test_a_descriptor_that_the_peer_did_not_get_is_told(ends: Ends, make: Make) -> None:
    left, right = ends
    lines = JsonLines(left)
    lines.send("it", make(1))
    close_all(right.recv(timeout=SOON).fds)
    right.send(b'{"cmd":"NODE_HANDLE_NACK"}\n')
    with pytest.raises(fdpass.DescriptorsLost, match="did not get"):
        lines.send("next", timeout=SOON)
    lines.send("next", timeout=SOON)

    assert right.recv_until(b"\n", timeout=SOON) == b'"next"\n'


@pytest.mark.parametrize(
    ("sent", "complaint"), [(b"{]\n", "expected a line of JSON"), (bytes(100), "within 64 bytes")]
)
def test_what_is_no_line_of_json_is_refused(ends: Ends, sent: bytes, complaint: str) -> None:
    left, right = ends
    left.send(sent)
    with pytest.raises(fdpass.NotAPasser, match=complaint):
        JsonLines(right, most=64).recv(SOON)


def test_two_descriptors_in_a_line_are_refused(ends: Ends, make: Make) -> None:
    with pytest.raises(ValueError, match="at most 1 descriptor, received 2"):
        JsonLines(ends[0]).send(None, make(2))


def test_an_acknowledgement_without_room_is_owed(ends: Ends, make: Make) -> None:
    fds = make(1)
    left, right = ends
    lines = JsonLines(right)
    JsonLines(left).send("it", fds)
    filled = 0
    while True:
        try:
            right.send(b"\n", timeout=0)
        except TimeoutError:
            break
        filled += 1
    with pytest.raises(TimeoutError, match="nothing has gone"):
        lines.recv(0.05)
    left.recv_exactly(filled, SOON)
    payload, got = lines.recv(SOON)

    assert (payload, taken(got)) == ("it", identities(fds))
    assert left.recv_until(b"\n", timeout=SOON) == b'{"cmd":"NODE_HANDLE_ACK"}\n'
