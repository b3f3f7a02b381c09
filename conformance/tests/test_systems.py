"""Every faulty system breaks what it says, seen both ways of receiving, and nothing else.

The scenarios run in processes of their own, on plain sockets: see system_scenarios. CLEAN is what
they say on a correct system; a case names what changes.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from conformance.mutants import systems

Case = tuple[str, str, Any]
Said = dict[tuple[str, str], Any]

ROOT = Path(__file__).parents[2]
SIX = [[0], [1], [2], [3], [4], [5]]

CLEAN: dict[str, Any] = {
    "waiting": {"heard": SIX, "bytes": 6, "inheritable": [False] * 6, "more open": 0},
    "arrays": {
        "heard": [[0, 1, 2], [3, 4, 5]],
        "bytes": 6,
        "inheritable": [False] * 6,
        "more open": 0,
    },
    "sixty": [],
    "exchange": True,
    "flags": [[True, False], [False, False], [False, True]],
    "fork": [False, False],
    "file": {"same": True, "shared": True, "written": "done"},
    "table": {"seen": [[1, [], True], [1, [1], False], "EAGAIN"], "more open": 0},
    "table peek": {"seen": [[1, [], True], [1, [0], False], [1, [1], False]], "more open": 0},
    "one_slot": {"seen": [[3, [0], True], [3, [3, 4, 5], False], "EAGAIN"], "more open": 0},
    "one_slot peek": {
        "seen": [[3, [0], True], [3, [0, 1, 2], False], [3, [3, 4, 5], False]],
        "more open": 0,
    },
    "gone": [0],
    "replies": [[0], [0]],
    "full_channel": {"last": "EAGAIN", "all came": True, "more open": 0},
    "empty": ["EAGAIN", "EAGAIN"],
    "readiness": [True, True, True],
    "sender": {"full": "done", "more open": 0},
    "passers": [True, [0], [0], 1],
    "in_flight": [True, True],
    "threads": 4,
    "calls": {"recv": ["6 done"], "poll": 0, "sendmsg": ["6 done"]},
    "sizes": {"sent": [5, 5], "received": [5, 5], "room": True},
    "received": {"peek": "real", "kinds": [1], "high": False, "inheritable": False},
    "looks": ["done", "done", True],
    "accepting": True,
    "plain": True,
}

LOST_WHEN_FULL = {"seen": [[1, [], False], [1, [1], False], "EAGAIN"]}
LOST_AFTER_PEEK = {"seen": [[1, [], False], [1, [], False], [1, [1], False]]}
HIDDEN_AFTER_PEEK = {"seen": [[1, [], False], [1, [0], False], [1, [1], False]]}
CUT, LAST = [3, [], True], [3, [3, 4, 5], False]

# The system, the scenario (a way of receiving after it limits the case to that way), the change.
FAULTS: list[Case] = [
    ("clears-nonblock", "flags", [[False, False], [False, False], [False, True]]),
    ("sets-nonblock", "flags", [[True, False], [True, False], [True, True]]),
    ("fork-clears-nonblock", "fork", [False, True]),
    ("clears-append", "flags", [[True, False], [False, False], [False, False]]),
    ("swaps-messages", "waiting", {"heard": [[1], [0], [3], [2], [5], [4]]}),
    ("stacks-messages", "waiting", {"heard": [[3], [2], [1], [0], [5], [4]]}),
    ("reverses-arrays", "arrays", {"heard": [[2, 1, 0], [5, 4, 3]]}),
    (
        "sends-twice",
        "waiting",
        {"heard": [*SIX[:5], [4], [5]], "bytes": 7, "inheritable": [False] * 7},
    ),
    ("null-device", "waiting", {"heard": [[None]] * 6}),
    ("null-device", "file", {"same": False, "shared": False}),
    ("reopens", "file", {"shared": False}),
    ("reopens", "waiting", {}),
    ("read-only", "file", {"shared": False, "written": "EBADF"}),
    ("repeats", "waiting", {"heard": [[0], [0], [2], [2], [4], [4]]}),
    ("leaks-received", "waiting", {"more open": 6}),
    ("leaks-received", "arrays", {"more open": 6}),
    ("leaks-once", "waiting", {"more open": 1}),
    ("leaks-when-full", "one_slot direct", {"seen": [CUT, LAST, "EAGAIN"], "more open": 1}),
    (
        "leaks-when-full",
        "one_slot peek",
        {"seen": [CUT, [3, [0, 1, 2], False], LAST], "more open": 1},
    ),
    ("leaks-sent", "sender", {"more open": 1}),
    ("leaks-refused", "full_channel", {"more open": 1}),
    ("surplus", "waiting", {"heard": [[i, i] for i in range(6)], "inheritable": [False] * 12}),
    ("surplus", "arrays", {"heard": [[0, 1, 2, 2], [3, 4, 5, 5]], "inheritable": [False] * 8}),
    ("drops-when-full", "table direct", LOST_WHEN_FULL),
    ("drops-when-full", "table peek", LOST_AFTER_PEEK),
    ("stuck-after-full", "table direct", {"seen": [[1, [], True], "EAGAIN", "EAGAIN"]}),
    ("stuck-after-full", "table peek", {"seen": ["EAGAIN", "EAGAIN", "EAGAIN"]}),
    ("drops-fiftieth", "sixty", [49]),
    ("drops-at-close", "gone", []),
    ("drops-at-close", "waiting", {}),
    ("drops-replies", "replies", [[], []]),
    ("drops-in-collision", "replies", [[0], []]),
    ("late-descriptor", "waiting", {"heard": [[], *SIX[:5]], "inheritable": [False] * 5}),
    ("drops-when-channel-full", "full_channel", {"last": "done", "all came": False}),
    ("send-blocks", "full_channel", {"last": "waited"}),
    ("receive-blocks", "empty", ["waited", "waited"]),
    ("ignores-dontwait", "full_channel", {"last": "waited"}),
    ("ignores-dontwait", "empty", ["waited", "EAGAIN"]),
    ("late-readiness", "readiness", [False, False, True]),
    ("send-needs-slot", "sender", {"full": "EMFILE"}),
    ("toggles-passed-sockets", "passers", [False, [0], [0], 1]),
    ("mutes-passed-sockets", "passers", [True, [], [], 0]),
    ("one-deep", "passers", [True, [0], [0], 0]),
    ("forgets-cloexec", "waiting", {"inheritable": [True] * 6}),
    ("cloexec-first-only", "arrays", {"inheritable": [False, True, True] * 2}),
    ("not-held-in-flight", "in_flight", [False, True]),
]

ODD: list[Case] = [
    ("interrupts", "calls", {"recv": ["2 EINTR", "4 done"]}),
    ("short-writes", "sizes", {"sent": [1, 1], "received": None}),
    ("short-reads", "sizes", {"received": [1, 1]}),
    ("spurious-eagain", "calls", {"recv": ["2 EAGAIN", "4 done"]}),
    ("spurious-readiness", "calls", {"poll": 2}),
    ("tiny-buffers", "sizes", {"room": False}),
    ("slow", "duration", True),
    ("no-buffers", "calls", {"sendmsg": ["2 ENOBUFS", "4 done"]}),
    ("too-many-references", "calls", {"sendmsg": ["2 ETOOMANYREFS", "4 done"]}),
    ("high-numbers", "received", {"high": True}),
    ("credentials-first", "received", {"kinds": [2, 1]}),
    ("hides-truncation", "table direct", LOST_WHEN_FULL),
    ("hides-truncation", "table peek", HIDDEN_AFTER_PEEK),
    ("no-peek", "received direct", {"peek": [0, 0], "inheritable": True}),
    ("refuses-peek", "looks direct", ["ENOTSUP", "ENOTSUP", True]),
    ("bsd-like", "received direct", {"peek": [0x1234D680, 0xFFFFF801 - (1 << 32)]}),
    ("bsd-like", "table direct", {"seen": ["EMSGSIZE", [1, [1], False], "EAGAIN"]}),
    ("no-cloexec", "received", {"inheritable": True}),
    ("accept-inherits", "accepting", False),
    ("storm", "sizes", {"sent": [1, 1], "received": None}),
]
NO_PEEK = {"no-peek", "refuses-peek", "bsd-like"}


@pytest.fixture(scope="session")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    reason = systems.missing()
    if reason:
        pytest.skip(reason)
    return systems.build(tmp_path_factory.mktemp("system"))


def run(system: str | None, library: Path, played: list[tuple[str, str]]) -> Said:
    """What scenarios say on this system, each received in its way; None: on the one underneath."""
    words = [word for pair in played for word in pair]
    # The short processes leave it to their end to close what they have.
    options = ["-S", "-W", "ignore::ResourceWarning"]
    command = [sys.executable, *options, "-m", "conformance.tests.system_scenarios", *words]
    more = systems.environment(system, library) if system else {}
    done = subprocess.run(
        command,
        env=os.environ | more,
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    return dict(zip(played, map(json.loads, done.stdout.splitlines()), strict=True))


def expected(system: str, cases: list[Case]) -> Said:
    """What the cases of a system make of CLEAN, for both ways of receiving."""
    said: Said = {}
    for of_system, scenario, change in cases:
        name, _, only = scenario.partition(" ")
        for how in [only] if only else ["direct", "peek"]:
            clean: Any = CLEAN.get(f"{name} {how}", CLEAN.get(name))
            if of_system == system:
                said[name, how] = clean | change if isinstance(change, dict) else change
    return said


def test_the_system_underneath_is_correct(library: Path) -> None:
    names = [name for name in CLEAN if " " not in name]
    wanted = expected("", [("", name, CLEAN[name]) for name in names])
    wanted |= {("table", "peek"): CLEAN["table peek"], ("one_slot", "peek"): CLEAN["one_slot peek"]}

    assert run(None, library, list(wanted)) == wanted


@pytest.mark.parametrize("system", [system.name for system in systems.FAULTY])
def test_a_faulty_system_breaks_what_it_says_and_nothing_plain(library: Path, system: str) -> None:
    wanted = expected(system, FAULTS) | {("plain", "direct"): True}

    assert run(system, library, list(wanted)) == wanted


@pytest.mark.parametrize("system", [system.name for system in systems.ODD])
def test_an_odd_system_does_what_it_says_and_a_careful_program_loses_nothing(
    library: Path, system: str
) -> None:
    wanted = expected(system, ODD) | {("plain", "direct"): True}
    for how in ["direct"] if system in NO_PEEK else ["direct", "peek"]:
        wanted |= {("exchange", how): True, ("threads", how): 4}

    assert run(system, library, list(wanted)) == wanted


def test_odd_systems_combine(library: Path) -> None:
    combined = "short-writes,short-reads,spurious-eagain,tiny-buffers,high-numbers"
    wanted = {("exchange", "direct"): True, ("exchange", "peek"): True}

    assert run(combined, library, list(wanted)) == wanted


def test_what_a_process_passes_to_itself_is_spoiled_only_on_demand(library: Path) -> None:
    one = ("received", "direct")
    spared = run("null-device", library, [one])
    spoiled = run("null-device,to-self", library, [one])

    assert spared[one]["peek"] == "real"
    assert spoiled[one]["peek"] != "real"


def test_every_system_of_the_list_has_a_case_here() -> None:
    assert {name for name, _, _ in FAULTS} == {system.name for system in systems.FAULTY}
    assert {name for name, _, _ in ODD} == {system.name for system in systems.ODD}
    listed = systems.FAULTY + systems.PLATFORM + systems.ODD
    assert len(systems.BY_NAME) == len(listed)


def test_the_library_knows_the_list_and_nothing_else(library: Path) -> None:
    variables = {"LD_PRELOAD": str(library), "FAULTY_SYSTEM": "no-such"}
    done = subprocess.run(
        [sys.executable, "-c", ""],
        env=os.environ | variables,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert done.returncode == 78
    known = done.stderr.partition("known: ")[2].split()
    assert known == list(systems.BY_NAME)


def test_the_page_tells_of_every_system() -> None:
    page = (systems.SOURCES / "README.md").read_text()

    untold = [
        system.name
        for system in systems.BY_NAME.values()
        if f"| `{system.name}` |" not in page or f"| {system.sentence} |" not in page
    ]

    assert untold == []


def test_an_unknown_system_and_an_unreadable_path_are_refused() -> None:
    with pytest.raises(ValueError, match="no system 'swap'"):
        systems.environment("storm,swap", "/tmp/x.so")
    with pytest.raises(ValueError, match="a space or a colon"):
        systems.environment("storm", "/tmp/a folder/x.so")


def test_another_interposed_library_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LD_PRELOAD", "/lib/other.so")

    assert systems.environment("storm", "/tmp/x.so") == {
        "LD_PRELOAD": "/tmp/x.so:/lib/other.so",
        "FAULTY_SYSTEM": "storm",
    }


def test_without_a_compiler_the_reason_is_said(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("CC", "")

    with pytest.raises(systems.CannotBuild, match=r"no C compiler|is written for Linux"):
        systems.build(tmp_path)
