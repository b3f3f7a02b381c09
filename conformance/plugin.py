"""The pytest face: options, the variants of every check, verdicts.

Loaded in every pytest run of an environment that has this package, by its entry point; so it
touches nothing but the checks of this package, and starts a peer only when they are to be run.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Generator

    from .harness.bench import Program
    from .requirement import Requirement
    from .selection import Selection
    from .subject import Subject, Variant

_HERE = Path(__file__).resolve().parent
_CHECKS = _HERE / "checks"
_NOT_CHECKS = (_HERE / "tests", _HERE / "mutants")
_LEVELS = ("must", "should", "may")
_SUBJECTS = ("each", "passer", "platform")
_LEAST = 8  # descriptors that wait to be received; who has taken so many may refuse more
_NURSERIES = pytest.StashKey[dict[tuple[str, ...], Any]]()
_SUBJECT = pytest.StashKey["Subject"]()
_LEFT_OUT = pytest.StashKey[str]()
_TRANSCRIPTS = pytest.StashKey[dict[str, list[str]]]()
_STARTING = pytest.StashKey[float]()
_RECORDER = "conformance-recorder"

pytest.register_assert_rewrite("conformance.checks")

_OPTIONS: dict[str, dict[str, Any]] = {
    "peer": {"default": "fdpass", "metavar": "NAME|COMMAND", "help": "the peer under test"},
    "peer-a": {"default": "", "metavar": "NAME|COMMAND", "help": "peer A, where B is another"},
    "peer-b": {"default": "", "metavar": "NAME|COMMAND", "help": "peer B, with --peer-a"},
    "dialect": {
        "default": "auto",
        "metavar": "auto|NAME",
        "help": "how a descriptor is announced on the channel; auto: as the peer usually does",
    },
    "backend": {
        "default": "each",
        "metavar": "each|auto|NAME",
        "help": "the interface it is to use; each: all that work here",
    },
    "expect": {
        "action": "append",
        "default": [],
        "metavar": "NAME",
        "help": "a backend that has to be there (default: what this system is known to have)",
    },
    "transport": {
        "action": "append",
        "default": [],
        "choices": ("socketpair", "filesystem", "inherited"),
        "help": "how the peers are joined; may be repeated (default: each of them)",
    },
    "survival": {
        "default": "each",
        "metavar": "each|auto|NAME",
        "help": "how a full table is survived; each: all ways, over the first transport",
    },
    "subject": {
        "default": "each",
        "choices": _SUBJECTS,
        "help": "the passer, by its peer program; the platform, by system calls alone; or each",
    },
    "level": {"default": "may", "choices": _LEVELS, "type": str.lower, "help": "this or stronger"},
    "check": {"action": "append", "default": [], "metavar": "ID", "help": "only these; globs work"},
    "group": {"action": "append", "default": [], "metavar": "NAME", "help": "only these groups"},
    "timeout-scale": {"default": 1.0, "type": float, "help": "by what all deadlines are stretched"},
    "launcher": {
        "default": "",
        "metavar": "COMMAND",
        "help": "what every peer is started by; else the emulator we are in",
    },
    "results": {"default": None, "metavar": "FILE", "help": "where to write the results (JSON)"},
}


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options of a run of the suite."""
    group = parser.getgroup("conformance", "conformance of descriptor passing")
    for name, how in _OPTIONS.items():
        dest = f"conformance_{name.replace('-', '_')}"
        try:
            group.addoption(f"--{name}", dest=dest, **how)
        except ValueError:  # some other plugin has an option of this name, and came first
            group.addoption(f"--conformance-{name}", dest=dest, **how)


def pytest_configure(config: pytest.Config) -> None:
    """Meet the peer, if our checks are to be run."""
    if not hasattr(config, "workerinput"):
        from .record import Recorder

        config.pluginmanager.register(Recorder(), _RECORDER)
    elif "conformance_subject" in config.workerinput:
        from .stopping import heed

        heed()
    if any(path == _HERE or _is_in(path, _CHECKS) for path in _named(config)):
        _subject(config)


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """Tell an xdist worker what the peer has said, so that all have the same variants."""
    if _SUBJECT in node.config.stash:
        subject = node.config.stash[_SUBJECT]
        met = (subject, subject.other) if subject.other else (subject,)
        node.workerinput["conformance_subject"] = [
            (list(it.command), it.hello, it.survivals_of) for it in met
        ]
        node.workerinput["conformance_launcher"] = _launcher(node.config)


