"""Run the main job on what this machine can imitate: gVisor, qemu-user, valgrind.

`nox -s emulated`, or `python ci/emulated.py [NAME...] [-- OPTIONS]`. Each comes to an end
by a deadline and leaves its results in out/NAME.json. What is not installed is left out, in words.
Each is held against its baseline, unless another one is named in the options.
Exit status: 0 all that ran is as its baseline lists, 1 something is not, 3 nothing ran.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
from pathlib import Path

DEADLINE = 1200  # seconds; all are slow
OUT = Path("out").resolve()

# By name: the Debian package, the command prefix, and what the run takes.
PLATFORMS = {
    # Not the kvm platform, even where /dev/kvm opens: it may hang. No overlay, so that the results
    # come out; nothing but them and temporary files is written.
    "gvisor": (
        "runsc",
        ["runsc", "--platform=ptrace", "--network=none", "do", "-force-overlay=false"],
        ["--timeout-scale", "3"],
    ),
    # Without workers, which would not be emulated; the peers are (see environment.emulator).
    "qemu-user": (
        "qemu-user-static",
        ["qemu-x86_64-static"],
        ["--timeout-scale", "5", "--workers", "0"],
    ),
    "valgrind": (
        "valgrind",
        ["valgrind", "-q", "--tool=none"],
        # What it starts runs outside of it, and so can be started by it again.
        ["--timeout-scale", "10", "--workers", "0", "--launcher", "valgrind -q --tool=none"],
    ),
}


def run(name: str, options: list[str]) -> int | None:
    """Run the suite on one of them; give its exit status, or None if it cannot be run."""
    package, prefix, own = PLATFORMS[name]
    if shutil.which(prefix[0]) is None:
        print(f"{name}: not run; {prefix[0]} is not installed (Debian package {package})")
        return None
    results = OUT / f"{name}.json"
    results.unlink(missing_ok=True)
    command = [*prefix, sys.executable, "-m", "conformance", "run", "--plain", "--baseline", "auto"]
    command += [*own, *options, "--results", str(results)]
    print(f"{name}: {' '.join(command)}", flush=True)
    # Through a pipe: gVisor writes to a file at an offset of its own.
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as child:
        assert child.stdout is not None
        try:
            for line in child.stdout:
                sys.stdout.write(line.decode(errors="replace"))
            status = child.wait(DEADLINE)
        except BaseException:
            child.kill()
            raise
    if results.exists():
        print(f"{name}: {json.loads(results.read_text())['summary']}")
    return status


def main() -> int:
    """Run all that were named, or all there are."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(PLATFORMS)}")
    given, options = parser.parse_known_args()
    if unknown := set(given.names) - set(PLATFORMS):
        parser.error(f"unknown: {', '.join(unknown)}; known: {', '.join(PLATFORMS)}")
    OUT.mkdir(exist_ok=True)
    statuses = [run(name, [o for o in options if o != "--"]) for name in given.names or PLATFORMS]
    ran = [status for status in statuses if status is not None]
    return 3 if not ran else int(any(ran))


if __name__ == "__main__":
    sys.exit(main())
