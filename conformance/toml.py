"""Reading TOML, with what this Python has for it."""

from __future__ import annotations

import sys
from typing import Any


def loads(text: str) -> dict[str, Any]:
    """Read a text.

    Raises:
        ValueError: it is no TOML.
        ModuleNotFoundError: tomli is missing on a Python older than 3.11.

    """
    if sys.version_info >= (3, 11):
        import tomllib
    else:
        import tomli as tomllib
    return tomllib.loads(text)
