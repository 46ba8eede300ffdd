"""Which model answers when none is named."""

import pytest

from freehold.core.units import Bytes
from freehold.runtime.calls import Model
from freehold.runtime.models.choice import READING_ROOM, choose_default

GB = 10**9


def chat(name: str, gigabytes: float, *, url: str = "", demo: bool = False) -> Model:
    engine = "ollama" if url else "llama-server"
    size = int(gigabytes * GB)
    return Model(name=name, engine=engine, kind="chat", bytes=size, url=url, demo=demo)


ROOM = Model(name=READING_ROOM, engine="reading-room", kind="chat")
DEMO = chat("freehold-tiny", 0.001, demo=True)
VECTORS = Model(name="minilm", engine="llama-server", kind="embed", bytes=90_000_000)
SMALL, MIDDLE, LARGE = chat("small", 1), chat("middle", 5), chat("large", 20)
SERVED = chat("served", 5, url="http://127.0.0.1:11434")


@pytest.mark.parametrize(
    ("models", "gpu", "said", "chosen"),
    [
        ([ROOM], False, "", READING_ROOM),
        ([VECTORS, ROOM], False, "", READING_ROOM),
        ([DEMO, ROOM], False, "", "freehold-tiny"),
        ([DEMO, SMALL, ROOM], False, "", "small"),
        ([SMALL, MIDDLE, LARGE, ROOM], False, "", "middle"),
        ([SMALL, MIDDLE, LARGE, ROOM], True, "", "large"),
        ([LARGE, ROOM], False, "", "large"),
        ([MIDDLE, SERVED, ROOM], True, "", "served"),
        ([SMALL, MIDDLE, ROOM], False, "small", "small"),
        ([SMALL, MIDDLE, ROOM], False, "gone", "middle"),
        ([SMALL, ROOM], False, READING_ROOM, READING_ROOM),
    ],
)
def test_the_choice(models: list[Model], *, gpu: bool, said: str, chosen: str) -> None:
    found = choose_default(models, memory=Bytes(64 * GB), has_gpu=gpu, said=said)
    assert found == chosen


def test_a_model_that_does_not_fit_is_not_chosen_while_another_does() -> None:
    models = [SMALL, MIDDLE, ROOM]
    assert choose_default(models, memory=Bytes(4 * GB), has_gpu=False, said="") == "small"
