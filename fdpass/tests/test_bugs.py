"""The bugs of the Perl passers, by their number in the project's notes: each must not come back.

     1-17  AnyEvent::FDpasser over BSD interfaces         here
    18     AnyEvent::FDpasser over SysV streams           test_sysv.py
    19     SysV stubs that return garbage                 cannot be: an interface that is missing is
                                                          never chosen, see test_bsd44.py
    20     IO::FDPass                                     here
    21     File::FDpasser                                 here
    22     Socket::MsgHdr                                 here
    23-24  signals, and end against reset                 here

There are no callbacks and no timers in fdpass, so bugs 1, 12 and 17 are told of what stands in
their place: an object that raises when asked for its number, a receive that raises, a close in a
full table.
"""

from __future__ import annotations

import errno
import gc
import os
import signal
import socket
import stat
import subprocess
import sys
import threading
import time
import weakref
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import fdpass
from fdpass.backends import bsd44
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

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Apart = Callable[..., str]
    Make = Callable[[int], list[int]]
    Pair = tuple[fdpass.Passer, fdpass.Passer]
    Foreign = tuple[socket.socket, fdpass.Passer]

ROOT = Path(__file__).parents[2]


@pytest.fixture
def pair() -> Iterator[Pair]:
    left, right = fdpass.pair(batch=1)
    with left, right:
        yield left, right


@pytest.fixture
def foreign() -> Iterator[Foreign]:
    """Give a socket that may send what it likes, and the passer that must bear it."""
    one, other = socket.socketpair()
    with one, fdpass.adopt(other) as passer:
        yield one, passer


def taken(fds: list[int]) -> list[tuple[int, int]]:
    found = identities(fds)
    close_all(fds)
    return found


class Raising:
    """An object that fails when it is asked for its descriptor."""

    def fileno(self) -> int:
        raise ZeroDivisionError


def test_bug_1_an_exception_while_sending_sends_nothing(pair: Pair, make: Make) -> None:
    """Bug 1: an exception amid a send must send nothing in its place, and harm nothing after it."""
    left, right = pair
    sent = make(1)
    for _ in range(3):
        with pytest.raises(ZeroDivisionError):
            left.send_many([sent[0], Raising()])
        with pytest.raises(ZeroDivisionError):
            left.send(Raising())
    with pytest.raises(BlockingIOError):
        right.recv_nowait()
    left.send(sent[0])

    assert taken([right.recv(SOON)]) == identities(sent)


def test_bug_2_a_byte_without_a_descriptor_is_a_loss(foreign: Foreign, make: Make) -> None:
    """Bug 2: a byte that brings no descriptor must be told as lost, never be a number."""
    one, passer = foreign
    sent = make(1)
    one.send(b"\0")
    with pytest.raises(fdpass.DescriptorsLost) as caught:
        passer.recv(SOON)
    fdpass.send_fds(one, [b"\0"], sent)

    assert caught.value.lost == 1
    assert taken([passer.recv(SOON)]) == identities(sent)


def test_bug_3_nothing_to_receive_closes_nothing(pair: Pair, make: Make) -> None:
    """Bug 3: waking up for nothing must close nothing, standard input least of all."""
    left, right = pair
    before = table()
    for _ in range(5):
        with pytest.raises(BlockingIOError):
            right.recv_nowait()
        with pytest.raises(TimeoutError):
            right.recv(0)
    after = table()
    left.send(make(1)[0])
    close_all([right.recv(SOON)])

    assert after == before


def test_bug_4_descriptor_number_0_is_received(apart: Apart) -> None:
    """Bug 4: a descriptor that gets number 0 must be given like any other, and be no end."""

    def with_number_0_free() -> None:
        kept = os.dup(0)
        left, right = fdpass.pair()
        sent = files(1)
        with left, right:
            left.send(sent[0])
            os.close(0)
            received = right.recv(SOON)

            assert received == 0
            assert identity(received) == identity(sent[0])

        os.dup2(kept, 0)
        close_all([kept, *sent])

    apart(with_number_0_free)


