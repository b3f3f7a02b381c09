"""What the README shows is what happens."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from fdpass.tests.descriptors import SOON

_ROOT = Path(__file__).parents[2]


def test_the_example_runs(tmp_path: Path) -> None:
    example = re.search(r"```python\n(.*?)```", (_ROOT / "README.md").read_text(), re.DOTALL)
    assert example is not None
    script = tmp_path / "example.py"
    script.write_text(f"import sys\nsys.path.insert(0, {str(_ROOT)!r})\n{example[1]}")

    done = subprocess.run(
        [sys.executable, "-W", "error", script], capture_output=True, timeout=SOON, check=False
    )

    assert (done.stdout, done.stderr) == (b"written by the child\n", b"")


def test_the_shell_example_runs(tmp_path: Path) -> None:
    readme = (_ROOT / "README.md").read_text()
    lines = re.findall(r"^    python (-m fdpass (?:recv|send) .*)$", readme, re.MULTILINE)
    script = "\n".join(f"{sys.executable} {line}" for line in lines) + "\nwait\n"
    script = script.replace("/tmp/endpoint", str(tmp_path / "end"))

    done = subprocess.run(
        ["sh", "-c", script], cwd=_ROOT, capture_output=True, timeout=SOON, check=False
    )

    assert len(lines) == 2
    assert done.stdout.decode() == readme.partition("\n")[0] + "\n"
