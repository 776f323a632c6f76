"""The incident in the book and the course of the outage: what either has more of, the other gets."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest
from corefakes import DOWN, HEALTHY, SERVICE, Core

from bcp.contracts.hook import Alert
from bcp.detect.course import Course
from bcp.server.parts.record import Recorder, title_of


def sees(core: Core, record: str, seen: str = "down", **more) -> None:
    """What the watch made of its round."""
    core.detector.course = replace(core.detector.course, record=record, seen=seen, **more)


def alert(core: Core, firing: bool, mark: str = "a") -> None:
    """A sender says so."""
    core.book.receive("am", SERVICE, [Alert("", mark, firing, "SmtpDown", "s1")], "notify")


def test_an_outage_that_nobody_told_of_is_opened_and_declared(tmp_path) -> None:
    """By our own looks, with its class, in the mode of our own detection."""

    async def run() -> None:
        core = Core(tmp_path, verdict="ask")
        recorder = Recorder(core)
        assert await recorder.take(HEALTHY) is None
        sees(core, "declared")
        row = await recorder.take(DOWN)
        assert row is not None and (row.state, row.classes, row.mode) == ("declared", ("B",), "ask")
        assert row.declared == core.clock.now() and row.title == title_of(DOWN)
        assert core.kinds() == ["opened", "moved"] and core.last("moved")["evidence"] == ["smtp: 451"]
        assert (await recorder.take(DOWN)) == row and len(core.kinds()) == 2, "said once"

    asyncio.run(run())


@pytest.mark.parametrize("found", [replace(DOWN, classes=()), replace(DOWN, state="suspect")])
def test_what_has_no_class_or_is_only_suspected_opens_nothing(tmp_path, found) -> None:
    """However long it lasts."""

    async def run() -> None:
        core = Core(tmp_path)
        sees(core, "declared" if found.state == "down" else "none", found.state)
        assert await Recorder(core).take(found) is None
        assert core.kinds() == []

    asyncio.run(run())


def test_an_alert_opens_and_a_look_of_this_moment_declares_before_the_watch_knows(tmp_path) -> None:
    """The watch needs some rounds; the burst that the hook caused does not."""

    async def run() -> None:
        core = Core(tmp_path)
        recorder = Recorder(core)
        alert(core, True)
        row = await recorder.take(HEALTHY)
        assert row is not None and row.state == "opened"
        sees(core, core.detector.course.record, "clear")
        row = await recorder.take(DOWN)
        assert row is not None and row.state == "declared" and "looked_down" in core.detector.events

    asyncio.run(run())


def test_after_a_restart_the_course_goes_on_where_the_book_stopped(tmp_path) -> None:
    """An incident that was declared is not declared anew; its alerts are known."""

    async def run() -> None:
        core = Core(tmp_path)
        alert(core, True)
        name = core.book.incidents()[0].id
        core.book.change(name, "moved", fields={"state": "declared", "declared": 5.0})
        row = await Recorder(core).take(HEALTHY)
        assert row is not None and row.state == "declared"
        assert (core.detector.course.record, core.detector.course.alerts) == ("declared", True)
        assert core.detector.events == []

    asyncio.run(run())


def test_alerts_that_are_over_and_new_ones_reach_the_course(tmp_path) -> None:
    """Each once."""

    async def run() -> None:
        core = Core(tmp_path)
        recorder = Recorder(core)
        alert(core, True)
        await recorder.take(HEALTHY)
        await recorder.take(HEALTHY)
        assert core.detector.events == []  # it was there at the start
        alert(core, False)
        await recorder.take(HEALTHY)
        await recorder.take(HEALTHY)
        assert core.detector.events == ["alerts_over"]
        alert(core, True, "b")
        recorder.heard()
        await recorder.take(HEALTHY)
        assert core.detector.events == ["alerts_over", "alert"] and core.detector.course.alerts

    asyncio.run(run())


def test_what_a_person_did_at_another_door_is_heeded(tmp_path) -> None:
    """Declared, closed while it is down, opened again."""

    async def run() -> None:
        core = Core(tmp_path)
        recorder = Recorder(core)
        alert(core, True)
        name = core.book.incidents()[0].id
        await recorder.take(HEALTHY)
        core.book.change(name, "declared_by_hand", "alice", fields={"state": "declared", "declared": 1.0})
        await recorder.take(HEALTHY)
        assert core.detector.events == ["declared"] and core.detector.course.insisted
        sees(core, "declared")
        core.book.change(name, "closed_by_hand", "alice", fields={"state": "closed", "closed": 2.0})
        assert await recorder.take(DOWN) is None
        assert core.detector.course.dismissed and core.detector.course.record == "closed"
        assert await recorder.take(DOWN) is None, "the same outage is not opened again"
        assert len(core.book.incidents()) == 1
        core.book.change(name, "reopened", "alice", fields={"state": "opened", "closed": 0.0})
        row = await recorder.take(HEALTHY)
        assert row is not None and row.id == name and not core.detector.course.dismissed

    asyncio.run(run())


@pytest.mark.parametrize(
    ("course", "words"),
    [
        (Course(record="closed", seen="clear"), "nothing of ours stands"),
        (Course(record="closed", seen="unknown"), "nothing new was heard"),
        (Course(record="resolved", seen="clear", alerts=True), "never taken back"),
    ],
)
def test_why_it_moved_is_said(tmp_path, course, words) -> None:
    """In the record, for whoever reads it afterwards."""

    async def run() -> None:
        core = Core(tmp_path)
        recorder = Recorder(core)
        alert(core, True)
        await recorder.take(HEALTHY)
        core.detector.course = replace(course, news_at=core.detector.course.news_at, alerts=True)
        row = await recorder.take(HEALTHY)
        assert row is not None and row.state == course.record
        assert getattr(row, course.record) == core.clock.now()
        assert words in core.last("moved")["why"]

    asyncio.run(run())


def test_what_our_watch_confirms_may_be_acted_on_as_our_detection_says(tmp_path) -> None:
    """A hook in mode notify does not weaken what ``serve: verdict:`` allows; a burst alone does not strengthen it."""

    async def run() -> None:
        core = Core(tmp_path, verdict="ask")
        recorder = Recorder(core)
        alert(core, True)
        row = await recorder.take(DOWN)
        assert row is not None and row.mode == "notify"
        core.sight.decision = DOWN
        row = await recorder.take(DOWN)
        assert row is not None and row.mode == "ask"

    asyncio.run(run())


def test_an_outage_that_flips_between_two_classes_is_told_once_until_it_stays(tmp_path) -> None:
    """B, B with E, B again at each look: the record has each once, and what stays for five minutes."""

    async def run() -> None:
        core = Core(tmp_path)
        recorder = Recorder(core)
        sees(core, "declared")
        both = replace(DOWN, classes=("B", "E"))
        for _ in range(6):
            await recorder.take(DOWN)
            await core.clock.sleep(30.0)
            await recorder.take(both)
            await core.clock.sleep(30.0)
        told = [e.data["classes"] for e in core.book.events() if e.kind == "moved"]
        assert told == [["B"], ["B", "E"]]
        row = await recorder.take(DOWN)
        assert row is not None and row.classes == ("B", "E")
        await core.clock.sleep(299.0)
        assert len(core.kinds("moved")) == 2 and (await recorder.take(DOWN)).classes == ("B", "E")
        await core.clock.sleep(1.0)
        row = await recorder.take(DOWN)
        assert row is not None and row.classes == ("B",) and len(core.kinds("moved")) == 3
        row = await recorder.take(replace(DOWN, classes=("E",)))
        assert row is not None and row.classes == ("E",), "what was never seen is news at once"

    asyncio.run(run())
