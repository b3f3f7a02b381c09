"""A user space of Debian on this machine's kernel: another libc, 32 bits, PyPy, another processor.

A foreign processor is imitated by qemu-user. Without binfmt_misc, which may be missing: what is
started is started by the emulator each time.
"""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

from . import debian

if TYPE_CHECKING:
    from .places import Errand
    from .table import Platform

_SUITE, _RESULTS, _EMULATORS = "/srv", "/mnt", "/run"


def command(platform: Platform, errand: Errand) -> list[str]:
    """Enter the user space, and run the suite with its Python."""
    folder = debian.root(
        platform.word("release"), platform.word("architecture"), platform.words("packages")
    )
    emulator, bound, own = [], [], []
    if name := platform.given.get("emulator"):
        emulator = [f"{_EMULATORS}/{name}"]
        bound = ["--ro-bind", shutil.which(name) or name, *emulator]
        own = ["--launcher", *emulator] if errand.what == "run" else []
    return [
        # Writable: there Python keeps the bytecode of its library, which no script has made.
        *("bwrap", "--die-with-parent", "--bind", str(folder), "/"),
        *("--dev", "/dev", "--proc", "/proc", "--tmpfs", "/tmp", "--tmpfs", _EMULATORS),  # noqa: S108
        *(
            "--ro-bind",
            str(errand.suite.parent),
            _SUITE,
            "--bind",
            str(errand.results.parent),
            _RESULTS,
        ),
        # The locales are in another package, and PyPy does not start with one that is not there.
        *("--clearenv", "--setenv", "PATH", "/usr/bin:/bin", "--setenv", "LC_ALL", "C", *bound),
        *(*emulator, platform.word("interpreter"), f"{_SUITE}/{errand.suite.name}"),
        *(*errand.words_into(f"{_RESULTS}/{errand.results.name}"), *own),
    ]
