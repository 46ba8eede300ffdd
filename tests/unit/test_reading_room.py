"""The Reading room quotes what it was given, and says plainly what it is."""

from freehold.runtime.calls import ChatCall, Done, Event, Message, Model, Passage, Text
from freehold.runtime.engines.reading_room import ENGINE, OPENING, ReadingRoom, excerpt
from freehold.runtime.knowledge.cite import cite

MODEL = Model(name="freehold/reading-room", engine="reading-room", kind="chat")
LONG = " ".join(f"Sentence number {n} speaks of thing {n}." for n in range(60))


def passage(number: int, text: str, **more: object) -> Passage:
    return Passage(
        id=number,
        document_id=f"doc_{number}",
        collection="home",
        file=f"file{number}.md",
        text=text,
        **more,  # type: ignore[arg-type]
    )


async def said(call: ChatCall) -> list[Event]:
    async with ReadingRoom().chat(MODEL, call) as events:
        return [event async for event in events]


def call(*passages: Passage, question: str = "What of thing 41?", nearest: str = "") -> ChatCall:
    return ChatCall(
        model=MODEL.name,
        messages=(Message(role="user", content=question),),
        passages=passages,
        question=question,
        nearest=nearest,
    )


def text(events: list[Event]) -> str:
    return "".join(event.text for event in events if isinstance(event, Text))


async def test_three_passages_are_quoted_with_place_and_number_and_the_rest_counted() -> None:
    events = await said(call(*(passage(n, f"Text {n}.", line=n) for n in range(1, 6))))
    answer = text(events)
    assert answer.startswith(OPENING)
    assert "> Text 1.\n>\n> file1.md, line 1 [1]" in answer
    assert "> Text 3.\n>\n> file3.md, line 3 [3]" in answer
    assert "Text 4" not in answer
    assert answer.endswith("2 more passages match.")
    assert isinstance(events[-1], Done)
    assert not events[-1].refused
    assert len([event for event in events if isinstance(event, Text)]) > 3


async def test_what_it_quotes_is_verified_as_a_quote() -> None:
    passages = (passage(1, LONG, page=7), passage(2, "Line one.\nLine two."))
    answer = text(await said(call(*passages)))
    cited = cite(answer, passages)
    assert cited.answer == answer
    assert [citation.number for citation in cited.citations] == [1, 2]
    assert cited.citations[0].page == 7
    assert "thing 41" in cited.citations[0].quote
    assert cited.citations[0].quote in LONG


async def test_without_passages_it_refuses_and_names_the_nearest() -> None:
    events = await said(call(question="Who feeds the penguins?", nearest="Keeping of animals"))
    assert text(events) == (
        "Your documents don't mention feeds penguins; "
        'the nearest heading is "Keeping of animals".'
    )
    assert isinstance(events[-1], Done)
    assert events[-1].refused


async def test_without_any_documents_it_says_so() -> None:
    events = await said(call(question="Who feeds the penguins?"))
    assert "there are no documents yet" in text(events)


def test_an_excerpt_is_verbatim_around_the_words_of_the_question() -> None:
    quote = excerpt(LONG, "what about thing 41")
    assert quote in LONG
    assert "thing 41" in quote
    assert len(quote) <= 480
    assert excerpt("Short.", "anything") == "Short."
    assert len(excerpt("x" * 5000, "x")) <= 480


def test_the_entry_needs_nothing_of_the_house() -> None:
    assert isinstance(ENGINE.build(None), ReadingRoom)  # type: ignore[arg-type]
