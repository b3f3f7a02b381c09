"""Which tier runs, and what it ran against."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from fdpass.tests.interop.programs import versions

if TYPE_CHECKING:
    from collections.abc import Iterable

if sys.platform == "win32":
    collect_ignore_glob = ["*.py"]

_HERE = Path(__file__).parent


def pytest_collection_modifyitems(config: pytest.Config, items: Iterable[pytest.Item]) -> None:
    """Leave out, in words, the tiers that nobody asked for."""
    asked = config.getoption("--interop")
    for item in items:
        if _HERE in item.path.parents:
            tier = "2" if _HERE / "tier2" in item.path.parents else "1"
            if asked not in {"all", tier}:
                item.add_marker(pytest.mark.skip(f"tier {tier}, run with --interop={tier} or all"))


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    """Say which programs were there, and of which versions."""
    tried = [
        report
        for outcome in ("passed", "failed", "skipped")
        for report in terminalreporter.getreports(outcome)
        if "tests/interop/" in report.nodeid
    ]
    if tried:
        terminalreporter.section("programs of other people")
        for line in versions(config.getoption("--interop")):
            terminalreporter.line(line)
