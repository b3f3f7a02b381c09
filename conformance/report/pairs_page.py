"""The matrix of senders and receivers as a page: Markdown, or HTML in one file without a script.

Whatever a colour says is said by a mark and in words as well. Pure: it makes no system call.
"""

from __future__ import annotations

from html import escape
from importlib import resources
from typing import TYPE_CHECKING

from .pairs import KINDS, cells, counted, told, where

if TYPE_CHECKING:
    from collections.abc import Iterable

    from .pairs import Cell, Column, Document, Outcome, Row

_TITLE = "Every sender with every receiver"
_ABOUT = (
    "Two fresh processes for each pair, joined by a pair of sockets: ten descriptors one by one; "
    "three in one call, where the sender can; and A before, B while, C after the receiver's "
    "descriptor table is full. What arrived is known from what was written through it. In the rows "
    "of the suite it sends one message itself, and then a descriptor as the receiver knows it. "
    "Nobody is judged: who refuses what another one sends may be quite right."
)
_SEEN = "(seen): it lists no dialects, and this is what it was seen to send."
_WHO = ("peer", "passer", "version", "language", "dialects", "Debian package")


def markdown(document: Document) -> str:
    """Give the page in Markdown."""
    names = [column["name"] for column in document["columns"]]
    found = cells(document)
    lines = [f"# {_TITLE}", "", _ABOUT, "", f"{where(document)}; {_counts(document)}.", ""]
    lines += _row_of(["sender, dialect", *(f"`{name}`" for name in names)], head=True)
    for row in document["rows"]:
        of_it = [found.get((row["id"], name)) for name in names]
        lines += _row_of([f"`{row['id']}`", *(_brief(cell) if cell else "" for cell in of_it)])
    lines += ["", *(f"- {KINDS[kind].mark} {kind}: {KINDS[kind].meaning}" for kind in KINDS), ""]
    lines += ["## Who they are", "", *_row_of(_WHO, head=True)]
    for column in document["columns"]:
        lines += _row_of(_who(column))
    lines += [
        "",
        _SEEN,
        *(f"Not in it: `{name}`: {why}" for name, why in document["missing"].items()),
    ]
    lines += ["", "## What each receiver does", ""]
    for column in document["columns"]:
        lines += [f"### {column['name']}", ""]
        for words, members in told(document, column["name"]):
            senders = "; ".join(f"`{cell['row']}`" for cell in members)
            lines.append(f"- {_brief(members[0])}: {_cellular(words)}: {senders}")
        lines.append("")
    return "\n".join(lines)


def _row_of(words: Iterable[str], *, head: bool = False) -> list[str]:
    listed = [_cellular(word) for word in words]
    line = f"| {' | '.join(listed)} |"
    return [line, f"|{'---|' * len(listed)}"] if head else [line]