def _subject(config: pytest.Config) -> Subject:
    if _SUBJECT not in config.stash:
        from .environment import simulated
        from .selection import left_out
        from .subject import Subject, nobody

        option = config.getoption
        met = getattr(config, "workerinput", {}).get("conformance_subject")
        needs_peer = _selects(config, "passer")
        if met:
            first, *others = (Subject(tuple(it[0]), *it[1:]) for it in met)
            subject = replace(first, other=others[0]) if others else first
        else:
            subject = _met(config) if needs_peer else nobody()
        reason = left_out(simulated(), option("conformance_backend"), subject.hello.get("system"))
        if reason and not needs_peer and _selects(config, "platform"):
            raise pytest.UsageError(f"there is nothing to run but platform checks, {reason}")
        config.stash[_LEFT_OUT] = reason
        config.stash[_SUBJECT] = subject
        if recorder := config.pluginmanager.get_plugin(_RECORDER):
            recorder.subject = subject
            recorder.platform_left_out = reason
    return config.stash[_SUBJECT]


def _met(config: pytest.Config) -> Subject:
    from .harness.spawn import make_room
    from .joint import joint

    make_room()
    option = config.getoption
    pair = [option(f"conformance_{name}") for name in ("peer_a", "peer_b")]
    if not any(pair):
        subject = _met_one(config, "peer")
    elif not all(pair) or option("conformance_peer") != _OPTIONS["peer"]["default"]:
        raise pytest.UsageError("--peer-a and --peer-b belong together, and stand for --peer")
    else:
        subject = joint(_met_one(config, "peer-a"), _met_one(config, "peer-b"))
    wanted = (option(f"conformance_{name}") for name in ("backend", "survival", "dialect"))
    if refusal := subject.refusal(*wanted):
        raise pytest.UsageError(refusal)
    return subject


def _met_one(config: pytest.Config, name: str) -> Subject:
    """Meet the peer that the option of that name names."""
    from .errors import CannotStart, Lacking, PassFailed, PeerFailed, RequestRefused
    from .subject import command_of, meet

    option = config.getoption
    peer = option(f"conformance_{name.replace('-', '_')}")
    try:
        return meet(command_of(peer, _launcher(config)), option("conformance_timeout_scale"))
    except (CannotStart, Lacking, PassFailed, PeerFailed, RequestRefused, ValueError) as error:
        raise pytest.UsageError(f"--{name}: {error}") from None


def _launcher(config: pytest.Config) -> str:
    from .environment import emulator

    # A program that is started from within an emulator may run outside of it; so do our workers.
    told: str | None = getattr(config, "workerinput", {}).get("conformance_launcher")
    if told is not None:
        return told
    return config.getoption("conformance_launcher") or emulator() or ""


def _selects(config: pytest.Config, subject: str) -> bool:
    """Tell whether checks of such a subject were asked for."""
    from .requirement import catalogue

    files = {
        _CHECKS / f"{check.__module__.rpartition('.')[2]}.py"
        for requirement, check in catalogue()
        if requirement.subject == subject and _selection(config).has(requirement)
    }
    return any(_is_in(file, path) for path in _named(config) for file in files)


def _selection(config: pytest.Config) -> Selection:
    from .selection import Selection

    option = config.getoption
    return Selection(
        option("conformance_check"),
        option("conformance_group"),
        option("conformance_level"),
        option("conformance_subject"),
    )


# -- what is collected ----------------------------------------------------------------------------


def _named(config: pytest.Config) -> list[Path]:
    """Give the paths that pytest was asked to collect."""
    paths = []
    for argument in config.args:
        name = str(argument).split("::")[0]
        if config.option.pyargs and name.split(".")[0] == __package__:
            paths.append(_HERE.parent.joinpath(*name.split(".")))
        else:
            paths.append((config.invocation_params.dir / name).resolve())
    return paths


