"""Hold a JSON value against a JSON Schema, of which this knows what our own schema uses.

Pure standard library, since reports run where nothing can be installed. Pure: no system call.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

Schema = dict[str, Any]

_TYPES: dict[str, tuple[type, ...]] = {
    "object": (dict,),
    "array": (list,),
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
    "null": (type(None),),
}


def complaint(value: object, schema: Schema) -> str:
    """Say in a sentence what is first found wrong with *value*; an empty string: nothing."""
    return next(_complaints(value, schema, schema, ""), "")


def _complaints(value: Any, schema: Schema, whole: Schema, at: str) -> Iterator[str]:
    if "$ref" in schema:
        schema = _resolved(schema["$ref"], whole)
    place = at or "the document"
    kinds = schema.get("type", [])
    kinds = [kinds] if isinstance(kinds, str) else kinds
    if kinds and not any(_is(value, kind) for kind in kinds):
        yield f"{place}: expected {' or '.join(kinds)}, received {_shown(value)}"
    if "const" in schema and not _same(value, schema["const"]):
        yield f"{place}: expected {_shown(schema['const'])}, received {_shown(value)}"
    if "enum" in schema and value not in schema["enum"]:
        known = ", ".join(map(_shown, schema["enum"]))
        yield f"{place}: expected one of {known}; received {_shown(value)}"
    if "minimum" in schema and _is(value, "number") and value < schema["minimum"]:
        yield f"{place}: expected at least {schema['minimum']}, received {_shown(value)}"
    if isinstance(value, dict):
        yield from _complaints_inside(value, schema, whole, at)
    if isinstance(value, list) and "items" in schema:
        for position, item in enumerate(value):
            yield from _complaints(item, schema["items"], whole, f"{at}[{position}]")


def _complaints_inside(
    value: dict[str, object], schema: Schema, whole: Schema, at: str
) -> Iterator[str]:
    for name in schema.get("required", []):
        if name not in value:
            yield f"{at or 'the document'}: {name!r} is missing"
    known = schema.get("properties", {})
    others = schema.get("additionalProperties", {})
    for name, item in value.items():
        yield from _complaints(item, known.get(name, others), whole, f"{at}.{name}" if at else name)


def _resolved(reference: str, whole: Schema) -> Schema:
    found: Any = whole
    for name in reference.removeprefix("#/").split("/"):
        found = found[name]
    return found  # type: ignore[no-any-return]


def _is(value: object, kind: str) -> bool:
    if isinstance(value, bool):  # an int to Python, not to JSON
        return kind == "boolean"
    return isinstance(value, _TYPES[kind])


def _same(value: object, other: object) -> bool:
    return value == other and isinstance(value, bool) == isinstance(other, bool)


def _shown(value: object) -> str:
    if isinstance(value, dict):
        return "an object"
    if isinstance(value, list):
        return "an array"
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    return repr(value) if len(repr(value)) <= 60 else repr(value)[:57] + "..."
