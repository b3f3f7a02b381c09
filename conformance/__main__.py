"""The command line: ``python -m conformance``."""

from __future__ import annotations

import inspect
import json
import os
import sys
import traceback
from pathlib import Path
from typing import Any

import click

from . import __version__, entries, environment, known, mutants, protocol_page, standard
from .baseline.commands import baseline
from .baseline.file import AUTO, NONE, path_of, shipped
from .commands.compare import compare
from .commands.matrix import matrix
from .commands.verify import submit, verify
from .facts import entries as fact_entries
from .facts import reference
from .facts.command import facts
from .fleet.command import fleet
from .harness.transports import TRANSPORTS
from .options import timeout_scale
from .pairs.command import pairs
from .peers import levels
from .peers.commands import check_peer, peers
from .peers.skeleton import new_peer
from .report import listing, model, page
from .report.progress import NORMAL, QUIET, VERBOSE
from .report.screen import Screen
from .repro import repro
from .requirement import SUBJECTS

_HERE = Path(__file__).resolve().parent

_RUN_HELP = """\b
Exit status:
  0  conforms: a MUST check ran, and none failed (a failed SHOULD or MAY is shown)
  1  does not conform: a MUST check failed
  2  the command line is wrong, or there is no such peer, backend or mode
  3  nothing is proven: no MUST check was executed (all skipped, none selected, unsupported)
  4  the suite itself failed, or was interrupted
With a baseline: 0 all is as it lists, 1 it is not; the others as above
"""


@click.group(
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="The requirements are in CATALOGUE.md, what a peer has to answer is in PROTOCOL.md.",
)
@click.version_option(__version__, prog_name="conformance")
def cli() -> None:
    """Try what descriptor passing promises: on this system, or with a passer of your own."""
    if sys.flags.optimize > 1:
        raise click.UsageError("python -OO leaves out what the requirements say; use -O or none")
    try:
        os.getcwd()
    except OSError as error:
        raise click.UsageError(f"the current directory is gone ({error.strerror})") from None


def _peer(_: click.Context, __: click.Parameter, value: str | None) -> str:
    if value is not None and (refusal := levels.refusal(value)):
        raise click.BadParameter(refusal)
    return value or ""


def _workers(_: click.Context, __: click.Parameter, value: str) -> int:
    if value == "auto":
        usable = getattr(os, "sched_getaffinity", None)
        return len(usable(0)) if usable else os.cpu_count() or 1
    if not value.isascii() or not value.isdecimal():
        raise click.BadParameter(f"expected a number or auto, received {value!r}")
    return int(value)


def _file(_: click.Context, __: click.Parameter, value: str | None) -> str | None:
    # Now, and not when all checks have run.
    if value is None:
        return None
    folder = os.path.dirname(os.path.abspath(value))
    if os.path.isdir(value):
        raise click.BadParameter(f"{value} is a directory")
    if not os.path.isdir(folder):
        raise click.BadParameter(f"there is no directory {folder}")
    if not os.access(value if os.path.exists(value) else folder, os.W_OK):
        raise click.BadParameter(f"{value} cannot be written")
    return value


def _baseline(_: click.Context, __: click.Parameter, value: str) -> str:
    if value not in {AUTO, NONE} and path_of(value) is None:
        raise click.BadParameter(
            f"there is no file {value!r}; those of the suite: {', '.join(shipped())}"
        )
    return value


@cli.command(epilog=_RUN_HELP)
@click.option(
    "--peer",
    default="fdpass",
    callback=_peer,
    metavar="NAME|COMMAND",
    show_default=True,
    help="The passer under test: a name of `peers`, a command that speaks PROTOCOL.md, "
    "module:factory (Python), or oneshot:COMMAND.",
)
@click.option(
    "--peer-a",
    callback=_peer,
    metavar="NAME|COMMAND",
    help="With --peer-b, in place of --peer: the two sides are different passers; this is peer A.",
)
@click.option("--peer-b", callback=_peer, metavar="NAME|COMMAND", help="Peer B, as --peer-a.")
@click.option(
    "--dialect",
    default="auto",
    metavar="auto|NAME",
    show_default=True,
    help="How a descriptor is announced on the channel; auto: as the peer usually does.",
)
@click.option(
    "--backend",
    default="each",
    metavar="each|auto|NAME",
    help="The interface it is to use; each: all that work here, the default.",
)
@click.option(
    "--expect",
    multiple=True,
    metavar="NAME",
    help="An interface that must be there (default: those this system is known to have).",
)
@click.option(
    "--transport",
    "transports",
    multiple=True,
    type=click.Choice(list(TRANSPORTS)),
    help="How the peers are joined; repeatable [default: all].",
)
@click.option(
    "--survival",
    default="each",
    metavar="each|auto|NAME",
    show_default=True,
    help="How a full table is survived; each: where a check asks, in all the peer's ways "
    "over the first transport, and in its usual one over the others.",
)
@click.option(
    "--subject",
    default="each",
    type=click.Choice(["each", *SUBJECTS]),
    show_default=True,
    help="What is tried: the passer, by its peer; the platform, by system calls alone, where "
    "--peer is not needed.",
)
@click.option(
    "--level",
    default="may",
    type=click.Choice(["must", "should", "may"], case_sensitive=False),
    show_default=True,
    help="Checks of this level and above.",
)
@click.option(
    "--check",
    "checks",
    multiple=True,
    metavar="ID",
    help="Only these; repeatable, globs work: 'fifo.*'.",
)
@click.option(
    "--group",
    "groups",
    multiple=True,
    metavar="NAME",
    help="Only the checks of this promise; repeatable.",
)
@click.option(
    "-n",
    "--workers",
    default="auto",
    callback=_workers,
    metavar="N|auto",
    show_default=True,
    help="Processes that run checks at the same time; 0: none but this one.",
)
@timeout_scale
@click.option(
    "--launcher",
    default="",
    metavar="COMMAND",
    help="Start every peer by this; else by the emulator we are in.",
)
@click.option(
    "--deadline",
    type=click.FloatRange(min=0, min_open=True),
    metavar="SECONDS",
    help="Interrupt the run when it has taken so long; what it has found so far is kept.",
)
@click.option("--results", callback=_file, metavar="FILE", help="Write the results (JSON).")
@click.option("--junit", callback=_file, metavar="FILE", help="Write a JUnit file (XML).")
@click.option(
    "--baseline",
    default=NONE,
    callback=_baseline,
    metavar="FILE|NAME|auto|none",
    show_default=True,
    help="Known deviations, by which the exit status goes; auto: those of this platform.",
)
@click.option("-x", "--fail-fast", is_flag=True, help="Stop at the first failure.")
@click.option("--plain", is_flag=True, help="No colour, nothing that moves, ASCII only.")
@click.option("-q", "--quiet", is_flag=True, help="Only what went wrong, and the verdict.")
@click.option("-v", "--verbose", is_flag=True, help="A line for every check.")
def run(*, quiet: bool, verbose: bool, **chosen: Any) -> int:
    """Run the checks, and say whether the peer keeps the promises on this system."""
    if quiet and verbose:
        raise click.UsageError("-q and -v contradict each other")
    chosen_peer = click.get_current_context().get_parameter_source("peer")
    pair = chosen["peer_a"], chosen["peer_b"]
    if any(pair) and (not all(pair) or chosen_peer is click.core.ParameterSource.COMMANDLINE):
        raise click.UsageError("--peer-a and --peer-b belong together, and stand for --peer")
    if reason := environment.unsupported():
        click.echo(f"unsupported, so that nothing is proven: {reason}", err=True)
        return model.NOTHING_RAN
    from . import run as engine  # pytest is imported for nothing else

    verbosity = QUIET if quiet else VERBOSE if verbose else NORMAL
    return engine.run(engine.Options(verbosity=verbosity, **chosen))


