"""How a program starts."""

from __future__ import annotations

import os
import signal
import socket
import sys

from .saying import HOLDS, State, end, missing, wrong
from .steps import hangs

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import NoReturn


def run(steps: Callable[[], None]) -> NoReturn:
    """Do the steps, and say the verdict."""
    if len(sys.argv) > 1:
        State.seconds = float(sys.argv[1])
    signal.signal(signal.SIGALRM, hangs)
    os.closerange(3, 4096)  # what we inherited is not ours
    if not hasattr(socket.socket, "sendmsg"):
        missing("this Python was built without socket.sendmsg; the C program can be tried")
    try:
        steps()
    except Exception as error:
        wrong(f"step {State.step}, {State.doing}: {type(error).__name__}: {error}")
    end(HOLDS)
