"""The console in a real browser: log in, see an outage come, read the diff, approve, watch it run, publish an update.

At 360 and 1280 pixels, light and dark; axe-core finds no violation; no request leaves the host; the policy reports
nothing.
"""

from __future__ import annotations

import json
import os
import re
import shutil
from pathlib import Path

import axe_playwright_python
import pyotp
import pytest
from playwright.sync_api import Page, sync_playwright

from bcp.pages.qr import code_of
from server.world import alert

BROWSER = shutil.which("chromium") or shutil.which("chromium-browser")
PATIENT_MS = 120_000
"""How long a page may take on a busy machine."""
AXE = (Path(axe_playwright_python.__file__).parent / "axe.min.js").read_text()
SHOTS = os.environ.get("BCP_SHOTS", "")
pytestmark = [pytest.mark.real, pytest.mark.skipif(BROWSER is None, reason="Chromium is not installed")]


class Eye:
    """A page, with what went wrong on it."""

    def __init__(self, browser, width: int, scheme: str) -> None:
        self.context = browser.new_context(
            viewport={"width": width, "height": 800}, color_scheme=scheme, bypass_csp=False, reduced_motion="reduce"
        )
        self.context.set_default_timeout(PATIENT_MS)
        self.page: Page = self.context.new_page()
        self.width, self.scheme = width, scheme
        self.foreign: list[str] = []
        self.complaints: list[str] = []
        self.page.on(
            "request",
            lambda r: (
                self.foreign.append(r.url)
                if not re.match(r"(http://localhost:|http://127\.0\.0\.1:|data:)", r.url)
                else None
            ),
        )
        self.page.on("console", lambda m: self.complaints.append(m.text) if m.type == "error" else None)
        self.page.on("pageerror", lambda e: self.complaints.append(str(e)))

    def check(self, name: str) -> None:
        """Nothing sideways, nothing that a screen reader trips over."""
        if SHOTS:
            self.page.screenshot(path=f"{SHOTS}/{name}-{self.width}-{self.scheme}.png", full_page=True)
        wide = self.page.evaluate("document.documentElement.scrollWidth")
        assert wide <= self.width, f"{name} is {wide} pixels wide at {self.width}"
        client = self.context.new_cdp_session(
            self.page
        )  # past the policy, as an extension would: the page itself may not
        client.send("Runtime.evaluate", {"expression": AXE})
        found = client.send(
            "Runtime.evaluate",
            {
                "expression": "axe.run(document).then(r => JSON.stringify(r.violations.map(v => "
                "[v.id, v.help, v.nodes.map(n => n.html.slice(0, 150) + ' ' + n.failureSummary.slice(0, 300))])))",
                "awaitPromise": True,
                "returnByValue": True,
            },
        )
        assert json.loads(found["result"]["value"]) == [], (name, found["result"]["value"][:2000])


@pytest.fixture(scope="module")
def browser():
    """Chromium from Debian's package."""
    with sync_playwright() as p:
        made = p.chromium.launch(
            executable_path=BROWSER,
            args=[
                "--no-sandbox",
                "--disable-quic",
                "--no-first-run",
                "--disable-background-networking",
                "--disable-component-update",
            ],
        )
        yield made
        made.close()


def start(world) -> tuple:
    w = world()
    w.base = f"http://localhost:{w.port}"
    w.data["serve"]["public_url"] = w.base
    w.write()
    w.start()
    made = json.loads(w.run("user", "add", "alice", "--role", "admin", "--output", "json").stdout)
    return w, made["totp"]


def log_in(w, eye: Eye, totp: str) -> None:
    eye.page.goto(w.base + "/")
    assert "/login" in eye.page.url
    eye.check("login")
    eye.page.get_by_label("Name").fill("alice")
    eye.page.get_by_label("Password").fill("correct horse battery")
    eye.page.get_by_label("Code of the authenticator").fill(pyotp.TOTP(totp).now())
    eye.page.get_by_role("button", name="Log in", exact=True).click()
    eye.page.get_by_role("heading", name="Now").wait_for()


