"""Run the checks: pytest is the engine, and all it reports comes to the screen from here."""

from __future__ import annotations

import datetime
import os
import sys
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePath
from typing import TYPE_CHECKING

import pytest

from . import __version__, entries, environment
from .baseline.condition import of_the_run
from .baseline.file import NONE, BadBaseline, chosen
from .baseline.judging import judge
from .harness.dialects import USUAL
from .harness.transports import TRANSPORTS
from .record import Recorder
from .report import junit, model, terminal
from .report.progress import NORMAL, QUIET, Watch
from .report.screen import Screen
from .requirement import catalogue
from .stopping import stoppable

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator, Sequence
    from typing import TextIO

    from .report.model import Document
    from .subject import Subject

_HERE = Path(__file__).resolve().parent
_ORDERLY = (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED, pytest.ExitCode.NO_TESTS_COLLECTED)
_NO_PHASE = "???"  # what xdist calls the phase in which a worker died


@dataclass(frozen=True)
class Options:
    """What the command line asked for."""

    peer: str = "fdpass"
    peer_a: str = ""
    peer_b: str = ""
    dialect: str = "auto"
    backend: str = "each"
    expect: Sequence[str] = ()
    transports: Sequence[str] = ()
    survival: str = "each"
    subject: str = "each"
    level: str = "may"
    checks: Sequence[str] = ()
    groups: Sequence[str] = ()
    workers: int = 0
    timeout_scale: float = 1.0
    launcher: str = ""
    deadline: float | None = None
    results: str | None = None
    junit: str | None = None
    fail_fast: bool = False
    baseline: str = "none"
    plain: bool = False
    verbosity: int = NORMAL


def run(options: Options) -> int:
    """Run what was selected, report it, and give the exit status."""
    with _own_output() as file:
        screen = Screen(file, plain=options.plain)
        follower = Follower(screen, options)
        # Without its terminal reporter pytest 8.1 cannot compare in an assert; so it has one, which
        # nobody reads.
        with _environment_of_our_own(), open(os.devnull, "w") as nowhere, redirect_stdout(nowhere):
            ended = _ended(options, follower)
        follower.watch.stop()
        if ended == pytest.ExitCode.USAGE_ERROR:
            return model.USAGE  # pytest has said what is wrong
        return _report(screen, options, follower, ended)


def _ended(options: Options, follower: Follower) -> int:
    try:
        with stoppable(options.deadline):
            return pytest.main(arguments(options), plugins=[follower])
    except KeyboardInterrupt as again:  # once more, while pytest was cleaning up
        follower.problems.append(f"{again}: while it was cleaned up")
        return pytest.ExitCode.INTERRUPTED


def arguments(options: Options) -> list[str]:
    """Give the command line of pytest."""
    words = ["-c", str(_HERE / "engine.ini"), "--rootdir", str(_HERE), "--confcutdir", str(_HERE)]
    words += ["-p", "no:cacheprovider", "-p", "no:tmpdir", "-p", "conformance.plugin"]
    if options.workers:
        words += ["-p", "xdist.plugin", "-n", str(options.workers)]
        # What a worker has in hand it runs to the end; so with -x it gets one at a time.
        one_by_one = ["--dist", "load", "--maxschedchunk", "1"]
        words += one_by_one if options.fail_fast else ["--dist", "worksteal"]
    words += [f"--{name}={value}" for name, value in _single(options) if value]
    if options.peer_a:
        words += ["-o", f"junit_suite_name=conformance of {options.peer_a} with {options.peer_b}"]
    for name, values in (
        ("expect", options.expect),
        ("transport", options.transports),
        ("check", options.checks),
        ("group", options.groups),
    ):
        words += [f"--{name}={value}" for value in values]
    if options.fail_fast:
        words.append("--maxfail=1")
    return [*words, str(_HERE / "checks")]


