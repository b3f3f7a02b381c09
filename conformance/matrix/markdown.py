"""The matrix as Markdown: for the summary of a CI job, or a page of a repository.

Pure: it makes no system call.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..report.page import cell as escaped
from . import platforms, summary
from .marks import kept

if TYPE_CHECKING:
    from .columns import Platform
    from .whole import Matrix

_LEGEND = (
    "✓ kept: no MUST failed; ✗ not kept; ○ all was skipped; ! an error of the suite; · not run. "
    "A number counts the checks that failed."
)


def render(matrix: Matrix) -> str:
    """Render the promises, then what fails on each platform."""
    columns = [platform for platform in matrix["platforms"] if "cells" in platform]
    parts = [f"# {summary.headline(matrix)}\n"]
    for kinds, first in (
        ({"promise"}, "platform | evidence"),
        ({"interface", "platform"}, "platform"),
    ):
        groups = [group for group in matrix["groups"] if group["kind"] in kinds]
        if not groups:
            continue
        titles = " | ".join([first, *(group["title"] for group in groups)])
        parts.append(f"\n| {titles} |\n|{'---|' * (titles.count('|') + 1)}\n")
        for platform in columns:
            start = [escaped(_title(platform))]
            if "promise" in kinds:
                start.append(escaped(platform["evidence"]))
            told = [_cell(platform, group["id"]) for group in groups]
            parts.append(f"| {' | '.join([*start, *told])} |\n")
    parts.append(f"\n{_LEGEND}\n")
    parts += [_failing(matrix, platform) for platform in columns]
    return "".join(parts)


def _title(platform: Platform) -> str:
    return ", ".join(filter(None, [platform["name"], platform["about"]]))


def _cell(platform: Platform, group: str) -> str:
    told = kept(platform["promises"].get(group), platform["evidence"])
    return f"{told.sign} {told.short}".strip()


def _failing(matrix: Matrix, platform: Platform) -> str:
    """List what fails on a platform that was run on."""
    if platforms.evidence_class(platform["evidence"]) == "documented":
        return ""
    lines = []
    for check in matrix["checks"]:
        cell = platform["cells"].get(check["id"])
        if cell is None or cell["verdict"] not in {"fail", "error"}:
            continue
        level = cell.get("level", check["level"])
        said = " ".join(cell["seen"][0]["message"].split())
        listed = " (as its baseline lists)" if cell.get("listed") else ""
        lines.append(f"- `{check['id']}`, {level}: {escaped(said)}{listed}\n")
    day = platform["started"][:10]
    about = f"{platform['verdict']}; {platform['evidence']}, {day}"
    about += "; a selection, not the whole catalogue" if platform["selection"] else ""
    return f"\n## {_title(platform)}\n\n{about}.\n\n{''.join(lines) or 'Nothing failed.'}\n"
