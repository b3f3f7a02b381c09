"""Throughput one way between two processes, each way against a yardstick of the same run.

    pair()          send_many and recv, against socket.send_fds and recv_fds one at a time
    pair(batch=64)  send_many and recv_many, against a C loop that sends 64 a message

Every descriptor is an open /dev/null; the receiver closes each. Runs are interleaved, and the
ratio is that of the medians, so that what else the machine does touches both alike.
"""

from __future__ import annotations

import argparse
import os
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
from itertools import cycle
from pathlib import Path
from time import perf_counter

import fdpass

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    Ends = tuple[Any, Any]

_PIECE = 64


def _send_one_at_a_time(end: socket.socket, fd: int, count: int) -> None:
    for _ in range(count):
        socket.send_fds(end, [b"\0"], [fd])


def _receive_one_at_a_time(end: socket.socket, count: int) -> None:
    for _ in range(count):
        os.close(socket.recv_fds(end, 1, 1)[1][0])


def _send_many(end: fdpass.Passer, fd: int, count: int) -> None:
    fds = [fd] * _PIECE
    for _ in range(count // _PIECE):
        end.send_many(fds)
        end.flush(timeout=30)


def _recv(end: fdpass.Passer, count: int) -> None:
    for _ in range(count):
        os.close(end.recv(timeout=30))


def _recv_many(end: fdpass.Passer, count: int) -> None:
    while count > 0:
        fds = end.recv_many(timeout=30)
        for fd in fds:
            os.close(fd)
        count -= len(fds)


def _measure(
    ends: Ends,
    send: Callable[[Any, int, int], None],
    receive: Callable[[Any, int], None],
    count: int,
) -> float:
    """Give descriptors a second, sent by a forked child and received here."""
    ours, theirs = ends
    fd = os.open(os.devnull, os.O_RDONLY)
    start = perf_counter()
    child = os.fork()
    if child == 0:
        try:
            ours.close()
            send(theirs, fd, count)
        finally:
            os._exit(0)
    theirs.close()
    receive(ours, count)
    seconds = perf_counter() - start
    os.waitpid(child, 0)
    ours.close()
    os.close(fd)
    return count / seconds


def _compiled(folder: str) -> Path | None:
    """Compile the C loop; None where there is no compiler."""
    compiler = next(filter(None, map(shutil.which, ("cc", "gcc", "clang"))), None)
    if compiler is None:
        return None
    loop = Path(folder, "loop")
    source = Path(__file__).with_name("loop.c")
    subprocess.run([compiler, "-O2", "-o", loop, source], check=True)
    return loop


def _ways(loop: Path | None, count: int) -> dict[str, Callable[[], float]]:
    ways: dict[str, Callable[[], float]] = {
        "socket.send_fds": lambda: _measure(
            socket.socketpair(), _send_one_at_a_time, _receive_one_at_a_time, count // 4
        ),
        "pair()": lambda: _measure(fdpass.pair(), _send_many, _recv, count),
        "pair(batch=64)": lambda: _measure(fdpass.pair(batch=64), _send_many, _recv_many, count),
    }
    if loop is not None:
        command = [str(loop), "64", str(4 * count)]
        ways["C, 64 a message"] = lambda: float(subprocess.check_output(command))
    return ways


def main() -> None:
    """Measure, and print descriptors a second and the two ratios."""
    parser = argparse.ArgumentParser(prog="fdpass.benchmarks", description=__doc__.split("\n")[0])
    parser.add_argument("--rounds", type=int, default=7, help="how often each is run (7)")
    parser.add_argument("--count", type=int, default=400_000, help="descriptors a run (400000)")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        ways = _ways(_compiled(folder), given.count // _PIECE * _PIECE)
        rates: dict[str, list[float]] = {name: [] for name in ways}
        for done, name in zip(range(given.rounds * len(ways)), cycle(ways)):
            if sys.stderr.isatty():
                print(
                    f"\r{done + 1}/{given.rounds * len(ways)} {name:<16}", end="", file=sys.stderr
                )
            rates[name].append(ways[name]())
    if sys.stderr.isatty():
        print("\r\033[K", end="", file=sys.stderr)
    middle = {name: statistics.median(values) for name, values in rates.items()}
    for name, rate in middle.items():
        print(f"{name:<16} {rate:>12,.0f} descriptors/s")
    print(f"pair() is {middle['pair()'] / middle['socket.send_fds']:.2f} times socket.send_fds")
    if "C, 64 a message" in middle:
        ratio = middle["pair(batch=64)"] / middle["C, 64 a message"]
        print(f"pair(batch=64) is {ratio:.2f} of the C loop")
    else:
        print("no C compiler was found, so there is no C loop to compare with")


if __name__ == "__main__":
    main()
