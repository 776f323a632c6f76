"""The calendar at work in the daemon: reminded, begun in its window, one at a time, ended when something real comes."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from unit.deeds.conftest import house  # noqa: F401
from unit.deeds.house import House, person
from unit.deeds.test_drill_calendar import DAY, TIME, at, made, restarted  # noqa: F401
from unit.deeds.test_exercise import WANTED

from bcp.contracts.exercise import Scenario
from bcp.deeds.drill_calendar import Wish, planned, schedule
from bcp.deeds.exercise import FindingOf, New, finding, make
from bcp.deeds.exercises import exercise_of
from bcp.drills.calendar import window_of
from bcp.server.parts.drills import Drills
from bcp.testing.clock import FakeClock

ALICE = person("alice")


class Phone:
    name = "phone"
    broadcast = False

    def address_of(self, contact: Any) -> str:
        return contact.phone


class Room:
    broadcast = True


class Voice:
    """Remembers what was said to whom."""

    def __init__(self) -> None:
        self.said: list[tuple[str, str]] = []

    def channels(self) -> list[Any]:
        return [Phone(), Room()]

    def org(self) -> dict[str, Any]:
        return {"org": {"name": "Corp"}}

    async def send(self, channel, address, template, language, values, key, *, drill=False) -> tuple[str, str]:
        assert drill
        assert template == "drill-notice"
        self.said.append((address, values["ask"]["result"]))
        return "sent", "r"


class Stage:
    """One daemon's part, and what it plays."""

    def __init__(self, house: House, clock: FakeClock) -> None:  # noqa: F811
        self.house, self.clock, self.voice = house, clock, Voice()
        self.played: list[str] = []
        self.going = asyncio.Event()
        self.part = Drills(self.core(), self.voice, self.play)

    def core(self) -> Any:
        app, clock = self.house.app, self.clock
        return SimpleNamespace(app=app, state=app.configuration.state, clock=clock, changed=lambda: None)

    async def play(self, core: Any, drill: str) -> int:
        self.played.append(drill)
        core.app.running.drills.append(drill, "began", "bcp", {})
        await self.going.wait()
        return 0


def test_those_who_take_part_are_reminded_once_and_nobody_else(at) -> None:  # noqa: F811
    house, clock = at  # noqa: F811
    drill = made(house, Wish("2027-01-20 10:00"))

    async def work() -> Voice:
        stage = Stage(house, clock)
        await stage.part.once()
        await stage.part.once()
        return stage.voice

    voice = asyncio.run(work())
    assert voice.said == [("+12025550101", "2027-01-20 10:00 (Europe/Berlin)")]
    events = house.app.running.drills.events(drill)
    assert (events[-1].kind, events[-1].data["sent"], events[-1].data["failed"]) == ("reminded", 1, 0)


def test_one_that_is_moved_while_others_are_told_of_theirs_is_not_begun(at) -> None:  # noqa: F811
    house, clock = at  # noqa: F811
    due_now, later = made(house, Wish("2027-01-20 10:30")), made(house, Wish("2027-01-20 11:15"))
    clock.set(window_of(planned(house.app)[0].slot)[0] + 5)

    async def work() -> list[str]:
        stage = Stage(house, clock)
        real = stage.part._do

        async def told_first(one) -> None:
            if one.planned.drill == due_now:  # somebody moves it in the very moment before
                schedule(house.ground, person("alice"), due_now, Wish("2027-01-27 10:30"))
            await real(one)

        stage.part._do = told_first  # type: ignore[method-assign]
        await stage.part.once()
        await asyncio.sleep(0)
        assert ("+12025550101", "2027-01-20 11:15 (Europe/Berlin)") in stage.voice.said
        return stage.played

    assert asyncio.run(work()) == []
    assert [p.drill for p in planned(house.app)] == [later, due_now]


def test_a_surprise_is_announced_by_its_window(at) -> None:  # noqa: F811
    house, clock = at  # noqa: F811
    made(house, Wish("2027-01-20 10:00", window_s=7200, surprise=True))

    async def work() -> Voice:
        stage = Stage(house, clock)
        await stage.part.once()
        return stage.voice

    assert asyncio.run(work()).said[0][1] == (
        "at some time between 2027-01-20 10:00 and 2027-01-20 12:00 (Europe/Berlin)"
    )


def test_it_begins_once_and_no_other_beside_it(at) -> None:  # noqa: F811
    house, clock = at  # noqa: F811
    one, two = made(house, Wish("2027-01-20 10:00", window_s=7200)), made(house, Wish("2027-01-20 10:30"))
    clock.set(TIME + 5 * DAY + 3600 + 1800)

    async def work() -> Stage:
        stage = Stage(house, clock)
        for _ in range(3):
            await stage.part.once()
            await asyncio.sleep(0)
        assert stage.played == [one]
        stage.going.set()
        await stage.part.playing
        await stage.part.once()
        await asyncio.sleep(0)
        assert stage.played == [one, two]
        return stage

    asyncio.run(work())


