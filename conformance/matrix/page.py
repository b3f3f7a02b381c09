"""The page of the matrix: one HTML file with all in it, which needs no network and no other file.

Pure but for reading its own templates.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from jinja2 import Environment, PackageLoader, StrictUndefined

from . import platforms, summary
from .marks import MARKS, kept

if TYPE_CHECKING:
    from .whole import Matrix


def render(matrix: Matrix) -> str:
    """Render the page."""
    environment = Environment(
        loader=PackageLoader("conformance.matrix"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters["evidence_class"] = platforms.evidence_class
    # Within a script element this alone ends it, or is taken for markup.
    data = json.dumps({**matrix, "marks": MARKS}, separators=(",", ":")).replace("<", "\\u003c")
    return environment.get_template("page.html").render(
        matrix=matrix,
        data=data,
        headline=summary.headline(matrix),
        with_results=[it for it in matrix["platforms"] if "cells" in it],
        tried=[it for it in matrix["platforms"] if "counts" in it],
        unknown=[it for it in matrix["platforms"] if it["evidence"] == "documented"],
        kept=kept,
        kept_by=lambda group: summary.kept_by(matrix, group),
        marks=MARKS,
    )
