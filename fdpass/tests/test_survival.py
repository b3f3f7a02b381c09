from __future__ import annotations

import errno
import os
import socket
import threading
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import pytest

import fdpass
from fdpass import survival
from fdpass.backends import bsd44, scm_rights
from fdpass.dialects import NUL
from fdpass.survival import Hold, Peek
from fdpass.table import RESERVE
from fdpass.tests.descriptors import (
    SOON,
    clamp,
    close_all,
    files,
    fill,
    identities,
    identity,
    is_open,
    raised,
    table,
)
from fdpass.tests.scripted import Scripted

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import NoReturn

    from fdpass.backends import Backend
    from fdpass.tests.scripted import Piece

    Apart = Callable[..., str]
    Make = Callable[[int], list[int]]

both_ways = pytest.mark.parametrize("way", ["peek", "reserve"])


@pytest.fixture
def reserve() -> Iterator[None]:
    """Keep one slot, as an open passer would."""
    RESERVE.want(1)
    yield
    RESERVE.release(1)


# -- a full table, in a process of its own


@both_ways
def test_a_full_table_delays_and_loses_nothing(apart: Apart, way: str) -> None:
    def in_a_full_table(way: str) -> None:
        left, right = fdpass.pair(batch=1, survival=way)
        sent = files(5)
        clamp(48)
        with left, right:
            left.send_many(sent)
            expected = identities(sent)
            held = fill()
            received: list[int] = []
            delays = 0
            while len(received) < len(expected):
                try:
                    received.append(right.recv_nowait())
                except fdpass.TableFull:
                    delays += 1
                    os.close(held.pop())

            assert delays == 4  # one went into the slot of the reserve
            assert identities(received) == expected

            close_all(sent + held + received)

    apart(in_a_full_table, way)


@both_ways
def test_a_message_of_many_waits_for_as_many_slots(apart: Apart, way: str) -> None:
    def in_a_full_table(way: str) -> None:
        left, right = fdpass.pair(batch=7, survival=way)
        sent = files(7)
        clamp(48)
        with left, right:
            left.send_many(sent)
            expected = identities(sent)
            RESERVE.free()
            held = fill(6)
            with raised(TimeoutError):
                right.recv_many(timeout=0)
            os.close(held.pop())
            received = right.recv_many(timeout=0)

            assert identities(received) == expected

            close_all(sent + held + received)

    apart(in_a_full_table, way)


@both_ways
def test_a_wait_for_a_free_slot_ends_with_its_timeout(apart: Apart, way: str) -> None:
    def in_a_full_table(way: str) -> None:
        left, right = fdpass.pair(batch=1, survival=way)
        clamp(40)
        with left, right:
            left.send_many([0, 0])
            held = fill()
            held.append(right.recv(timeout=0))
            for timeout in (0, 0.02):
                with raised(TimeoutError) as caught:
                    right.recv(timeout)

                assert "descriptors wait" in str(caught[0]) or "no slots" in str(caught[0])

            close_all(held)
            os.close(right.recv(timeout=0))

    apart(in_a_full_table, way)


@both_ways
def test_a_full_table_does_not_hide_that_nothing_has_arrived(apart: Apart, way: str) -> None:
    def in_a_full_table(way: str) -> None:
        left, right = fdpass.pair(batch=1, survival=way)
        clamp(40)
        held = fill()
        RESERVE.free()
        held += fill()
        with right:
            with left:
                with raised(BlockingIOError) as caught:
                    right.recv_nowait()

                assert not isinstance(caught[0], fdpass.TableFull), caught[0]

            if way == "peek":
                with raised(fdpass.PeerClosed):
                    right.recv(timeout=0)
            close_all(held)
            with raised(fdpass.PeerClosed):
                right.recv(timeout=0)

    apart(in_a_full_table, way)


