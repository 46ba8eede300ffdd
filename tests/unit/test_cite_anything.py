"""Whatever a model writes: no crash, marks that run from one, quotes that stand in the passage."""

import re

from hypothesis import given, settings, strategies as st

from freehold.runtime.calls import Passage
from freehold.runtime.knowledge.cite import cite

SENTENCES = [
    "The deposit is 1,800 euros and the rent is 900 euros.",
    "Anna manages the north site, but Ben does not.",
    "“Pets” are not allowed… unless asked for!",
    "Ring Dr. Miller at 9:30, cf. No. 5.",
    "| Tripod | 189.00 |",
    "> quoted line",
    "```code [1]```",
    "```",
    "- item one",
    "## Heading [2]",
    "ﬁrst oﬃce co\u00adoperation",
]
MARKS = [
    "[1]",
    "[2]",
    " [3]",
    "[1, 2]",
    "【1】",
    "[^1]",
    "[99]",
    "[0]",
    "[1](x)",
    "[",
    "]",
    "\n",
    "\n\n",
]
words = st.sampled_from([*SENTENCES, *MARKS]) | st.text(max_size=12)
answers = st.lists(words, max_size=14).map(" ".join) | st.lists(words, max_size=14).map("".join)
texts = st.lists(st.sampled_from(SENTENCES) | st.text(max_size=60), max_size=5).map("\n".join)


@settings(max_examples=300, deadline=None)
@given(answers, st.lists(texts, max_size=4))
def test_any_answer_over_any_passages(answer: str, passages: list[str]) -> None:
    given_ = [
        Passage(id=n, document_id=f"doc_{n}", collection="c", file=f"f{n}.md", text=text, line=n)
        for n, text in enumerate(passages, start=1)
    ]
    cited = cite(answer, given_)
    assert [citation.number for citation in cited.citations] == list(
        range(1, len(cited.citations) + 1)
    )
    for citation in cited.citations:
        source = next(one for one in given_ if one.document_id == citation.document_id)
        assert citation.quote
        assert citation.quote in source.text
        assert citation.verified
        assert f"[{citation.number}]" in cited.answer
    assert cited.answer.count("```") == answer.count("```")
    letters = re.sub(r"[\W\d_]", "", answer)
    assert re.sub(r"[\W\d_]", "", cited.answer) == letters, "no word was lost or added"


@settings(max_examples=60, deadline=None)
@given(answers)
def test_checking_twice_changes_nothing(answer: str) -> None:
    passage = Passage(
        id=1, document_id="doc", collection="c", file="f.md", text="\n".join(SENTENCES)
    )
    once = cite(answer, [passage])
    assert cite(once.answer, [passage]).citations == once.citations
