"""How a peer may be named on the command line: what each level means, and what is run for it.

fdpass, c-cmsg ...       one that comes with the suite
my_module:factory        in-process: Python objects, in a process that the suite starts
oneshot:./my-program     one-shot: a program that sends, or receives, and ends
'./my-peer --flag'       session: a program that speaks PROTOCOL.md itself
"""

from __future__ import annotations

import os
import re
import shlex
import shutil

from . import whole_python_command
from .shipped import SHIPPED
from .shipped import command_of as command_of_shipped

ONE_SHOT = "oneshot:"
"""What stands before the command line of a one-shot program."""

_FACTORY = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*:[A-Za-z_]\w*")
_BY_EXEC = "a one-shot program hands over what it received by exec: it cannot be close-on-exec"
_TOO_SLOW = "with a process for each descriptor no channel is full within the time of a check"
_TOO_MANY = "with a process for each descriptor thousands do not pass within the time of a check"

IMPOSSIBLE = {
    ("one-shot", check): reason
    for reason, checks in {
        _BY_EXEC: ("bidirectional.close-on-exec", "bidirectional.close-on-exec-all"),
        _TOO_SLOW: (
            "nonblocking.full-channel",
            "nonblocking.refused-is-not-sent",
            "nonblocking.refused-taken-over",
            "nonblocking.busy-recv-times-out",
            "nonblocking.send-on-a-blocking-channel",
        ),
        _TOO_MANY: ("fifo.thousands",),
    }.items()
    for check in checks
}
"""Why a check cannot work at a level, whatever operations there are."""


def command_of(peer: str) -> tuple[str, ...]:
    """Give the command line of the program to be started for a peer.

    Raises:
        CannotStart: it comes with the suite, and what it needs is not installed.
        ValueError: this is no command line.

    """
    if peer in SHIPPED:
        return command_of_shipped(peer)
    if peer.startswith(ONE_SHOT):
        words = shlex.split(peer.removeprefix(ONE_SHOT))
        return whole_python_command("conformance.peers.oneshot", *words)
    if _FACTORY.fullmatch(peer):
        return whole_python_command("conformance.peers.in_process", peer)
    return tuple(shlex.split(peer))


def refusal(peer: str) -> str:
    """Say why nothing can be started for a peer; an empty string: it can be tried."""
    known = f"known peers: {', '.join(SHIPPED)}; or a command, module:factory, or {ONE_SHOT}COMMAND"
    try:
        words = shlex.split(peer.removeprefix(ONE_SHOT))
    except ValueError as error:
        return f"{peer!r} is no command line: {error}"
    if not words:
        return f"it is empty; {known}"
    if peer in SHIPPED:
        lack = SHIPPED[peer].missing()
        return f"the peer {peer} cannot be run here: {lack}" if lack else ""
    if _FACTORY.fullmatch(peer) and not peer.startswith(ONE_SHOT):
        return "" if os.name == "posix" else "in-process peers pass by Unix sockets"
    if shutil.which(words[0]) is None:
        return f"there is no peer and no program {words[0]!r}; {known}"
    return ""
