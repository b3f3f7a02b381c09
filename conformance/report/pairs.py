"""The matrix of senders and receivers: its document, and what is drawn from it on a terminal."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TypedDict, cast

from rich.table import Table
from rich.text import Text

from . import shape, terminal
from .screen import duration

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from rich.console import RenderableType

    from .screen import Screen

SCHEMA = 1
_WIDE = 3  # columns of the terminal for one receiver


class Step(TypedDict):
    """What one receive gave: the letter of a descriptor, or what was said."""

    when: str
    got: str | None
    said: str
    words: str


class Outcome(TypedDict):
    """What came of one trial; ``leaked``: descriptors left open at the receiver, None: unknown."""

    due: list[str]
    steps: list[Step]
    sender: list[str]
    leaked: int | None
    failure: str


class Cell(TypedDict):
    """A sender and a receiver, and what became of every trial with them."""

    row: str
    column: str
    dialect: str
    kind: str
    words: str
    seconds: float
    trials: dict[str, Outcome]
    not_tried: dict[str, str]
    transcript: dict[str, list[str]]


class Row(TypedDict):
    """A sender in one dialect; ``wire``: the messages of one descriptor, in digits."""

    id: str
    name: str
    dialect: str
    wire: list[str]
    raw: bool


class Column(TypedDict):
    """A receiver."""

    name: str
    passer: str
    version: str
    language: str
    package: str
    dialects: list[str]
    lists_dialects: bool


class Document(TypedDict):
    """The whole matrix."""

    schema: int
    suite: dict[str, str]
    started: str
    seconds: float
    environment: dict[str, Any]
    evidence: str
    rows: list[Row]
    columns: list[Column]
    missing: dict[str, str]
    cells: list[Cell]
    finished: bool


class Kind(NamedTuple):
    """How a kind of verdict is shown, and what it says."""

    mark: str
    plain: str
    style: str
    meaning: str


KINDS: dict[str, Kind] = {
    "passes": Kind("✓", "+", "green", "all that was sent arrives, in order; some of it late"),
    "leaks": Kind("◔", "k", "yellow", "all arrives; the receiver leaves descriptors open"),
    "loses": Kind("◑", "l", "yellow", "one by one all arrives; not from an array, or when full"),
    "out of step": Kind(
        "⇄", "S", "bold magenta", "a descriptor comes in another one's place, or not in its own"
    ),
    "refuses": Kind("⊘", "r", "cyan", "the receiver says that this comes from no passer"),
    "fails": Kind("✗", "F", "bold red", "not even one by one does all arrive"),
    "dies": Kind("†", "D", "bold red", "one of the two processes ends"),
    "hangs": Kind("…", "H", "bold red", "one of the two does not answer in time"),
}
"""Every kind of verdict, the best first."""

_WORD = {"type": "string"}
_NUMBER = {"type": "number"}
_WORDS: dict[str, Any] = {"type": "array", "items": _WORD}
_OBJECT = {"type": "object"}


def _fields(**properties: object) -> dict[str, Any]:
    return {"type": "object", "required": list(properties), "properties": properties}


_SHAPE = _fields(
    schema={"const": SCHEMA},
    started=_WORD,
    seconds=_NUMBER,
    environment=_OBJECT,
    evidence=_WORD,
    missing=_OBJECT,
    finished={"const": True},
    rows={
        "type": "array",
        "items": _fields(id=_WORD, name=_WORD, dialect=_WORD, wire=_WORDS, raw={"type": "boolean"}),
    },
    columns={
        "type": "array",
        "items": _fields(
            name=_WORD, passer=_WORD, version=_WORD, language=_WORD, dialects=_WORDS, package=_WORD
        ),
    },
    cells={
        "type": "array",
        "items": _fields(
            row=_WORD,
            column=_WORD,
            dialect=_WORD,
            kind={"enum": list(KINDS)},
            words=_WORD,
            seconds=_NUMBER,
            trials=_OBJECT,
            not_tried=_OBJECT,
            transcript=_OBJECT,
        ),
    },
)


class Refused(ValueError):
    """This is no matrix; the message says why."""


def read(path: str) -> Document:
    """Read a matrix that was written as JSON.

    Raises:
        Refused: it is cut, or something else.

    """
    try:
        found = json.loads(Path(path).read_bytes())
    except ValueError as error:
        raise Refused(f"{path}: expected JSON to the end, {error}") from None
    if wrong := shape.complaint(found, _SHAPE):
        raise Refused(f"{path} is no matrix of pairs: {wrong}")
    return cast("Document", found)


def cells(document: Document) -> Mapping[tuple[str, str], Cell]:
    """Give every cell by its row and its column."""
    return {(cell["row"], cell["column"]): cell for cell in document["cells"]}


def told(document: Document, column: str) -> list[tuple[str, list[Cell]]]:
    """Give what one receiver does, in words, and with whom; the worst last."""
    order = list(KINDS)
    of_it = [cell for cell in document["cells"] if cell["column"] == column]
    said: dict[str, list[Cell]] = {}
    for cell in sorted(of_it, key=lambda cell: order.index(cell["kind"])):
        said.setdefault(cell["words"], []).append(cell)
    return list(said.items())


def counted(document: Document) -> dict[str, int]:
    """Count the cells of each kind that there is."""
    kinds = [cell["kind"] for cell in document["cells"]]
    return {kind: kinds.count(kind) for kind in KINDS if kind in kinds}


def where(document: Document) -> str:
    """Say what it was measured on, and when."""
    around = document["environment"]
    uname = around.get("uname") or {}
    system = " ".join(
        str(uname[name]) for name in ("system", "release", "machine") if name in uname
    )
    places = [system, around.get("distribution"), around.get("libc")]
    words = ", ".join(str(place) for place in places if place)
    return f"{document['evidence']} {document['started'][:10]} on {words or 'an unknown system'}"


# -- on a terminal --------------------------------------------------------------------------------


def shown(screen: Screen, document: Document) -> list[RenderableType]:
    """Show the matrix, what its marks mean, and what each receiver does in words."""
    facts = {"measured": f"{document['started']}, {document['evidence']}"}
    parts: list[RenderableType] = [
        terminal.header({}, document["environment"], {"peer": "those in the table"}, facts),
        "",
        *_tables(screen, document),
        "",
        *_legend(screen, document),
    ]
    for column in document["columns"]:
        parts += ["", Text(f"{column['name']} receives", style="bold")]
        for words, members in told(document, column["name"]):
            line = Text("  ").append_text(mark(screen, members[0]["kind"])).append(f" {words}: ")
            parts.append(line.append("; ".join(cell["row"] for cell in members), style="dim"))
    for missing, why in document["missing"].items():
        parts += ["", Text(f"not in the table: {missing}: {why}", style="yellow")]
    counts = ", ".join(f"{count} {kind}" for kind, count in counted(document).items())
    words = f"{len(document['cells'])} pairs in {duration(document['seconds'])}: {counts}"
    return [*parts, "", Text(words, style="bold")]


def mark(screen: Screen, kind: str) -> Text:
    """Give the mark of a kind."""
    look = KINDS[kind]
    return Text(look.plain if screen.plain else look.mark, style=look.style)


def _tables(screen: Screen, document: Document) -> Iterable[RenderableType]:
    """Draw the matrix, in as many pieces as it takes to fit in."""
    rows = {row["id"]: row for row in document["rows"]}
    numbers = {column["name"]: i for i, column in enumerate(document["columns"], 1)}
    labels = {
        each: f"{numbers.get(row['name'], ''):>2} {each}".rstrip() for each, row in rows.items()
    }
    room = screen.console.width - max(map(len, labels.values()), default=0) - 4
    names, many = list(numbers), max(1, room // _WIDE)
    for start in range(0, len(names), many):
        yield _table(screen, document, labels, {n: numbers[n] for n in names[start : start + many]})


def _table(
    screen: Screen, document: Document, labels: Mapping[str, str], numbers: Mapping[str, int]
) -> Table:
    found = cells(document)
    table = Table(box=screen.box, border_style="dim", header_style="bold", padding=(0, 0))
    table.add_column("sender, dialect", no_wrap=True)
    for number in numbers.values():
        table.add_column(str(number), justify="center", no_wrap=True, min_width=2)
    for row, label in labels.items():
        of_it = [found.get((row, name)) for name in numbers]
        table.add_row(label, *(mark(screen, cell["kind"]) if cell else "" for cell in of_it))
    return table


def _legend(screen: Screen, document: Document) -> Iterable[RenderableType]:
    numbered = [f"{i} {column['name']}" for i, column in enumerate(document["columns"], 1)]
    yield Text("receivers: " + ", ".join(numbered), style="dim")
    for kind in counted(document):
        yield mark(screen, kind).append(f" {kind}: {KINDS[kind].meaning}", style="dim")
