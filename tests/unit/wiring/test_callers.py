"""Vendors that call us: where they do, and where a key pressed in a call comes back."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace

import pytest
from deeds.house import CONFIG, CONTACTS

from bcp.contracts.caller import Pressed
from bcp.kernel.errors import StorageError
from bcp.server.doors.callers import NOT_OURS, Callers
from bcp.settings import load
from bcp.settings.families import alone, place_of
from bcp.wiring import make_app

SERVE = """\
serve:
  public_url: https://bcp.example.org
  twilio: {auth_token: "file:token"}
  callers: {second: {kind: twilio, auth_token: "file:token"}, chat: {kind: slack, signing_secret: "file:token"}}
"""


@pytest.fixture
def app(tmp_path):
    (tmp_path / "bcp.yaml").write_text(CONFIG + SERVE)
    (tmp_path / "contacts.csv").write_text(CONTACTS)
    (tmp_path / "playbooks").mkdir()
    (tmp_path / "token").touch(mode=0o600)
    (tmp_path / "token").write_text("x" * 20)
    return make_app(load(tmp_path / "bcp.yaml"))


def test_each_has_an_address_and_the_old_ones_stay(app) -> None:
    """A section of its own is called at its name, every other below /callers."""
    assert set(app.world.callers) == {"twilio", "second", "chat"} and set(alone("callers")) == {"twilio", "slack"}
    assert [place_of("callers", n) for n in ("twilio", "second")] == ["/twilio", "/callers/second"]


def test_a_key_comes_back_to_the_caller_that_serves_this_kind_of_channel(app) -> None:
    assert app.world.reply_url("twilio-voice", "TOKEN") in {
        "https://bcp.example.org/twilio/gather/TOKEN",
        "https://bcp.example.org/callers/second/gather/TOKEN",
    }
    assert app.world.reply_url("acme-voice", "TOKEN") == ""


def test_without_an_address_of_ours_none_comes_back(tmp_path) -> None:
    (tmp_path / "bcp.yaml").write_text(CONFIG)
    assert make_app(load(tmp_path / "bcp.yaml")).world.reply_url("twilio-voice", "TOKEN") == ""


class Hearer:
    """Says what it is asked to say."""

    def __init__(self, fails: bool = False) -> None:
        self.fails, self.given = fails, []

    async def answer(self, question, person, *, yes, how):
        if self.fails:
            raise StorageError("the disk is full")
        self.given.append((question, person, yes, how))
        return f"Yes from {person}, noted."


def door(app, hearer) -> Callers:
    async def do(work):
        return "the question"

    return Callers(SimpleNamespace(app=app, hearer=hearer, writer=SimpleNamespace(do=do)))


def test_a_button_counts_for_the_contact_whose_address_the_vendor_proved(app) -> None:
    hearer = Hearer()
    made = door(app, hearer)
    for sender in ("+12025550101", "alice@corp.test"):
        said = asyncio.run(made.hear("chat", Pressed(sender, "q-1:yes")))
        assert said == "Yes from alice, noted."
    assert hearer.given == [("the question", "alice", True, "chat button")] * 2
    assert "belongs to nobody" in asyncio.run(made.hear("chat", Pressed("UNOBODY", "q-1:yes")))
    for value in ("", "q-1", "q-1:maybe", ":"):
        assert asyncio.run(made.hear("chat", Pressed("alice@corp.test", value))) == NOT_OURS
    assert asyncio.run(made.hear("chat", Pressed("", "q-1:yes"))) == NOT_OURS, "nobody has an empty address"
    assert "press again" in asyncio.run(door(app, Hearer(fails=True)).hear("chat", Pressed("alice@corp.test", "q:no")))
