"""Splitting loses nothing, keeps lines right, and never makes a piece too long to embed."""

from hypothesis import given, settings, strategies as st

from freehold.runtime.knowledge.decode import clean
from freehold.runtime.knowledge.split import LONGEST, MOST_TOKENS, fit, split_text, tokens

_SIGN = st.characters(blacklist_categories=("Cs",), blacklist_characters="\x00\r")
_WORD = st.text(_SIGN, min_size=1, max_size=40)
_TEXT = st.one_of(
    st.text(_SIGN, max_size=3000),
    st.lists(st.one_of(_WORD, st.sampled_from([" ", "\n", "\n\n", ". ", "\t"])), max_size=400).map(
        "".join
    ),
    st.builds(lambda word, times: word * times, _WORD, st.integers(1, 900)),
)


def solid(text: str) -> str:
    return "".join(text.split())


@settings(max_examples=150, deadline=None)
@given(_TEXT)
def test_no_sign_but_space_is_ever_lost(text: str) -> None:
    assert solid("".join(piece.text for piece in split_text(text))) == solid(text)


@settings(max_examples=150, deadline=None)
@given(_TEXT)
def test_markdown_loses_no_sign_either(text: str) -> None:
    assert solid("".join(piece.text for piece in split_text(text, markdown=True))) == solid(text)


@settings(max_examples=150, deadline=None)
@given(_TEXT, st.integers(1, 500))
def test_each_piece_begins_on_the_line_it_names(text: str, first: int) -> None:
    lines = text.split("\n")
    at = 0
    for piece in split_text(text, line=first):
        at = text.index(piece.text, at)
        assert piece.line == first + text.count("\n", 0, at)
        begins = piece.text.split("\n", 1)[0].rstrip()
        assert begins in lines[piece.line - first]
        at += len(piece.text)


@settings(max_examples=150, deadline=None)
@given(_TEXT)
def test_no_piece_is_too_long_to_embed_or_blank(text: str) -> None:
    for piece in split_text(text):
        assert 0 < len(piece.text) <= LONGEST
        assert tokens(piece.text) <= MOST_TOKENS
        assert piece.text.strip()


def test_paragraphs_stay_whole_where_they_fit() -> None:
    paragraph = "The landlord mends the roof. " * 12
    text = "\n\n".join([paragraph.strip()] * 4)
    assert [piece.text for piece in split_text(text)] == [paragraph.strip()] * 4
    assert [piece.line for piece in split_text(text)] == [1, 3, 5, 7]


def test_dense_text_is_cut_shorter_than_english() -> None:
    english = list(split_text("The landlord mends the roof of the house again. " * 100))
    chinese = list(split_text("\u623f\u4e1c\u4fee\u7f2e\u5c4b\u9876\u3002" * 600))
    numbers = list(split_text("12.5; 9981-77, 4.4: " * 300))
    assert max(len(piece.text) for piece in english) > 600
    assert max(len(piece.text) for piece in chinese) <= 2 * MOST_TOKENS
    assert max(len(piece.text) for piece in numbers) < 500


def test_a_long_text_is_cut_as_evenly_as_a_short_one() -> None:
    paragraph = "The landlord mends the roof of the house and pays for it. " * 8
    pieces = list(split_text("\n\n".join([paragraph.strip()] * 200)))
    assert len(pieces) == 200


def test_place_and_heading_go_with_every_piece() -> None:
    for piece in split_text("word " * 1000, line=None, page=7, heading="Lease"):
        assert (piece.page, piece.line, piece.heading) == (7, None, "Lease")


def test_a_long_row_is_cut_to_fit() -> None:
    parts = list(fit("value " * 1000))
    assert all(len(part) <= LONGEST for part in parts)
    assert solid("".join(parts)) == "value" * 1000


def test_halves_of_pairs_and_zeros_are_removed_and_line_ends_made_one() -> None:
    assert clean("a\x00b\ud800c\r\nd\re\n") == "abc\nd\ne\n"
