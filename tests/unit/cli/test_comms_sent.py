"""``bcp comms`` status, receipts and answers: what became of a send, counted from what is written down."""

from __future__ import annotations

import json
from typing import Any

import pytest

from bcp.cli import comms_sent, render
from bcp.contracts.channel import Inbound
from bcp.incident.receipts import note_receipt
from bcp.kernel.errors import Invalid, Missing
from bcp.wiring import world

BOOK = """\
version: 1
name: out
title: Out
activation:
  - {id: tell, uses: notify, with: {audience: staff, template: employees-investigating, channels: [sms]}}
  - {id: more, uses: notify, with: {audience: staff, template: employees-identified, channels: [sms]}}
"""
TALLY = {"people": 3, "sent": 2, "failed": 1, "unknown": 0, "unreachable": 0, "segments": 2}


@pytest.fixture(autouse=True)
def as_json(monkeypatch: pytest.MonkeyPatch) -> render.Output:
    monkeypatch.setattr(render, "OUT", render.Output(json=True))
    return render.OUT


@pytest.fixture
def said(capsys):
    """What the command answered."""
    return lambda: json.loads(capsys.readouterr().out)


@pytest.fixture
def sent(house) -> str:
    """A run whose first message was told, and whose second is under way."""
    name = house.run(
        text=BOOK,
        events=[
            ("step_started", "tell", {}),
            ("step_finished", "tell", {"status": "ok", "outputs": {"channels": {"sms": TALLY}}}),
            ("step_started", "more", {}),
        ],
    )

    async def effects() -> None:
        journal = house.open(name)
        for i, (step, state) in enumerate([("tell", "sent"), ("tell", "sent"), ("more", "sent"), ("more", "failed")]):
            key = f"{name}/{step}#0/sms/{i}"
            await journal.claim(key, step, {"channel": "sms", "person": f"p{i}"})
            await journal.settle(key, {"state": state, "receipt": f"SM{i}"})
        journal.close()

    house.do(effects())
    return name


class Vendor:
    """A channel that knows what became of its messages."""

    name, form, broadcast = "sms", "sms", False

    def __init__(self, reports: dict[str, tuple[str, str]]) -> None:
        self.told = reports

    async def reports(self, since: float) -> dict[str, tuple[str, str]]:
        return self.told

    async def answers(self, since: float) -> list[Any]:
        return []

    async def close(self) -> None:
        """Nothing is open."""


def test_the_tally_of_what_ended_and_the_ledger_of_what_goes_on(sent, said) -> None:
    comms_sent.status()
    found = said()
    assert [(d["step"], d["channel"], d["sent"], d["failed"]) for d in found["deliveries"]] == [
        ("tell", "sms", 2, 1),
        ("more", "", 1, 0),
    ]


def test_a_run_that_there_is_not(house) -> None:
    for command in (comms_sent.status, comms_sent.receipts, comms_sent.answers):
        with pytest.raises(Missing):
            command("run-nothing")


def test_what_a_vendor_says_of_messages_that_are_ours_is_kept(sent, house, said, monkeypatch) -> None:
    """Of others nothing is written down."""
    vendor = Vendor({"SM0": ("delivered", ""), "SM9": ("failed", "30003")})
    monkeypatch.setattr(world.World, "channels", {"sms": vendor})
    comms_sent.receipts()
    told = {m["step"]: m for m in said()["messages"]}
    assert told["tell"]["taken"] == 2 and sum(told["tell"]["reported"].values()) == 2
    kept = repr(house.book.events())
    assert "SM9" not in kept


def test_a_channel_that_is_no_longer_configured_is_not_asked(sent, said, monkeypatch) -> None:
    monkeypatch.setattr(world.World, "channels", {})
    comms_sent.receipts()
    assert all(set(m["reported"]) <= {"no report"} for m in said()["messages"])


def test_what_was_reported_before_is_remembered(sent, house, said, monkeypatch) -> None:
    monkeypatch.setattr(world.World, "channels", {})
    with house.book:
        note_receipt(house.book, "SM0", "delivered", "")
    comms_sent.receipts()
    told = {m["step"]: m["reported"] for m in said()["messages"]}
    assert told["tell"] == {"delivered": 1, "no report": 1}


@pytest.fixture
def replies(monkeypatch):
    """What people sent back."""

    def put(house, *texts: tuple[str, str]) -> None:
        at = house.app.clock.now() + 60

        async def inbound(self, since: float) -> list[Inbound]:
            return [Inbound(address, text, at) for address, text in texts]

        monkeypatch.setattr(world.World, "inbound", inbound)

    return put


def test_who_answered_what_and_who_is_silent(sent, house, said, replies) -> None:
    replies(house, ("+12025550101", "1"), ("+12025550102", "what is this?"), ("+12025559999", "1"))
    comms_sent.answers(silent=True)
    found = said()
    assert found["people"] == 3 and found["silent"] == ["carol"]
    assert found["answers"]["1"]["people"] == ["alice"]
    assert [u["who"] for u in found["unclear"]] == ["bob"]


def test_for_people_the_silent_are_named_only_when_asked_for(sent, house, capsys, replies, as_json) -> None:
    as_json.json = False
    replies(house)
    comms_sent.answers()
    short = capsys.readouterr().out
    comms_sent.answers(silent=True)
    long = capsys.readouterr().out
    assert "3 silent" in short and "alice" not in short and "silent: alice, bob, carol" in long


def test_a_run_that_told_nobody_has_no_answers(house) -> None:
    house.run()
    with pytest.raises(Invalid, match="told nobody anything"):
        comms_sent.answers()
