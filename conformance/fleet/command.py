"""The command ``python -m conformance fleet``."""

from __future__ import annotations

import os
import shlex
import sys
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

import click
from rich.text import Text

from ..report import model
from ..report.screen import Screen
from . import hosts, shown, state
from .conduct import conduct
from .plan import Limits, Plan

if TYPE_CHECKING:
    from .visit import Visit

_MADE = Path(__file__).resolve().parents[2] / "dist" / "fdpass-conformance.pyz"

_HELP = """\b
The hosts, in TOML:
  [defaults]                      # all but the name, for every host
  options = ["--level", "should"] # of the run; those of the host and of this command are added
  [[host]]
  name = "sun"                    # of its results file, too
  ssh = ["-p", "2222", "me@sun"]  # what you would type after ssh [default: the name]
  python = "/opt/bin/python3"     # [default: python3, python3.14 ... python3.10]
  baseline = "sun.toml"           # a file here, a name, auto or none
  timeout-scale = 3
  env = { TMPDIR = "/var/tmp" }
\b
Exit status:
  0  every host conforms
  1  some host does not conform
  2  the command line or the file of hosts is wrong
  3  some host has proven nothing, and none of them deviates
  4  some host did not end: unreachable, late, without Python; or the suite failed there
"""


def _bundle(_: click.Context, __: click.Parameter, value: str | None) -> bytes:
    path = value or (sys.argv[0] if zipfile.is_zipfile(sys.argv[0]) else str(_MADE))
    if not os.path.isfile(path):
        raise click.BadParameter(f"there is no file {path}; `nox -s bundle` makes one")
    if not zipfile.is_zipfile(path):
        raise click.BadParameter(f"{path} is no archive; `nox -s bundle` makes one")
    return Path(path).read_bytes()


_SECONDS = click.FloatRange(min=0, min_open=True)


@click.command(epilog=_HELP)
@click.argument("file", metavar="HOSTS.TOML")
@click.argument("options", nargs=-1, metavar="[-- OPTIONS OF run]")
@click.option("--only-failed", is_flag=True, help="Only hosts that did not conform the last time.")
@click.option(
    "-n",
    "--at-once",
    default=8,
    type=click.IntRange(min=1),
    show_default=True,
    metavar="AT_ONCE",
    help="Hosts visited at the same time.",
)
@click.option(
    "--timeout",
    default=Limits.whole,
    type=_SECONDS,
    show_default=True,
    metavar="SECONDS",
    help="For all of one host; its timeout-scale stretches it.",
)
@click.option(
    "--silence",
    default=Limits.silence,
    type=_SECONDS,
    show_default=True,
    metavar="SECONDS",
    help="After which a host is given up that says nothing; stretched likewise.",
)
@click.option(
    "--connect",
    default=Limits.connect,
    type=_SECONDS,
    show_default=True,
    metavar="SECONDS",
    help="For connecting, and finding Python.",
)
@click.option(
    "-o",
    "--output",
    default="out/fleet",
    show_default=True,
    metavar="DIR",
    type=click.Path(file_okay=False, path_type=Path),
    help="Where NAME.json and NAME.log go, and fleet.json, which remembers.",
)
@click.option(
    "--bundle",
    callback=_bundle,
    metavar="FILE",
    help="The single file that is sent [default: this one, or that in dist/].",
)
@click.option("--clean", is_flag=True, help="Run nothing: remove the file that hosts have kept.")
@click.option("--plain", is_flag=True, help="No colour, nothing that moves, ASCII only.")
def fleet(
    *,
    file: str,
    options: tuple[str, ...],
    only_failed: bool,
    at_once: int,
    timeout: float,
    silence: float,
    connect: float,
    output: Path,
    bundle: bytes,
    clean: bool,
    plain: bool,
) -> int:
    """Run the suite on many machines at once, over ssh; they need Python and nothing else.

    The single file is sent once, and kept there. A host that is dead, hung or without Python is
    reported, and holds up none of the others.
    """
    from .visit import Visit  # execnet is imported for nothing else

    screen = Screen(plain=plain)
    try:
        listed = hosts.read(file)
        before = state.read(output) if only_failed else {}
    except (hosts.BadHosts, state.BadState) as error:
        raise click.UsageError(str(error)) from None
    limits = Limits(connect=connect, silence=silence, whole=timeout)
    plan = Plan(bundle=bundle, options=options, limits=limits, clean=clean)
    fine = {name for name, outcome in before.items() if outcome.verdict == state.CONFORMS}
    chosen = [host for host in listed if host.name not in fine]
    if not chosen:
        screen.show("every host conformed, so none is visited again")
        return model.CONFORMS
    output.mkdir(parents=True, exist_ok=True)
    visits = [Visit(host, plan, output) for host in chosen]
    known = None if clean else _known_of_others(output, visits)
    outcomes = _visited(screen, visits, at_once, output, known)
    shown.summary(screen, outcomes)
    if clean:
        cleaned = all(it.verdict == state.CLEANED for it in outcomes.values())
        return model.CONFORMS if cleaned else model.SUITE_FAILED
    status = state.exit_status([outcome.verdict for outcome in outcomes.values()])
    if status:
        words = ["python", "-m", "conformance", "fleet", file, "--only-failed", "-o", str(output)]
        again = shlex.join([*words, *(["--", *options] if options else [])])
        screen.show(Text(f"once more those that did not conform:\n  {again}"))
    return status


def _known_of_others(output: Path, visits: list[Visit]) -> dict[str, state.Outcome]:
    """Forget how those ended that are now to be visited: should this be broken off, none is old."""
    try:
        known = state.read(output)
    except state.BadState:
        known = {}
    for visit in visits:
        known.pop(visit.host.name, None)
    state.write(output, known)
    return known


def _visited(
    screen: Screen,
    visits: list[Visit],
    at_once: int,
    output: Path,
    known: dict[str, state.Outcome] | None,
) -> dict[str, state.Outcome]:
    """Visit them; what is known of the others stays in the state, if that is to be written."""
    outcomes: dict[str, state.Outcome] = {}
    with shown.Watch(screen, visits) as watch:

        def ended(visit: Visit) -> None:
            assert visit.outcome is not None
            outcomes[visit.host.name] = visit.outcome
            if known is not None:
                state.write(output, {**known, **outcomes})
            watch.ended(visit)

        conduct(visits, at_once, ended, watch.tick)
    return {it.host.name: outcomes[it.host.name] for it in visits}
