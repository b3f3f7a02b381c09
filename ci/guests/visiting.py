"""One guest and one errand: everything made ready, the deadline kept, all that comes out kept."""

from __future__ import annotations

import shutil
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from . import console, debian, outcome, suite
from .kinds import KINDS
from .outcome import Outcome
from .places import OUT, Errand
from .running import CannotRun, Overdue, supervise

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .table import Platform


def run(platform: Platform, options: Sequence[str] = (), *, shown: bool = False) -> Outcome:
    """Run the suite on one guest; its results file and its log are in out/guests."""
    words = ["--plain", "--verbose", "--baseline", platform.baseline, *platform.options, *options]
    return _visit(platform, "run", words, OUT / f"{platform.name}.json", shown=shown)


def facts(platform: Platform) -> Outcome:
    """Measure the facts of one guest, likewise; where the passer is elsewhere there are none."""
    elsewhere = platform.kind in {"wine", "pyodide"} or "module" in platform.given
    if elsewhere or "--peer" in platform.options:
        return Outcome(platform.name, None, "not measured; they would not be those of its peer")
    return _visit(platform, "facts", ["--json"], OUT / f"{platform.name}.facts.json")


def _visit(
    platform: Platform, what: str, words: list[str], results: Path, *, shown: bool = False
) -> Outcome:
    log = results.with_suffix(".log")
    for old in (results, log):
        old.unlink(missing_ok=True)
    began = time.monotonic()
    # Not in /tmp, which a guest may have of its own, and reached by every user.
    with tempfile.TemporaryDirectory(prefix="guest-", dir="/var/tmp") as name:
        folder = Path(name)
        for below, mode in (("suite", 0o755), ("results", 0o1777)):
            (folder / below).mkdir()
            (folder / below).chmod(mode)
        folder.chmod(0o755)
        brought = folder / "results" / results.name
        if platform.timeout_scale != 1:
            words = ["--timeout-scale", f"{platform.timeout_scale:g}", *words]
        try:
            debian.install(platform.programs)
            errand = Errand(suite.prepared(folder / "suite"), brought, what, words)
            command = KINDS[platform.kind].command(platform, errand)
            began = time.monotonic()
            status = supervise(command, log, platform.deadline, shown=shown)
        except CannotRun as why:
            return Outcome(platform.name, None, f"not run; {why}")
        except Overdue as why:
            return Outcome(platform.name, 1, str(why), time.monotonic() - began)
        inner = console.collect(log, brought)
        if what == "facts":
            console.keep_document(log, brought)
        if brought.exists():
            shutil.copyfile(brought, results)
    seconds = time.monotonic() - began
    ended = status if inner is None else inner
    if what == "facts":
        said = f"measured, in {results.name}" if results.exists() else f"none; see {log.name}"
        return Outcome(platform.name, ended, said, seconds)
    return outcome.of(platform, ended, seconds, results, log)
