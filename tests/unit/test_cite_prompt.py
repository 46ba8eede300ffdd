"""The grounded prompt, word for word, and what of it finds room."""

from hypothesis import given, strategies as st

from freehold.runtime.calls import Message, Passage
from freehold.runtime.knowledge.prompt import BYTES_PER_TOKEN, SYSTEM, grounded


def passage(number: int, text: str, **place: int) -> Passage:
    return Passage(
        id=number,
        document_id=f"doc_{number}",
        collection="c",
        file=f"f{number}.md",
        text=text,
        **place,
    )  # type: ignore[arg-type]


def ask(question: str) -> Message:
    return Message(role="user", content=question)


def test_the_layout_is_what_the_demonstration_model_was_trained_on() -> None:
    passages = [
        passage(1, "The gate is red.", line=12),
        passage(2, "Two.", page=7),
        passage(3, "C"),
    ]
    messages, shown = grounded([ask("What?")], passages, context_tokens=8192, answer_tokens=256)
    assert shown == tuple(passages)
    assert [message.role for message in messages] == ["system", "user"]
    assert messages[0].content == SYSTEM
    assert messages[0].content == (
        "You are Freehold, a private assistant. Answer only from the passages. After each fact put"
        " the number of its passage, like [1]. If the passages do not say, answer: The documents"
        " do not say."
    )
    assert messages[1].content == (
        "Passages:\n[1] f1.md, line 12\nThe gate is red.\n\n[2] f2.md, page 7\nTwo.\n\n"
        "[3] f3.md\nC\n\nQuestion: What?"
    )


def test_the_callers_own_instructions_and_the_conversation_stay() -> None:
    before = [
        Message(role="system", content="Be brief."),
        ask("Hello?"),
        Message(role="assistant", content="Yes."),
        ask("And the gate?"),
    ]
    messages, _ = grounded(before, [passage(1, "Red.")], context_tokens=8192, answer_tokens=256)
    assert messages[0].content == f"{SYSTEM}\n\nBe brief."
    assert messages[1:3] == (before[1], before[2])
    assert messages[3].content.endswith("Question: And the gate?")


def test_a_long_conversation_gives_way_to_the_passages() -> None:
    old = [ask("x" * 3000), Message(role="assistant", content="y" * 3000)] * 5
    messages, shown = grounded(
        [*old, ask("Now?")], [passage(1, "word " * 100)], context_tokens=1024, answer_tokens=1024
    )
    assert len(messages) == 2
    assert len(shown) == 1


def test_the_last_passage_is_cut_where_room_ends_and_what_follows_is_not_shown() -> None:
    passages = [passage(n, "word " * 180) for n in range(1, 9)]
    messages, shown = grounded([ask("What?")], passages, context_tokens=1024, answer_tokens=1024)
    assert 0 < len(shown) < 8
    assert all(one.text in messages[-1].content for one in shown)
    assert f"[{len(shown) + 1}]" not in messages[-1].content


def test_without_passages_the_question_stands_alone() -> None:
    messages, shown = grounded([ask("What?")], [], context_tokens=0, answer_tokens=100)
    assert shown == ()
    assert messages[-1].content == "What?"


@given(
    st.integers(256, 9000),
    st.integers(1, 4000),
    st.lists(st.text(max_size=2000), max_size=12),
    st.text(max_size=200),
)
def test_it_never_takes_more_room_than_there_is(
    context: int, answer: int, texts: list[str], question: str
) -> None:
    passages = [passage(n, text) for n, text in enumerate(texts, start=1)]
    messages, shown = grounded(
        [ask(question)], passages, context_tokens=context, answer_tokens=answer
    )
    used = sum(len(m.content.encode("utf-8", "replace")) for m in messages)
    left = context - min(answer, context // 4)
    alone = len(SYSTEM.encode()) + len(question.encode("utf-8", "replace"))
    assert used <= max(left * BYTES_PER_TOKEN, alone)
    assert len(shown) <= len(passages)
