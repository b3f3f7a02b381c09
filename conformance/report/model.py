"""The results file: built, checked, written and read. It is all that a report ever sees of a run.

Pure standard library, so that a results file can be read where nothing else is installed.
"""

from __future__ import annotations

import json
import os
import stat
from collections import Counter
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypedDict, cast

from . import catalogue, shape

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

SCHEMA = 1
LEVELS = ("MUST", "SHOULD", "MAY")
RAN = "ran"
"""The evidence of a run on the very system it tells of."""
VERDICTS = ("pass", "fail", "skip", "error")
BACKENDS = ("bsd44", "bsd43", "sysv", "windows")
TRANSPORTS = ("socketpair", "filesystem", "inherited")
PLATFORM = "platform"
"""The transport, and the peer, of a check of system calls alone; its backend is empty."""

# The exit status of a run.
CONFORMS, DEVIATES, USAGE, NOTHING_RAN, SUITE_FAILED = range(5)


class Refused(ValueError):
    """This is no results file, or not the whole of one."""


class _Result(TypedDict):
    id: str
    group: str
    level: str
    source: str
    requirement: str
    peer: str
    backend: str
    transport: str
    survival: str
    verdict: str
    message: str
    seconds: float


class Result(_Result, total=False):
    """What became of one check in one variant."""

    transcript: dict[str, list[str]]
    starting: float


class JudgedLine(TypedDict):
    """One line of a baseline, and what became of it."""

    file: str
    line: int
    check: str
    when: str
    status: list[str]
    reason: str
    url: str
    evidence: str
    expires: str
    outcome: str
    results: int
    wrong: list[str]


class JudgedBaseline(TypedDict):
    """What was known beforehand, held against what happened."""

    name: str
    sha256: str
    as_listed: bool
    lines: list[JudgedLine]
    unlisted: list[dict[str, str]]


class _Document(TypedDict):
    schema: int
    suite: dict[str, str]
    started: str
    seconds: float
    argv: list[str]
    selection: dict[str, Any]
    subject: dict[str, Any]
    environment: dict[str, Any]
    evidence: str
    results: list[Result]
    summary: dict[str, int]
    finished: bool


class Document(_Document, total=False):
    """A results file, field by field."""

    baseline: JudgedBaseline
    interrupted: str


def document(
    *,
    version: str,
    entries: Sequence[catalogue.Entry],
    started: str,
    seconds: float,
    argv: Sequence[str],
    selection: Mapping[str, Any],
    subject: Mapping[str, Any],
    environment: Mapping[str, Any],
    evidence: str,
    results: Iterable[Result],
    baseline: JudgedBaseline | None = None,
    interrupted: str = "",
) -> Document:
    """Build the document of a run; *interrupted* says why it did not come to its end, if so.

    *entries* is the whole catalogue; its order is the order of the results. *started* is
    ISO 8601 in UTC, *selection* has ``complete`` besides the options, *evidence* says what the run
    proves something of: ``ran`` of this system, else what stood between; *baseline* what became
    of the known deviations, if there is a list of them.
    """
    order = {entry["id"]: position for position, entry in enumerate(entries)}
    in_order = sorted(
        results,
        key=lambda result: (
            order.get(result["id"], len(order)),
            result["id"],
            _place(result["backend"], BACKENDS),
            _place(result["transport"], TRANSPORTS),
            result["survival"],
        ),
    )
    whole: Document = {
        "schema": SCHEMA,
        "suite": {"version": version, "catalogue_sha256": catalogue.sha256(entries)},
        "started": started,
        "seconds": round(seconds, 3),
        "argv": list(argv),
        "selection": dict(selection),
        "subject": dict(subject),
        "environment": dict(environment),
        "evidence": evidence,
        "results": in_order,
        "summary": summary(in_order),
        "finished": not interrupted,
    }
    if baseline is not None:
        whole["baseline"] = baseline
    if interrupted:
        whole["interrupted"] = interrupted
    return whole


def summary(results: Iterable[Result]) -> dict[str, int]:
    """Count the verdicts."""
    counted = Counter(result["verdict"] for result in results)
    return {verdict: counted[verdict] for verdict in VERDICTS}


def exit_status(results: Sequence[Result]) -> int:
    """Give the exit status that these results are worth.

    A run in which no MUST check was executed has proven nothing, whatever else passed.
    """
    verdicts = {result["verdict"] for result in results}
    if "error" in verdicts:
        return SUITE_FAILED
    of_must = {result["verdict"] for result in results if result["level"] == "MUST"}
    if not of_must & {"pass", "fail"}:
        return NOTHING_RAN
    return DEVIATES if "fail" in of_must else CONFORMS


