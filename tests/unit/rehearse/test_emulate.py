"""Stand-ins keep what they are given, tell it again, and send nothing."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import ClassVar, Literal

import pytest

from bcp.contracts.channel import Channel, Delivery, Message, Page
from bcp.contracts.contact import Contact
from bcp.contracts.plugin import PluginSettings
from bcp.rehearse.emulate import EmulatedChannel, EmulatedOutside, EmulatedPage, Kept, emulated


class Settings(PluginSettings):
    kind: Literal["real"] = "real"

    def fate(self) -> tuple[str, ...]:
        return ()


class Real(Channel[Settings]):
    kind = "real"
    form = "sms"
    Settings = Settings
    shares_fate_with: ClassVar[tuple[str, ...]] = ("vendor",)

    async def send(self, delivery: Delivery):
        raise AssertionError("it left the machine")

    def address_of(self, contact: Contact) -> str:
        return contact.phone

    def seconds_for(self, segments) -> float:
        return 2.0 * len(segments)


class RealPage(Real, Page):
    form = "page"
    broadcast = True

    def publish(self, key, at, entry) -> str:
        raise AssertionError("it left the machine")

    def has(self, key) -> bool:
        raise AssertionError("it left the machine")

    def withdraw(self, key) -> None:
        raise AssertionError("it left the machine")


ANN = Contact("ann", "Ann", "", "+1202555", "", "en", ())
MESSAGE = Message("hello", "sms", "en", "", "Hello, Ann")
ONE = Delivery("run-1/tell/sms/ann", "+1202555", MESSAGE)


@pytest.fixture
def kept(tmp_path: Path) -> Kept:
    return Kept(tmp_path / "kept.jsonl")


def test_a_message_is_kept_and_found_again(kept: Kept) -> None:
    channel = EmulatedChannel(Real("sms", Settings()), kept)
    assert asyncio.run(channel.find(ONE)) is None
    receipt = asyncio.run(channel.send(ONE))
    assert asyncio.run(channel.find(ONE)) == receipt
    rows = Kept(kept.path).rows()
    assert [(r["what"], r["channel"], r["address"], r["body"]) for r in rows] == [
        ("message", "sms", "+1202555", "Hello, Ann")
    ]


def test_it_is_like_the_real_one_in_all_that_plans_ask_about(kept: Kept) -> None:
    real = Real("sms", Settings())
    channel = EmulatedChannel(real, kept)
    for name in ("name", "form", "kind", "broadcast", "duty"):
        assert getattr(channel, name) == getattr(real, name)
    assert channel.fate() == ("vendor",)
    assert channel.address_of(ANN) == "+1202555"
    assert channel.seconds_for([1, 1]) == 4.0
    assert channel.place() == "sms"
    assert asyncio.run(channel.check())[0].state == "ok"


def test_a_page_is_published_and_taken_back(kept: Kept) -> None:
    page = EmulatedPage(RealPage("status", Settings()), kept)
    assert not page.has("k")
    assert "status" in page.publish("k", 1.0, {"title": "Down"})
    assert page.has("k")
    page.withdraw("k")
    assert not page.has("k")
    assert [r["what"] for r in kept.rows()] == ["page", "withdrawn"]


def test_only_what_is_picked_stays_real(kept: Kept) -> None:
    channels = {"sms": Real("sms", Settings()), "page": RealPage("page", Settings())}
    found = emulated(channels, kept, lambda c: c.name == "sms")
    assert found["sms"] is channels["sms"]
    assert isinstance(found["page"], EmulatedPage)
    assert type(emulated(channels, kept, lambda c: False)["sms"]) is EmulatedChannel


def test_programs_and_requests_are_kept_not_made(kept: Kept) -> None:
    outside = EmulatedOutside(kept)
    done = asyncio.run(outside.process(["rm", "-rf", "/"], timeout_s=1, environment={}, cap=10))
    answer = asyncio.run(outside.http("POST", "https://api.test/", headers={}, body="x", timeout_s=1, cap=10))
    assert (done.code, answer.status, outside.reveal("env:TOKEN")) == (0, 200, "emulated")
    assert [(r["what"], r.get("url", r.get("arguments"))) for r in kept.rows()] == [
        ("program", ["rm", "-rf", "/"]),
        ("request", "https://api.test/"),
    ]
