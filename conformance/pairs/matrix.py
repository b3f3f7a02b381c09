"""The matrix: every row with every column, several pairs at once, and the document of it all."""

from __future__ import annotations

import datetime
import time
from concurrent.futures import ThreadPoolExecutor, as_completed
from typing import TYPE_CHECKING

from .. import __version__, environment
from ..errors import CannotStart, Lacking, PassFailed, PeerFailed, RequestRefused
from ..peers.shipped import SHIPPED
from . import verdicts
from .acquainted import REFUSALS, Known, meet
from .meeting import Meeting
from .trials import RAW, TRIALS, broken_off, raw

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ..report.pairs import Cell, Column, Document, Outcome, Row, Step

    Told = Callable[[int, int, str], None]
    """Takes how many cells are done, how many there are to be, and what was done last."""

_SUITE = "the suite"
_FAILURES = (PeerFailed, PassFailed, RequestRefused, CannotStart, AssertionError, KeyError, OSError)
"""What ends a trial; a field that an answer lacks is a KeyError."""


def measured(
    names: Sequence[str], workers: int, scale: float, told: Told = lambda *_: None
) -> Document:
    """Try all of *names* with one another; what cannot take part is listed with the reason."""
    started, before = datetime.datetime.now(datetime.timezone.utc), time.monotonic()
    with ThreadPoolExecutor(workers) as pool:
        known, missing = _met(pool, names, scale)
        jobs = [_Job(one, dialect, other, scale) for one, dialect, other in _pairs(known)]
        works = [job.run for job in jobs] + [_RawJob(other, scale).run for other in known]
        due = len(jobs) + len(RAW) * len(known)
        cells: list[Cell] = []
        try:
            for done in as_completed([pool.submit(work) for work in works]):
                cells += done.result()
                told(len(cells), due, f"{cells[-1]['row']}: {cells[-1]['column']}")
        except BaseException:  # interrupted: what has not begun is not waited for
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    rows, columns = _rows(known), [_column(one) for one in known]
    order = {row["id"]: place for place, row in enumerate(rows)}
    places = {column["name"]: place for place, column in enumerate(columns)}
    cells.sort(key=lambda cell: (order[cell["row"]], places[cell["column"]]))
    return {
        "schema": 1,
        "suite": {"version": __version__},
        "started": started.isoformat(timespec="seconds"),
        "seconds": round(time.monotonic() - before, 3),
        "environment": environment.record(),
        "evidence": environment.evidence(),
        "rows": rows,
        "columns": columns,
        "missing": missing,
        "cells": cells,
        "finished": True,
    }


def _met(
    pool: ThreadPoolExecutor, names: Sequence[str], scale: float
) -> tuple[list[Known], dict[str, str]]:
    meetings = {name: pool.submit(meet, name, scale) for name in names}
    known, missing = [], {}
    for name, meeting in meetings.items():
        try:
            known.append(meeting.result())
        except REFUSALS as refusal:
            missing[name] = str(refusal)
    return known, missing


def _pairs(known: Sequence[Known]) -> list[tuple[Known, str, Known]]:
    return [(one, dialect, other) for one in known for dialect in one.dialects for other in known]


def _row_id(name: str, dialect: str) -> str:
    return f"{name}, {dialect}"


def _rows(known: Sequence[Known]) -> list[Row]:
    rows: list[Row] = [
        {"id": _row_id(one.name, d), "name": one.name, "dialect": d, "wire": wire, "raw": False}
        for one in known
        for d, wire in one.wires.items()
    ]
    for name in RAW:
        row_id = _row_id(_SUITE, name)
        rows.append({"id": row_id, "name": _SUITE, "dialect": name, "wire": [], "raw": True})
    return rows


def _column(one: Known) -> Column:
    return {
        "name": one.name,
        "passer": one.passer(),
        "version": str(one.about["version"]),
        "language": str(one.about["language"]),
        "package": SHIPPED[one.name].package if one.name in SHIPPED else "",
        "dialects": list(one.dialects),
        "lists_dialects": bool(one.told),
    }


