"""Systems that deliver something else than the kind of descriptor that was sent."""

from __future__ import annotations

from .mutant import Mutant

_ALL = (
    "directory",
    "device",
    "pipe",
    "fifo",
    "terminal",
    "terminal-settings",
    "stream-socket",
    "unbound-socket",
    "known-listener",
    "one-description",
    "datagram-socket",
    "tcp-socket",
    "udp-socket",
    "listener",
    "shared-memory",
    "at-its-end",
    "event-counter",
    "memory-file",
    "event-queue",
    "tcp-over-ipv6",
    "known-types",
    "timer",
    "process",
    "path-only",
)

MUTANTS = (
    *(
        Mutant(
            "null-device",
            f"kinds.{kind}",
            because="what came is another file",
            system="null-device",
        )
        for kind in _ALL
    ),
    Mutant(
        "resets-terminal",
        "kinds.terminal-settings",
        because="the settings were lost on the way",
        system="resets-terminal",
    ),
    Mutant(
        "empties-passed-sockets",
        "kinds.stream-socket",
        because="what waited in the socket is lost",
        system="empties-passed-sockets",
    ),
    Mutant(
        "empties-passed-sockets",
        "kinds.loaded-socket",
        because="of what waited in the socket some is lost",
        system="empties-passed-sockets",
    ),
    Mutant(
        "forgets-names",
        "kinds.known-listener",
        because="the listener that came has another name",
        system="forgets-names",
    ),
    Mutant(
        "forgets-types",
        "kinds.known-types",
        because="is told as one of another type",
        system="forgets-types",
    ),
    Mutant(
        "reopens",
        "kinds.one-description",
        because="what came is another open file description of the same file",
        system="reopens",
    ),
    Mutant(
        "empties-passed-sockets",
        "kinds.datagram-socket",
        because="what waited in the socket is lost",
        system="empties-passed-sockets",
    ),
)
