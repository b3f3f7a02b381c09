"""Write one file that shows what a check shows: ``python -m conformance repro ID``.

Of a check of the platform it is the very program that a run runs, or the same in C: it needs
nothing of this project. What a passer does cannot be shown without the passer and somebody who asks
it, so of its checks it is a program that runs just this one by the installed suite, and says so.
"""

from __future__ import annotations

import inspect
import json
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING

import click

from . import entries
from .platform import program

if TYPE_CHECKING:
    from collections.abc import Callable

    from .requirement import Requirement

_OF_A_PASSER = """\
# {id} ({level}): {summary}
#
{why}# Source: {source}
#
# It is a passer that does so or not: the suite asks it by its peer program, so both are needed.
#     pip install 'fdpass[conformance]'
#     python FILE [PEER]
# PEER is a peer that comes with the suite, or the command line of another: any program that answers
# the requests of conformance/PROTOCOL.md. Exit status: 0 it holds (or is no MUST), 1 it does not,
# any other: nothing is proven. What is asked of the peer:
#
{code}
import subprocess
import sys

peer = sys.argv[1] if len(sys.argv) > 1 else {peer}
suite = [sys.executable, "-m", "conformance"]
ended = subprocess.run([*suite, "run", "--peer", peer, "--check", "{id}", "-n", "0"], check=False)
sys.exit(ended.returncode)
"""


def text(
    requirement: Requirement,
    check: Callable[..., None],
    *,
    in_c: bool = False,
    peer: str = "fdpass",
) -> str:
    """Give the program for a check.

    Raises:
        ValueError: there is none in C.

    """
    if requirement.of_platform:
        return (program.c if in_c else program.python)(requirement, check)
    if in_c:
        raise ValueError(f"{requirement.id} is tried with a passer: there is no C program of it")
    return _OF_A_PASSER.format(
        id=requirement.id,
        level=requirement.level,
        summary=requirement.summary,
        why=f"{_commented(requirement.why)}#\n" if requirement.why else "",
        source=requirement.source,
        code=_commented(textwrap.indent(textwrap.dedent(inspect.getsource(check)), "    ")),
        peer=json.dumps(peer),
    )


def _commented(words: str) -> str:
    return "".join(f"# {line}".rstrip() + "\n" for line in words.splitlines())


@click.command()
@click.argument("id")
@click.option("--c", "in_c", is_flag=True, help="In C, not in Python; of platform checks only.")
@click.option("--peer", default="fdpass", metavar="NAME|COMMAND", help="The peer it is to ask.")
@click.option(
    "-o",
    "--output",
    type=click.Path(dir_okay=False, writable=True, path_type=Path),
    metavar="FILE",
    help="Write it there.",
)
def repro(id: str, *, in_c: bool, peer: str, output: Path | None) -> None:  # noqa: A002
    """Write one file that shows what a check shows, for somebody who has not got this suite.

    A check of the platform becomes a program that needs nothing else, in Python or in C: what one
    sends to a kernel engineer. A check of a passer needs the suite, and the program says so.
    """
    try:
        requirement, check = entries.find(id)
        written = text(requirement, check, in_c=in_c, peer=peer)
    except (LookupError, ValueError) as error:
        raise click.BadParameter(str(error.args[0]), param_hint="ID") from None
    if output is None:
        click.echo(written, nl=False)
        return
    try:
        output.write_text(written, encoding="utf-8")
    except OSError as error:
        raise click.BadParameter(f"{output}: {error.strerror}", param_hint="-o") from None
