"""Options of the fault runs: how often the power is cut, and where the figures go."""

from pathlib import Path

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--cuts", type=int, default=5, help="how many power cuts to try")
    parser.addoption("--cut-results", type=Path, help="write the figures of the cuts as JSON here")
