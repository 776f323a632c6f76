"""The MX switch against BIND and Knot: every item of the safety list that concerns RFC 2136."""

from __future__ import annotations

import asyncio
from pathlib import Path

import dns.message
import dns.query
import dns.rdatatype
import dns.tsig
import dns.tsigkeyring
import dns.update
import pytest

from bcp.contracts.dns import MxHost, MxSet, SwapOrder, SwapState
from bcp.kernel.clock import SystemClock
from bcp.kernel.secret import Secret
from bcp.mx.host import Host
from bcp.plugins.dns.rfc2136 import Rfc2136, Rfc2136Settings
from real.servers import KNOTD, NAMED, DnsServer, have

pytestmark = pytest.mark.real
RELAY = MxSet((MxHost(10, "relay.out.test."),), 5)
PRIMARY = MxSet((MxHost(0, "primary.out.test."),), 60)
OTHER = MxSet((MxHost(5, "other.out.test."),), 30)


@pytest.fixture(params=["bind", "knot"], scope="module")
def server(request, tmp_path_factory):
    """One real server for the module, with enough zones that tests do not meet."""
    if why := have(NAMED if request.param == "bind" else KNOTD):
        pytest.skip(why)
    zones = tuple(f"z{i}.test" for i in range(40))
    found = DnsServer(request.param, tmp_path_factory.mktemp(request.param), zones=zones).start()
    found.free = list(zones)
    yield found
    found.stop()


@pytest.fixture
def zone(server) -> str:
    """A zone that no other test touches."""
    return server.free.pop()


def back_end(
    server: DnsServer, tmp_path: Path, *, secret: str = "", name: str = "bcp.", algorithm: str = "hmac-sha256", **more
) -> Host:
    (tmp_path / "tsig").write_text(secret or server.secret)
    settings = Rfc2136Settings.model_validate(
        {
            "kind": "rfc2136",
            "server": f"127.0.0.1:{server.port}",
            "authoritative": [f"127.0.0.1:{server.port}"],
            "resolvers": [f"127.0.0.1:{server.port}"],
            "key": {"name": name, "algorithm": algorithm, "secret": "file:tsig"},
            "timeout": "3s",
            "settle": "300ms",
            **more,
        }
    )
    key = settings.key.model_copy(update={"secret": Secret("file:tsig", tmp_path)})
    settings, clock = settings.model_copy(update={"key": key}), SystemClock()
    return Host("main", Rfc2136("main", settings, clock, {}), settings, clock, {})


def serial(server: DnsServer, zone: str) -> int:
    reply = dns.query.tcp(dns.message.make_query(zone, "SOA"), "127.0.0.1", port=server.port, timeout=60)
    return reply.answer[0][0].serial


def test_swap_replaces_records_and_ttl_at_once(server, zone, tmp_path) -> None:
    """Without this nothing works."""
    dns_ = back_end(server, tmp_path)
    swap = asyncio.run(dns_.swap([SwapOrder(zone, PRIMARY, RELAY)]))[0]
    assert swap.state is SwapState.APPLIED
    reading = asyncio.run(dns_.read([zone]))[0]
    assert reading.mx == RELAY
    assert reading.zone == zone
    assert all(a.mx == RELAY and a.authoritative for a in asyncio.run(dns_.answers([zone])))


def test_the_same_swap_again_is_already_done(server, zone, tmp_path) -> None:
    """A repeat after a lost answer must not look like a conflict."""
    dns_ = back_end(server, tmp_path)
    asyncio.run(dns_.swap([SwapOrder(zone, PRIMARY, RELAY)]))
    assert asyncio.run(dns_.swap([SwapOrder(zone, PRIMARY, RELAY)]))[0].state is SwapState.ALREADY


