"""One order from two searches."""

from hypothesis import given, strategies as st

from freehold.runtime.knowledge.documents import Heading
from freehold.runtime.knowledge.embed import passage_text
from freehold.runtime.knowledge.index.contract import NearHit, WordHit
from freehold.runtime.knowledge.retrieve import fuse
from freehold.runtime.knowledge.suggest import suggest

hits = st.builds(WordHit, st.integers(1, 9), st.floats(0.1, 30), st.floats(0, 1, allow_nan=False))
nears = st.builds(NearHit, st.integers(1, 9), st.floats(-1, 1, width=32), st.integers(1, 3))


def test_without_meaning_the_order_is_that_of_the_words() -> None:
    words = [WordHit(1, 9.0, 0.9), WordHit(2, 5.0, 0.5), WordHit(3, 4.0, 0.2)]
    assert [hit.id for hit in fuse(words, ())] == [1, 2, 3]
    assert fuse(words, ())[0].score <= 1


def test_without_words_the_order_is_that_of_meaning() -> None:
    near = [NearHit(1, 0.6, 1), NearHit(2, 0.5, 2), NearHit(3, 0.1, 3)]
    assert [hit.id for hit in fuse((), near)] == [1, 2, 3]


def test_a_chance_word_does_not_beat_the_meaning() -> None:
    near = [NearHit(1, 0.55, 1), NearHit(2, 0.30, 2)]
    assert fuse([WordHit(2, 3.0, 0.3)], near)[0].id == 1


def test_a_whole_identifier_beats_the_meaning() -> None:
    near = [NearHit(1, 0.55, 1), NearHit(2, 0.20, 2)]
    assert fuse([WordHit(2, 9.0, 1.0)], near)[0].id == 2


def test_a_passage_that_meaning_has_not_seen_yet_is_still_found_by_its_words() -> None:
    near = [NearHit(1, 0.50, 1), NearHit(2, 0.10, 2)]
    assert fuse([WordHit(7, 9.0, 1.0)], near)[0].id == 7


def test_of_two_equal_passages_the_one_whose_document_is_about_it_comes_first() -> None:
    near = [NearHit(1, 0.50, 1), NearHit(2, 0.50, 2), NearHit(3, 0.45, 2), NearHit(4, 0.1, 3)]
    assert fuse((), near)[0].id == 2


@given(st.lists(hits, unique_by=lambda h: h.id), st.lists(nears, unique_by=lambda h: h.id))
def test_every_passage_comes_once_in_order_of_a_score_from_0_to_1(
    words: list[WordHit], near: list[NearHit]
) -> None:
    ranked = fuse(words, near)
    assert {hit.id for hit in ranked} == {h.id for h in words} | {h.id for h in near}
    assert len({hit.id for hit in ranked}) == len(ranked)
    scores = [hit.score for hit in ranked]
    assert scores == sorted(scores, reverse=True)
    assert all(0 <= score <= 1.0001 for score in scores)


def test_a_passage_is_embedded_with_its_heading_and_title_but_without_ornament() -> None:
    text = "| **The** rent is 900 |\n|-----|\nand it is due."
    assert passage_text("Lease > Money > Rent", text) == "Rent\nrent 900 due. (Lease)"
    assert passage_text("Lease", "Due.") == "Lease\nDue."
    assert passage_text("", "Due now.") == "Due now."


def test_questions_are_suggested_from_headings_of_different_documents() -> None:
    headings = [
        Heading("lease-flat.md", "Lease > Subletting"),
        Heading("lease-flat.md", "Lease > Deposit"),
        Heading("notes/manual.pdf", "Manual > 3.2 Cleaning the filter"),
        Heading("a.csv", None),
        Heading("x.md", "Numbers > 1234"),
        Heading("policy.md", "Policy > VAT rules"),
        Heading("more.md", "More > Something"),
    ]
    assert suggest(headings) == (
        "What does lease flat say about subletting?",
        "What does manual say about cleaning the filter?",
        "What does policy say about VAT rules?",
    )
    assert suggest([]) == ()
