from __future__ import annotations

import contextlib
import errno
import os
import shutil
import socket
import stat
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import fdpass
from fdpass import credentials
from fdpass.backends import bsd44
from fdpass.tests.descriptors import (
    SOON,
    clamp,
    close_all,
    fill,
    identities,
    identity,
    is_open,
    raised,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    Apart = Callable[..., str]
    Make = Callable[[int], list[int]]

ROOT = str(Path(__file__).parents[2])


def passes(one: fdpass.Passer, other: fdpass.Passer, fd: int) -> bool:
    """Tell whether a descriptor comes through in both directions."""
    came = []
    for sender, receiver in ((one, other), (other, one)):
        sender.send(fd)
        sender.flush(SOON)
        came.append(receiver.recv(SOON))
    same = identities(came) == [identity(fd)] * 2
    close_all(came)
    return same


def stale(path: Path) -> None:
    """Leave a socket at *path* that nobody listens on any more."""
    with socket.socket(socket.AF_UNIX) as sock:
        sock.bind(str(path))


# -- pair and adopt


def test_a_pair_is_joined_and_carries_16_a_message(make: Make) -> None:
    left, right = fdpass.pair()
    with left, right:
        assert (left.batch, right.batch) == (24, 24)
        assert left.backend == "bsd44"
        assert passes(left, right, make(1)[0])


def test_a_pair_takes_its_options() -> None:
    left, right = fdpass.pair(batch=3, survival="reserve", backend="bsd44", max_queued=5)
    with left, right:
        assert (left.batch, left.survival, left.backend) == (3, "reserve", "bsd44")
        assert (right.batch, right.survival, right.backend) == (3, "reserve", "bsd44")


@pytest.mark.parametrize("as_number", [False, True])
def test_an_adopted_channel_is_taken_over(as_number: bool, make: Make) -> None:
    one, other = socket.socketpair()
    number = one.fileno()
    passer = fdpass.adopt(one.detach() if as_number else one)
    with passer, fdpass.adopt(other) as peer:
        assert passer.fileno() == number
        assert (passer.batch, one.fileno(), other.fileno()) == (1, -1, -1)
        assert passes(passer, peer, make(1)[0])

    assert not is_open(number)


def test_what_cannot_be_adopted_stays_the_callers(make: Make) -> None:
    sock, other = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    with sock, other:
        for channel in (sock, sock.fileno(), make(1)[0]):
            with pytest.raises(ValueError, match="Unix stream"):
                fdpass.adopt(channel)

        assert is_open(sock.fileno())


@pytest.mark.parametrize(
    ("options", "error"),
    [({"batch": 0}, ValueError), ({"survival": "luck"}, ValueError), ({"size": 1}, TypeError)],
)
def test_a_channel_stays_the_callers_if_the_options_are_wrong(
    options: dict[str, object], error: type[Exception]
) -> None:
    one, other = socket.socketpair()
    with one, other:
        with pytest.raises(error):
            fdpass.adopt(one, **options)  # type: ignore[arg-type]
        one.send(b"x")

        assert other.recv(1) == b"x"


def test_a_closed_socket_cannot_be_adopted() -> None:
    sock = socket.socket(socket.AF_UNIX)
    sock.close()

    with pytest.raises(OSError, match="Bad file descriptor"):
        fdpass.adopt(sock)


@pytest.mark.parametrize("blocking", [False, True])
def test_adopting_leaves_the_blocking_status_alone(blocking: bool) -> None:
    one, other = socket.socketpair()
    with other:
        one.setblocking(blocking)
        with fdpass.adopt(one) as passer:
            with pytest.raises(BlockingIOError):
                passer.recv_nowait()

            assert os.get_blocking(passer.fileno()) == blocking


# -- listen, accept, connect


def test_a_path_joins_two_that_have_nothing_else_in_common(short: Path, make: Make) -> None:
    with (
        fdpass.listen(short / "s", batch=4) as listener,
        fdpass.connect(str(short / "s"), batch=2) as client,
        listener.accept(SOON) as server,
    ):
        assert (client.batch, server.batch, listener.path) == (2, 4, str(short / "s"))
        assert passes(client, server, make(1)[0])
        assert f"at '{short}/s', on descriptor {listener.fileno()}>" in repr(listener)

    assert not (short / "s").exists()
    assert repr(listener).endswith(", closed>")


def test_both_ends_of_an_accepted_channel_start_blocking(short: Path) -> None:
    with (
        fdpass.listen(short / "s") as listener,
        fdpass.connect(short / "s") as client,
        listener.accept(SOON) as server,
    ):
        assert os.get_blocking(client.fileno())
        assert os.get_blocking(server.fileno())


def test_a_listener_has_many_connections_at_the_same_time(short: Path, make: Make) -> None:
    fds = make(5)
    with contextlib.ExitStack() as stack:
        listener = stack.enter_context(fdpass.listen(short / "s"))
        clients = [stack.enter_context(fdpass.connect(short / "s")) for _ in fds]
        servers = [stack.enter_context(listener.accept(SOON)) for _ in fds]
        for client, fd in zip(clients, fds, strict=True):
            client.send(fd)
        received = [server.recv(SOON) for server in servers]
    found = identities(received)
    close_all(received)

    assert found == identities(fds)


def test_a_connection_outlives_its_listener(short: Path, make: Make) -> None:
    listener = fdpass.listen(short / "s")
    with fdpass.connect(short / "s") as client, listener.accept(SOON) as server:
        listener.close()

        assert passes(client, server, make(1)[0])


def test_waiting_for_a_connection_ends_with_its_timeout(short: Path) -> None:
    with fdpass.listen(short / "s") as listener:
        begun = time.monotonic()
        for timeout in (0, 0.02):
            with pytest.raises(TimeoutError, match=f"nobody connected to {short}/s"):
                listener.accept(timeout)

        assert time.monotonic() - begun >= 0.02


def test_a_listener_can_be_polled(short: Path) -> None:
    import select

    with fdpass.listen(short / "s") as listener:
        before = select.select([listener], [], [], 0)
        with fdpass.connect(short / "s"):
            after = select.select([listener], [], [], SOON)

        assert (before[0], after[0]) == ([], [listener])


def test_connecting_to_nobody_fails_at_once_or_with_its_timeout(short: Path) -> None:
    stale(short / "stale")
    begun = time.monotonic()
    for timeout in (0, 0.02):
        with pytest.raises(FileNotFoundError):
            fdpass.connect(short / "none", timeout)
        with pytest.raises(ConnectionRefusedError):
            fdpass.connect(short / "stale", timeout)

    assert time.monotonic() - begun >= 0.04


def test_connecting_waits_for_a_listener(short: Path) -> None:
    accepted = []

    def serve() -> None:
        with fdpass.listen(short / "s") as listener, listener.accept(SOON):
            accepted.append(1)

    waiting = threading.Thread(target=lambda: fdpass.connect(short / "s", SOON).close())
    waiting.start()
    serve()
    waiting.join(SOON)

    assert accepted == [1]


def test_connecting_to_a_listener_that_is_too_busy_ends_with_its_timeout(short: Path) -> None:
    with contextlib.ExitStack() as stack:
        busy = stack.enter_context(socket.socket(socket.AF_UNIX))
        busy.bind(str(short / "s"))
        busy.listen(0)

        def connect_for_ever(timeout: float) -> None:
            while True:
                stack.enter_context(fdpass.connect(short / "s", timeout))

        for timeout in (0, 0.02):
            with pytest.raises(BlockingIOError):
                connect_for_ever(timeout)


def test_a_connection_without_a_free_slot_waits_in_the_backlog(apart: Apart, short: Path) -> None:
    def in_a_full_table(path: str) -> None:
        fdpass.backends.available()
        with fdpass.listen(path) as listener, fdpass.connect(path):
            clamp(40)
            held = fill()
            with raised(OSError) as caught:
                listener.accept(0)

            assert caught[0].errno == errno.EMFILE, caught[0]

            close_all(held)
            listener.accept(0).close()

    apart(in_a_full_table, str(short / "s"))


def test_wrong_options_leave_no_connection_open(short: Path) -> None:
    with fdpass.listen(short / "s", batch=0) as listener:
        with pytest.raises(ValueError, match="no survival mode"):
            fdpass.connect(short / "s", survival="luck")
        with pytest.raises(ValueError, match="a batch of at least 1"):
            listener.accept(SOON)


def test_a_closed_listener_says_so(short: Path) -> None:
    listener = fdpass.listen(short / "s")
    listener.close()
    listener.close()

    for call in (listener.fileno, listener.accept):
        with pytest.raises(fdpass.PasserClosed, match="this listener has been closed"):
            call()


def test_a_forgotten_listener_warns_and_removes_its_path(short: Path) -> None:
    listener = fdpass.listen(short / "s")
    with pytest.warns(ResourceWarning, match="unclosed <fdpass.Listener at"):
        del listener

    assert not (short / "s").exists()


# -- what is at the path already


def test_a_stale_socket_is_replaced(short: Path, make: Make) -> None:
    stale(short / "s")
    with (
        fdpass.listen(short / "s") as listener,
        fdpass.connect(short / "s") as client,
        listener.accept(SOON) as server,
    ):
        assert passes(client, server, make(1)[0])
        assert os.listdir(short) == ["s"]


def test_a_live_socket_is_left_alone(short: Path, make: Make) -> None:
    with fdpass.listen(short / "s") as listener:
        before = os.stat(short / "s")
        with pytest.raises(OSError, match="somebody listens there") as caught:
            fdpass.listen(short / "s")
        after = os.stat(short / "s")
        listener.accept(SOON).close()  # the one who asked whether it is alive

        assert caught.value.errno == errno.EADDRINUSE
        assert (after.st_ino, after.st_mode) == (before.st_ino, before.st_mode)
        with fdpass.connect(short / "s") as client, listener.accept(SOON) as server:
            assert passes(client, server, make(1)[0])


def test_a_live_socket_with_no_time_for_us_is_left_alone(short: Path) -> None:
    with contextlib.ExitStack() as stack:
        busy = stack.enter_context(socket.socket(socket.AF_UNIX))
        busy.bind(str(short / "s"))
        busy.listen(0)
        with contextlib.suppress(BlockingIOError):
            while True:
                stack.enter_context(fdpass.connect(short / "s"))
        with pytest.raises(OSError, match="somebody listens there"):
            fdpass.listen(short / "s")


def test_a_socket_of_another_type_is_left_alone(short: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as other:
        other.bind(str(short / "s"))
        with pytest.raises(OSError) as caught:
            fdpass.listen(short / "s")

    assert isinstance(caught.value, OSError)
    assert (short / "s").is_socket()


@pytest.mark.parametrize("kind", ["file", "directory", "fifo", "dangling link", "link to a stale"])
def test_any_other_file_is_left_alone(short: Path, kind: str) -> None:
    path = short / "s"
    if kind == "file":
        path.write_bytes(b"precious")
    elif kind == "directory":
        path.mkdir()
    elif kind == "fifo":
        os.mkfifo(path)
    else:
        path.symlink_to(short / "target")
        if kind != "dangling link":
            stale(short / "target")
    before = os.lstat(path)
    with pytest.raises(FileExistsError, match="a file that is no socket is there") as caught:
        fdpass.listen(path)
    after = os.lstat(path)

    assert caught.value.filename == str(path)
    assert (after.st_ino, after.st_mode, after.st_size) == (
        before.st_ino,
        before.st_mode,
        before.st_size,
    )


def test_closing_leaves_what_somebody_else_has_put_at_the_path(short: Path) -> None:
    listener = fdpass.listen(short / "s")
    (short / "s").unlink()
    (short / "s").write_bytes(b"precious")
    listener.close()

    assert (short / "s").read_bytes() == b"precious"


def test_closing_minds_no_path_that_is_gone(short: Path) -> None:
    listener = fdpass.listen(short / "s")
    (short / "s").unlink()
    listener.close()


def test_a_relative_path_is_removed_wherever_we_are_by_then(apart: Apart, short: Path) -> None:
    def move(path: str) -> None:
        os.chdir(path)
        with fdpass.listen("s"):
            os.chdir("/")

        assert not os.path.exists(f"{path}/s")

    apart(move, str(short))


def test_of_many_who_find_a_stale_socket_one_listens_and_is_reached(
    apart: Apart, short: Path, make: Make
) -> None:
    def race(path: str) -> None:
        for turn in range(25):
            with socket.socket(socket.AF_UNIX) as sock:
                sock.bind(path)
            reading, writing = os.pipe()
            go_reading, go_writing = os.pipe()
            over_reading, over_writing = os.pipe()
            children = []
            for _ in range(4):
                if not (child := os.fork()):
                    os.close(over_writing)
                    os.close(go_writing)
                    os.read(go_reading, 1)
                    try:
                        listener = fdpass.listen(path)
                    except OSError as error:
                        os.write(writing, b"-" if error.errno == errno.EADDRINUSE else b"?")
                        os._exit(0)
                    os.write(writing, b"+")
                    os.read(over_reading, 1)
                    listener.close()
                    os._exit(0)
                children.append(child)
            os.close(go_writing)
            os.close(over_reading)
            told = b"".join(os.read(reading, 1) for _ in children)

            assert sorted(told) == sorted(b"+---"), (turn, told)
            fdpass.connect(path).close()
            assert os.listdir(os.path.dirname(path)) == [os.path.basename(path)]

            os.close(over_writing)
            for child in children:
                os.waitpid(child, 0)
            close_all([reading, writing, go_reading])

            assert not os.path.exists(path)

    apart(race, str(short / "s"))


# -- paths and modes


@pytest.mark.parametrize("length", [108, 150, 5000])
def test_a_path_that_is_too_long_is_an_error_that_names_the_limit(short: Path, length: int) -> None:
    path = f"{short}/".ljust(length, "x")
    longest = bsd44.longest_path(path)
    for use in (fdpass.listen, fdpass.connect):
        with pytest.raises(OSError, match=f"has {length} bytes, .* allows {longest}") as caught:
            use(path)

        assert caught.value.errno == errno.ENAMETOOLONG
        assert caught.value.filename == path
    assert os.listdir(short) == []


def test_the_limit_counts_bytes(short: Path) -> None:
    path = f"{short}/" + "ü" * 60

    with pytest.raises(OSError, match=f"has {len(os.fsencode(path))} bytes"):
        fdpass.listen(path)


def test_the_longest_path_works(short: Path, make: Make) -> None:
    path = f"{short}/".ljust(5000, "x")[: bsd44.longest_path(f"{short}/".ljust(5000, "x"))]
    with (
        fdpass.listen(path) as listener,
        fdpass.connect(path) as client,
        listener.accept(SOON) as server,
    ):
        assert passes(client, server, make(1)[0])
    assert os.listdir(short) == []


def test_a_path_with_a_nul_is_refused_and_not_cut(short: Path) -> None:
    with fdpass.listen(short / "s"):
        for use in (fdpass.listen, fdpass.connect):
            with pytest.raises(ValueError, match="null"):
                use(f"{short}/s\0rest")
            with pytest.raises(ValueError, match="null"):
                use(f"{short}/other\0rest")

        assert os.listdir(short) == ["s"]


def test_an_error_of_the_path_passes_unchanged(short: Path) -> None:
    with pytest.raises(FileNotFoundError):
        fdpass.listen(short / "none" / "s")


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o077, 0o777])
def test_the_mode_is_0600_whatever_the_umask(apart: Apart, short: Path, umask: int) -> None:
    def listen(path: str, umask: int) -> None:
        os.umask(umask)
        with fdpass.listen(path):
            assert stat.S_IMODE(os.stat(path).st_mode) == 0o600
        with fdpass.listen(path, mode=0o666):
            assert stat.S_IMODE(os.stat(path).st_mode) == 0o666

    apart(listen, str(short / "s"), umask)


