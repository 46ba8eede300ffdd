# ruff: noqa: E501  scripts for the page are kept in one piece
"""What a model writes can draw letters and nothing else; and a text in pieces is the text whole."""

import pytest
from playwright.async_api import expect

from browser.looking import Watched

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]


async def test_markup_of_a_model_is_shown_and_never_obeyed(home: Watched) -> None:
    page = home.page
    await home.ask("markdown please")
    await expect(page.locator(".prov").last).to_contain_text("on this machine")
    answer = page.get_by_role("article", name="Answer")
    assert await answer.locator("img, script, iframe, style, [onclick], [style]").count() == 0
    assert "owned" not in await page.title()
    await expect(answer).to_contain_text("https://evil.example/track.png")
    await expect(answer).to_contain_text('<b onclick="alert(1)">raw</b>')
    link = answer.get_by_role("link", name="link", exact=True)
    await expect(link).to_have_attribute("rel", "noopener noreferrer")
    hrefs = await answer.locator("a").evaluate_all("all => all.map(a => a.getAttribute('href'))")
    assert not [h for h in hrefs if h and h.startswith("javascript")]


async def test_a_text_in_pieces_is_cut_as_the_text_whole(home: Watched) -> None:
    page = home.page
    different = await page.evaluate(
        """async () => {
          const base = document.querySelector('script[type=module]').src.replace('/app.js', '');
          const { Blocks, blocksOf, draw } = await import(base + '/markdown.js');
          const page = (blocks) => blocks.map((b) => {
            const box = document.createElement('div');
            box.append(draw(b, () => 'text'));
            return box.innerHTML;
          }).join('');
          const texts = [
            '1. one\\n\\n2. two\\n\\n   more\\n\\n3. three\\n\\nEnd.\\n',
            '- a\\n- b\\n\\n  c\\n\\n---\\n\\nText\\n===\\n\\nmore',
            '```js\\nlet a;\\n\\nlet b;\\n```\\n\\nafter [1] and [2](http://x.y)\\n',
            '| a | b |\\n|---|---|\\n| 1 | 2 |\\n| 3 | 4 |\\n\\n> quote\\nlazy\\n\\n> other\\n',
            '# h\\npara\\nline  \\nbreak\\n\\n* x\\n\\n* y\\n\\n    code\\n\\n<div>\\nhtml\\n</div>\\n\\nok',
            'a\\r\\nb\\r\\n\\r\\n- c\\r\\n',
          ];
          const bad = [];
          let seed = 7;
          const random = () => (seed = (seed * 16807) % 2147483647) / 2147483647;
          for (const text of texts) for (let round = 0; round < 60; round += 1) {
            const blocks = new Blocks();
            for (let at = 0; at < text.length;) {
              const size = 1 + Math.floor(random() * 6);
              blocks.add(text.slice(at, at + size));
              at += size;
              if (random() < 0.7) blocks.cut();
            }
            const grown = page(blocks.cut());
            const whole = page(blocksOf(text.replaceAll('\\r', '')));
            if (grown !== whole) { bad.push([text, grown, whole]); break; }
          }
          return bad;
        }"""
    )
    assert different == []


async def test_events_are_read_however_the_stream_is_cut(home: Watched) -> None:
    page = home.page
    wrong = await page.evaluate(
        """async () => {
          const base = document.querySelector('script[type=module]').src.replace('/app.js', '');
          const { Cutter } = await import(base + '/stream.js');
          const wrong = [];
          for (const end of ['\\n', '\\r\\n', '\\r']) {
            const lines = ['id: 1', 'event: text', 'data: {"t":"a\\\\nb"}', '', ': beat', '',
              'id:2', 'event:text', 'data: {"t":', 'data: "é😀"}', '', 'id: 3', 'event: done', 'data: {}', '', ''];
            const text = lines.join(end);
            for (let size = 1; size < 20; size += 1) {
              const cutter = new Cutter();
              const out = [];
              for (let at = 0; at < text.length; at += size) out.push(...cutter.take(text.slice(at, at + size)));
              out.push(...cutter.take('\\n'));
              const seen = JSON.stringify(out);
              const wanted = JSON.stringify([{ n: 1, type: 'text', data: { t: 'a\\nb' } },
                { n: 2, type: 'text', data: { t: 'é😀' } }, { n: 3, type: 'done', data: {} }]);
              if (seen !== wanted) wrong.push([end, size, seen]);
            }
          }
          return wrong;
        }"""
    )
    assert wrong == []


async def test_a_finished_block_is_never_drawn_again(home: Watched) -> None:
    page = home.page
    await home.ask("fast 600 tokens")
    await expect(page.locator(".chunk > div").nth(3)).to_be_visible()
    await page.locator(".chunk > div").first.evaluate("block => { block.firstChild.mine = true; }")
    await expect(page.locator(".prov").last).to_contain_text("600 tokens")
    assert await page.locator(".chunk > div").first.evaluate("block => block.firstChild.mine")