def test_a_concurrent_editor_is_told_and_nothing_is_overwritten(server, zone, tmp_path) -> None:
    """Safety item 4."""
    dns_ = back_end(server, tmp_path)
    asyncio.run(dns_.swap([SwapOrder(zone, PRIMARY, OTHER)]))
    swap = asyncio.run(dns_.swap([SwapOrder(zone, PRIMARY, RELAY)]))[0]
    assert swap.state is SwapState.CONFLICT
    assert (
        "other.out.test." in swap.message and "primary.out.test." in swap.message and "relay.out.test." in swap.message
    )
    assert asyncio.run(dns_.read([zone]))[0].mx == OTHER


def test_subset_and_superset_of_what_stands_there_are_conflicts(server, zone, tmp_path) -> None:
    """A prerequisite on part of the set would lose the rest."""
    dns_ = back_end(server, tmp_path)
    both = MxSet((*PRIMARY.hosts, MxHost(20, "relay.out.test.")), 60)
    assert asyncio.run(dns_.swap([SwapOrder(zone, both, RELAY)]))[0].state is SwapState.CONFLICT
    assert asyncio.run(dns_.swap([SwapOrder(zone, PRIMARY, both)]))[0].state is SwapState.APPLIED
    assert asyncio.run(dns_.swap([SwapOrder(zone, PRIMARY, RELAY)]))[0].state is SwapState.CONFLICT


def test_a_cname_is_refused_not_ignored(server, zone, tmp_path) -> None:
    """Safety item 19: both servers answer NOERROR and ignore an MX beside a CNAME."""
    dns_ = back_end(server, tmp_path)
    name = f"alias.{zone}"
    assert asyncio.run(dns_.read([name]))[0].cname == f"www.{zone}."
    swap = asyncio.run(dns_.swap([SwapOrder(name, PRIMARY, RELAY)]))[0]
    assert swap.state in {SwapState.REFUSED, SwapState.CONFLICT}


def test_a_subdomain_is_switched_in_its_parents_zone(server, zone, tmp_path) -> None:
    """Safety item 32."""
    dns_ = back_end(server, tmp_path)
    name = f"sub.{zone}"
    assert asyncio.run(dns_.swap([SwapOrder(name, PRIMARY, RELAY)]))[0].state is SwapState.APPLIED
    found = {r.domain: r for r in asyncio.run(dns_.read([name, zone]))}
    assert found[name].mx == RELAY and found[name].zone == zone
    assert found[zone].mx == PRIMARY


def test_the_wire_dry_run_shows_permission_and_changes_nothing(server, zone, tmp_path) -> None:
    """Decision 6: the daily credential check."""
    dns_ = back_end(server, tmp_path)
    before = serial(server, zone)
    assert asyncio.run(dns_.prove([SwapOrder(zone, PRIMARY, RELAY)]))[0].allowed
    assert serial(server, zone) == before
    assert asyncio.run(dns_.read([zone]))[0].mx == PRIMARY


@pytest.mark.parametrize("wrong", ["secret", "name", "algorithm"])
def test_a_wrong_key_is_refused_with_a_reason(server, zone, tmp_path, wrong) -> None:
    """Safety item 14."""
    more = {
        "secret": {"secret": "d3JvbmctcmF0aGVyLXdyb25nLXNlY3JldC1ieXRlcw=="},
        "name": {"name": "nobody."},
        "algorithm": {"algorithm": "hmac-sha512"},
    }[wrong]
    dns_ = back_end(server, tmp_path, **more)
    proof = asyncio.run(dns_.prove([SwapOrder(zone, PRIMARY, RELAY)]))[0]
    assert not proof.allowed and proof.message and proof.hint
    swap = asyncio.run(dns_.swap([SwapOrder(zone, PRIMARY, RELAY)]))[0]
    assert swap.state is SwapState.REFUSED
    assert asyncio.run(dns_.read([zone]))[0].mx == PRIMARY


def test_a_zone_that_is_not_there_is_said_and_never_made(server, tmp_path) -> None:
    """Safety item 1."""
    dns_ = back_end(server, tmp_path)
    reading = asyncio.run(dns_.read(["nowhere.example"]))[0]
    assert reading.problem
    assert reading.mx is None


