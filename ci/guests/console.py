"""What comes out of a guest that shares no files: results between two marks on its console."""

from __future__ import annotations

import base64
import gzip
import re
from typing import TYPE_CHECKING

from .inside import BEGIN, END

if TYPE_CHECKING:
    from pathlib import Path

_REPORT = re.compile(rf"{BEGIN}(-?\d+)\r?\n(.*?){END}", re.DOTALL)


def keep_document(log: Path, results: Path) -> None:
    """Write the JSON document that a log has in it, if it has one."""
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
    begins = (n for n, line in enumerate(lines[1:]) if lines[n].endswith("{") and line[:2] == ' "')
    # What starts a machine may have written before, and have left the line unfinished.
    begin = next(begins, len(lines))
    if "}" in lines[begin:]:
        document = ["{", *lines[begin + 1 : lines.index("}", begin) + 1]]
        results.write_text("\n".join(document) + "\n", encoding="utf-8")


def collect(log: Path, results: Path) -> int | None:
    """Write the results file that a log has in it; give the exit status there, None if none is."""
    said = log.read_text(encoding="utf-8", errors="replace")
    found = _REPORT.search(said)
    if found is None:
        return None
    if data := gzip.decompress(base64.b64decode(found[2])):
        results.write_bytes(data)
    log.write_text(said[: found.start()] + said[found.end() :], encoding="utf-8")
    return int(found[1])