def test_a_listener_closed_in_a_forked_child_leaves_the_path(apart: Apart, short: Path) -> None:
    def fork(path: str) -> None:
        with fdpass.listen(path) as listener:
            if not (child := os.fork()):
                listener.close()
                os._exit(0)
            os.waitpid(child, 0)
            with fdpass.connect(path), listener.accept(SOON):
                pass

        assert not os.path.exists(path)

    apart(fork, str(short / "s"))


# -- parent and child program


CHILD = """
import os, fdpass
with fdpass.inherited() as passer:
    fd, text = passer.recv_with_data(timeout=20)
    os.write(fd, b"from the child: " + text)
    passer.send(fd, data=str(passer.batch).encode())
    passer.flush(timeout=20)
    try: fdpass.inherited()
    except OSError as error: print(error, flush=True)
    os.close(fd)
"""


def test_a_child_program_finds_its_end() -> None:
    reading, writing = os.pipe()
    child, passer = fdpass.spawn(
        [sys.executable, "-c", CHILD],
        env={**os.environ, "PYTHONPATH": ROOT},
        stdout=subprocess.PIPE,
        text=True,
    )
    with child, passer:
        passer.send(writing, data=b"hello", close=True)
        received, text = passer.recv_with_data(SOON)
        told, _ = child.communicate(timeout=SOON)
        with pytest.raises(fdpass.PeerClosed):
            passer.recv(SOON)
    os.close(received)
    with open(reading, "rb") as pipe:
        heard = pipe.read()

    assert child.returncode == 0
    assert heard == b"from the child: hello"
    assert text == b"24"
    assert "the parent gave no channel: FDPASS_FD is not set" in told


