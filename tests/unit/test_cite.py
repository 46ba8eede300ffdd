"""What an answer claims is held against the passages, and what it quotes against the letter."""

import pytest

from freehold.runtime.calls import Passage
from freehold.runtime.knowledge.cite import cite
from freehold.runtime.knowledge.support import sentences
from freehold.runtime.knowledge.verbatim import find, longest, plain


def passage(text: str, file: str = "lease.md", line: int | None = 12, **more: object) -> Passage:
    return Passage(
        id=1, document_id="doc_x", collection="home", file=file, text=text, line=line, **more
    )  # type: ignore[arg-type]


LEASE = passage(
    "The deposit is 1,800 euros and the rent is 900 euros a month. "
    "Pets are not allowed without written consent of the landlord. "
    "The tenant may sublet one room after asking the landlord in writing."
)
SITES = passage(
    "Anna manages the north site and Ben manages the south site. Ben reports to Carla.",
    file="staff.md",
)
HOURS = passage("The library opens at 9:30 on weekdays.\nOn Sundays it is closed.", file="h.txt")


def test_a_mark_that_the_passage_bears_out_stays() -> None:
    cited = cite("The rent is 900 euros a month [1].", [LEASE])
    assert cited.answer == "The rent is 900 euros a month [1]."
    assert cited.citations[0].verified
    assert "the rent is 900 euros a month" in cited.citations[0].quote
    assert cited.citations[0].quote in LEASE.text
    assert cited.unsupported == 0


def test_a_mark_after_the_full_stop_belongs_to_the_sentence_before() -> None:
    cited = cite("The rent is 900 euros a month. [1] Pets need written consent. [1]", [LEASE])
    assert cited.answer.startswith("The rent is 900 euros a month [1].")


@pytest.mark.parametrize(
    "claim",
    [
        "The rent is 950 euros a month [1].",
        "The deposit is 900 euros [1].",
        "The rent is 1,800 euros [1].",
        "Pets are allowed without written consent of the landlord [1].",
        "The tenant may not sublet one room after asking the landlord in writing [1].",
        "The tenant may sublet two rooms after asking the landlord in writing [1].",
        "The landlord must repair the roof every spring [1].",
        "Mr Miller rents the flat for 900 euros a month [1].",
    ],
)
def test_a_claim_that_says_something_else_loses_its_mark(claim: str) -> None:
    cited = cite(claim, [LEASE])
    assert "[" not in cited.answer, cited
    assert cited.citations == ()
    assert cited.unsupported == 1


@pytest.mark.parametrize(
    "claim",
    [
        "Ben manages the north site [1].",
        "Anna manages the south site [1].",
        "Carla reports to Ben [1].",
        "Anna reports to Carla [1].",
    ],
)
def test_swapped_names_lose_the_mark(claim: str) -> None:
    assert cite(claim, [SITES]).citations == ()


@pytest.mark.parametrize(
    "claim",
    [
        "Anna manages the north site.",
        "Ben manages the south site.",
        "Ben reports to Carla.",
    ],
)
def test_a_plain_truth_gets_a_mark_of_its_own(claim: str) -> None:
    cited = cite(claim, [LEASE, SITES])
    assert cited.answer == f"{claim[:-1]} [1]."
    assert cited.citations[0].file == "staff.md"
    assert cited.citations[0].number == 1


def test_a_light_paraphrase_keeps_the_mark_the_model_gave_it() -> None:
    cited = cite("You may sublet a room if you ask the landlord in writing [1].", [LEASE])
    assert [c.number for c in cited.citations] == [1]


def test_a_negation_in_another_clause_does_not_speak_for_this_one() -> None:
    text = passage("Subletting is not allowed, and the deposit is 500 euros.")
    assert cite("The deposit is 500 euros [1].", [text]).citations
    assert not cite("Subletting is allowed [1].", [text]).citations
    assert cite("Subletting is not allowed [1].", [text]).citations


def test_numbers_written_as_words_are_the_same_numbers() -> None:
    text = passage("The notice period is three months.")
    assert cite("The notice period is 3 months [1].", [text]).citations
    assert not cite("The notice period is 4 months [1].", [text]).citations


def test_a_mark_for_a_passage_that_was_never_given_goes() -> None:
    cited = cite("The moon is far away [7].", [LEASE])
    assert cited.answer == "The moon is far away."


def test_a_wrong_mark_gives_way_to_the_right_passage() -> None:
    cited = cite("The rent is 900 euros a month [2].", [LEASE, SITES])
    assert [c.file for c in cited.citations] == ["lease.md"]