def _single(options: Options) -> Iterator[tuple[str, str]]:
    yield "peer", options.peer
    yield "peer-a", options.peer_a
    yield "peer-b", options.peer_b
    yield "dialect", options.dialect
    yield "backend", options.backend
    yield "survival", options.survival
    yield "subject", options.subject
    yield "level", options.level
    yield "timeout-scale", str(options.timeout_scale)
    yield "launcher", options.launcher
    yield "results", os.path.abspath(options.results) if options.results else ""
    yield "junit-xml", os.path.abspath(options.junit) if options.junit else ""


class Follower:
    """The plugin that follows the run, in the process that sees all reports."""

    def __init__(self, screen: Screen, options: Options) -> None:
        self.watch = Watch(screen, options.verbosity)
        self.problems: list[str] = []
        self.document: Document | None = None
        self._screen = screen
        self._options = options
        self._recorder = Recorder()
        self._shown = 0
        self._baseline = ""
        self._ids: dict[str, str] = {}

    @pytest.hookimpl(trylast=True)
    def pytest_configure(self, config: pytest.Config) -> None:
        """Refuse to look for checks that do not exist."""
        # Only now: what pytest is to rewrite must not be imported before it has started.
        if refused := entries.refusal(self._options.checks, self._options.groups):
            raise pytest.UsageError(refused)
        for requirement, check in catalogue():
            self._ids[f"{check.__module__.rpartition('.')[2]}.{check.__name__}"] = requirement.id
        recorders = [one for one in config.pluginmanager.get_plugins() if isinstance(one, Recorder)]
        self._recorder = recorders[0]
        if self._options.baseline != NONE:
            self._baseline = self._chosen_baseline()

    def _chosen_baseline(self) -> str:
        """Choose the baseline, now that it is known where the subject runs; give its name."""
        recorder = self._recorder
        system = recorder.subject.hello.get("system") if recorder.subject else None
        name = recorder.subject.name if recorder.subject else None
        facts = of_the_run(environment.record(), environment.evidence(system), name)
        try:
            baseline = chosen(self._options.baseline, facts)
        except BadBaseline as refused:
            raise pytest.UsageError(f"--baseline: {refused}") from None
        if baseline is None:
            return "auto, and none is for this platform or this peer"
        today = datetime.datetime.now(datetime.timezone.utc).date()
        known = [entry["id"] for entry in entries.entries()]
        recorder.judge = partial(judge, baseline, facts=facts, known=known, today=today)
        return baseline.name

    def pytest_sessionstart(self) -> None:
        """Show who is tried, and where."""
        subject, options = self._recorder.subject, self._options
        for path in filter(None, (options.results, options.junit)):
            if os.path.isfile(path):
                os.unlink(
                    path
                )  # should this run be broken off, nobody is to take an old one for it
        if subject is None or options.verbosity <= QUIET:
            return
        evidence = environment.evidence(subject.hello.get("system"))
        facts = {
            "evidence": "" if evidence == model.RAN else evidence,
            **({} if subject.is_nobody else _ways(subject, options)),
            "platform": self._recorder.platform_left_out,
            "baseline": self._baseline,
            "workers": str(options.workers) if options.workers else "none, all in this process",
        }
        self._screen.show(
            terminal.title(__version__),
            terminal.header(subject.hello, environment.record(), vars(options), facts),
            "",
        )

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Learn what is to be run, without workers."""
        self.watch.planned(self._group(item.nodeid) for item in session.items)

    @pytest.hookimpl(optionalhook=True)
    def pytest_xdist_node_collection_finished(self, ids: Sequence[str]) -> None:
        """Learn what is to be run, from a worker."""
        self.watch.planned(map(self._group, ids))

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """Take note of checks that cannot even be read."""
        if report.failed:
            self.problems.append(f"{report.nodeid} cannot be collected:\n{report.longreprtext}")

    def pytest_runtest_logstart(self, nodeid: str) -> None:
        """Show what runs now."""
        variant = nodeid.rpartition("[")[2].rstrip("]")
        self.watch.started(f"{self._id(nodeid)} {variant}")

    def _id(self, nodeid: str) -> str:
        return self._ids.get(_check(nodeid), _check(nodeid))

    def _group(self, nodeid: str) -> str:
        return self._id(nodeid).partition(".")[0]

    @pytest.hookimpl(trylast=True)  # the recorder first
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Show a result, or take note of what is none."""
        for result in self._recorder.results[self._shown :]:
            self.watch.done(result)
        self._shown = len(self._recorder.results)
        if report.when == _NO_PHASE:
            self.problems.append(str(report.longrepr))  # which worker died, and in which check
        elif report.when == "teardown" and report.failed:
            self.problems.append(f"{report.nodeid}, cleaning up:\n{report.longreprtext}")

    @property
    def interrupted(self) -> str:
        """Why the run was stopped before its end, if it was."""
        return self._recorder.interrupted

    def pytest_internalerror(self, excrepr: object) -> bool:
        """Take note of an error of pytest or of a plugin."""
        self.problems.append(f"pytest reports an internal error:\n{excrepr}")
        return True  # it is shown with the report

    @pytest.hookimpl(wrapper=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> Generator[None, None, None]:
        """Take the results document from the recorder, who has to know how the run ended."""
        if self._options.fail_fast and self.interrupted.startswith("stopping after"):
            # With workers pytest calls it an interruption, without them a failure.
            session.exitstatus = pytest.ExitCode.TESTS_FAILED
        try:
            yield
        except pytest.exit.Exception as refused:  # the results file cannot be written
            self.problems.append(str(refused))
        finally:
            if self._recorder.subject is not None:
                self.document = self._recorder.document(session.config)


def _report(screen: Screen, options: Options, follower: Follower, ended: int) -> int:
    problems, document = follower.problems, follower.document
    if follower.interrupted and document is None:
        problems.append(follower.interrupted)
    if follower.interrupted and options.junit:
        junit.mark_interrupted(options.junit, follower.interrupted)
    if not problems and not follower.interrupted and (document is None or ended not in _ORDERLY):
        problems.append(f"pytest ended with status {int(ended)}")
    if document is not None:
        why = {entry["id"]: entry["why"] for entry in entries.entries()}
        terminal.show(screen, document, why=why, quiet=options.verbosity <= QUIET, broken=problems)
    else:
        screen.show(*terminal.troubles(screen, problems))
    for name, path in (("results", options.results), ("JUnit", options.junit)):
        if path and os.path.exists(path):
            screen.show(terminal.written(name, path))
    proven = document and not problems and not follower.interrupted
    return model.status(document) if document and proven else model.SUITE_FAILED


def _ways(subject: Subject, options: Options) -> dict[str, str]:
    """Say in which ways the peer is to be run."""
    each_backend, each_survival = options.backend == "each", options.survival == "each"
    transports = [name for name in TRANSPORTS if name in options.transports]
    return {
        "backend": ", ".join(subject.backends())
        if each_backend
        else subject.backend(options.backend),
        "transports": ", ".join(transports or TRANSPORTS),
        "dialect": _dialect(subject, options),
        "survival": ", ".join(subject.all_survivals()) if each_survival else options.survival,
    }


def _dialect(subject: Subject, options: Options) -> str:
    dialect = subject.dialect(options.dialect)
    return "" if dialect == USUAL else dialect


def _check(nodeid: str) -> str:
    """Name a check by its file and its function, without the variant."""
    path, _, name = nodeid.partition("::")
    return f"{PurePath(path).stem}.{name.partition('[')[0]}"


@contextmanager
def _own_output() -> Iterator[TextIO]:
    """Give a standard output that pytest's capture does not reach, as threads draw on it."""
    try:
        number = os.dup(sys.stdout.fileno())
    except (OSError, ValueError, AttributeError):  # a stand-in without a descriptor
        yield sys.stdout
        return
    sys.stdout.flush()
    encoding = sys.stdout.encoding
    with open(number, "w", encoding=encoding, errors="backslashreplace") as file:
        yield file


@contextmanager
def _environment_of_our_own() -> Iterator[None]:
    """Keep the plugins and options of the user's own tests out; xdist workers inherit this."""
    before = dict(os.environ)
    for name in ("PYTEST_ADDOPTS", "PYTEST_PLUGINS"):
        os.environ.pop(name, None)
    os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)
