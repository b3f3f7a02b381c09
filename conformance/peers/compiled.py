"""Peer programs that have to be compiled: when first used, and kept for as long as they are right.

What is kept has the name of the sources' digest, so that a changed source is compiled anew.
"""

from __future__ import annotations

import getpass
import hashlib
import os
import platform
import stat
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import CannotStart

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    Compiler = Callable[[Sequence[Path], str], Sequence[str]]


def cc(sources: Sequence[Path], output: str) -> Sequence[str]:
    """Give the command line of the system's C compiler."""
    named = [str(source) for source in sources if source.suffix == ".c"]
    return ("cc", "-std=c11", "-O1", "-pthread", "-o", output, *named)


def go(sources: Sequence[Path], output: str) -> Sequence[str]:
    """Give the command line of the Go compiler, for the folder of the sources."""
    del sources
    return ("go", "build", "-o", output, ".")


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


def _compile(sources: Sequence[Path], compiler: Compiler, kept: Path) -> None:
    # Several processes may be at it at once: whole or not at all is what each finds.
    with tempfile.TemporaryDirectory(dir=kept.parent) as folder:
        output = os.path.join(folder, "program")
        words = compiler(sources, output)
        try:
            done = subprocess.run(
                list(words), capture_output=True, text=True, check=False, cwd=sources[0].parent
            )
        except OSError as error:
            raise CannotStart(f"{words[0]} cannot be run: {error.strerror}") from error
        if done.returncode:
            raise CannotStart(f"{kept.name} cannot be compiled:\n{done.stderr or done.stdout}")
        os.replace(output, kept)


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
