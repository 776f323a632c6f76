"""A change that a person makes: every way it can go, in virtual time. Only what the servers serve is believed."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from bcp.contracts.action import NoLongerHolds, StepInfo
from bcp.contracts.dns import ByHand, Capabilities, Domain, Guard, MxHost, MxSet, Reading, SwapOrder, SwapState
from bcp.contracts.services import Halt, Verdict
from bcp.kernel.errors import GateClosed, NoAnswer
from bcp.mx.by_hand import amiss, entered, requested, stands, still_to_come
from bcp.testing.clock import FakeClock

OLD, NEW = MxSet((MxHost(0, "old.test."),), 3600), MxSet((MxHost(10, "relay.test."),), 300)
OTHER, LONG = MxSet((MxHost(10, "else.test."),), 300), MxSet(NEW.hosts, 3600)
ORDER = SwapOrder("corp.test", OLD, NEW)
HANDS = ByHand(("alice",), ("group:oncall",), lambda orders: f"enter {orders[0].new}", 600.0, 3300.0, 120.0)


class Town:
    """People who answer at a time, and servers that change at a time."""

    def __init__(self, served: dict[float, MxSet | None], answers: list[tuple[float, bool] | None]) -> None:
        self.clock, self.start = FakeClock(), 0.0
        self.start = self.clock.monotonic()
        self.changes, self.script, self.halt = served, list(answers), Halt()
        self.asked: list[tuple[float, tuple[str, ...], str, str]] = []
        self.dns = {"main": self}
        self.domains = {"corp.test": Domain("corp.test", "main")}
        self.approvals = self
        self.hopeless, self.capabilities = "", Capabilities(guard=Guard.NONE, by_hand=HANDS)

    @property
    def now(self) -> float:
        return self.clock.monotonic() - self.start

    async def read(self, domains):
        """``changes`` of a domain: its own, else those of all."""
        return [self._read(d) for d in domains]

    def _read(self, d):
        mx: MxSet | None = OLD
        for at, there in sorted(self.changes.get(d, self.changes).items()):
            mx = there if self.now >= at else mx
        return Reading(d, d, mx, problem="" if mx else "the servers do not agree")

    def answerable(self, who, count, *, exclude_initiator):
        return self.hopeless

    async def wait(self, step, approvers, count, timeout_s, *, exclude_initiator, bound="", about=""):
        assert (step, count, exclude_initiator) == ("mx", 1, False)
        self.asked.append((self.now, tuple(approvers), about, bound))
        answer = self.script.pop(0) if self.script else None
        if answer is None:
            await self.clock.sleep(timeout_s)
            raise NoAnswer("no answer in time")
        await self.clock.sleep(answer[0])
        if not answer[1]:
            raise GateClosed("rejected by alice")
        return Verdict(("alice",), self.clock.now())

    def play(self):
        async def work():
            (swap,) = await entered([ORDER], HANDS, self, self, StepInfo("mx", "key"), self.halt)
            return swap

        return asyncio.run(work())


@pytest.mark.parametrize(
    ("served", "answers", "state", "asked"),
    [
        ({0: NEW}, [], SwapState.APPLIED, []),
        ({90: NEW}, [(100, True)], SwapState.APPLIED, ["alice"]),
        ({90: NEW}, [None], SwapState.APPLIED, ["alice"]),
        ({150: NEW}, [(100, True)], SwapState.APPLIED, ["alice"]),
        ({700: NEW}, [None, None], SwapState.APPLIED, ["alice", "group:oncall"]),
        ({700: NEW}, [(100, True), None], SwapState.APPLIED, ["alice", "group:oncall"]),
        ({}, [(100, False)], SwapState.REFUSED, ["alice"]),
        ({}, [], SwapState.UNKNOWN, ["alice"] + ["group:oncall"] * 5),
        ({50: OTHER}, [(100, False)], SwapState.CONFLICT, ["alice"]),
        ({50: None}, [], SwapState.UNKNOWN, ["alice"] + ["group:oncall"] * 5),
        ({50: None}, [(100, False)], SwapState.UNKNOWN, ["alice"]),
        ({50: MxSet((*OLD.hosts, *NEW.hosts), 300)}, [], SwapState.UNKNOWN, ["alice"] + ["group:oncall"] * 5),
        ({50: MxSet((MxHost(0, "relay.test."),), 300)}, [], SwapState.UNKNOWN, ["alice"] + ["group:oncall"] * 5),
        ({50: OTHER}, [], SwapState.CONFLICT, ["alice"] + ["group:oncall"] * 5),
    ],
)
def test_only_what_the_servers_serve_is_believed(served, answers, state, asked) -> None:
    """A yes alone is nothing; entered without a yes is enough; nothing changed: others are asked, at last in doubt."""
    town = Town(served, answers)
    swap = town.play()
    assert swap.state is state, swap
    assert [who[0] for _, who, _, _ in town.asked] == asked
    assert town.now <= HANDS.give_up_s + HANDS.appear_s
    assert len({bound for *_, bound in town.asked}) <= 1, "a yes is bound to these records"


def test_what_went_wrong_stands_before_the_words() -> None:
    town = Town({2000: NEW}, [(100, True), None, None, None])
    assert town.play().state is SwapState.APPLIED
    first, second, third, *_ = [about for _, _, about, _ in town.asked]
    assert first == "enter 10 relay.test. (TTL 300)" or first.startswith("enter ")
    assert second.startswith("Said to be done, and the servers do not serve it. enter")
    assert third.startswith("Nothing has changed yet. enter")


BOTH, SLIP = MxSet((*OLD.hosts, *NEW.hosts), 300), MxSet((MxHost(10, "relya.test."),), 300)
APPENDED, RANKED = MxSet((MxHost(10, "relay.test.corp.test."),), 300), MxSet((MxHost(1, "relay.test."),), 300)


@pytest.mark.parametrize(
    ("served", "words"),
    [
        (OLD, ""),
        (None, ""),
        (NEW, ""),
        (BOTH, "corp.test has the new record and still the old one: delete the old one. "),
        (SLIP, "10 relya.test.; that is not what was asked for: the host must be exactly relay.test. "),
        (APPENDED, "the form added the zone's name to the host: end the host with a dot. "),
        (RANKED, "corp.test now has 1 relay.test.; that is not what was asked for: the priority must be 10. "),
        (MxSet((*OLD.hosts, *SLIP.hosts), 300), "corp.test now has 10 relya.test.; that is not what was asked for"),
    ],
)
def test_what_was_entered_wrong_is_said(served, words) -> None:
    """*Nothing has changed* would be untrue, and *the servers do not serve it* would send people to the servers."""
    found = amiss(ORDER, served)
    assert words in found and bool(found) == bool(words)


@pytest.mark.parametrize(("answer", "old"), [(None, "Nothing has changed"), ((100, True), "Said to be done")])
def test_the_next_who_is_asked_hears_what_stands_there(answer, old) -> None:
    town = Town({50: SLIP, 1500: NEW}, [answer, None, None, None])
    assert town.play().state is SwapState.APPLIED
    second = town.asked[1][2]
    assert second.startswith("corp.test now has 10 relya.test.") and old not in second


@pytest.mark.parametrize("answer", [None, (100, True)])
def test_entered_at_one_of_two_servers_is_neither_nothing_nor_done(answer) -> None:
    """A part of the mail follows it already: *nothing has changed* would be untrue."""
    town = Town({50: None, 1500: NEW}, [answer, None, None, None])
    assert town.play().state is SwapState.APPLIED
    assert town.asked[1][2].startswith("corp.test: the servers do not agree. enter")
    refused = Town({50: None}, [(100, False)]).play()
    assert "the servers do not agree" in refused.message and "Nothing was changed" not in refused.hint


def test_who_is_asked_next_is_asked_for_what_is_left_alone() -> None:
    town = Town({"one.test": {50: NEW}, "two.test": {700: NEW}}, [None, None])
    town.domains = {n: Domain(n, "main") for n in ("one.test", "two.test")}
    hands = replace(HANDS, words=lambda orders: "enter " + ", ".join(o.domain for o in orders))
    orders = [SwapOrder(n, OLD, NEW) for n in town.domains]
    swaps = asyncio.run(entered(orders, hands, town, town, StepInfo("mx", "key"), town.halt))
    assert [s.state for s in swaps] == [SwapState.APPLIED] * 2
    first, second = [about for _, _, about, _ in town.asked]
    assert (first, second) == ("enter one.test, two.test", "1 of 2 are done. enter two.test")
    assert len({bound for *_, bound in town.asked}) == 1, "a yes is bound to these records"


@pytest.mark.parametrize(
    ("there", "since", "words"),
    [
        (OLD, 0.0, ""),
        (OLD, 3299.0, ""),
        (
            OLD,
            3300.0,
            "is served as 0 old.test. (TTL 3600). It was asked for 10 relay.test. (TTL 300), and somebody may",
        ),
        (None, 3300.0, "is served as the servers do not agree."),
        (MxSet((*OLD.hosts, *NEW.hosts), 300), 9000.0, "still the old one: delete the old one. It was asked for"),
        (NEW, 9000.0, ""),
    ],
)
def test_what_was_given_up_may_still_be_entered(there, since, words) -> None:
    """``since``: so long ago people were first asked; 0: nobody knows."""
    town = Town({}, [])
    seen = {"corp.test": Reading("corp.test", "corp.test", there, problem="" if there else "the servers do not agree")}
    found = still_to_come([ORDER], seen, town, town.clock.now() - since if since else 0.0)
    assert words in found and bool(found) == bool(words)
    town.capabilities = Capabilities()
    assert still_to_come([ORDER], seen, town, town.clock.now() - 9000.0) == "", "a host with an interface has no hands"


def test_another_ttl_than_asked_for_is_taken_and_told() -> None:
    """Forms have their own TTLs; the hosts are what mail follows."""
    swap = Town({10: LONG}, [None]).play()
    assert swap.state is SwapState.APPLIED and "3600 s" in swap.message
    assert not stands(SwapOrder("corp.test", LONG, NEW), LONG), "where only the TTL is to move, it counts"


def test_a_run_that_is_aborted_waits_for_nobody() -> None:
    town = Town({}, [])
    town.halt.on = True
    assert town.play().state is SwapState.UNKNOWN and not town.asked
    late = Town({}, [])

    async def work():
        task = asyncio.ensure_future(entered([ORDER], HANDS, late, late, StepInfo("mx", "key"), late.halt))
        await asyncio.sleep(0.01)
        late.halt.on = True
        return await task

    (swap,) = asyncio.run(work())
    assert swap.state is SwapState.UNKNOWN and len(late.asked) <= 8


def test_a_plan_shows_the_words_and_is_refused_where_nobody_could_be_asked() -> None:
    town = Town({}, [])
    found = requested([ORDER], town)
    assert found.notes and found.notes[0].startswith("main: enter ") and not found.refusals
    town.hopeless = "nobody is in it"
    assert [r.rule for r in requested([ORDER], town).refusals] == ["dns.nobody-enters"]
    town.capabilities = Capabilities()
    assert requested([ORDER], town).notes == ()


class Judged(Town):
    """The same, and what a judgement says at a time."""

    def __init__(self, served, answers, broken: dict[float, str]) -> None:
        super().__init__(served, answers)
        self.broken = broken

    async def wait(self, *given, **more):
        """Second by second: others look meanwhile."""
        end = self.now + (self.script[0][0] if self.script else given[3])
        while self.now < end:
            await self.clock.sleep(1.0)
        if self.script:
            self.script[0] = (0.0, self.script[0][1])
            return await super().wait(*given, **more)
        raise NoAnswer("no answer in time")

    async def still(self) -> None:
        rule = next((r for at, r in sorted(self.broken.items(), reverse=True) if self.now >= at), "")
        if rule:
            error = NoLongerHolds(f"because of {rule}")
            error.broken = (rule,)
            raise error

    def play(self):
        async def work():
            (swap,) = await entered([ORDER], HANDS, self, self, StepInfo("mx", "key", still=self.still), self.halt)
            return swap

        return asyncio.run(work())


@pytest.mark.parametrize(
    ("served", "answers", "broken", "state", "ends_by"),
    [
        ({}, [], {200: "service-well"}, SwapState.UNKNOWN, 330),
        ({}, [], {0: "domain-well"}, SwapState.UNKNOWN, 130),
        ({}, [], {900: "service-down"}, SwapState.UNKNOWN, 1030),
        ({}, [], {100: "plan-expired"}, SwapState.UNKNOWN, 3400),
        ({}, [], {55: "service-well", 65: ""}, SwapState.UNKNOWN, 3400),
        ({20: NEW}, [], {0: "service-well"}, SwapState.APPLIED, 30),
        ({150: NEW}, [(50, True)], {0: "service-well"}, SwapState.APPLIED, 160),
    ],
)
def test_nobody_is_asked_for_what_would_do_harm_by_now(served, answers, broken, state, ends_by) -> None:
    """The service works again while a person looks for the registrar's log-in: said, and in doubt, since it may still
    be entered. One look alone ends nothing, nor does the age of the plan; who says that it is done is believed."""
    town = Judged(served, answers, broken)
    swap = town.play()
    assert swap.state is state and ends_by - 160 <= town.now <= ends_by
    harm = ends_by < 2000 and state is SwapState.UNKNOWN
    assert ("nobody is asked any longer: because of" in swap.message) is harm
    assert "bcp settle" in swap.hint or state is SwapState.APPLIED
