r"""Make a profile that comes with the suite: ``python -m conformance.facts.profiles``.

Those there are were measured by these commands, each with its standard output to a file:

    python3 -m conformance facts --json
    setpriv --reuid 65534 --regid 65534 --clear-groups python3 -m conformance facts --json
    qemu-x86_64-static /usr/bin/python3 -m conformance facts --json --timeout-scale 5
    runsc --platform=ptrace --network=none do -force-overlay=false \
        python3 -m conformance facts --json --timeout-scale 3 | cat
    valgrind -q --tool=none python3 -m conformance facts --json --timeout-scale 5
"""

from __future__ import annotations

import re
import sys
from typing import TYPE_CHECKING, Any

from .. import document
from . import FOLDER

if TYPE_CHECKING:
    from ..document import Profile

# What of an environment says which system it was, and nothing of whose.
_TOLD = ("libc", "bits", "byte_order", "user")
_CONTAINERS = {"Docker", "Podman", "container", "user namespace"}


def kept(profile: Profile, words: str) -> dict[str, Any]:
    """Give what is kept of a profile; *words* say of what it is one."""
    environment = profile["environment"]
    uname, python = environment["uname"], environment["python"]
    told: dict[str, Any] = {key: environment[key] for key in _TOLD if environment.get(key)}
    told["uname"] = {
        "system": uname["system"],
        "release": re.findall(r"^[\d.]*", uname["release"])[0],
        "machine": uname["machine"],
    }
    told["python"] = {key: python[key] for key in ("implementation", "version")}
    around = [{"what": found["what"]} for found in environment["surroundings"]]
    told["surroundings"] = [found for found in around if found["what"] not in _CONTAINERS]
    return {
        "what": words,
        "schema": profile["schema"],
        "suite": profile["suite"],
        "started": profile["started"],
        "environment": told,
        "evidence": profile["evidence"],
        "values": {k["id"]: k["value"] for k in profile["facts"] if k["value"] is not None},
        "reasons": {k["id"]: k["reason"] for k in profile["facts"] if k["value"] is None},
    }


if __name__ == "__main__":
    if len(sys.argv) != 4:
        sys.exit("usage: python -m conformance.facts.profiles NAME FILE WORDS")
    _, name, file, of_what = sys.argv
    (FOLDER / f"{name}.json").write_text(
        document.text(kept(document.read(file), of_what)), encoding="utf-8"
    )
