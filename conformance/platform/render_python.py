"""Write a script as one Python program that stands alone."""

from __future__ import annotations

import ast
import functools
import re
from typing import TYPE_CHECKING

from .prelude import texts
from .render import WIDTH, Renderer, leaves

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from .steps import Block, Expectation, Part, Step

_HOW = "Run it with `python3 -I -S FILE [SECONDS A STEP]`; it needs nothing but Python 3.10."


class Python(Renderer):
    """Python 3.10 or later."""

    def program(self) -> str:
        """Give the whole program."""
        about = "".join(f"# {line}".rstrip() + "\n" for line in self.about([_HOW]))
        lines = list(self.items(self.script.body)) or ["    pass"]
        steps = "\n".join(["def steps() -> None:", *lines])
        return (
            f"{about}\nfrom __future__ import annotations\n\n{_prelude(steps)}\n\n\n{steps}\n\n\n"
            'if __name__ == "__main__":\n    run(steps)\n'
        )

    def step(self, step: Step) -> str:
        """Give the line of a step."""
        given = [self.given(one) for one in step.arguments]
        words = [f"do_{step.operation}", *given]
        call = (
            f"attempt({', '.join(words)})" if step.may_fail else f"{words[0]}({', '.join(given)})"
        )
        return f"{', '.join(step.names)} = {call}"

    def expectation(self, item: Expectation) -> Sequence[str]:
        """Give the lines of an expectation."""
        saw = ", ".join(
            f"{name!r}: {self.value(it)}" for name, it in leaves(item.condition).items()
        )
        parts = [self.condition(item.condition), repr(item.words), repr(str(item.condition))]
        parts.append(f"{{{saw}}}")
        name = "need" if item.needed else "expect"
        line = f"{name}({', '.join(parts)})"
        if len(line) <= WIDTH:
            return [line]
        return [f"{name}(", *(f"    {part}," for part in parts), ")"]

    def block(self, block: Block, indent: str) -> Iterator[str]:
        """Give the lines of a block."""
        last = {"child": "leave()", "process": "stay()"}.get(block.kind)
        call = f"do_{block.kind}({block.steps()})"
        if block.name:
            yield f"{indent}{block.name} = {call}"
        forks = f"if {block.name or call} == 0:"
        yield indent + (forks if last else f"for _ in range({block.times}):")
        yield from self.items(block.body, indent + "    ")
        if last or not block.body:
            yield f"{indent}    {last or 'pass'}"

    def parts(self, parts: Sequence[Part]) -> str:
        """Write control messages."""
        written = []
        for part in parts:
            if part.data is not None:
                written.append(f'part("{part.type}", {self.data(part.data)})')
            elif part.all_of is not None:
                written.append(f"rights(*{self.value(part.all_of)}.received)")
            elif len(part.fds) > 8 and len(set(map(self.fd, part.fds))) == 1:
                written.append(f"rights(*[{self.fd(part.fds[0])}] * {len(part.fds)})")
            else:
                written.append(f"rights({', '.join(map(self.fd, part.fds))})")
        return f"[{', '.join(written)}]"

    def data(self, data: bytes) -> str:
        """Write bytes."""
        if len(data) > 32 and len(set(data)) == 1:
            return f"{data[:1]!r} * {len(data)}"
        return repr(data)


# -- the parts of the prelude that are used -------------------------------------------------------


@functools.cache
def _definitions() -> tuple[tuple[str, str, frozenset[str]], ...]:
    """Give names, text and used names of everything that stands at the top level, each once."""
    return tuple(dict.fromkeys(one for text in texts("py") for one in _defined(text)))


def _defined(text: str) -> Iterator[tuple[str, str, frozenset[str]]]:
    lines = text.splitlines()
    for node in ast.parse(text).body:
        decorators = getattr(node, "decorator_list", [])
        first = min([node.lineno, *(one.lineno for one in decorators)])
        words = re.sub(r"  # noqa.*", "", "\n".join(lines[first - 1 : node.end_lineno]))
        used = frozenset(one.id for one in ast.walk(node) if isinstance(one, ast.Name))
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            yield node.name, words, used
        elif isinstance(node, ast.Import):
            yield node.names[0].name, words, frozenset()
        elif isinstance(node, ast.Assign):
            targets = [part for target in node.targets for part in ast.walk(target)]
            names = " ".join(part.id for part in targets if isinstance(part, ast.Name))
            yield names, words, used


def _prelude(steps: str) -> str:
    wanted = {one.id for one in ast.walk(ast.parse(steps)) if isinstance(one, ast.Name)} | {"run"}
    chosen: set[str] = set()
    while new := [
        (names, used)
        for names, _, used in _definitions()
        if names not in chosen and wanted & set(names.split())
    ]:
        chosen |= {names for names, _ in new}
        wanted = wanted.union(*(used for _, used in new))
    parts = [words for names, words, _ in _definitions() if names in chosen]
    imports = sorted(part for part in parts if part.startswith("import "))
    settings = [part for part in parts if part[0].isupper()]
    rest = [part for part in parts if part not in imports and part not in settings]
    return "\n\n\n".join(["\n".join([*imports, "", *settings]), *rest])
