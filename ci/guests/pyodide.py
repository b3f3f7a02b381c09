"""Pyodide, a CPython that is WebAssembly: it has the names, and passes nothing.

A platform that has to be told so, in words and with the exit status for it; that is what is tried.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from .places import MADE, made_once
from .running import CannotRun, call

if TYPE_CHECKING:
    from .places import Errand
    from .table import Platform

_SCRIPT = Path(__file__).with_name("pyodide.mjs")


def command(platform: Platform, errand: Errand) -> list[str]:
    """Run the suite in it, with this machine's files."""
    package = f"pyodide@{platform.word('version')}"
    with made_once(package) as folder:
        if folder is not None:
            if not shutil.which("npm"):
                raise CannotRun("not installed; on Debian: apt-get install nodejs npm")
            call("npm", "install", "--no-audit", "--no-fund", package, folder=folder)
    module = MADE / package / "node_modules/pyodide/pyodide.mjs"
    folders = (str(errand.suite.parent), str(errand.results.parent))
    words = errand.words_into(f"/results/{errand.results.name}")
    return ["node", str(_SCRIPT), str(module), *folders, errand.suite.name, *words]