def _is_in(path: Path, folder: Path) -> bool:
    return path == folder or folder in path.parents


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Leave out our own tests when the suite is asked for by its package."""
    for folder in _NOT_CHECKS:
        if collection_path == folder:
            named = _named(config)
            if _HERE in named and not any(_is_in(path, folder) for path in named):
                return True
    return None


@pytest.hookimpl(wrapper=True)
def pytest_collect_file(
    file_path: Path, parent: pytest.Collector
) -> Generator[None, list[pytest.Collector], list[pytest.Collector]]:
    """Collect the files of checks, whose names are not those of test files."""
    found = yield
    ours = file_path.parent == _CHECKS and file_path.suffix == ".py"
    if found or not ours or file_path.name == "__init__.py":
        return found
    return [pytest.Module.from_parent(parent, path=file_path)]


def _requirement(function: object) -> Requirement | None:
    from .requirement import Requirement

    requirement = getattr(function, "requirement", None)
    return requirement if isinstance(requirement, Requirement) else None


def _variant(item: pytest.Item) -> Variant:
    (variant,) = item.callspec.params.values()  # type: ignore[attr-defined]
    return variant  # type: ignore[no-any-return]


def _expected(config: pytest.Config) -> list[str]:
    from .expected import backends_of

    named: list[str] = config.getoption("conformance_expect")
    subject = _subject(config)
    return named or backends_of(subject.name, subject.hello.get("system", ""))


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run every check over every transport, and in every survival mode where it asks for it."""
    if requirement := _requirement(metafunc.function):
        variants = _variants(requirement, metafunc.config)
        # The one thing that a check takes: its bench, or its script.
        name = metafunc.fixturenames[0]
        metafunc.parametrize(name, variants, ids=[variant.id for variant in variants])


