"""Live updates in a real browser: nothing that a person does is lost to one, however many there are."""

from __future__ import annotations

import re
import shutil
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from playwright.sync_api import Page, sync_playwright

from bcp.pages.render import STATIC

BROWSER = shutil.which("chromium") or shutil.which("chromium-browser")
pytestmark = [pytest.mark.real, pytest.mark.skipif(BROWSER is None, reason="Chromium is not installed")]
SHELL = """<!doctype html><html lang="en"><head><title>storm</title><link rel="stylesheet" href="/static/style.css">
<script src="/static/idiomorph-0.8.0.min.js" defer></script><script src="/static/live.js" defer></script></head>
<body data-now="0"><p class="stale" id="stale" role="status" hidden></p><div id="live" data-live="/part">{}</div>
</body></html>"""
PART = """<p id="count">{n}</p><ul>{news}</ul><section id="questions">{question}</section>
<details id="why"><summary>Why</summary><p>reason {n}</p></details>
<div id="box" style="height:3rem;overflow:auto"><div style="height:60rem">long {n}</div></div>
<p style="height:20rem">tall</p><p id="mark">mark</p><p style="height:100rem">tall</p>"""
QUESTION = """<article id="question-1"><form id="answer-1" method="post" action="/answer">
<input type="hidden" name="csrf" value="x"><p><label for="reason">Why</label><textarea id="reason" \
name="reason"></textarea></p>
<p><label for="name">Name</label><input id="name" name="name"></p><label><input type="checkbox" id="sure" \
name="sure">Sure</label>
<select id="pick" name="pick"><option>a</option><option>b</option></select>
<button id="yes" name="answer" value="yes">Yes {n}</button></form></article>"""


class Storm(ThreadingHTTPServer):
    """A server whose page changes with every look, and that says so as often as it can."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.looks, self.posts = 0, []
        self.asked, self.status, self.every = True, 200, 0.005
        self.url = f"http://127.0.0.1:{self.server_address[1]}"
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def part(self) -> str:
        self.looks += 1
        n = self.looks
        question = QUESTION.format(n=n) if self.asked else "<p>nothing is asked</p>"
        return PART.format(n=n, news="".join(f"<li>{n} news {i}</li>" for i in range(n % 4)), question=question)


class Handler(BaseHTTPRequestHandler):
    """Page, part, events, files, answers."""

    server: Storm
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: object) -> None:
        """Quiet."""

    def reply(self, body: bytes, kind: str = "text/html; charset=utf-8", status: int = 200) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self) -> None:
        if self.path == "/events":
            self.events()
        elif self.path == "/part":
            self.reply(self.server.part().encode(), status=self.server.status)
        elif self.path.startswith("/static/"):
            name = self.path.removeprefix("/static/")
            kind = "text/css" if name.endswith(".css") else "text/javascript"
            self.reply((STATIC / name).read_bytes(), kind)
        else:
            self.reply(SHELL.format(self.server.part()).encode())

    def do_POST(self) -> None:
        self.server.posts.append(self.rfile.read(int(self.headers["Content-Length"])).decode())
        self.send_response(204)
        self.end_headers()

    def events(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Connection", "close")
        self.end_headers()
        try:
            while True:
                self.wfile.write(b"event: changed\ndata: 1\n\n")
                self.wfile.flush()
                time.sleep(self.server.every)
        except OSError:
            return


@pytest.fixture(scope="module")
def chromium():
    with sync_playwright() as p:
        made = p.chromium.launch(executable_path=BROWSER, args=["--no-sandbox"])
        yield made
        made.close()


@pytest.fixture
def storm():
    made = Storm()
    yield made
    made.shutdown()
    made.server_close()


@pytest.fixture
def page(chromium, storm):
    made = chromium.new_page(viewport={"width": 800, "height": 600})
    made.set_default_timeout(120_000)  # of a machine that is busy; no update is waited for so long
    made.goto(storm.url)
    made.wait_for_function("Number(document.getElementById('count').textContent) > 2")
    yield made
    made.close()


def more(page: Page, looks: int = 10) -> None:
    """Wait until so many updates have come."""
    seen = int(page.locator("#count").inner_text())
    page.wait_for_function(f"Number(document.getElementById('count').textContent) >= {seen + looks}")


def test_every_click_in_a_storm_of_updates_counts_once(page, storm) -> None:
    """A click that an update swallows could be somebody's yes; one that counts twice, too."""
    page.evaluate(
        "window.hits = 0; document.addEventListener('mousedown', (e) => { window.hits += e.target.id === 'yes'; }, "
        "true)"
    )
    for i in range(300):
        if i >= 60 and page.evaluate("window.hits") > 40:
            break
        page.mouse.move(5, 5)
        more(page, 1)
        box = page.locator("#yes").bounding_box()
        page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
        page.mouse.down()
        page.wait_for_timeout(i % 5 * 15)  # people press for some time, and updates come meanwhile
        page.mouse.up()
    more(page)
    hits = page.evaluate("window.hits")  # now and then the page moved before the pointer had come
    assert hits > 40 and len(storm.posts) == hits and all("answer=yes" in p for p in storm.posts)