class _Job:
    """One cell: a sender in one dialect, and a receiver."""

    def __init__(self, one: Known, dialect: str, other: Known, scale: float) -> None:
        self._one, self._dialect, self._other, self._scale = one, dialect, other, scale
        self._to_sender = dialect if one.told else None
        self._to_receiver = dialect if dialect in other.told else None

    def run(self) -> list[Cell]:
        """Do the trials; the processes last for as long as nothing went wrong with them."""
        trying = _Trying(self._one.command, self._other.command, list(TRIALS), self._scale)
        outcomes: dict[str, Outcome] = {}
        lacking: dict[str, str] = {}
        with trying:
            for name, trial in TRIALS.items():
                try:
                    outcomes[name] = trying.tried(
                        lambda it: trial(it, self._to_sender, self._to_receiver)  # noqa: B023
                    )
                except Lacking as lack:
                    lacking[name] = str(lack)
                if not any(step["got"] for step in outcomes["one by one"]["steps"]):
                    break  # where nothing arrives, nothing more can be found out
        return [
            _cell(
                _row_id(self._one.name, self._dialect),
                self._other,
                dialect=self._to_receiver or self._other.dialects[0],
                verdict=verdicts.of_pair(outcomes),
                outcomes=outcomes,
                trying=trying,
                lacking=lacking,
            )
        ]


class _RawJob:
    """The cells of one receiver in the rows where the suite sends."""

    def __init__(self, other: Known, scale: float) -> None:
        self._other, self._scale = other, scale

    def run(self) -> list[Cell]:
        """Send everything raw to one process, or to another one where that has gone."""
        other = self._other
        cells = []
        with _Trying(None, other.command, list(RAW), self._scale) as trying:
            for name in RAW:
                outcome = trying.tried(lambda it: raw(it, name, other.message))  # noqa: B023
                cells.append(
                    _cell(
                        _row_id(_SUITE, name),
                        other,
                        dialect=other.dialects[0],
                        verdict=verdicts.of_raw(outcome),
                        outcomes={"raw": outcome},
                        trying=trying,
                    )
                )
        return cells


class _Trying:
    """Trials with one meeting, or with another one after anything went wrong."""

    def __init__(
        self,
        sending: Sequence[str] | None,
        receiving: Sequence[str],
        channels: Sequence[str],
        scale: float,
    ) -> None:
        self._arguments = (sending, receiving, channels, scale)
        self._meeting: Meeting | None = None
        self.transcripts: dict[str, list[str]] = {}
        self.since = time.monotonic()

    def __enter__(self) -> _Trying:
        return self

    def __exit__(self, *_: object) -> None:
        self._end()

    def tried(self, trial: Callable[[Meeting], Outcome]) -> Outcome:
        """Do one trial; a peer that fails is an outcome.

        Raises:
            Lacking: it cannot be done with these two.

        """
        try:
            if self._meeting is None:
                self._meeting = Meeting(*self._arguments)
            self._meeting.anew()
            outcome = trial(self._meeting)
            self.transcripts = self._meeting.transcripts()
            return outcome
        except _FAILURES as failure:
            steps: list[Step] = []
            if self._meeting is not None:
                self.transcripts = self._meeting.transcripts()
                steps = self._meeting.receiver.steps
            self._end()
            return broken_off(str(failure) or type(failure).__name__, steps)

    def _end(self) -> None:
        if self._meeting is not None:
            self._meeting.close()
            self._meeting = None


def _cell(
    row: str,
    one: Known,
    *,
    dialect: str,
    verdict: verdicts.Verdict,
    outcomes: dict[str, Outcome],
    trying: _Trying,
    lacking: dict[str, str] | None = None,
) -> Cell:
    now = time.monotonic()
    seconds, trying.since = now - trying.since, now
    return {
        "row": row,
        "column": one.name,
        "dialect": dialect,
        "kind": verdict.kind,
        "words": verdict.words,
        "seconds": round(seconds, 3),
        "trials": outcomes,
        "not_tried": lacking or {},
        "transcript": {} if verdict.kind == "passes" else trying.transcripts,
    }