def _variants(requirement: Requirement, config: pytest.Config) -> list[Variant]:
    from .subject import ON_THE_PLATFORM

    option = config.getoption
    subject = _subject(config)
    if requirement.of_platform:
        return [] if config.stash[_LEFT_OUT] else [ON_THE_PLATFORM]
    return subject.variants(
        requirement,
        option("conformance_transport"),
        option("conformance_survival"),
        option("conformance_backend"),
        _expected(config),
    )


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what was not selected, and what is for an interface that is not there."""
    left_out = [item for item in items if not (_is_selected(item, config) and _has_variant(item))]
    if left_out:
        items[:] = [item for item in items if item not in left_out]
        config.hook.pytest_deselected(items=left_out)


def _has_variant(item: pytest.Item) -> bool:
    from .subject import Variant

    # In place of an empty list of variants pytest gives a mark of its own.
    ours = _requirement(getattr(item, "obj", None)) is not None
    return not ours or isinstance(_variant(item), Variant)


def _is_selected(item: pytest.Item, config: pytest.Config) -> bool:
    requirement = _requirement(getattr(item, "obj", None))
    return requirement is None or _selection(config).has(requirement)


# -- how a check is run, and what came of it ------------------------------------------------------


def _program(config: pytest.Config, hello: dict[str, Any], command: tuple[str, ...]) -> Program:
    """Give a peer program, with its nursery in this process if it can fork."""
    from .harness.bench import Program
    from .harness.nursery import NEEDS, Nursery

    if not NEEDS.issubset(hello["ops"]):
        return Program(command)
    nurseries = config.stash.setdefault(_NURSERIES, {})
    if command not in nurseries:
        nurseries[command] = Nursery(command, config.getoption("conformance_timeout_scale"))
        config.add_cleanup(nurseries[command].close)
    return Program(command, nurseries[command])


def _programs(config: pytest.Config) -> list[Program]:
    subject = _subject(config)
    hellos = subject.hello.get("peers", [subject.hello])
    both = (subject, subject.other) if subject.other else (subject,)
    return [_program(config, hello, it.command) for hello, it in zip(hellos, both, strict=True)]


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    """Run a check as its subject asks for."""
    from .errors import hidden

    __tracebackhide__ = hidden
    requirement = _requirement(pyfuncitem.obj)
    if requirement is None:
        return None
    (_try_platform if requirement.of_platform else _try_passer)(pyfuncitem, requirement)
    return True


def _try_platform(pyfuncitem: pytest.Function, requirement: Requirement) -> None:
    """Run the program of a check."""
    import shlex

    from .errors import Lacking, hidden
    from .platform import runner

    __tracebackhide__ = hidden
    ending = runner.run(
        requirement,
        pyfuncitem.obj,
        launcher=shlex.split(_launcher(pyfuncitem.config)),
        scale=pyfuncitem.config.getoption("conformance_timeout_scale"),
    )
    pyfuncitem.stash[_TRANSCRIPTS] = {requirement.subject: ending.trace}
    try:
        ending.judge(requirement)
    except Lacking as lack:
        pytest.skip(str(lack))


def _try_passer(pyfuncitem: pytest.Function, requirement: Requirement) -> None:
    """Run a check at a bench of its own; giving everything back is a part of it."""
    from .errors import Lacking, PassFailed, hidden
    from .harness.bench import Bench

    __tracebackhide__ = hidden
    option = pyfuncitem.config.getoption
    subject, variant = _subject(pyfuncitem.config), _variant(pyfuncitem)
    dialect = subject.dialect(option("conformance_dialect"))
    if lack := subject.lack(requirement, variant.transport, dialect):
        pytest.skip(lack)
    if lack := subject.lack_of(variant.backend):
        name = variant.backend
        assert name not in _expected(pyfuncitem.config), f"{name} is expected here: {lack}"
        pytest.skip(f"{name}: {lack}")
    program, *others = _programs(pyfuncitem.config)
    bench = Bench(
        program.command,
        variant.transport,
        other=others[0] if others else None,
        survival=variant.survival,
        backend=variant.backend,
        interface=subject.backend(variant.backend),
        dialect=dialect,
        both_batch=subject.both_batch,
        chosen_dialect=subject.dialect_to_ask_for(option("conformance_dialect")),
        scale=option("conformance_timeout_scale"),
        nursery=program.nursery,
    )
    try:
        pyfuncitem.obj(bench=bench)
        bench.finish()
    except Lacking as lack:
        pytest.skip(str(lack))
    except PassFailed as failure:
        if failure.condition != "queue-full" or bench.unreceived <= _LEAST:
            raise
        pytest.skip(f"it does not take {bench.unreceived} of which none is received yet")
    finally:
        bench.close()
        pyfuncitem.stash[_TRANSCRIPTS] = bench.transcripts()
        pyfuncitem.stash[_STARTING] = bench.starting


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Add what the report of a check has to carry."""
    requirement = _requirement(getattr(item, "obj", None))
    if requirement and (call.when == "call" or call.excinfo):
        from . import environment
        from .verdict import STARTING, properties

        error = call.excinfo.value if call.excinfo else None
        subject = _subject(item.config)
        item.user_properties[:] = properties(requirement, subject, _variant(item), error)
        system = None if requirement.of_platform else subject.hello.get("system")
        evidence = environment.evidence(system)
        item.user_properties.append(("evidence", evidence))  # for JUnit
        if _STARTING in item.stash:
            item.user_properties.append((STARTING, f"{item.stash[_STARTING]:.4f}"))
    report = yield
    if requirement and call.when == "call" and report.failed:
        from .verdict import sections

        report.sections += sections(item.stash.get(_TRANSCRIPTS, {}))
    return report


def pytest_report_header(config: pytest.Config) -> str | None:
    """Say who is tested."""
    if _SUBJECT not in config.stash:
        return None
    subject = config.stash[_SUBJECT]
    if subject.is_nobody:
        return "conformance: the platform by itself, without a peer"
    backend = subject.backend(config.getoption("conformance_backend"))
    who = [
        f"{it['name']} {it['version']} ({it['language']})"
        for it in subject.hello.get("peers", [subject.hello])
    ]
    if len(who) > 1:
        return f"conformance: peer A {who[0]}, peer B {who[1]}, backend {backend}"
    return f"conformance: peer {who[0]}, backend {backend}"
