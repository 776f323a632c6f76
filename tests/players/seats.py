"""Deeds of people at other doors: the console in a browser, links in texts, keys pressed in calls, texts called in."""

from __future__ import annotations

import re
from typing import Any

from players.browser import Browser, Form, Pressed, read_page
from players.house import FROM, PHONES, URL, House
from players.truth import Truth

ROLES = {"alice": "approver", "bob": "admin", "carol": "approver", "dave": "viewer"}
PAGES = (
    "/", "/incidents", "/runs", "/messages", "/drills", "/ready", "/history", "/audit", "/account", "/start",
    "/messages?message=employees-identified&audience=employees&letter=B", "/messages?message=inbound-on-backup",
    "/messages?message=nothing&audience=nobody&letter=%F0%9F%92%A3", "/audit?before=7", "/runs/run-none",
    "/?part=1", "/incidents/inc-none", "/plans/plan-none",
)  # fmt: skip
"""Where a browser begins."""
UNPRESSED = ("/account", "/logout", "/login")
"""Forms that a game leaves alone: after them nobody could log in any more."""
LINK = re.compile(re.escape(URL) + r"(/a/\S+)")
GATHER = re.compile(r'action="' + re.escape(URL) + r'(/[^"]+)"')
NOISE = ("123456", "000000 111111 222222 333333 444444 555555", "yes", "ja", "", "٣٤٥٦٧٨", "STOP", "START", "1", "\x00")
"""What phones send that answers nothing."""