def test_it_waits_for_the_end_of_an_incident_and_no_longer_than_its_window(at) -> None:  # noqa: F811
    house, clock = at  # noqa: F811
    drill = made(house, Wish("2027-01-20 10:00"))
    opens, closes = window_of(planned(house.app)[0].slot)
    found, _ = house.book.open("exchange-online", "Mail is down", "ask", "watch")
    clock.set(opens + 60)

    async def once() -> Stage:
        stage = Stage(house, clock)
        await stage.part.once()
        await asyncio.sleep(0)
        return stage

    assert asyncio.run(once()).played == []
    clock.set(closes + 1)
    stage = asyncio.run(once())
    assert stage.played == []
    assert exercise_of(house.app, drill).record.state == "missed"
    assert stage.voice.said[-1][1].startswith("was missed")
    assert found.id


def test_a_real_incident_ends_what_is_played(at) -> None:  # noqa: F811
    house, clock = at  # noqa: F811
    made(house, Wish("2027-01-20 10:00"))
    clock.set(window_of(planned(house.app)[0].slot)[0] + 1)

    async def work() -> None:
        stage = Stage(house, clock)
        await stage.part.once()
        await asyncio.sleep(0)
        assert stage.played
        house.book.open("exchange-online", "Mail is down", "ask", "watch")
        await stage.part.once()
        with pytest.raises(asyncio.CancelledError):
            await stage.part.playing

    asyncio.run(work())


def test_a_tabletop_is_begun_by_people_who_are_told_when(at) -> None:  # noqa: F811
    house, clock = at  # noqa: F811
    wanted = New("tabletop", Scenario("jan-2026-gls", "x", source="shipped"), people=WANTED.people)
    drill = make(house.ground, ALICE, wanted)
    schedule(house.ground, ALICE, drill, Wish("2027-01-20 10:00"))
    clock.set(window_of(planned(house.app)[0].slot)[0] + 1)

    async def work() -> Stage:
        stage = Stage(house, clock)
        await stage.part.once()
        await stage.part.once()
        return stage

    stage = asyncio.run(work())
    assert stage.played == []
    assert [s for _, s in stage.voice.said] == ["begins now"]
    assert exercise_of(house.app, drill).record.state == "planned"


def test_a_restart_changes_nothing_and_a_drill_of_another_process_is_respected(at, tmp_path: Path) -> None:  # noqa: F811
    from bcp.rehearse.conduct import alone

    house, clock = at  # noqa: F811
    drill = made(house, Wish("2027-01-20 10:00"))
    clock.set(window_of(planned(house.app)[0].slot)[0] + 1)
    restarted(house, clock)

    async def once() -> list[str]:
        stage = Stage(house, clock)
        await stage.part.once()
        await asyncio.sleep(0)
        return stage.played

    with alone(house.app, "other"):
        assert asyncio.run(once()) == []
    assert asyncio.run(once()) == [drill]


def test_an_urgent_finding_is_told_once(at) -> None:  # noqa: F811
    house, clock = at  # noqa: F811
    drill = made(house, Wish("2027-06-20 10:00"))
    finding(house.ground, ALICE, drill, FindingOf(title="the relay is open to the world", urgent=True))
    finding(house.ground, ALICE, drill, FindingOf(title="the room was cold"))

    async def work() -> Voice:
        stage = Stage(house, clock)
        await stage.part.once()
        await stage.part.once()
        return stage.voice

    said = [t for _, t in asyncio.run(work()).said]
    assert said == ["urgent finding: the relay is open to the world"]
    assert [f.reported_at > 0 for f in exercise_of(house.app, drill).record.findings] == [True, False]


def test_that_nobody_heard_is_said_once_and_tried_again(at, caplog) -> None:  # noqa: F811
    house, clock = at  # noqa: F811
    drill = made(house, Wish("2027-01-20 10:00"))

    async def work() -> list[tuple[str, str]]:
        stage, noted = Stage(house, clock), []
        book = SimpleNamespace(note=lambda kind, incident, actor, **data: noted.append((kind, data["text"])))

        async def do(job: Any) -> Any:
            return job(book)

        async def send(*given: Any, **more: Any) -> tuple[str, str]:
            return "failed", "no room"

        stage.part.core.do, stage.voice.send = do, send
        one = planned(house.app)[0]
        await stage.part.once()
        await stage.part._say(one, "begins now")
        await stage.part._say(one, "begins now")
        return noted

    noted = asyncio.run(work())
    assert [k for k, _ in noted] == ["nobody_told"] * 2 and "begins now" in noted[1][1]
    assert "alice could not be told" in caplog.text
    assert "reminded" not in {e.kind for e in house.app.running.drills.events(drill)}, "it is tried again"


