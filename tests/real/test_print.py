"""On paper: nothing is cut off at the right, no scrollbar, on A4 upright."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from types import SimpleNamespace

import axe_playwright_python
import pytest
from playwright.sync_api import sync_playwright

from bcp.contacts.tree import page as tree
from bcp.contracts.contact import Contact
from bcp.contracts.readiness import Change, Check
from bcp.kit.site import Entry, Site
from bcp.pages.plots import curve
from bcp.pages.render import page as render
from bcp.pages.render import style
from bcp.ready.standing import standings, whole
from bcp.ready.words import grouped, reasons, sentence
from bcp.reports.page import page
from bcp.server.console.page import NAV
from bcp.server.console.readiness import _reason
from real.test_pages import LONG, REPORT, T, _preview, alone

BROWSER = shutil.which("chromium") or shutil.which("chromium-browser")
pytestmark = [pytest.mark.real, pytest.mark.skipif(BROWSER is None, reason="Chromium is not installed")]
AXE = (Path(axe_playwright_python.__file__).parent / "axe.min.js").read_text()
A4 = {"width": 700, "height": 1000}
"""210 mm less 12.5 mm of margin on both sides, at 96 points an inch."""
CUT = """() => [...document.querySelectorAll('*')].filter(e => e.scrollWidth > e.clientWidth + 1 && \
getComputedStyle(e).overflowX !== 'visible' && e.clientWidth).map(e => e.tagName + '.' + e.className)
  .concat(document.documentElement.scrollWidth > 700 ? ['page ' + document.documentElement.scrollWidth] : [])"""


BROKEN = """() => { const out = [], walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walk.nextNode()) { const node = walk.currentNode; if (node.parentElement.closest('code, style')) continue;
    for (const word of node.data.matchAll(/[A-Za-zÄÖÜäöüß]{2,28}/g)) {
      if (/[-./@_]/.test(node.data[word.index - 1] || ' ') || /[-./@_]/.test(node.data[word.index + word[0].length] ||
        ' ')) continue;
      const range = document.createRange(); range.setStart(node, word.index);
      range.setEnd(node, word.index + word[0].length);
      const tops = new Set([...range.getClientRects()].map(r => Math.round(r.top)));
      if (tops.size > 1) out.push(word[0]); } }
  return out; }"""
"""Words of letters that stand on two lines: broken inside. Names of hosts may be broken at their dots."""


def ready() -> str:
    """The console's page of readiness, with its style inside: many things that fail, long names, a course."""
    books = {
        f"exchange-inbound-outage-of-site-{i}": f"Inbound mail to Exchange Online fails at site {i}" for i in range(8)
    }
    checks = [
        Check("relay-fate", "mx-backup", "risk", f"mx-backup may fall with what it stands in for: {LONG}",
              "Rent a relay at another provider, in another network.", T, tuple(books)),
        *(Check("secret-open", f"file:{i}", "risk", f"everybody here can read the secret channels: c{i}: token"
                f" (file:secrets/with/a/very/long/path/of/a-token-of-channel-{i})", "chmod 600 /etc/bcp/secrets", T)
          for i in range(3)),
        Check("dns-mx", LONG, "fail", f"mail for {LONG} goes to {LONG}, which bcp.yaml does not name",
              "Did somebody move it?", T, tuple(books)),
        Check("clock", "", "unknown", "whether anything keeps this machine's clock right is not known", "Name one.", T),
    ]  # fmt: skip
    found = standings(books, checks)
    plot = curve([(T + 3600.0 * n, 40.0 + n % 7) for n in range(90)], "Promises that hold, in per cent", "then", "now")
    rows = [{"s": x, "plot": plot, "going": "better than 7 days ago (40 %)"} for x in found]
    values = {
        "org": "Corp", "zone": "Europe/Berlin", "now": T, "nav": NAV, "here": "/ready", "error": "", "next": "",
        "done": "", "user": SimpleNamespace(name="Alice", role="operator", contact="alice"),
        "found": SimpleNamespace(at=T), "level": whole(found), "says": sentence(found), "rows": rows,
        "bad": [_reason(c) for c in grouped(reasons(checks))], "good": [],
        "counts": {"ok": 12, "risk": 4, "fail": 1, "unknown": 1},
        "changes": [Change(T, c.code, c.subject, "ok", c.state, c.says) for c in checks],
    }  # fmt: skip
    text = render("console/ready.html", values, "Europe/Berlin", "en")
    sheet = f"<style>{style()}</style>"
    return re.sub(r"<script[^>]*></script>", "", text).replace(
        '<link rel="stylesheet" href="/static/style.css">', sheet
    )


