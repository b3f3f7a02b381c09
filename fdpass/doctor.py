"""What works on this system, found by trying: what ``python -m fdpass doctor`` tells."""

from __future__ import annotations

import os
import platform

from . import backends, survival
from .backends import systems
from .endpoints import pair, peer_credentials

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import TypedDict

    from .passer import Passer

    class Finding(TypedDict):
        """One thing that was tried: None in *missing* says that it works."""

        name: str
        missing: str | None
        note: str

    class Diagnosis(TypedDict):
        """All that was tried, what was chosen, and why."""

        system: str
        simulated: bool
        python: str
        descriptor_limit: int | None
        backends: list[Finding]
        backend: str | None
        backend_because: str
        survivals: list[Finding]
        survival: str | None
        survival_because: str
        batch: int | None
        credentials: str
        verdict: str


_BECAUSE = {
    survival.PutBack.NAME: "what finds no free slot stays where it is",
    survival.Peek.NAME: "MSG_PEEK gave a real descriptor and left the message in the channel",
    survival.Hold.NAME: (
        "MSG_PEEK gives no real descriptors here, so slots are kept free by reserving them"
    ),
}


def examine() -> Diagnosis:
    """Try every interface, every way of surviving a full table, and a pass from end to end."""
    simulated = systems.running().name if systems.running().simulated else None
    found: Diagnosis = {
        "system": f"{platform.system()} {platform.release()} {platform.machine()}"
        + (f", simulated {simulated}" if simulated else ""),
        "simulated": simulated is not None,
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "descriptor_limit": _limit(),
        "backends": [_try(item) for item in backends.available().items()],
        "backend": None,
        "backend_because": "no interface passes descriptors here",
        "survivals": [],
        "survival": None,
        "survival_because": "there is no backend",
        "batch": None,
        "credentials": "not asked",
        "verdict": "descriptors cannot be passed on this system",
    }
    working = [item["name"] for item in found["backends"] if item["missing"] is None]
    if not working:
        return found
    chosen = backends.choose()
    found["backend"] = chosen.NAME
    found["backend_because"] = "it is the first of the list that passed a descriptor just now"
    found["survivals"] = [_finding(item) for item in survival.available(chosen).items()]
    left, right = pair()
    with left, right:
        found["survival"] = left.survival
        found["survival_because"] = _BECAUSE[left.survival]
        found["batch"] = left.batch
        found["verdict"] = _pass_one(left, right)
        found["credentials"] = _credentials(right)
    return found


def _limit() -> int | None:
    sysconf = getattr(os, "sysconf", None)
    return int(sysconf("SC_OPEN_MAX")) if sysconf else None


def _try(item: tuple[str, str | None]) -> Finding:
    """Say of an interface that works how it survives a full table, and what came of a pass."""
    name, missing = item
    if missing is not None:
        return _finding(item)
    left, right = pair(backend=name)
    with left, right:
        return _finding(item, f"survives a full table by {left.survival}; {_pass_one(left, right)}")


def _finding(item: tuple[str, str | None], note: str = "") -> Finding:
    name, missing = item
    return {"name": name, "missing": missing, "note": note}


def _credentials(passer: Passer) -> str:
    try:
        known = peer_credentials(passer)._asdict()
    except OSError as error:
        return f"unknown: {error}"
    return ", ".join(f"{name} {value}" for name, value in known.items() if value is not None)


def _pass_one(left: Passer, right: Passer) -> str:
    reading, writing = os.pipe()
    try:
        left.send(writing)
        received = right.recv(timeout=5.0)
        os.write(received, b"passed")
        os.close(received)
        if os.read(reading, 6) != b"passed":
            return "a descriptor arrived that is not the one that was sent"
    finally:
        os.close(reading)
        os.close(writing)
    return "a descriptor was passed and used"


def lines(found: Diagnosis) -> list[str]:
    """Tell it in plain lines."""
    told = [
        f"system       {found['system']}, {found['python']}",
        f"table        {found['descriptor_limit'] or 'unknown'} descriptors at most",
        "interfaces   tried best first",
        *(_told(item) for item in found["backends"]),
        f"chosen       {found['backend'] or 'none'}: {found['backend_because']}",
        "full table   ways to survive it",
        *(_told(item) for item in found["survivals"]),
        f"chosen       {found['survival'] or 'none'}: {found['survival_because']}",
        f"batch        {found['batch']} descriptors a message over pair(), 1 over adopt()",
        f"peer         {found['credentials']}",
        f"verdict      {found['verdict']}",
    ]
    return told if found["backend"] else [line for line in told if "None" not in line]


def _told(item: Finding) -> str:
    works = f"works: {item['note']}" if item["note"] else "works"
    return f"  {item['name']:<10} {works if item['missing'] is None else item['missing']}"
