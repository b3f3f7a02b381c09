"""The peer protocol as data: protocol.schema.json, and how an answer is held against it.

Pure standard library: a peer is got to know where nothing else is installed.
"""

from __future__ import annotations

import functools
import json
from importlib import resources
from typing import Any

from .report import shape

Operation = dict[str, Any]


@functools.cache
def schema() -> dict[str, Any]:
    """Give the whole schema."""
    text = resources.files(__package__).joinpath("protocol.schema.json").read_text("utf-8")
    return json.loads(text)  # type: ignore[no-any-return]


def operations() -> dict[str, Operation]:
    """Give what is said of every operation, in the order of the page."""
    return schema()["$defs"]["operations"]  # type: ignore[no-any-return]


MANDATORY = tuple(name for name, operation in operations().items() if operation.get("mandatory"))
"""The operations that every peer has."""


def conditions() -> list[str]:
    """Name all errors that there are."""
    return schema()["$defs"]["error"]["properties"]["name"]["enum"]  # type: ignore[no-any-return]


def part(*names: str) -> dict[str, Any]:
    """Give a part of the schema, as one that stands alone: such as operations, recv, ok."""
    return {**schema(), "$ref": "/".join(["#/$defs", *names])}


def wrong_with_ok(op: str, ok: dict[str, object]) -> str:
    """Say what is wrong with what an answer brings; an empty string: nothing."""
    found = shape.complaint(ok, part("operations", op, "ok"))
    return f"in {_shown(ok)}: {found}" if found else ""


def wrong_with_error(error: dict[str, object]) -> str:
    """Say what is wrong with an error; an empty string: nothing."""
    found = shape.complaint(error, part("error"))
    return f"in the error {_shown(error)}: {found}" if found else ""


def _shown(value: object) -> str:
    text = json.dumps(value)
    return text if len(text) <= 120 else f"{text[:117]}..."
