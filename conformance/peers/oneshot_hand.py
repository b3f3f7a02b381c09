"""What a one-shot program is told to run: hands the descriptors of its command line over.

They go to whoever has the other end of standard input.
"""

from __future__ import annotations

import os
import socket
import sys


def main() -> None:
    """Hand over all that the last words of the command line name."""
    socket.send_fds(socket.socket(fileno=0), [b"\0"], [int(word) for word in sys.argv[1:]])
    os._exit(0)