def _cellular(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


def _brief(cell: Cell) -> str:
    return f"{KINDS[cell['kind']].mark} {cell['kind']}"


def _who(column: Column) -> tuple[str, ...]:
    dialects = ", ".join(column["dialects"]) + ("" if column["lists_dialects"] else " (seen)")
    about = (column["name"], column["passer"], column["version"], column["language"])
    return (*about, dialects, column["package"] or "none")


def _counts(document: Document) -> str:
    counts = ", ".join(f"{count} {kind}" for kind, count in counted(document).items())
    return f"{len(document['cells'])} pairs: {counts}"


# -- HTML -----------------------------------------------------------------------------------------


def html(document: Document) -> str:
    """Give the page in HTML: nothing outside of it is needed to show it."""
    style = resources.files(__package__).joinpath("pairs.css").read_text(encoding="utf-8")
    stories = "".join(_stories(document, column) for column in document["columns"])
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{_TITLE}</title>
<style>
{style}</style>
</head>
<body>
<h1>{_TITLE}</h1>
<p class="about">{escape(_ABOUT)}</p>
{_facts(document)}
{_legend(document)}
<div class="matrix">
<table>
<caption>Senders down, receivers across; each cell leads to what its receiver does.</caption>
{_head(document)}
{_body(document)}
</table>
</div>
<h2>Who they are</h2>
{_people(document)}
<p><small>{_SEEN}</small></p>
<h2>What each receiver does</h2>
{stories}
</body>
</html>
"""


def _facts(document: Document) -> str:
    python = document["environment"].get("python") or {}
    words = {
        "evidence": where(document),
        "started": document["started"],
        "suite": f"{document['suite'].get('version')}, {document['seconds']:.1f} s, "
        f"{python.get('implementation', '')} {python.get('version', '')}",
        "cells": _counts(document),
    }
    words |= {f"not in it: {name}": why for name, why in document["missing"].items()}
    rows = (f"<dt>{escape(name)}</dt><dd>{escape(said)}</dd>" for name, said in words.items())
    return f"<dl>{''.join(rows)}</dl>"


def _legend(document: Document) -> str:
    counts = counted(document)
    items = (
        f'<li><span class="{_class(kind)}">{look.mark} {kind}</span> {escape(look.meaning)}'
        f" <small>({counts.get(kind, 0)})</small></li>"
        for kind, look in KINDS.items()
    )
    return f'<ul class="legend">{"".join(items)}</ul>'


def _head(document: Document) -> str:
    titles = "".join(
        f'<th scope="col"><a href="#r{i}">{escape(column["name"])}</a></th>'
        for i, column in enumerate(document["columns"])
    )
    return f'<thead><tr><th scope="col">sender, dialect</th>{titles}</tr></thead>'


def _body(document: Document) -> str:
    found = cells(document)
    names = [column["name"] for column in document["columns"]]
    lines = []
    for row in document["rows"]:
        of_it = "".join(
            _cell(found[row["id"], name], f"r{i}") if (row["id"], name) in found else "<td></td>"
            for i, name in enumerate(names)
        )
        lines.append(f"<tr{' class=raw' * row['raw']}>{_sender(row)}{of_it}</tr>")
    return f"<tbody>{''.join(lines)}</tbody>"


def _sender(row: Row) -> str:
    sent = ", ".join(row["wire"])
    title = f' title="one descriptor: {escape(sent)} (bytes+descriptors)"' if sent else ""
    words = f"{escape(row['name'])} <small>{escape(row['dialect'])}</small>"
    return f'<th scope="row"{title}>{words}</th>'


def _cell(cell: Cell, anchor: str) -> str:
    look = KINDS[cell["kind"]]
    title = escape(f"{cell['row']} → {cell['column']}: {cell['words']}")
    words = f"<b>{look.mark}</b><span>{cell['kind']}</span>"
    return (
        f'<td class="{_class(cell["kind"])}"><a href="#{anchor}" title="{title}">{words}</a></td>'
    )


def _class(kind: str) -> str:
    return kind.replace(" ", "-")


def _people(document: Document) -> str:
    head = "".join(f'<th scope="col">{escape(name)}</th>' for name in _WHO)
    rows = (
        f"<tr>{''.join(f'<td>{escape(word)}</td>' for word in _who(column))}</tr>"
        for column in document["columns"]
    )
    return (
        f'<div class="matrix"><table class="people"><thead><tr>{head}</tr></thead>'
        f"<tbody>{''.join(rows)}</tbody></table></div>"
    )


def _stories(document: Document, column: Column) -> str:
    number = document["columns"].index(column)
    items = []
    for words, members in told(document, column["name"]):
        kind = members[0]["kind"]
        senders = escape("; ".join(cell["row"] for cell in members))
        items.append(
            f'<li><span class="{_class(kind)}">{KINDS[kind].mark} {kind}</span> {escape(words)}'
            f"<br><small>from {senders}</small>{_story(members[0])}</li>"
        )
    return (
        f'<section id="r{number}"><h3>{escape(column["name"])}</h3>'
        f'<ul class="told">{"".join(items)}</ul></section>'
    )


def _story(cell: Cell) -> str:
    lines = [f"{name}: {_steps(outcome)}" for name, outcome in cell["trials"].items()]
    lines += [f"{name}: not tried: {why}" for name, why in cell["not_tried"].items()]
    for who, said in cell["transcript"].items():
        lines += ["", f"the end of what {who} was told (>) and said (<)", *said]
    text = escape("\n".join(lines))
    summary = f"<summary>{escape(cell['row'])}, step by step</summary>"
    return f"<details>{summary}<pre>{text}</pre></details>"


def _steps(outcome: Outcome) -> str:
    steps = [f"{step['got'] or step['said']}" + _when(step["when"]) for step in outcome["steps"]]
    if outcome["failure"]:
        return f"came {', '.join(steps) or 'nothing'}; {outcome['failure']}"
    leaked = "unknown" if outcome["leaked"] is None else outcome["leaked"]
    words = f"due {' '.join(outcome['due'])}; came {', '.join(steps)}; leaked {leaked}"
    return words + "".join(f"; the sender said: {said}" for said in outcome["sender"])


def _when(when: str) -> str:
    return {"full": " (while full)", "waited": " (waited on, and answered later)"}.get(when, "")
