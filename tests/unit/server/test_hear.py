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