def test_peek_loses_nothing_while_other_threads_take_every_slot(apart: Apart) -> None:
    def while_others_open_and_close() -> None:
        left, right = fdpass.pair(batch=4, survival="peek")
        sent = files(7)
        clamp(40)
        over = threading.Event()

        def open_and_close() -> None:
            while not over.is_set():
                mine = []
                try:
                    while True:
                        mine.append(os.dup(0))
                except OSError:
                    pass
                close_all(mine)

        others = [threading.Thread(target=open_and_close) for _ in range(2)]
        with left, right:
            for other in others:
                other.start()
            received = []
            expected = []
            for turn in range(60):
                some = [sent[(turn + i) % 7] for i in range(turn % 4 + 1)]
                left.send_many(some)
                expected += identities(some)
                for _ in some:
                    fd = right.recv(SOON)
                    received.append(identity(fd))
                    os.close(fd)
            over.set()
            for other in others:
                other.join(SOON)

        assert received == expected

        close_all(sent)

    apart(while_others_open_and_close)


def test_reserve_reports_what_other_threads_make_it_lose(apart: Apart) -> None:
    def while_others_open_and_close() -> None:
        left, right = fdpass.pair(batch=1, survival="reserve")
        clamp(40)
        over = threading.Event()

        def open_and_close() -> None:
            while not over.is_set():
                mine = []
                try:
                    while True:
                        mine.append(os.dup(0))
                except OSError:
                    pass
                close_all(mine)

        other = threading.Thread(target=open_and_close)
        other.start()
        with left, right:
            received = lost = 0
            for _ in range(200):
                left.send(0)
                try:
                    os.close(right.recv(SOON))
                    received += 1
                except fdpass.DescriptorsLost as error:
                    lost += error.lost or 1000
            over.set()
            other.join(SOON)

        assert received + lost == 200

    apart(while_others_open_and_close)


def test_a_passer_born_into_a_full_table_finds_out_what_never_came(apart: Apart) -> None:
    def in_a_full_table() -> None:
        fdpass.backends.available()
        one, other = socket.socketpair()
        clamp(40)
        held = fill()
        with one, fdpass.adopt(other, survival="peek") as passer:
            one.send(b"\0")
            close_all(held)
            with raised(fdpass.DescriptorsLost) as caught:
                passer.recv(SOON)

            assert caught[0].lost == 1

    apart(in_a_full_table)


def test_the_reserve_is_given_up_under_pressure_and_made_whole_after(apart: Apart) -> None:
    def in_a_full_table() -> None:
        left, right = fdpass.pair(batch=3, survival="peek")
        clamp(40)
        whole = len(table())
        with left, right:
            left.send_many([0, 0])
            held = fill()
            received = [right.recv(0), right.recv(0)]

            assert RESERVE.is_short

            close_all(held + received)
            left.send(0)
            received = [right.recv(0)]

            assert not RESERVE.is_short
            assert len(table()) == whole + 1

            close_all(received)

    apart(in_a_full_table)


# -- the stream as the system shows it to a peek


@both_ways
@pytest.mark.parametrize("text", [4094, 4095, 4096, 4097, 16383, 16384, 16385, 65000])
def test_plain_bytes_that_fill_the_buffer_do_not_bring_the_next_descriptor(
    way: str, text: int, make: Make
) -> None:
    """A peek filled by plain bytes also shows the descriptors of the message after them."""
    sent = make(2)
    one, other = socket.socketpair()
    with one, fdpass.adopt(other, survival=way) as passer:
        fdpass.send_fds(one, [b"x"], sent[:1])
        one.sendall(b"y" * (text - 1) + b"\0")
        fdpass.send_fds(one, [b"\0"], sent[1:])
        got = [passer.recv_with_data(SOON) for _ in sent]
    received = identities(fd for fd, _ in got)
    close_all(fd for fd, _ in got)

    assert [data for _, data in got] == [b"x" + b"y" * (text - 1), b""]
    assert received == identities(sent)


@both_ways
def test_more_bytes_than_any_peek_looks_at_are_no_passer_and_leak_nothing(
    way: str, make: Make
) -> None:
    one, other = socket.socketpair()
    one.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 22)
    one.setblocking(False)
    with one, fdpass.adopt(other, survival=way) as passer:
        fdpass.send_fds(one, [b"x"], make(1))
        try:
            while True:
                one.send(b"y" * 4096)
        except BlockingIOError:
            pass

        with pytest.raises(fdpass.NotAPasser, match="more than 65536 bytes"):
            passer.recv(SOON)


