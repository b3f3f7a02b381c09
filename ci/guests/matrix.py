"""The project's own page of all platforms: ci/matrix, made of the results that are here."""

from __future__ import annotations

import subprocess
import sys

from conformance.report import model

from . import table
from .places import OUT, ROOT

TO = ROOT / "ci" / "matrix"
PROFILES = ("linux", "gvisor", "qemu-user", "valgrind")  # where no facts were measured beside


def write() -> int:
    """Draw the page and its JSON; a part of a run, or none, is no column."""
    columns = []
    for platform in table.platforms():
        results, facts = (OUT / f"{platform.name}{kind}.json" for kind in ("", ".facts"))
        if results.exists() and model.read(results)["selection"].get("complete_of") != []:
            columns.append(f"{platform.name}={results}")
        if facts.exists():
            columns += ["--facts", str(facts)]
    if not columns:
        print(f"no results are in {OUT}: nox -s guests", file=sys.stderr)
        return 3
    for profile in PROFILES:
        columns += ["--facts", profile]
    words = ("-m", "conformance", "matrix", *columns, "--documented")
    to = ("--html", str(TO), "--json", str(TO / "matrix.json"))
    return subprocess.run([sys.executable, *words, *to], check=False).returncode
