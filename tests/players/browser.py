"""A browser: it logs in with password and code, reads the forms of a page, fills them in and presses their buttons.

It knows no URL but those that pages show it. What a form hides (the CSRF token, checksums, what was shown) is sent back
as it was: a button that works here works for a person.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Any
from urllib.parse import urlencode

import pyotp

from bcp.kernel.errors import StorageError

PASSWORD = "correct horse battery staple"
FILLS = {
    "reason": "looked at it", "title": "mail is down", "classes": "B", "text": "seen by two of us", "lasts": "30m",
    "until": "", "inputs": "", "name": "", "old": "", "new": "", "password": "", "label": "key", "code": "000000",
}  # fmt: skip
"""What a person writes into a field of this name."""


@dataclass
class Form:
    """One form: where it goes, what it sends unasked, its buttons (name and value), its choices."""

    action: str
    method: str
    fields: dict[str, list[str]] = field(default_factory=dict)
    buttons: list[tuple[str, str]] = field(default_factory=list)
    choices: dict[str, list[str]] = field(default_factory=dict)


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.forms: list[Form] = []
        self.links: list[str] = []
        self._form: Form | None = None
        self._select = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {k: v or "" for k, v in attrs}
        if tag == "a" and given.get("href", "").startswith("/"):
            self.links.append(given["href"])
        if tag == "form":
            self._form = Form(given.get("action", ""), given.get("method", "get").lower())
            self.forms.append(self._form)
        form, name = self._form, given.get("name", "")
        if form is None:
            return
        if tag in {"input", "textarea"} and name:
            value = given.get("value", FILLS.get(name, "")) if given.get("type") != "text" else FILLS.get(name, "")
            if given.get("type") == "checkbox":
                value = given.get("value", "on")
            elif "value" not in given:
                value = FILLS.get(name, "")
            form.fields.setdefault(name, []).append(value)
        elif tag == "select" and name:
            self._select = name
            form.choices[name] = []
        elif tag == "option" and self._select:
            form.choices[self._select].append(given.get("value", ""))
        elif tag == "button" and given.get("type", "submit") == "submit":
            form.buttons.append((name, given.get("value", "")))

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self._form = None
        if tag == "select":
            self._select = ""


@dataclass(frozen=True)
class Pressed:
    """What was sent, and what came back: the status, and the words of the page that followed."""

    action: str
    sent: dict[str, list[str]]
    status: int
    said: str


def read_page(html: str) -> tuple[list[Form], list[str]]:
    """Forms and links of ours."""
    reader = _Reader()
    reader.feed(html)
    return reader.forms, list(dict.fromkeys(reader.links))


class Browser:
    """One person's. The house must serve when it is used."""

    def __init__(self, house: Any, name: str, role: str) -> None:
        self.house, self.name, self.role = house, name, role
        self.cookie = self.secret = ""

    def request(self, method: str, path: str, form: dict[str, Any] | None = None) -> tuple[int, str, dict[str, str]]:
        """One request with our cookies; status 0 when nobody answers."""
        headers = {"Origin": "http://127.0.0.1:8080", "Sec-Fetch-Site": "same-origin", "Cookie": self.cookie}
        body = None
        if form is not None:
            headers["Content-Type"] = "application/x-www-form-urlencoded"
            body = urlencode(form, doseq=True).encode()
        return self.house.page_of(method, path, body, headers)

    def log_in(self) -> bool:
        """By the form, with a code of this half minute. False: nobody serves, or the code was used already."""
        accounts = self.house.app.state.accounts
        try:
            if accounts.user(self.name) is None:
                self.secret = accounts.add(self.name, self.name, self.role, PASSWORD)
        except StorageError:
            return False
        code = pyotp.TOTP(self.secret).at(int(self.house.clock.time()))
        status, _, headers = self.request("POST", "/login", {"name": self.name, "password": PASSWORD, "code": code})
        if status != 303:
            return False
        self.cookie = "; ".join(c.partition(";")[0] for c in headers["set-cookie"].split("\n"))
        return True

    def open(self, path: str) -> tuple[int, str]:
        """A page; logs in where that is needed."""
        status, html, headers = self.request("GET", path) if self.cookie else (303, "", {"location": "/login"})
        if status == 303 and headers.get("location", "").startswith("/login") and self.log_in():
            status, html, headers = self.request("GET", path)
        return status, html

    def press(self, form: Form, pick: int, **more: str) -> Pressed:
        """Fill the form in and press one of its buttons. ``more``: fields that are to be so."""
        sent = {name: list(values) for name, values in form.fields.items()}
        for name, values in form.choices.items():
            sent[name] = [values[pick % len(values)]] if values else []
        if form.buttons:
            name, value = form.buttons[pick % len(form.buttons)]
            if name:
                sent[name] = [value]
        sent |= {n: [v] for n, v in more.items()}
        status, html, headers = self.request("POST", form.action, sent)
        said = headers.get("location", "") if status == 303 else html
        return Pressed(form.action, sent, status, said)
