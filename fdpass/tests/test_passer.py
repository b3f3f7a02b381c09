from __future__ import annotations

import contextlib
import gc
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import warnings
from typing import TYPE_CHECKING

import pytest

import fdpass
from fdpass.table import RESERVE
from fdpass.tests.descriptors import (
    SOON,
    clamp,
    close_all,
    eventually,
    files,
    fill,
    identities,
    identity,
    is_open,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from fdpass.passer import HasFileno

    Apart = Callable[..., str]
    Make = Callable[[int], list[int]]
    Pair = tuple[fdpass.Passer, fdpass.Passer]


@pytest.fixture
def pair() -> Iterator[Pair]:
    left, right = fdpass.pair()
    with left, right:
        yield left, right


def taken(fds: list[int]) -> list[tuple[int, int]]:
    """Say what they are, and close them."""
    found = identities(fds)
    close_all(fds)
    return found


def fill_channel(passer: fdpass.Passer, fd: int) -> int:
    """Send until something waits; give how many were sent, those that wait included."""
    count = 0
    while not passer.wants_write:
        passer.send(fd)
        count += 1
    return count


def receive(passer: fdpass.Passer, count: int) -> list[tuple[int, int]]:
    got: list[tuple[int, int]] = []
    while len(got) < count:
        got += taken(passer.recv_many(SOON))
    return got


class Aside(threading.Thread):
    """Runs one call aside; gives its result or its error."""

    def __init__(self, call: Callable[..., object], *args: object) -> None:
        super().__init__(daemon=True)
        self._call, self._args = call, args
        self._result: object = None
        self._error: BaseException | None = None
        self.start()

    def run(self) -> None:
        try:
            self._result = self._call(*self._args)
        except BaseException as error:
            self._error = error

    def result(self) -> object:
        self.join(SOON)

        assert not self.is_alive(), "it still waits"

        if self._error is not None:
            raise self._error
        return self._result


def is_receiving(passer: fdpass.Passer) -> bool:
    """Tell whether another thread is at it, by trying; that one may see us, too."""
    try:
        os.close(passer.recv_nowait())
    except fdpass.PasserBusy:
        return True
    except BlockingIOError:
        pass
    return False


def insistent_recv(passer: fdpass.Passer) -> int:
    """Receive, though somebody may be trying whether we do."""
    while True:
        try:
            return passer.recv(SOON)
        except fdpass.PasserBusy:
            pass


# -- sending


def test_what_is_sent_arrives_in_order_and_is_close_on_exec(pair: Pair, make: Make) -> None:
    left, right = pair
    sent = make(3)
    for fd in sent:
        left.send(fd)
    received = [right.recv(SOON) for _ in sent]
    inheritable = [os.get_inheritable(fd) for fd in received]

    assert taken(received) == identities(sent)
    assert inheritable == [False] * 3


def test_sending_borrows_and_the_original_may_be_closed_at_once(make: Make) -> None:
    original = os.dup(make(1)[0])
    expected = identity(original)
    left, right = fdpass.pair(batch=1)
    with left, right:
        count = fill_channel(left, original)
        borrowed = is_open(original)
        os.close(original)
        sending = Aside(left.flush, SOON)
        received = receive(right, count)
        sending.result()

    assert borrowed
    assert received == [expected] * count


def test_objects_with_fileno_are_sent(pair: Pair, make: Make) -> None:
    left, right = pair
    with socket.socket() as sock, open(os.devnull, "rb") as file, left:
        expected = identities([sock.fileno(), file.fileno(), left.fileno()])
        left.send(sock)
        left.send_many(iter([file, left]))
        received = receive(right, 3)

    assert received == expected


def test_a_descriptor_taken_over_is_closed_once_accepted(pair: Pair, make: Make) -> None:
    left, right = pair
    mine = [os.dup(fd) for fd in make(3)]
    expected = identities(mine)
    left.send(mine[0], close=True)
    left.send_many(mine[1:], close=True)

    assert not any(map(is_open, mine))
    assert receive(right, 3) == expected


def test_an_object_taken_over_knows_that_it_is_closed(pair: Pair) -> None:
    left, right = pair
    sock, many = socket.socket(), [socket.socket(), open(os.devnull, "rb")]
    mine = [sock, *many]
    left.send(sock, close=True)
    left.send_many([*many, fd := os.dup(0)], close=True)
    received = receive(right, 4)

    assert sock.fileno() == -1
    assert all(getattr(item, "closed", True) for item in mine[2:])
    assert not is_open(fd)
    assert len(received) == 4


def test_what_is_refused_is_not_taken_over(pair: Pair, make: Make) -> None:
    left, right = pair
    right.close()
    mine = make(2)
    with socket.socket() as sock:
        for files_ in ([mine[0]], mine, [sock]):
            with pytest.raises(BrokenPipeError):
                left.send_many(files_, close=True)
        with pytest.raises(BrokenPipeError):
            left.send(sock, close=True)

        assert sock.fileno() >= 0

    assert all(map(is_open, mine))


@pytest.mark.parametrize("nonsense", [None, "file", 3.0, object()])
def test_what_has_no_descriptor_is_refused(pair: Pair, nonsense: HasFileno) -> None:
    for send in (pair[0].send, lambda file: pair[0].send_many([0, file])):
        with pytest.raises(TypeError, match="expected a descriptor or an object with fileno"):
            send(nonsense)

    with pytest.raises(BlockingIOError):
        pair[1].recv_nowait()


def test_nothing_of_several_is_sent_if_one_is_closed(pair: Pair, make: Make) -> None:
    left, right = pair
    good = make(1)[0]
    with open(os.devnull, "rb") as file:
        pass
    for bad, error in ((file, ValueError), (-1, OSError)):
        with pytest.raises(error):
            left.send_many([good, bad, good])

        assert left.queued == 0

    with pytest.raises(BlockingIOError):
        right.recv_nowait()


def test_none_to_send_is_nothing_to_do(pair: Pair) -> None:
    pair[0].send_many([])

    assert not pair[0].wants_write


@pytest.mark.parametrize(("batch", "messages"), [(1, 5), (2, 3), (4, 2), (16, 1)])
def test_many_go_in_as_few_messages_as_the_batch_allows(
    batch: int, messages: int, make: Make
) -> None:
    one, other = socket.socketpair()
    with fdpass.adopt(one, batch=batch) as passer, other:
        passer.send_many(make(5))
        passer.close()
        sizes = []
        while True:
            data, fds, _, _ = fdpass.recv_fds(other, 4096, 16)
            if not data:
                break
            sizes.append(len(fds))
            close_all(fds)

    assert len(sizes) == messages
    assert sum(sizes) == 5
    assert max(sizes) == min(batch, 5)


@pytest.mark.parametrize("batch", [253, 254, 300])
def test_a_batch_larger_than_the_system_takes_is_cut(batch: int, make: Make) -> None:
    left, right = fdpass.pair(batch=batch)
    sent = make(3) * 100
    with left, right:
        left.send_many(sent)
        received = receive(right, 300)

    assert received == identities(sent)


# -- the user's bytes


@pytest.mark.parametrize("batch", [1, 16])
def test_bytes_travel_with_their_descriptor(batch: int, make: Make) -> None:
    sent = make(5)
    texts = [b"one", b"", b"three" * 1000, b"\xff\x01", b""]
    left, right = fdpass.pair(batch=batch)
    with left, right:
        for fd, text in zip(sent, texts, strict=True):
            left.send(fd, data=text)
        got = [right.recv_with_data(SOON) for _ in sent]

    assert [text for _, text in got] == texts
    assert taken([fd for fd, _ in got]) == identities(sent)


def test_the_most_bytes_pass_through_a_full_channel(make: Make) -> None:
    fd = make(1)[0]
    text = b"x" * 65536
    left, right = fdpass.pair(batch=1)
    with left, right:
        for _ in range(10):
            left.send(fd, data=text)
        waited = left.wants_write
        sending = Aside(left.flush, SOON)
        got = [right.recv_with_data(SOON) for _ in range(10)]
        sending.result()

    assert waited
    assert {text for _, text in got} == {text}
    assert taken([fd for fd, _ in got]) == [identity(fd)] * 10


@pytest.mark.parametrize("text", [b"\0", b"a\0b", b"x" * 65537])
def test_bytes_that_cannot_travel_are_refused(pair: Pair, text: bytes, make: Make) -> None:
    with pytest.raises(ValueError, match="at most 65536 bytes without NUL"):
        pair[0].send(make(1)[0], data=text)

    assert not pair[0].wants_write


def test_bytes_nobody_asks_for_are_dropped_with_their_descriptor(pair: Pair, make: Make) -> None:
    left, right = pair
    sent = make(4)
    for fd in sent:
        left.send(fd, data=b"text")
    received = [right.recv(SOON)]
    received += right.recv_many(SOON)
    close_all(received)
    left.send(sent[0])
    fd, text = right.recv_with_data(SOON)
    os.close(fd)

    assert text == b""


# -- the queue


def test_sending_never_blocks_and_tells_when_the_queue_is_full(make: Make) -> None:
    fd = make(1)[0]
    left, right = fdpass.pair(batch=1, max_queued=3)
    with left, right:
        count = fill_channel(left, fd)
        seen = [(left.queued, left.wants_write)]
        left.send_many([fd, fd])
        seen.append((left.queued, left.wants_write))
        for send in (left.send, lambda fd: left.send_many([fd])):
            with pytest.raises(BlockingIOError, match="room for 0 of 3"):
                send(fd)
        received = receive(right, count - 1)
        seen.append((left.queued, left.flush_nowait()))
        received += receive(right, 3)

    assert seen == [(1, True), (3, True), (3, True)]
    assert received == [identity(fd)] * (count + 2)
    assert not left.wants_write


def test_several_are_accepted_together_or_not_at_all(make: Make) -> None:
    fd = make(1)[0]
    left, right = fdpass.pair(batch=1, max_queued=4)
    with left, right:
        count = fill_channel(left, fd)
        with pytest.raises(BlockingIOError, match="4 descriptors came"):
            left.send_many([fd] * 4)
        queued_then = left.queued
        left.send_many([fd] * 3)
        sending = Aside(left.flush, SOON)
        received = receive(right, count + 3)
        sending.result()

    assert queued_then == 1
    assert len(received) == count + 3


def test_the_queue_needs_slots_and_says_so(apart: Apart) -> None:
    def in_a_full_table() -> None:
        left, right = fdpass.pair(batch=1)
        with left, right:
            count = 0
            while not left.wants_write:
                left.send(0)
                count += 1
            mine = os.dup(0)
            clamp(40)
            held = fill()
            try:
                left.send(mine)
                raise AssertionError("there was a slot")
            except OSError as error:
                assert error.errno == 24, error
            left.send(mine, close=True)  # needs none
            close_all(held)
            for _ in range(count + 1):
                os.close(right.recv(SOON))
                left.flush_nowait()

    apart(in_a_full_table)


def test_flushing_waits_until_the_queue_is_empty(make: Make) -> None:
    left, right = fdpass.pair(batch=1)
    with left, right:
        count = fill_channel(left, make(1)[0])
        begun = time.monotonic()
        for timeout in (0, 0.02):
            with pytest.raises(TimeoutError, match="1 descriptors are still queued"):
                left.flush(timeout)
        waited = time.monotonic() - begun
        receiving = Aside(receive, right, count)
        left.flush()
        empty = not left.wants_write
        receiving.result()

    assert waited >= 0.02
    assert empty


def test_flushing_an_empty_queue_does_nothing(pair: Pair) -> None:
    pair[0].flush(0)

    assert pair[0].flush_nowait()


@pytest.mark.parametrize("batch", [1, 16])
def test_two_peers_that_both_flush_do_not_wait_for_each_other(batch: int, make: Make) -> None:
    sent = make(7)
    passers = fdpass.pair(batch=batch)

    def send_all_then_receive(passer: fdpass.Passer) -> list[tuple[int, int]]:
        passer.send_many([sent[number % 7] for number in range(600)])
        passer.flush(SOON)
        return receive(passer, 600)

    with passers[0], passers[1]:
        threads = [Aside(send_all_then_receive, passer) for passer in passers]
        received = [thread.result() for thread in threads]
    expected = [identity(sent[number % 7]) for number in range(600)]

    assert received == [expected, expected]


def test_a_waiting_receiver_helps_its_own_queue_on(make: Make) -> None:
    left, right = fdpass.pair(batch=1)
    fd = make(1)[0]
    with left, right:
        count = fill_channel(left, fd) + 20
        left.send_many([fd] * 20)

        def answer() -> None:
            receive(right, count)
            right.send(fd)

        answering = Aside(answer)
        received = taken([left.recv(SOON)])
        answering.result()

    assert received == [identity(fd)]


# -- receiving


def test_receiving_waits_for_a_descriptor(pair: Pair, make: Make) -> None:
    left, right = pair
    sent = make(3)
    for number, recv in enumerate(
        (right.recv, lambda: right.recv_many()[0], lambda: right.recv_with_data()[0])
    ):
        receiving = Aside(recv)
        left.send(sent[number])
        fd = receiving.result()

        assert isinstance(fd, int)
        assert taken([fd]) == identities(sent[number : number + 1])


def test_a_wait_for_a_descriptor_ends_with_its_timeout(pair: Pair) -> None:
    _, right = pair
    begun = time.monotonic()
    for recv in (right.recv, right.recv_many, right.recv_with_data):
        for timeout in (0, 0.01, -1):
            with pytest.raises(TimeoutError, match="no descriptor has arrived"):
                recv(timeout)

    assert time.monotonic() - begun >= 0.03


def test_receiving_what_is_not_there_would_block(pair: Pair, make: Make) -> None:
    left, right = pair
    with pytest.raises(BlockingIOError) as caught:
        right.recv_nowait()
    left.send_many(make(2))
    received = [right.recv_nowait(), right.recv_nowait()]

    assert not isinstance(caught.value, fdpass.FdPassError)
    assert len(taken(received)) == 2


def test_all_that_is_there_comes_at_once(make: Make) -> None:
    sent = make(5)
    left, right = fdpass.pair(batch=2)
    with left, right:
        left.send_many(sent)
        left.send(sent[0])
        received = taken(right.recv_many(SOON))

    assert received == identities([*sent, sent[0]])


def test_one_message_serves_every_way_of_receiving(pair: Pair, make: Make) -> None:
    left, right = pair
    sent = make(5)
    left.send_many(sent)
    received = [right.recv(0), right.recv_nowait(), right.recv_with_data(0)[0]]
    received += right.recv_many(0)

    assert taken(received) == identities(sent)


def test_the_channel_can_be_polled(pair: Pair, make: Make) -> None:
    import select

    left, right = pair
    before = select.select([right], [left], [], 0)
    left.send(make(1)[0])
    after = select.select([right], [], [], SOON)
    close_all([right.recv_nowait()])

    assert before == ([], [left], [])
    assert after == ([right], [], [])


def test_both_directions_at_the_same_time(make: Make) -> None:
    sent = make(7)
    passers = fdpass.pair(batch=3)
    count = 500

    def send(passer: fdpass.Passer) -> None:
        for number in range(count):
            passer.send(sent[number % 7])
            if number % 50 == 0:
                passer.flush(SOON)
        passer.flush(SOON)

    def recv(passer: fdpass.Passer) -> list[tuple[int, int]]:
        return taken([passer.recv(SOON) for _ in range(count)])

    with passers[0], passers[1]:
        sending = [Aside(send, passer) for passer in passers]
        receiving = [Aside(recv, passer) for passer in passers]
        for thread in sending:
            thread.result()
        received = [thread.result() for thread in receiving]

    expected = [identity(sent[number % 7]) for number in range(count)]

    assert received == [expected, expected]


def test_any_number_of_threads_may_send(pair: Pair, make: Make) -> None:
    left, right = pair
    sent = make(4)

    def send(fd: int) -> None:
        for _ in range(100):
            left.send(fd)

    threads = [Aside(send, fd) for fd in sent]
    received = receive(right, 400) if not left.wants_write else []
    for thread in threads:
        thread.result()

    assert sorted(received) == sorted(identities(sent) * 100)


def test_a_second_reader_is_turned_away(pair: Pair, make: Make) -> None:
    left, right = pair
    receiving = Aside(insistent_recv, right)
    busy = eventually(lambda: is_receiving(right))
    for recv in (right.recv, right.recv_many, right.recv_with_data):
        with pytest.raises(fdpass.PasserBusy, match="only one may"):
            recv(0)
    left.send(make(1)[0])
    fd = receiving.result()

    assert busy
    assert isinstance(fd, int)

    os.close(fd)
    left.send(make(1)[0])
    os.close(right.recv(SOON))


# -- the end


def test_the_end_comes_after_all_that_was_sent(pair: Pair, make: Make) -> None:
    left, right = pair
    sent = make(3)
    left.send_many(sent)
    left.close()
    received = [right.recv(0) for _ in sent]
    for recv in (right.recv, right.recv_many, right.recv_with_data):
        with pytest.raises(fdpass.PeerClosed):
            recv(SOON)
    with pytest.raises(fdpass.PeerClosed):
        right.recv_nowait()

    assert taken(received) == identities(sent)


def test_a_peer_that_left_something_unread_is_told_from_one_in_good_order(
    pair: Pair, make: Make
) -> None:
    left, right = pair
    sent = make(2)
    right.send_many(sent)
    left.send_many(sent)
    left.close()
    received = [right.recv(0) for _ in sent]
    with pytest.raises(fdpass.PeerReset):
        right.recv(SOON)

    assert taken(received) == identities(sent)


@pytest.mark.parametrize("queue_first", [False, True])
def test_what_has_arrived_is_given_before_an_error_of_the_other_direction(
    make: Make, queue_first: bool
) -> None:
    sent = make(3)
    left, right = fdpass.pair(batch=1)
    with left:
        if queue_first:
            fill_channel(right, sent[0])
        left.send_many(sent)
        left.close()
        for _ in range(3):
            with pytest.raises(BrokenPipeError):
                right.send(sent[0])
        if queue_first:
            with pytest.raises(BrokenPipeError):
                right.flush(SOON)
        received = [right.recv(SOON), right.recv_with_data(SOON)[0], *right.recv_many(SOON)]
        with pytest.raises(fdpass.ChannelEnded):
            right.recv(SOON)
    if queue_first:
        with pytest.warns(ResourceWarning, match="1 descriptors were still queued"):
            right.close()
    right.close()

    assert taken(received) == identities(sent)


def test_a_closed_passer_says_so_to_everything(make: Make) -> None:
    left, right = fdpass.pair()
    right.send(make(1)[0])
    left.close()
    left.close()
    right.close()
    for call in (
        lambda: left.send(0),
        lambda: left.send_many([0]),
        lambda: left.flush(0),
        left.flush_nowait,
        lambda: left.recv(0),
        left.recv_nowait,
        lambda: left.recv_many(0),
        lambda: left.recv_with_data(0),
        left.fileno,
    ):
        with pytest.raises(fdpass.PasserClosed):
            call()

    assert (left.closed, left.wants_write, left.queued) == (True, False, 0)


def test_closing_closes_what_waits_and_says_so_if_that_was_queued(make: Make) -> None:
    fd = make(1)[0]
    left, right = fdpass.pair(batch=1)
    count = fill_channel(left, fd)
    right.send(fd)
    left.flush_nowait()
    with pytest.warns(ResourceWarning, match="1 descriptors were still queued"):
        left.close()
    received = receive(right, count - 1)
    with pytest.raises(fdpass.ChannelEnded):
        right.recv(SOON)
    right.close()

    assert received == [identity(fd)] * (count - 1)


def test_closing_amid_a_message_is_told_at_both_ends(make: Make) -> None:
    fd = make(1)[0]
    left, right = fdpass.pair(batch=1)
    while not left.wants_write:
        left.send(fd, data=b"x" * 65536)
    queued = left.queued
    with pytest.warns(ResourceWarning, match="1 descriptors were still queued"):
        left.close()
    with right, pytest.raises(fdpass.DescriptorsLost, match="amid a message of 1"):
        while True:
            os.close(right.recv(SOON))

    assert queued == 0


def test_a_reader_is_told_when_another_thread_closes_its_passer(pair: Pair) -> None:
    left, right = pair
    receiving = Aside(insistent_recv, right)
    busy = eventually(lambda: is_receiving(right))
    right.close()
    left.close()  # which wakes it up

    assert busy

    with pytest.raises(fdpass.PasserClosed):
        receiving.result()


def test_a_forgotten_passer_warns_and_closes_all_it_has(make: Make) -> None:
    fd = make(1)[0]
    left, right = fdpass.pair()
    left.send_many([fd, fd])
    os.close(right.recv(SOON))  # the other one stays in the inbox
    left.close()
    gc.disable()  # no cycle keeps it
    try:
        with pytest.warns(ResourceWarning, match=r"unclosed <fdpass.Passer on descriptor \d+, "):
            del right
    finally:
        gc.enable()


def test_a_forgotten_passer_is_closed_also_where_warnings_are_errors(apart: Apart) -> None:
    def forget() -> None:
        sys.stderr = open(os.devnull, "w")  # the interpreter tells of the error in __del__
        left, right = fdpass.pair()
        left.send_many([0, 0])
        os.close(right.recv(SOON))
        del left, right
        gc.collect()
        sys.stderr.close()
        sys.stderr = sys.__stderr__

    apart(forget)


def test_the_context_manager_closes(make: Make) -> None:
    left, right = fdpass.pair()
    with pytest.raises(ZeroDivisionError), left as same, right:
        assert same is left

        raise ZeroDivisionError

    assert (left.closed, right.closed) == (True, True)


def test_the_repr_tells_what_it_is_and_what_waits(make: Make) -> None:
    left, right = fdpass.pair(batch=4, survival="reserve")
    with left, right:
        right.send_many(make(3))
        os.close(left.recv(SOON))
        text = repr(left)
        fd = left.fileno()

    assert text == (
        f"<fdpass.Passer on descriptor {fd}, bsd44, reserve, batch 4: 0 queued, 2 in the inbox>"
    )
    assert repr(left) == "<fdpass.Passer, closed>"


@pytest.mark.parametrize("options", [{"batch": 0}, {"max_queued": -1}, {"survival": "luck"}])
def test_options_out_of_range_are_refused_and_leave_nothing_open(options: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="expected a|no survival mode"):
        fdpass.pair(**options)  # type: ignore[arg-type]


# -- processes


def test_a_program_started_meanwhile_sees_no_descriptor_of_ours(make: Make) -> None:
    fd = make(1)[0]
    left, right = fdpass.pair(batch=1)
    with left, right:
        count = fill_channel(left, fd)
        received = [right.recv(SOON)]
        ours = identities([*received, left.fileno(), right.fileno()])
        program = (
            "import os\n"
            "for fd in range(3, 256):\n"
            "    try: print(*os.fstat(fd)[2:0:-1])\n"
            "    except OSError: pass\n"
        )
        done = subprocess.run(
            [sys.executable, "-c", program],
            close_fds=False,
            stdout=subprocess.PIPE,
            check=True,
            timeout=SOON,
        )
        close_all(received)
        receive(right, count - 2)
        left.flush(SOON)
        receive(right, 1)
    seen = {tuple(map(int, line.split())) for line in done.stdout.splitlines()}

    assert seen & set(ours) == set()


def test_a_forked_child_uses_the_other_end(apart: Apart) -> None:
    def fork() -> None:
        left, right = fdpass.pair()
        reading, writing = os.pipe()
        child = os.fork()
        if not child:
            left.close()
            with right:
                fd = right.recv(SOON)
                os.write(fd, b"from the child")
                right.send(fd)
                right.flush(SOON)
            os._exit(0)
        right.close()
        os.set_blocking(writing, False)
        with left:
            left.send(writing)
            fd = left.recv(SOON)
        status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])

        assert status == 0
        assert os.read(reading, 64) == b"from the child"
        assert not os.get_blocking(fd)

        close_all([fd, reading, writing])

    apart(fork)


