"""The project's own page of all platforms: ci/matrix, made of the results that are here."""

from __future__ import annotations

import subprocess
import sys

from . import outcome, table
from .places import OUT, ROOT

TO = ROOT / "ci" / "matrix"


def write() -> int:
    """Draw the page and its JSON; a part of a run, or none, is no column."""
    columns = []
    for platform in table.platforms():
        results, facts = (OUT / f"{platform.name}{kind}.json" for kind in ("", ".facts"))
        if results.exists() and outcome.whole(results) is not None:
            of_it = [results, facts] if facts.exists() else [results]
            columns += [f"{platform.name}={path}" for path in of_it]
    if not columns:
        print(f"no results are in {OUT}: nox -s guests", file=sys.stderr)
        return 3
    words = ("-m", "conformance", "matrix", *columns, "--documented")
    to = ("--html", str(TO), "--json", str(TO / "matrix.json"))
    return subprocess.run([sys.executable, *words, *to], check=False).returncode
