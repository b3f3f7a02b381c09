"""The conditions of a baseline: a small language over what a run records, parsed and never run.

Pure: it makes no system call.

    system == 'NetBSD' and release < '11'
    'gVisor' in surroundings and not survival == 'peek'
    transport in ('socketpair', 'inherited') or uid != 0
"""

from __future__ import annotations

import ast
import operator
import re
from dataclasses import dataclass, field
from itertools import zip_longest
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    Holds = Callable[[Mapping[str, Any]], bool]

WORD, VERSION, NUMBER, NAMES = "a word", "a version", "a number", "names"

OF_THE_RUN = {
    "system": WORD,
    "release": VERSION,
    "machine": WORD,
    "libc": VERSION,
    "bits": NUMBER,
    "python": VERSION,
    "uid": NUMBER,
    "evidence": WORD,
    "surroundings": NAMES,
    "peer": WORD,
}
"""What is the same for all results of a run, and of what kind it is."""

OF_A_RESULT = {"backend": WORD, "transport": WORD, "survival": WORD, "peer": WORD}
"""What differs from result to result."""

_LONGEST = 500  # characters
_EQUAL: dict[type[ast.cmpop], Callable[[Any, Any], bool]] = {
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
}
_ORDER: dict[type[ast.cmpop], Callable[[Any, Any], bool]] = {
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
}


class BadCondition(ValueError):
    """This is no condition; the message says what was due."""


@dataclass(frozen=True)
class Condition:
    """A condition that has been understood.

    What is unknown (None) is equal to nothing, in nothing, and in no order.
    """

    text: str
    holds: Holds = field(compare=False, repr=False)
    names: frozenset[str] = field(default=frozenset(), compare=False, repr=False)
    """What it asks for."""


def parse(text: str, known: Mapping[str, str]) -> Condition:
    """Understand a condition over the names *known*, which gives the kind of each.

    Raises:
        BadCondition: it is none.

    """
    if len(text) > _LONGEST:
        raise BadCondition(f"expected at most {_LONGEST} characters, received {len(text)}")
    try:
        tree = ast.parse(text.strip(), mode="eval").body
        names = frozenset(one.id for one in ast.walk(tree) if isinstance(one, ast.Name))
        return Condition(text, _understood(tree, known), names)
    except BadCondition:
        raise
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        why = error.msg if isinstance(error, SyntaxError) else error
        raise BadCondition(f"expected a condition, received {text!r} ({why})") from None


def of_the_run(
    environment: Mapping[str, Any], evidence: str, peer: str | None = None
) -> dict[str, Any]:
    """Give what a condition can ask of a run, from its environment record; None: unknown.

    *peer* is what the peer program calls itself.
    """
    uname = environment.get("uname") or {}
    around = environment.get("surroundings")
    return {
        "system": uname.get("system"),
        "release": uname.get("release"),
        "machine": uname.get("machine"),
        "libc": environment.get("libc"),
        "bits": environment.get("bits"),
        "python": (environment.get("python") or {}).get("version"),
        "uid": (environment.get("user") or {}).get("euid"),  # it is what the system goes by
        "evidence": evidence,
        "surroundings": None if around is None else tuple(seen["what"] for seen in around),
        "peer": peer,
    }


def in_order(one: str, order: Callable[[Any, Any], bool], other: str) -> bool:
    """Compare the numbers of two versions, as 6.9 < 6.18; without a number there is no order."""
    numbers = _numbers(one), _numbers(other)
    if not all(numbers):
        return False
    pairs = list(zip_longest(*numbers, fillvalue=0))
    return order([left for left, _ in pairs], [right for _, right in pairs])


def _numbers(version: str) -> list[int]:
    found = re.search(r"\d+(\.\d+)*", version)
    return [int(part) for part in found[0].split(".")] if found else []


def _understood(tree: ast.expr, known: Mapping[str, str]) -> Holds:
    if isinstance(tree, ast.BoolOp):
        joined = all if isinstance(tree.op, ast.And) else any
        parts = [_understood(part, known) for part in tree.values]
        return lambda facts: joined(part(facts) for part in parts)
    if isinstance(tree, ast.UnaryOp) and isinstance(tree.op, ast.Not):
        negated = _understood(tree.operand, known)
        return lambda facts: not negated(facts)
    if not isinstance(tree, ast.Compare) or len(tree.ops) > 1:
        raise BadCondition(
            "expected comparisons of a name with a value, joined by and, or, not; "
            f"received {ast.unparse(tree)!r}"
        )
    comparison, left, right = tree.ops[0], tree.left, tree.comparators[0]
    if isinstance(comparison, ast.In | ast.NotIn):
        inside = _contained(left, right, known)
        return inside if isinstance(comparison, ast.In) else lambda facts: not inside(facts)
    if not isinstance(left, ast.Name):
        raise BadCondition(f"expected the name first, received {ast.unparse(tree)!r}")
    return _compared(left, comparison, right, known)


def _contained(left: ast.expr, right: ast.expr, known: Mapping[str, str]) -> Holds:
    """Understand ``'gVisor' in surroundings``, ``'musl' in libc`` or ``uid in (0, 1)``."""
    if isinstance(left, ast.Name):
        kind, name = _kind(left, known), left.id
        if kind == NAMES:
            raise BadCondition(f"expected \"'NAME' in {name}\", with {name!r} last")
        if not isinstance(right, ast.Tuple | ast.List) or not right.elts:
            raise BadCondition(f"expected values such as ('a', 'b'), received {_shown(right)}")
        values = [_value(one, kind) for one in right.elts]
        return lambda facts: facts[name] in values
    if not isinstance(right, ast.Name):
        raise BadCondition(f"expected a name on one side of 'in', received {_shown(right)}")
    kind, whole, part = _kind(right, known), right.id, _value(left, WORD)
    if kind == NUMBER:
        raise BadCondition(f"nothing is in {whole!r}, which is a number")
    return lambda facts: facts[whole] is not None and part in facts[whole]


def _compared(
    left: ast.Name, comparison: ast.cmpop, right: ast.expr, known: Mapping[str, str]
) -> Holds:
    kind, name = _kind(left, known), left.id
    if kind == NAMES:
        raise BadCondition(f"expected \"'NAME' in {name}\", received a comparison")
    value = _value(right, kind)
    if equal := _EQUAL.get(type(comparison)):
        return lambda facts: equal(facts[name], value)
    order = _ORDER.get(type(comparison))
    if order is None:
        raise BadCondition("expected one of == != < <= > >= in")
    if kind == WORD:
        raise BadCondition(f"{name!r} has no order")
    if kind == NUMBER:
        return lambda facts: facts[name] is not None and order(facts[name], value)
    if not _numbers(value):
        raise BadCondition(f"expected a version such as '6.11', received {value!r}")
    return lambda facts: facts[name] is not None and in_order(facts[name], order, value)


def _kind(name: ast.Name, known: Mapping[str, str]) -> str:
    if name.id not in known:
        why = "is not known before a check has run" if name.id in OF_A_RESULT else "is no name here"
        raise BadCondition(f"{name.id!r} {why}; expected one of {', '.join(known)}")
    return known[name.id]


def _value(tree: ast.expr, kind: str) -> Any:
    due = int if kind == NUMBER else str
    if not isinstance(tree, ast.Constant) or type(tree.value) is not due:
        what = "a number" if due is int else "a text in quotes"
        raise BadCondition(f"expected {what}, received {_shown(tree)}")
    return tree.value


def _shown(tree: ast.expr) -> str:
    return repr(ast.unparse(tree))
