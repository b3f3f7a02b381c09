"""A C library of this package, built when it is needed and put under a program with LD_PRELOAD.

Knows compilers and the dynamic linker's variable; what the libraries do is in their own folders.
"""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


class CannotBuild(Exception):
    """The library could not be built here; the message says why."""


def compiler() -> list[str] | None:
    """Find a C compiler: $CC, cc, gcc or clang; None where there is none."""
    for command in (os.environ.get("CC", ""), "cc", "gcc", "clang"):
        words = shlex.split(command)
        if words and shutil.which(words[0]):
            return words
    return None


def missing() -> str | None:
    """Say in a sentence why no library can be interposed here, or None."""
    if sys.platform != "linux":
        return f"the library is written for Linux and glibc, and this is {sys.platform}"
    if compiler() is None:
        return "there is no C compiler: none of $CC, cc, gcc and clang was found"
    return None


def build(sources: Path, library: Path) -> Path:
    """Compile all the C files in the folder *sources* into *library*; give its path.

    Raises:
        CannotBuild: there is no compiler, or it failed.

    """
    reason = missing()
    command = compiler()
    if reason or not command:
        raise CannotBuild(reason)
    library = library.absolute()
    # Fortified headers define read, recv and poll themselves, as inline functions.
    options = ["-std=gnu11", "-O1", "-U_FORTIFY_SOURCE", "-shared", "-fPIC"]
    options += ["-Wall", "-Wextra", "-Werror"]
    files = sorted(str(path) for path in sources.glob("*.c"))
    # After the sources: before glibc 2.34 these two are libraries of their own.
    command = [*command, *options, "-o", str(library), *files, "-ldl", "-lpthread"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    if done.returncode:
        raise CannotBuild(f"{shlex.join(command)} failed:\n{done.stderr}")
    return library


def preloaded(library: str | os.PathLike[str]) -> dict[str, str]:
    """Give the variable that puts *library* before libc in a program, and in all it starts.

    Raises:
        ValueError: the dynamic linker cannot read such a path.

    """
    path = os.fspath(library)
    if set(path) & {" ", ":"}:
        raise ValueError(f"LD_PRELOAD cannot name {path!r}: it has a space or a colon")
    already = os.environ.get("LD_PRELOAD", "")
    return {"LD_PRELOAD": f"{path}:{already}" if already else path}
