"""Pages written by hand of which a part is made: that part is put anew between its two marks."""

from __future__ import annotations


def renewed(page: str, begin: str, end: str, made: str) -> str:
    """Give *page* with *made* between the marks.

    Raises:
        ValueError: the marks are not in it.

    """
    before, begun, rest = page.partition(begin)
    _, ended, after = rest.partition(end)
    if not begun or not ended:
        raise ValueError(f"the page has no {begin} and {end}")
    return f"{before}{begin}\n{made}\n{end}{after}"
