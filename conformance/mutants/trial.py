"""One trial: run the suite on a mutant, and see whether it is caught for the right reason."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from conformance.report import model

from .grounds import Missing
from .surroundings import Surroundings

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from conformance.report.model import Document, Result

    from .grounds import Grounds
    from .mutant import Mutant
    from .systems import System

CAUGHT, SURVIVED, OTHERWISE, NOT_TRIED = "caught", "survived", "otherwise", "not tried"
_LONGEST = 1800  # seconds for the whole catalogue on one mutant


@dataclass(frozen=True)
class Trial:
    """What became of one mutant, or of one odd system, in which nothing is to fail."""

    name: str
    fault: str
    check: str
    because: str
    seconds: float
    results: Sequence[Result] = ()
    trouble: str = ""  # why there are no results
    lack: str = ""  # what is missing here to try it at all

    @property
    def outcome(self) -> str:
        """Whether it was caught, for the stated reason."""
        if self.lack:
            return NOT_TRIED
        named = self.said
        if not named or self.trouble:
            return OTHERWISE if self.trouble else SURVIVED
        return CAUGHT if all(self.because in message for message in named) else OTHERWISE

    @property
    def said(self) -> list[str]:
        """What the check that is to catch it said when it failed."""
        return [
            result["message"]
            for result in self.results
            if result["id"] == self.check and result["verdict"] in {"fail", "error"}
        ]

    def seen_by(self, mutant: Mutant) -> Trial:
        """Give the same trial, as it looks for another check that is to catch this fault."""
        return replace(self, check=mutant.check, because=mutant.because)

    def failed(self) -> set[str]:
        """Give the ids of all checks that failed."""
        return {result["id"] for result in self.results if result["verdict"] in {"fail", "error"}}


def try_mutant(mutant: Mutant, grounds: Grounds, *, full: bool = False) -> Trial:
    """Run the check that *mutant* must fail; *full*: all that MUST or SHOULD hold."""
    about = (mutant.name, mutant.fault, mutant.check, mutant.because)
    try:
        environment = grounds.of(mutant)
        command = grounds.command(mutant)
    except Missing as lack:
        return Trial(*about, 0, lack=str(lack))
    words = ["--level", "should"] if full else ["--check", mutant.check]
    if mutant.of_platform:
        words += ["--subject", "platform"]
    else:
        words += ["--subject", "passer", "--peer", shlex.join(command)]
        words += ["--transport", mutant.transport, "--backend", mutant.backend]
    started = time.monotonic()
    results, trouble = _run([*words, "--timeout-scale", str(mutant.timeout_scale)], environment)
    return Trial(*about, time.monotonic() - started, results, trouble)


def try_odd(odd: System | Surroundings, grounds: Grounds, checks: Sequence[str] = ()) -> Trial:
    """Run everything, or the given *checks*, where things are odd; nothing is to fail.

    Nothing but what the baseline of this platform lists, which fails on its usual system too, and
    the checks of the platform that the odd system itself is named by.
    """
    about = (odd.name, odd.sentence, "", "")
    words = [word for check in checks for word in ("--check", check)] + ["--baseline", "auto"]
    started = time.monotonic()
    if isinstance(odd, Surroundings):
        results, trouble = _run(words, {}, odd.around)
        return Trial(*about, time.monotonic() - started, results, trouble)
    try:
        of_passer, of_platform = grounds.odd(odd), grounds.odd(odd, to_self=True)
    except Missing as lack:
        return Trial(*about, 0, lack=str(lack))
    results, trouble = _run([*words, "--subject", "passer"], of_passer)
    more, trouble_too = _run([*words, "--subject", "platform"], of_platform)
    results += [
        result
        for result in more
        if not any(fnmatchcase(result["id"], pattern) for pattern in odd.breaks)
    ]
    return Trial(*about, time.monotonic() - started, results, trouble or trouble_too)


def _run(
    words: Sequence[str],
    environment: dict[str, str],
    around: Callable[[list[str]], list[str]] = list,
) -> tuple[list[Result], str]:
    with tempfile.TemporaryDirectory(prefix="mutant-") as folder:
        path = os.path.join(folder, "results.json")
        own = ["-n", "0", "--plain", "--quiet", "--results", path]
        command = [sys.executable, "-m", "conformance", "run", *words, *own]
        try:
            done = subprocess.run(
                around(command),
                env=os.environ | environment,
                capture_output=True,
                text=True,
                timeout=_LONGEST,
                check=False,
            )
            document = model.read(path)
        except subprocess.TimeoutExpired:
            return [], f"the run did not end within {_LONGEST} s"
        except (OSError, model.Refused):
            said = (done.stderr + done.stdout).strip().splitlines()
            return [], f"exit status {done.returncode}: " + " ".join(said[-3:])
    results, due = _news(document), model.status(document)
    if done.returncode != due:
        return results, f"exit status {done.returncode}, expected {due}"
    return results, ""


def _news(document: Document) -> list[Result]:
    """Give the results without the failures that the baseline of the run lists."""
    if "baseline" not in document:
        return document["results"]
    unlisted = {tuple(sorted(one.items())) for one in document["baseline"]["unlisted"]}
    names = ("id", "backend", "transport", "survival", "verdict", "message")
    return [
        result
        for result in document["results"]
        if result["verdict"] != "fail"
        or tuple(sorted((name, result[name]) for name in names)) in unlisted  # type: ignore[literal-required]
    ]
