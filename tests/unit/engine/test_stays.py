"""While a run holds the MX is looked at every minute; that somebody put it back is an event, said once."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

from unit.mx.worlds import DOMAIN, OTHER, PRIMARY, RELAY

from bcp.contracts.dns import Answer, Capabilities, Domain, Serial
from bcp.engine import stays
from bcp.engine.runner import Runner
from bcp.engine.state import RunState, StepState
from bcp.kernel.errors import Permanent
from bcp.testing.clock import FakeClock


class Dns:
    """Serves what the test says."""

    def __init__(self) -> None:
        self.mx: Any = RELAY
        self.serial: Any = 7
        self.looked: list[list[str]] = []
        self.others: tuple[Any, ...] = ()
        """What further servers have."""
        self.asked: list[list[str]] = []

    async def serials(self, domains):
        self.looked.append(list(domains))
        if isinstance(self.serial, Exception):
            raise self.serial
        return [Serial(d, "192.0.2.1", self.serial) for d in domains]

    async def answers(self, domains):
        self.asked.append(list(domains))
        if isinstance(self.mx, Exception):
            raise self.mx
        sets = enumerate((self.mx, *self.others), 1)
        return [Answer(d, f"192.0.2.{i}", mx) for i, mx in sets for d in domains]


class Look:
    """A run that has moved these domains, and what it noted."""

    def __init__(self, *domains: str, status: str = "ok") -> None:
        self.dns, self.clock, self.noted, self.back = Dns(), FakeClock(), [], False
        names = domains or (DOMAIN,)
        services: Any = SimpleNamespace(
            clock=self.clock,
            dns={"main": self.dns},
            domains={d: Domain(d, "main") for d in names},
            relays={},
            run=SimpleNamespace(id="run-1"),
        )
        outputs = {"after": {d: RELAY.to_data() for d in names}}
        state = RunState(steps={"mx": StepState("mx", "activation", status, outputs=outputs)})
        self.stays = stays.Stays(services, state, self.note, lambda: self.back)

    async def note(self, kind: str, *, step: str = "", actor: str = "", **data: Any) -> None:
        self.noted.append((kind, data))

    def minute(self, mx: Any = RELAY) -> list[str]:
        """A minute later it is this; the kinds that were noted."""
        self.dns.mx = mx
        asyncio.run(self.clock.sleep(stays.EVERY_S))
        before = len(self.noted)
        asyncio.run(self.stays.look())
        return [k for k, _ in self.noted[before:]]


def test_what_stays_is_looked_at_each_minute_and_says_nothing() -> None:
    look = Look()
    asyncio.run(look.stays.look())
    assert look.dns.asked == [], "not before a minute"
    assert look.minute() == [] and look.minute() == [] and len(look.dns.asked) == 2


def test_a_reversal_is_said_once_and_its_end_too() -> None:
    look = Look()
    assert look.minute(PRIMARY) == ["mx_reverted"]
    kind, data = look.noted[0]
    assert data["rule"] == "dns.reverted" and data["domains"] == {DOMAIN: str(PRIMARY)} and data["run"] == "run-1"
    assert DOMAIN in data["summary"] and "put it back" in data["summary"]
    assert look.minute(PRIMARY) == [], "it is known"
    assert look.minute(OTHER) == ["mx_reverted"], "it was changed again"
    assert look.minute(RELAY) == ["mx_stands"] and look.noted[-1][1]["domains"] == [DOMAIN]
    assert look.minute(PRIMARY) == ["mx_reverted"]


def test_of_several_hosts_one_that_was_put_back_is_a_mixture_once_it_is_seen_twice() -> None:
    look = Look()
    look.dns.capabilities = Capabilities(together=("host-a", "host-b"))
    look.dns.others = (PRIMARY,)
    assert look.minute() == [], "it may only be behind"
    assert look.minute() == ["mx_reverted"] and look.noted[-1][1]["domains"] == {DOMAIN: str(PRIMARY)}
    look.dns.others = (RELAY,)
    assert look.minute() == ["mx_stands"]
    look.dns.others = (PRIMARY,)
    assert look.minute() == [], "a new doubt begins anew"
    single = Look()
    single.dns.others = (PRIMARY,)
    assert single.minute() == [] and single.minute() == [], "a secondary of one host may be behind for long"


def test_a_serial_that_is_lower_twice_is_an_event_said_once_until_it_caught_up() -> None:
    look = Look()
    asyncio.run(look.stays.look())
    assert look.dns.looked == [[DOMAIN]] and look.dns.asked == [], "as the hold begins"
    asyncio.run(look.stays.look())
    assert len(look.dns.looked) == 1, "then each minute"
    look.dns.serial = 5
    assert look.minute() == [], "one address may be many machines"
    assert look.minute() == ["serial_backwards"] and look.minute() == []
    data = look.noted[-1][1]
    assert data["rule"] == "dns.serial-backwards" and data["zones"] == {DOMAIN: 5} and data["run"] == "run-1"
    assert f"{DOMAIN} at 192.0.2.1: 7 before, 5 now" in data["summary"] and "rndc freeze" in data["summary"]
    look.dns.serial = 8
    assert look.minute() == []
    look.dns.serial = 7
    assert look.minute() == [] and look.minute() == ["serial_backwards"]


def test_serials_that_cannot_be_read_are_no_finding_and_hide_none() -> None:
    look = Look()
    look.dns.serial = Permanent("no")
    asyncio.run(look.stays.look())
    assert look.minute(PRIMARY) == ["mx_reverted"] and look.minute(PRIMARY) == []
    back = Look()
    back.back = True
    asyncio.run(back.stays.look())
    assert back.minute() == [] and back.dns.looked == []


def test_while_a_run_goes_back_the_mx_may_move() -> None:
    look = Look()
    look.back = True
    assert look.minute(PRIMARY) == [] and look.dns.asked == []


def test_a_run_that_begins_to_go_back_during_the_look_is_no_alarm() -> None:
    look = Look()
    turns = iter([False, True])
    look.stays.goes_back = lambda: next(turns)
    assert look.minute(PRIMARY) == []


def test_a_look_that_fails_is_no_finding() -> None:
    look = Look()
    assert look.minute(Permanent("no")) == []
    assert look.minute(PRIMARY) == ["mx_reverted"]
    assert look.minute(Permanent("no")) == [] and look.stays.gone, "nor is it the end of one"


def test_what_was_not_moved_or_is_not_ours_any_more_is_not_looked_at() -> None:
    assert Look(status="failed").minute(PRIMARY) == []
    look = Look()
    look.stays.services.domains.clear()
    assert look.minute(PRIMARY) == [] and look.dns.asked == []


def test_many_domains_take_turns(monkeypatch) -> None:
    monkeypatch.setattr(stays, "AT_ONCE", 2)
    look = Look("a.test", "b.test", "c.test")
    for _ in range(3):
        look.minute()
    assert look.dns.asked == [["a.test", "b.test"], ["c.test", "a.test"], ["b.test", "c.test"]]


def test_a_server_that_hangs_keeps_nobody_waiting(monkeypatch) -> None:
    monkeypatch.setattr(stays, "LOOK_S", 0.02)
    look = Look()

    async def never(domains):
        await asyncio.Event().wait()

    look.dns.answers = never
    assert look.minute(PRIMARY) == []


def test_a_runner_that_holds_looks_until_it_is_recovered(monkeypatch) -> None:
    """The look is a part of the hold: the loop itself calls it."""
    runner = object.__new__(Runner)
    looked = []

    class Counting:
        async def look(self) -> None:
            looked.append(1)
            runner.state.recovered = len(looked) == 2

    async def nothing(*_: Any) -> None:
        return None

    runner.services = SimpleNamespace(clock=FakeClock())
    runner.state = SimpleNamespace(hold_since=0.0, recovered=False, steps={}, failing=lambda: False)
    runner.stopping, runner.broken, runner._tasks, runner.listener = "", None, {}, lambda p: None
    runner.moves = SimpleNamespace(raise_fault=lambda: None, withhold=nothing)
    runner.stays = Counting()
    monkeypatch.setattr(runner, "_pause", nothing)
    asyncio.run(runner._hold_on([]))
    assert len(looked) == 2
