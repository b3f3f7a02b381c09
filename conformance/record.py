"""Collect the results of a run, judge the run as a whole, and have the results file written.

It sits where all reports come together: in the xdist controller, or in the only process.
"""

from __future__ import annotations

import datetime
import time
from typing import TYPE_CHECKING, cast

import pytest

from . import __version__
from .harness.transports import TRANSPORTS
from .requirement import PLATFORM
from .stopping import FROM_THE_KEYBOARD
from .verdict import FIELDS, STARTING, TRANSCRIPT

if TYPE_CHECKING:
    from collections.abc import Callable

    from .report.model import Document, JudgedBaseline, Result
    from .subject import Subject

_SELECTION = (
    "peer",
    "peer_a",
    "peer_b",
    "dialect",
    "subject",
    "backend",
    "expect",
    "transport",
    "survival",
    "level",
    "check",
    "group",
    "timeout_scale",
    "launcher",
)


class Recorder:
    """What has been reported so far."""

    def __init__(self) -> None:
        self.subject: Subject | None = None
        self.results: list[Result] = []
        self.platform_left_out = ""
        """Why the platform checks were left out, if they were."""
        self.judge: Callable[[list[Result]], JudgedBaseline] | None = None
        """Holds the results against a baseline, if there is one."""
        self.interrupted = ""
        """Why the run was stopped before its end, if it was."""
        self._others_ran = False
        self._crashed = False
        self._started = datetime.datetime.now(datetime.timezone.utc)
        self._clock = time.monotonic()

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Keep the result of one check."""
        said = {name: value for name, value in report.user_properties if name in FIELDS}
        if len(said) < len(FIELDS):
            self._others_ran |= report.when == "call"
            self._crashed |= report.when not in {"setup", "call", "teardown"}  # a worker died
        elif report.when == "call" or (report.when == "setup" and not report.passed):
            said["seconds"] = round(report.duration, 4)
            said |= {
                name: float(str(value))
                for name, value in report.user_properties
                if name == STARTING
            }
            if said["verdict"] != "pass":
                said["transcript"] = {
                    title[len(TRANSCRIPT) :]: text.splitlines()
                    for title, text in report.sections
                    if title.startswith(TRANSCRIPT)
                }
            self.results.append(cast("Result", said))

    @pytest.hookimpl(tryfirst=True)
    def pytest_keyboard_interrupt(self, excinfo: pytest.ExceptionInfo[BaseException]) -> None:
        """Take note of why the run is stopped."""
        self.interrupted = str(excinfo.value) or FROM_THE_KEYBOARD

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Let no run pass that executed nothing; write the results file."""
        executed = any(result["verdict"] != "skip" for result in self.results)
        passed = session.exitstatus == pytest.ExitCode.OK
        if self.results and not executed and not self._others_ran and passed:
            session.exitstatus = pytest.ExitCode.NO_TESTS_COLLECTED
        path = session.config.getoption("conformance_results", None)
        finished = session.exitstatus in {0, 1, 5} and not self._crashed
        if session.exitstatus != pytest.ExitCode.INTERRUPTED:
            self.interrupted = ""  # as by -x, which was asked for
        if path and self.subject and (finished or self.interrupted):
            from .report import model

            try:
                model.write(path, self.document(session.config))
            except OSError as error:
                pytest.exit(
                    f"the results cannot be written: {error}", pytest.ExitCode.INTERNAL_ERROR
                )

    def document(self, config: pytest.Config) -> Document:
        """Give the results document, also of a run that was interrupted."""
        from . import environment
        from .report import model
        from .requirement import catalogue

        assert self.subject is not None
        entries = [requirement.entry() for requirement, _ in catalogue()]
        ran = {(result["id"], result["transport"]) for result in self.results}
        due = {
            "passer": {
                (requirement.id, transport)
                for requirement, _ in catalogue()
                if not requirement.only or requirement.only in self.subject.backends()
                for transport in ([requirement.over] if requirement.over else TRANSPORTS)
                if not requirement.of_platform
            },
            "platform": {
                (requirement.id, PLATFORM)
                for requirement, _ in catalogue()
                if requirement.of_platform and not self.platform_left_out
            },
        }
        if self.interrupted:
            ran.clear()  # of a check that has a result, other variants may be to come
        left_out = any(not ran >= all_of_it for all_of_it in due.values())
        whole = [subject for subject, all_of_it in due.items() if all_of_it and ran >= all_of_it]
        chosen = {name: config.getoption(f"conformance_{name}") for name in _SELECTION}
        return model.document(
            version=__version__,
            entries=entries,
            started=self._started.isoformat(timespec="seconds"),
            seconds=time.monotonic() - self._clock,
            argv=[str(argument) for argument in config.invocation_params.args],
            selection={**chosen, "complete": not left_out, "complete_of": whole},
            subject={**self.subject.hello, "command": list(self.subject.command)},
            environment=environment.record(),
            evidence=environment.evidence(self.subject.hello.get("system")),
            results=self.results,
            # Of a part of the results a baseline would only say that all lines are wrong.
            baseline=self.judge(self.results) if self.judge and not self.interrupted else None,
            interrupted=self.interrupted,
        )
