"""Peer programs that have to be compiled: when first used, and kept for as long as they are right.

What is kept has the name of the sources' digest, so that a changed source is compiled anew.
"""

from __future__ import annotations

import getpass
import hashlib
import os
import platform
import shlex
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import CannotStart

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    Compiler = Callable[[Sequence[Path], str], Sequence[str]]

CRATES = "/usr/share/cargo/registry"
"""Where Debian's packages of crates put their sources."""


DEADLINE = 600.0
"""Seconds that a compiler may take; the slowest needs some twenty where nobody else works."""


JUNIXSOCKET = "/usr/share/java/junixsocket-common.jar"
"""Where Debian's package has it."""

JAVA_INTERNALS = ("--add-exports", "java.base/jdk.internal.access=ALL-UNNAMED")
"""What opens the numbers of file descriptors to a program: no other way leads to them."""


def cc(sources: Sequence[Path], output: str) -> Sequence[str]:
    """Give the command line of the system's C compiler."""
    return ("cc", "-std=c11", "-O1", "-pthread", "-o", output, *_named(sources, ".c"))


def musl(sources: Sequence[Path], output: str) -> Sequence[str]:
    """Give the command line of the C compiler with musl for its library, which goes into it."""
    named = _named(sources, ".c")
    about = ("-static", '-DNAME="c-musl"', '-DLIBRARY=", musl"')
    return ("musl-gcc", "-std=c11", "-O1", "-pthread", *about, "-o", output, *named)


def go(sources: Sequence[Path], output: str) -> Sequence[str]:
    """Give the command line of the Go compiler, for the folder of the sources."""
    del sources
    return ("go", "build", "-o", output, ".")


def cargo(sources: Sequence[Path], output: str) -> Sequence[str]:
    """Give the command line of cargo, with the crates that Debian has packaged and no others."""
    del sources
    build = (
        "cargo build --quiet --offline --release --target-dir built"
        """ --config 'source.crates-io.replace-with="debian"'"""
        f""" --config 'source.debian.directory="{CRATES}"'"""
    )
    return ("sh", "-c", f'{build} && mv built/release/peer "$0"', output)


def erlc(sources: Sequence[Path], output: str) -> Sequence[str]:
    """Give the command line of the Erlang compiler, which makes a folder of modules."""
    return ("sh", "-c", 'mkdir "$0" && erlc -o "$0" "$@"', output, *_named(sources, ".erl"))


def javac(sources: Sequence[Path], output: str) -> Sequence[str]:
    """Give the command line of the Java compiler: one archive, open from the start, of all."""
    words = ("javac", "-d", "classes", "-cp", JUNIXSOCKET, *JAVA_INTERNALS)
    make = f'{shlex.join(words)} "$@" && jar -c -f "$0" -C classes .'
    return ("sh", "-c", make, output, *_named(sources, ".java"))


def ghc(sources: Sequence[Path], output: str) -> Sequence[str]:
    """Give the command line of the Haskell compiler."""
    return ("ghc", "-v0", "-outputdir", "objects", "-o", output, *_named(sources, ".hs"))


def gdc(sources: Sequence[Path], output: str) -> Sequence[str]:
    """Give the command line of the D compiler that belongs to GCC."""
    return ("gdc", "-O1", "-o", output, *_named(sources, ".d"))


def program(name: str, folder: str, suffix: str, compiler: Compiler) -> tuple[str, ...]:
    """Give the command line of the program whose sources are in *folder*, compiled if need be.

    Raises:
        CannotStart: it cannot be compiled; the message is the compiler's.

    """
    sources = sorted(path for path in Path(folder).iterdir() if path.is_file())
    digest = hashlib.sha256(f"{platform.machine()} {suffix}".encode())
    for source in sources:
        digest.update(source.read_bytes())
    kept = _cache() / f"{name}-{digest.hexdigest()[:16]}"
    if not kept.exists():
        _compile(sources, compiler, kept)
    return (str(kept),)


def _named(sources: Sequence[Path], suffix: str) -> list[str]:
    return [source.name for source in sources if source.suffix == suffix]


def _compile(sources: Sequence[Path], compiler: Compiler, kept: Path) -> None:
    # Several processes may be at it at once: whole or not at all is what each finds.
    with tempfile.TemporaryDirectory(dir=kept.parent) as folder:
        output = os.path.join(folder, "program")
        copies = os.path.join(folder, "sources")  # some compilers write beside them
        os.mkdir(copies)
        for source in sources:
            shutil.copy(source, copies)
        _run(compiler(sources, output), copies, kept.name)
        try:
            os.replace(output, kept)
        except OSError:  # a folder, as some compilers make, replaces no other
            if not kept.exists():
                raise


def _run(words: Sequence[str], folder: str, name: str) -> None:
    print(f"compiling {name}, once", file=sys.stderr)
    try:
        compiling = subprocess.Popen(
            list(words),
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
    except OSError as error:
        raise CannotStart(f"{words[0]} cannot be run: {error.strerror}") from error
    try:
        said, _ = compiling.communicate(timeout=DEADLINE)
    except subprocess.TimeoutExpired:
        raise CannotStart(f"{name} was not compiled within {DEADLINE:.0f} s") from None
    finally:
        if compiling.poll() is None:
            os.killpg(compiling.pid, signal.SIGKILL)
            compiling.communicate()
    if compiling.returncode:
        raise CannotStart(f"{name} cannot be compiled:\n{said}")


def _cache() -> Path:
    """Give the folder where programs are kept: the user's, else a temporary one of this user's."""
    chosen = os.environ.get("XDG_CACHE_HOME")
    for folder in (
        Path(chosen) if chosen else Path.home() / ".cache",
        Path(tempfile.gettempdir()) / f"cache-{getpass.getuser()}",
    ):
        kept = folder / "fdpass-conformance"
        try:
            kept.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError:
            continue
        # What somebody else could put there would be run by us.
        about = kept.stat()
        if about.st_uid == os.getuid() and not stat.S_IMODE(about.st_mode) & 0o022:
            return kept
    return Path(tempfile.mkdtemp(prefix="fdpass-conformance-"))
