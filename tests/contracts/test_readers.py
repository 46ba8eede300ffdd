"""What every reader promises, held against each entry of the folder."""

import random
from pathlib import Path
from typing import get_args

import pytest

from fixtures.documents.reading import outcome
from fixtures.documents.samples import FACT, SAMPLES
from freehold.runtime.knowledge.read import READERS
from freehold.runtime.knowledge.read.contract import Reason
from freehold.runtime.knowledge.read_wire import Finished
from freehold.runtime.knowledge.split import LONGEST, MOST_TOKENS, tokens

each_reader = pytest.mark.parametrize("kind", READERS.names())


@each_reader
def test_a_sound_document_is_read_as_its_kind(kind: str, tmp_path: Path) -> None:
    name, data = SAMPLES[kind]
    read = outcome(tmp_path, name, data)
    assert isinstance(read.end, Finished), read.end
    assert read.end.kind == kind
    assert not read.note
    assert FACT in read.text


@each_reader
def test_pieces_are_small_and_never_blank(kind: str, tmp_path: Path) -> None:
    name, data = SAMPLES[kind]
    for piece in outcome(tmp_path, name, data).pieces:
        assert piece.text.strip()
        assert len(piece.text) <= LONGEST
        assert tokens(piece.text) <= MOST_TOKENS


@each_reader
def test_an_empty_file_is_called_empty(kind: str, tmp_path: Path) -> None:
    assert outcome(tmp_path, SAMPLES[kind][0], b"").reason == "empty"


@each_reader
def test_a_cut_document_is_read_or_refused_with_a_known_reason(kind: str, tmp_path: Path) -> None:
    name, data = SAMPLES[kind]
    for share in range(1, 10):
        read = outcome(tmp_path, name, data[: len(data) * share // 10])
        assert not read.reason or read.reason in get_args(Reason)


@each_reader
def test_a_spoilt_document_is_read_or_refused_with_a_known_reason(
    kind: str, tmp_path: Path
) -> None:
    name, data = SAMPLES[kind]
    chance = random.Random(kind)
    for _ in range(25):
        spoilt = bytearray(data)
        for _ in range(chance.randint(1, 20)):
            spoilt[chance.randrange(len(spoilt))] = chance.randrange(256)
        read = outcome(tmp_path, name, bytes(spoilt))
        assert not read.reason or read.reason in get_args(Reason)


@each_reader
def test_the_content_outvotes_a_wrong_name(kind: str, tmp_path: Path) -> None:
    reader = READERS.get(kind)
    _, data = SAMPLES[kind]
    read = outcome(tmp_path, "lease.pdf" if kind != "pdf" else "lease.docx", data)
    assert FACT.split()[1] in read.text
    assert isinstance(read.end, Finished)
    assert "named ." in read.note
    if not reader.text:
        assert read.end.kind == kind


@each_reader
def test_an_entry_says_what_it_is(kind: str) -> None:
    reader = READERS.get(kind)
    assert reader.summary.endswith(".")
    assert all(suffix.startswith(".") and suffix.islower() for suffix in reader.suffixes)
    assert all(name == name.lower() for name in reader.names)


def test_no_two_readers_claim_the_same_name() -> None:
    claimed = [name for _, reader in READERS.all() for name in (*reader.suffixes, *reader.names)]
    assert len(claimed) == len(set(claimed))
