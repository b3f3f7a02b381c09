"""The statement of a submission: one page of what was run, what it showed, and which files show it.

It is made from the results file and a few words of the vendor, and from nothing else: so it can be
made again, and whoever has changed a word of it is found out.
"""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, Any, TypedDict

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape

from ..matrix import cells, marks
from ..matrix.columns import WORDS
from ..report import catalogue, model
from ..report.described import described, placeless
from ..report.page import cell as escaped
from .signature import NAMESPACE

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ..report.model import Document

PAGES = {"STATEMENT.md": "statement.md", "STATEMENT.html": "statement.html"}
"""The files, and the templates that they are made from."""

_USUAL = {"peer": "fdpass", "subject": "each", "backend": "each", "survival": "each"}
_REPEATED = ("expect", "transport", "check", "group")


class Submission(TypedDict):
    """What ``submission.json`` has: the words of the vendor, and the digests of the files."""

    schema: int
    product: str
    vendor: str
    contact: str
    files: dict[str, str]


def pages(submission: Submission, document: Document) -> dict[str, str]:
    """Write the statement, as Markdown and as HTML."""
    environment = Environment(
        loader=PackageLoader("conformance.submission"),
        autoescape=select_autoescape(["html"]),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters["cell"] = escaped
    told = _told(submission, document)
    return {page: environment.get_template(name).render(told) for page, name in PAGES.items()}


def _told(submission: Submission, document: Document) -> dict[str, Any]:
    folded = cells.folded(document)
    checks = {result["id"]: result for result in document["results"]}
    groups = catalogue.in_order(result["group"] for result in document["results"])
    failing = [
        {
            "id": check,
            "level": checks[check]["level"],
            "seen": " ".join(cell["seen"][0]["message"].split()),
            "reason": "; ".join(line["reason"] for line in cell.get("lines", [])),
            "url": next((line["url"] for line in cell.get("lines", []) if line["url"]), ""),
        }
        for check, cell in folded.items()
        if cell["verdict"] in {"fail", "error"}
    ]
    failing.sort(key=lambda it: model.LEVELS.index(it["level"]))
    evidence = document.get("evidence", model.RAN)
    return {
        "submission": submission,
        "document": document,
        "verdict": WORDS[model.exit_status(document["results"])],
        "evidence": evidence,
        "promises": [
            (
                catalogue.promise(group),
                marks.kept(
                    cells.promise(
                        (checks[check]["level"], cell)
                        for check, cell in folded.items()
                        if checks[check]["group"] == group
                    ),
                    evidence,
                ),
            )
            for group in groups
        ],
        "failing": failing,
        "skipped": [
            (check, " ".join(placeless(checks[check]["message"]).split()))
            for check, cell in folded.items()
            if cell["verdict"] == "skip" and checks[check]["level"] == "MUST"
        ],
        "environment": described(document["environment"], evidence),
        "command": _command(document["selection"]),
        "namespace": NAMESPACE,
    }


def _command(selection: Mapping[str, Any]) -> str:
    """Give the command of the run, by what it was asked for."""
    words = ["python", "-m", "conformance", "run"]
    for name, usual in _USUAL.items():
        if (chosen := selection.get(name, usual)) != usual:
            words += [f"--{name}", str(chosen)]
    for name in _REPEATED:
        for chosen in selection.get(name) or ():
            words += [f"--{name}", str(chosen)]
    if str(selection.get("level", "may")).lower() != "may":
        words += ["--level", str(selection["level"])]
    if selection.get("timeout_scale", 1) != 1:
        words += ["--timeout-scale", f"{selection['timeout_scale']:g}"]
    if selection.get("launcher"):
        words += ["--launcher", str(selection["launcher"])]
    return shlex.join([*words, "--results", "results.json"])
