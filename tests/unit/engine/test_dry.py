"""A dry run's DNS: everything is read for real, the change is proved, nothing is written."""

from __future__ import annotations

import asyncio

import pytest
from unit.mx.worlds import DOMAIN, PRIMARY, RELAY

from bcp.contracts.dns import Guard, Permission, Proof, SwapOrder, SwapState
from bcp.contracts.dns_settings import DnsSettings
from bcp.contracts.relay import QueuedMail
from bcp.engine.dry import DryDns, DryRelay
from bcp.mx.host import Host
from bcp.testing.clock import FakeClock
from bcp.testing.memory_dns import MemoryDns, MemorySettings, MemoryWriter

ORDER = SwapOrder(DOMAIN, PRIMARY, RELAY)


def dry(guard=Guard.STRONG, *, allowed=True):
    clock = FakeClock()
    writer = MemoryWriter("main", MemorySettings(kind="memory", guard=guard, allowed=allowed), clock, {})
    writer.provider = MemoryDns({DOMAIN}, {DOMAIN: PRIMARY})
    settings = DnsSettings.model_validate({"kind": "x", "resolvers": ["127.0.0.1:1"], "timeout": "200ms"})
    return DryDns(Host("main", writer, settings, clock, {DOMAIN: DOMAIN})), writer


@pytest.mark.parametrize(
    ("guard", "allowed", "state"),
    [
        (Guard.STRONG, True, SwapState.APPLIED),
        (Guard.STRONG, False, SwapState.REFUSED),
        (Guard.NONE, True, SwapState.APPLIED),
    ],
)
def test_a_swap_is_proved_and_not_made(guard, allowed, state) -> None:
    """A host that cannot say is not one that says no."""
    dns, writer = dry(guard, allowed=allowed)
    (swap,) = asyncio.run(dns.swap([ORDER]))
    assert swap.state is state and swap.found == PRIMARY and writer.provider.changes == {}
    assert bool(swap.message) is (state is SwapState.REFUSED or guard is Guard.NONE)


def test_everything_else_goes_through() -> None:
    dns, writer = dry()

    async def work():
        assert (await dns.read([DOMAIN]))[0].mx == PRIMARY
        assert await dns.prove([ORDER]) == [Proof(DOMAIN, Permission.ALLOWED)]
        assert (await dns.warm([DOMAIN])).zones == {DOMAIN: DOMAIN}
        assert (await dns.answers([DOMAIN]))[0].problem
        assert (await dns.look_up("relay.test.")).problem and (await dns.signed([DOMAIN]))[0].expires is None
        assert (await dns.delegations([DOMAIN]))[0].world == () and (await dns.mta_sts(DOMAIN)).unasked
        for look in (dns.text("x.test"), dns.tlsa("x.test")):
            with pytest.raises(Exception, match="cannot be looked up"):
                await look
        await dns.close()

    asyncio.run(work())
    assert dns.capabilities == writer.capabilities


def test_what_the_relay_holds_is_really_read() -> None:
    """A plan of the way back that says *0 held* has looked."""
    mails = [QueuedMail("Q1", "a@x.test", ("b@corp.test",), 1.0)]

    class Real:
        name, mx, can_count = "mx-backup", (), True
        asked = 0

        async def queue(self):
            return mails

        async def drain(self, domains):
            self.asked += 1

    real = Real()
    relay = DryRelay(real)
    assert asyncio.run(relay.queue()) == mails
    asyncio.run(relay.drain(["corp.test"]))
    assert real.asked == 0
