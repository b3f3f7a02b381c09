"""``python -m conformance peers`` and ``check-peer``."""

from __future__ import annotations

import json
from pathlib import Path

import click

from ..acquaintance import Acquaintance
from ..baseline.condition import of_the_run
from ..baseline.file import AUTO, chosen
from ..errors import CannotStart
from ..options import timeout_scale
from ..report import model, passers
from ..report.renewing import renewed
from .levels import command_of
from .shipped import PROGRAMS, SHIPPED

_START, _END = "<!-- passers -->", "<!-- up to here -->"


@click.command("peers")
@click.option("--json", "as_json", is_flag=True, help="As JSON, for programs.")
@click.option(
    "--write",
    "results",
    multiple=True,
    metavar="FILE",
    type=click.Path(exists=True, dir_okay=False),
    help="A results file of a run of one of them; repeatable: writes peers/README.md of all given, "
    "and the table in README.md.",
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
        words = f"{name:22} {peer.language:8} {', '.join(peer.dialects):24}"
        click.echo(f"{words} {peer.missing() or peer.passer}")


def _write(results: tuple[str, ...]) -> None:
    documents = [model.read(path) for path in results]
    by_name = {str(one["selection"]["peer"]): one for one in documents}
    rows = {
        name: passers.Passer(
            peer.passer, peer.language, ", ".join(peer.dialects), _reasons(by_name[name])
        )
        for name, peer in SHIPPED.items()
        if name in by_name
    }
    here = Path(PROGRAMS).parent
    page = here / "README.md"
    page.write_text(passers.page(documents, rows), encoding="utf-8")
    click.echo(f"{page} written")
    readme = here.parent.parent / "README.md"
    if readme.exists():
        table = passers.promises(documents, rows)
        text = renewed(readme.read_text(encoding="utf-8"), _START, _END, table)
        readme.write_text(text, encoding="utf-8")
        click.echo(f"{readme} written")


def _reasons(document: model.Document) -> dict[str, tuple[str, str]]:
    """Give why a check fails, and a link, as far as the baselines of that run know."""
    name = document["subject"]["name"]
    facts = of_the_run(document["environment"], document["evidence"], name)
    baseline = chosen(AUTO, facts)
    return {
        result["id"]: (line.reason, line.url)
        for result in document["results"]
        if baseline
        for line in baseline.lines
        if line.about([result], facts) and line.lists(result)
    }


@click.command("check-peer")
@click.argument("command", metavar="NAME|COMMAND")
@timeout_scale
def check_peer(command: str, timeout_scale: float) -> int:
    """Try whether a peer program of your own speaks the protocol, as PROTOCOL.md has it.

    Exit status: 0, it does; 1, it does not; 2, there is no such program.
    """
    try:
        talk = Acquaintance(command_of(command) or ("",), timeout_scale)
        faults = 0
        try:
            for finding in talk.findings():
                word = "FAIL" if finding.fault else "skip" if finding.lack else "ok  "
                click.echo(f"{word} {finding.step}")
                if why := finding.fault or finding.lack:
                    click.echo(f"     {why}")
                faults += bool(finding.fault)
            if faults:
                click.echo("what was said last (> to the peer, < from it, 2> standard error):")
                click.echo("\n".join(f"     {line}" for line in talk.transcript()))
        finally:
            talk.close()
    except (CannotStart, ValueError) as refusal:
        raise click.BadParameter(str(refusal), param_hint="NAME|COMMAND") from None
    wrong = f"{faults} step{'s' if faults > 1 else ''} went wrong"
    click.echo(wrong if faults else "it speaks the protocol")
    return 1 if faults else 0
