"""The part of PROTOCOL.md that is made from the schema: every operation, and who asks for it."""

from __future__ import annotations

import json
from collections import Counter
from typing import TYPE_CHECKING, Any

from .harness.transports import TRANSPORTS
from .protocol import operations, schema
from .report import renewing
from .requirement import catalogue

if TYPE_CHECKING:
    from .protocol import Operation
    from .requirement import Requirement

START = "<!-- what stands from here on is written by `python -m conformance catalogue` -->"
END = "<!-- up to here -->"


def renewed(page: str) -> str:
    """Give the whole page with all that is made anew."""
    return renewing.renewed(page, START, END, f"\n{operations_part()}")


def operations_part() -> str:
    """Give the description of all operations."""
    parts = [_adding()]
    group = ""
    for name, operation in operations().items():
        if operation["group"] != group:
            group = operation["group"]
            parts.append(f"### {group}\n")
        parts.append(_described(name, operation))
    return "\n".join(parts)


# -- what each adds -------------------------------------------------------------------------------


def _adding() -> str:
    checks = [
        requirement
        for requirement, _ in catalogue()
        if not requirement.of_platform and not requirement.only
    ]
    plain = sum(1 for check in checks if not check.needs and check.over in {"", "inherited"})
    mandatory = [name for name, operation in operations().items() if operation.get("mandatory")]
    lines = [
        f"**Mandatory** are {_listed(mandatory)}.",
        f"With nothing else {plain} of the {len(checks)} checks of a passer can be tried, over",
        "one of the three transports. What is missing of the others is not held against a peer:",
        "the checks and transports that need it are skipped, and reported as skipped.",
        "",
        "| operation | checks that need it | |",
        "|---|---|---|",
    ]
    counts = Counter(need for check in checks for need in needs(check))
    for name, operation in operations().items():
        if not operation.get("mandatory"):
            lines.append(f"| [`{name}`](#{name}) | {counts[name]} | {_transports(name)} |")
    return "\n".join([*lines, ""])


def needs(check: Requirement) -> set[str]:
    """Give the operations that a check takes, beyond the mandatory ones, whatever the transport."""
    over = set(TRANSPORTS[check.over].needs) if check.over else set()
    return {*check.needs, *over} - {"adopt"}


def _transports(name: str) -> str:
    words = []
    for word, transport in TRANSPORTS.items():
        if name in transport.needs:
            others = [need for need in transport.needs if need != name]
            together = f", with {_listed(others)}" if others else ""
            words.append(f"every check over the transport {word}{together}")
    if name == "fork":
        words.append("saves the start of a program for each check")
    if name == "table":
        words.append("where the suite cannot look from outside: tells leaks")
    return "; ".join(words)


# -- one operation --------------------------------------------------------------------------------


def _described(name: str, operation: Operation) -> str:
    example = operation["example"]
    said = [f"#### {name}", "", operation["does"]]
    if operation.get("mandatory"):
        said[-1] += " **Mandatory.**"
    if "note" in operation:
        said[-1] += f" {operation['note']}"
    rows = [*_rows(operation["request"], "asks"), *_rows(operation["ok"], "brings")]
    if rows:
        said += ["", "| | field | | |", "|---|---|---|---|", *rows]
    if operation["errors"]:
        said += ["", f"Errors: {_listed(operation['errors'])}."]
    said += [
        "",
        f"    → {json.dumps(example['request'])}",
        f"    ← {json.dumps(example['answer'])}",
        "",
    ]
    return "\n".join(said)


def _rows(part: dict[str, Any], which: str) -> list[str]:
    rows = []
    for field, about in part["properties"].items():
        if field in {"id", "op"}:
            continue
        optional = "" if field in part["required"] else ", or missing"
        words = about.get("description", "").replace("|", "\\|")
        rows.append(f"| {which} | `{field}` | {_kind(about)}{optional} | {words} |")
    return rows


def _kind(about: dict[str, Any]) -> str:
    if "$ref" in about:
        return str(schema()["$defs"][about["$ref"].rpartition("/")[2]]["title"])
    if "enum" in about:
        return "word"
    kind = about["type"]
    if kind == "array":
        return "list of words"
    words = {"string": "words", "boolean": "true or false", "integer": "number"}
    if isinstance(kind, list):
        return " or ".join("`null`" if one == "null" else words[one] for one in kind)
    return words[kind]


def _listed(names: list[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)
