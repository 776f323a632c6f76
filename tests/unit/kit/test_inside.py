"""Resolvers inside our network: each is asked for each domain, and silence is a result."""

from __future__ import annotations

import asyncio

from unit.kit.dns_servers import Servers, failing, zone

from bcp.contracts.dns import MxHost, MxSet
from bcp.kit import inside
from bcp.kit.inside import InsideResolvers

HERE = {("corp.test.", "MX"): ["5 Exchange.inside.test."]}


def test_each_tells_what_it_has_and_one_that_fails_is_told_as_that(monkeypatch) -> None:
    monkeypatch.setattr(inside, "LOOK_S", 1.0)

    async def work():
        async with Servers(a=zone(HERE), b=failing) as there:
            view = InsideResolvers({"office": there.at("a"), "plant": there.at("b"), "gone": "127.0.0.1:1"})
            return {i.resolver: i for i in await view.look(["corp.test"])}

    found = asyncio.run(work())
    assert found["office"].mx == MxSet((MxHost(5, "exchange.inside.test."),), 60) and found["office"].problem == ""
    assert "SERVFAIL" in found["plant"].problem and "plant" in found["plant"].problem and found["plant"].mx is None
    assert found["gone"].problem and found["gone"].domain == "corp.test"
