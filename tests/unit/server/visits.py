"""A daemon's application asked in process: a place with a daemon, and somebody who comes by.

Nothing loops here: what is asked for is answered from what is written down.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import httpx
import pyotp
import pytest
from unit.deeds.house import CONFIG, CONTACTS, House

from bcp.incident import questions
from bcp.server.console import links
from bcp.server.daemon import Daemon
from bcp.server.doors.guard import Throttle
from bcp.server.web import web
from bcp.settings import load

GOOD = "correct horse battery"
SERVE = "serve: {hooks: {am: {kind: alertmanager, auth: {bearer: ['file:am.key']}}}}\n"


class Place:
    """An organisation whose daemon's application answers. ``alice`` is an admin and may approve."""

    def __init__(self, folder: Path) -> None:
        (folder / "bcp.yaml").write_text(CONFIG + SERVE)
        (folder / "contacts.csv").write_text(CONTACTS)
        (folder / "am.key").write_text("a-bearer-of-monitoring\n")
        (folder / "playbooks").mkdir()
        (folder / ".bcp").mkdir()
        self.house = House(folder)

    def visit(self, work: Callable[[Visit], Awaitable[None]]) -> None:
        """Somebody comes by; everything is closed afterwards."""

        async def main() -> None:
            daemon = Daemon(load(self.house.folder / "bcp.yaml"))
            app = web(daemon)
            accounts = app.state.accounts
            try:
                transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
                async with httpx.AsyncClient(transport=transport, base_url="http://bcp.test") as browser:
                    await work(Visit(self.house, daemon, accounts, browser))
            finally:
                accounts.close()
                await daemon.writer.close()
                await daemon.app.close()
                daemon.lock.release()

        asyncio.run(main())


class Visit:
    """A browser, and what it sees."""

    def __init__(self, house: House, daemon: Daemon, accounts: Any, browser: httpx.AsyncClient) -> None:
        self.house, self.daemon, self.accounts, self.browser = house, daemon, accounts, browser
        self.csrf = ""

    async def log_in(self, name: str = "alice", role: str = "admin") -> None:
        """By password and code."""
        if self.accounts.user(name) is None:
            secret = self.accounts.add(name, name, role, GOOD)
            self.code = pyotp.TOTP(secret).now()
        form = {"name": name, "password": GOOD, "code": self.code, "next": "/runs"}
        answer = await self.browser.post("/login", data=form)
        assert (answer.status_code, answer.headers["location"]) == (303, "/runs")
        page = await self.browser.get("/account")
        self.csrf = re.search(r'name="csrf" value="([^"]+)"', page.text)[1]

    async def get(self, path: str, status: int = 200) -> str:
        answer = await self.browser.get(path)
        assert answer.status_code == status, (path, answer.status_code, answer.text[:300])
        return answer.text

    async def post(self, path: str, status: int = 303, **fields: str) -> str:
        """A form of ours. Where it leads, or the page."""
        answer = await self.browser.post(path, data={"csrf": self.csrf, **fields})
        assert answer.status_code == status, (path, answer.status_code, answer.text[:300])
        return answer.headers.get("location", "") or answer.text

    async def api(self, method: str, path: str, *scopes: str, body: Any = None) -> httpx.Response:
        """A program with these scopes, that answers for Alice."""
        headers = {}
        if scopes:
            name = f"t{len(self.accounts.tokens())}"
            token = self.accounts.add_token(name, scopes, self.daemon.clock.now() + 60, "alice")
            headers["Authorization"] = f"Bearer {token}"
        return await self.browser.request(method, f"/api/v1{path}", json=body, headers=headers)

    def question(self, incident: str, run: str = "run-gate") -> Any:
        """One that waits for Alice or Bob."""
        now = self.house.app.clock.now()
        made, _ = questions.ask(
            self.house.book, incident=incident, run=run, step="gate", checksum="a" * 64, opened=now - 10,
            deadline=now + 600, count=1, groups=[["alice", "bob"]],
        )  # fmt: skip
        return made


@pytest.fixture
def place(tmp_path, monkeypatch) -> Place:
    monkeypatch.setattr(links, "WRONG", Throttle(20, 300.0))
    return Place(tmp_path)
