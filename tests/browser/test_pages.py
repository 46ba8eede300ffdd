"""The pages beside the chat: set-up, sign-in, documents, models, keys, the palette."""

import re
from pathlib import Path

import pytest
from playwright.async_api import expect

from browser.looking import Watched

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]


async def test_the_set_up_goes_from_the_printed_token_to_a_first_question(
    door: Watched, tmp_path: Path
) -> None:
    token = door.house.pull(reset=True, setup=True)["token"]
    (tmp_path / "Papers").mkdir()
    (tmp_path / "Papers" / "note.md").write_text("# Boiler\n\nService it in May.\n")
    page = await door.open(f"/#token={token}")
    await expect(page.get_by_role("heading", name="This house is yours")).to_be_visible()
    assert token not in page.url
    await page.get_by_label("Name").fill("Grace")
    await page.get_by_label("Passphrase").fill("four plain words here")
    await page.get_by_role("button", name="Make it mine").click()
    await expect(page.get_by_text("No GPU: fine")).to_be_visible()
    await expect(page.get_by_text("qwen3:8b")).to_be_visible()
    await page.get_by_role("button", name="Go on").click()
    await expect(page.get_by_text("Drop a folder")).to_be_visible()
    await page.locator('input[aria-label="Folder"]').set_input_files(str(tmp_path / "Papers"))
    await expect(page.get_by_text("1 file taken in")).to_be_visible()
    await page.get_by_role("button", name=re.compile("^Ask:")).click()
    await expect(page.get_by_label("Message")).to_have_value(
        "What does the lease say about subletting?"
    )


async def test_the_set_up_takes_a_typed_token_and_refuses_a_wrong_one(door: Watched) -> None:
    token = door.house.pull(reset=True, setup=True)["token"]
    page = await door.open()
    await page.get_by_label("Set-up token").fill("not-this-one")
    await page.get_by_role("button", name="Only me, on this machine").click()
    await expect(page.get_by_role("alert")).to_contain_text("copy it again", ignore_case=True)
    await page.get_by_label("Set-up token").fill(token)
    await page.get_by_role("button", name="Only me, on this machine").click()
    await page.get_by_role("button", name="Go on").click()
    await page.get_by_role("button", name="Skip this for now").click()
    await expect(page.get_by_label("Message")).to_be_visible()


async def test_a_wrong_passphrase_is_refused_and_the_field_is_ready_again(door: Watched) -> None:
    page = await door.open()
    await page.get_by_label("Name").fill(door.house.name)
    await page.get_by_label("Passphrase").fill("wrong")
    await page.get_by_role("button", name="Sign in").click()
    await expect(page.get_by_role("alert")).to_contain_text("wrong")
    await expect(page.get_by_label("Passphrase")).to_be_focused()


async def test_a_session_that_ends_leads_to_the_door_and_keeps_the_words(home: Watched) -> None:
    page = home.page
    await page.get_by_label("Message").fill("do not lose me")
    home.house.pull(sign_out=True)
    await page.goto(f"{home.house.url}/#/documents")
    await expect(page.get_by_role("heading", name="Sign in to ark-01")).to_be_visible()
    await home.sign_in_by_hand()
    await expect(page.get_by_label("Message")).to_have_value("do not lose me")


async def test_a_folder_goes_in_with_a_reason_for_each_file_that_does_not(
    home: Watched, tmp_path: Path
) -> None:
    page = home.page
    folder = tmp_path / "Garden"
    (folder / "deep" / "deeper").mkdir(parents=True)
    (folder / ".git").mkdir()
    (folder / ".git" / "config").write_text("hidden")
    (folder / "deep" / "deeper" / "plan.md").write_text("Plant the pear tree in November.")
    (folder / "tool.exe").write_text("MZ")
    for number in range(40):
        (folder / f"note {number}.txt").write_text(f"Bed {number} holds beans.")
    await page.goto(f"{home.house.url}/#/documents")
    await page.locator('input[aria-label="Folder"]').set_input_files(str(folder))
    await expect(page.get_by_text("41 files taken in")).to_be_visible(timeout=20_000)
    await expect(page.get_by_text("1 file could not be read")).to_be_visible()
    await expect(page.get_by_text("This is a program, not a document.")).to_be_visible()
    await expect(page.get_by_text("1 entry left out")).to_be_visible()
    await page.get_by_role("button", name=re.compile("^Garden")).click()
    await expect(page.get_by_text("deep/deeper/plan.md")).to_be_visible()
    await expect(page.get_by_text("Indexed").first).to_be_visible()
    await page.locator('input[aria-label="Folder"]').set_input_files(str(folder))
    await expect(page.get_by_text("41 unchanged")).to_be_visible(timeout=20_000)


async def test_documents_show_their_state_and_are_removed(home: Watched) -> None:
    page = home.page
    await page.goto(f"{home.house.url}/#/documents")
    row = page.get_by_role("row", name=re.compile("Scan 0041"))
    await expect(row).to_contain_text("Not read")
    await expect(row).to_contain_text("hold pictures and no text")
    await row.get_by_role("button").click()
    await page.get_by_role("menuitem", name="Remove").click()
    await page.get_by_role("dialog").get_by_role("button", name="Remove").click()
    await expect(row).to_have_count(0)


async def test_the_tester_shows_what_would_be_found_with_scores(home: Watched) -> None:
    page = home.page
    await page.goto(f"{home.house.url}/#/documents")
    await page.get_by_label("What would be found for").fill("subletting")
    await page.get_by_role("button", name="Find").click()
    await expect(page.locator(".hits li")).to_have_count(4)
    await expect(page.locator(".score").first).to_have_text("0.91")
    await page.get_by_label("What would be found for").fill("zebra")
    await page.get_by_role("button", name="Find").click()
    await expect(
        page.get_by_text("Nothing in these documents comes near “zebra”.")
    ).to_be_visible()


