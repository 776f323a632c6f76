"""The gate of a live run: what is written down and shown, whom it asks, how long it waits, and what is no answer."""

from __future__ import annotations

import asyncio

import pytest

from bcp.engine.approvals import DryApprovals, JournalApprovals
from bcp.engine.events import Progress
from bcp.engine.gate import Answer
from bcp.kernel.errors import GateClosed
from bcp.testing.clock import FakeClock

GROUPS = {"group:oncall": {"ann", "bob", "kim"}, "boss": {"eve"}}


class Journal:
    """Rows, as they are written."""

    def __init__(self) -> None:
        self.rows: list[tuple[str, dict]] = []

    async def record(self, kind: str, **data) -> None:
        self.rows.append((kind, data))

    def of(self, kind):
        return [d for k, d in self.rows if k == kind]


class House:
    """A gate of a run at a time that is told."""

    def __init__(self, *, standing=None, ways=None, also=(), clock=None) -> None:
        self.journal, self.clock, self.said = Journal(), clock or FakeClock(1000.0), []
        self.approvals = JournalApprovals(
            self.journal,
            self.clock,
            lambda refs: frozenset().union(*(GROUPS[r] for r in refs)),
            initiator="kim",
            checksum="plan",
            standing=lambda: standing or {},
            listener=self.said.append,
            ways=ways,
            also_initiators=also,
        )

    def answer(self, by, *, yes=True, at=1000.0, checksum="plan", step="ask"):
        self.approvals.answers.append(Answer(by, at, yes, checksum, step))

    def wait(self, count=1, timeout=600.0, refs=("group:oncall",), exclude=True, **more):
        async def work():
            async with asyncio.timeout(120):
                return await self.approvals.wait("ask", refs, count, timeout, exclude_initiator=exclude, **more)

        return asyncio.run(work())

    def closed(self, *args, **more):
        with pytest.raises(GateClosed) as caught:
            self.wait(*args, **more)
        return caught.value


def test_what_is_asked_is_written_down_and_shown() -> None:
    """Who may answer, until when, to which plan, about what; and who may not say yes."""
    house = House(also=["zoe"])
    house.answer("ann")
    found = house.wait(1, 600.0, about="mail goes back")
    assert (found.approved_by, found.how, found.at) == (("ann",), "answered", 1000.0)
    asked = {"deadline": 1600.0, "approvers": ["ann", "bob", "kim"], "checksum": "plan", "about": "mail goes back"}
    assert house.journal.rows == [
        ("gate_opened", {**asked, "step": "ask", "opened": 1000.0, "count": 1, "starters": ["kim", "zoe"]}),
        ("approved", {"step": "ask", "actor": "ann", "checksum": "plan"}),
        ("gate_closed", {"step": "ask", "result": "approved", "rule": ""}),
    ]
    assert house.said == [Progress(1000.0, "gate", "ask", "waiting for 1 approval(s)", asked)]


def test_where_the_initiator_may_approve_nobody_is_named_a_starter() -> None:
    house = House()
    house.answer("kim")
    assert house.wait(exclude=False).approved_by == ("kim",)
    assert house.journal.of("gate_opened")[0]["starters"] == []
    assert House().closed(3).rule == "approval-unanswerable"
    assert House().closed(3, exclude=False).rule == "gate-closed"


@pytest.mark.parametrize(("standing", "count", "open_"), [({"ann": "by card"}, 1, True), ({"ann": "x"}, 2, False)])
def test_what_was_said_in_advance_opens_it_without_asking(standing, count, open_) -> None:
    """Where it is enough, of people who are asked; how they said it is on record."""
    house = House(standing=standing)
    if not open_:
        assert house.closed(count).rule == "gate-closed"
        return
    found = house.wait(count)
    assert (found.approved_by, found.how, found.at) == (("ann",), "by card", 1000.0)
    row = {"step": "ask", "actor": "ann", "how": "by card", "checksum": "plan"}
    assert house.journal.rows == [("approved", row)] and house.said == []


def test_what_somebody_else_said_in_advance_opens_nothing() -> None:
    """And several of them are told together."""
    assert House(standing={"eve": "x"}).closed().rule == "gate-closed"
    both = House(standing={"ann": "by card", "eve": "x", "bob": "by mail"}).wait(2)
    assert (both.approved_by, both.how) == (("ann", "bob"), "by card; by mail")