@pytest.mark.parametrize("survival", ["peek", "reserve"])
@pytest.mark.parametrize("count", [2, 3, 10, 200])
def test_bug_5_surplus_descriptors_are_closed_and_told(
    count: int, survival: str, make: Make
) -> None:
    """Bug 5: more descriptors than a message announces must not leak, and must be told."""
    sent = make(1)
    one, other = socket.socketpair()
    with one, fdpass.adopt(other, survival=survival) as passer:
        fdpass.send_fds(one, [b"\0"], sent * count)
        first = passer.recv(SOON)
        fdpass.send_fds(one, [b"\0"], sent)
        with pytest.raises(fdpass.NotAPasser):
            passer.recv(SOON)
        left_open = [fd for fd, item in table().items() if item == identity(sent[0])]

    assert sorted(left_open) == sorted([*sent, first])

    os.close(first)


def test_bug_6_a_closed_file_is_refused(pair: Pair, make: Make) -> None:
    """Bug 6: a file closed while it is queued must arrive, one closed before must be refused."""
    left, right = pair
    count = 0
    with open(os.devnull, "rb") as file:
        expected = identity(file.fileno())
        while left.queued < 2:
            left.send(file)
            count += 1
    with pytest.raises(ValueError, match="closed file"):
        left.send(file)
    sending = threading.Thread(target=left.flush, args=(SOON,))
    sending.start()
    received = taken([right.recv(SOON) for _ in range(count)])
    sending.join(SOON)

    assert received == [expected] * count


def test_bug_7_the_queue_moves_on_after_a_full_table(apart: Apart) -> None:
    """Bug 7: what was queued while the table was full must go without another send."""

    def through_a_full_table() -> None:
        left, right = fdpass.pair(batch=1)
        with left, right:
            count = 0
            while not right.wants_write:
                right.send(0)
                count += 1
            left.send_many([0, 0])
            mine = os.dup(0)
            clamp(40)
            held = fill()
            received = [right.recv(0)]  # into the reserve
            right.send(mine, close=True)
            with raised(TimeoutError):
                right.recv(0)
            close_all([*held, *received])
            os.close(right.recv(SOON))
            for _ in range(count + 1):
                os.close(left.recv(SOON))
                if right.wants_write:
                    with raised(TimeoutError):
                        right.recv(0.001)  # waiting helps the queue on

            assert not right.wants_write

    apart(through_a_full_table)


def test_bug_8_what_has_arrived_survives_an_error_of_sending(pair: Pair, make: Make) -> None:
    """Bug 8: a send that fails must not discard what can still be received."""
    left, right = pair
    sent = make(3)
    left.send_many(sent)
    left.close()
    with pytest.raises(BrokenPipeError):
        right.send(sent[0])
    received = [right.recv(SOON) for _ in sent]
    with pytest.raises(fdpass.ChannelEnded):
        right.recv(SOON)

    assert taken(received) == identities(sent)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the limit is one of Linux")
@pytest.mark.parametrize("batch", [1, 16])
def test_bug_9_too_many_in_flight_is_only_a_delay(apart: Apart, batch: int) -> None:
    """Bug 9: ETOOMANYREFS must be waited out, and nothing of the queue be lost."""

    def as_another_user_than_root(batch: int) -> None:
        sent = files(7)
        left, right = fdpass.pair(batch=batch)
        if os.geteuid() == 0:
            os.setgroups([])
            os.setresgid(65534, 65534, 65534)
            # One that nobody else has in flight: the system counts by user.
            os.setresuid(*[1_000_000 + os.getpid()] * 3)
        clamp(128)
        expected: list[tuple[int, int]] = []
        received: list[tuple[int, int]] = []
        with left, right:
            while left.queued < 30:
                left.send_many(sent[:batch])
                expected += identities(sent[:batch])

            assert len(expected) < 200  # the channel alone has room for 278 messages

            deadline = time.monotonic() + SOON
            while len(received) < len(expected):
                assert time.monotonic() < deadline

                left.flush_nowait()
                try:
                    fds = right.recv_many(0)
                except TimeoutError:
                    continue
                received += identities(fds)
                close_all(fds)
        close_all(sent)

        assert received == expected

    apart(as_another_user_than_root, batch)


def test_bug_10_a_stolen_slot_is_only_a_delay(apart: Apart) -> None:
    """Bug 10: another thread that takes the slot meant for a descriptor must not lose it."""
    if not bsd44.peek_works():
        pytest.skip("here a descriptor cannot be looked at before it is taken")

    def among_thieves() -> None:
        left, right = fdpass.pair(batch=1)
        sent = files(5)
        clamp(40)
        over = threading.Event()

        def steal() -> None:
            while not over.is_set():
                stolen = []
                try:
                    while True:
                        stolen.append(os.dup(0))
                except OSError:
                    pass
                close_all(stolen)

        thief = threading.Thread(target=steal)
        with left, right:
            thief.start()
            for number in range(100):
                left.send(sent[number % 5])
                fd = right.recv(SOON)

                assert identity(fd) == identity(sent[number % 5])

                os.close(fd)
            over.set()
            thief.join(SOON)
        close_all(sent)

    apart(among_thieves)


