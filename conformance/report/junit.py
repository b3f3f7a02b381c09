"""What a JUnit file has to say of a run that did not come to its end; pytest says nothing."""

from __future__ import annotations

import os
import xml.etree.ElementTree as ET


def mark_interrupted(path: str, reason: str) -> None:
    """Add an error to a JUnit file, so that nobody takes it for the whole of a run."""
    try:
        tree = ET.parse(path) if os.path.isfile(path) else None  # noqa: S314 -- our own pytest's
    except ET.ParseError:  # a second interruption has cut it, which nobody takes for a whole
        tree = None
    if tree is None:
        return
    for suite in tree.iter("testsuite"):
        for begun in [case for case in suite.iter("testcase") if not case.get("name")]:
            suite.remove(begun)  # has no result, and no name either
        case = ET.SubElement(suite, "testcase", classname="conformance", name="the whole run")
        ET.SubElement(case, "error", message=f"interrupted: {reason}")
        for count in ("tests", "errors"):
            suite.set(count, str(int(suite.get(count, "0")) + 1))
    tree.write(path, encoding="utf-8", xml_declaration=True)
