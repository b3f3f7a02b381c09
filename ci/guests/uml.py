"""User-mode Linux: a kernel that is a program, with this machine's files as its root, read-only."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from . import here, inside

if TYPE_CHECKING:
    from .places import Errand
    from .table import Platform


def command(platform: Platform, errand: Errand) -> list[str]:
    """Boot it, with the suite in the place of init."""
    results = "/run/results.json"
    plan = {
        "command": [here.found(platform.python), str(errand.suite), *errand.words_into(results)],
        "environment": {"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8", "HOME": "/run"},
        "results": results,
        "end": "off",
    }
    (errand.results.parent / "plan.json").write_text(json.dumps(plan))
    return [
        *("linux.uml", "root=/dev/root", "rootfstype=hostfs", "ro", "mem=768M", "quiet"),
        *("con=null", "con0=null,fd:1", f"plan={errand.results.parent / 'plan.json'}"),
        f"init={Path(inside.__file__).resolve()}",
    ]