@cli.command("list")
@click.option("--json", "as_json", is_flag=True, help="Checks and facts as JSON, for programs.")
@click.option("--plain", is_flag=True, help="No colour, ASCII only.")
def list_(*, as_json: bool, plain: bool) -> None:
    """List the requirements, promise by promise."""
    listed = entries.entries()
    measured = fact_entries()
    if as_json:
        click.echo(json.dumps({"checks": listed, "facts": measured}, indent=1))
    else:
        screen = Screen(plain=plain)
        screen.show(*listing.table(screen, listed, len(measured)))


@cli.command()
@click.argument("id")
@click.option("--plain", is_flag=True, help="No colour, ASCII only.")
def explain(id: str, *, plain: bool) -> None:  # noqa: A002
    """Explain one requirement: what, why, who says so, and how it is tried."""
    try:
        requirement, check = entries.find(id)
    except LookupError as error:
        raise click.BadParameter(str(error.args[0]), param_hint="ID") from None
    screen = Screen(plain=plain)
    code = inspect.getsource(check)
    entry = requirement.entry()
    behaviours = known.known().get(id, ())
    screen.show(*listing.explained(screen, entry, mutants.told(id), code, behaviours))


@cli.command("catalogue")
@click.option("--check", is_flag=True, help="Write nothing; exit 1 if a file is not up to date.")
def catalogue_(*, check: bool) -> int:
    """Write CATALOGUE.md from the checks, FACTS.md from the facts, MUTANTS.md from the mutants.

    And the operations in PROTOCOL.md from its schema.
    """
    status = 0
    requirements = page.render(entries.entries(), known.known(), mutants.by_check())
    protocol = (_HERE / "PROTOCOL.md").read_text(encoding="utf-8")
    for name, due in (
        ("CATALOGUE.md", requirements),
        ("FACTS.md", reference.render(fact_entries())),
        ("MUTANTS.md", mutants.kill_matrix()),
        ("PROTOCOL.md", protocol_page.renewed(protocol)),
    ):
        path = _HERE / name
        if path.exists() and path.read_text(encoding="utf-8") == due:
            click.echo(f"{path} is up to date")
        elif check:
            click.echo(f"{path} is not what the code says: `python -m conformance catalogue`")
            status = 1
        else:
            path.write_text(due, encoding="utf-8")
            click.echo(f"{path} written")
    return status


cli.add_command(baseline)
cli.add_command(check_peer)
cli.add_command(compare)
cli.add_command(facts)
cli.add_command(matrix)
cli.add_command(fleet)
cli.add_command(pairs)
cli.add_command(new_peer)
cli.add_command(peers)
cli.add_command(repro)
cli.add_command(submit)
cli.add_command(verify)


def main() -> None:
    """Run the command line; whatever goes wrong in here is never told as a verdict."""
    standard.fill()
    try:
        status = cli.main(standalone_mode=False)
    except click.exceptions.Exit as done:
        status = done.exit_code
    except click.ClickException as refused:
        refused.show()
        status = model.USAGE
    except (KeyboardInterrupt, click.Abort):
        click.echo("interrupted from the keyboard", err=True)
        status = model.SUITE_FAILED
    except BrokenPipeError:  # as by `| head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        status = model.SUITE_FAILED
    except Exception:
        traceback.print_exc()
        status = model.SUITE_FAILED
    sys.exit(status or 0)


if __name__ == "__main__":
    main()
