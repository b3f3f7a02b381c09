"""What stands in `.github/workflows`: the templates, with the table's rows and the pins in them."""

from __future__ import annotations

import json
import math
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ci.guests import table, wine
from conformance import toml

from . import pins

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ci.guests.table import Platform

ROOT = Path(__file__).resolve().parents[2]
WORKFLOWS = ROOT / ".github" / "workflows"
_TEMPLATES = Path(__file__).with_name("templates")
_HEAD = "# Made from ci/hosted/templates/{name} by `python -m ci.hosted`: change that.\n"


def pythons() -> list[str]:
    """Give the versions of Python that pyproject.toml says this runs on, the oldest first."""
    project = toml.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    found = [re.fullmatch(r".* :: (3\.\d+)", word) for word in project["classifiers"]]
    return sorted((one[1] for one in found if one), key=lambda word: int(word.split(".")[1]))


def hosted() -> list[Platform]:
    """Give the rows of the table that are hosted machines."""
    return [one for one in table.platforms() if one.reached == "hosted"]


def rows(platform: Platform) -> Iterator[dict[str, Any]]:
    """Give the jobs of a platform: one, or one for each version of Python."""
    every = platform.python == "every"
    for python in pythons() if every else [platform.python]:
        options = ["--baseline", platform.baseline, *platform.options]
        if platform.timeout_scale != 1:
            options += ["--timeout-scale", f"{platform.timeout_scale:g}"]
        yield {
            "id": f"{platform.name}-py{python}" if every else platform.name,
            **platform.given,
            **({"python": python} if python else {}),
            "minutes": math.ceil(platform.deadline / 60),
            "options": " ".join(options),
        }


def names() -> list[str]:
    """Name what has to bring results; the suite does not run on Windows."""
    return [row["id"] for one in hosted() if one.kind != "windows" for row in rows(one)]


def made(template: str) -> str:
    """Give a workflow, made from its template.

    Raises:
        KeyError: it uses an action that is not pinned.

    """
    pinned, versions = pins.pins(), pythons()
    text = re.sub(r"(?<=uses: )(\S+)@pinned", lambda at: str(pinned[at[1]]), template)
    of_windows = [f"fdpass/tests/test_{name}.py" for name in wine.TESTS]
    without = " and ".join(f"not {name}" for name in wine.NOT_THERE)
    for word, value in {
        "@pythons@": json.dumps(versions),
        "@newest@": versions[-1],
        "@windows tests@": " ".join((*of_windows, "-k", f'"{without}"')),
    }.items():
        text = text.replace(word, value)
    text = re.sub(r"(?m)^( *)@names@$", lambda at: _indented(at[1], names()), text)
    return re.sub(r"(?m)^( *)@rows of (\w+)@$", lambda at: _indented(at[1], _of_kind(at[2])), text)


def _of_kind(kind: str) -> list[str]:
    found = [row for one in hosted() if one.kind == kind for row in rows(one)]
    return [f"- {{ {', '.join(_pairs(row))} }}" for row in found]


def _pairs(row: dict[str, Any]) -> list[str]:
    # In JSON's quotes, which are YAML's too: 11.0 is a version and no number.
    return [f"{key}: {json.dumps(value)}" for key, value in row.items()]


def _indented(margin: str, lines: list[str]) -> str:
    return "\n".join(f"{margin}{line}" for line in lines)


def workflows() -> dict[str, str]:
    """Give all of them, by the names of their files."""
    return {
        path.name: _HEAD.format(name=path.name) + made(path.read_text(encoding="utf-8"))
        for path in sorted(_TEMPLATES.glob("*.yml"))
    }


def write(*, check: bool) -> int:
    """Write them, or say which are not as they should be."""
    there = {
        path.name: path.read_text(encoding="utf-8") for path in sorted(WORKFLOWS.glob("*.yml"))
    }
    wanted = workflows()
    if not check:
        for name, text in wanted.items():
            (WORKFLOWS / name).write_text(text, encoding="utf-8")
    elif stale := [name for name in wanted | there if wanted.get(name) != there.get(name)]:
        print(f"not up to date: {', '.join(stale)}: python -m ci.hosted", file=sys.stderr)
        return 1
    return 0
