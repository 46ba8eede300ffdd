"""Damaged models that pass every check of ours reach llama.cpp: the house lives on regardless."""

import contextlib
import random
from pathlib import Path

import msgspec
import pytest

from faults.test_gguf_mutations import TINY, mutated
from freehold.core.errors import BadRequest, FreeholdError
from freehold.runtime.models.gguf import read_card
from journeys.test_models_engine import CAPITAL, MODEL, answer, ask, place, text


def damaged(folder: Path, count: int) -> list[Path]:
    """Files that differ from the demo model and whose headers are still believable."""
    whole, chance = TINY.read_bytes(), random.Random(5)
    found: list[Path] = []
    while len(found) < count:
        path = folder / f"damaged-{len(found)}.gguf"
        data, _ = mutated(whole, chance)
        path.write_bytes(data)
        try:
            read_card(path)
        except BadRequest:
            continue
        found.append(path)
    return found


async def survive(folder: Path, count: int) -> None:
    async with place(folder) as here:
        question = ask("What is the capital of Norvania?", max_tokens=20)
        for path in damaged(folder, count):
            model = msgspec.structs.replace(MODEL, name="damaged", path=str(path))
            with contextlib.suppress(FreeholdError):
                await answer(here.engine, question, model)
            await here.engine.unload(model)
        assert text(await answer(here.engine, question)) == CAPITAL


@pytest.mark.slow
async def test_the_house_survives_models_that_only_llama_cpp_finds_damaged(
    tmp_path: Path,
) -> None:
    await survive(tmp_path, 15)


@pytest.mark.full
async def test_the_house_survives_many_of_them(tmp_path: Path) -> None:
    await survive(tmp_path, 150)


async def test_a_chat_template_that_cannot_be_read_is_said(tmp_path: Path) -> None:
    path = tmp_path / "template.gguf"
    path.write_bytes(TINY.read_bytes().replace(b"{%- for tool", b"{%- fur tool", 1))
    async with place(tmp_path) as here:
        model = msgspec.structs.replace(MODEL, name="template", path=str(path))
        with pytest.raises(FreeholdError) as caught:
            await here.engine.load(model)
        assert "chat template is wrong" in str(caught.value)
