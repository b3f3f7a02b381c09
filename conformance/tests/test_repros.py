"""The stand-alone programs that show what a passer does: each runs, and says it in one line.

Whether the passer deviates is for them to say: a later version may not.
"""

from __future__ import annotations

import os
import platform
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from conformance.peers import compiled
from conformance.peers.shipped import SHIPPED

pytestmark = pytest.mark.skipif(
    not sys.platform.startswith("linux"), reason="they were written for Linux, and look into /proc"
)

FOLDER = Path(compiled.__file__).parent / "repros"
README = (FOLDER / "README.md").read_text(encoding="utf-8")
DEADLINE = 100.0

JAVA = (
    "java",
    "-XX:TieredStopAtLevel=1",
    "-XX:-UseContainerSupport",
    f"-Djava.library.path=/usr/lib/jni:/usr/lib/{platform.machine()}-linux-gnu/jni",
    "-cp",
    compiled.JUNIXSOCKET,
)
COMMANDS: dict[str, tuple[str, ...]] = {
    ".py": (sys.executable,),
    ".pl": ("perl",),
    ".rb": ("ruby",),
    ".hs": ("runghc",),
    ".java": JAVA,
}
PEERS = {
    "anyio": ("anyio",),
    "cpython": (),
    "haskell": ("haskell",),
    "io": ("io-fdpass", "socket-msghdr"),
    "junixsocket": ("junixsocket",),
    "node": ("node",),
    "ruby": ("ruby",),
    "socket": ("socket-msghdr",),
    "twisted": ("twisted",),
}
"""The peers that need what a program needs, by the first word of its name."""

REPROS = sorted(path.name for path in FOLDER.iterdir() if path.suffix in COMMANDS)


@pytest.mark.parametrize("name", REPROS)
def test_it_says_one_line_and_ends_with_0_or_1(name: str, tmp_path: Path) -> None:
    for peer in PEERS[name.partition("_")[0]]:
        if lack := SHIPPED[peer].missing():
            pytest.skip(lack)
    copy = shutil.copy(FOLDER / name, tmp_path)  # some compilers write beside it
    running = subprocess.Popen(
        [*COMMANDS[Path(name).suffix], copy],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": ""},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        said, errors = running.communicate(timeout=DEADLINE)
    finally:
        if running.poll() is None:
            os.killpg(running.pid, signal.SIGKILL)
            running.communicate()

    assert said.count("\n") == 1, errors
    assert running.returncode in {0, 1}, errors


@pytest.mark.parametrize("name", REPROS)
def test_its_head_says_what_a_maintainer_asks(name: str) -> None:
    text = (FOLDER / name).read_text(encoding="utf-8")
    words = re.findall(r"^\W*(Expected|Seen|Measured|Run|Shown by): ", text, re.MULTILINE)

    assert words == ["Expected", "Seen", "Measured", "Run", "Shown by"]
    assert f" {name}" in text, "how to run it names another file"


@pytest.mark.parametrize("name", REPROS)
def test_it_needs_nothing_of_ours(name: str) -> None:
    text = (FOLDER / name).read_text(encoding="utf-8")

    assert not re.search(r"(import|from|require|use) +\W?(fdpass|conformance)", text)


def test_the_page_lists_them_all() -> None:
    assert sorted(re.findall(r"^\| \[(\w+\.\w+)\]\(\1\) \|", README, re.MULTILINE)) == REPROS


def test_the_page_names_the_checks_that_they_name() -> None:
    for name in REPROS:
        text = (FOLDER / name).read_text(encoding="utf-8")
        row = next(line for line in README.splitlines() if line.startswith(f"| [{name}]"))
        ids = re.findall(r"--check ([a-z.-]+)", text)

        assert all(f"`{one}`" in row for one in ids), name