def status(whole: Document) -> int:
    """Give the exit status of a run: with a baseline, whether all was as it lists.

    That takes the place of the verdict alone: a run that proved nothing did so in any case.
    """
    plain = exit_status(whole["results"])
    if "baseline" not in whole or plain not in {CONFORMS, DEVIATES}:
        return plain
    return CONFORMS if whole["baseline"]["as_listed"] else DEVIATES


def validate(candidate: object, name: str = "this") -> Document:
    """Check that *candidate* is a whole document of this format, and give it back typed.

    Raises:
        Refused: it is not, or is of a run that was interrupted; the message calls it *name*.

    """
    if isinstance(candidate, dict) and candidate.get("schema") == SCHEMA:
        _check_finished(candidate, name)
    return _validated(candidate, name)


def _check_finished(candidate: dict[str, object], name: str) -> None:
    if candidate.get("finished") is not True:
        why = f" ({candidate['interrupted']})" if "interrupted" in candidate else ""
        raise Refused(
            f'{name} is of a run that did not come to its end: expected "finished": true, '
            f"received {candidate.get('finished', 'nothing')!r}{why}"
        )


def _validated(candidate: object, name: str) -> Document:
    """Check the document of a run, which may have been interrupted."""
    if not isinstance(candidate, dict) or "schema" not in candidate:
        raise Refused(f'{name} is not a results file: expected an object with "schema": {SCHEMA}')
    if candidate["schema"] != SCHEMA:
        raise Refused(
            f"{name} is of another format: expected schema {SCHEMA}, "
            f"received schema {candidate['schema']!r}"
        )
    if found := shape.complaint(candidate, schema()):
        raise Refused(f"{name} is not a results file: {found}")
    checked = cast("Document", candidate)
    if checked["finished"] == bool(checked.get("interrupted")):
        raise Refused(f"{name} contradicts itself: it is of a run both finished and interrupted")
    counted = summary(checked["results"])
    claimed = {verdict: checked["summary"][verdict] for verdict in VERDICTS}
    if counted != claimed:
        raise Refused(
            f"{name} contradicts itself: its summary says {_words(claimed)}, "
            f"its results are {_words(counted)}"
        )
    return checked


def read(path: str | os.PathLike[str]) -> Document:
    """Read a results file.

    Raises:
        Refused: it is cut, unfinished, or no results file.

    """
    name = os.fspath(path)
    try:
        text = Path(path).read_bytes().decode()
    except UnicodeDecodeError as error:
        raise Refused(
            f"{name} is not a results file: expected UTF-8 text, {error.reason}"
        ) from None
    if not text.strip():
        raise Refused(f"{name} is empty: expected a results file")
    try:
        candidate = json.loads(text)
    except ValueError as error:
        kind = "is cut or damaged" if '"schema"' in text else "is not a results file"
        raise Refused(f"{name} {kind}: expected JSON to the end, {error}") from None
    return validate(candidate, name)


def write(path: str | os.PathLike[str], whole: Document) -> None:
    """Write a results file so that a reader sees the old one or the new one, never a part.

    That of a run that was interrupted says so, and nobody reads it as that of a whole one.
    A terminal, a pipe or a device is written to as it is.

    Raises:
        Refused: *whole* is no document of a run.

    """
    text = json.dumps(_validated(whole, "this document"), indent=1) + "\n"
    if _is_special(path):
        Path(path).write_text(text)
        return
    target = Path(os.path.realpath(path))  # a link stays a link
    part = target.with_name(f".{target.name}.{os.getpid()}.part")
    try:
        with part.open("x") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        part.replace(target)
    except BaseException:
        part.unlink(missing_ok=True)
        raise


def schema() -> dict[str, Any]:
    """Give the JSON Schema of a results file."""
    text = resources.files(__package__).joinpath("results.schema.json").read_text()
    return cast("dict[str, Any]", json.loads(text))


def _is_special(path: str | os.PathLike[str]) -> bool:
    try:
        return not stat.S_ISREG(os.stat(path).st_mode)  # of what /dev/stdout leads to
    except OSError:
        return False


def _place(word: str, known: Sequence[str]) -> tuple[int, str]:
    return (known.index(word) if word in known else len(known), word)


def _words(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{count} {verdict}" for verdict, count in counts.items())
