from __future__ import annotations

import asyncio
import os
import socket
from multiprocessing import reduction
from typing import TYPE_CHECKING

import pytest

import fdpass
from fdpass import aio, dialects
from fdpass.backends import bsd44
from fdpass.dialects import DIALECTS
from fdpass.inbox import Inbox
from fdpass.outbox import Outbox
from fdpass.survival import Peek
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
from fdpass.tests.passing import Aside, agree, receive, taken
from fdpass.tests.scripted import Scripted

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from fdpass.dialects import Dialect

    Apart = Callable[..., str]
    Make = Callable[[int], list[int]]

NAMES = [dialect.NAME for dialect in DIALECTS]
every = pytest.mark.parametrize("name", NAMES)
others = pytest.mark.parametrize("name", NAMES[1:])
both_ways = pytest.mark.parametrize("way", ["peek", "reserve"])
ON_THE_WIRE = {
    "nul": (b"\0\0\0", 3),
    "count": (b"\3", 3),
    "count-ack": (b"\3", 3),
    "bang": (b"!", 3),
    "word0": (bytes(4), 1),
}


def named(name: str) -> Dialect:
    return next(dialect for dialect in DIALECTS if name == dialect.NAME)()


@pytest.fixture
def reserve() -> Iterator[None]:
    """Keep one slot, as an open passer would."""
    RESERVE.want(1)
    yield
    RESERVE.release(1)


@every
def test_what_goes_over_the_wire(make: Make, name: str) -> None:
    fds = make(3)
    one, other = socket.socketpair()
    with fdpass.adopt(one, batch=3, dialect=name) as passer, other:
        passer.send_many(fds)
        data, got, *_ = fdpass.recv_fds(other, 64, 8)

        assert passer.dialect == name
        assert (data, taken(got)) == (ON_THE_WIRE[name][0], identities(fds[: ON_THE_WIRE[name][1]]))


@every
@both_ways
def test_both_ends_speak_it(make: Make, name: str, way: str) -> None:
    fds = make(50)
    left, right = fdpass.pair(dialect=name, survival=way, batch=7)
    with left, right:
        left.send_many(fds)
        left.send(fds[0])
        sending = Aside(left.flush, SOON)

        assert receive(right, 51) == identities([*fds, fds[0]])
        sending.result()


@every
def test_over_a_path(make: Make, short: os.PathLike[str], name: str) -> None:
    path = os.path.join(short, "here")
    with (
        fdpass.listen(path, dialect=name) as listener,
        fdpass.connect(path, dialect=name) as left,
        listener.accept(SOON) as right,
    ):
        left.send(make(1)[0])
        os.close(right.recv(SOON))

        assert (left.dialect, right.dialect) == (name, name)


@every
def test_on_an_event_loop(make: Make, name: str) -> None:
    async def main(fd: int) -> None:
        left, right = aio.pair(dialect=name)
        async with left, right:
            await left.send(fd)
            await left.flush()

            assert taken([await right.recv()]) == identities([fd])

    asyncio.run(asyncio.wait_for(main(make(1)[0]), SOON))


# -- a full table


@every
@both_ways
def test_a_full_table_loses_nothing(apart: Apart, name: str, way: str) -> None:
    def in_a_full_table(name: str, way: str) -> None:
        clamp(48)
        left, right = fdpass.pair(dialect=name, survival=way, batch=4)
        sent = files(8)
        left.send_many(sent)
        left.flush(SOON)
        held = fill()
        RESERVE.free()
        held += fill()
        for _ in range(50):
            with raised(BlockingIOError):
                right.recv_nowait()
        with raised(TimeoutError):
            right.recv(timeout=0.05)
        got: list[int] = []
        while len(got) < 8:
            close_all(held[-4:])
            del held[-4:]
            got += [right.recv(SOON) for _ in range(min(4, left.batch))]
        assert identities(got) == identities(sent)
        close_all(got + sent + held)
        left.close()
        right.close()

    apart(in_a_full_table, name, way)


# -- multiprocessing at the other end