def test_bug_11_a_dropped_passer_is_destroyed_at_once(make: Make) -> None:
    """Bug 11: no cycle may keep a passer that nobody refers to, whatever was going on."""
    left, right = fdpass.pair()
    left.send_many(make(1) * 3)
    os.close(right.recv(SOON))
    with pytest.raises(TimeoutError):
        left.recv(0)
    left.close()
    gone = weakref.ref(right)
    gc.disable()
    try:
        with pytest.warns(ResourceWarning, match="unclosed"):
            del right
        alive = gone()
    finally:
        gc.enable()

    assert alive is None


def test_bug_12_an_exception_while_receiving_stalls_nothing(foreign: Foreign, make: Make) -> None:
    """Bug 12: a receive that raises must not hold up those after it."""
    one, passer = foreign
    sent = make(2)
    fdpass.send_fds(one, [b"\0"], sent[:1])
    first = passer.recv(SOON)
    one.send(b"\0")
    with pytest.raises(fdpass.DescriptorsLost):
        passer.recv(SOON)
    fdpass.send_fds(one, [b"\0"], sent[1:])

    assert taken([first, passer.recv(SOON)]) == identities(sent)


def test_bug_13_a_failed_accept_gives_no_passer(short: Path) -> None:
    """Bug 13: an accept that fails must raise, and what is no channel must not become a passer."""
    with fdpass.listen(short / "s") as listener:
        with pytest.raises(TimeoutError):
            listener.accept(0)
        with pytest.raises(ValueError, match="listening socket"):
            fdpass.adopt(listener.fileno())

        assert is_open(listener.fileno())
    with pytest.raises(OSError, match="Bad file descriptor"):
        fdpass.adopt(-1)


def test_bug_14_listening_destroys_and_truncates_nothing(short: Path) -> None:
    """Bug 14: no file removed, no path stolen or cut, mode 0600, a listener that never blocks."""
    precious = short / "file"
    precious.write_bytes(b"precious")
    long = f"{short}/".ljust(200, "x")
    with fdpass.listen(short / "s") as listener:
        mode = stat.S_IMODE(os.stat(short / "s").st_mode)
        for path, number in (
            (str(precious), errno.EEXIST),
            (str(short / "s"), errno.EADDRINUSE),
            (long, errno.ENAMETOOLONG),
        ):
            with pytest.raises(OSError) as caught:
                fdpass.listen(path)

            assert caught.value.errno == number
        names = sorted(os.listdir(short))

        assert not os.get_blocking(listener.fileno())

    assert names == ["file", "s"]
    assert precious.read_bytes() == b"precious"
    assert mode == 0o600


@pytest.mark.parametrize("survival", ["peek", "reserve"])
def test_bug_15_nothing_is_inherited_by_programs(survival: str, make: Make) -> None:
    """Bug 15: a received descriptor and all that a passer holds must be close-on-exec at once."""
    before = table()
    left, right = fdpass.pair(survival=survival)
    with left, right:
        left.send_many(make(3))
        received = right.recv_many(SOON)
        held = table().keys() - before.keys()
        inheritable = [fd for fd in held if os.get_inheritable(fd)]
    close_all(received)

    assert len(held) > 5
    assert inheritable == []


def test_bug_16_the_end_is_noticed_and_named(pair: Pair) -> None:
    """Bug 16: the end must be seen by whoever asks, every time, with a message that says it."""
    left, right = pair
    left.close()
    for receive in (right.recv_nowait, right.recv, right.recv_many):
        with pytest.raises(fdpass.PeerClosed, match="the peer closed its end"):
            receive()
    with pytest.raises(BrokenPipeError, match="Broken pipe"):
        right.send(0)


