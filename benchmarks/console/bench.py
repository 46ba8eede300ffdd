# ruff: noqa: E501  scripts for the page are kept in one piece
"""How fast the console is, in headless Chromium: opening a long chat, and writing a fast answer.

Two questions, each a bar of the first issue:

* a chat of 600 messages (300 questions, 300 answers) opens in 250 ms or less, from the click to
  the frame in which the last answer stands drawn;
* 8,000 tokens at 400 a second, streamed into a chat of 200 messages, keep real time (20 s) with
  at most 3 long tasks (the browser's own measure: the page could not be used for 50 ms or more).

The server is the stand-in of the browser tests, in a process of its own, so that the figures are
the console's. `--url`, `--name` and `--passphrase` measure a real house instead: only the stream
then (its words are the house's model's), since a long chat cannot be made there on cue.
"""

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

from playwright.sync_api import Page, sync_playwright

ROOT = Path(__file__).resolve().parents[2]
CHROMIUM = "/usr/bin/chromium"
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"]
TOKENS, RATE = 8000, 400
ROUNDS = 7

# From the click to the second frame after the last turn is there with its provenance line: the
# first frame in which it can be seen.
OPEN = """title => new Promise((done) => {
  const link = [...document.querySelectorAll('.past a')].find((a) => a.textContent.includes(title));
  const from = performance.now();
  const look = () => {
    const turns = document.querySelectorAll('.turn');
    if (turns.length >= 300 && turns[turns.length - 1].querySelector('.prov')) {
      requestAnimationFrame(() => setTimeout(() => done({
        ms: performance.now() - from, turns: turns.length,
        bottom: (() => { const s = document.querySelector('.scroll');
          return s.scrollHeight - s.scrollTop - s.clientHeight; })(),
      })));
    } else requestAnimationFrame(look);
  };
  link.click();
  requestAnimationFrame(look);
})"""

WATCH = """() => {
  window.tasks = [];
  new PerformanceObserver((list) => {
    for (const e of list.getEntries()) window.tasks.push([Math.round(e.startTime), Math.round(e.duration)]);
  }).observe({ type: 'longtask' });
  window.frames = 0;
  const beat = () => { window.frames += 1; requestAnimationFrame(beat); };
  requestAnimationFrame(beat);
}"""

# Called before the question is sent; ends when the answer has its provenance line.
STREAM = """count => new Promise((done) => {
  const area = document.getElementById('question');
  const before = document.querySelectorAll('.prov').length;
  let first = 0;
  let frames = 0;
  const look = () => {
    const answers = document.querySelectorAll('.ans[aria-busy=true]');
    if (!first && answers.length && answers[answers.length - 1].textContent) {
      first = performance.now();
      frames = window.frames;
      window.tasks.length = 0;
    }
    const last = [...document.querySelectorAll('.turn')].pop();
    if (first && !answers.length && last?.querySelector('.prov')) {
      requestAnimationFrame(() => setTimeout(() => {
        const ms = performance.now() - first;
        done({ ms, tasks: window.tasks.slice(), frames: window.frames - frames, letters: last.querySelector('.ans').textContent.length });
      }, 0));
    } else requestAnimationFrame(look);
  };
  requestAnimationFrame(look);
})"""


def main() -> None:
    parser = argparse.ArgumentParser(description="measure the console in headless Chromium")
    parser.add_argument("--url", help="a real house, instead of the stand-in")
    parser.add_argument("--name", default="Ada")
    parser.add_argument("--passphrase", default="correct horse battery")
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    chosen = parser.parse_args()
    if not Path(CHROMIUM).exists():
        sys.exit(f"no {CHROMIUM}: apt-get install -y chromium")
    figures: dict[str, Any] = {
        "date": datetime.now(UTC).date().isoformat(),
        "machine": f"{platform.machine()}, {os.cpu_count()} cores, {platform.system()}",
        "load": round(os.getloadavg()[0], 1),
    }
    child: subprocess.Popen[str] | None = None
    url = chosen.url
    if url is None:
        command = [sys.executable, str(ROOT / "tests" / "browser" / "stand_in.py")]
        child = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert child.stdout is not None
        url = json.loads(child.stdout.readline())["url"]
    try:
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
            figures["browser"] = browser.version
            page = browser.new_page(viewport={"width": 1360, "height": 860})
            _sign_in(page, url, chosen.name, chosen.passphrase)
            if child:
                figures["open"] = _open(page, url, chosen.rounds)
            figures["stream"] = _stream(page, url, fill=child is not None)
            browser.close()
    finally:
        if child:
            child.kill()
            child.wait()
    _print(figures)
    results = Path(__file__).parent / "results"
    results.mkdir(exist_ok=True)
    served = "stand-in" if child else "house"
    name = f"{served}-{figures['date']}-{platform.machine()}-{os.cpu_count()}cores.json"
    (results / name).write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")