class Seats:
    """Mixed into the player."""

    house: House
    truth: Truth
    browsers: dict[str, Browser]

    def tell(self, text: Any) -> None:
        """A line of the story."""
        raise NotImplementedError

    def questions(self) -> list[dict[str, Any]]:
        """Open ones."""
        raise NotImplementedError

    def _yes(self, person: str, run: str, step: str, *, sure: bool = True, question: str = "") -> None:
        raise NotImplementedError

    def _ended(self, who: str, run: str, body: dict[str, str], taken: bool, *, sure: bool) -> None:
        raise NotImplementedError

    # -- the console ---------------------------------------------------------------------------------------------

    def browser(self, who: str) -> Browser:
        """This person's."""
        return self.browsers.setdefault(who, Browser(self.house, who, ROLES[who]))

    def surf(self, who: str, pick: int, page: str) -> None:
        """Look at a page, and at one to which it links."""
        if not self.house.up:
            return
        status, html = self.browser(who).open(page)
        links = [li for li in read_page(html)[1] if not li.startswith(("/static", "/events"))]
        if status == 200 and links:
            self.browser(who).open(links[pick % len(links)])

    def press(self, who: str, pick: int, page: str, *, forged: bool = False) -> None:
        """Press a button of a page. ``forged``: without the token of the session, as another site would."""
        if not self.house.up:
            return
        status, html = self.browser(who).open(self._place(page))
        forms = [f for f in read_page(html)[0] if f.method == "post" and not f.action.startswith(UNPRESSED)]
        if status != 200 or not forms:
            return
        form, open_ = forms[pick % len(forms)], self.questions()
        more = {"csrf": "x" * 32} if forged else {}
        pressed = self.browser(who).press(form, pick, **more)
        self.tell(f"{who} presses {form.action} of {page} ({_shown(pressed)}): {pressed.status} {_told(pressed)}")
        if forged and pressed.status not in {0, 303 if pressed.said.startswith("/login") else 403}:
            self.truth.say(f"a forged form gives {pressed.status}: {form.action}")
        self._pressed(who, form, pressed, open_)

    def _place(self, page: str) -> str:
        """``run``, ``abort``, ``incident``: of the newest one."""
        if page == "incident":
            _, found = self.house.api("reader", "/incidents")
            return f"/incidents/{found[0]['id']}" if found else "/"
        if page in {"run", "abort", "plan"}:
            found = self.truth.views()
            return f"/runs/{found[-1].id}" + {"run": "", "abort": "/abort", "plan": "/plan"}[page] if found else "/"
        return page

    def _pressed(self, who: str, form: Form, pressed: Pressed, open_: list[dict[str, Any]]) -> None:
        taken = pressed.status in {0, 303} and not pressed.said.startswith("/login")
        parts = form.action.split("/")
        if form.action.startswith("/questions/") and pressed.sent.get("answer") == ["yes"] and taken:
            asked = next((q for q in open_ if q["id"] == parts[2]), None)
            if asked is not None:
                self._yes(who, asked["run"], asked["step"], sure=pressed.status == 303, question=asked["id"])
        if form.action.endswith("/abort"):
            body = {k: (pressed.sent.get(k) or [""])[0] for k in ("consequence", "anyway")}
            again = pressed.said.split("?")[0].endswith("/abort")  # it is shown once more, and nothing was done
            self._ended(who, parts[2], body, taken and not again, sure=pressed.status == 303 and not again)

    # -- links, calls, texts -------------------------------------------------------------------------------------

    def link(self, who: str, pick: int, *, yes: bool) -> None:
        """Open the link of a text, and press a button; the page that a phone previews answers nothing."""
        texts = [m["body"] for m in self.house.lab.vendors.sms if m["to"] == PHONES[who]]
        links = [found[1] for t in texts if (found := LINK.search(t))]
        if not links or not self.house.up:
            return
        path, before = links[-1 - pick % len(links)], self.questions()
        status, html, _ = self.house.page_of("GET", path, None, {})
        forms = read_page(html)[0]
        if status == 200 and forms:
            body = f"answer={'yes' if yes else 'no'}".encode()
            kind = {"Content-Type": "application/x-www-form-urlencoded", "Origin": URL}
            status, html, _ = self.house.page_of("POST", path, body, kind)
        self.tell(f"{who} opens {path[:12]}... and says {yes}: {status}")
        self._perhaps(who, before, yes=yes and status in {0, 200}, noted="is noted" in html)

    def call(self, who: str, pick: int, digit: str) -> None:
        """Answer a call by a key."""
        calls = [c for c in self.house.lab.vendors.calls if c["to"] == PHONES[who] and GATHER.search(c["twiml"] or "")]
        if not calls or not self.house.up:
            return
        found = GATHER.search(calls[-1 - pick % len(calls)]["twiml"])
        assert found is not None
        before = self.questions()
        status, said = self._twilio(found[1], {"Digits": digit, "CallSid": calls[-1]["sid"], "To": PHONES[who]})
        self.tell(f"{who} presses {digit!r} in a call: {status} {str(said)[-80:]}")
        self._perhaps(who, before, yes=digit == "1" and status in {0, 200}, noted=">Yes from" in str(said))

    def noise(self, who: str, pick: int, text: str) -> None:
        """A text that answers nothing, told by Twilio and in its list, from a person or from nobody."""
        sender = PHONES[who] if pick % 2 else "+12025559999"
        if text == "STOP":
            self.truth.silent.add(sender)
        self.house.lab.vendors.reply(sender, FROM, text)
        sid = self.house.lab.vendors.inbound[-1]["sid"]
        status, said = self._twilio("/twilio/sms", {"From": sender, "To": FROM, "Body": text, "MessageSid": sid})
        self.tell(f"{sender} texts {text!r}: {status} {str(said)[-80:]}")

    def call_in(self, who: str, pick: int, *, yes: bool) -> None:
        """The right code, told by Twilio before its list is polled: heard twice, counted once."""
        texts = [m["body"] for m in self.house.lab.vendors.sms if m["to"] == PHONES[who]]
        codes = [c for t in texts if len(c := re.findall(r"(\d{6}) = ", t)) == 2]
        if not codes:
            return
        text, before = codes[-1 - pick % len(codes)][0 if yes else 1], self.questions()
        self.house.lab.vendors.reply(PHONES[who], FROM, text)
        sid = self.house.lab.vendors.inbound[-1]["sid"]
        status, said = self._twilio("/twilio/sms", {"From": PHONES[who], "To": FROM, "Body": text, "MessageSid": sid})
        self.tell(f"{who} texts {yes} by a call of Twilio: {status} {str(said)[-80:]}")
        self._perhaps(who, before, yes=yes, noted=">Yes from" in str(said))

    def _twilio(self, path: str, form: dict[str, str]) -> tuple[int, Any]:
        """A call of Twilio's, signed as it signs."""
        from urllib.parse import urlencode

        from twilio.request_validator import RequestValidator

        mark = RequestValidator(self.house.lab.vendors.twilio_token).compute_signature(URL + path, form)
        headers = {"Content-Type": "application/x-www-form-urlencoded", "X-Twilio-Signature": mark}
        return self.house.raw("POST", path, urlencode(form).encode(), headers)

    def _perhaps(self, who: str, before: list[dict[str, Any]], *, yes: bool, noted: bool) -> None:
        """A yes to one of the questions that were open; which one is sure where there was one."""
        if yes:
            for asked in before:
                sure = noted and len(before) == 1
                self._yes(who, asked["run"], asked["step"], sure=sure, question=asked["id"])


def _shown(pressed: Pressed) -> str:
    return ", ".join(f"{k}={v[0][:12]}" for k, v in pressed.sent.items() if k != "csrf" and v and v[0])


def _told(pressed: Pressed) -> str:
    if pressed.status == 303:
        return pressed.said
    heading = re.search(r"<h1[^>]*>(.*?)</h1>\s*(?:<p[^>]*>(.*?)</p>)?", pressed.said, re.DOTALL)
    return " ".join(" ".join(g or "" for g in heading.groups()).split()) if heading else ""
