"""The peer programs that come with the suite: a written list, a name and its command line."""

from __future__ import annotations

import os
import sys

# Where both packages lie; a peer finds them there although -S leaves site-packages out.
_ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

# Starting up is most of the time a check takes: no site-packages, and no more imports than needed.
_START = "import sys; sys.path.insert(0, {root!r}); from {module} import main; {call}"


def python_command(module: str, *arguments: str, installed: bool = False) -> tuple[str, ...]:
    """Give the command line that runs ``main(*arguments)`` of *module* as a peer program.

    With *installed* it finds what pip has installed, too.
    """
    call = f"main({', '.join(map(repr, arguments))})"
    start = _START.format(root=_ROOT, module=module, call=call)
    return (sys.executable, *(() if installed else ("-S",)), "-c", start)


def whole_python_command(module: str, *arguments: str) -> tuple[str, ...]:
    """Give the same with all that Python can import where the suite was started: a user's modules.

    What is in the current directory, in PYTHONPATH, or installed beside the suite; in this order,
    once our own module is there.
    """
    call = f"sys.path.insert(0, {os.getcwd()!r}); main({', '.join(map(repr, arguments))})"
    return (sys.executable, "-c", _START.format(root=_ROOT, module=module, call=call))


PEERS: dict[str, tuple[str, ...]] = {
    "fdpass": python_command("conformance.peers.reference"),
    "fdpass-ctypes": python_command("conformance.peers.without_sendmsg"),
    "send-fds": python_command("conformance.peers.plain"),
    "multiprocessing": python_command("conformance.peers.reduction"),
    "multiprocessing-handle": python_command("conformance.peers.reduction", "handle"),
    "anyio": python_command("conformance.peers.over_anyio", installed=True),
    "asyncio": python_command("conformance.peers.event_loops"),
    "twisted": python_command("conformance.peers.over_twisted", installed=True),
    "uvloop": python_command("conformance.peers.event_loops", "uvloop", installed=True),
}
