"""Stands in for the single file where scripts are tried; it says what it was asked.

STAND_IN_STATUS is what a run or a page ends with, STAND_IN_FACTS what the facts end with.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path


def main(words: list[str]) -> int:
    """Do as if."""
    print(*words, file=sys.stderr)
    if words[0] == "facts":
        print("{}")
        return int(os.environ.get("STAND_IN_FACTS", "0"))
    for option in ("--results", "--junit"):
        if option in words:
            Path(words[words.index(option) + 1]).write_text(option)
    if words[0] == "matrix":
        Path("page/badges").mkdir(parents=True)
        Path("page/index.html").write_text("\n".join(words))
        Path("page/summary.md").write_text("the summary\n")
    return int(os.environ.get("STAND_IN_STATUS", "0"))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
