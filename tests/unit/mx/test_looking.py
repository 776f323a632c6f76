"""Domains whose MX is not ours to move: what the authoritative servers serve is read, and nothing is ever written."""

from __future__ import annotations

import asyncio

import pytest

from bcp.contracts.dns import MxHost, MxSet, Permission, SentState, SwapOrder, SwapState, Trouble
from bcp.contracts.dns_settings import DnsSettings
from bcp.kernel.clock import SystemClock
from bcp.lab.nameserver import NameServer, Zone
from bcp.lab.net import free_port
from bcp.mx.host import Host
from bcp.mx.looking import NO, Looking

OLD, NEW = MxSet((MxHost(10, "mx.out.test."),), 3600), MxSet((MxHost(10, "relay.out.test."),), 300)


def zone(host: str = "mx.out.test.") -> Zone:
    return Zone("corp.test", [("@", 3600, "MX", [f"10 {host}"]), ("@", 60, "NS", ["ns1.corp.test."])])


async def look(zones: list[Zone], work):
    """Run ``work(host)`` over a server for each zone; all are authoritative."""
    servers, ports = [], []
    for one in zones:
        port = free_port("127.0.0.1")
        server = NameServer([one], {})
        await server.start(["127.0.0.1"], port)
        servers.append(server)
        ports.append(port)
    addresses = [f"127.0.0.1:{p}" for p in ports]
    given = {"kind": "none", "authoritative": addresses, "resolvers": addresses, "timeout": "20s", "settle": "100ms"}
    settings = DnsSettings.model_validate(given)
    try:
        return await work(Host("none", Looking(settings), settings, SystemClock(), {}))
    finally:
        for server in servers:
            await server.stop()


def test_what_is_served_is_read_and_a_write_is_refused_beforehand_and_then() -> None:
    async def work(host: Host) -> None:
        (reading,) = await host.read(["corp.test"])
        assert OLD.equal(reading.mx) and reading.zone == "corp.test" and not reading.problem
        (proof,) = await host.prove([SwapOrder("corp.test", OLD, NEW)])
        assert proof.permission is Permission.NOT_ALLOWED and proof.message == NO and "dns:" in proof.hint
        (swap,) = await host.swap([SwapOrder("corp.test", OLD, NEW)])
        assert swap.state is SwapState.REFUSED and swap.code == "permission"
        (sent,) = await host.writer.swap([SwapOrder("corp.test", OLD, NEW)])
        assert sent.state is SentState.REFUSED
        assert (await host.warm(["corp.test"])).problems == {}

    asyncio.run(look([zone()], work))


@pytest.mark.parametrize(
    ("zones", "domain", "trouble", "words"),
    [
        ([zone(), zone("other.out.test.")], "corp.test", Trouble.SILENT, "do not agree"),
        ([zone()], "nowhere.example", Trouble.NO_ZONE, "no name server says"),
    ],
)
def test_what_is_not_clear_is_a_problem_and_never_a_guess(zones, domain, trouble, words) -> None:
    async def work(host: Host) -> None:
        (reading,) = await host.read([domain])
        assert reading.mx is None and words in reading.problem and reading.trouble is trouble

    asyncio.run(look(zones, work))


def test_servers_that_do_not_answer_are_told_as_that() -> None:
    async def work(host: Host) -> None:
        port = free_port("127.0.0.1")
        away = host.settings.model_copy(update={"authoritative": [f"127.0.0.1:{port}"]})
        writer = Looking(away)
        writer._zones["corp.test"] = "corp.test"
        (reading,) = await writer.read(["corp.test"])
        assert reading.mx is None and reading.problem and reading.trouble.passing

    asyncio.run(look([zone()], work))