def test_a_yes_in_advance_is_none_to_a_consequence() -> None:
    """That is shown when it is there."""
    house = House(standing={"ann": "by card"})
    assert house.closed(bound="undo").rule == "gate-closed"
    assert house.journal.of("gate_opened")[0]["checksum"] == "undo"
    house = House()
    house.answer("ann")
    assert house.closed(bound="undo").rule == "gate-closed"
    assert [d["reason"] for d in house.journal.of("answer_refused")] == ["it is for another plan"]
    house = House()
    house.answer("ann", checksum="undo")
    assert house.wait(bound="undo").approved_by == ("ann",)
    assert house.journal.of("approved")[0]["checksum"] == "undo"


def test_an_answer_that_does_not_count_is_told_once() -> None:
    """With its reason, in the record and to whoever watches; an answer to another gate is none of ours."""
    house = House()
    house.answer("eve")
    house.answer("eve")
    house.answer("ann", step="other")
    house.answer("bob", checksum="old")
    assert house.closed().rule == "gate-closed"
    reasons = {"eve": "this person may not approve", "bob": "it is for another plan"}
    rows = [{"step": "ask", "actor": p, "reason": r} for p, r in reasons.items()]
    assert house.journal.of("answer_refused") == rows
    told = [p for p in house.said if p.kind == "answer_refused"]
    assert told == [
        Progress(1000.0, "answer_refused", "ask", f"an answer of {p} does not count: {r}") for p, r in reasons.items()
    ]


def test_a_no_closes_it() -> None:
    """With its code; nothing was changed."""
    house = House()
    house.answer("bob", yes=False, step="")
    error = house.closed()
    assert str(error.message) == "ask: rejected by bob" and error.rule == "gate-closed"
    assert house.journal.of("gate_closed") == [{"step": "ask", "result": "rejected by bob", "rule": "rejected"}]
    assert house.journal.of("approved") == []


def test_silence_closes_it_when_the_time_is_over() -> None:
    """Not before."""
    house = House()
    house.closed(1, 60.0)
    assert 1060.0 <= house.clock.now() < 1061.0
    assert house.journal.of("gate_closed")[0]["rule"] == "no-answer"


class Held(FakeClock):
    """A wall clock that stands still while time passes."""

    async def sleep(self, seconds: float) -> None:
        self.steady += seconds
        await asyncio.sleep(0)


@pytest.mark.parametrize("timeout", [5.0, 60.0])
def test_a_wall_clock_that_is_held_buys_a_second(timeout) -> None:
    """The steady one closes it."""
    clock = Held(1000.0)
    began = clock.monotonic()
    house = House(clock=clock)
    house.closed(1, timeout)
    assert timeout + 1.0 < clock.monotonic() - began < timeout + 1.5
    (row,) = house.journal.of("gate_closed")
    assert row["rule"] == "no-answer" and "monotonic" in row["result"]


def test_a_gate_from_before_a_restart_goes_on_where_it_was() -> None:
    """Its deadline holds, it is not written down again, and is forgotten when it is over."""
    house = House()
    house.approvals.opened["ask"] = {"opened": 900.0, "deadline": 1030.0}
    house.approvals.opened["other"] = {"opened": 1.0, "deadline": 2.0}
    house.approvals.remember(
        [{"by": "ann", "at": "950", "yes": 1, "checksum": "old", "step": "ask"}],
    )
    assert house.approvals.answers == [Answer("ann", 950.0, True, "old", "ask")]
    house.closed()
    assert house.journal.of("gate_opened") == [] and 1030.0 <= house.clock.now() < 1031.0
    assert house.said[0].at == 900.0 and house.said[0].data["deadline"] == 1030.0
    assert list(house.approvals.opened) == ["other"]


class Frozen(FakeClock):
    """The process is stopped in its third sleep, for three hours; what was told meanwhile is heard a bit later."""

    def __init__(self, *told: Answer) -> None:
        super().__init__(1000.0)
        self.sleeps, self.told, self.house = 0, told, None

    async def sleep(self, seconds: float) -> None:
        self.sleeps += 1
        if self.sleeps == 3:
            self.set(self.now() + 10_800.0)
        if self.sleeps == 6:
            self.house.approvals.remember([vars_of(a) for a in self.told])
        await super().sleep(seconds)


def vars_of(answer: Answer) -> dict[str, object]:
    return {n: getattr(answer, n) for n in ("by", "at", "yes", "checksum", "step")}


