"""The script for a machine that nothing was prepared on, in every shell that is here."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

_CI = Path(__file__).resolve().parents[2] / "ci"
_STAND_IN = Path(__file__).with_name("suite_stand_in.py")
_PATIENCE = 60.0

pytestmark = pytest.mark.skipif(not _CI.exists(), reason="ci/ is not here: no source tree")

_SHELLS = {
    "dash": "dash",
    "bash": "bash --posix",
    "busybox": "busybox ash",
    "ksh": "ksh",
    "mksh": "mksh",
    "yash": "yash",
}
# What the script itself calls, and nothing that could install anything.
_TOOLS = ("sh", "dirname", "rm", "env", "cat", "ln")


@pytest.fixture(params=_SHELLS)
def shell(request: pytest.FixtureRequest) -> list[str]:
    """A shell that is here."""
    name: str = request.param
    if not shutil.which(name):
        pytest.skip(f"no {name}; on Debian: apt install {name}")
    return _SHELLS[name].split()


class Machine:
    """A machine of which we say what it is and which programs it has."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.programs = folder / "programs"
        self.programs.mkdir()
        self.log = folder / "log"
        self.log.touch()
        for name in (*_TOOLS, "id", "uname"):
            (self.programs / name).symlink_to(shutil.which(name) or name)
        self.variables = {"SUITE": str(_STAND_IN)}

    def has(self, name: str, script: str) -> None:
        """Give it a program, which notes how it was called."""
        path = self.programs / name
        path.unlink(missing_ok=True)
        path.write_text(f'#!/bin/sh\necho "{name} $*" >>{self.log}\n{script}\n')
        path.chmod(0o755)

    def is_of(self, system: str, uid: int = 0) -> None:
        """Say what it is, and who we are there; of Pythons it has none."""
        (self.programs / "uname").unlink()
        (self.programs / "uname").write_text(f"#!/bin/sh\necho {system}\n")
        (self.programs / "uname").chmod(0o755)
        (self.programs / "id").unlink()
        (self.programs / "id").write_text(f"#!/bin/sh\necho {uid}\n")
        (self.programs / "id").chmod(0o755)
        self.variables["PYTHON"] = "python-installed"

    def installs_by(self, name: str, *last: str) -> None:
        """Give it a package manager that has a Python by this name alone."""
        target = self.programs / "python-installed"
        cases = f'*" {" ".join(last)}") ln -s {sys.executable} {target};; *update*) ;;'
        self.has(name, f'case " $*" in {cases} *) exit 1;; esac')

    def run(self, shell: list[str], *words: str, **more: str) -> subprocess.CompletedProcess[str]:
        """Run the script on it."""
        program = shutil.which(shell[0]) or shell[0]
        return subprocess.run(
            [program, *shell[1:], str(_CI / "guest.sh"), *words],
            cwd=self.folder,
            env={"PATH": str(self.programs), **self.variables, **more},
            capture_output=True,
            check=False,
            text=True,
            timeout=_PATIENCE,
        )

    def calls(self) -> list[str]:
        """Give what its programs were called by."""
        return self.log.read_text().splitlines()


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def test_results_junit_and_facts_are_left_and_the_status_is_kept(
    shell: list[str], machine: Machine
) -> None:
    told = machine.run(
        *(shell, "here", "--check", "two words"), PYTHON=sys.executable, STAND_IN_STATUS="5"
    )

    assert told.returncode == 5, told.stderr
    assert (machine.folder / "here-facts.json").read_text() == "{}\n"
    assert (machine.folder / "here.json").exists()
    assert (machine.folder / "here.xml").exists()
    assert "run --plain --results here.json --junit here.xml --check two words" in told.stderr


def test_facts_that_fail_are_told_and_leave_nothing(shell: list[str], machine: Machine) -> None:
    told = machine.run(shell, "here", PYTHON=sys.executable, STAND_IN_FACTS="4")

    assert told.returncode == 0
    assert "the facts were not measured: exit status 4" in told.stderr
    assert not (machine.folder / "here-facts.json").exists()
    assert (machine.folder / "here.json").exists()


def test_a_python_that_is_too_old_is_passed_over(shell: list[str], machine: Machine) -> None:
    machine.has("python-old", "exit 1")

    told = machine.run(shell, "here", PYTHON=f"python-old {sys.executable}")

    assert told.returncode == 0, told.stderr
    assert machine.calls()[0].startswith("python-old -c import sys, fcntl")


