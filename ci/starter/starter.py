"""Run the suite out of the single file: unpack it into a folder of its own, and remove that again.

pytest collects no checks from an archive, and a peer, which is started for every check, starts
faster from files whose bytecode is kept. Nothing here is of Unix only.

Of this Python nothing but the standard library is used: what is installed in it, or named by
PYTHONPATH, is left out of this process, and xdist's workers get their sys.path from it. It is not
started anew with -I -S for that: under valgrind or qemu-user the new one would run outside of them.
"""

from __future__ import annotations

import atexit
import os
import shutil
import signal
import sys
import tempfile
import zipfile
import zlib
from contextlib import suppress
from typing import TYPE_CHECKING, NoReturn

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType

ARCHIVE = os.path.dirname(os.path.abspath(__file__))
INSIDE = "inside/"  # what is to be unpacked
SUITE_FAILED = 4  # as conformance.report.model has it, which is not unpacked yet


def main() -> None:
    """Answer what needs no unpacking; else unpack, and be the command line of the suite."""
    told = {"--version": _version, "--licenses": _licences}
    if len(sys.argv) == 2 and sys.argv[1] in told:
        with zipfile.ZipFile(ARCHIVE) as archive:
            words = told[sys.argv[1]](archive)
        with suppress(BrokenPipeError), open(1, "wb", closefd=False) as output:  # as by `| head`
            output.write(words.encode())
        return
    try:
        _end_in_good_order()
        _leave_out_all_but(_unpacked())
        _command_line_of_the_suite()()
    except KeyboardInterrupt as interrupted:
        _fail(str(interrupted) or "interrupted from the keyboard")


def _command_line_of_the_suite() -> Callable[[], None]:
    try:
        from conformance.__main__ import main as of_the_suite
    except ModuleNotFoundError as lack:  # as of fcntl on Windows
        _fail(f"the suite does not run on {sys.platform}: {lack}")
    return of_the_suite


def _version(archive: zipfile.ZipFile) -> str:
    return archive.read("VERSION").decode()


def _licences(archive: zipfile.ZipFile) -> str:
    named = [name for name in archive.namelist() if name.startswith("LICENSES/")]
    texts = (archive.read(name).decode(errors="replace").strip() for name in named)
    return "".join(f"== {name}\n\n{text}\n\n" for name, text in zip(named, texts, strict=True))


def _fail(words: str) -> NoReturn:
    print(f"{os.path.basename(ARCHIVE)}: {words}", file=sys.stderr)
    sys.exit(SUITE_FAILED)


def _end_in_good_order() -> None:
    """Take what ends a program as Ctrl-C is taken, so that the folder is removed then, too."""
    for name in ("SIGTERM", "SIGHUP"):
        number = getattr(signal, name, None)
        if number is not None and signal.getsignal(number) == signal.SIG_DFL:  # not under nohup(1)
            signal.signal(number, _interrupt)


def _interrupt(number: int, _: FrameType | None) -> NoReturn:
    raise KeyboardInterrupt(f"ended by {signal.Signals(number).name}")


def _unpacked() -> str:
    """Unpack into a folder that is ours alone, and that lasts as long as this process."""
    try:
        folder = os.path.realpath(tempfile.mkdtemp(prefix="fdpass-conformance-"))
        # The first that is registered is the last that is called: what runs from there has ended.
        atexit.register(_remove, folder, os.getpid())
        with zipfile.ZipFile(ARCHIVE) as archive:
            _unpack(archive, folder)
    except (zipfile.BadZipFile, zlib.error, EOFError) as error:
        _fail(f"it is damaged, fetch it again: {error}")
    except OSError as error:
        _fail(f"it cannot be unpacked, TMPDIR may name another folder: {error}")
    os.environ["PYTEST_DEBUG_TEMPROOT"] = folder  # else pytest leaves a folder of its own behind
    return folder


def _unpack(archive: zipfile.ZipFile, folder: str) -> None:
    there = {folder}
    for name in archive.namelist():
        if name.startswith(INSIDE):
            path = os.path.join(folder, *name[len(INSIDE) :].split("/"))
            parent = os.path.dirname(path)
            if parent not in there:
                os.makedirs(parent, exist_ok=True)
                there.add(parent)
            with open(path, "wb") as file:
                file.write(archive.read(name))


def _remove(folder: str, owner: int) -> None:
    if os.getpid() != owner:  # a fork of the process that unpacked it
        return
    for name in ("SIGINT", "SIGTERM", "SIGHUP"):
        with suppress(AttributeError, ValueError):
            signal.signal(getattr(signal, name), signal.SIG_IGN)
    kept = [folder]
    if sys.pycache_prefix:
        below = os.path.splitdrive(folder)[1].lstrip("\\/")
        kept.append(os.path.join(sys.pycache_prefix, below))
    for path in kept:
        shutil.rmtree(path, ignore_errors=True)
        if os.path.exists(path):
            print(f"{os.path.basename(ARCHIVE)}: {path} cannot be removed", file=sys.stderr)


def _leave_out_all_but(folder: str) -> None:
    """Let modules be found in *folder* and in the standard library, and nowhere else."""
    sys.path[:] = [folder, *filter(_is_of_the_standard_library, sys.path)]
    # Those of editable installations would find a module in its sources.
    sys.meta_path[:] = [
        finder for finder in sys.meta_path if finder.__module__.startswith("_frozen_importlib")
    ]
    ours = {os.path.splitext(name)[0] for name in os.listdir(folder)}
    for name in list(sys.modules):  # a .pth file may have imported one
        if name.partition(".")[0] in ours:
            del sys.modules[name]


def _is_of_the_standard_library(path: str) -> bool:
    added = os.environ.get("PYTHONPATH", "").split(os.pathsep)
    if os.path.realpath(path) in map(os.path.realpath, filter(None, [*added, ARCHIVE])):
        return False
    parts = os.path.normpath(path).split(os.sep)
    if "site-packages" in parts or "dist-packages" in parts:
        return False
    homes = {sys.base_prefix, sys.base_exec_prefix, os.path.dirname(os.__file__)}
    return any(_is_in(path, home) for home in homes)


def _is_in(path: str, folder: str) -> bool:
    path, folder = os.path.realpath(path), os.path.realpath(folder)
    return path == folder or path.startswith(folder.rstrip(os.sep) + os.sep)
