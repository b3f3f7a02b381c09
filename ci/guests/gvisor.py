"""gVisor, a kernel in user space: the runsc of this machine, or that of another Debian release.

Not its kvm platform, even where /dev/kvm opens: it may hang.
"""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

from . import debian, here

if TYPE_CHECKING:
    from .places import Errand
    from .table import Platform


def command(platform: Platform, errand: Errand) -> list[str]:
    """Run this Python inside, on the files of this machine."""
    if release := platform.given.get("release"):
        runsc = str(debian.unpacked(release, "amd64", "runsc") / "usr/bin/runsc")
    else:
        debian.install({"runsc": "runsc"})
        runsc = shutil.which("runsc") or "runsc"
    return [
        *(runsc, f"--platform={platform.word('platform')}", "--network=none"),
        # Without an overlay the results come out; nothing but them and temporary files is written.
        *("do", "-force-overlay=false"),
        *(here.found(platform.python), str(errand.suite), *errand.words),
    ]
