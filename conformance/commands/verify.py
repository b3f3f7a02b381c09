"""``python -m conformance verify`` and ``submit``: is it whole, and who says so."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import click

from .. import __version__, entries
from ..harness.transports import TRANSPORTS
from ..report import model, terminal
from ..requirement import PLATFORM, catalogue
from ..submission import signature as signatures
from ..submission import verify as verifying
from ..submission.verify import SUBJECTS, Asked, Finding

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ..report.model import Document

_ACCEPTED, _REFUSED = 0, 1

_HELP = """\b
Exit status:
  0  it is a whole and unaltered run of this suite, and signed, if that was asked
  1  it is not; each refusal says what came and what was due
  2  the command line is wrong, or there is no such file
Whether the run conforms is another thing: it is told, and refuses nothing.
\b
Signed, and verified:
  ssh-keygen -Y sign -n fdpass-conformance -f KEY FILE     writes FILE.sig
  allowed signers: a line of name, namespaces="fdpass-conformance", key; see ssh-keygen(1)
Of a folder that `submit` made, the statement is signed, and with it the digests of all files.
"""

_subject = click.option(
    "--subject",
    default="each",
    type=click.Choice(["each", *SUBJECTS]),
    show_default=True,
    help="What is to be whole: the checks of a passer, those of a platform, or each of them.",
)


@click.command(epilog=_HELP)
@click.argument("results", metavar="RESULTS|DIR", type=click.Path(exists=True, path_type=Path))
@_subject
@click.option(
    "--signature",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="The signature of the results file; of a folder: STATEMENT.md.sig in it.",
)
@click.option(
    "--allowed-signers",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Whose signatures are accepted, as ssh-keygen(1) has it: then one is asked.",
)
@click.option("--identity", default="", metavar="NAME", help="Who is to have signed.")
def verify(
    *,
    results: Path,
    subject: str,
    signature: Path | None,
    allowed_signers: Path | None,
    identity: str,
) -> int:
    """Say whether a results file, or what `submit` packed, is a whole and unaltered run."""
    if (signature or identity) and not allowed_signers:
        raise click.UsageError("--signature and --identity need --allowed-signers")
    found = list(_all(results, subject))
    if allowed_signers:
        found.append(_signed(results, signature, allowed_signers, identity))
    accepted = _told(found)
    for note in _notes(results, subject):
        click.echo(f"     {note}")
    click.echo("accepted" if accepted else "refused")
    return _ACCEPTED if accepted else _REFUSED


@click.command(
    epilog="Exit status: 0 packed, 1 the results would be refused by `verify`, 2 wrong usage."
)
@click.argument(
    "results", metavar="RESULTS", type=click.Path(exists=True, dir_okay=False, path_type=Path)
)
@click.option("-o", "--output", metavar="DIR", type=click.Path(path_type=Path), help="The folder.")
@click.option("--product", required=True, metavar="WORDS", help="What was tested, and its version.")
@click.option("--vendor", required=True, metavar="WORDS", help="Who states it.")
@click.option("--contact", default="", metavar="WORDS", help="Whom to ask: an address, a link.")
@click.option(
    "--evidence",
    multiple=True,
    metavar="FILE",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="A file to go with it: facts (`facts --json`), a JUnit file, a log; repeatable.",
)
@_subject
def submit(
    *,
    results: Path,
    output: Path | None,
    product: str,
    vendor: str,
    contact: str,
    evidence: tuple[Path, ...],
    subject: str,
) -> int:
    """Pack results, evidence and a one-page statement, which a vendor signs."""
    from ..submission import folder  # which needs Jinja2

    if not _told(list(_results(results, subject))):
        click.echo("not packed")
        return _REFUSED
    short = re.sub(r"[^a-z0-9.]+", "-", product.lower()).strip("-.") or "product"
    target = output or Path(f"submission-{short}")
    try:
        words = {"product": product, "vendor": vendor, "contact": contact}
        written = folder.pack(target, results, evidence, **words)
    except (OSError, folder.NotPacked) as error:
        raise click.UsageError(str(error)) from None
    for path in written:
        click.echo(f"{path} written")
    click.echo("to sign it:")
    click.echo(f"ssh-keygen -Y sign -n {signatures.NAMESPACE} -f KEY {target / folder.SIGNED}")
    return _ACCEPTED


def _all(path: Path, subject: str) -> Iterator[Finding]:
    if not path.is_dir():
        yield from _results(path, subject)
        return
    from ..submission import folder

    yield from _results(path / folder.RESULTS, subject)
    try:
        document = model.read(path / folder.RESULTS)
    except (OSError, model.Refused):
        return  # which was told above
    yield from folder.findings(path, document)


def _results(path: Path, subject: str) -> Iterator[Finding]:
    step = f"it is a results file of schema {model.SCHEMA}, to its end"
    try:
        document = model.read(path)
    except model.Refused as refused:
        yield Finding(step, str(refused))
        return
    except OSError as error:
        yield Finding(step, f"expected {path}: {error.strerror}")
        return
    yield Finding(step)
    yield from verifying.findings(document, _asked(document, subject))


def _notes(path: Path, subject: str) -> Iterator[str]:
    try:
        document = model.read(path / "results.json" if path.is_dir() else path)
    except (OSError, model.Refused):
        return  # which was told above
    yield f"it says: {terminal.last_line(document)}"
    yield from verifying.notes(document, _asked(document, subject))


def _asked(document: Document, subject: str) -> Asked:
    """Give what the suite at hand asks of that run: the interfaces it has are said by its peer."""
    backends = document["subject"].get("backends") or {}
    due: dict[str, tuple[str, ...]] = {}
    for requirement, _ in catalogue():
        if requirement.of_platform:
            due[requirement.id] = (PLATFORM,)
        elif not requirement.only or requirement.only in backends:
            due[requirement.id] = (requirement.over,) if requirement.over else tuple(TRANSPORTS)
    subjects = SUBJECTS if subject == "each" else (subject,)
    return Asked(__version__, entries.entries(), due, subjects)


def _signed(path: Path, signature: Path | None, allowed: Path, identity: str) -> Finding:
    file, usual = path, path.with_name(f"{path.name}.sig")
    if path.is_dir():
        from ..submission import folder

        file, usual = path / folder.SIGNED, path / folder.SIGNATURE
    step = f"{file.name} is signed" + (f" by {identity}" if identity else "")
    chosen = signature or usual
    if not chosen.exists():
        return Finding(step, f"expected a signature, {chosen} is not there")
    try:
        who = signatures.signer(file, chosen, allowed, identity)
    except (OSError, signatures.Unsigned) as fault:
        return Finding(step, str(fault))
    return Finding(step if identity else f"{step} by {who}")


def _told(found: list[Finding]) -> bool:
    """Print what was found, and say whether nothing is wrong."""
    for finding in found:
        click.echo(f"{'FAIL' if finding.fault else 'ok  '} {finding.step}")
        if finding.fault:
            click.echo(f"     {finding.fault}")
    return not any(finding.fault for finding in found)
