"""Odd surroundings: what a correct program may find when it is started, here on any system.

``python -m conformance.mutants.surroundings NAME COMMAND...`` runs a command in them.
"""

from __future__ import annotations

import contextlib
import os
import select
import shlex
import signal
import sys
import tempfile
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

_INHERITED = 64
_LOW = 128  # descriptors; with fewer the checks that make many are told to be skipped, and most are
_STOPPED, _RUNNING = 0.02, 0.06  # seconds, in turns


@dataclass(frozen=True)
class Surroundings:
    """Their name, what is odd about them, and how a process enters them before it runs a program.

    ``of_peers``: only the peers and the programs of platform checks are there; else the suite is,
    and they inherit it. ``breaks`` is as that of an odd system.
    """

    name: str
    sentence: str
    enter: Callable[[], None]
    of_peers: bool = False
    breaks: tuple[str, ...] = ()

    def command(self) -> list[str]:
        """Give the beginning of a command line that runs the rest in there."""
        return [sys.executable, "-m", __name__, self.name]

    def around(self, run: list[str]) -> list[str]:
        """Give the command line of a run of the suite in these surroundings."""
        if self.of_peers:
            return [*run, "--launcher", shlex.join(self.command())]
        return [*self.command(), *run]


def _close_standard() -> None:
    os.closerange(0, 3)


def _inherit() -> None:
    for _ in range(_INHERITED):
        os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)


def _lower_limit() -> None:
    import resource

    resource.setrlimit(resource.RLIMIT_NOFILE, (_LOW, _LOW))


def _set_mask() -> None:
    os.umask(0o077)


def _lengthen_temporary() -> None:
    folder = os.path.join(tempfile.gettempdir(), *(letter * 100 for letter in "long"))
    os.makedirs(folder, exist_ok=True)
    os.environ["TMPDIR"] = folder


def _stop_now_and_then() -> None:
    """Leave a process behind that stops our group, and continues it, in turns."""
    stopped, group = os.getpid(), os.getpgrp()
    child = os.fork()
    if child:
        os.waitpid(child, 0)
        return
    # No child of the program's: a peer waits for its children in the end.
    if os.fork():
        os._exit(0)
    os.setpgid(0, 0)
    os.closerange(0, 4096)
    with contextlib.suppress(ProcessLookupError):  # until it has ended
        while True:
            for number, pause in ((signal.SIGSTOP, _STOPPED), (signal.SIGCONT, _RUNNING)):
                os.kill(stopped, 0)
                os.killpg(group, number)
                select.select([], [], [], pause)
    os._exit(0)


ODD = (
    Surroundings("closed-standard", "Descriptors 0 to 2 are closed.", _close_standard),
    Surroundings(
        "inherited", f"A peer inherits {_INHERITED} descriptors.", _inherit, of_peers=True
    ),
    Surroundings("low-limit", f"No table may have more than {_LOW} descriptors.", _lower_limit),
    Surroundings("umask", "The umask is 077.", _set_mask),
    Surroundings("long-folder", "TMPDIR has a path of 400 characters.", _lengthen_temporary),
    Surroundings(
        "stopped", "Peers are stopped a quarter of the time.", _stop_now_and_then, of_peers=True
    ),
)

BY_NAME = {odd.name: odd for odd in ODD}


def main() -> None:
    """Run a command in odd surroundings."""
    name, *command = sys.argv[1:]
    BY_NAME[name].enter()
    os.execvp(command[0], command)


if __name__ == "__main__":
    main()
