"""One file is one engine; see `contract`."""

from typing import Final

from freehold.core.registry import Registry
from freehold.runtime.engines.contract import EngineCard

ENGINES: Final = Registry(__name__, EngineCard, "ENGINE")
