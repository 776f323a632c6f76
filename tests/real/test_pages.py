"""The status page and the report in a real browser:
no sideways scrolling on a phone, dark and light, nothing loaded, no script."""

from __future__ import annotations

import asyncio
import json
import shutil
import subprocess
import time
from dataclasses import replace
from pathlib import Path

import aiohttp
import pytest
from unit.reports.samples import T, full

from bcp.comms.lint import LONG as LONG_VALUES
from bcp.comms.pack import FORMS, load_pack
from bcp.comms.preview import page as preview
from bcp.comms.render import render
from bcp.contacts.tree import page as tree
from bcp.contracts.contact import Contact
from bcp.kit.site import Entry, Site
from bcp.pages.words import words
from bcp.pages.year import year_page
from bcp.reports.document import document
from bcp.reports.page import page
from bcp.reports.year import Inventory, to_data, year_of

pytestmark = pytest.mark.real
BROWSER = shutil.which("chromium") or shutil.which("chromium-browser")
LONG = "corp-test-with-a-very-long-name.mail.protection.outlook.example."
REPORT = {
    "organisation": "Corp",
    "kind": "drill",
    "playbook": "exchange-inbound-outage",
    "status": "done",
    "run": "run-20260122-174500-x7kq",
    "started": "2026-01-22T17:45:00Z",
    "ended": "2026-01-22T18:45:00Z",
    "initiator": "alice",
    "reason": "",
    "checksum": "f" * 64,
    "overrides": {},
    "approvals": [{"by": "bob", "at": "2026-01-22T17:46:00Z"}],
    "objectives": [{"objective": "rto_receive", "target_s": 1800, "achieved_s": 7, "met": True}],
    "achieved": {
        "counted_from": "the first failed look: it began then or earlier",
        "exact": False,
        "outage_since": "2026-01-22T17:44:00Z",
        "rto_receive_s": 7.0,
    },
    "changes": [{"target": "MX corp.test.", "before": LONG, "after": LONG, "undo": LONG}],
    "texts": [
        {
            "at": "2026-01-01T10:00:00Z",
            "step": "tell",
            "taken": 3,
            "template": "t",
            "form": "email",
            "language": "de",
            "subject": LONG,
            "body": f"Bitte nicht erneut senden.\n{LONG}",
        }
    ],
    "messages": [],
    "steps": [
        {
            "id": "tell-employees-with-a-long-name",
            "phase": "activation",
            "status": "ok",
            "summary": LONG * 3,
            "error": "",
            "hint": "",
            "from_s": 1.0,
            "to_s": 2.0,
        }
    ],
    "in_doubt": [],
    "doubts_settled": [],
    "timeline": [
        {
            "at": "2026-01-22T17:45:00Z",
            "kind": "step_finished",
            "step": "mx",
            "actor": "",
            "status": "ok",
            "text": LONG * 2,
        }
    ],
    "audit": {"events": 3, "head": "a" * 64, "damage": ""},
    "extra": {},
}


def _preview() -> str:
    pack = load_pack([Path(__file__).parents[2] / "playbooks" / "messages"])
    template = pack.get("employees-investigating")
    return preview(
        "employees-investigating",
        "class B",
        [
            render(template, f, x, x, {**LONG_VALUES, "outage_class": "B"}, drill=False)
            for f in FORMS
            for x in ("en", "de")
        ],
    )


def alone() -> dict[str, str]:
    """The report of an exercise in which every field says something, and a year, in both languages."""
    record, out = full(), {}
    long = replace(record, title=f"Übung {LONG}", reason=LONG, kind="lab", id="drill-2", started=T - 86_400 * 90)
    there = Inventory(
        {"exchange-online": ""}, {"exchange-inbound-outage": "Inbound mail fails", LONG: ""}, {"employees": ""},
        {"ben.ortega": "Ben Ortega", LONG: ""}, {"sms": "", "slack": ""}, dict.fromkeys("ABCDEFGH", ""),
    )  # fmt: skip
    for language in ("en", "de"):
        out[f"drill {language}"] = page(document(record, "drill", made="2026-01-23T10:00:00Z", language=language))
        found = year_of([record, long], there, T - 86_400 * 200, T + 86_400, words(language), now=T + 86_400 * 60)
        out[f"year {language}"] = year_page(to_data(found))
    return out


async def shown(call, url: str) -> None:
    """Until the browser says that the page is there as a whole."""
    deadline = time.monotonic() + 120
    while True:
        found = await call("Runtime.evaluate", expression="document.readyState + ' ' + location.href")
        if found.get("result", {}).get("value") == f"complete {url}":
            return
        assert time.monotonic() < deadline, f"the browser does not show {url}: {found}"
        await asyncio.sleep(0.05)