async def test_a_folder_of_the_machine_is_read_in_place(home: Watched) -> None:
    page = home.page
    await page.goto(f"{home.house.url}/#/documents")
    await page.get_by_text("Add a folder of this machine by its path").click()
    await page.get_by_label("Path of a folder or file").fill("/srv/plans")
    await page.get_by_role("button", name="Read it").click()
    await expect(page.get_by_text("11 files read, 0 unchanged, 0 removed.")).to_be_visible()
    await expect(page.get_by_text("nothing here can read .dwg files")).to_be_visible()


async def test_the_models_page_adds_and_explains_a_failure(home: Watched) -> None:
    page = home.page
    await page.goto(f"{home.house.url}/#/models")
    await expect(page.get_by_role("row", name=re.compile("qwen3-8b-q4"))).to_contain_text(
        "In memory"
    )
    await expect(page.get_by_role("row", name=re.compile("tiny-demo"))).to_contain_text("Demo")
    await page.get_by_label("A file on this machine").fill("/models/notes.txt")
    await page.get_by_role("button", name="Add", exact=True).click()
    await expect(page.get_by_role("alert")).to_contain_text("This file is not a GGUF model.")
    await page.get_by_label("A file on this machine").fill("/models/tiny.gguf")
    await page.get_by_role("button", name="Add", exact=True).click()
    await expect(page.get_by_role("row", name=re.compile("^tiny"))).to_be_visible()
    await page.get_by_label("From the hub, by name").fill("owner/name")
    await page.get_by_role("button", name="Fetch").click()
    await expect(page.get_by_role("alert")).to_contain_text("The hub cannot be reached.")


async def test_a_key_is_shown_once_and_revoked(home: Watched) -> None:
    page = home.page
    await page.goto(f"{home.house.url}/#/keys")
    await page.get_by_label("What the key is for").fill("notebook")
    await page.get_by_role("button", name="Make a key").click()
    key = await page.get_by_label("Key", exact=True).input_value()
    assert key.startswith("fh_")
    await expect(page.get_by_role("group", name="curl")).to_contain_text(key)
    await expect(page.get_by_role("group", name="Python")).to_contain_text(
        "from openai import OpenAI"
    )
    await page.get_by_role("button", name="I have it").click()
    assert key not in await page.content()
    await page.get_by_role("button", name="Revoke").click()
    await page.get_by_role("dialog").get_by_role("button", name="Revoke").click()
    await expect(page.get_by_text("None yet.")).to_be_visible()


async def test_the_palette_reaches_pages_chats_documents_and_acts(home: Watched) -> None:
    page = home.page
    await page.keyboard.press("Control+k")
    await page.keyboard.type("field book")
    await expect(page.get_by_role("option", name=re.compile("Field book"))).to_be_visible()
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("dialog", name="Field book 1987.docx")).to_be_visible()
    await page.keyboard.press("Escape")
    await page.keyboard.press("Control+k")
    await page.keyboard.type("sublet")
    await expect(page.get_by_role("option", name=re.compile("Subletting"))).to_be_visible()
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("heading", name="Subletting the flat")).to_be_visible()
    await page.keyboard.press("Control+k")
    await page.keyboard.type("dark")
    await page.keyboard.press("Enter")
    await expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    await page.reload()
    await expect(page.locator("html")).to_have_attribute("data-theme", "dark")


async def test_the_keyboard_goes_everywhere_and_single_letters_can_be_turned_off(
    home: Watched,
) -> None:
    page = home.page
    await page.goto(f"{home.house.url}/#/models")
    await page.locator("main").focus()
    await page.keyboard.press("g")
    await page.keyboard.press("d")
    await expect(page.get_by_role("heading", name="Documents", level=1)).to_be_visible()
    await page.locator("main").focus()
    await page.keyboard.press("?")
    await page.get_by_label("Single letters do something").uncheck()
    await page.keyboard.press("Escape")
    await page.locator("main").focus()
    await page.keyboard.press("?")
    await expect(page.get_by_role("dialog")).to_have_count(0)


async def test_the_foot_tells_when_something_leaves(home: Watched) -> None:
    page = home.page
    await expect(page.get_by_text("Nothing leaves")).to_be_visible()
    leak = {"host": "hub.example", "bytes": 4_200_000, "reason": "fetching a model you asked for"}
    home.house.pull(egress=[leak])
    await page.reload()
    await expect(page.get_by_text("To hub.example")).to_be_visible()
    await page.get_by_text("4.2 MB out").click()
    await expect(page.get_by_role("dialog")).to_contain_text("Fetching a model you asked for.")


async def test_loose_files_dropped_on_the_page_go_in_and_each_is_followed_to_its_end(
    home: Watched,
) -> None:
    page = home.page
    await page.goto(f"{home.house.url}/#/documents")
    await expect(page.get_by_text("Drop a folder")).to_be_visible()
    await page.evaluate(
        """() => {
          const cargo = new DataTransfer();
          cargo.items.add(new File(['Beans grow on the south wall.'], 'beans.txt'));
          cargo.items.add(new File([''], 'nothing.txt'));
          document.querySelector('.drop').dispatchEvent(
            new DragEvent('drop', { dataTransfer: cargo, bubbles: true, cancelable: true }));
        }"""
    )
    await expect(page.get_by_text("2 files taken in")).to_be_visible()
    await expect(page.get_by_text("1 file could not be read")).to_be_visible()
    await expect(page.locator(".losses")).to_contain_text("The file is empty.")
    await expect(page.get_by_role("row", name=re.compile("beans.txt"))).to_contain_text("Indexed")
