"""What the README shows is what happens."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from fdpass.tests.descriptors import SOON

_ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(("number", "printed"), [(0, b"written by the child\n"), (1, b"passed\n")])
def test_the_examples_run(tmp_path: Path, number: int, printed: bytes) -> None:
    examples = re.findall(r"```python\n(.*?)```", (_ROOT / "README.md").read_text(), re.DOTALL)
    script = tmp_path / "example.py"
    script.write_text(f"import sys\nsys.path.insert(0, {str(_ROOT)!r})\n{examples[number]}")

    done = subprocess.run(
        [sys.executable, "-W", "error", script], capture_output=True, timeout=SOON, check=False
    )

    assert len(examples) == 2
    assert (done.stdout, done.stderr) == (printed, b"")


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