async def look(url: str, folder: Path, widths: list[int]) -> list[dict]:
    """Open the page in Chromium at each width, light and dark; what it measured."""
    process = subprocess.Popen(
        [
            str(BROWSER),
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-quic",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            "--remote-debugging-port=0",
            f"--user-data-dir={folder / 'profile'}",
            "about:blank",
        ],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    out = []
    try:
        port_file, deadline = folder / "profile" / "DevToolsActivePort", time.monotonic() + 120
        while not port_file.exists() or not port_file.read_text().strip():
            assert time.monotonic() < deadline, "Chromium does not start"
            await asyncio.sleep(0.1)
        port = port_file.read_text().split()[0]
        async with aiohttp.ClientSession() as session:
            async with session.put(f"http://127.0.0.1:{port}/json/new?about:blank") as answer:
                target = await answer.json(content_type=None)
            async with session.ws_connect(target["webSocketDebuggerUrl"], max_msg_size=0) as socket:
                number, requests = 0, []

                async def call(method: str, **parameters):
                    nonlocal number
                    number += 1
                    await socket.send_json({"id": number, "method": method, "params": parameters})
                    async for message in socket:
                        data = json.loads(message.data)
                        if data.get("method") == "Network.requestWillBeSent":
                            requests.append(data["params"]["request"]["url"])
                        if data.get("id") == number:
                            return data.get("result", {})
                    return {}

                await call("Network.enable")
                await call("Page.enable")
                for width in widths:
                    for scheme in ("light", "dark"):
                        await call(
                            "Emulation.setDeviceMetricsOverride",
                            width=width,
                            height=800,
                            deviceScaleFactor=1,
                            mobile=width < 500,
                        )
                        await call(
                            "Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}]
                        )
                        await call("Page.navigate", url=url)
                        await shown(call, url)
                        script = (
                            "JSON.stringify({wide: document.documentElement.scrollWidth, back: "
                            "getComputedStyle(document.body).backgroundColor, text: document.body.innerText.length, "
                            "h1: document.querySelectorAll('h1').length})"
                        )
                        found = await call("Runtime.evaluate", expression=script)
                        out.append({"width": width, "scheme": scheme, **json.loads(found["result"]["value"])})
                out.append({"requests": [r for r in requests if r not in {url, "about:blank"}]})
    finally:
        process.kill()
        process.wait()
    return out


@pytest.mark.parametrize("what", ["status", "report", "drill", "void", "year", "preview", "tree"])
def test_pages_fit_a_phone_in_both_schemes_and_load_nothing(tmp_path, what) -> None:
    """People read them on the way, at night."""
    if not BROWSER:
        pytest.skip("not installed: chromium")
    if what == "status":
        site = Site(tmp_path / "p", "Corp status", "")
        site.put(
            Entry(
                "k",
                1_700_000_000.0,
                "Mail from outside arrives late",
                f"<p>Mail to {LONG} is kept.</p>",
                "x",
                "inbound-on-backup",
                "en",
            )
        )
        path = tmp_path / "p" / "index.html"
    elif what == "preview":
        path = tmp_path / "preview.html"
        path.write_text(_preview())
    elif what == "tree":
        path = tmp_path / "tree.html"
        people = [
            Contact(
                f"p{i}",
                f"Person with a rather long name {i}",
                phone=f"+49301234{i:03}",
                manager=f"p{i // 3}" if i else "",
                title="Head of Something Important",
            )
            for i in range(60)
        ]
        path.write_text(tree(LONG, people, 1_700_000_000.0, "+4930123456"))
    elif what in {"drill", "year"}:
        path = tmp_path / "page.html"
        path.write_text(alone()[f"{what} de"])
    elif what == "void":  # its judgement is the longest one
        goals = tuple(replace(o, judged="void") for o in full().objectives)
        path = tmp_path / "void.html"
        void = replace(full(), outcome="aborted", objectives=goals)
        path.write_text(page(document(void, "drill", made="2026-01-23T10:00:00Z", language="de")))
    else:
        path = tmp_path / "report.html"
        path.write_text(page(REPORT))
    found = asyncio.run(asyncio.wait_for(look(path.as_uri(), tmp_path, [360, 1280]), 300))
    assert found[-1]["requests"] == []
    for seen in found[:-1]:
        assert seen["wide"] <= seen["width"], seen
        assert seen["text"] > 40 and seen["h1"] == 1
    assert {s["back"] for s in found[:-1]}.__len__() == 2
