"""The simulated illumos does what its page says, seen from processes of their own.

The scenarios are in simulated_scenarios; SAID is what each of them says, with its reasons in the
page (conformance/simulated/README.md).
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from conformance import simulated
from conformance.simulated import __main__ as command

ROOT = Path(__file__).parents[2]
HUNG_UP = ["POLLIN", "POLLHUP"]

SAID: dict[str, Any] = {
    "order": ["EBADMSG", "hel", "lo", "EBADMSG", True, "rest"],
    "both_ways": ["there", "back"],
    "kinds": [True, True, 1, 1, 0, 0, "EBADF", "ENOTTY", "ENOTSOCK", "EBADF", "", "EINVAL"],
    "received": [True, True],
    "without_blocking": ["EAGAIN", "EAGAIN", ["POLLOUT"], True, False, True, ["POLLOUT"]],
    "blocking": [True] * 4,
    "interrupted": ["interrupted"] * 2,
    "put_back": ["EMFILE", "EMFILE", "EMFILE", True, "EMFILE", True, "EAGAIN"],
    "put_back_under_churn": [True, "EAGAIN", True],
    "hang_up": [
        *[HUNG_UP, True, "last", "", "ENXIO", "ENXIO", "EPIPE", [13], HUNG_UP],
        *["EBADF", "ENXIO"],
    ],
    "unread_at_close": ["", "ENXIO", "EPIPE", "ENXIO"],
    "big_write": [True, "EAGAIN", True],
    "peeked": [
        0,
        ["1", "-1", "3", "b'hel'"],
        ["1", "-1", "5", "b'hello'"],
        ["1", "-1", "0", "b''"],
        ["0", "-1", "-1", "b''"],
        "hello",
        "EBADMSG",
        0,
    ],
    "many_readers": [[0, 0, 0], True, True],
    "heirs": ["1", "234", True, True],
    "pushing": [
        *["EINVAL", "EINVAL", "EINVAL", "connld\0", "ENXIO", "connld\0\0\0", "EINVAL", 0],
        *["EINVAL", "ENOTTY"],
    ],
    "attaching": [
        *["ENOENT", "EINVAL", "EBADF", "EINVAL", 0, True, True, "EBUSY", 0],
        *[True, 0],
    ],
    "meeting": [
        *["EAGAIN", "EAGAIN", [], ["POLLIN"], "EBADMSG", True, True, False],
        *[False, True, True, "ping", True, "", "EAGAIN"],
    ],
    "meeting_with_a_full_table": ["EMFILE", "EMFILE", "EMFILE", "in", 0],
    "server_gone": 0,
    "client_gone": ["interrupted", "", "ENXIO"],
    "heirs_of_a_server": [True, 0, False],
    "detaching": [0, False, "", "ENXIO", "EINVAL"],
    "another_file": [True, True, True],
    "layout": [48, 0, 8, 16, 24, 32, 40, 44],
    "access_rights": [
        ["abc", 12, 0, [True] * 3, True],
        ["abc", 12, 0, [True] * 3, True],
        ["abc", 8, 0, [True] * 2, True],
        ["abc", 4, 0, [True], True],
        ["abc", 0, 0, []],
        ["abc", 0, 0, []],
        *["EAGAIN", 3, 3, "abc", 12, True, True],
    ],
    "access_rights_refused": [
        *["EBADF", "EINVAL", 3, True, "EMFILE", "EAGAIN", ["abc", ""], True, "EPIPE"],
        *["ENOTSOCK", "ENOTSOCK"],
    ],
    "access_rights_peeked": ["abc", 0, True, "abc", [False, False]],
    "control_messages": [
        ["abc", 24, 0, [24, 0xFFFF, 0x1010], [True] * 3, False],
        ["abc", 24, 0, [24, 0xFFFF, 0x1010], [True] * 3, False],
        ["abc", 20, 0x10, [20, 0xFFFF, 0x1010], [True] * 2, False],
        ["abc", 18, 0x10, [18, 0xFFFF, 0x1010], [True], False],
        ["abc", 12, 0x10, [12, 0xFFFF, 0x1010], []],
        ["abc", 11, 0x10, [], []],
        ["abc", 0, 0x10, [], []],
        *["EINVAL", "EMFILE", "EAGAIN", True],
    ],
    "linux": [2, 0, 8],
    "system": "illumos",
    "discarded": ["EBADMSG", ""],
    "lengths": 4,
}

FAULTY: dict[str, dict[str, Any]] = {
    "loses-put-back": {
        "put_back": ["EMFILE", "EMFILE", "EAGAIN", "EAGAIN", "EAGAIN", "EAGAIN", "EAGAIN"]
    },
    "read-discards": {"discarded": ["EAGAIN", "EBADMSG"]},
    "whole-length": {"lengths": 12},
}


@pytest.fixture(scope="session")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    reason = simulated.missing()
    if reason:
        pytest.skip(reason)
    return simulated.build(tmp_path_factory.mktemp("simulated"))


def run(
    library: Path, *words: str, fault: str = "", timeout: float = 30
) -> subprocess.CompletedProcess[str]:
    """Run a program of Python's on the simulated system."""
    return subprocess.run(
        [sys.executable, "-S", "-W", "ignore", *words],
        env=os.environ | simulated.environment(library, fault),
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )


def said(library: Path, scenario: str, fault: str = "") -> object:
    done = run(library, "-m", "conformance.tests.simulated_scenarios", scenario, fault=fault)
    assert (done.returncode, done.stderr) == (0, "")
    return json.loads(done.stdout)


@pytest.mark.parametrize("scenario", SAID)
def test_the_system_is_as_documented(library: Path, scenario: str) -> None:
    assert said(library, scenario) == SAID[scenario]


@pytest.mark.parametrize("fault", simulated.FAULTS)
def test_a_fault_shows_where_it_should(library: Path, fault: str) -> None:
    for scenario, wanted in FAULTY[fault].items():
        assert said(library, scenario, fault) == wanted


def test_a_fault_that_there_is_not_is_refused(library: Path) -> None:
    with pytest.raises(ValueError, match="no fault 'loses'"):
        simulated.environment(library, "loses")

    variables = simulated.environment(library) | {"SIMULATED_FAULT": "loses"}
    done = subprocess.run(
        [sys.executable, "-c", ""],
        env=os.environ | variables,
        check=False,
        capture_output=True,
        text=True,
    )

    assert done.returncode == 78
    assert 'no fault named "loses"' in done.stderr


def test_what_python_starts_by_itself_runs_as_ever(library: Path) -> None:
    program = (
        "import os, socket, subprocess, sys, asyncio\n"
        "print(subprocess.run(['echo', 'hello'], capture_output=True).stdout)\n"
        "print(subprocess.run(['cat'], input=b'hello', capture_output=True).stdout)\n"
        "async def main():\n"
        "    process = await asyncio.create_subprocess_exec('cat', stdin=-1, stdout=-1)\n"
        "    print(await process.communicate(b'hello'))\n"
        "asyncio.run(main())\n"
    )

    done = run(library, "-c", program)

    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "b'hello\\n'\nb'hello'\n(b'hello', None)\n"


def test_the_page_names_every_fault() -> None:
    page = (simulated.SOURCES / "README.md").read_text()

    assert [
        name for name, tells in simulated.FAULTS.items() if f"| `{name}` | {tells} |" not in page
    ] == []


def test_another_interposed_library_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LD_PRELOAD", "/lib/other.so")

    assert simulated.environment("/tmp/x.so", "whole-length") == {
        "LD_PRELOAD": "/tmp/x.so:/lib/other.so",
        "SIMULATED_FAULT": "whole-length",
    }


def test_a_path_that_the_linker_cannot_read_is_refused() -> None:
    with pytest.raises(ValueError, match="a space or a colon"):
        simulated.environment("/tmp/a folder/x.so")


def test_without_a_compiler_the_reason_is_said(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("CC", "")

    with pytest.raises(simulated.CannotBuild, match=r"no C compiler|is written for Linux"):
        simulated.build(tmp_path)
    assert command.main([]) == command.CANNOT
    assert "illumos cannot be simulated here: " in capsys.readouterr().err


def test_the_command_is_the_suite_or_another() -> None:
    run_it = [sys.executable, "-m", "conformance", "run", "--backend", "each"]

    assert command.command(["-k", "x"]) == [*run_it, "-k", "x", "--results", command.RESULTS]
    assert command.command(["--results=y"]) == [*run_it, "--results=y"]
    assert command.command(["--exec", "true", "-x"]) == ["true", "-x"]


def test_the_command_gives_the_status_of_what_it_ran(library: Path) -> None:
    assert library  # it can be built
    for program, status in (
        ("import sys; sys.exit(7)", 7),
        ("import os; os.kill(os.getpid(), 9)", 137),
    ):
        assert command.main(["--exec", sys.executable, "-S", "-c", program]) == status
