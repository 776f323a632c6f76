"""Each DNS host that a drill can be played on: its settings are a configuration, and it serves the lab's own zone."""

from __future__ import annotations

import asyncio

import dns.name
import dns.rdatatype
import pytest

from bcp import registry
from bcp.contracts.dns import MxHost, MxSet, SwapOrder, SwapState
from bcp.kernel.errors import Invalid
from bcp.lab.world import DOMAIN, EXCHANGE, RELAY, World
from bcp.plugins.dns.manual import ManualSettings, words
from bcp.rehearse.lab import write_configuration
from bcp.rehearse.stand import STANDS, asked_for, enter, stand
from bcp.settings import load
from bcp.wiring import make_app

OLD, NEW = MxSet((MxHost(0, EXCHANGE),), 60), MxSet((MxHost(10, RELAY),), 60)


async def with_host(folder, kind: str, work):
    """A lab whose zone is at this host, and its configuration."""
    world, host = World(folder, ttl=60), stand(kind)
    await world.start()
    await host.start(world)
    try:
        app = make_app(load(await write_configuration(world, host)))
        try:
            return await work(world, host, app)
        finally:
            await app.close()
    finally:
        await host.stop()
        await world.stop()


@pytest.mark.parametrize("kind", sorted(STANDS))
def test_a_switch_at_each_host_changes_what_the_lab_serves(kind, tmp_path) -> None:
    async def work(world, host, app) -> None:
        (reading,) = await app.world.dns["main"].read([DOMAIN])
        assert reading.mx is not None and reading.mx.same(OLD)
        if host.enters is None:
            (swap,) = await app.world.dns["main"].swap([SwapOrder(DOMAIN, OLD, NEW)])
            assert swap.state is SwapState.APPLIED, swap
        else:
            host.enters(words([SwapOrder(DOMAIN, OLD, NEW)], ManualSettings(kind="manual"), {}))
        assert world.published_mx() == f"10 {RELAY}"

    asyncio.run(with_host(tmp_path, kind, work))


@pytest.mark.parametrize("kind", sorted(STANDS))
def test_the_secrets_are_files_of_mode_0600_and_not_in_the_configuration(kind, tmp_path) -> None:
    async def work(world, host, app) -> None:
        text = (tmp_path / "bcp.yaml").read_text()
        for name, value in host.secrets.items():
            assert value not in text and (tmp_path / "secrets" / name).stat().st_mode & 0o777 == 0o600
        assert all(p.stat().st_mode & 0o077 == 0 for p in (tmp_path / "secrets").iterdir())

    asyncio.run(with_host(tmp_path, kind, work))


def test_every_host_that_has_an_emulator_is_there() -> None:
    assert set(STANDS) <= set(registry.kinds("dns"))


def test_an_unknown_one_is_one_sentence() -> None:
    with pytest.raises(Invalid, match="no drill is played on 'cloudfare'") as caught:
        stand("cloudfare")
    assert "cloudflare" in caught.value.hint


def test_the_person_enters_exactly_what_the_request_says() -> None:
    """Several records, in the words of a registrar with names of its own."""
    both = MxSet((MxHost(10, "a.test."), MxHost(20, "b.test.")), 300)
    for registrar in ("", "godaddy", "ionos", "strato"):
        text = words([SwapOrder(DOMAIN, OLD, both)], ManualSettings(kind="manual", registrar=registrar), {})
        assert asked_for(text) == [(10, "a.test", 300), (20, "b.test", 300)]
    assert asked_for("nothing of that kind") == []


def test_a_request_that_asks_for_nothing_changes_nothing(tmp_path) -> None:
    async def work() -> None:
        world = World(tmp_path)
        await world.start()
        try:
            before = world.published_mx()
            enter(world, "Log in.")
            assert world.published_mx() == before
            zone = world.names.zones[0]
            assert zone.get(dns.name.from_text(DOMAIN), dns.rdatatype.MX) is not None and zone.serial == 1
        finally:
            await world.stop()

    asyncio.run(work())