def test_while_something_is_pressed_nothing_moves(page, storm) -> None:
    """What is under the finger stays there until it is lifted; then the page catches up."""
    page.locator("#yes").hover()
    page.mouse.down()
    before = page.locator("#count").inner_text()
    looks = storm.looks
    page.wait_for_timeout(300)
    assert page.locator("#count").inner_text() == before and storm.looks <= looks + 1
    page.mouse.up()
    page.mouse.move(5, 5)
    more(page, 3)


def test_half_typed_text_the_focus_and_the_caret_stay(page) -> None:
    """Typed key by key while the page changes under it."""
    page.locator("#reason").click()
    page.keyboard.type("We go back, because", delay=15)
    for _ in range(3):
        page.keyboard.press("ArrowLeft")
    more(page)
    assert page.locator("#reason").input_value() == "We go back, because"
    assert page.evaluate("document.activeElement.id") == "reason"
    assert page.evaluate("document.activeElement.selectionStart") == len("We go back, because") - 3
    page.keyboard.type("X")
    more(page, 3)
    assert page.locator("#reason").input_value() == "We go back, becaXuse"


def test_what_was_chosen_and_is_not_in_focus_stays(page) -> None:
    """A name, a tick, a choice."""
    page.locator("#name").fill("alice")
    page.locator("#sure").check()
    page.locator("#pick").select_option("b")
    page.locator("#reason").fill("because")
    more(page)
    assert page.locator("#name").input_value() == "alice" and page.locator("#sure").is_checked()
    assert page.locator("#pick").input_value() == "b" and page.locator("#reason").input_value() == "because"


def test_opened_details_and_places_scrolled_to_stay(page) -> None:
    """Reading is work too."""
    page.locator("summary").click()
    page.evaluate(
        "document.getElementById('box').scrollTop = 200; "
        "document.getElementById('mark').scrollIntoView({block: 'center'})"
    )
    top = "document.getElementById('mark').getBoundingClientRect().top"
    before = page.evaluate(top)
    more(page)
    assert page.locator("#why").get_attribute("open") is not None and page.locator("#why p").is_visible()
    assert page.evaluate("document.getElementById('box').scrollTop") == 200
    assert abs(page.evaluate(top) - before) <= 2  # lines above come and go; the browser keeps the place


def test_a_question_that_is_over_goes_and_a_half_written_answer_stays(page, storm) -> None:
    """Untouched, its buttons go at once; touched, the words that somebody wrote are still there."""
    storm.asked = False
    page.get_by_text("nothing is asked").wait_for()
    assert page.locator("#yes").count() == 0
    storm.asked = True
    page.locator("#yes").wait_for()
    page.locator("#reason").fill("do not lose me")
    storm.asked = False
    page.get_by_text("nothing is asked").wait_for()
    assert page.locator("#reason").input_value() == "do not lose me"


def test_a_page_that_gets_no_news_says_so(page, storm) -> None:
    """An old state that looks new is worse than none."""
    storm.status = 401
    page.get_by_text("Your session is over").wait_for()


def test_a_server_that_fails_is_named_and_forgotten_when_it_is_well(page, storm) -> None:
    storm.status = 503
    page.get_by_text(re.compile("the server answers 503")).wait_for()
    storm.status = 200
    page.locator("#stale").wait_for(state="hidden")


def test_buttons_keep_their_identity(page) -> None:
    """The same element, not one that looks alike."""
    page.evaluate("window.kept = document.getElementById('yes')")
    more(page, 20)
    assert page.evaluate("window.kept === document.getElementById('yes') && window.kept.isConnected")