def test_numbers_run_from_one_in_the_order_of_the_answer() -> None:
    cited = cite("Ben reports to Carla [2]. The rent is 900 euros a month [1].", [LEASE, SITES])
    assert cited.answer == "Ben reports to Carla [1]. The rent is 900 euros a month [2]."
    assert [(c.number, c.file) for c in cited.citations] == [(1, "staff.md"), (2, "lease.md")]


def test_one_sentence_may_rest_on_two_passages() -> None:
    other = passage("The rent is 900 euros a month, due on the first.", file="letter.md")
    cited = cite("The rent is 900 euros a month [1][2].", [LEASE, other])
    assert cited.answer == "The rent is 900 euros a month [1][2]."


def test_unsupported_sentences_stand_between_supported_ones_without_a_mark() -> None:
    answer = "The rent is 900 euros a month [1]. Gardens are lovely in spring [1]. Thank you!"
    cited = cite(answer, [LEASE])
    assert "spring." in cited.answer
    assert cited.answer.count("[") == 1
    assert cited.unsupported == 2


def test_a_quote_is_checked_to_the_letter() -> None:
    good = cite('The lease says "Pets are not allowed without written consent" [1].', [LEASE])
    assert good.citations[0].quote == "Pets are not allowed without written consent"
    bad = cite('The lease says "Pets are never allowed without any consent" [1].', [LEASE])
    assert bad.citations == ()


def test_a_quote_with_an_ellipsis_is_checked_part_by_part() -> None:
    good = cite('It says "Pets are not allowed ... consent of the landlord" [1].', [LEASE])
    assert good.citations
    bad = cite('It says "Pets are not allowed ... consent of the king" [1].', [LEASE])
    assert bad.citations == ()


def test_a_block_quote_with_its_source_is_verified() -> None:
    answer = (
        "No language model is loaded. These passages match.\n\n"
        "> The library opens at 9:30 on weekdays.\n> On Sundays it is closed.\n"
        ">\n> h.txt, line 12 [1]\n\n2 more passages match."
    )
    cited = cite(answer, [HOURS])
    assert cited.answer == answer
    assert cited.citations[0].quote == HOURS.text
    assert cited.citations[0].line == 12


def test_a_block_quote_that_was_changed_is_not_verified() -> None:
    cited = cite("> The library opens at 8:00 every day of the year.\n>\n> h.txt [1]", [HOURS])
    assert cited.citations == ()
    assert "[1]" not in cited.answer


def test_code_is_left_alone() -> None:
    answer = "```python\nx = items[1]  # The rent is 900 euros\n```"
    assert cite(answer, [LEASE]).answer == answer


def test_links_are_not_marks() -> None:
    assert "[1](http://x)" in cite("See [1](http://x) there.", [LEASE]).answer


def test_lists_and_headings_keep_their_layout() -> None:
    answer = (
        "## What it costs\n\n- The rent is 900 euros a month [1].\n"
        "- **The deposit is 1,800 euros** [1]\n\nDone."
    )
    cited = cite(answer, [LEASE])
    assert cited.answer == answer


def test_the_line_is_the_one_the_quote_begins_on() -> None:
    cited = cite("On Sundays it is closed [1].", [HOURS])
    assert cited.citations[0].line == 13


def test_an_empty_answer_stays_empty() -> None:
    assert cite("", [LEASE]).answer == ""
    assert cite("   \n", []).citations == ()


def test_a_refusal_cites_nothing() -> None:
    cited = cite("The documents do not say.", [LEASE])
    assert cited.answer == "The documents do not say."
    assert cited.citations == ()


@pytest.mark.parametrize(
    ("quote", "text", "found"),
    [
        ("first office", "the ﬁrst oﬃce", "ﬁrst oﬃce"),
        ("cooperation", "co\u00adopera\u00adtion", "co\u00adopera\u00adtion"),
        ('"so" it\'s', "\u201cso\u201d it\u2019s", "\u201cso\u201d it\u2019s"),
        ("a b c", "a  b\n\tc", "a  b\n\tc"),
        ("900", "1900 and 9001", ""),
        ("Cafe", "the café", "café"),
        ("bold word", "a **bold** word", "bold** word"),
        ("", "text", ""),
    ],
)
def test_typesetting_is_no_difference(quote: str, text: str, found: str) -> None:
    assert find(quote, plain(text)) == found


def test_the_longest_stretch_is_found_as_it_stands() -> None:
    assert longest("he said the library opens at 9:30 sharp", plain(HOURS.text)) == (
        "The library opens at 9:30"
    )


def test_abbreviations_end_no_sentence() -> None:
    text = "Dr. Miller came at 9 a.m. on Monday. He left. See No. 5."
    assert list(sentences(text)) == [
        "Dr. Miller came at 9 a.m. on Monday.",
        "He left.",
        "See No. 5.",
    ]
