"""The ssh program: its command line, what its complaints mean, and the question for Python."""

from __future__ import annotations

import re
import shlex
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .hosts import Host

OLDEST = (3, 10)
PROGRAM = "ssh"
PACKAGE = "openssh-client"
_TRIED = ("python3", *(f"python3.{minor}" for minor in range(14, OLDEST[1] - 1, -1)))
_SIGN = "fdpass-fleet-python"
"""Opens the lines that are an answer: what a shell greets us with is none."""
# In words that Python 2 understands, too.
_ASK = (
    f'import sys; print("{_SIGN} %d %d %d" % sys.version_info[:3]); '
    f"sys.exit(sys.version_info < {OLDEST})"
)


class Refused(Exception):
    """The host cannot be visited, and why."""


class Python(NamedTuple):
    """An interpreter on the other side."""

    command: str
    version: tuple[int, ...]

    def __str__(self) -> str:
        return f"Python {'.'.join(map(str, self.version))} ({self.command})"


def command(host: Host, remote: str, patience: float) -> list[str]:
    """Give the command line that runs *remote* there; it asks nobody anything."""
    own = {
        "BatchMode": "yes",
        "ConnectTimeout": str(max(1, round(patience))),
        # A link that was cut tells nobody; this ends ssh after 45 seconds without an answer.
        "ServerAliveInterval": "15",
        "ServerAliveCountMax": "3",
        "Compression": "yes",
        "ForwardX11": "no",
        "ForwardAgent": "no",
        "ControlPath": "none",  # else to kill this ssh would not end the session
    }
    options = [word for name, value in own.items() for word in ("-o", f"{name}={value}")]
    return [PROGRAM, "-T", *options, *host.ssh, "--", host.destination, remote]


def question(python: str | None) -> str:
    """Give the command that lists the Pythons there up to one that is new enough.

    It is one line, and quoted, for login shells that are not of the family of sh.
    """
    each = " ".join(map(shlex.quote, [python] if python else _TRIED))
    ask = f'"$it" -c {shlex.quote(_ASK)} 2>&1'
    script = f'for it in {each}; do echo {_SIGN} "$it"; {ask} && break; done; :'
    return f"sh -c {shlex.quote(script)}"


def answer(said: str, python: str | None) -> Python:
    """Choose the first Python that is new enough.

    Raises:
        Refused: there is none, or only old ones.

    """
    found: list[Python] = []
    tried, complaint = "", ""
    for line in said.splitlines():
        words = line.split()
        if words[:1] != [_SIGN]:
            complaint = line.strip() if tried else complaint
        elif len(words) == 4 and all(word.isdecimal() for word in words[1:]):
            found.append(Python(tried, tuple(map(int, words[1:]))))
        else:
            tried = " ".join(words[1:])
    for one in found:
        if one.version >= OLDEST:
            return one
    due = f"needs {'.'.join(map(str, OLDEST))} or newer"
    if found:
        has = ", ".join(dict.fromkeys(str(one) for one in found))
        raise Refused(f"has {has}, {due}")
    if not tried:
        raise Refused(f"cannot run sh: {said.strip() or 'it said nothing'}")
    if python:
        raise Refused(f"{python} is no Python there: {complaint or 'it said nothing'}")
    raise Refused(f"has no Python, {due}; tried {', '.join(_TRIED)}")


_MEANINGS = (
    ("Permission denied", "it refuses our key"),
    ("Too many authentication failures", "it refuses our keys"),
    ("Could not resolve hostname", "this host is unknown"),
    ("REMOTE HOST IDENTIFICATION HAS CHANGED", "its host key is another one than before"),
    ("Host key verification failed", "its host key is not known here; connect once by hand"),
    ("Connection refused", "no ssh server listens there"),
    ("No route to host", "there is no way to it"),
    ("Network is unreachable", "there is no way to it"),
    ("timed out", "it does not answer"),
    ("not responding", "it has ceased to answer"),
    ("Connection closed", "it closed the connection"),
    ("Connection reset", "it closed the connection"),
    ("closed by remote host", "it closed the connection"),
)


def meaning(complaints: str, status: int | None) -> str:
    """Say in words why ssh ended, and quote it."""
    lines = [line.strip() for line in complaints.splitlines() if line.strip()]
    # Said of every connection, by those servers that are not the newest.
    lines = [line for line in lines if not re.match(r"Warning: Permanently added|\*\* ", line)]
    quoted = (
        f"ssh: {lines[-1].removeprefix('ssh: ')}"
        if lines
        else f"ssh ended with status {status} and said nothing"
    )
    for sign, words in _MEANINGS:
        if any(sign in line for line in lines):
            return f"{words} ({quoted})"
    return quoted


def python_command(python: str, words: Sequence[str]) -> str:
    """Give the command that starts that Python there."""
    return f"exec {shlex.join([python, *words])}"