@pytest.mark.parametrize(
    ("data", "in_hand", "expected"),
    [
        (b"", 0, False),
        (b"\0", 0, True),
        (b"x", 0, True),
        (b"\0", 1, False),
        (b"x", 1, False),
        (b"x\0", 1, False),
        (b"x\0\0", 1, True),
        (b"x\0y", 1, True),
        (b"\0\0", 2, False),
        (b"\0x\0y\0", 2, True),
    ],
)
def test_bytes_of_its_own_are_those_after_the_ones_still_due(
    data: bytes, in_hand: int, expected: bool
) -> None:
    assert bool(NUL.beyond(b"", data, in_hand)) == expected


# -- systems that we do not have here


def test_a_silent_loss_is_only_a_delay(reserve: None, make: Make) -> None:
    """gVisor shows a message without its descriptors when there is no slot, and says nothing."""
    sent = make(2)
    incomplete: list[Piece] = [(b"\0\0", [], False), (b"\0\0", [os.dup(sent[0])], False)]
    endpoint = Scripted(peeks=[*incomplete, (b"\0\0", [os.dup(fd) for fd in sent], False)])
    way = Peek()

    with pytest.raises(fdpass.TableFull, match=r"2 descriptors wait .* room for 1"):
        way.take(endpoint, 0)
    data, fds, cut = way.take(endpoint, 0)
    received = identities(fds)
    close_all(fds)
    RESERVE.occupy()

    assert (data, cut) == (b"\0\0", False)
    assert received == identities(sent)
    assert endpoint.calls == ["peek", "peek", "peek", "discard 2"]


def test_what_was_never_sent_is_received_after_many_looks(reserve: None) -> None:
    nothing: Piece = (b"\0", [], False)
    endpoint = Scripted(peeks=[nothing] * 100, receives=[nothing])
    way = Peek()
    looks = 0
    while True:
        looks += 1
        try:
            taken = way.take(endpoint, 0)
            break
        except fdpass.TableFull:
            pass

    assert taken == nothing
    assert looks == 16
    assert endpoint.calls[-1] == "receive 1"


def test_a_refusal_does_not_acquit(reserve: None) -> None:
    """Where every third call would block, the receive after the last look may be one of them."""
    nothing: Piece = (b"\0", [], False)
    endpoint = Scripted(peeks=[nothing] * 100, receives=[BlockingIOError(), nothing])
    way = Peek()
    for _ in range(15):
        with pytest.raises(fdpass.TableFull):
            way.take(endpoint, 0)

    with pytest.raises(BlockingIOError):
        way.take(endpoint, 0)

    assert way.take(endpoint, 0) == nothing


def test_what_waits_for_no_slot_is_taken_from_before_what_does(reserve: None) -> None:
    """Those in hand occupy slots themselves: to keep them could be to wait for ever."""
    glued: Piece = (b"\0a\0\0\0", [], True)
    endpoint = Scripted(peeks=[glued, glued, (b"\0\0", [], True)])
    way = Peek()

    taken = way.take(endpoint, 2)
    with pytest.raises(fdpass.TableFull):
        way.take(endpoint, 0)

    assert taken == (b"\0a\0", [], False)
    assert endpoint.calls == ["peek", "peek", "discard 3", "peek"]


def test_a_second_look_that_would_block_is_repeated(make: Make) -> None:
    text = b"x" * 5000 + b"\0"
    fd = os.dup(make(1)[0])
    endpoint = Scripted(peeks=[(text[:4096], [], False), BlockingIOError(), (text, [fd], False)])

    taken = Peek().take(endpoint, 0)
    close_all(taken[1])

    assert taken == (text, [fd], False)