@pytest.mark.parametrize("at", [1000.2, 1599.0])
def test_a_yes_that_was_given_in_time_to_a_frozen_process_is_heard(at) -> None:
    """Whether what it allows still holds is judged after it; that nobody answered would be false."""
    clock = Frozen(Answer("ann", at, True, "plan", "ask"))
    clock.house = house = House(clock=clock)
    assert house.wait(1, 600.0).approved_by == ("ann",)


@pytest.mark.parametrize("told", [(), (Answer("ann", 1601.0, True, "plan", "ask"),)])
def test_a_frozen_process_that_nobody_answered_in_time_closes_its_gate(told) -> None:
    """It listens for a moment, and no longer."""
    clock = Frozen(*told)
    clock.house = house = House(clock=clock)
    assert "no answer in time: 0 of 1" in house.closed(1, 600.0).message and clock.now() < 1000.0 + 10_803.0


def test_a_deadline_that_is_over_closes_a_gate_at_once() -> None:
    """However long the process was gone; an answer of that time counts."""
    house = House()
    house.approvals.opened["ask"] = {"opened": 100.0, "deadline": 700.0}
    assert house.closed().rule == "gate-closed" and house.clock.now() == 1000.0
    house = House()
    house.approvals.opened["ask"] = {"opened": 100.0, "deadline": 700.0}
    house.answer("ann", at=650.0)
    assert house.wait().approved_by == ("ann",)


def test_an_answer_is_heard_at_once() -> None:
    """Not when it is next time to look at the clock."""
    house = House()
    house.approvals.poll_s = 300.0

    async def later():
        wait = asyncio.ensure_future(
            house.approvals.wait("ask", ["group:oncall"], 1, 600.0, exclude_initiator=True, bound="", about="")
        )
        for _ in range(3):
            await asyncio.sleep(0)
        house.approvals.remember([{"by": "ann", "at": 1000.0, "yes": True, "checksum": "plan", "step": "ask"}])
        async with asyncio.timeout(120):
            return await wait

    class Patient(FakeClock):
        async def sleep(self, seconds: float) -> None:
            await asyncio.Event().wait()

    house.approvals.clock = Patient(1000.0)
    assert asyncio.run(later()).approved_by == ("ann",)


def one_phone(people):
    """All of them answer by the same number."""
    return {p: ["+1"] for p in people}


def test_people_who_share_a_phone_are_one_also_while_it_is_open() -> None:
    """And where that makes a gate hopeless, it does not open."""
    assert House(ways=one_phone).closed(2).rule == "approval-unanswerable"
    some = House(ways=lambda people: {p: ["+1"] if p in {"ann", "kim"} else [p] for p in people})
    some.answer("ann")
    some.answer("kim")
    error = some.closed(2, exclude=False)
    assert error.rule == "gate-closed" and "1 of 2" in str(error)


@pytest.mark.parametrize(
    ("refs", "count", "exclude", "also", "can"),
    [
        (("group:oncall",), 2, True, (), True),
        (("group:oncall",), 3, True, (), False),
        (("group:oncall",), 3, False, (), True),
        (("group:oncall",), 2, True, ("ann",), False),
        (("group:oncall", "boss"), 3, True, (), True),
    ],
)
def test_a_plan_is_told_whether_a_gate_can_open(refs, count, exclude, also, can) -> None:
    """Of a live run and of a dry one alike."""
    live = House(also=also).approvals
    assert (live.answerable(refs, count, exclude_initiator=exclude) == "") is can
    assert House(ways=one_phone).approvals.answerable(refs, 2, exclude_initiator=exclude) != ""
    if not also:
        dry = DryApprovals(live.people, "kim")
        assert (dry.answerable(refs, count, exclude_initiator=exclude) == "") is can
        assert DryApprovals(live.people, "kim", one_phone).answerable(refs, 2, exclude_initiator=exclude) != ""


def test_a_dry_run_asks_nobody() -> None:
    found = asyncio.run(DryApprovals(frozenset, "kim").wait("ask", [], 1, 1.0, exclude_initiator=True))
    assert (found.approved_by, found.at) == ((), 0.0) and "dry run" in found.how


def test_a_yes_to_what_was_asked_before_is_not_told_as_refused_when_more_is_asked() -> None:
    """A step that asks again (who entered a record, and it is not served) has heard that yes: it counted."""
    house = House()
    house.answer("ann", checksum="records")
    assert house.wait(bound="records").approved_by == ("ann",)
    for later in (1001.0, 1600.0):  # in the same moment it would otherwise count a second time
        house.clock.set(later)
        assert house.closed(1, 10.0, bound="records").rule == "gate-closed"
    assert not house.journal.of("answer_refused")
