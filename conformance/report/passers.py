"""The page of the peers that come with the suite: what became of each, by its results file."""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING

from .model import LEVELS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from .model import Document

_TOP = """\
# Peers that come with the suite

Each is a small program that translates requests into the calls of one passer, and repairs nothing:
what the passer loses is lost. `python -m conformance peers` says which of them can be run here, and
which Debian package the others need.

A failed MUST says what the passer does not promise; it is no reproach. Checks that are skipped need
operations that the passer, or its peer, does not have. This page is written by
`python -m conformance peers --write FILE...`, from one results file (`run --peer NAME --subject
passer --results FILE`) for each. The numbers count a check once for each variant.

"""
_WENT_WRONG = ("fail", "error")


def page(documents: Sequence[Document], shipped: Mapping[str, tuple[str, str, str]]) -> str:
    """Give the page; *shipped* has the passer, the language and the dialects of each name."""
    names = list(shipped)
    chosen = [one for one in documents if _name(one) in shipped]
    chosen.sort(key=lambda document: names.index(_name(document)))
    return "\n".join(
        [
            _TOP
            + _table(
                "peer | passer | language | version | dialect | passed | failed | skipped | s"
            ),
            *(_row(one, shipped[_name(one)]) for one in chosen),
            "",
            "What fails, by promise; none: all of it was skipped.",
            "",
            *_promises(chosen),
            "",
            *map(_section, chosen),
        ]
    )


def _name(document: Document) -> str:
    return str(document["selection"]["peer"])


def _table(titles: str) -> str:
    return f"| {titles} |\n|{'---|' * (titles.count('|') + 1)}"


def _row(document: Document, words: tuple[str, str, str]) -> str:
    passer, language, dialect = words
    found = document["summary"]
    levels = Counter(
        result["level"] for result in document["results"] if result["verdict"] in _WENT_WRONG
    )
    failed = ", ".join(f"{levels[level]} {level}" for level in LEVELS if levels[level])
    version = str(document["subject"]["version"]).removeprefix(language.lower())
    return (
        f"| `{_name(document)}` | {passer} | {language} | {version} | {dialect} |"
        f" {found['pass']} | {failed or 0} | {found['skip']} | {document['seconds']:.0f} |"
    )


def _promises(documents: Sequence[Document]) -> list[str]:
    groups = list(dict.fromkeys(one["group"] for each in documents for one in each["results"]))
    lines = [_table("peer | " + " | ".join(groups))]
    for document in documents:
        cells = []
        for group in groups:
            count = Counter(one["verdict"] for one in document["results"] if one["group"] == group)
            wrong = sum(count[verdict] for verdict in _WENT_WRONG)
            tried = wrong + count["pass"]
            cells.append(
                "none" if not tried else f"**{wrong}** of {tried}" if wrong else "keeps it"
            )
        lines.append(f"| `{_name(document)}` | {' | '.join(cells)} |")
    return lines


def _section(document: Document) -> str:
    failed: dict[str, str] = {}
    for result in document["results"]:
        if result["verdict"] in _WENT_WRONG:
            failed.setdefault(result["id"], f"{result['level']} {_words(result['message'])}")
    lines = [f"- `{check}` {why}" for check, why in failed.items()]
    about = [_where(document), "", *(lines or ["Nothing failed."]), ""]
    return "\n".join([f"## {_name(document)}", "", *about])


def _where(document: Document) -> str:
    around = document["environment"]
    uname = around.get("uname") or {}
    kernel = f"{uname.get('system')} {str(uname.get('release')).partition('-')[0]}"
    places = [
        kernel,
        str(uname.get("machine")),
        str(around.get("distribution") or "unknown system"),
    ]
    day = document["started"][:10]
    return f"{document['evidence']} {day} on {', '.join(places)}; {document['subject']['language']}"


def _words(message: str) -> str:
    line = re.sub(r"/\S+/fdcp-\S+/", ".../", message.split("\n", 1)[0])  # another in each run
    line = " ".join(line.split()).replace("|", "\\|")
    return line if len(line) <= 110 else f"{line[:107]}..."
