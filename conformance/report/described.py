"""An environment in words, for who reads a report.

Pure: it makes no system call.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping


def described(environment: Mapping[str, Any], evidence: str) -> dict[str, str]:
    """Tell the environment in words, a name and what was measured; nothing of whose it was."""
    uname, python = environment.get("uname") or {}, environment.get("python") or {}
    descriptors, user = environment.get("descriptors") or {}, environment.get("user") or {}
    bits, temporary = environment.get("bits"), environment.get("temporary") or {}
    built = [python.get("compiler"), python.get("debug") and "debug"]
    built.append(python.get("free_threaded") and "free-threaded")
    told = {
        "evidence": evidence,
        "system": _joined(uname, "system", "release", "machine"),
        "kernel": str(uname.get("version") or ""),
        "distribution": str(environment.get("distribution") or ""),
        "surroundings": ", ".join(surroundings(environment)),
        "C library": str(environment.get("libc") or ""),
        "words": f"{bits} bits, {environment.get('byte_order')} endian" if bits else "",
        "Python": _joined(python, "implementation", "version"),
        "built": ", ".join(str(word) for word in built if word),
        "descriptors": f"at most {descriptors['soft']}" if "soft" in descriptors else "",
        "user": f"uid {user['euid']}" if "euid" in user else "",
        "temporary files": str(temporary.get("file_system") or ""),
        "preloaded": ", ".join(environment.get("preload") or {}),
    }
    return {label: words for label, words in told.items() if words}


def _joined(of: Mapping[str, Any], *keys: str) -> str:
    return " ".join(str(of[key]) for key in keys if of.get(key))


def surroundings(environment: Mapping[str, Any]) -> list[str]:
    """Name the sandboxes and emulators that were recognised."""
    seen = environment.get("surroundings") or []
    return list(dict.fromkeys(str(found["what"]) for found in seen))


def placeless(text: str) -> str:
    """Leave out the folders of one run, which are others in the next, and on each machine."""
    return re.sub(r"/\S*/fdcp-[^\s/\"']+", ".../run", text)
