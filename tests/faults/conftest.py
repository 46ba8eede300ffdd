"""Options of the fault runs: how often the power is cut, and where the figures go."""

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest
import uvloop


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--cuts", type=int, default=5, help="how many power cuts to try")
    parser.addoption("--cut-results", type=Path, help="write the figures of the cuts as JSON here")


def pytest_asyncio_loop_factories(
    item: pytest.Item,
) -> dict[str, Callable[[], asyncio.AbstractEventLoop]]:
    """Children are tried on both loops: each starts and ends processes in its own way."""
    house = {"uvloop": uvloop.new_event_loop}
    plain = {"asyncio": asyncio.new_event_loop}
    return {**house, **plain} if item.path.name.startswith("test_children_") else plain