def test_of_sixteen_writers_exactly_one_wins(server, zone, tmp_path) -> None:
    """The heart of it: the others are told what they lost to."""
    dns_ = [back_end(server, tmp_path) for _ in range(16)]
    wanted = [MxSet((MxHost(10, f"w{i}.out.test."),), 5) for i in range(16)]

    async def race() -> list:
        async with asyncio.TaskGroup() as group:
            tasks = [
                group.create_task(d.swap([SwapOrder(zone, PRIMARY, w)])) for d, w in zip(dns_, wanted, strict=True)
            ]
        return [t.result()[0] for t in tasks]

    swaps = asyncio.run(race())
    winners = [i for i, s in enumerate(swaps) if s.state is SwapState.APPLIED]
    assert len(winners) == 1
    assert all(
        s.state is SwapState.CONFLICT and f"w{winners[0]}.out.test." in s.message
        for i, s in enumerate(swaps)
        if i != winners[0]
    )


def test_a_lost_answer_is_decided_by_reading(server, zone, tmp_path, monkeypatch) -> None:
    """Safety item 6: the answer is thrown away; the swap was made; it is found."""
    from bcp.kit import dns_update
    from bcp.kit.dnswire import Lost

    real = dns_update.exchange

    async def losing(endpoint, messages, **options):
        replies = await real(endpoint, messages, **options)
        return [
            Lost("lost on the way") if isinstance(m, dns.update.UpdateMessage) else r
            for m, r in zip(messages, replies, strict=True)
        ]

    monkeypatch.setattr(dns_update, "exchange", losing)
    swap = asyncio.run(back_end(server, tmp_path).swap([SwapOrder(zone, PRIMARY, RELAY)]))[0]
    assert swap.state is SwapState.ALREADY
    assert swap.found == RELAY


def test_many_zones_go_over_one_connection(server, tmp_path) -> None:
    """A fleet is switched in one go, each zone on its own."""
    zones = [server.free.pop() for _ in range(8)]
    dns_ = back_end(server, tmp_path)
    orders = [SwapOrder(z, PRIMARY if i != 3 else OTHER, RELAY) for i, z in enumerate(zones)]
    states = [s.state for s in asyncio.run(dns_.swap(orders))]
    assert states.count(SwapState.APPLIED) == 7
    assert states[3] is SwapState.CONFLICT


def test_a_server_that_is_away_is_unknown_not_gone(tmp_path) -> None:
    """Safety item 10."""
    server = DnsServer("bind", tmp_path)
    server.port = 1
    reading = asyncio.run(back_end(server, tmp_path).read(["corp.test"]))[0]
    assert reading.mx is None and "cannot be reached" in reading.problem


def test_an_unsigned_update_is_not_enough(server, zone) -> None:
    """The test's own server really checks signatures."""
    update = dns.update.UpdateMessage(zone)
    update.replace("@", 5, "MX", "10 evil.out.test.")
    assert dns.query.tcp(update, "127.0.0.1", port=server.port, timeout=60).rcode() != 0


def test_a_clock_that_is_off_is_told_as_that(server, zone, tmp_path, monkeypatch) -> None:
    """Safety item 15: a signature is good for five minutes;
    "wrong key" would send people looking in the wrong place."""
    import time
    import types

    monkeypatch.setattr(dns.message, "time", types.SimpleNamespace(time=lambda: time.time() - 3600))
    dns_ = back_end(server, tmp_path)
    proof = asyncio.run(dns_.prove([SwapOrder(zone, PRIMARY, RELAY)]))[0]
    assert not proof.allowed and "clocks differ" in proof.message and "NTP" in proof.hint
    swap = asyncio.run(dns_.swap([SwapOrder(zone, PRIMARY, RELAY)]))[0]
    assert (swap.state, swap.code) == (SwapState.REFUSED, "clock")
    assert asyncio.run(dns_.read([zone]))[0].mx == PRIMARY
