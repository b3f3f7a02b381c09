"""The second tier is for one system."""

from __future__ import annotations

import sys

import pytest


def pytest_runtest_setup(item: pytest.Item) -> None:
    if sys.platform != "linux":
        pytest.skip("the programs of this tier are run on Linux only")