@pytest.mark.parametrize("doubt", ["complete", "truncated"])
def test_only_looks_in_a_row_convict(reserve: None, make: Make, doubt: str) -> None:
    nothing: Piece = (b"\0", [], False)
    fd = os.dup(make(1)[0])
    between: Piece = (b"\0", [fd], False) if doubt == "complete" else (b"\0", [fd], True)
    endpoint = Scripted(peeks=[nothing] * 16 + [between] + [nothing] * 15)
    way = Peek()
    for _ in range(15):
        with pytest.raises(fdpass.TableFull):
            way.take(endpoint, 0)
    if doubt == "complete":
        close_all(way.take(endpoint, 0)[1])
    else:
        with pytest.raises(fdpass.TableFull):
            way.take(endpoint, 0)

    for _ in range(15 - (doubt == "complete")):
        with pytest.raises(fdpass.TableFull):
            way.take(endpoint, 0)

    assert not is_open(fd)


def test_more_nuls_than_the_table_has_slots_are_told_as_lost(apart: Apart) -> None:
    def from_a_peer_that_speaks_something_else() -> None:
        one, other = socket.socketpair()
        clamp(300)
        with one, fdpass.adopt(other, survival="peek") as passer:
            one.sendall(bytes(2000))
            with raised(fdpass.DescriptorsLost) as caught:
                passer.recv(SOON)

            assert caught[0].lost == 2000

    apart(from_a_peer_that_speaks_something_else)


def test_no_free_slot_clears_of_suspicion(apart: Apart) -> None:
    def with_a_table_that_fills_up() -> None:
        RESERVE.want(1)
        clamp(40)
        way = Peek()
        endpoint = Scripted(peeks=[(b"\0", [], False)] * 100)

        def look(times: int) -> None:
            for _ in range(times):
                with raised(fdpass.TableFull):
                    way.take(endpoint, 0)

        look(15)
        held = fill()
        look(1)
        close_all(held)
        look(15)
        RESERVE.release(1)

    apart(with_a_table_that_fills_up)


@pytest.mark.parametrize("error", [ConnectionResetError(), OSError(errno.EIO, "?")])
def test_what_a_peek_gave_is_closed_when_the_message_cannot_be_taken(
    error: OSError, make: Make
) -> None:
    fds = [os.dup(fd) for fd in make(2)]
    endpoint = Scripted(peeks=[(b"\0\0", fds, False)], discards=[error])

    with pytest.raises(type(error)):
        Peek().take(endpoint, 0)

    assert not any(map(is_open, fds))


def test_descriptors_shown_too_early_are_taken_with_their_own_bytes(make: Make) -> None:
    shown = [os.dup(fd) for fd in make(1)]
    endpoint = Scripted(peeks=[(b"xx\0", shown, False)], receives=[(b"xx\0", [], False)])

    taken = Peek().take(endpoint, 1)

    assert taken == (b"xx\0", [], False)
    assert endpoint.calls == ["peek", "receive 3"]
    assert not is_open(shown[0])


def test_what_has_come_already_does_not_wait_for_slots_of_the_next_message(make: Make) -> None:
    shown = [os.dup(fd) for fd in make(1)]
    endpoint = Scripted(peeks=[(b"xx\0\0\0", shown, True)])

    taken = Peek().take(endpoint, 1)

    assert taken == (b"xx\0", [], False)
    assert endpoint.calls == ["peek", "discard 3"]
    assert not is_open(shown[0])


def test_a_conviction_stands_until_what_is_left_was_received(reserve: None) -> None:
    nothing: Piece = (b"\0", [], False)
    endpoint = Scripted(peeks=[nothing] * 100, receives=[BlockingIOError(), nothing])
    way = Peek()
    for _ in range(15):
        with pytest.raises(fdpass.TableFull):
            way.take(endpoint, 0)
    with pytest.raises(BlockingIOError) as caught:
        way.take(endpoint, 0)
    taken = way.take(endpoint, 0)

    assert not isinstance(caught.value, fdpass.TableFull)
    assert taken == nothing


def test_a_wider_peek_bears_a_spurious_refusal(make: Make) -> None:
    fds = [os.dup(fd) for fd in make(1)]
    text = b"x" * 4096
    endpoint = Scripted(
        peeks=[(text, [], False), BlockingIOError(), (text + b"x\0", fds, False)],
    )

    taken = Peek().take(endpoint, 0)
    close_all(fds)

    assert taken == (text + b"x\0", fds, False)