def test_a_forked_child_does_not_wait_for_locks_of_threads_it_has_not(apart: Apart) -> None:
    def fork_amid_everything() -> None:
        left, right = fdpass.pair()
        held, go_on = threading.Event(), threading.Event()

        def hold_all_locks() -> None:
            with RESERVE.lock, left._reader, left._outbox.lock, left._inbox.lock:
                held.set()
                go_on.wait(SOON)

        thread = threading.Thread(target=hold_all_locks)
        thread.start()
        held.wait(SOON)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # threads and fork: that is the test
            child = os.fork()
        if not child:
            signal.alarm(int(SOON))
            left.send(0)
            os.close(right.recv(SOON))
            right.send(0)
            os.close(left.recv(SOON))
            left.close()
            right.close()
            fdpass.pair()[0].close()
            os._exit(0)
        status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        go_on.set()
        thread.join(SOON)
        left.close()
        right.close()

        assert status == 0

    apart(fork_amid_everything)


def test_a_signal_handler_interrupts_nothing_for_good(apart: Apart) -> None:
    def in_a_storm_of_signals() -> None:
        signals = []
        signal.signal(signal.SIGALRM, lambda *_: signals.append(1))
        signal.setitimer(signal.ITIMER_REAL, 0.0005, 0.0005)
        left, right = fdpass.pair(batch=1)
        with left, right:
            left.send_many([0] * 500)
            sending = threading.Thread(target=left.flush, args=(SOON,))
            sending.start()
            for _ in range(500):
                os.close(right.recv(SOON))
            sending.join()
            try:
                right.recv(0.05)
                raise AssertionError("501 arrived")
            except TimeoutError:
                pass
        signal.setitimer(signal.ITIMER_REAL, 0)

        assert len(signals) > 20

    apart(in_a_storm_of_signals)


