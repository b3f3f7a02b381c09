"""The interfaces that a system is known to have: one that is gone is a failure, not a skip.

A table by what :data:`sys.platform` begins with; a simulated system stands here by its own name.
"""

from __future__ import annotations

import sys

from .environment import simulated

_BACKENDS = {
    "linux": ("bsd44",),
    "darwin": ("bsd44",),
    "freebsd": ("bsd44",),
    "netbsd": ("bsd44",),
    "openbsd": ("bsd44",),
    "dragonfly": ("bsd44",),
    "cygwin": (),  # documented: it does not pass descriptors
    "sunos": ("bsd44", "bsd43", "sysv"),
    "aix": ("bsd44",),
    "win32": ("windows",),
    "windows": ("windows",),
    "simulated illumos": ("bsd44", "bsd43", "sysv"),
}


def backends_of(peer: str, runs_on: str = "") -> list[str]:
    """Name the backends that the reference passer must have; of others nothing is known.

    *runs_on* is the system that the peer says it runs on, if that is not this one.
    """
    if peer != "fdpass":
        return []
    system = runs_on.lower() or (f"simulated {simulated()}" if simulated() else sys.platform)
    return next((list(_BACKENDS[name]) for name in _BACKENDS if system.startswith(name)), [])
