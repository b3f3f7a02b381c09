"""A gateway of execnet over an ssh process of our own, which can be killed at any moment."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any

import execnet
from execnet import gateway_base

if TYPE_CHECKING:
    import subprocess

BOOTSTRAP = ("-u", "-c", "import sys;exec(eval(sys.stdin.readline()))")
"""What Python is started with on the other side."""

_HERE = b"fdpass-fleet-gateway\n"
_NOISE = 65536  # bytes of a shell's greetings that are read over


class Pipe(gateway_base.Popen2IO):
    """The two pipes to the ssh process, as execnet wants them."""

    def __init__(self, process: subprocess.Popen[bytes], name: str) -> None:
        model = gateway_base.get_execmodel("thread")
        super().__init__(process.stdin, process.stdout, execmodel=model)
        self.remoteaddress = name
        self._process = process

    def wait(self) -> int | None:
        """Wait for ssh to end."""
        return self._process.wait()

    def kill(self) -> None:
        """End ssh."""
        self._process.kill()


def opened(process: subprocess.Popen[bytes], name: str) -> Any:
    """Have the Python at the other end of *process* become a gateway of execnet.

    Raises:
        EOFError: it ended before.
        OSError: likewise.

    """
    pipe = Pipe(process, name)
    source = "\n".join(
        (
            inspect.getsource(gateway_base),
            "execmodel = get_execmodel('thread')",
            "io = init_popen_io(execmodel)",
            f"io.write({_HERE!r})",
            f"serve(io, id={name + '-worker'!r})",
        )
    )
    pipe.write(f"{source!a}\n".encode())
    read = b""
    while not read.endswith(_HERE):
        if len(read) > _NOISE:
            raise EOFError(f"it writes and writes, beginning with {read[:80]!r}")
        read += pipe.read(1)
    return execnet.Gateway(pipe, execnet.XSpec(f"ssh={name}//id={name}"))