def test_wrong_usage_is_told(shell: list[str], machine: Machine) -> None:
    without_name = machine.run(shell)
    without_suite = machine.run(shell, "here", SUITE="/nowhere.pyz")

    assert without_name.returncode == 2
    assert "usage: sh guest.sh NAME" in without_name.stderr
    assert without_suite.returncode == 2
    assert "expected the single file at /nowhere.pyz, found none" in without_suite.stderr


def test_nothing_is_proven_without_a_python(shell: list[str], machine: Machine) -> None:
    machine.is_of("Plan9")

    told = machine.run(shell, "here")

    assert told.returncode == 3
    assert "nothing is proven: no Python 3.10 or newer was found" in told.stderr


@pytest.mark.parametrize(
    ("system", "manager", "last", "calls"),
    [
        ("Linux", "apk", ("python3",), ["apk add --no-cache python3"]),
        (
            "Linux",
            "apt-get",
            ("python3",),
            ["apt-get update -qq", "apt-get install -y -qq --no-install-recommends python3"],
        ),
        ("Linux", "dnf", ("python3",), ["dnf install -y python3"]),
        ("Linux", "pacman", ("python",), ["pacman -Sy --noconfirm python"]),
        (
            "Linux",
            "zypper",
            ("python312",),
            [f"zypper --non-interactive install python31{n}" for n in (3, 2)],
        ),
        ("FreeBSD", "pkg", ("python3",), ["pkg install -y python3"]),
        (
            "DragonFly",
            "pkg",
            ("python311",),
            [f"pkg install -y {n}" for n in ("python3", "python311")],
        ),
        ("OpenBSD", "pkg_add", ("python%3",), ["pkg_add -I python%3"]),
        ("NetBSD", "pkgin", ("python313",), [f"pkgin -y install python31{n}" for n in (4, 3)]),
        ("SunOS", "pkg", ("runtime/python-313",), ["pkg install --accept runtime/python-313"]),
        ("Darwin", "brew", ("python3",), ["brew install python3"]),
    ],
)
def test_a_python_is_installed_by_the_packages_of_the_system(
    machine: Machine, system: str, manager: str, last: tuple[str, ...], calls: list[str]
) -> None:
    machine.is_of(system)
    machine.installs_by(manager, *last)

    told = machine.run(["sh"], "here")

    assert told.returncode == 0, told.stderr
    assert [call for call in machine.calls() if call.startswith(f"{manager} ")] == calls
    assert (machine.folder / "here.json").exists()


@pytest.mark.parametrize("way", ["sudo", "doas"])
def test_who_is_not_root_installs_by_sudo_or_doas(machine: Machine, way: str) -> None:
    machine.is_of("OpenBSD", uid=1000)
    machine.installs_by("pkg_add", "python%3")
    machine.has(way, 'shift; exec "$@"')

    told = machine.run(["sh"], "here")

    assert told.returncode == 0, told.stderr
    assert machine.calls()[:2] == [f"{way} -n pkg_add -I python%3", "pkg_add -I python%3"]


def test_who_can_become_root_by_neither_is_told(machine: Machine) -> None:
    machine.is_of("OpenBSD", uid=1000)
    machine.installs_by("pkg_add", "python%3")

    told = machine.run(["sh"], "here")

    assert told.returncode == 3
    assert "not root, and neither sudo nor doas is here: pkg_add -I python%3" in told.stderr
    assert machine.calls() == []


def test_a_package_manager_that_has_no_python_is_no_success(machine: Machine) -> None:
    machine.is_of("NetBSD")
    machine.installs_by("pkgin", "python39")

    told = machine.run(["sh"], "here")

    assert told.returncode == 3
    assert len(machine.calls()) == 4, "the newest four are tried"


def test_temporary_files_are_not_kept_in_the_memory_of_a_solaris(machine: Machine) -> None:
    machine.is_of("SunOS")
    machine.variables["PYTHON"] = "python-of-solaris"
    machine.has(
        "python-of-solaris",
        f'echo "TMPDIR ${{TMPDIR-}}" >>{machine.log}; exec {sys.executable} "$@"',
    )

    told = machine.run(["sh"], "here")

    assert told.returncode == 0, told.stderr
    assert machine.calls()[-1] == "TMPDIR /var/tmp"


def test_shellcheck_has_nothing_to_say() -> None:
    if not shutil.which("shellcheck"):
        pytest.skip("no shellcheck; on Debian: apt install shellcheck")
    scripts = [str(_CI / "guest.sh"), str(_CI / "hosted" / "merge.sh")]
    told = subprocess.run(
        ["shellcheck", *scripts],
        capture_output=True,
        check=False,
        text=True,
        timeout=_PATIENCE,
        env=dict(os.environ),
    )

    assert told.stdout == ""
