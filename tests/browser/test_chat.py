"""Talking: asking, streaming, stopping, branching, citations, and every way an answer can end."""

import re

import pytest
from playwright.async_api import expect

from browser.looking import Watched

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]

LEASE = "What does the lease say about subletting?"


async def test_an_answer_streams_and_ends_with_its_provenance(home: Watched) -> None:
    page = home.page
    await home.ask(LEASE)
    await expect(page.get_by_text("You may sublet part of the flat")).to_be_visible()
    await expect(page.locator(".prov").last).to_contain_text("on this machine")
    await expect(page.locator(".prov").last).to_contain_text("2 sources, quotes verified")
    await expect(page.get_by_role("article", name="Answer")).to_have_attribute(
        "aria-busy", "false"
    )
    await expect(page).to_have_title(re.compile("What does the lease say"))
    await expect(
        page.get_by_role("link", name=re.compile("What does the lease")).first
    ).to_be_visible()


async def test_the_margin_quotes_and_opens_the_document_at_the_place(home: Watched) -> None:
    page = home.page
    await page.get_by_role("link", name="Subletting the flat").click()
    note = page.locator(".note").first
    await expect(note.locator("mark")).to_have_text(re.compile("^shall not sublet the whole"))
    await page.get_by_role("link", name="Source 2").click()
    await expect(page.locator(".note.lit")).to_contain_text("House rules.md")
    await note.get_by_role("button", name="Open at page 7").click()
    drawer = page.get_by_role("dialog", name="Lease 2024.pdf")
    await expect(drawer.get_by_text("page 7 of 14")).to_be_visible()
    await expect(drawer.locator("mark")).to_have_text(re.compile("^shall not sublet the whole"))
    await page.keyboard.press("Escape")
    await expect(drawer).to_have_count(0)
    await expect(note.get_by_role("button", name="Open at page 7")).to_be_focused()


async def test_a_stopped_answer_keeps_what_was_written(home: Watched) -> None:
    page = home.page
    await home.ask("slow lease question")
    await expect(page.get_by_text("You may sublet")).to_be_visible()
    await page.get_by_role("button", name="Stop").click()
    await expect(page.locator(".prov").last).to_contain_text("stopped by you")
    await expect(page.get_by_text("You may sublet")).to_be_visible()
    await expect(page.get_by_role("button", name="Stop")).to_have_count(0)


async def test_a_line_that_breaks_every_few_events_loses_and_doubles_nothing(
    home: Watched,
) -> None:
    page = home.page
    await home.ask("drop the plain markdown")
    await expect(page.locator(".prov").last).to_contain_text("on this machine", timeout=60_000)
    text = await page.get_by_role("article", name="Answer").inner_text()
    assert text.count("A paragraph with bold") == 1
    assert text.count("The end.") == 1
    assert text.count("A quotation") == 1


async def test_an_answer_goes_on_through_a_reload(home: Watched) -> None:
    page = home.page
    await home.ask("slow lease question")
    await expect(page.get_by_text("You may sublet")).to_be_visible()
    await page.reload()
    await expect(page.get_by_text("You may sublet")).to_be_visible()
    await expect(page.locator(".prov").last).to_contain_text("on this machine", timeout=30_000)
    text = await page.get_by_role("article", name="Answer").inner_text()
    assert text.count("You may sublet") == 1
    assert "what silence means" in text


async def test_an_answer_cut_by_a_stop_of_the_house_is_marked_and_asked_again(
    home: Watched,
) -> None:
    page = home.page
    await home.ask("please cut this")
    await expect(
        page.get_by_text("The answer was cut here when Freehold stopped.")
    ).to_be_visible()
    await page.get_by_role("button", name="Again").click()
    await expect(page.locator(".prov").last).to_contain_text("on this machine")
    await expect(page.get_by_role("group", name="Versions")).to_contain_text("2/2")
    await page.get_by_role("button", name="Version before").click()
    await expect(
        page.get_by_text("The answer was cut here when Freehold stopped.")
    ).to_be_visible()


async def test_a_failed_answer_says_what_why_and_what_to_do(home: Watched) -> None:
    page = home.page
    await home.ask("please fail now")
    card = page.get_by_role("alert")
    await expect(card).to_contain_text("The model stopped in the middle of its answer.")
    await expect(card).to_contain_text("freehold logs")
    await expect(card.get_by_role("button", name="Again")).to_be_visible()


