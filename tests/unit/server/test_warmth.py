"""The daemon keeps DNS hosts ready: asked again and again, and a problem is said once."""

from __future__ import annotations

import asyncio
import logging
from types import SimpleNamespace

import pytest

from bcp.contracts.dns import ByHand, Capabilities, Domain, Warmth
from bcp.server.parts.warmth import EVERY_S
from bcp.server.parts.warmth import Warmth as Part
from bcp.testing.clock import FakeClock


class Host:
    def __init__(self, *problems: str, by_hand: ByHand | None = None) -> None:
        self.script, self.asked = list(problems), []
        self.capabilities = Capabilities(by_hand=by_hand)

    async def warm(self, domains):
        self.asked.append(list(domains))
        problem = self.script.pop(0) if self.script else ""
        return Warmth(problems={"a.test": problem} if problem else {})


def core(**hosts) -> SimpleNamespace:
    domains = {d: Domain(d, "main") for d in ("a.test", "b.test")} | {"c.test": Domain("c.test", "hand")}
    return SimpleNamespace(clock=FakeClock(), app=SimpleNamespace(world=SimpleNamespace(dns=hosts, domains=domains)))


def test_every_host_is_asked_for_its_domains_and_a_person_is_not() -> None:
    main, hand = Host(), Host(by_hand=ByHand((), (), lambda orders: ""))
    asyncio.run(Part(core(main=main, hand=hand, other=Host())).once())
    assert main.asked == [["a.test", "b.test"]] and hand.asked == []


def test_a_problem_is_said_when_it_changes(caplog) -> None:
    main = Host("no token", "no token", "", "no token", "locked")
    part = Part(core(main=main))
    with caplog.at_level(logging.WARNING):
        for _ in range(5):
            asyncio.run(part.once())
    said = [r.getMessage() for r in caplog.records]
    assert said == [f"a.test is not ready at main: {w}" for w in ("no token", "no token", "locked")]


def test_it_goes_on_by_the_clock() -> None:
    main = Host()
    part = Part(core(main=main))

    async def work() -> None:
        task = asyncio.ensure_future(part.run())
        while len(main.asked) < 4:
            await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(work())
    assert part.core.clock.steady >= 3 * EVERY_S