def pages(folder: Path) -> dict[str, str]:
    answers = {
        "people": 5,
        "at": "2026-01-01T00:00:00Z",
        "answers": {"1": {"means": "safe", "people": ["a", "b"]}},
        "unclear": [],
        "silent": ["c", "d"],
    }
    site = Site(folder / "site", "Corp status", "https://status.example")
    for i in range(3):
        site.put(
            Entry(
                f"k{i}",
                1_700_000_000 + i * 1800,
                f"Mail is late {LONG}",
                f"<p>Mail from outside is late. {LONG}</p>",
                "x",
                "t",
                "en",
            )
        )
    people = [
        Contact(
            f"p{i}",
            f"Person {i}",
            phone=f"+49151100000{i:02}",
            manager="" if i == 0 else f"p{(i - 1) // 3}",
            groups=("staff",),
            title="A rather long title of a post",
        )
        for i in range(30)
    ]
    return {
        "report": page({**REPORT, "answers": answers}),
        **alone(),
        "preview": _preview(),
        "ready": ready(),
        "tree": tree("Corp", people, 1_700_000_000.0, "+49 30 1"),
        "status": (folder / "site" / "index.html").read_text(),
    }


def test_nothing_is_cut_off_on_paper(tmp_path) -> None:
    """Report, exercise, year, message preview, readiness, call tree, status page."""
    with sync_playwright() as p:
        browser = p.chromium.launch(executable_path=BROWSER, args=["--no-sandbox"])
        for name, text in pages(tmp_path).items():
            path = tmp_path / f"{name}.html"
            path.write_text(text)
            sheet = browser.new_page(viewport=A4)
            sheet.emulate_media(media="print")
            sheet.goto(path.as_uri())
            assert sheet.evaluate(CUT) == [], name
            assert sheet.evaluate(BROKEN) == [], name
            assert len(sheet.pdf(format="A4")) > 3000
            sheet.close()
        browser.close()


@pytest.mark.parametrize(("width", "scheme"), [(360, "light"), (360, "dark"), (1280, "light"), (1280, "dark")])
def test_pages_that_stand_alone_are_clean_for_everybody(tmp_path, width, scheme) -> None:
    """axe-core finds nothing: contrast in both schemes, headings in order, names for pictures and forms."""
    with sync_playwright() as p:
        browser = p.chromium.launch(executable_path=BROWSER, args=["--no-sandbox"])
        sheet = browser.new_page(viewport={"width": width, "height": 800}, color_scheme=scheme)
        for name, text in pages(tmp_path).items():
            path = tmp_path / f"{name}.html"
            path.write_text(text)
            sheet.goto(path.as_uri())
            client = sheet.context.new_cdp_session(sheet)  # past the page's own policy, which allows no script
            client.send("Runtime.evaluate", {"expression": AXE})
            run = (
                "axe.run(document).then(r => JSON.stringify(r.violations.map(v => [v.id, v.nodes[0].html.slice(0, "
                "200)])))"
            )
            found = client.send("Runtime.evaluate", {"expression": run, "awaitPromise": True, "returnByValue": True})
            assert found["result"]["value"] == "[]", (name, found["result"]["value"])
            assert sheet.evaluate("document.documentElement.scrollWidth") <= width, name
            if name.startswith(("drill", "year")):
                assert sheet.evaluate(BROKEN) == [], name
        browser.close()
