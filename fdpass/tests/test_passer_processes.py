from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
import warnings
from typing import TYPE_CHECKING

import fdpass
from fdpass.table import RESERVE
from fdpass.tests.descriptors import SOON, close_all, files, identities, identity, raised
from fdpass.tests.passing import fill_channel, receive

if TYPE_CHECKING:
    from collections.abc import Callable

    Apart = Callable[..., str]
    Make = Callable[[int], list[int]]


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
            # Python warns of forking a process with threads; that is what is tried here.
            warnings.simplefilter("ignore", DeprecationWarning)
            child = os.fork()
        if not child:
            signal.alarm(int(SOON))
            left.send(0)
            os.close(right.recv(SOON))
            right.send(0)
            os.close(left.recv(SOON))
            left.close()
            right.close()
            for passer in fdpass.pair():
                passer.close()
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
            deadline = time.monotonic() + SOON
            while len(signals) < 50 and time.monotonic() < deadline:
                with raised(TimeoutError):
                    right.recv(0.01)
        signal.setitimer(signal.ITIMER_REAL, 0)

        assert len(signals) >= 50

    apart(in_a_storm_of_signals)


def test_a_handler_that_raises_ends_the_wait_and_harms_nothing(apart: Apart) -> None:
    def interrupt() -> None:
        def give_up(*_: object) -> None:
            raise KeyboardInterrupt

        signal.signal(signal.SIGALRM, give_up)
        left, right = fdpass.pair()
        with left, right:
            signal.setitimer(signal.ITIMER_REAL, 0.02)
            with raised(KeyboardInterrupt):
                right.recv(SOON)
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
