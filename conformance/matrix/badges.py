"""Badges (SVG): one a platform, and one that counts them. They need no service and no font.

Pure: it makes no system call.
"""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from . import summary

if TYPE_CHECKING:
    from .whole import Matrix

_COLOURS = {"good": "#1b6e42", "bad": "#a8201a", "unknown": "#5d6670"}
_WIDE, _NARROW = set("mwMW@%—"), set("iIjl1.,:;'|!ft() ")
_SVG = """\
<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="20" role="img" \
aria-label="{label}: {words}">
  <title>{label}: {words}</title>
  <clipPath id="r"><rect width="{width}" height="20" rx="4"/></clipPath>
  <g clip-path="url(#r)">
    <rect width="{left}" height="20" fill="#33393f"/>
    <rect x="{left}" width="{right}" height="20" fill="{colour}"/>
  </g>
  <g fill="#fff" font-family="Verdana,'DejaVu Sans',Geneva,sans-serif" font-size="11">
    <text x="8" y="14" textLength="{left_text}">{label}</text>
    <text x="{start}" y="14" textLength="{right_text}">{words}</text>
  </g>
</svg>
"""


def all_of(matrix: Matrix) -> dict[str, str]:
    """Give each badge by its name: ``platforms``, and the id of each platform that was tried."""
    tried = [it for it in matrix["platforms"] if summary.tried_at_all(matrix, it)]
    whole = sum(summary.keeps_all(matrix, platform) for platform in tried)
    words = f"{whole} of {len(tried)} platforms"
    state = "unknown" if not tried else "good" if whole == len(tried) else "bad"
    made = {"platforms": badge("descriptor passing", words, state)}
    for platform in tried:
        label = ", ".join(filter(None, [platform["name"], platform["about"]]))
        if platform["verdict"] in {"conforms", "does not conform"}:
            state = "good" if platform["verdict"] == "conforms" else "bad"
        else:
            state = "unknown"
        words = platform["verdict"]
        if (evidence := platform["evidence"].partition(" ")[0]) != "ran":
            words += f" ({evidence})"
        made[platform["id"]] = badge(label, words, state)
    return made


def badge(label: str, words: str, state: str) -> str:
    """Draw one; *state* is good, bad or unknown."""
    left_text, right_text = _width(label), _width(words)
    left, right = left_text + 16, right_text + 16
    return _SVG.format(
        label=escape(label),
        words=escape(words),
        width=left + right,
        left=left,
        right=right,
        start=left + 8,
        left_text=left_text,
        right_text=right_text,
        colour=_COLOURS[state],
    )


def _width(text: str) -> int:
    """Guess how wide a text is; textLength makes it so, whatever the font."""
    return round(sum(10 if one in _WIDE else 4.4 if one in _NARROW else 6.9 for one in text))
