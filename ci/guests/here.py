"""A Python on this machine's own files: by itself, or through what shows it another system.

That may be an emulator, a sandbox, another user: all are a prefix of the command line.
"""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from .running import CannotRun

if TYPE_CHECKING:
    from .places import Errand
    from .table import Platform

_FOLDERS = (".pyenv/versions/{}.*/bin", ".local/share/uv/python/cpython-{}.*/bin")


def command(platform: Platform, errand: Errand) -> list[str]:
    """Run the suite with this Python, or that which the table asks for."""
    if module := platform.given.get("module"):  # of the sources, and what is installed with them
        return [sys.executable, "-m", module, *errand.words[1:]]
    python = platform.given.get("interpreter") or found(platform.python)
    return [*platform.words("through"), python, str(errand.suite), *errand.words]


def found(version: str) -> str:
    """Find a CPython of a version such as 3.12; of any if that is empty.

    Raises:
        CannotRun: there is none.

    """
    here = os.path.realpath(sys.executable)  # no link: an emulator takes a program, not a name
    if not version or sys.version_info[:2] == tuple(map(int, version.split("."))):
        return here
    for path in (path for folder in _FOLDERS for path in Path.home().glob(folder.format(version))):
        if (python := path / f"python{version}").exists():
            return str(python)
    if on_path := shutil.which(f"python{version}"):
        return on_path
    raise CannotRun(f"there is no python{version} here, neither on PATH nor of pyenv or uv")
