"""What ends a live drill early: a bad service, an incident, a relay that takes no mail, a watch that fails."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from types import SimpleNamespace
from typing import Any

import pytest
from unit.deeds.house import NEW, House

from bcp.contracts.dns import MxHost
from bcp.contracts.relay import Relay, RelayProbe
from bcp.kernel.errors import Permanent, StorageError
from bcp.rehearse.live import Live
from bcp.rehearse.played import PlayedLooker
from bcp.rehearse.vigil import carriers, relay_trouble, trouble

YES = RelayProbe("192.0.2.1:25", True, code=250, host="relay.test.")
NO = RelayProbe("192.0.2.1:25", False, code=451, message="451 not now", host="relay.test.")
DEAD = RelayProbe("192.0.2.2:25", False, message="connection refused", host="other.test.")


class Asked:
    """A relay that answers one list after the other, the last one for ever."""

    name, can_count = "mx-backup", False

    def __init__(self, *answers: Sequence[RelayProbe] | Exception, host: str = "relay.test.") -> None:
        self.answers, self.mx = list(answers), (MxHost(10, host),)

    async def probe(self, domain: str, recipient: str) -> list[RelayProbe]:
        found = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(found, Exception):
            raise found
        return list(found)


def relays(*answers: Any) -> dict[str, Relay]:
    return {"mx-backup": Asked(*answers)}


def looks(state: str | Exception) -> Callable[[], Any]:
    async def look() -> dict[str, str]:
        if isinstance(state, Exception):
            raise state
        return {"state": state}

    return look


def found(house: House, state: str | Exception = "healthy", **carry: Relay) -> str:
    return asyncio.run(trouble(house.app, looks(state), carry or relays([YES]), ["corp.test"]))


@pytest.mark.parametrize(
    ("state", "bad"),
    [("healthy", False), ("unknown", False), (Permanent("no"), False), ("suspect", True), ("down", True)],
)
def test_a_service_that_is_bad_ends_it_and_one_that_cannot_be_seen_does_not(house, state, bad: bool) -> None:
    assert bool(found(house, state)) is bad


def test_an_incident_ends_it(house: House) -> None:
    one, _ = house.book.open("exchange-online", "Mail is down", "ask", "watch")
    assert one.id in found(house)


def test_a_relay_that_fails_once_is_asked_again(house: House) -> None:
    assert found(house, **relays([NO], [YES])) == ""
    assert "451 not now" in found(house, **relays([NO], [NO]))


@pytest.mark.parametrize(
    ("answers", "words"),
    [
        ([YES], ""),
        ([YES, DEAD], ""),  # senders pass over a host that is dead (RFC 5321 section 5.1)
        ([DEAD], "connection refused"),
        ([YES, NO], "451 not now"),
        ([], "it has no address"),
        (Permanent("the relay has no name"), "cannot be asked: the relay has no name"),
    ],
)
def test_would_the_relay_take_mail(answers: Any, words: str) -> None:
    said = asyncio.run(relay_trouble(relays(answers), ["corp.test"]))
    assert (words in said) if words else said == ""


def test_relays_are_those_that_the_plan_points_at() -> None:
    steps = [SimpleNamespace(outputs={"after": {"corp.test": NEW.to_data()}}), SimpleNamespace(outputs={})]
    there = {"mine": Asked([YES]), "other": Asked([YES], host="elsewhere.test.")}
    app: Any = SimpleNamespace(world=SimpleNamespace(relays=there))
    assert list(carriers(app, SimpleNamespace(steps=steps))) == ["mine"]  # type: ignore[arg-type]


class Told:
    """Remembers what a run was told."""

    def __init__(self) -> None:
        self.said: list[tuple[str, str]] = []

    def tell(self, run: str, kind: str, actor: str, **data: Any) -> None:
        self.said.append((kind, data["reason"]))


def watched(house: House, bad: Callable[[], Any], *, returning: bool = False) -> tuple[Any, Told, PlayedLooker]:
    """A live drill's watch until it has seen something."""
    conductor: Any = SimpleNamespace(app=house.app, outcome="completed", reason="", actor="alice")
    told, looker = Told(), PlayedLooker("B", house.app.clock.now)
    app: Any = SimpleNamespace(clock=house.app.clock, running=SimpleNamespace(runs=told))
    asyncio.run(Live(conductor, looks("suspect"), returning=returning)._watch(app, "run-1", looker, bad))
    return conductor, told, looker


async def _bad() -> str:
    return "the relay is dead"


async def _blind() -> str:
    raise StorageError("the disk is full")


async def _fault() -> str:
    raise ValueError("ours")


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        (_bad, "the relay is dead"),
        (_blind, "the drill cannot be watched: the disk is full"),
        (_fault, "the drill cannot be watched: ValueError('ours')"),
    ],
)
def test_it_is_aborted_and_the_run_hears_why_and_the_truth(house: House, bad: Any, reason: str) -> None:
    conductor, told, looker = watched(house, bad)
    assert (conductor.outcome, conductor.reason) == ("aborted", reason)
    assert told.said == [("abort", reason)]
    assert asyncio.run(looker.fresh()) == {"state": "suspect"}  # type: ignore[arg-type]


def test_once_it_is_on_its_way_back_nobody_is_asked_to_move_mail_back(house: House) -> None:
    conductor, told, _ = watched(house, _bad, returning=True)
    assert (conductor.outcome, told.said) == ("aborted", [])
