"""Have fdpass talk to programs that nobody here wrote, once they are installed.

`nox -s interop`, or `python ci/interop.py [TIER] [-- OPTIONS]`; TIER is 1 (default; seconds, for
anybody), 2 (heavier, or for root) or all, the options are pytest's. On Debian, as root, it installs
the packages that are missing; elsewhere it names them. Its words are in out/interop-TIER.log, too.
Exit status: that of pytest, and 3 if all was skipped.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
import threading
from pathlib import Path

from fdpass.tests.interop.programs import is_here, wanted

ROOT = Path(__file__).resolve().parents[1]
OUT = Path("out").resolve()
DEADLINE = 1800  # seconds


def install(packages: list[str]) -> None:
    """Install Debian packages, or say which are missing; what they lack is skipped."""
    apt = shutil.which("apt-get")
    if os.geteuid() or apt is None:
        print(f"not installed: {' '.join(packages)}; as root on Debian they would be", flush=True)
        return
    surroundings = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    subprocess.run([apt, "update", "-qq"], check=False, env=surroundings)
    command = [apt, "install", "-y", "-qq", "--no-install-recommends", *packages]
    status = subprocess.run(command, check=False, env=surroundings).returncode
    print(f"{' '.join(command)}: status {status}", flush=True)


def run(tier: str, options: list[str]) -> int:
    """Run a tier; its words go to the terminal and to its log."""
    tests = str(ROOT / "fdpass" / "tests" / "interop")
    command = [sys.executable, "-m", "pytest", "-v", "--color=no", f"--interop={tier}", tests]
    log = OUT / f"interop-{tier}.log"
    with (
        log.open("w", encoding="utf-8") as file,
        subprocess.Popen(
            [*command, *options], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        ) as child,
    ):
        assert child.stdout is not None
        late = threading.Timer(DEADLINE, child.kill)
        late.start()
        try:
            for line in child.stdout:
                text = line.decode(errors="replace")
                sys.stdout.write(text)
                file.write(text)
            status = child.wait()
        except BaseException:
            child.kill()
            raise
        finally:
            late.cancel()
    return status if status or re.search(r"\d+ passed", log.read_text(encoding="utf-8")) else 3


def main() -> int:
    """Install what is missing, and run the tier that was named."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("tier", nargs="?", default="1", choices=("1", "2", "all"))
    at = sys.argv.index("--") if "--" in sys.argv else len(sys.argv)
    given = parser.parse_args(sys.argv[1:at])
    missing = {package for name, package in wanted(given.tier).items() if not is_here(name)}
    if missing:
        install(sorted(missing))
    if os.geteuid() == 0 and is_here("sshd"):
        os.makedirs("/run/sshd", mode=0o755, exist_ok=True)  # where no service has made it
    OUT.mkdir(exist_ok=True)
    return run(given.tier, sys.argv[at + 1 :])


if __name__ == "__main__":
    sys.exit(main())
