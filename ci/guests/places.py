"""Where guests keep what they make, and what one of them is sent to do."""

from __future__ import annotations

import fcntl
import os
import shutil
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

ROOT = Path(__file__).resolve().parents[2]
OUT = ROOT / "out" / "guests"
MADE = OUT / "made"


@dataclass(frozen=True)
class Errand:
    """What is to be done in a guest: the suite, its command and options, where the results go.

    Of ``run``, that is; ``facts`` writes to its output, and so to the log.
    """

    suite: Path
    results: Path
    what: str
    options: Sequence[str]

    @property
    def words(self) -> list[str]:
        """The words after the suite, where the guest sees this machine's files."""
        return self.words_into(str(self.results))

    def words_into(self, results: str) -> list[str]:
        """Give the words after the suite, where the results file has another name."""
        into = ["--results", results] if self.what == "run" else []
        return [self.what, *self.options, *into]


@contextmanager
def made_once(name: str) -> Iterator[Path | None]:
    """Give a folder that is to be filled, or None: it was filled before.

    It gets its name when the block has ended well. Of several that want the same one, one makes it.
    """
    MADE.mkdir(parents=True, exist_ok=True)
    with open(MADE / f".{name}.lock", "w", encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        whole, part = MADE / name, MADE / f".{name}.part"
        if whole.exists():
            yield None
            return
        shutil.rmtree(part, ignore_errors=True)
        part.mkdir()
        yield part
        os.replace(part, whole)