def test_a_handler_that_raises_ends_the_wait_and_harms_nothing(apart: Apart) -> None:
    def interrupt() -> None:
        def give_up(*_: object) -> None:
            raise KeyboardInterrupt

        signal.signal(signal.SIGALRM, give_up)
        left, right = fdpass.pair()
        with left, right:
            signal.setitimer(signal.ITIMER_REAL, 0.02)
            try:
                right.recv(SOON)
                raise AssertionError("something arrived")
            except KeyboardInterrupt:
                pass
            left.send(0)
            os.close(right.recv(SOON))

    apart(interrupt)


def test_descriptor_number_0_is_a_descriptor(apart: Apart) -> None:
    def without_standard_input() -> None:
        kept = os.dup(0)
        left, right = fdpass.pair()
        sent = files(2)
        with left, right:
            left.send_many(sent)
            os.close(0)
            first = right.recv(SOON)
            rest = right.recv_many(SOON)
            received = identities([first, *rest])
            left.send(first)
            again = right.recv(SOON)

            assert first == 0
            assert received == identities(sent)
            assert identity(again) == identity(0)

        close_all([*sent, *rest, again])
        os.dup2(kept, 0)
        os.close(kept)

    apart(without_standard_input)


# -- passers over passers


@pytest.mark.parametrize("deep", [1, 2, 3])
def test_a_passer_passes_over_a_passer(deep: int, make: Make) -> None:
    sent = make(1)
    with contextlib.ExitStack() as stack:
        outer = [stack.enter_context(passer) for passer in fdpass.pair()]
        for _ in range(deep):
            ours, theirs = fdpass.pair()
            outer[0].send(theirs)
            theirs.close()
            adopted = fdpass.adopt(outer[1].recv(SOON))
            outer = [stack.enter_context(ours), stack.enter_context(adopted)]
        outer[0].send(sent[0])
        outer[1].send(sent[0])
        received = taken([outer[1].recv(SOON), outer[0].recv(SOON)])

    assert received == identities(sent * 2)


def test_a_passer_goes_in_its_own_channel(pair: Pair) -> None:
    left, right = pair
    left.send(right)
    fd = right.recv(SOON)
    same = identity(fd) == identity(right.fileno())
    os.close(fd)

    assert same
