"""Hearing answers that are polled: what is wrong with one text, or one vendor, keeps no other from being heard."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest
from corefakes import Core

from bcp.contracts.channel import Inbound
from bcp.incident import questions
from bcp.kernel.errors import InDoubt, Missing, Permanent, StorageError, Transient
from bcp.server.parts import hear as module
from bcp.server.parts.hear import Hearer

START = 1_800_000_000.0
FAULTS = [Missing("there is no run", rule="no-such-run"), StorageError("no room"), Permanent("the journal is damaged")]


class Lists:
    """A vendor's list."""

    def __init__(self, *found: Any, form: str = "sms") -> None:
        self.found, self.form = found, form

    async def answers(self, since: float) -> list[Inbound]:
        """What lies there."""
        if isinstance(self.found[0], Exception):
            raise self.found[0]
        return list(self.found)


def text(words: str) -> Inbound:
    """One from a phone."""
    return Inbound("+12025550100", words, START, words)


def poll(folder, channels: dict[str, Lists], bad: dict[str, Exception]) -> list[str]:
    """One round of the loop while a question is open; which texts were taken."""
    core = Core(folder)
    questions.ask(
        core.book, incident="", run="run-1", step="approve", checksum="c" * 64, opened=START, deadline=START + 600.0,
        count=1, groups=[["alice"]],
    )  # fmt: skip
    core.app.world = SimpleNamespace(channels=channels)
    hearer, heard = Hearer(core, lambda: None), list[str]()

    async def taken(channel: str, message: Inbound) -> str:
        if message.text in bad:
            raise bad[message.text]
        heard.append(message.text)
        return ""

    hearer.text = taken  # type: ignore[method-assign, assignment]
    turns = iter(range(2))

    async def sleep(seconds: float) -> None:
        if next(turns, None) is None or heard:
            raise asyncio.CancelledError

    core.clock.sleep = sleep  # type: ignore[method-assign]
    with pytest.raises(asyncio.CancelledError):
        asyncio.run(hearer.run())
    return heard


@pytest.mark.parametrize("fault", FAULTS, ids=lambda f: type(f).__name__)
def test_a_text_that_cannot_be_taken_does_not_silence_those_after_it(tmp_path, fault) -> None:
    """It answers a run that cannot be read, say; the yes behind it counts."""
    found = poll(tmp_path, {"sms": Lists(text("one"), text("two"), text("three"))}, {"one": fault})
    assert found == ["two", "three"]


@pytest.mark.parametrize("fault", [Transient("busy"), InDoubt("html"), Permanent("401")], ids=lambda f: f.message)
def test_a_vendor_that_cannot_be_asked_does_not_silence_another(tmp_path, fault) -> None:
    """Both are asked at each round."""
    found = poll(tmp_path, {"sms": Lists(fault), "voice": Lists(text("yes"), form="voice")}, {})
    assert found == ["yes"]


def test_places_without_answers_are_not_asked(tmp_path) -> None:
    """A page has no list."""
    found = poll(tmp_path, {"page": Lists(text("x"), form="page"), "sms": Lists(text("yes"))}, {})
    assert found == ["yes"]


class Never(Lists):
    """A list without end."""

    async def answers(self, since: float) -> list[Inbound]:
        """It does not come."""
        await asyncio.Event().wait()
        return []


def test_a_list_that_does_not_end_does_not_silence_another(tmp_path, monkeypatch) -> None:
    """Vendors are asked side by side, and each has its time."""
    monkeypatch.setattr(module, "LONGEST_S", 0.01)
    found = poll(tmp_path, {"sms": Never(text("x")), "voice": Lists(text("yes"), form="voice")}, {})
    assert found == ["yes"]


@pytest.mark.parametrize("fault", [ValueError("no"), KeyError("sid"), OverflowError()], ids=lambda f: type(f).__name__)
def test_a_channel_that_breaks_its_promise_does_not_silence_another(tmp_path, fault) -> None:
    """It is in the log, and the loop goes on."""
    found = poll(tmp_path, {"sms": Lists(fault), "voice": Lists(text("yes"), form="voice")}, {})
    assert found == ["yes"]


def test_a_text_that_is_none_does_not_silence_those_after_it(tmp_path) -> None:
    """Half a character cannot be written down."""
    broken = {"one": UnicodeEncodeError("utf-8", "\ud800", 0, 1, "surrogates not allowed")}
    assert poll(tmp_path, {"sms": Lists(text("one"), text("two"))}, broken) == ["two"]


def test_what_is_older_than_the_question_or_without_words_is_not_taken_for_heard(tmp_path) -> None:
    """It answers nothing; its date or its words may be a slip that the next look mends."""
    old, empty = Inbound("+12025550100", "old", START - 60.0, "m1"), Inbound("+12025550100", "", START, "m2")
    assert poll(tmp_path, {"sms": Lists(old, empty, text("yes"))}, {}) == ["yes"]


def test_that_answers_cannot_be_heard_is_said_when_it_begins_and_when_it_ends(tmp_path) -> None:
    """Once each, in every incident with an open question; people who texted would believe that they have answered."""
    core = Core(tmp_path)
    name = core.book.open("exchange-online", "t", "ask", "watch")[0].id
    for run in ("run-1", "run-2"):
        questions.ask(
            core.book, incident=name, run=run, step="approve", checksum="c" * 64, opened=START, deadline=START + 600.0,
            count=1, groups=[["alice"]],
        )  # fmt: skip
    hearer = Hearer(core, lambda: None)

    async def run() -> None:
        bad, good = Lists(InDoubt("html")), Lists(text("hello"))
        for way in (good, bad, bad, good, good):
            await hearer._listen("sms", way, START)

    asyncio.run(run())
    said = [(e.kind, e.incident, e.data["text"]) for e in core.book.events() if e.kind in {"unheard", "heard_again"}]
    assert said == [("unheard", name, "sms: html"), ("heard_again", name, "sms")]
