"""An engine that makes vectors from the words of a text: same words, same direction.

Stands for `freehold.runtime.engines.llama_server` (abilities `Embeds` and `Loads` of
`engines/contract.py`), with faults by script.
"""

import asyncio
import zlib

import numpy as np

from freehold.core.errors import EngineRefused, FreeholdError
from freehold.runtime.calls import EmbedCall, Embeddings, Model, Usage
from freehold.runtime.engines.llama_server import Holding

WIDTH = 384


class EmbeddingEngine:
    """Counts what it is asked for.

    Args:
        longest: characters of a text from which on it is refused.
        pause: waited for before each answer, so that a test can hold it.
    """

    def __init__(self, longest: int = 10_000, pause: asyncio.Event | None = None) -> None:
        self.longest = longest
        self.pause = pause
        self.failure: FreeholdError | None = None
        self.held: dict[str, Holding] = {}
        self.loaded: set[str] = set()
        self.texts: list[str] = []
        self.asked: list[str] = []

    def hold(self, name: str, holding: Holding) -> None:
        self.held[name] = holding

    async def load(self, model: Model) -> None:
        self.loaded.add(model.name)

    async def unload(self, model: Model) -> None:
        self.loaded.discard(model.name)

    async def embed(self, model: Model, call: EmbedCall) -> Embeddings:
        if self.pause is not None and "passages" in model.name:
            await self.pause.wait()
        if self.failure is not None:
            raise self.failure
        if any(len(text) > self.longest for text in call.texts):
            raise EngineRefused("the text is longer than the model can read")
        self.texts += call.texts
        self.asked.append(model.name)
        await asyncio.sleep(0.005)  # as a real engine, it takes its time and lets others go on
        vectors = tuple(vector(text).astype("<f4").tobytes() for text in call.texts)
        return Embeddings(vectors=vectors, dimensions=WIDTH, usage=Usage())


def vector(text: str) -> "np.ndarray[tuple[int], np.dtype[np.float32]]":
    """Unit length; each word pushes one way."""
    made = np.full(WIDTH, 1e-3, np.float32)
    for word in text.lower().split():
        made[zlib.crc32(word.strip(".,?!").encode()) % WIDTH] += 1
    unit: np.ndarray[tuple[int], np.dtype[np.float32]] = made / np.linalg.norm(made)
    return unit
