"""Another authenticator: only for who knows the password, only what was offered, once, and not too late."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

import pyotp
import pytest
from corefakes import Core
from starlette.responses import HTMLResponse

from bcp.kernel.errors import Refused
from bcp.server.console import authenticator, login
from bcp.server.console.login import CHALLENGE_S, Pending
from bcp.server.signin.accounts import TRIES, Accounts

PASSWORD = "correct horse battery"


class World:
    """Anna and Ben have accounts; time is told."""

    def __init__(self, folder) -> None:
        self.core = Core(folder)
        self.core.app.settings.organisation = SimpleNamespace(name="Corp")
        self.accounts = Accounts(folder / "accounts.db", self.core.clock, b"k" * 32, idle_s=60, session_s=600)
        self.secrets = {n: self.accounts.add(n, n, "admin", PASSWORD) for n in ("anna", "ben")}
        self.pages: list[dict[str, Any]] = []
        daemon = SimpleNamespace(app=self.core.app, clock=self.core.clock, writer=SimpleNamespace(do=self.core.do))
        self.site = SimpleNamespace(
            daemon=daemon, accounts=self.accounts, peer=lambda request: "192.0.2.1", page=self.page
        )

    def page(self, request: Any, name: str, session: Any, status: int = 200, **values: Any) -> HTMLResponse:
        """Nothing is rendered."""
        self.pages.append(values)
        return HTMLResponse("", status)

    def send(self, view: Any, name: str = "anna", **fields: str) -> Any:
        """Somebody sends a form."""
        session = SimpleNamespace(user=self.accounts.user(name))
        return asyncio.run(view(self.site, SimpleNamespace(), session, {k: [v] for k, v in fields.items()}))

    def refused(self, view: Any, name: str = "anna", **fields: str) -> str:
        """By which rule."""
        with pytest.raises(Refused) as caught:
            self.send(view, name, **fields)
        return caught.value.rule

    def code(self, secret: str) -> str:
        """What an authenticator shows now."""
        return pyotp.TOTP(secret).at(int(self.core.clock.now()))

    def offered(self, name: str = "anna") -> str:
        """The secret that was shown."""
        self.send(authenticator.offer, name, password=PASSWORD)
        return str(self.pages[-1]["secret"])

    def unchanged(self, name: str = "anna") -> bool:
        """The old one still works, and the chain is silent. Uses up the code of this moment."""
        return self.accounts.code_is(name, self.code(self.secrets[name])) and self.core.kinds() == []


@pytest.fixture
def w(tmp_path, monkeypatch):
    """With nothing begun."""
    fresh = Pending()
    for module in (login, authenticator):
        monkeypatch.setattr(module, "PENDING", fresh)
    made = World(tmp_path)
    yield made
    made.accounts.close()


def test_without_the_password_nothing_is_offered(w) -> None:
    """Whoever finds a browser open sees no secret, and cannot confirm one."""
    for wrong in ("", "wrong", PASSWORD + " "):
        assert w.refused(authenticator.offer, password=wrong) == "old-password"
    assert w.pages == [] and w.refused(authenticator.confirm, code="123456") == "offer-over" and w.unchanged()


def test_wrong_passwords_are_counted(w) -> None:
    """Until the form is shut, also for the right one."""
    for _ in range(TRIES):
        assert w.refused(authenticator.offer, password="wrong") == "old-password"
    assert w.refused(authenticator.offer, password=PASSWORD) == "locked" and w.pages == []


def test_what_was_never_offered_is_not_confirmed(w) -> None:
    """Not by the code of the old one, nor by anybody else's offer."""
    assert w.refused(authenticator.confirm, code=w.code(w.secrets["anna"])) == "offer-over"
    secret = w.offered("ben")
    assert w.refused(authenticator.confirm, "anna", code=w.code(secret)) == "offer-over"
    assert w.unchanged() and not w.accounts.code_is("anna", w.code(secret))


def test_an_offer_is_over_after_its_time(w, monkeypatch) -> None:
    """A page that stood open over lunch."""
    secret, now = w.offered(), login.time.monotonic()
    monkeypatch.setattr(login.time, "monotonic", lambda: now + CHALLENGE_S + 1)
    assert w.refused(authenticator.confirm, code=w.code(secret)) == "offer-over" and w.unchanged()


def test_a_wrong_code_changes_nothing_and_shows_the_same_offer_again(w) -> None:
    """A slip of the finger does not begin anew."""
    secret = w.offered()
    wrong = "000000" if w.code(secret) != "000000" else "000001"
    for code in (wrong, "", "abc", "²²²²²²", w.code(w.secrets["anna"])):
        assert w.send(authenticator.confirm, code=code).status_code == 400
        assert w.pages[-1]["secret"] == secret and "not the code" in w.pages[-1]["error"]
    assert w.unchanged()


def test_the_right_code_takes_it_once(w) -> None:
    """Every session ends, the chain has it, and the old authenticator is of no use."""
    session, secret = w.accounts.begin("anna", "192.0.2.1"), w.offered()
    assert w.send(authenticator.confirm, code=w.code(secret)).headers["location"] == "/login"
    assert w.accounts.session(session) is None and w.core.kinds() == ["authenticator_changed"]
    assert w.refused(authenticator.confirm, code=w.code(secret)) == "offer-over"
    w.core.clock.wall += 60
    assert not w.accounts.code_is("anna", w.code(w.secrets["anna"])) and w.accounts.code_is("anna", w.code(secret))