async def test_an_edited_question_stands_beside_the_first(home: Watched) -> None:
    page = home.page
    await home.ask("First lease question")
    await expect(page.locator(".prov")).to_have_count(1)
    await home.ask("A second lease question")
    await expect(page.locator(".prov")).to_have_count(2)
    await page.get_by_role("button", name="Edit question").first.click()
    await page.get_by_label("Edit the question").fill("First lease question, said better")
    await page.get_by_role("button", name="Ask this instead").click()
    await expect(page.get_by_text("said better", exact=False).first).to_be_visible()
    await expect(page.locator(".turn")).to_have_count(1)
    await expect(page.get_by_role("group", name="Versions")).to_contain_text("2/2")
    await expect(page.locator(".prov")).to_have_count(1)
    await page.get_by_role("button", name="Version before").click()
    await expect(page.locator(".turn")).to_have_count(2)


async def test_a_question_asked_while_one_is_answered_waits_its_turn(home: Watched) -> None:
    page = home.page
    await home.ask("slow lease question")
    await expect(page.get_by_text("You may sublet")).to_be_visible()
    await home.ask("and the boiler?")
    await expect(page.get_by_role("list", name="Waiting to be asked")).to_contain_text("boiler")
    await page.get_by_role("button", name="Stop").click()
    await expect(page.locator(".turn")).to_have_count(2)
    await expect(page.locator(".ask").last).to_have_text("and the boiler?")
    await expect(page.locator(".prov")).to_have_count(2)


async def test_an_unsent_text_outlives_a_reload_but_not_that_of_a_temporary_chat(
    home: Watched,
) -> None:
    page = home.page
    await page.get_by_label("Message").fill("half a thou")
    await page.reload()
    await expect(page.get_by_label("Message")).to_have_value("half a thou")
    await page.get_by_label("Message").fill("")
    await page.keyboard.press("Control+k")
    await page.keyboard.type("temporary")
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("heading", name="A chat that leaves no trace")).to_be_visible()
    await page.get_by_label("Message").fill("secret words")
    kept = await page.evaluate("JSON.stringify([{...sessionStorage}, {...localStorage}])")
    assert "secret" not in kept


async def test_a_temporary_chat_is_not_in_the_history(home: Watched) -> None:
    page = home.page
    await page.goto(f"{home.house.url}/#/?temporary=1")
    await home.ask("whisper about the lease")
    await expect(page.locator(".prov")).to_have_count(1)
    await expect(page.get_by_text("Temporary", exact=True)).to_be_visible()
    await expect(page.locator(".past").first).to_be_visible()
    await expect(page.locator(".past", has_text="whisper")).to_have_count(0)


async def test_a_question_that_cannot_be_sent_is_kept_and_sent_once(home: Watched) -> None:
    page = home.page
    await home.ask("first lease question")
    await expect(page.locator(".prov")).to_have_count(1)
    before = home.house.pull()["turns"]
    home.house.pull(offline=True)
    await home.ask("second lease question")
    await expect(page.get_by_role("button", name="Send again")).to_be_visible(timeout=20_000)
    home.house.pull(offline=False)
    await page.get_by_role("button", name="Send again").click()
    await expect(page.locator(".prov")).to_have_count(2)
    assert home.house.pull()["turns"] == before + 1


async def test_the_house_going_away_mid_answer_is_told_and_mended(home: Watched) -> None:
    page = home.page
    await home.ask("slow lease question")
    await expect(page.get_by_text("You may sublet")).to_be_visible()
    home.house.pull(offline=True)
    await expect(page.get_by_text("Joining again, nothing is lost.")).to_be_visible()
    home.house.pull(offline=False)
    await expect(page.locator(".prov").last).to_contain_text("on this machine", timeout=30_000)
    text = await page.get_by_role("article", name="Answer").inner_text()
    assert text.count("You may sublet") == 1


