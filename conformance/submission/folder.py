"""The folder of a submission: packed, and looked at again.

``results.json``, byte for byte; what else is evidence, in ``evidence/``; ``submission.json``: words
of the vendor, and digests; STATEMENT.md, which is signed; STATEMENT.html, which says the same.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from typing import TYPE_CHECKING, cast

from ..report import model, shape
from . import statement
from .verify import Finding

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from ..report.model import Document
    from .statement import Submission

RESULTS, WORDS, EVIDENCE = "results.json", "submission.json", "evidence"
SIGNED = "STATEMENT.md"
SIGNATURE = f"{SIGNED}.sig"
"""The name under which ssh-keygen writes it."""

_SCHEMA: shape.Schema = {
    "type": "object",
    "required": ["schema", "product", "vendor", "contact", "files"],
    "properties": {
        "schema": {"const": 1},
        "product": {"type": "string"},
        "vendor": {"type": "string"},
        "contact": {"type": "string"},
        "files": {"type": "object", "additionalProperties": {"type": "string"}},
    },
}


class NotPacked(Exception):
    """It cannot be packed; the message says why."""


def pack(
    target: Path,
    results: Path,
    evidence: Sequence[Path],
    *,
    product: str,
    vendor: str,
    contact: str,
) -> list[Path]:
    """Make the folder of a submission; give the files that were written.

    Raises:
        NotPacked: there is something already, or two files have one name.
        OSError: a file cannot be read or written.

    """
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise NotPacked(f"expected {target} to be empty or not there; it has other files")
    names = [f"{EVIDENCE}/{path.name}" for path in evidence]
    if len(set(names)) < len(names):
        raise NotPacked("expected evidence of different names, received two files of one name")
    document = model.read(results)
    target.mkdir(parents=True, exist_ok=True)
    for name, path in zip([RESULTS, *names], [results, *evidence], strict=True):
        (target / name).parent.mkdir(exist_ok=True)
        shutil.copyfile(path, target / name)
    submission: Submission = {
        "schema": 1,
        "product": product,
        "vendor": vendor,
        "contact": contact,
        "files": {name: digest(target / name) for name in [RESULTS, *names]},
    }
    (target / WORDS).write_text(json.dumps(submission, indent=1) + "\n", encoding="utf-8")
    pages = statement.pages(submission, document)
    for name, text in pages.items():
        (target / name).write_bytes(text.encode())
    return [target / name for name in [RESULTS, *names, WORDS, *pages]]


def findings(folder: Path, document: Document) -> Iterator[Finding]:
    """Look whether a folder is as it was packed."""
    submission, fault = _read(folder / WORDS)
    yield Finding(f"{WORDS} says what belongs to it", fault)
    if submission is None:
        return
    faults = list(_files(folder, submission))
    yield Finding("its files are those that were packed", "; ".join(faults))
    for name, due in statement.pages(submission, document).items():
        try:
            same = (folder / name).read_bytes() == due.encode()
            fault = "" if same else "expected what the results say, received another text"
        except OSError as error:
            fault = f"expected {name}: {error.strerror}"
        yield Finding(f"{name} says what the results say", fault)


def digest(path: Path) -> str:
    """Give the SHA-256 of a file."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _read(path: Path) -> tuple[Submission | None, str]:
    try:
        content = json.loads(path.read_bytes())
    except OSError as error:
        return None, f"expected it: {error.strerror}"
    except ValueError as error:
        return None, f"expected JSON, {error}"
    if complaint := shape.complaint(content, _SCHEMA):
        return None, complaint
    return cast("Submission", content), ""


def _files(folder: Path, submission: Submission) -> Iterator[str]:
    packed = submission["files"]
    if RESULTS not in packed:
        yield f"expected the digest of {RESULTS}, received none"
    for name, due in packed.items():
        if not (folder / name).resolve().is_relative_to(folder.resolve()):
            yield f"expected files within the folder, received {name}"
            continue
        try:
            came = digest(folder / name)
        except OSError as error:
            yield f"expected {name}: {error.strerror}"
            continue
        if came != due:
            yield f"{name}: expected sha256 {due[:16]}, received {came[:16]}"
    inside = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    ours = {WORDS, SIGNATURE, *statement.PAGES}
    for name in sorted(inside - packed.keys() - ours):
        yield f"expected only files with a digest, received {name}"