def test_an_exercise_is_told_in_the_language_of_each_person(at) -> None:  # noqa: F811
    house, clock = at  # noqa: F811
    made(house, Wish("2027-01-20 10:00", window_s=7200, surprise=True))
    directory = house.app.people.directory
    contacts = tuple(replace(c, language="de") for c in directory.contacts)
    house.app.people._directory = replace(directory, contacts=contacts)

    async def work() -> Voice:
        stage = Stage(house, clock)
        await stage.part.once()
        return stage.voice

    assert asyncio.run(work()).said[0][1].startswith("irgendwann zwischen 2027-01-20 10:00 und ")


def test_a_live_drill_is_left_to_bring_its_domain_back_by_itself(at) -> None:  # noqa: F811
    """Ended by us, it would leave the domain on the relay, and nobody would be asked."""
    house, clock = at  # noqa: F811
    text = (house.folder / "bcp.yaml").read_text()
    (house.folder / "bcp.yaml").write_text(text.replace("audiences: {", "audiences: {helpers: {people: [bob]}, "))
    restarted(house, clock)
    play = replace(WANTED.play, domains=("corp.test",), volunteers="helpers")
    drill = make(house.ground, ALICE, replace(WANTED, kind="live", play=play))
    schedule(house.ground, ALICE, drill, Wish("2027-01-20 10:00"))
    clock.set(window_of(planned(house.app)[0].slot)[0] + 1)

    async def work() -> None:
        stage = Stage(house, clock)
        await stage.part.once()
        await asyncio.sleep(0)
        house.book.open("exchange-online", "Mail is down", "ask", "watch")
        await stage.part.once()
        assert stage.part.playing is not None and not stage.part.playing.cancelling()
        stage.going.set()
        assert await stage.part.playing == 0

    asyncio.run(work())


def running(house: House, kind: str = "dry") -> str:  # noqa: F811
    """One that a process began and did not end."""
    scene = Scenario("jan-2026-gls", "x", source="shipped") if kind == "tabletop" else WANTED.scenario
    drill = make(house.ground, ALICE, replace(WANTED, kind=kind, scenario=scene))  # type: ignore[arg-type]
    schedule(house.ground, ALICE, drill, Wish("2027-01-20 10:00", every="week"))
    house.app.running.drills.append(drill, "began", "bcp", {})
    return drill


def looked(house: House, clock: FakeClock, times: int = 1) -> Stage:  # noqa: F811
    async def work() -> Stage:
        stage = Stage(house, clock)
        for _ in range(times):
            await stage.part.once()
        return stage

    return asyncio.run(work())


def test_what_a_power_cut_ended_is_ended_said_once_and_planned_again(at) -> None:  # noqa: F811
    house, clock = at  # noqa: F811
    drill = running(house)
    clock.set(TIME + 6 * DAY)
    stage = looked(house, clock, 2)
    record = exercise_of(house.app, drill).record
    assert (record.state, record.outcome) == ("ended", "interrupted")
    assert [t for _, t in stage.voice.said if "interrupted" in t] == [
        "was interrupted: the process that played it ended"
    ]
    assert [p.drill for p in planned(house.app)] == [record.next_drill.id]


def test_what_another_process_plays_is_left_alone_and_so_is_a_table_that_pauses(at) -> None:  # noqa: F811
    from bcp.rehearse.conduct import alone

    house, clock = at  # noqa: F811
    table, drill = running(house, "tabletop"), running(house)
    with alone(house.app, drill):
        looked(house, clock)
        assert exercise_of(house.app, drill).record.state == "running"
    looked(house, clock)
    assert exercise_of(house.app, drill).record.state == "ended"
    assert exercise_of(house.app, table).record.state == "running"


def test_a_reminder_that_nobody_got_is_sent_again(at) -> None:  # noqa: F811
    house, clock = at  # noqa: F811
    drill = made(house, Wish("2027-01-20 10:00"))

    async def work() -> list[str]:
        stage, real = Stage(house, clock), Voice.send

        async def fails(*args: Any, **more: Any) -> tuple[str, str]:
            await real(stage.voice, *args, **more)
            return "failed", ""

        stage.voice.send = fails  # type: ignore[method-assign]
        await stage.part.once()
        await stage.part.once()
        assert "reminded" not in {e.kind for e in house.app.running.drills.events(drill)}
        del stage.voice.send
        await stage.part.once()
        await stage.part.once()
        return [t for _, t in stage.voice.said]

    assert len(asyncio.run(work())) == 3, "twice in vain, once taken"
