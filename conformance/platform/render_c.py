"""Write a script as one C program that stands alone."""

from __future__ import annotations

import functools
import re
from typing import TYPE_CHECKING

from .prelude import texts
from .render import Renderer, leaves

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from .steps import Block, Comparison, Expectation, Part, Step

_HOW = (
    "Compile it with `cc -Wall -pthread FILE.c -o FILE` (on illumos with -lsocket -lnsl), and run",
    "it with `./FILE [SECONDS A STEP]`.",
)
_EMPTY = {"struct result": "{0}", "int": "-1", "pid_t": "-1"}
_TYPES = {"result": "struct result", "descriptor": "int", "process": "pid_t"}


class C(Renderer):
    """C99 and POSIX."""

    words = {"or": "||", "and": "&&"}

    def program(self) -> str:
        """Give the whole program."""
        about = "\n".join(f" * {line}".rstrip() for line in self.about(_HOW)).replace("*/", "* /")
        lines = "\n".join(self.items(self.script.body))
        named: dict[str, list[str]] = {}
        for name, gives in self.script.names.items():
            named.setdefault(_TYPES[gives], []).append(name)
        variables = "\n".join(
            f"    {kind} {', '.join(f'{name} = {_EMPTY[kind]}' for name in names)};"
            for kind, names in named.items()
        )
        # Not all that is given is looked at.
        unused = "".join(f"    (void){name};\n" for name in self.script.names)
        last = f"{unused}    end(HOLDS, NULL, NULL, NULL);"
        steps = f"{variables}\n    start(argc, argv);\n{lines}\n{last}"
        main = f"int main(int argc, char **argv)\n{{\n{steps}\n}}\n"
        return f"/*\n{about}\n */\n{_prelude(main)}\n\n{main}"

    def step(self, step: Step) -> str:
        """Give the line of a step."""
        given = [self.given(one) for one in step.arguments]
        if step.gives == "pair":
            given += [f"&{name}" for name in step.names]
        call = f"do_{step.operation}({', '.join(given)})"
        if step.may_fail:
            call = f"attempt({call})"
        return f"{call};" if step.gives == "pair" else f"{step.name} = {call};"

    def expectation(self, item: Expectation) -> Sequence[str]:
        """Give the lines of an expectation."""
        seen = [
            f"{value.kind}({_quoted(name)}, {self.value(value)})"
            for name, value in leaves(item.condition).items()
        ]
        name = "need" if item.needed else "expect"
        condition, wanted = self.condition(item.condition), _quoted(str(item.condition))
        return [
            f"{name}({condition},",
            f"       {_quoted(item.words)}, {wanted},",
            f"       saw({', '.join([*seen, 'NULL'])}));",
        ]

    def block(self, block: Block, indent: str) -> Iterator[str]:
        """Give the lines of a block."""
        last = {"child": "leave();", "process": "stay();"}.get(block.kind)
        call = f"do_{block.kind}({block.steps()})"
        if block.name:
            yield f"{indent}{block.name} = {call};"
        times = f"for (int times = 0; times < {block.times}; times++) {{"
        yield indent + (f"if ({block.name or call} == 0) {{" if last else times)
        yield from self.items(block.body, indent + "    ")
        if last:
            yield f"{indent}    {last}"
        yield f"{indent}}}"

    def parts(self, parts: Sequence[Part]) -> str:
        """Write control messages."""
        written = []
        for part in parts:
            if part.data is not None:
                written.append(f'part("{part.type}", {self.data(part.data)})')
            elif part.all_of is not None:
                all_ = self.value(part.all_of)
                written.append(f"rights({all_}.list, (size_t){all_}.fds)")
            elif len(part.fds) > 8 and len(set(map(self.fd, part.fds))) == 1:
                written.append(f"rights_to({self.fd(part.fds[0])}, {len(part.fds)})")
            elif not part.fds:
                written.append('part("RIGHTS", DATA(""))')
            else:
                written.append(f"RIGHTS({', '.join(map(self.fd, part.fds))})")
        return f"PARTS({', '.join(written)})" if written else "NO_PARTS"

    def data(self, data: bytes) -> str:
        """Write bytes."""
        if len(data) > 32 and len(set(data)) == 1:
            return f"filled({data[0]}, {len(data)})"
        return f"DATA({_quoted(data)})"

    def field(self, name: str) -> str:
        """Write the name of a field; some names are taken."""
        return {"errno": "error"}.get(name, name)

    def comparison(self, condition: Comparison, sign: str) -> str:
        """Write a comparison."""
        left, kind, wanted = self.value(condition.value), condition.value.kind, condition.wanted
        if kind == "number":
            return super().comparison(condition, sign)
        right = self.given(wanted)
        return f"{'same_text' if kind == 'text' else 'same_data'}({left}, {right})"


def _quoted(words: str | bytes) -> str:
    data = words.encode() if isinstance(words, str) else words
    written = "".join(_escaped(byte) for byte in data)
    return f'"{written}"'


def _escaped(byte: int) -> str:
    # Octal: a hexadecimal escape would take the digits behind it too.
    if byte in b'"\\?':
        return f"\\{chr(byte)}"
    return chr(byte) if 32 <= byte < 127 else f"\\{byte:03o}"


# -- the parts of the prelude that are used -------------------------------------------------------


@functools.cache
def _chunks() -> tuple[tuple[str, str], ...]:
    """Give the functions by their names; what is none has an empty one, and is always there."""
    found = []
    for chunk in "\n".join(texts("c")).strip().split("\n\n"):
        function = re.search(r"^(?:static )[\w *]*?\b(\w+)\([^;]*$", chunk, re.MULTILINE)
        found.append((function[1] if function else "", chunk))
    return tuple(found)


@functools.cache
def _macros() -> dict[str, set[str]]:
    """Give the functions that each macro calls."""
    text = "".join(texts("c")).replace("\\\n", "")
    found = re.findall(r"^#define (\w+)\(.*?\)(.*)$", text, re.MULTILINE)
    return {name: _named(body) for name, body in found}


def _prelude(main: str) -> str:
    chosen: set[str] = set()
    called = _called(main)
    while new := [one for one in _chunks() if one[0] in called - chosen]:
        chosen |= {name for name, _ in new}
        called = called.union(*(_called(chunk) for _, chunk in new))
    return "\n\n".join(chunk for name, chunk in _chunks() if not name or name in chosen)


def _called(text: str) -> set[str]:
    """Name the functions that some code calls, also by macros."""
    named = _named(text)
    return named.union(*(_macros()[name] for name in named if name in _macros()))


def _named(text: str) -> set[str]:
    """Name what stands before a parenthesis, and what handles a signal."""
    text = re.sub(r'/\*.*?\*/|"(?:\\.|[^"\\])*"', "", text, flags=re.DOTALL)
    called = re.findall(r"\b([A-Za-z_]\w*)\(", text)
    return {*called, *re.findall(r"\b(?:signal\(\w+, |sa_handler = )(\w+)", text)}