def test_a_spawned_program_gets_the_environment_and_descriptors_it_was_given(make: Make) -> None:
    fd = make(1)[0]
    program = "import os, sys; print(len(os.environ), os.fstat(int(sys.argv[1])).st_ino)"
    child, passer = fdpass.spawn(
        [sys.executable, "-E", "-c", program, str(fd)],
        env={},
        pass_fds=[fd],
        stdout=subprocess.PIPE,
        text=True,
    )
    with child, passer:
        told, _ = child.communicate(timeout=SOON)
    variables, inode = told.split()

    assert int(variables) <= 2  # ours, and LC_CTYPE of the interpreter itself
    assert int(inode) == identity(fd)[1]


def test_a_program_that_cannot_be_started_leaves_nothing_open(short: Path) -> None:
    with pytest.raises(FileNotFoundError):
        fdpass.spawn([str(short / "none")])
    with pytest.raises(TypeError):
        fdpass.spawn(["true"], pass_fds=None)


def test_a_program_started_by_another_way_was_given_nothing(apart: Apart) -> None:
    def inherit() -> None:
        for number, error in ((None, OSError), ("4000", OSError), ("zero", ValueError)):
            os.environ.pop("FDPASS_FD", None)
            if number:
                os.environ["FDPASS_FD"] = number
            with raised(error):
                fdpass.inherited()

            assert "FDPASS_FD" not in os.environ

    apart(inherit)