@pytest.fixture(params=["count", "count-ack"])
def theirs(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Name what multiprocessing speaks."""
    name = str(request.param)
    if hasattr(reduction, "ACKNOWLEDGE"):
        monkeypatch.setattr(reduction, "ACKNOWLEDGE", name == "count-ack")
    elif name == "count":
        pytest.skip("since Python 3.14 multiprocessing awaits an answer to each message")
    return name


@pytest.mark.parametrize("count", [1, 2, 16, 65, 253])
def test_multiprocessing_sends(make: Make, theirs: str, count: int) -> None:
    fds = make(1) * count
    one, other = socket.socketpair()

    def send() -> None:
        reduction.sendfds(other, fds)
        reduction.sendfds(other, fds[:1])

    with fdpass.adopt(one, dialect=theirs) as passer, other:
        sending = Aside(send)

        assert receive(passer, count + 1) == identities([*fds, fds[0]])
        sending.result()


@pytest.mark.parametrize("count", [1, 2, 16, 64])
def test_multiprocessing_receives_and_sends_again(make: Make, theirs: str, count: int) -> None:
    fds = make(1) * count
    one, other = socket.socketpair()
    with fdpass.adopt(one, dialect=theirs, batch=count) as passer, other:
        for _ in range(2):
            passer.send_many(fds)
            assert taken(reduction.recvfds(other, count)) == identities(fds)
        sending = Aside(reduction.sendfds, other, fds)

        assert receive(passer, count) == identities(fds)
        sending.result()


def test_a_handle_goes_both_ways_between_processes(apart: Apart, theirs: str) -> None:
    def both_ways(theirs: str) -> None:
        import multiprocessing.connection

        agree(theirs)
        ours, others = multiprocessing.Pipe()
        child = os.fork()
        if not child:
            fd = reduction.recv_handle(others)
            os.write(fd, b"heard")
            reduction.send_handle(others, fd, 0)
            reduction.send_handle(others, fd, 0)
            os._exit(0)
        others.close()
        passer = fdpass.adopt(os.dup(ours.fileno()), dialect=theirs)
        ours.close()
        reading, writing = os.pipe()
        passer.send(writing)
        due = identities([writing, writing])
        os.close(writing)
        assert os.read(reading, 10) == b"heard"
        got = [passer.recv(SOON), passer.recv(SOON)]
        assert identities(got) == due
        with raised(fdpass.PeerClosed):
            passer.recv(SOON)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        close_all([*got, reading])
        passer.close()

    apart(both_ways, theirs)


@both_ways
def test_what_multiprocessing_sends_waits_for_slots(apart: Apart, theirs: str, way: str) -> None:
    def full(theirs: str, way: str) -> None:
        agree(theirs)
        clamp(64)
        one, other = socket.socketpair()
        passer = fdpass.adopt(one, dialect=theirs, survival=way, batch=8)
        sent = files(8)

        def send() -> None:
            reduction.sendfds(other, sent)
            reduction.sendfds(other, sent[:3])

        sending = Aside(send)
        assert passer._endpoint.wait(read=True, write=False, timeout=SOON)
        held = fill()
        RESERVE.free()
        held += fill()
        with raised(TimeoutError):
            passer.recv(0.05)
        close_all(held[:8])
        got = [passer.recv(SOON) for _ in range(8)]
        with raised(TimeoutError):
            passer.recv(0.05)
        close_all(held[8:])
        got += [passer.recv(SOON) for _ in range(3)]
        assert identities(got) == identities(sent + sent[:3])
        sending.result()
        close_all(got + sent)
        passer.close()
        other.close()

    apart(full, theirs, way)


# -- what does not fit


@pytest.mark.parametrize(
    ("name", "sent", "complaint"),
    [
        ("count", (b"\0", 0), "number of its descriptors: a message says that it has none, and 0"),
        ("count", (b"\1", 2), "number of its descriptors: 1 were announced, and 2 came"),
        ("bang", (b"?", 1), "one ! for each message: b'\\?' came"),
        ("word0", (b"\0a\0\0", 1), "four NULs for each descriptor: b'a' came"),
        ("word0", (bytes(4), 2), "four NULs for each descriptor: 4 NULs and 2 descriptors came"),
    ],
)
@both_ways
def test_what_does_not_fit_is_told_and_closed(
    make: Make, way: str, name: str, sent: tuple[bytes, int], complaint: str
) -> None:
    one, other = socket.socketpair()
    with fdpass.adopt(one, dialect=name, survival=way) as passer, other:
        fdpass.send_fds(other, sent[:1], make(sent[1]))
        with pytest.raises(fdpass.NotAPasser, match=complaint):
            passer.recv(SOON)


@pytest.mark.parametrize(("name", "data", "lost"), [("count", b"\2", 1), ("bang", b"!!", None)])
@both_ways
def test_what_is_missing_is_told(
    make: Make, way: str, name: str, data: bytes, lost: int | None
) -> None:
    fds = make(1)
    one, other = socket.socketpair()
    with fdpass.adopt(one, dialect=name, survival=way) as passer, other:
        fdpass.send_fds(other, [data], fds)

        assert taken([passer.recv(SOON)]) == identities(fds)
        with pytest.raises(fdpass.DescriptorsLost) as caught:
            passer.recv(SOON)
        assert caught.value.lost == lost


@every
def test_nothing_but_bytes_where_a_descriptor_is_due(name: str) -> None:
    one, other = socket.socketpair()
    with fdpass.adopt(one, dialect=name, survival="reserve") as passer, other:
        other.send(ON_THE_WIRE[name][0])
        with pytest.raises(fdpass.DescriptorsLost):
            passer.recv(SOON)


@pytest.mark.parametrize("cut", [1, 2, 3])
def test_a_word_that_goes_in_two_parts(make: Make, cut: int) -> None:
    fd = make(1)[0]
    endpoint = Scripted(sends=[cut])
    box = Outbox(bsd44, endpoint, 16, 1024, named("word0"))
    box.submit([fd, fd], b"", close=False)

    assert [(data, len(fds)) for data, fds in endpoint.messages] == [
        (bytes(cut), 1),
        (bytes(4 - cut), 0),
        (bytes(4), 1),
    ]


@pytest.mark.parametrize("cut", [1, 2, 3])
def test_a_word_that_comes_in_two_parts(reserve: None, make: Make, cut: int) -> None:
    fds = make(2)
    endpoint = Scripted(
        peeks=[
            (bytes(cut), [os.dup(fds[0])], False),
            (bytes(4 - cut + 4), [], True),  # the table is full: the rest needs no slot
            (bytes(4 - cut + 4), [], True),
            (bytes(4), [os.dup(fds[1])], False),
        ]
    )
    word = named("word0")
    box = Inbox(endpoint, Peek(word), word)
    box.fill()
    first = list(box.ready)
    box.ready.clear()
    box.fill()

    assert endpoint.calls == [
        "peek",
        f"discard {cut}",
        "peek",
        "peek",
        f"discard {4 - cut}",
        "peek",
        "discard 4",
    ]
    assert taken(first + list(box.ready)) == identities(fds)


def test_half_a_word_left_over_is_a_descriptor_that_will_not_arrive(make: Make) -> None:
    endpoint = Scripted(sends=[2, BlockingIOError(11, "full")])
    box = Outbox(bsd44, endpoint, 1, 1024, named("word0"))
    box.submit(make(1), b"", close=False)

    assert box.close() == 1


# -- which there are


def test_one_that_there_is_not_is_refused() -> None:
    with pytest.raises(
        ValueError, match="no dialect 'latin'; known: nul, count, count-ack, bang, word0"
    ):
        fdpass.pair(dialect="latin")


@others
def test_bytes_of_the_users_go_in_the_usual_one_only(make: Make, name: str) -> None:
    left, right = fdpass.pair(dialect=name)
    with left, right, pytest.raises(ValueError, match=f"in the dialect {name}; 4 came"):
        left.send(make(1)[0], data=b"text")


def test_a_message_of_256_has_no_number() -> None:
    left, right = fdpass.pair(dialect="count", batch=1000)
    with left, right:
        assert left.batch == 255


@others
def test_an_interface_that_carries_no_bytes_of_ours_has_one(name: str) -> None:
    class Bare:
        NAME = "bare"
        CARRIES_TEXT = False

    backend: fdpass.backends.Backend = Bare()  # type: ignore[assignment]

    assert dialects.available(backend) == ("nul",)
    with pytest.raises(ValueError, match=f"over bare: there is no {name} but nul"):
        dialects.choose(backend, name)
