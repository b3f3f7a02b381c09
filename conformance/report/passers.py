"""The page of the peers that come with the suite: what became of each, by its results file."""

from __future__ import annotations

from typing import TYPE_CHECKING

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
`python -m conformance peers --write RESULTS...`, from one results file for each.

| peer | passer | language | dialect | passed | failed | skipped | seconds |
|---|---|---|---|---|---|---|---|
"""


def page(documents: Sequence[Document], shipped: Mapping[str, tuple[str, str, str]]) -> str:
    """Give the page; *shipped* has the passer, the language and the dialect of each name."""
    rows, sections = [], []
    for document in documents:
        name, subject = str(document["subject"]["name"]), document["subject"]
        passer, language, dialect = shipped.get(name, ("", str(subject["language"]), ""))
        found = document["summary"]
        counts = f"{found['pass']} | {found['fail']} | {found['skip']}"
        rows.append(
            f"| `{name}` | {passer} {subject['version']} | {language} | {dialect} | {counts} |"
            f" {document['seconds']:.0f} |"
        )
        sections.append(_section(name, document))
    return _TOP + "\n".join(rows) + "\n\n" + "\n".join(sections)


def _section(name: str, document: Document) -> str:
    failed: dict[str, str] = {}
    for result in document["results"]:
        if result["verdict"] in {"fail", "error"}:
            failed.setdefault(result["id"], f"{result['level']} {_words(result['message'])}")
    lines = [f"- `{check}` {why}" for check, why in failed.items()]
    return "\n".join([f"## {name}", "", _where(document), "", *(lines or ["Nothing failed."]), ""])


def _where(document: Document) -> str:
    around, subject = document["environment"], document["subject"]
    system = ", ".join(_told(around.get(key)) for key in ("uname", "distribution", "libc"))
    return f"{document['evidence']} {document['started'][:10]} on {system}; {subject['language']}."


def _told(value: object) -> str:
    if isinstance(value, dict):
        value = list(value.values())
    return " ".join(map(str, value)) if isinstance(value, list) else str(value or "unknown")


def _words(message: str) -> str:
    line = " ".join(message.split("\n", 1)[0].split()).replace("|", "\\|")
    return line if len(line) <= 110 else f"{line[:107]}..."
