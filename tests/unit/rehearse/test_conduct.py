"""Begun once, alone, never during anything real; and how it ended is in the book."""

from __future__ import annotations

import asyncio

import pytest
from unit.deeds.house import House, person

from bcp.contracts.exercise import Scenario
from bcp.deeds.drill_calendar import Wish, planned, schedule
from bcp.deeds.exercise import New, make
from bcp.deeds.exercises import exercise_of, record_of
from bcp.drills.play import Play
from bcp.kernel.errors import GateClosed, Interrupted, Invalid, Permanent, Refused
from bcp.rehearse.conduct import LOCK, alone, conducting, real_trouble, while_calm
from bcp.rehearse.dry import play_dry
from bcp.store.files.locks import FileLock

ALICE = person("alice")


def made(house: House, kind: str = "dry", playbook: str = "out") -> str:
    return make(house.ground, ALICE, New(kind, Scenario("", "none"), Play(playbook)))  # type: ignore[arg-type]


def test_it_begins_and_ends_in_the_book(house: House) -> None:
    drill = made(house)
    with conducting(house.app, drill, "alice", "a test") as conductor:
        assert exercise_of(house.app, drill).record.state == "running"
        conductor.measured("mails", sent=3, lost=0)
    found = record_of(house.app, drill)
    assert (found.state, found.outcome, found.mails.sent) == ("ended", "completed", 3)
    assert found.started and found.ended
    assert "clock of this machine" in found.integrity.clock_source
    assert found.shared_fate.state in {"ok", "risk"}
    assert found.shared_fate.at > 0
    with pytest.raises(Refused) as told, conducting(house.app, drill, "alice", "a test"):
        pass
    assert told.value.rule == "drill-over"


@pytest.mark.parametrize(
    ("error", "outcome"),
    [
        (Permanent("the relay is dead"), "failed"),
        (GateClosed("nobody answered", rule="gate-closed"), "rejected"),
        (Interrupted(2), "interrupted"),
        (KeyboardInterrupt(), "interrupted"),
        (asyncio.CancelledError(), "interrupted"),
        (ValueError("a fault of ours"), "interrupted"),
    ],
)
def test_what_breaks_it_is_no_success(house: House, error: BaseException, outcome: str) -> None:
    drill = made(house)
    with pytest.raises(type(error)), conducting(house.app, drill, "alice", "a test"):
        raise error
    assert record_of(house.app, drill).outcome == outcome


def test_never_two_at_once(house: House) -> None:
    one, two = made(house), made(house)
    with alone(house.app, one), pytest.raises(Refused) as told, conducting(house.app, two, "alice", "a test"):
        pass
    assert told.value.rule == "drill-live"
    assert exercise_of(house.app, two).record.state == "planned"
    with conducting(house.app, two, "alice", "a test"):
        assert not FileLock(house.app.configuration.state / LOCK).take()


def test_never_during_a_real_incident(house: House) -> None:
    drill = made(house)
    found, _ = house.book.open("exchange-online", "Mail is down", "ask", "watch")
    assert found.id in real_trouble(house.app)
    with pytest.raises(Refused) as told, conducting(house.app, drill, "alice", "a test"):
        pass
    assert told.value.rule == "incident-open"
    house.book.change(found.id, "closed_by_hand", fields={"state": "closed", "closed": 1.0})
    assert real_trouble(house.app) == ""
    with conducting(house.app, drill, "alice", "a test"):
        pass


def test_never_while_a_live_drill_is_left_at_the_relay(house: House) -> None:
    """Whoever played it was killed: its record is over, its run and its MX are not."""
    drill = made(house)
    left = house.holding(kind="drill")
    with pytest.raises(Refused) as told, conducting(house.app, drill, "alice", "a test"):
        pass
    assert told.value.rule == "drill-left-over"
    assert left in told.value.message
    assert exercise_of(house.app, drill).record.state == "planned"
    assert real_trouble(house.app) == "", "it stops nobody's answer to a real outage"


def test_a_drill_whose_process_was_killed_is_interrupted_not_played_on(house: House) -> None:
    drill = made(house)
    house.app.running.drills.append(drill, "began", "alice", {})
    with pytest.raises(Refused) as told, conducting(house.app, drill, "alice", "a test"):
        pass
    assert told.value.rule == "drill-over"
    found = record_of(house.app, drill)
    assert (found.outcome, "process" in found.reason) == ("interrupted", True)


def test_something_real_comes_between(house: House) -> None:
    drill = made(house)

    async def play(conductor) -> None:
        work = asyncio.ensure_future(asyncio.Event().wait())
        house.book.open("exchange-online", "Mail is down", "ask", "watch")
        await while_calm(conductor, work, 0.01)
        assert work.cancelled()

    with conducting(house.app, drill, "alice", "a test") as conductor:
        asyncio.run(play(conductor))
    found = record_of(house.app, drill)
    assert (found.outcome, "something real" in found.reason) == ("aborted", True)


def test_what_a_drill_raises_comes_through(house: House) -> None:
    async def play(conductor) -> None:
        async def work() -> None:
            raise Permanent("no")

        await while_calm(conductor, asyncio.ensure_future(work()), 5)

    drill = made(house)
    with pytest.raises(Permanent), conducting(house.app, drill, "alice", "a test") as conductor:
        asyncio.run(play(conductor))


def test_the_next_turn_is_planned_when_it_begins(house: House) -> None:
    drill = made(house)
    schedule(house.ground, ALICE, drill, Wish("2027-01-20 10:00", every="quarter"))
    with conducting(house.app, drill, "alice", "a test"):
        assert [p.slot.turn for p in planned(house.app)] == [1]


def test_a_dry_drill_says_would_run_and_writes_nothing(house: House) -> None:
    drill = made(house)
    with conducting(house.app, drill, "alice", "a test") as conductor:
        asyncio.run(play_dry(conductor))
    found = record_of(house.app, drill)
    assert found.runs == ()
    assert house.runs.ids() == []
    steps = {s.id: s for s in found.steps}
    assert set(steps) >= {"gate", "mx", "tool"}
    assert not any(s.executed for s in found.steps)
    assert not {s.result for s in found.steps} & {"ok", "unchanged"} or all(
        s.result != "ok" for s in found.steps if s.id in {"mx", "tool"}
    )
    assert found.outcome == "failed", "no name server answers here, and that is said"
    assert found.reason
    assert (found.playbooks[0].name, len(found.playbooks[0].checksum)) == ("out", 64)
    assert all(o.judged == "not-measured" for o in found.objectives)
    gate, mx = steps["gate"], steps["mx"]
    assert found.started <= gate.planned_start <= gate.planned_end == gate.planned_start + 600
    assert mx.planned_start >= gate.planned_end and mx.planned_end > mx.planned_start
    assert any(len(s.output_digest) == 64 for s in found.steps), "what was looked at has a digest of what it gave"


def test_a_dry_drill_needs_a_playbook(house: House) -> None:
    drill = made(house, playbook="")
    with pytest.raises(Invalid) as told, conducting(house.app, drill, "alice", "a test") as conductor:
        asyncio.run(play_dry(conductor))
    assert told.value.rule == "no-playbook"


def test_an_abort_stays_one_when_its_end_fails_too(house: House) -> None:
    drill = made(house)
    with pytest.raises(GateClosed), conducting(house.app, drill, "alice", "a test") as conductor:
        conductor.outcome, conductor.reason = "aborted", "the relay is dead"
        raise GateClosed("the way back ended failed")
    found = record_of(house.app, drill)
    assert (found.outcome, found.reason) == ("aborted", "the relay is dead; the way back ended failed")
