"""The peer program of a passer that is a program of its own: the level one-shot.

It knows no protocol. For each descriptor to be sent it is run as ``CMD send SOCK FD``, for each to
be received as ``CMD recv SOCK 1 PROGRAM ARG...``, where PROGRAM is a few lines of ours that hand
over what it is run with, by plain send_fds. They find the way by standard input, which CMD leaves
as it is.
"""

from __future__ import annotations

import os
import select
import socket
import subprocess
import sys
import tempfile

from . import python_command
from .descriptors import Descriptors
from .session import BadRequest, Session, wait_for

TYPE_CHECKING = False  # importing typing would double the time to start
if TYPE_CHECKING:
    from collections.abc import Sequence

    from .session import Request

CONDITIONS = (
    "would-block",
    "timed-out",
    "peer-closed",
    "peer-reset",
    "lost",
    "table-full",
    "not-a-passer",
)
"""What the first word of standard error may be; anything else is another error, ``os``."""

_LONGEST = 4.0  # seconds that one run may take; the harness waits a little longer
_NOT_HERE = ("limit", "fill", "free", "churn")  # their table is not the one that it receives into
_HANDS_OVER = python_command("conformance.peers.oneshot_hand")


class Failed(Exception):
    """The program says that it went wrong."""

    def __init__(self, condition: str, message: str) -> None:
        self.condition = condition
        super().__init__(message)


class OneShot(Descriptors):
    """A program that sends, or receives, and ends."""

    def __init__(self, command: Sequence[str]) -> None:
        super().__init__()
        self._command = command
        self._ends: dict[str, socket.socket | None] = {}

    def condition_of(self, error: Exception) -> str | None:
        """Name the condition that *error* stands for."""
        return error.condition if isinstance(error, Failed) else super().condition_of(error)

    def operations(self) -> list[str]:
        """List what makes sense of a program that ends at once."""
        return [name for name in super().operations() if name not in _NOT_HERE]

    def op_hello(self, request: Request) -> object:  # noqa: ARG002
        """Tell which program this is."""
        name = os.path.basename(self._command[-1])
        about = {"language": "a program, run for each descriptor", "level": "one-shot"}
        return self.about(name, "unknown", backends={}, survivals={}, **about)

    def _end(self, request: Request) -> socket.socket:
        word = request["passer"]
        if word not in self._ends:
            raise BadRequest(f"there is no {word!r} here")
        end = self._ends[word]
        if end is None:
            raise Failed("closed", f"{word} has been dropped")
        return end

    def op_adopt(self, request: Request) -> object:
        """Take a connected socket over."""
        word = f"s{len(self._ends) + 1}"
        self._ends[word] = socket.socket(fileno=request["fd"])
        return {"passer": word}

    def op_drop(self, request: Request) -> object:
        """Close a socket."""
        self._end(request).close()
        self._ends[request["passer"]] = None
        return {}

    def op_send(self, request: Request) -> object:
        """Have a descriptor sent."""
        end, fd = self._end(request), request["fd"]
        os.fstat(fd)  # or it would be whatever has the number there
        self._run(("send", str(end.fileno()), str(fd)), (end.fileno(), fd), _LONGEST)
        if request.get("close", False):
            os.close(fd)
        return {}

    def op_flush(self, request: Request) -> object:
        """Do nothing: nothing is ever queued."""
        self._end(request)
        return {}

    def op_recv(self, request: Request) -> object:
        """Have a descriptor received, once there is something to receive."""
        end, timeout = self._end(request), request.get("timeout")
        if not wait_for(end.fileno(), select.POLLIN, timeout):
            raise TimeoutError(f"nothing came within {timeout} s")
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        with ours:
            with theirs:
                words = ("recv", str(end.fileno()), "1", *_HANDS_OVER)
                self._run(words, (end.fileno(),), _LONGEST, theirs)
            _, fds, _, _ = socket.recv_fds(ours, 1, 16)
        for fd in fds:
            os.set_inheritable(fd, False)
        if len(fds) != 1:
            for fd in fds:
                os.close(fd)
            raise Failed("os", f"PROGRAM was run with {len(fds)} descriptors; due: 1")
        return {"fd": fds[0]}

    def _run(
        self,
        words: Sequence[str],
        inherited: Sequence[int],
        seconds: float,
        stdin: socket.socket | None = None,
    ) -> None:
        """Run the program, and judge how it ended."""
        with tempfile.TemporaryFile() as said:
            running = subprocess.Popen(
                [*self._command, *words],
                stdin=stdin.fileno() if stdin else subprocess.DEVNULL,
                stdout=2,
                stderr=said,
                pass_fds=inherited,
            )  # in our process group, with which it is killed if we are
            try:
                status = running.wait(seconds)
            except subprocess.TimeoutExpired:
                running.kill()
                running.wait()
                raise TimeoutError(f"{words[0]} was not over within {seconds} s") from None
            said.seek(0)
            text = said.read().decode(errors="replace")
        os.write(2, text.encode())
        if status:
            first, _, rest = text.strip().partition(" ")
            known = first in CONDITIONS
            message = rest.strip() if known else f"exit status {status}: {text.strip()[-200:]}"
            raise Failed(first if known else "os", message)


def main(*command: str) -> None:
    """Answer the harness until it closes standard input; *command*: the program."""
    peer = OneShot(command)
    Session(peer).run()
    peer.reap()
    sys.stderr.flush()
    os._exit(0)
