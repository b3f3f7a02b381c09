"""Make the suite one file: `nox -s bundle`, or `python ci/bundle.py [-o FILE] [--newest]`.

dist/fdpass-conformance.pyz has the suite, the reference passer and all they need inside, in pure
Python, for CPython 3.10 to 3.14 and PyPy at once; beside it is its sha256. What others made of it
is pinned in ci/bundle.txt by version and hash; these wheels are kept in out/bundle, and used again.

The same sources make the same bytes, in whatever folder and by whom: names are sorted, times fixed.
(Of compression they are the same by the same zlib.)
Exit status: 0 it is made, 1 it is not, 3 it cannot be: a wheel is not here, nor to be fetched.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import re
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parents[1]
PINS = ROOT / "ci" / "bundle.txt"
STARTER = ROOT / "ci" / "starter"
DEADLINE = 600  # seconds, for any one program

OURS = ("conformance", "fdpass")
LEFT_OUT = {"tests", "__pycache__"}
# Of Pygments' 250 lexers those that pytest and the suite highlight with: the rest is 4 of 11 MB.
UNUSED = re.compile(r"pygments/lexers/(?!(__init__|_mapping|c_cpp|diff|python)\.py)")
NATIVE = {".so", ".pyd", ".dll", ".dylib"}
# No wheel for one platform, not even where there is one for this.
PURE = ("--only-binary=:all:", "--platform=any", "--implementation=py", "--abi=none")
OLDEST = "3.10"
# Pure Python but for speedups that it can do without, and in wheels that have these only.
SLOWED = {"markupsafe"}
SOME = ("--only-binary=:all:", "--platform=manylinux2014_x86_64", "--implementation=cp")

# The fingerprint that results files have, told by what is to be bundled.
ASK_THE_CATALOGUE = """
import sys
sys.path.insert(0, sys.argv[1])
from conformance import __version__
from conformance.report.catalogue import sha256
from conformance.requirement import catalogue
print(__version__, sha256([requirement.entry() for requirement, _ in catalogue()]))
"""


class CannotBundle(Exception):
    """Something is not what may be inside."""


class CannotFetch(Exception):
    """There is no pip here, or it reaches nothing."""


def pins() -> dict[str, str]:
    """Give the hash of each wheel by its requirement, such as click==8.5.1."""
    found = dict(re.findall(r"^(\S+==\S+) --hash=sha256:(\w+)$", PINS.read_text(), re.MULTILINE))
    if not found:
        raise CannotBundle(f"{PINS} pins nothing")
    return found


def wheels(kept: Path) -> list[Path]:
    """Give the pinned wheels, in order; fetch them all if one is not there."""
    kept.mkdir(parents=True, exist_ok=True)
    wanted = pins()
    if set(wanted.values()) - set(by_hash(kept)):
        fetch_all(kept, [f"{name} --hash=sha256:{digest}" for name, digest in wanted.items()])
    there = by_hash(kept)
    if missing := [name for name, digest in wanted.items() if digest not in there]:
        raise CannotBundle(f"no wheel has the pinned hash: {', '.join(missing)}")
    return [there[digest] for digest in wanted.values()]


def by_hash(folder: Path) -> dict[str, Path]:
    """Give the wheels of a folder by their hashes."""
    return {hashlib.sha256(path.read_bytes()).hexdigest(): path for path in folder.glob("*.whl")}


def fetch_all(folder: Path, wanted: list[str]) -> None:
    """Have pip download what is wanted, in wheels of pure Python, or that can be made so."""
    slowed = [line for line in wanted if re.split("[= ]", line)[0] in SLOWED]
    for kind, lines in ((SOME, slowed), (PURE, [line for line in wanted if line not in slowed])):
        asked = folder / "asked.txt"
        asked.write_text("".join(f"{line}\n" for line in lines))
        pip = (sys.executable, "-m", "pip", "--disable-pip-version-check", "download", "--quiet")
        words = ("--no-deps", f"--python-version={OLDEST}", "--dest", str(folder), "-r", str(asked))
        if subprocess.run((*pip, *kind, *words), check=False, timeout=DEADLINE).returncode:
            raise CannotFetch("pip cannot fetch what is pinned in ci/bundle.txt")
        asked.unlink()


def pin_newest() -> None:
    """Pin the newest version of each package that is pinned."""
    with tempfile.TemporaryDirectory() as folder:
        fetch_all(Path(folder), [pin.partition("==")[0] for pin in pins()])
        lines = []
        for digest, path in sorted(by_hash(Path(folder)).items(), key=lambda item: item[1].name):
            name, version = path.name.split("-")[:2]
            lines.append(f"{name.replace('_', '-')}=={version} --hash=sha256:{digest}\n")
    head = [line for line in PINS.read_text().splitlines(keepends=True) if line.startswith("#")]
    PINS.write_text("".join(head + lines))


def of_wheel(path: Path) -> Iterator[tuple[str, bytes]]:
    """Give the files of a wheel by their names in the archive."""
    name = "-".join(path.name.split("-")[:2])
    licensed, slowed = False, name.partition("-")[0] in SLOWED
    with zipfile.ZipFile(path) as wheel:
        about = wheel.read(f"{name}.dist-info/WHEEL").decode()
        for file in wheel.namelist():
            inner = PurePosixPath(file)
            if file.endswith("/") or (slowed and inner.name.startswith("_speedups.")):
                continue
            if inner.suffix in NATIVE or inner.parts[0].endswith(".data"):
                raise CannotBundle(f"{path.name} is not pure Python: it has {file}")
            # METADATA, because results files name the versions.
            if UNUSED.match(file) or LEFT_OUT.intersection(inner.parts):
                continue
            if not inner.parts[0].endswith(".dist-info") or inner.name == "METADATA":
                yield f"inside/{file}", wheel.read(file)
            elif re.match(r"licen[cs]e|copying|notice|authors", inner.name, re.IGNORECASE):
                licensed = True
                yield f"LICENSES/{name}/{inner.name}", wheel.read(file)
    tagged = "Root-Is-Purelib: true" in about and path.name.endswith("-none-any.whl")
    if not tagged and not slowed:
        raise CannotBundle(f"{path.name} is not pure Python, its tag says")
    if not licensed:
        raise CannotBundle(f"{path.name} has no licence in it")


def of_ours() -> Iterator[tuple[str, bytes]]:
    """Give our own files by their names in the archive."""
    for package in OURS:
        for path in (ROOT / package).rglob("*"):
            inner = path.relative_to(ROOT)
            if path.is_file() and not LEFT_OUT.intersection(inner.parts):
                yield f"inside/{inner.as_posix()}", path.read_bytes()
    for path in STARTER.glob("*.py"):
        yield path.name, path.read_bytes()
    yield "LICENSES/fdpass/LICENSE", (ROOT / "LICENSE").read_bytes()


def version(files: dict[str, bytes]) -> str:
    """Say what it is: the versions, the digest of the catalogue, the commit."""
    with tempfile.TemporaryDirectory() as folder:
        for name, content in files.items():
            path = Path(folder, name)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        command = (sys.executable, "-I", "-S", "-B", "-c", ASK_THE_CATALOGUE, f"{folder}/inside")
        told = subprocess.run(
            command, stdout=subprocess.PIPE, check=True, timeout=DEADLINE, text=True
        )
    own, digest = told.stdout.split()
    lines = (f"fdpass-conformance {own}", f"catalogue sha256:{digest}", f"commit {commit()}")
    return "\n".join((*lines, f"with {', '.join(pins())}", ""))


def commit() -> str:
    """Name the commit of the sources, and say if they are not as it has them."""
    if not (ROOT / ".git").exists():
        return "unknown"
    of = (*OURS, "ci/bundle.py", "ci/bundle.txt", "ci/starter")
    told = []
    for words in (("rev-parse", "HEAD"), ("status", "--porcelain", "--", *of)):
        command = ["git", "-C", str(ROOT), *words]
        asked = subprocess.run(command, capture_output=True, check=False, text=True)
        if asked.returncode:
            return "unknown"
        told.append(asked.stdout.strip())
    return f"{told[0]}, with changes" if told[1] else told[0]


def write(output: Path, files: dict[str, bytes]) -> str:
    """Write the archive, whole or not at all; give its hash."""
    output.parent.mkdir(parents=True, exist_ok=True)
    unfinished = output.with_name(f"{output.name}.{os.getpid()}")
    with open(unfinished, "wb") as file:
        file.write(b"#!/usr/bin/env python3\n")
        with zipfile.ZipFile(file, "w") as archive:
            for name in sorted(files):
                entry = zipfile.ZipInfo(name)  # of 1980, the earliest that an archive can say
                entry.create_system = 3  # Unix, also when made elsewhere
                entry.external_attr = 0o100644 << 16
                archive.writestr(entry, files[name], zipfile.ZIP_DEFLATED, 9)
    unfinished.chmod(0o755)
    os.replace(unfinished, output)
    return hashlib.sha256(output.read_bytes()).hexdigest()


def main() -> int:
    """Make it, or renew the pins."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    default = ROOT / "dist" / "fdpass-conformance.pyz"
    parser.add_argument("-o", "--output", type=Path, default=default, metavar="FILE")
    parser.add_argument("--wheels", type=Path, default=ROOT / "out" / "bundle", metavar="FOLDER")
    parser.add_argument("--newest", action="store_true", help="pin the newest versions first")
    chosen = parser.parse_args()
    try:
        if chosen.newest:
            pin_newest()
        files = dict(of_ours())
        for path in wheels(chosen.wheels):
            files.update(of_wheel(path))
        said = version(files)
        files["VERSION"] = said.encode()
        digest = write(chosen.output, files)
    except (CannotBundle, CannotFetch, subprocess.SubprocessError) as error:
        print(f"bundle: not made; {error}", file=sys.stderr)
        return 3 if isinstance(error, CannotFetch) else 1
    beside = chosen.output.with_name(f"{chosen.output.name}.sha256")
    beside.write_text(f"{digest}  {chosen.output.name}\n")
    print(f"{said}{chosen.output}: {len(files)} files, {chosen.output.stat().st_size} bytes")
    return 0


if __name__ == "__main__":
    sys.exit(main())
