"""Run the suite on guests: ``nox -s guests``, ``nox -s guest -- NAME``, ``python -m ci.guests``."""

from __future__ import annotations

import sys

from .front import main

if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except KeyboardInterrupt:
        sys.exit("interrupted from the keyboard")