@pytest.mark.parametrize("number", [errno.EMSGSIZE, errno.EMFILE, errno.ENOBUFS])
def test_a_refusal_after_the_message_was_taken_is_a_loss(reserve: None, number: int) -> None:
    endpoint = Scripted(receives=[OSError(number, os.strerror(number))])

    with pytest.raises(fdpass.DescriptorsLost, match=os.strerror(number)):
        Hold().take(endpoint, 0)

    assert not RESERVE.is_short


@pytest.mark.parametrize("error", [BlockingIOError(), ConnectionResetError()])
def test_the_reserve_is_whole_again_after_every_error(reserve: None, error: OSError) -> None:
    with pytest.raises(type(error)):
        Hold().take(Scripted(receives=[error]), 0)

    assert not RESERVE.is_short


# -- which way


def test_peek_is_chosen_where_it_works() -> None:
    name = survival.choose(bsd44).NAME
    expected = "peek" if bsd44.peek_works() else "reserve"

    assert name == expected
    assert survival.available(bsd44)["reserve"] is None


def test_reserve_is_chosen_where_a_peek_gives_no_descriptors() -> None:
    backend = cast(
        "Backend", SimpleNamespace(NAME="some", PUTS_BACK=False, peek_works=lambda: False)
    )

    way = survival.choose(backend)
    with pytest.raises(OSError, match="peek cannot be used: MSG_PEEK does not give real"):
        survival.choose(backend, "peek")

    assert way.NAME == "reserve"


@pytest.mark.parametrize("number", [errno.EOPNOTSUPP, errno.EINVAL, errno.EAGAIN])
def test_reserve_is_chosen_where_the_system_refuses_every_look(
    number: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    refuse_looks(monkeypatch, number)

    left, right = fdpass.pair()
    with left, right:
        left.send(0)
        os.close(right.recv(timeout=5.0))

        assert right.survival == "reserve"


def test_nothing_is_concluded_from_a_look_that_finds_no_slot(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    refuse_looks(monkeypatch, errno.EMFILE)

    with raised(OSError) as caught:
        bsd44.peek_works()
    monkeypatch.undo()

    assert caught[0].errno == errno.EMFILE
    assert bsd44.missing() is None


def refuse_looks(monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    """Be a system, not tried yet, where recvmsg with MSG_PEEK fails."""
    usual = scm_rights.messages

    def messages(sock: socket.socket) -> tuple[Any, Any]:
        sendmsg, recvmsg = usual(sock)

        def receive(size: int, room: int, flags: int) -> object:
            if flags & socket.MSG_PEEK:
                raise OSError(number, os.strerror(number))
            return recvmsg(size, room, flags)

        return sendmsg, receive

    monkeypatch.setattr(scm_rights, "messages", messages)
    monkeypatch.setattr(scm_rights, "_found", {})
    monkeypatch.setattr(scm_rights, "_PROBE_WITHIN", 0.01)


def test_a_way_nobody_knows_is_named_with_those_known() -> None:
    known = "known: auto, put-back, peek, reserve"
    with pytest.raises(ValueError, match=f"no survival mode 'luck'; {known}"):
        survival.choose(bsd44, "luck")


def test_a_look_that_the_system_refuses_for_want_of_a_slot_is_a_full_table(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    if not bsd44.peek_works():
        pytest.skip("a look gives no descriptors here")
    reading, writing = os.pipe()
    left, right = fdpass.pair(survival="peek")
    with left, right:
        left.send(writing, close=True)

        def refuse(size: int) -> NoReturn:
            raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))

        with monkeypatch.context() as patched:
            patched.setattr(right._endpoint, "peek", refuse)
            with pytest.raises(fdpass.TableFull):
                right.recv_nowait()

        received = right.recv(timeout=5.0)
        os.write(received, b"x")
        os.close(received)
    assert os.read(reading, 2) == b"x"
    os.close(reading)