def test_an_inherited_end_is_not_inherited_further(apart: Apart) -> None:
    def inherit() -> None:
        one, other = socket.socketpair()
        os.set_inheritable(other.fileno(), True)
        os.environ["FDPASS_FD"] = str(other.detach())
        with one, fdpass.inherited() as passer:
            assert not os.get_inheritable(passer.fileno())

    apart(inherit)


# -- who is the peer


@pytest.mark.skipif(sys.platform != "linux", reason="the number is Linux's")
def test_a_python_that_does_not_name_the_option_knows_its_number(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """PyPy is one; on other processors the number is another, and nothing is guessed."""
    named = socket.SO_PEERCRED
    monkeypatch.delattr(socket, "SO_PEERCRED")
    left, right = socket.socketpair()

    with left, right:
        if os.uname().machine in credentials._WITH_17:
            assert named == 17
            found = fdpass.peer_credentials(left.fileno())
            assert found == (os.getpid(), os.geteuid(), os.getegid())
        else:
            with pytest.raises(OSError, match="no way known to us"):
                fdpass.peer_credentials(left.fileno())


def test_a_pair_knows_its_maker() -> None:
    left, right = fdpass.pair()
    with left, right:
        found = fdpass.peer_credentials(left.fileno())

    assert (found.pid, found.uid, found.gid) == (os.getpid(), os.geteuid(), os.getegid())


def test_the_peer_of_a_connection_is_the_process_that_connected(short: Path) -> None:
    program = (
        "import sys, fdpass\n"
        "with fdpass.connect(sys.argv[1], timeout=20) as passer:\n"
        "    try: passer.recv(timeout=20)\n"
        "    except fdpass.PeerClosed: pass\n"
    )
    with fdpass.listen(short / "s") as listener:
        child = subprocess.Popen(
            [sys.executable, "-c", program, listener.path],
            env={**os.environ, "PYTHONPATH": ROOT},
        )
        with child, listener.accept(SOON) as passer:
            found = fdpass.peer_credentials(passer.fileno())

    assert found == (child.pid, os.geteuid(), os.getegid())


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
def test_the_peer_of_a_connection_is_the_user_who_connected(apart: Apart, short: Path) -> None:
    def connect_as_another(path: str) -> None:
        os.chmod(os.path.dirname(path), 0o755)
        with fdpass.listen(path, mode=0o666) as listener:
            if not (child := os.fork()):
                os.setgroups([])
                os.setresgid(12345, 12345, 12345)
                os.setresuid(23456, 23456, 23456)
                with fdpass.connect(path):
                    pass
                os._exit(0)
            with listener.accept(SOON) as passer:
                found = fdpass.peer_credentials(passer.fileno())
            os.waitpid(child, 0)

        assert found == (child, 23456, 12345)

    apart(connect_as_another, str(short / "s"))


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can make a pid namespace")
@pytest.mark.skipif(not shutil.which("unshare"), reason="there is no unshare(1)")
def test_a_peer_that_has_no_pid_here_has_no_pid(short: Path) -> None:
    program = (
        "import sys, fdpass\n"
        "with fdpass.inherited() as passer:\n"
        "    print(*fdpass.peer_credentials(passer.fileno()))\n"
    )
    child, passer = fdpass.spawn(
        ["unshare", "--pid", "--fork", sys.executable, "-c", program],
        env={**os.environ, "PYTHONPATH": ROOT},
        stdout=subprocess.PIPE,
        text=True,
    )
    with child, passer:
        told, _ = child.communicate(timeout=SOON)

    assert told == f"None {os.geteuid()} {os.getegid()}\n"


def test_what_has_no_peer_is_an_error_and_leaks_nothing(make: Make) -> None:
    with socket.socket(socket.AF_UNIX) as unconnected:
        for sock in (unconnected, make(1)[0], -1):
            with pytest.raises(OSError, match=r"no peer|not a socket|non-socket|Bad file"):
                fdpass.peer_credentials(sock)


def test_asking_for_the_peer_leaves_the_blocking_status_alone(apart: Apart) -> None:
    def with_a_default_timeout() -> None:
        one, other = socket.socketpair()
        socket.setdefaulttimeout(5)
        with one, other:
            fdpass.peer_credentials(one)

            assert os.get_blocking(one.fileno())

    apart(with_a_default_timeout)
