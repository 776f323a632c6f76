"""The look at what falls together asks for all hosts side by side; one that nobody answers for is no trouble."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace as Made

from bcp.deeds.readiness.wires import fate
from bcp.kernel.errors import Transient


class Dns:
    """Answers when as many hosts are asked for as there are; one by one nobody would ever hear of it."""

    def __init__(self, together: int, told: dict[str, str]) -> None:
        self.together, self.told, self.asked = together, told, 0
        self.all = asyncio.Event()

    async def look_up(self, host: str) -> Made:
        self.asked += 1
        if self.asked >= self.together:
            self.all.set()
        await asyncio.wait_for(self.all.wait(), 20)
        if host not in self.told:
            raise Transient(f"{host} is not answered for")
        return Made(cname=None, addresses=(self.told[host],))


def test_hosts_are_asked_for_side_by_side() -> None:
    async def work() -> dict[str, str]:
        mx = [Made(host=f"mx{n}.a.test") for n in (1, 2, 3)]
        dns = Dns(3, {"mx1.a.test": "203.0.113.5", "relay.b.test": "203.0.113.9"})
        world = Made(
            domains={"a.test": Made(dns="main", primary=Made(hosts=mx))},
            dns={"main": dns},
            relays={"mx-backup": Made(mx=[Made(host="relay.b.test")])},
            channels={},
        )
        app = Made(world=world, settings=Made(organisation=Made(status_page="https://corp.sharepoint.com/status")))
        found = await fate(app, Made(using=lambda relay: ("out",)))  # type: ignore[arg-type]
        return {c.code: c.state for c in found}

    assert asyncio.run(work()) == {"relay-fate": "ok", "page-fate": "risk"}