def _pull(url: str, **strings: object) -> dict[str, Any]:
    body = json.dumps(strings).encode()
    request = Request(f"{url}/stand-in", body, {"Content-Type": "application/json"})
    with urlopen(request, timeout=30) as answer:
        return dict(json.load(answer))


def _sign_in(page: Page, url: str, name: str, passphrase: str) -> None:
    page.goto(url)
    page.get_by_label("Name").fill(name)
    page.get_by_label("Passphrase").fill(passphrase)
    page.get_by_role("button", name="Sign in").click()
    page.get_by_label("Message").wait_for()


def _open(page: Page, url: str, rounds: int) -> dict[str, Any]:
    _pull(url, fill=300, title="Long survey")
    page.reload()
    page.get_by_role("link", name="Long survey").wait_for()
    page.wait_for_timeout(1000)
    times = []
    for _ in range(rounds):
        found = page.evaluate(OPEN, "Long survey")
        assert found["bottom"] < 4, "the chat did not open at its end"
        times.append(found["ms"])
        page.get_by_role("button", name="New chat").click()
        page.wait_for_timeout(700)
    return {"messages": 600, "rounds_ms": [round(t, 1) for t in times]}


def _stream(page: Page, url: str, *, fill: bool) -> dict[str, Any]:
    if fill:
        _pull(url, fill=100, title="Two hundred")
        page.reload()
        page.get_by_role("link", name="Two hundred").click()
        page.locator(".prov").last.wait_for()
        page.wait_for_timeout(1000)
    page.evaluate(WATCH)
    page.get_by_label("Message").fill(f"fast {TOKENS}" if fill else "Tell me all you know.")
    page.get_by_label("Message").press("Control+Enter")
    found: dict[str, Any] = page.evaluate(STREAM, 0)
    tasks = found["tasks"]
    return {
        "tokens": TOKENS if fill else None,
        "wanted_s": TOKENS / RATE if fill else None,
        "took_s": round(found["ms"] / 1000, 2),
        "letters": found["letters"],
        "long_tasks_ms": [length for _, length in tasks],
        "frames_per_s": round(found["frames"] / found["ms"] * 1000, 1),
    }


def _print(figures: dict[str, Any]) -> None:
    rows = [("what", "bar", "measured")]
    if "open" in figures:
        times = figures["open"]["rounds_ms"]
        middle, worst = statistics.median(times), max(times)
        rows.append(
            (
                "open a chat of 600 messages",
                "<= 250 ms",
                f"{middle:.0f} ms (worst of {len(times)}: {worst:.0f})",
            )
        )
    stream = figures["stream"]
    wanted = stream["wanted_s"]
    rows.extend(
        [
            (
                "8,000 tokens at 400 tok/s, 200 messages before",
                f"real time: {wanted:.1f} s" if wanted else "",
                f"{stream['took_s']:.1f} s, {stream['frames_per_s']:.0f} frames/s",
            ),
            (
                "long tasks while it is written",
                "<= 3",
                f"{len(stream['long_tasks_ms'])} {stream['long_tasks_ms'] or ''}",
            ),
        ]
    )
    for row in rows:
        print(f"{row[0]:<50}{row[1]:<20}{row[2]}")
    machine = f"{figures['machine']}, load {figures['load']}"
    print(f"{machine}; Chromium {figures['browser']}; {figures['date']}")


if __name__ == "__main__":
    main()
