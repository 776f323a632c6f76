"""Acme's plug-ins keep what bcp asks of every plug-in of their families."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
from collections.abc import Mapping, Sequence
from typing import Any

from acme_bcp import bell, book, box, pager, phone, tap, zone

from bcp.contracts.caller import Reported, Said, Texted
from bcp.contracts.dns import MxSet, Writer
from bcp.contracts.relay import MailFate, QueuedMail
from bcp.testing.caller import CallerSuite
from bcp.testing.channel import ChannelSuite
from bcp.testing.clock import FakeClock
from bcp.testing.directory import DirectorySuite
from bcp.testing.dns import DnsSuite
from bcp.testing.hook import HookSuite
from bcp.testing.probe import ProbeSuite
from bcp.testing.relay import RelaySuite
from bcp.testing.vendor import Answer, Asked


class TestPager(ChannelSuite):
    """Against a gateway that the suite plays."""

    plugin = pager.PLUGIN

    def settings(self) -> dict[str, object]:
        return {"url": self.url, "token": self.secret("token")}

    def respond(self, asked: Asked) -> Answer:
        return Answer(200, {"number": "1"})


class TestTap(ProbeSuite):
    """Against a monitor that the suite plays."""

    plugin = tap.PLUGIN

    def settings(self) -> dict[str, object]:
        return {"port": self.port}

    async def well(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"running\n")
        await writer.drain()


class TestBox(RelaySuite):
    """Against files that stand for the box."""

    plugin = box.PLUGIN

    def settings(self) -> dict[str, object]:
        (self.folder / "queue.jsonl").touch()
        (self.folder / "ends.jsonl").touch()
        return {"host": "Box.Acme.test", "folder": str(self.folder)}

    def hold(self, mails: Sequence[QueuedMail]) -> None:
        lines = [
            {
                "queue_id": m.queue_id,
                "sender": m.sender,
                "arrival_time": m.arrived,
                "recipients": [{"address": r} for r in m.recipients],
            }
            for m in mails
        ]
        (self.folder / "queue.jsonl").write_text("".join(json.dumps(x) + "\n" for x in lines))

    def garble(self, listing: bytes) -> None:
        (self.folder / "queue.jsonl").write_bytes(listing)

    def end(self, fates: Sequence[MailFate]) -> None:
        with (self.folder / "ends.jsonl").open("a") as file:
            file.writelines(json.dumps([f.queue_id, f.recipient, f.status, f.detail]) + "\n" for f in fates)


class TestBell(HookSuite):
    """With a key that the suite knows."""

    plugin = bell.PLUGIN

    def settings(self) -> dict[str, object]:
        return {"auth": {"hmac": [self.secret("key")]}}

    def body(self, *, firing: bool, event: int = 1) -> Any:
        return {"bell": f"door-{event}", "state": "rings" if firing else "quiet"}

    def proof(self, raw: bytes, key: str, at: float) -> tuple[Mapping[str, str], str]:
        return {"x-acme-signature": hmac.new(key.encode(), raw, hashlib.sha256).hexdigest()}, ""


class TestPhone(CallerSuite):
    """With a key that the suite knows."""

    plugin = phone.PLUGIN

    def settings(self) -> dict[str, object]:
        return {"key": self.secret("key")}

    def request(self, said: Said) -> tuple[str, bytes, Mapping[str, str]]:
        if isinstance(said, Texted):
            m = said.message
            return "texts", json.dumps({"from": m.sender, "words": m.text, "number": m.id}).encode(), {}
        assert isinstance(said, Reported)
        body = {"number": said.receipt, "end": said.status, "why": said.error}
        return "reports", json.dumps(body).encode(), {}

    def proof(self, raw: bytes, url: str, key: str, at: float) -> Mapping[str, str]:
        return {"x-acme-signature": hmac.new(key.encode(), raw, hashlib.sha256).hexdigest()}


class TestBook(DirectorySuite):
    """Against a file. It tells neither changes nor who is above whom."""

    plugin = book.PLUGIN
    speaks_http = tells_changes = tells_mail = False
    many = 1201
    people = ("Alice", "Bob", "Carol")
    groups = {"oncall": "night", "board": "board"}
    in_groups = {"oncall": ("Bob", "Carol"), "board": ("Alice",)}
    under: Mapping[str, str] = {}

    def settings(self) -> dict[str, object]:
        rows = [{"id": n.lower(), "name": n, "groups": ["board" if n == "Alice" else "night"]} for n in self.people]
        (self.folder / "book.json").write_text(json.dumps({"people": rows}))
        return {"file": str(self.folder / "book.json"), "groups": self.groups}


class TestZone(DnsSuite):
    """Against a folder."""

    can_lose = can_throttle = can_fail = can_deny = False
    missing = "nowhere.example"

    def make(self) -> Writer:
        settings = zone.ZoneSettings(folder=self.folder)
        return zone.PLUGIN.create("z", settings, FakeClock(), {})

    async def put(self, domain: str, mx: MxSet) -> None:
        (self.folder / f"{domain}.json").write_text(json.dumps(mx.to_data()))

    async def served(self, domain: str) -> MxSet | None:
        file = self.folder / f"{domain}.json"
        return MxSet.from_data(json.loads(file.read_text())) if file.exists() else None
