"""``python -m conformance new-peer``: a peer to begin with, which speaks the protocol as it is.

It is the program of a passer that comes with the suite. What is generic is a part of its own; the
one file that holds the calls of the passer says on top what is to be put in place of them.
"""

from __future__ import annotations

import os
import textwrap
from pathlib import Path
from typing import NamedTuple

import click

from .shipped import PROGRAMS, SHIPPED

_HERE = Path(__file__).resolve().parent
_PAGE = "PROTOCOL.md"


class Skeleton(NamedTuple):
    """What is copied, and what is said of it."""

    folder: str
    """Where the files are."""
    files: tuple[str, ...]
    """Those that are generic."""
    passer: tuple[str, str]
    """The file with the calls of the passer, and what it is called in the copy."""
    mark: str
    """What a comment of one line starts with."""
    replace: str
    """What stands on top of that file: what to put in place of what."""
    first: str
    """The first of three commands to go on with."""
    peer: str
    """What the peer is called on the command line."""
    shipped: str
    """Whose program it is."""


SKELETONS: dict[str, Skeleton] = {
    "c": Skeleton(
        os.path.join(PROGRAMS, "c"),
        ("descriptors.c", "json.c", "peer.c", "peer.h"),
        ("passing.c", "passing.c"),
        "//",
        (
            "Your passer comes in here. op_send() sends one descriptor, receive() receives "
            "one, op_flush() waits until nothing is queued: put your calls in place of "
            "theirs. sockets[] keeps what a passer is, by its name; op_adopt() and "
            "op_drop() make and close one. An operation that you leave out of the list at "
            "the end is not asked for; the name and the version are said by op_hello() in "
            "peer.c."
        ),
        "cc -std=c11 -O1 -pthread -o peer *.c",
        "./peer",
        "c-cmsg",
    ),
    "go": Skeleton(
        os.path.join(PROGRAMS, "go"),
        ("descriptors.go", "go.mod", "main.go"),
        ("passing.go", "passing.go"),
        "//",
        (
            "Your passer comes in here. send() sends one descriptor, receive() receives "
            "one: put your calls in place of theirs. passers[] keeps what a passer is, by "
            "its name; adopt and drop, in init(), make and close one. An operation that you "
            "leave out of init() is not asked for; the name and the version are said by "
            "hello() in main.go."
        ),
        "go build -o peer .",
        "./peer",
        "go",
    ),
    "perl": Skeleton(
        os.path.join(PROGRAMS, "perl"),
        ("Passing.pm", "Peer.pm"),
        ("io-fdpass.pl", "passer.pl"),
        "#",
        (
            "Your passer comes in here. The first function sends one descriptor over a "
            "socket, the second receives one: put your calls in place of theirs. What went "
            "wrong is said by Peer::fail(NAME, MESSAGE) and Peer::fail_os(). The last line "
            "has the name and the version. What more your passer can do goes into "
            "$Peer::op{NAME}."
        ),
        "perl -c passer.pl",
        "perl passer.pl",
        "io-fdpass",
    ),
    "python": Skeleton(
        str(_HERE / "examples"),
        (),
        ("in_process.py", "my_passer.py"),
        "#",
        (
            "Your passer comes in here: send(), flush(), recv() and close() of the class "
            "Passer. Put your calls in place of those of the socket, and your exceptions "
            "into conditions. Each optional method that you leave out or add is an "
            "operation less or more."
        ),
        "python -m conformance list",
        "my_passer:factory",
        "send-fds",
    ),
    "ruby": Skeleton(
        os.path.join(PROGRAMS, "ruby"),
        ("descriptors.rb", "session.rb"),
        ("send-io.rb", "passer.rb"),
        "#",
        (
            "Your passer comes in here. op_send sends one descriptor, op_recv receives one, "
            "op_flush waits until nothing is queued: put your calls in place of theirs, and "
            "raise Failed with the name of what went wrong. Each method op_NAME is an "
            "operation; the name and the version are said by op_hello."
        ),
        "ruby -c passer.rb",
        "ruby --disable-gems passer.rb",
        "ruby",
    ),
}


def files_of(language: str) -> dict[str, str]:
    """Give the content of every file, by its name."""
    skeleton = SKELETONS[language]
    folder = Path(skeleton.folder)
    source, target = skeleton.passer
    found = {name: _moved(folder / name) for name in skeleton.files}
    lines = textwrap.wrap(skeleton.replace, 90)
    top = "".join(f"{skeleton.mark} {line}\n" for line in lines)
    found[target] = f"{top}\n{_moved(folder / source)}"
    found[_PAGE] = (_HERE.parent / _PAGE).read_text(encoding="utf-8")
    found["README.md"] = _readme(skeleton)
    return found


def _moved(path: Path) -> str:
    return path.read_text(encoding="utf-8").replace(f"../../../{_PAGE}", _PAGE)


def _readme(skeleton: Skeleton) -> str:
    shipped = SHIPPED[skeleton.shipped]
    needs = f" It needs what Debian calls {shipped.package}." if shipped.package else ""
    generic = ", ".join(f"`{name}`" for name in skeleton.files)
    rest = f" {generic} are generic, and can stay as they are." if generic else ""
    name = skeleton.peer if " " not in skeleton.peer else f"'{skeleton.peer}'"
    return f"""# A peer of your own

A program that tells the conformance suite how your passer fares. As it is, it passes descriptors by
{shipped.passer}.{needs} Put your passer into `{skeleton.passer[1]}`, which says on top what to
replace.{rest} {_PAGE} says what a peer answers.

    {skeleton.first}
    python -m conformance check-peer {name}
    python -m conformance run --peer {name} --subject passer
"""


@click.command("new-peer")
@click.argument("folder", metavar="DIR", type=click.Path(file_okay=False, path_type=Path))
@click.option(
    "--language",
    required=True,
    type=click.Choice(list(SKELETONS)),
    help="What it is to be written in.",
)
def new_peer(folder: Path, language: str) -> None:
    """Write a peer program to begin with into DIR, which is made, or empty.

    It passes check-peer as it is. Nothing is ever overwritten.
    """
    if folder.exists() and any(folder.iterdir()):
        raise click.BadParameter(
            f"{folder} is not empty, and nothing is overwritten", param_hint="DIR"
        )
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files_of(language).items():
        with open(folder / name, "x", encoding="utf-8") as file:
            file.write(content)
    click.echo(f"{folder} has a peer in {language}; {folder / 'README.md'} says how to go on")
