"""What Debian has: packages for this machine, and those of other releases and processors.

Those are fetched by an apt of our own, from the mirror that this machine uses, and unpacked without
being installed: no maintainer script runs, and nothing outside of the folder of guests is touched.
"""

from __future__ import annotations

import os
import re
import shutil
from contextlib import contextmanager
from typing import TYPE_CHECKING

from .places import MADE, made_once
from .running import CannotRun, call

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

_KEYS = "/usr/share/keyrings/debian-archive-keyring.gpg"
_PATIENCE = "-oDPkg::Lock::Timeout=300"  # seconds, while somebody else installs


def install(programs: Mapping[str, str]) -> None:
    """Install the packages of the programs that are not here: a program, or a file, by each.

    Raises:
        CannotRun: they are not here, and this user or this system cannot install them.

    """
    missing = [package for program, package in programs.items() if not _is_here(program)]
    if not missing:
        return
    how = f"apt-get install --no-install-recommends {' '.join(missing)}"
    if not shutil.which("apt-get") or os.geteuid() != 0:
        raise CannotRun(f"not installed; on Debian, as root: {how}")
    quiet = {"DEBIAN_FRONTEND": "noninteractive"}
    call("apt-get", _PATIENCE, "update", "-qq", environment=quiet)
    call("apt-get", _PATIENCE, "-qqy", *how.split()[1:], environment=quiet)


def _is_here(program: str) -> bool:
    return os.path.exists(program) if program.startswith("/") else bool(shutil.which(program))


def root(release: str, architecture: str, packages: Sequence[str]) -> Path:
    """Give the folder with a whole user space in it: these packages and all they depend on."""
    name = "-".join(("root", release, architecture, *packages))
    with made_once(name) as folder:
        if folder is not None:
            for link in ("bin", "sbin", "lib"):  # base-files leaves these to the installer
                (folder / "usr" / link).mkdir(parents=True)
                (folder / link).symlink_to(f"usr/{link}")
            if architecture in {"amd64", "ppc64el"}:
                (folder / "usr/lib64").mkdir()
                (folder / "lib64").symlink_to("usr/lib64")
            with _fetched(release, architecture, packages) as archives:
                for archive in archives:
                    call("dpkg-deb", "-x", archive, folder)
            _without_manuals(folder)
            for mount in ("dev", "proc", "sys", "tmp", "run", "srv", "mnt"):
                (folder / mount).mkdir(exist_ok=True)
    return MADE / name


def _without_manuals(folder: Path) -> None:
    for heavy in ("doc", "man", "locale", "info", "zoneinfo"):
        shutil.rmtree(folder / "usr/share" / heavy, ignore_errors=True)


def unpacked(release: str, architecture: str, package: str) -> Path:
    """Give the folder in which one package is unpacked, without those it depends on."""
    name = "-".join(("package", release, architecture, package))
    with made_once(name) as folder:
        if folder is not None:
            options = _private(release, architecture)
            call("apt-get", *options, "-qq", "download", package, folder=folder)
            (archive,) = folder.glob("*.deb")
            call("dpkg-deb", "-x", archive, folder)
            archive.unlink()
    return MADE / name


def depends(release: str, architecture: str, package: str, pattern: str) -> str:
    """Name what a package depends on, such as the kernel that a name without a version stands for.

    Raises:
        CannotRun: it depends on nothing of that kind.

    """
    words = (*_private(release, architecture), "depends", package)
    found = re.findall(rf"Depends: ({pattern}\S*)", call("apt-cache", *words))
    if not found:
        raise CannotRun(f"in {release}, {package} depends on nothing like {pattern}")
    return str(found[0])


@contextmanager
def _fetched(release: str, architecture: str, packages: Sequence[str]) -> Iterator[list[Path]]:
    options = _private(release, architecture)
    archives = MADE / f"apt-{release}-{architecture}" / "cache/archives"
    call("apt-get", *options, "-qqy", "--download-only", "install", *packages)
    yield sorted(archives.glob("*.deb"))
    call("apt-get", *options, "clean")


def _private(release: str, architecture: str) -> list[str]:
    """Give the options of an apt that knows this release only, with its lists fetched."""
    if not shutil.which("apt-get"):
        raise CannotRun("its programs come from Debian's packages, and there is no apt-get here")
    name = f"apt-{release}-{architecture}"
    folder = MADE / name
    options = {
        "Dir::State": folder / "state",
        "Dir::State::status": folder / "status",
        "Dir::Cache": folder / "cache",
        "Dir::Etc::sourcelist": folder / "sources.list",
        "Dir::Etc::sourceparts": "/dev/null",
        "Dir::Etc::preferencesparts": "/dev/null",
        "APT::Architecture": architecture,
        "APT::Architectures": architecture,
        "APT::Install-Recommends": "false",
        "APT::Sandbox::User": "",  # the folder is ours alone
        "Debug::NoLocking": "true",
    }
    words = [f"-o{option}={value}" for option, value in options.items()]
    with made_once(name) as made:
        if made is not None:
            (made / "state/lists/partial").mkdir(parents=True)
            (made / "cache/archives/partial").mkdir(parents=True)
            (made / "status").touch()
            source = f"deb [signed-by={_KEYS}] {_mirror()} {release} main\n"
            (made / "sources.list").write_text(source)
            there = [word.replace(str(folder), str(made)) for word in words]
            call("apt-get", *there, "-qq", "update")
    return words


def _mirror() -> str:
    said = call("apt-get", "indextargets", "--format", "$(REPO_URI)", "Label: Debian").split()
    if not said:
        raise CannotRun("this machine's apt has no Debian among its sources")
    return said[0]
