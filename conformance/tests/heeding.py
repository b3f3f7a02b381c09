"""Programs that end by Ctrl-C, whoever has started the tests."""

from __future__ import annotations

import sys

# A shell lets what it starts in the background ignore SIGINT, and that is inherited.
_HEED = "import os, signal, sys; signal.signal(signal.SIGINT, signal.SIG_DFL)"

HEEDING = (sys.executable, "-c", f"{_HEED}; os.execv(sys.argv[1], sys.argv[1:])")
"""What stands before a command line."""
