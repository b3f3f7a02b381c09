"""The command line: write the workflows, see whether they are up to date, see about the pins.

Exit status: 0 all is well, 1 a workflow is not up to date or a pin is wrong, 2 wrong usage.
"""

from __future__ import annotations

import argparse
import sys

from . import pins, workflows


def main() -> int:
    """Do what the command line says."""
    parser = argparse.ArgumentParser(prog="python -m ci.hosted", description=__doc__)
    parser.add_argument("what", nargs="?", default="write", choices=("write", "pins"))
    parser.add_argument("--check", action="store_true", help="write nothing, and tell what differs")
    given = parser.parse_args()
    if given.what == "pins":
        wrong = list(pins.wrong())
        for words in wrong:
            print(words, file=sys.stderr)
        return int(bool(wrong))
    return workflows.write(check=given.check)


if __name__ == "__main__":
    sys.exit(main())
