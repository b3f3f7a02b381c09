"""``python -m conformance peers`` and ``check-peer``."""

from __future__ import annotations

import json
import os

import click

from ..acquaintance import Acquaintance
from ..errors import CannotStart
from ..report import model, passers
from .levels import command_of
from .shipped import PROGRAMS, SHIPPED


@click.command("peers")
@click.option("--json", "as_json", is_flag=True, help="As JSON, for programs.")
@click.option(
    "--write",
    "results",
    multiple=True,
    metavar="FILE",
    type=click.Path(exists=True, dir_okay=False),
    help="A results file of a run of one of them; repeatable: writes peers/README.md of all given.",
)
def peers(*, as_json: bool, results: tuple[str, ...]) -> None:
    """List the peers that come with the suite, and what is to be installed for the others."""
    if results:
        _write(results)
        return
    listed = [
        {
            "name": name,
            "passer": peer.passer,
            "language": peer.language,
            "dialects": list(peer.dialects),
            "found": lack is None,
            "missing": lack,
            "package": peer.package or None,
        }
        for name, peer in SHIPPED.items()
        for lack in [peer.missing()]
    ]
    if as_json:
        click.echo(json.dumps(listed, indent=1))
        return
    for name, peer in SHIPPED.items():
        words = f"{name:16} {peer.language:8} {peer.dialects[0]:6}"
        click.echo(f"{words} {peer.missing() or peer.passer}")


def _write(results: tuple[str, ...]) -> None:
    documents = [model.read(path) for path in results]
    rows = {
        name: (peer.passer, peer.language, ", ".join(peer.dialects))
        for name, peer in SHIPPED.items()
    }
    path = os.path.join(os.path.dirname(PROGRAMS), "README.md")
    with open(path, "w", encoding="utf-8") as file:
        file.write(passers.page(documents, rows))
    click.echo(f"{path} written")


@click.command("check-peer")
@click.argument("command", metavar="NAME|COMMAND")
@click.option(
    "--timeout-scale",
    default=1.0,
    type=click.FloatRange(min=0, min_open=True),
    metavar="FACTOR",
    help="Stretch all deadlines, for slow programs.",
)
def check_peer(command: str, timeout_scale: float) -> int:
    """Try whether a peer program of your own speaks the protocol, as PROTOCOL.md has it.

    Exit status: 0, it does; 1, it does not; 2, there is no such program.
    """
    try:
        talk = Acquaintance(command_of(command) or ("",), timeout_scale)
        faults = 0
        try:
            for finding in talk.findings():
                click.echo(f"{'FAIL' if finding.fault else 'ok  '} {finding.step}")
                if finding.fault:
                    faults += 1
                    click.echo(f"     {finding.fault}")
            if faults:
                click.echo("what was said last (> to the peer, < from it, 2> standard error):")
                click.echo("\n".join(f"     {line}" for line in talk.transcript()))
        finally:
            talk.close()
    except (CannotStart, ValueError) as refusal:
        raise click.BadParameter(str(refusal), param_hint="NAME|COMMAND") from None
    click.echo("it speaks the protocol" if not faults else f"{faults} steps went wrong")
    return 1 if faults else 0
