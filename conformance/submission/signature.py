"""Who signed a file, by ``ssh-keygen -Y``, which every system with OpenSSH has; ssh-keygen(1)."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

NAMESPACE = "fdpass-conformance"
_PATIENCE = 30.0  # seconds


class Unsigned(Exception):
    """It is not shown that somebody who may has signed; the message says why."""


def signer(file: Path, signature: Path, allowed: Path, identity: str = "") -> str:
    """Give the identity that signed a file; *allowed* says whose keys are known.

    *identity* is who is expected; empty: whoever of *allowed* has that key.

    Raises:
        Unsigned: it is not so.

    """
    if not identity:
        found = _said("find-principals", "-s", str(signature), "-f", str(allowed))
        identity = next(iter(found.splitlines()), "")
        if not identity:
            raise Unsigned(f"expected a key that {allowed} names, received another one")
    asked = ("-f", str(allowed), "-I", identity, "-n", NAMESPACE, "-s", str(signature))
    _said("verify", *asked, data=file.read_bytes())
    return identity


def _said(what: str, *arguments: str, data: bytes = b"") -> str:
    try:
        ended = subprocess.run(
            ["ssh-keygen", "-Y", what, *arguments],  # noqa: S607  wherever it is
            input=data,
            capture_output=True,
            timeout=_PATIENCE,
            check=False,
        )
    except FileNotFoundError:
        raise Unsigned("ssh-keygen is not installed (Debian package openssh-client)") from None
    except subprocess.TimeoutExpired:
        raise Unsigned(f"ssh-keygen -Y {what} took more than {_PATIENCE:g} s") from None
    said = (ended.stdout + ended.stderr).decode(errors="replace")
    if ended.returncode:
        words = " ".join(said.split()) or f"exit status {ended.returncode}"
        raise Unsigned(f"expected a good signature in namespace {NAMESPACE}: {words}")
    return ended.stdout.decode(errors="replace").strip()
