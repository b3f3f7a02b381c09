"""Start the suite out of the single file, or say that this Python is too old for it.

Python 2.7 and 3.4 can read this: who tries one of them is told so, and not shown a syntax error.
"""

import sys

if sys.version_info < (3, 10):  # noqa: UP036  the one file that an older one gets to see
    sys.stderr.write(
        "fdpass-conformance.pyz needs Python 3.10 or newer, and this is Python %d.%d\n"  # noqa: UP031
        % sys.version_info[:2]
    )
    sys.exit(2)

from starter import main

main()
