"""One file reads one family of formats; see `contract`."""

from typing import Final

from freehold.core.registry import Registry
from freehold.runtime.knowledge.read.contract import Reader

READERS: Final = Registry(__name__, Reader, "READER")
