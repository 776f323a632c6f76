"""A zone at two name servers, over the wire with TSIG: the configuration makes them one, and none moves alone."""

from __future__ import annotations

import asyncio
import base64
from dataclasses import dataclass

import dns.rdatatype
import pytest
from unit.mx.worlds import OTHER, PRIMARY, RELAY

from bcp.contracts.dns import MxSet, Swap, SwapOrder, SwapState
from bcp.kernel.clock import SystemClock
from bcp.lab.nameserver import NameServer, Zone
from bcp.lab.net import free_port
from bcp.settings import load
from bcp.wiring.world import World

SECRET = base64.b64encode(b"s3cret-never-shown-0123456789abc").decode()
DOMAIN = "corp.test"


def zone(mx: MxSet = PRIMARY) -> Zone:
    return Zone(DOMAIN, [("@", mx.ttl_s, "MX", [str(h) for h in mx.hosts]), ("@", 60, "NS", ["ns1.corp.test."])])


@dataclass
class Two:
    """Both servers, and the world of a configuration that names both."""

    a: NameServer
    b: NameServer
    world: World

    async def swap(self, old: MxSet = PRIMARY, new: MxSet = RELAY) -> Swap:
        (done,) = await self.world.dns["a+b"].swap([SwapOrder(DOMAIN, old, new)])
        return done

    def mx(self) -> list[str]:
        """What each has."""
        return [str(s.zones[0].sets[s.zones[0].name, dns.rdatatype.MX][0]) for s in (self.a, self.b)]

    def updates(self) -> list[int]:
        return [len(s.updates) for s in (self.a, self.b)]


@pytest.fixture
def both(tmp_path, monkeypatch):
    """Run this with two servers that are up."""
    monkeypatch.setenv("TSIG_OF_BOTH", SECRET)

    def run(work, *zones: Zone):
        async def inside():
            servers = [NameServer([z], {"bcp.": SECRET}) for z in (zones or (zone(), zone()))]
            ports = [free_port("127.0.0.1") for _ in servers]
            hosts = ", ".join(
                f'{n}: {{kind: rfc2136, server: "127.0.0.1:{p}", key: {{name: bcp, secret: "env:TSIG_OF_BOTH"}}, '
                f'authoritative: ["127.0.0.1:{p}"], timeout: 3s, settle: 100ms}}'
                for n, p in zip("ab", ports, strict=True)
            )
            (tmp_path / "bcp.yaml").write_text(
                f"version: 1\norganisation: {{name: Corp}}\ndomains: [{{name: {DOMAIN}, dns: [a, b]}}]\n"
                f"dns: {{{hosts}}}\n"
            )
            for server, port in zip(servers, ports, strict=True):
                await server.start(["127.0.0.1"], port)
            world = World(load(tmp_path / "bcp.yaml"), SystemClock())
            try:
                return await work(Two(*servers, world))
            finally:
                await world.close()
                for server in servers:
                    await server.stop()

        return asyncio.run(inside())

    return run


NEW, OLD = str(RELAY.hosts[0]), str(PRIMARY.hosts[0])


def test_both_move_both_are_asked_and_both_come_back(both) -> None:
    async def work(two: Two) -> None:
        assert (await two.swap()).state is SwapState.APPLIED and two.mx() == [NEW, NEW]
        host = two.world.dns["a+b"]
        assert [RELAY.same(a.mx) for a in await host.answers([DOMAIN])] == [True, True]
        assert {s.serial for s in await host.serials([DOMAIN])} == {2}
        assert (await two.swap(RELAY, PRIMARY)).state is SwapState.APPLIED and two.mx() == [OLD, OLD]

    both(work)


def test_a_key_that_the_second_no_longer_knows_puts_the_first_back(both) -> None:
    async def work(two: Two) -> None:
        two.b.keyring = {}
        done = await two.swap()
        assert done.state is SwapState.UNKNOWN and "put back at a" in done.message, "its answer is not signed"
        assert two.mx() == [OLD, OLD] and two.updates() == [2, 0]

    both(work)


def test_one_that_is_silent_stops_the_change_before_it_begins(both) -> None:
    async def work(two: Two) -> None:
        two.b.silent = True
        done = await two.swap()
        assert done.state is SwapState.REFUSED and done.message.startswith("b: ") and two.updates() == [0, 0]

    both(work)


def test_hosts_that_do_not_have_the_same_are_not_touched(both) -> None:
    async def work(two: Two) -> None:
        done = await two.swap()
        assert done.state is SwapState.CONFLICT and "b has" in done.message and two.updates() == [0, 0]
        (reading,) = await two.world.dns["a+b"].read([DOMAIN])
        assert [n for n, _ in reading.hosts] == ["a", "b"] and OTHER.same(reading.hosts[1][1])

    both(work, zone(), zone(OTHER))
