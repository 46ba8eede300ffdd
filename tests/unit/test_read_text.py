"""Text in any usual encoding, with the lines of the file it came from."""

from pathlib import Path

import pytest

from fixtures.documents.reading import outcome
from freehold.runtime.knowledge.decode import decode, looks_like_text
from freehold.runtime.knowledge.read.contract import Unreadable

SAID = "Größe: 25 m² – für Øyvind, 900 €"


@pytest.mark.parametrize(
    "encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "cp1252"]
)
def test_usual_encodings_are_read(encoding: str) -> None:
    said = SAID if encoding != "utf-16-be" else "Plain words, and a few more of them."
    assert decode(said.encode(encoding)) == said


def test_latin_one_bytes_without_a_meaning_in_windows_are_kept() -> None:
    assert decode("Straße \x81".encode("latin-1")) == "Straße \x81"


def test_a_few_broken_signs_do_not_turn_utf8_into_gibberish() -> None:
    data = (SAID * 3).encode() + b"\xff" + SAID.encode()
    assert decode(data) == SAID * 3 + "\ufffd" + SAID


def test_a_sign_cut_at_the_end_is_no_reason_to_doubt() -> None:
    assert decode("Größe".encode()[:-2] + "ß".encode()[:1]).startswith("Grö")


def test_bytes_that_are_no_text_are_damaged() -> None:
    with pytest.raises(Unreadable) as caught:
        decode(bytes(range(256)) * 4 + b"\xfe\xff\x00")
    assert caught.value.reason == "damaged"


@pytest.mark.parametrize(
    ("start", "text"),
    [
        (b"words\n", True),
        ("Größe".encode(), True),
        ("Größe".encode("latin-1"), True),
        ("words and words".encode("utf-16"), True),
        (b"\x1b[31mred\x1b[0m", True),
        (bytes(range(256)), False),
        (b"\x00\x01\x02\x03" * 9, False),
    ],
)
def test_text_is_told_from_what_is_none(start: bytes, text: bool) -> None:
    assert looks_like_text(start) is text


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_lines_are_those_of_the_file_whatever_ends_them(end: str, tmp_path: Path) -> None:
    paragraph = "The landlord mends the roof. " * 15
    text = end.join([paragraph, "", "", paragraph, "", paragraph])
    pieces = outcome(tmp_path, "a.txt", text.encode()).pieces
    assert [piece.line for piece in pieces] == [1, 4, 6]


def test_a_text_of_space_has_no_text(tmp_path: Path) -> None:
    assert outcome(tmp_path, "a.txt", b" \n\t \r\n").reason == "no-text"


def test_a_file_without_an_ending_is_read_by_its_content(tmp_path: Path) -> None:
    read = outcome(tmp_path, "NOTES", b"Only words.")
    assert read.text == "Only words."
    assert not read.note


def test_a_file_known_by_its_whole_name_is_read_as_that(tmp_path: Path) -> None:
    assert getattr(outcome(tmp_path, "Makefile", b"all:\n\ttrue\n").end, "kind", "") == "code"


def test_a_very_long_text_is_read_to_its_bound_and_says_so(tmp_path: Path) -> None:
    line = b"The landlord mends the roof of the house and pays for all of it himself.\n"
    read = outcome(tmp_path, "a.log", line * 400_000)
    assert "only its first" in read.note


@pytest.mark.parametrize("encoding", ["shift_jis", "koi8-r", "windows-1250", "gb18030"])
def test_a_page_is_read_in_the_encoding_it_declares(encoding: str, tmp_path: Path) -> None:
    said = {
        "shift_jis": "日本語の屋根",
        "koi8-r": "Крыша",
        "windows-1250": "Střecha",
        "gb18030": "屋顶",
    }
    page = f'<html><head><meta charset="{encoding}"></head><body>{said[encoding]}</body></html>'
    assert outcome(tmp_path, "a.html", page.encode(encoding)).text == said[encoding]
