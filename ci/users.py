"""Run the main job as root and as nobody, each against the baseline: the two see other limits.

`nox -s users`, or `python ci/users.py [OPTIONS]`, as root; by anybody else it is run as that user
only, and says so. Results are in out/root.json and out/nobody.json.
Exit status: 0 all is as the baseline lists, 1 something is not, 3 nobody cannot run Python here.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
OUT = Path("out").resolve()
NOBODY = 65534
RUN = ("-m", "conformance", "run", "--plain", "--baseline", "auto")


def is_for_all(python: str) -> bool:
    """Tell whether nobody can run an interpreter: it may lie in a home directory."""
    try:
        ended = subprocess.run(
            [python, "-c", "import venv"], user=NOBODY, group=NOBODY, extra_groups=[], check=False
        )
    except OSError:
        return False
    return ended.returncode == 0


def as_nobody(options: list[str]) -> int:
    """Install the project where nobody can read it, and run it there."""
    pythons = (os.path.realpath(sys.executable), "/usr/bin/python3")
    python = next(filter(is_for_all, pythons), None)
    if python is None:
        print(f"nobody: not run; none of {', '.join(pythons)} can be run by uid {NOBODY}")
        return 3
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)  # noqa: S103  nobody has to get in
        home = Path(folder, "home")
        home.mkdir()
        os.chown(home, NOBODY, NOBODY)
        own = f"{folder}/venv/bin/python"
        subprocess.run([python, "-m", "venv", f"{folder}/venv"], check=True)
        subprocess.run([own, "-m", "pip", "install", "-q", f"{ROOT}[conformance]"], check=True)
        results = home / "nobody.json"
        ended = subprocess.run(
            [own, *RUN, *options, "--results", str(results)],
            user=NOBODY,
            group=NOBODY,
            extra_groups=[],
            cwd=home,
            env={"PATH": os.defpath, "HOME": str(home), "TMPDIR": str(home)},
            check=False,
        )
        if results.exists():
            shutil.copy(results, OUT / "nobody.json")
        return ended.returncode


def main() -> int:
    """Run as who we are, and then as nobody if we can become nobody."""
    OUT.mkdir(exist_ok=True)
    options = [option for option in sys.argv[1:] if option != "--"]
    name = "root" if os.geteuid() == 0 else "nobody"
    mine = [sys.executable, *RUN, *options, "--results", str(OUT / f"{name}.json")]
    status = subprocess.run(mine, check=False).returncode
    if name != "root":
        print("root: not run; you are somebody else")
        return status
    return as_nobody(options) or status


if __name__ == "__main__":
    sys.exit(main())
