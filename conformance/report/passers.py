"""The page of the peers that come with the suite: what became of each, by its results file."""

from __future__ import annotations

import re
from collections import Counter
from statistics import median
from typing import TYPE_CHECKING, NamedTuple

from .model import LEVELS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from .model import Document

_TOP = """\
# Peers that come with the suite

Each is a small program that translates requests into the calls of one passer, and repairs nothing:
what the passer loses is lost. `python -m conformance peers` says which of them can be run here, and
what installs the others.

A failed MUST says what the passer does not promise; it is no reproach. Checks that are skipped need
operations that the passer, or its peer, does not have. The numbers count a check once for each
variant; *s* has the seconds of all checks together, without those in which peers started; *start*
says how long the peers of a check took to, at the median. Why a check fails says the passer's
[baseline](../baselines/README.md), by which `run --peer NAME --baseline auto` goes.

This page, and the table in the project's README, are written by `python -m conformance peers
--write FILE...`, from a results file for each (`run --peer NAME --subject passer --results FILE`).

"""
_WENT_WRONG = ("fail", "error")


class Passer(NamedTuple):
    """What there is to say of a passer beside its results."""

    passer: str
    language: str
    dialects: str
    reasons: Mapping[str, tuple[str, str]]
    """Why a check fails, and who says so, as far as its baseline knows."""


def page(documents: Sequence[Document], shipped: Mapping[str, Passer]) -> str:
    """Give the page; *shipped* has what is to be said of each name."""
    chosen = _in_order(documents, shipped)
    titles = "peer | passer | language | version | dialects | passed | failed | skipped | s | start"
    return "\n".join(
        [
            _TOP + _table(titles),
            *(_row(one, shipped[_name(one)]) for one in chosen),
            "",
            "What fails, by promise; none: all of it was skipped.",
            "",
            *_promises(chosen),
            "",
            *(_section(one, shipped[_name(one)].reasons) for one in chosen),
        ]
    )


def promises(documents: Sequence[Document], shipped: Mapping[str, Passer]) -> str:
    """Give the table of passers and promises alone, with the language of each."""
    chosen = _in_order(documents, shipped)
    return "\n".join(_promises(chosen, {name: one.language for name, one in shipped.items()}))


def _in_order(documents: Sequence[Document], shipped: Mapping[str, Passer]) -> list[Document]:
    names = list(shipped)
    chosen = [one for one in documents if _name(one) in shipped]
    return sorted(chosen, key=lambda document: names.index(_name(document)))


def _name(document: Document) -> str:
    return str(document["selection"]["peer"])


def _table(titles: str) -> str:
    return f"| {titles} |\n|{'---|' * (titles.count('|') + 1)}"


def _row(document: Document, about: Passer) -> str:
    found = document["summary"]
    levels = Counter(
        result["level"] for result in document["results"] if result["verdict"] in _WENT_WRONG
    )
    failed = ", ".join(f"{levels[level]} {level}" for level in LEVELS if levels[level])
    version = str(document["subject"]["version"]).removeprefix(about.language.lower())
    tried = [one for one in document["results"] if one["verdict"] != "skip"]
    seconds = sum(one["seconds"] - one.get("starting", 0) for one in tried)
    starts = [one["starting"] for one in tried if "starting" in one]
    start = f"{median(starts):.2f}" if starts else ""
    return (
        f"| `{_name(document)}` | {about.passer} | {about.language} | {version} |"
        f" {about.dialects} | {found['pass']} | {failed or 0} | {found['skip']} |"
        f" {seconds:.0f} | {start} |"
    )


def _promises(
    documents: Sequence[Document], languages: Mapping[str, str] | None = None
) -> list[str]:
    groups = list(dict.fromkeys(one["group"] for each in documents for one in each["results"]))
    titles = ["passer", "language"] if languages else ["peer"]
    lines = [_table(" | ".join([*titles, *groups]))]
    for document in documents:
        cells = [f"`{_name(document)}`"]
        if languages:
            cells.append(languages[_name(document)])
        for group in groups:
            count = Counter(one["verdict"] for one in document["results"] if one["group"] == group)
            wrong = sum(count[verdict] for verdict in _WENT_WRONG)
            tried = wrong + count["pass"]
            cells.append(
                "none" if not tried else f"**{wrong}** of {tried}" if wrong else "keeps it"
            )
        lines.append(f"| {' | '.join(cells)} |")
    return lines


def _section(document: Document, reasons: Mapping[str, tuple[str, str]]) -> str:
    alike: dict[tuple[str, str], dict[str, str]] = {}
    for result in document["results"]:
        if result["verdict"] in _WENT_WRONG:
            check, level = result["id"], result["level"]
            why = reasons.get(check, (f"not known: {_words(result['message'])}", ""))
            alike.setdefault(why, {}).setdefault(check, level)
    lines = []
    for (reason, url), checks in alike.items():
        by_level = (
            f"{level} {', '.join(f'`{check}`' for check in checks if checks[check] == level)}"
            for level in LEVELS
            if level in checks.values()
        )
        link = f" ({url})" if url else ""
        lines.append(f"- {reason}{link}\n  {'; '.join(by_level)}")
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
