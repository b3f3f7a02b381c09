"""The suite as guests get it: the single file, made from the sources as they are now."""

from __future__ import annotations

import functools
import shutil
import sys
from typing import TYPE_CHECKING

from .places import OUT, ROOT
from .running import call

if TYPE_CHECKING:
    from pathlib import Path

NAME = "fdpass-conformance.pyz"


def prepared(folder: Path) -> Path:
    """Put it into a folder."""
    shutil.copyfile(_made(), folder / NAME)
    return folder / NAME


@functools.cache
def _made() -> Path:
    path = OUT / NAME
    call(sys.executable, ROOT / "ci" / "bundle.py", "-o", path)
    return path