@pytest.mark.parametrize(("width", "scheme"), [(360, "light"), (1280, "dark"), (360, "dark"), (1280, "light")])
def test_an_outage_from_the_browser(world, browser, width, scheme) -> None:
    """The whole way with clicks; the page follows by itself."""
    w, totp = start(world)
    eye = Eye(browser, width, scheme)
    page = eye.page
    log_in(w, eye, totp)
    page.get_by_text("exchange-online is healthy").wait_for()
    eye.check("now-healthy")
    w.break_("refuse")
    w.hook(alert())
    page.get_by_text("exchange-online is down").wait_for()  # without a reload
    page.get_by_role("button", name="Yes, start it").wait_for()
    eye.check("now-down")
    page.locator("article dd a code").first.click()
    page.get_by_role("heading", name="Plan: Inbound mail to Exchange Online fails").wait_for()
    assert page.locator(".diff ins").first.inner_text().find("mx.backup") > 0 and page.locator(".diff del").count()
    eye.check("plan")
    page.go_back()
    page.get_by_role("button", name="Yes, start it").click()
    page.locator("#run-status").wait_for()
    page.locator("#run-status", has_text=re.compile("^holding$")).wait_for()
    eye.check("run")
    page.get_by_role("link", name="Stop and undo").click()
    page.get_by_text("This moves mail back to exchange-online.").wait_for()
    page.get_by_role(
        "button", name="Stop, and move mail back"
    ).click()  # the browser asks for the reason and the tick first
    assert page.url.endswith("/abort") and page.locator(".now.bad").count() == 1
    eye.check("abort")
    page.get_by_role("link", name="Leave it as it is").click()
    page.locator("#run-status", has_text=re.compile("^holding$")).wait_for()
    page.goto(w.base + "/")
    page.get_by_text("Mail goes to the backup relay since").wait_for()
    page.get_by_text("nothing bounces at the senders").wait_for()
    assert not page.get_by_text("give up").count()  # that clock runs only while MX points to what fails
    page.get_by_text("Mails held").wait_for()
    eye.check("now-holding")
    page.goto(w.base + "/messages")
    page.get_by_label("Message").select_option("inbound-update")
    page.get_by_label("Audience").select_option("employees")
    page.get_by_role("button", name="Preview").click()
    page.get_by_text("segment(s)").or_(page.get_by_role("heading", name="What it takes")).first.wait_for()
    eye.check("messages")
    for box in page.get_by_role("checkbox").all():
        box.set_checked("status-page" in box.get_attribute("value"))
    page.get_by_role("button", name="Send it now").click()
    page.get_by_role("heading", name="comms-send").wait_for()
    page.locator("#run-status", has_text=re.compile("^done$")).wait_for()
    assert "index.html" in {p.name for p in (w.folder / "public").iterdir()}
    status, body = w.get("/status/index.html")
    assert status == 200 and len(body) > 500
    for path in ("/incidents", "/runs", "/drills", "/ready", "/history", "/audit", "/account", "/start"):
        page.goto(w.base + path)
        try:
            page.get_by_role("heading", level=1).wait_for()
        except Exception as e:
            raise AssertionError((path, page.content()[:1500], w.errors.read_text()[-3000:])) from e
        eye.check(path.strip("/"))
    page.goto(w.base + "/runs")
    page.locator("tbody th a").first.click()
    page.get_by_role("link", name="Read the report").click()
    page.get_by_text("Everything that was planned is done.").wait_for()
    eye.check("report")
    page.goto(w.base + "/incidents")
    page.locator("tbody th a").first.click()
    page.get_by_role("heading", name="Timeline").wait_for()
    eye.check("incident")
    assert eye.foreign == [] and eye.complaints == [], (eye.foreign, eye.complaints)
    eye.context.close()