async def test_a_refusal_is_said_plainly_and_carries_no_proof(home: Watched) -> None:
    page = home.page
    await home.ask("please refuse this")
    await expect(page.get_by_role("article", name="Answer")).to_have_text(
        "The documents do not say."
    )
    await expect(page.locator(".cite")).to_have_count(0)
    await expect(page.locator(".prov").last).not_to_contain_text("source")


async def test_without_a_language_model_the_page_says_so(home: Watched) -> None:
    page = home.page
    home.house.pull(no_models=True)
    await page.reload()
    await expect(page.get_by_text("No language model is loaded.")).to_be_visible()
    await home.ask("room, what about subletting?")
    await expect(page.locator(".room")).to_have_text(re.compile("No language model is loaded"))
    await expect(page.locator(".prov").last).to_contain_text("reading room, no language model")


async def test_the_chosen_documents_and_model_go_with_the_question(home: Watched) -> None:
    page = home.page
    await page.get_by_role("button", name=re.compile("Answer from")).click()
    await page.get_by_role("menuitemcheckbox", name=re.compile("Survey")).click()
    await page.keyboard.press("Escape")
    await page.get_by_role("button", name=re.compile("^Model:")).click()
    await page.get_by_role("menuitemradio", name=re.compile("tiny-demo")).click()
    await home.ask("a lease question")
    await expect(page.locator(".prov").last).to_contain_text("freehold-tiny-demo")
    body = home.house.pull()["last_body"]
    assert body["collections"] == ["Survey"]
    assert body["model"] == "freehold-tiny-demo"
    assert body["client_id"]


async def test_history_is_searched_pinned_renamed_and_deleted(home: Watched) -> None:
    page = home.page
    await page.get_by_label("Search chats").fill("boiler")
    await expect(page.locator(".past")).to_have_count(1)
    await expect(page.locator(".past mark").first).to_have_text("boiler")
    await page.get_by_label("Search chats").fill("")
    await expect(page.locator(".past mark")).to_have_count(0)
    acts = page.get_by_role("button", name="Acts for Summarise")
    await acts.click()
    await page.get_by_role("menuitem", name="Pin").click()
    await expect(page.locator(".grp", has_text="Pinned").locator(".past")).to_have_count(2)
    await acts.click()
    await page.get_by_role("menuitem", name="Rename").click()
    await page.get_by_role("textbox", name="Name").fill("The boiler")
    await page.get_by_role("button", name="Rename").click()
    await expect(page.get_by_role("link", name="The boiler")).to_be_visible()
    await page.get_by_role("button", name="Acts for The boiler").click()
    await page.get_by_role("menuitem", name="Delete").click()
    await page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    await expect(page.get_by_role("link", name="The boiler")).to_have_count(0)


async def test_code_and_answers_are_copied(home: Watched) -> None:
    page = home.page
    await page.get_by_role("link", name="Subletting the flat").click()
    await page.locator(".code").get_by_role("button", name="Copy").click()
    await expect(page.get_by_text("Code copied")).to_be_visible()
    assert (await page.evaluate("navigator.clipboard.readText()")).startswith("Dear Ms Peeters,")
    await page.locator(".acts").get_by_role("button", name="Copy").click()
    await expect(page.get_by_text("Answer copied")).to_be_visible()
    assert (await page.evaluate("navigator.clipboard.readText()")).startswith("You may sublet")


async def test_why_shows_every_passage_with_its_score(home: Watched) -> None:
    page = home.page
    await page.get_by_role("link", name="Subletting the flat").click()
    await page.get_by_role("button", name="Why this answer").click()
    why = page.get_by_role("dialog", name="Why this answer")
    await expect(why.locator(".hits li")).to_have_count(4)
    await expect(why.get_by_text("Quoted")).to_have_count(2)
    await expect(why).to_contain_text("0.41")


async def test_a_question_asked_in_another_window_appears_here(home: Watched) -> None:
    page = home.page
    await page.get_by_role("link", name="Subletting the flat").click()
    await expect(page.locator(".turn")).to_have_count(1)
    other = await page.context.new_page()
    await other.goto(page.url)
    await other.get_by_label("Message").fill("another lease question")
    await other.get_by_label("Message").press("Control+Enter")
    await expect(other.locator(".prov")).to_have_count(2)
    await other.close()
    await page.bring_to_front()
    await expect(page.locator(".turn")).to_have_count(2, timeout=20_000)
