"""Thousands of damaged headers: each is read or refused, quickly and in little memory."""

import io
import random
import struct
import time
import tracemalloc
from pathlib import Path

import pytest

from freehold.core.errors import BadRequest
from freehold.runtime.models.gguf_header import read_header

TINY = Path(__file__).parents[2] / "src/freehold/catalog/demo/freehold-tiny-q8_0.gguf"
HEADER = 24 * 1024
"""More than the demo model's header; what follows are weights."""
NASTY = (0, 1, 0x7F, 0x80, 0xFF, 2**16, 2**31 - 1, 2**31, 2**32 - 1, 2**62, 2**63, 2**64 - 1)


def mutated(whole: bytes, chance: random.Random) -> tuple[bytes, int]:
    """The file with some of its header changed, and the length it claims to have."""
    data = bytearray(whole)
    length = len(data)
    for _ in range(chance.choice((1, 1, 1, 2, 8, 64))):
        at = chance.randrange(HEADER)
        match chance.randrange(6):
            case 0:
                data[at] ^= 1 << chance.randrange(8)
            case 1:
                data[at] = chance.randrange(256)
            case 2:
                data[at : at + 8] = struct.pack("<Q", chance.choice(NASTY))
            case 3:
                data[at : at + 4] = struct.pack("<I", chance.choice(NASTY) % 2**32)
            case 4:
                size = chance.randrange(1, 64)
                other = chance.randrange(HEADER)
                data[at : at + size] = data[other : other + size]
            case _:
                length = chance.randrange(len(data))
    # The claimed length is honest (the file is cut) or stale (it shrank after it was measured).
    return bytes(data[:length]), length if chance.random() < 0.8 else len(data)


def read(data: bytes, length: int) -> bool:
    try:
        read_header(io.BytesIO(data), length, "m.gguf")
    except BadRequest:
        return False
    return True


def storm(count: int, seed: int) -> tuple[int, float]:
    whole = TINY.read_bytes()
    chance = random.Random(seed)
    read_whole, slowest = 0, 0.0
    for _ in range(count):
        data, length = mutated(whole, chance)
        started = time.monotonic()
        read_whole += read(data, length)
        slowest = max(slowest, time.monotonic() - started)
    return read_whole, slowest


def test_no_mutation_of_a_header_does_more_than_be_refused() -> None:
    accepted, slowest = storm(2_000, seed=20_260_101)
    assert 0 < accepted < 2_000  # some change only a word of the vocabulary, most are refused
    assert slowest < 10  # a hang, not a speed


@pytest.mark.full
def test_no_mutation_of_a_header_does_more_than_be_refused_in_the_long_run() -> None:
    _, slowest = storm(10_000, seed=20_260_102)
    assert slowest < 10


def test_a_damaged_header_never_takes_more_than_a_few_megabytes() -> None:
    whole = TINY.read_bytes()
    chance = random.Random(20_260_103)
    cases = [mutated(whole, chance) for _ in range(150)]
    tracemalloc.start()
    for data, length in cases:
        read(data, length)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 16 * 2**20


def test_a_vocabulary_that_claims_millions_of_empty_strings_ends() -> None:
    # Honest about its length, so that only the bound on strings stands in its way.
    pairs = struct.pack("<Q1sIIQ", 1, b"a", 9, 8, 2**23)
    data = struct.pack("<4sIQQ", b"GGUF", 3, 0, 1) + pairs
    with pytest.raises(BadRequest, match="strings"):
        read_header(io.BytesIO(data), 2**40, "m.gguf")
