"""What the matrix says in a few lines: how many platforms keep what.

Pure: it makes no system call.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .columns import Platform
    from .whole import Matrix


def headline(matrix: Matrix) -> str:
    """Say how many platforms keep all promises, in a sentence."""
    tried = [platform for platform in matrix["platforms"] if tried_at_all(matrix, platform)]
    whole = [platform for platform in tried if keeps_all(matrix, platform)]
    if not tried:
        return "No promise was tried anywhere."
    if len(tried) == 1:
        return f"{tried[0]['name']} {'keeps' if whole else 'does not keep'} every promise."
    if len(whole) == len(tried):
        return f"All {len(tried)} platforms keep every promise that was tried there."
    keep = "keeps" if len(whole) < 2 else "keep"
    return f"{len(whole) or 'None'} of {len(tried)} platforms {keep} every promise tried there."


def promised(matrix: Matrix) -> list[str]:
    """Give the groups that are promises."""
    return [group["id"] for group in matrix["groups"] if group["kind"] == "promise"]


def tried_at_all(matrix: Matrix, platform: Platform) -> bool:
    """Say whether a promise was tried there; of what is only documented, none was."""
    return platform["evidence"] != "documented" and bool(_states(matrix, platform))


def keeps_all(matrix: Matrix, platform: Platform) -> bool:
    """Say whether all promises that were tried there are kept."""
    return _states(matrix, platform) == {"kept"}


def kept_by(matrix: Matrix, group: str) -> tuple[int, int]:
    """Count the platforms that keep a promise, and those on which it was tried."""
    states = [
        platform["promises"][group]["state"]
        for platform in matrix["platforms"]
        if group in platform.get("promises", {}) and platform["evidence"] != "documented"
    ]
    return states.count("kept"), len(states) - states.count("skipped")


def _states(matrix: Matrix, platform: Platform) -> set[str]:
    told = platform.get("promises", {})
    states = {told[group]["state"] for group in promised(matrix) if group in told}
    return states - {"skipped"}
