"""Interfaces: each by which a system passes descriptors is there, and does it.

A system has one or several: SCM_RIGHTS (BSD4.4), access rights (BSD4.3), streams (SysV), handles
(Windows). All other checks are run over each that works; here is told which do not, and why.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from conformance.errors import Lacking
from conformance.requirement import must, should

if TYPE_CHECKING:
    from conformance.harness.bench import Bench


@must(
    "interfaces.passes",
    "AnyEvent::FDpasser, POD: BSD4.4, BSD4.3 and SysV",
    over="inherited",
    each_backend=True,
)
def test_passes(bench: Bench) -> None:
    """A descriptor passes over every interface that this system is known to have.

    One that is missing is skipped, with the reason that the peer gives; but it fails where the
    system is known to have it (conformance/expected.py), so that none disappears in silence.
    """
    first, second = bench.join()
    token = bench.token()

    arrived = first.pass_to(second, first.open(token))
    arrived.write(b"over this interface")

    assert token.heard() == b"over this interface", "what arrived is not what was sent"


@should(
    "interfaces.credentials",
    "unix(7), SO_PEERCRED; streamio(4I), I_RECVFD: uid and gid of the sender",
    needs=("credentials",),
)
def test_credentials(bench: Bench) -> None:
    """Who is at the other end is told as it is, once a descriptor has come from there.

    All peers run as the user and group that the suite runs as.
    """
    first, second = bench.join()
    first.pass_to(second, first.open(bench.token()))

    told = second.credentials()
    if told["uid"] is None:
        raise Lacking("this interface tells no user")

    assert (told["uid"], told["gid"]) == (os.geteuid(), os.getegid()), "that is somebody else"