def test_bug_17_a_passer_closed_in_a_full_table_leaves_nothing_behind(apart: Apart) -> None:
    """Bug 17: nothing may go on working for a passer that was closed while the table was full."""

    def in_a_full_table() -> None:
        before = table()
        left, right = fdpass.pair(batch=4)
        limit = len(table()) + 5
        clamp(limit)
        left.send_many([0] * 4)
        held = fill()
        received = right.recv_many(0)
        left.send(0)
        with raised(TimeoutError):
            right.recv(0)
        right.close()
        left.close()
        close_all([*held, *received])
        free = fill()
        close_all(free)

        assert table() == before
        assert len(free) == limit - len(before)
        assert threading.active_count() == 1

    apart(in_a_full_table)


def test_bug_20_of_io_fdpass(foreign: Foreign, make: Make) -> None:
    """Bug 20: surplus closed, a wrong byte leaks nothing, and the end is told from an error."""
    one, passer = foreign
    fd = make(1)[0]
    fdpass.send_fds(one, [b"x"], [fd])  # anything but NUL is a text, whose NUL is due
    with pytest.raises(TimeoutError):
        passer.recv(0)
    one.close()
    with pytest.raises(fdpass.DescriptorsLost) as caught:
        passer.recv(SOON)
    with pytest.raises(fdpass.PeerClosed):
        passer.recv(SOON)

    assert caught.value.lost == 1
    assert [item for item in table().values() if item == identity(fd)] == [identity(fd)]


def test_bug_20_of_io_fdpass_a_signal_ends_no_receive(apart: Apart) -> None:
    """Bug 20: EINTR must not come out of a receive, and a full table must not lose anything."""

    def with_a_signal_while_waiting() -> None:
        left, right = fdpass.pair(batch=1)

        def answer(*_: object) -> None:
            left.send(0)

        signal.signal(signal.SIGALRM, answer)
        with left, right:
            signal.setitimer(signal.ITIMER_REAL, 0.02)
            os.close(right.recv(SOON))

    apart(with_a_signal_while_waiting)


@pytest.mark.parametrize(
    "garbage", [b"text without NUL", b"\1", b"error text\0\1", b"\0\xff", b"\0\0", b"\0" * 5000]
)
def test_bug_21_of_file_fdpasser(garbage: bytes) -> None:
    """Bug 21: whatever a peer sends, no exit, no number 0, and nothing on standard error."""
    program = (
        "import sys, fdpass\n"
        "try:\n"
        "    with fdpass.inherited() as passer: print(passer.recv(timeout=20))\n"
        "except fdpass.FdPassError as error: print(type(error).__name__)\n"
    )
    one, other = socket.socketpair()
    with one, other:
        one.sendall(garbage)
        one.shutdown(socket.SHUT_WR)
        done = subprocess.run(
            [sys.executable, "-c", program],
            env={**os.environ, "FDPASS_FD": str(other.fileno()), "PYTHONPATH": str(ROOT)},
            pass_fds=[other.fileno()],
            capture_output=True,
            check=False,
            text=True,
            timeout=60,
        )

    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.strip() in {"NotAPasser", "DescriptorsLost"}


def test_bug_22_of_socket_msghdr(make: Make) -> None:
    """Bug 22: the flags of the message must come back, and truncation must not go unseen."""
    one, other = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    with one, other:
        fdpass.send_fds(one, [b"text"], make(1))
        _, fds, flags, _ = fdpass.recv_fds(other, 1, 1)
        fdpass.send_fds(one, [b"text"], make(10))
        with pytest.raises(fdpass.DescriptorsLost):
            fdpass.recv_fds(other, 4, 2)
    close_all(fds)

    assert flags & socket.MSG_TRUNC


def test_bug_23_sending_to_nobody_raises_no_signal(apart: Apart) -> None:
    """Bug 23: a send to a closed peer must be an error, also where SIGPIPE would kill."""

    def with_the_default_action() -> None:
        signal.signal(signal.SIGPIPE, signal.SIG_DFL)
        left, right = fdpass.pair()
        right.close()
        with left:
            for _ in range(2):
                with raised(BrokenPipeError):
                    left.send(0)

    apart(with_the_default_action)


@pytest.mark.parametrize(("unread", "expected"), [(0, fdpass.PeerClosed), (1, fdpass.PeerReset)])
def test_bug_24_an_end_in_good_order_is_told_from_a_reset(
    unread: int, expected: type[Exception], pair: Pair, make: Make
) -> None:
    """Bug 24: a peer that left something unread is gone, not closed; both are the channel's end."""
    left, right = pair
    right.send_many(make(1) * unread)
    left.close()
    with pytest.raises(fdpass.ChannelEnded) as caught:
        right.recv(SOON)

    assert type(caught.value) is expected
