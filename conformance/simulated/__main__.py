"""Run the suite on the simulated illumos: ``python -m conformance.simulated [OPTIONS OF run]``.

``--exec COMMAND...`` runs any other command there.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from . import CannotBuild, build, environment

RESULTS = "out/simulated.json"
CANNOT = 3  # the exit status where nothing could be run


def command(words: list[str]) -> list[str]:
    """Give the command that is meant by the words of the command line."""
    if words[:1] == ["--exec"]:
        return words[1:]
    run = [sys.executable, "-m", "conformance", "run", "--backend", "each", *words]
    given = any(word.partition("=")[0] == "--results" for word in words)
    return run if given else [*run, "--results", RESULTS]


def main(words: list[str]) -> int:
    """Build the library, run the command on it, and give the command's exit status."""
    meant = command(words)
    if not meant:
        print("--exec: what is to be run?", file=sys.stderr)
        return 2
    with tempfile.TemporaryDirectory(prefix="simulated-") as folder:
        try:
            fault = os.environ.get("SIMULATED_FAULT", "")
            surroundings = os.environ | environment(build(folder), fault)
        except (CannotBuild, ValueError) as reason:
            print(f"illumos cannot be simulated here: {reason}", file=sys.stderr)
            return CANNOT
        if words[:1] != ["--exec"]:
            Path(RESULTS).parent.mkdir(exist_ok=True)
        with subprocess.Popen(meant, env=surroundings) as running:
            while running.returncode is None:
                try:
                    running.wait()
                except KeyboardInterrupt:  # the command has it too
                    continue
    status = running.returncode
    return status if status >= 0 else 128 - status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