def test_keyboard_only_and_a_passkey(world, browser) -> None:
    """Everything by Tab and Enter, with a visible focus; a passkey registered and used (a virtual authenticator)."""
    w, totp = start(world)
    eye = Eye(browser, 1280, "light")
    page = eye.page
    page.goto(w.base + "/login")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "To the content"
    for text in ("alice", "correct horse battery", pyotp.TOTP(totp).now()):
        page.keyboard.press("Tab")
        page.keyboard.type(text)
    page.keyboard.press("Enter")
    page.get_by_role("heading", name="Now").wait_for()
    client = eye.context.new_cdp_session(page)
    client.send("WebAuthn.enable")
    client.send(
        "WebAuthn.addVirtualAuthenticator",
        {
            "options": {
                "protocol": "ctap2",
                "transport": "internal",
                "hasResidentKey": True,
                "hasUserVerification": True,
                "isUserVerified": True,
            }
        },
    )
    page.goto(w.base + "/account")
    page.get_by_label("Name of this device").fill("my phone")
    page.get_by_role("button", name="Add a passkey").click()
    page.get_by_text("my phone, since").wait_for()
    page.get_by_role("button", name="Log out").click()
    page.get_by_role("button", name="Log in with a passkey").click()
    page.get_by_role("heading", name="Now").wait_for()
    assert eye.complaints == []
    page.goto(w.base + "/account")
    page.get_by_role("button", name="Remove my phone").click()
    page.get_by_text("The passkey is removed").wait_for()
    eye.context.close()


def test_another_authenticator_by_its_qr_code(world, browser) -> None:
    """The code on the screen is the secret; the old one counts until the new one has worked."""
    w, totp = start(world)
    eye = Eye(browser, 360, "light")
    page = eye.page
    log_in(w, eye, totp)
    page.goto(w.base + "/account")
    page.get_by_label("Password", exact=True).fill("correct horse battery")
    page.get_by_role("button", name="Show another code").click()
    page.get_by_role("img", name="QR code for the authenticator").wait_for()
    eye.check("authenticator")
    secret = page.locator("p code").inner_text()
    path = page.locator(".qr path").get_attribute("d")
    assert path == code_of(pyotp.TOTP(secret).provisioning_uri(name="alice", issuer_name="bcp Lab Corp")).path
    page.get_by_label("Code that the new authenticator shows").fill("000000")
    page.get_by_role("button", name="Use it from now on").click()
    page.get_by_text("This is not the code").wait_for()
    assert page.locator("p code").inner_text() == secret
    page.get_by_label("Code that the new authenticator shows").fill(pyotp.TOTP(secret).now())
    page.get_by_role("button", name="Use it from now on").click()
    page.get_by_role("heading", name="log in").wait_for()
    page.get_by_label("Name").fill("alice")
    page.get_by_label("Password").fill("correct horse battery")
    page.get_by_label("Code of the authenticator").fill(pyotp.TOTP(secret).now())
    page.get_by_role("button", name="Log in", exact=True).click()
    page.get_by_text("exchange-online is").first.wait_for()
    eye.context.close()


def test_without_scripts_and_by_the_link_in_a_text(world, browser) -> None:
    """The page of a link needs neither a login nor a script; on a phone."""
    w, _ = start(world)
    w.break_("refuse")
    w.hook(alert())
    alice = "+12025550101"  # she reads English, Bob German
    text = w.wait(lambda: [m["body"] for m in w.vendors.sms if "/a/" in m["body"] and m["to"] == alice])[0]
    context = browser.new_context(viewport={"width": 360, "height": 700}, java_script_enabled=False)
    context.set_default_timeout(PATIENT_MS)
    page = context.new_page()
    page.goto(re.search(r"(http://\S+/a/\S+)", text)[1])
    assert page.get_by_text("Without an answer nothing happens").is_visible()
    page.get_by_role("button", name="Yes, start it").click()
    page.get_by_text("Your yes is noted").wait_for()
    context.close()
