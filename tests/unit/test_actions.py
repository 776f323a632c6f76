"""Actions: what the plan says is what the run does."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest
from crash.fakes import PRIMARY, RELAY, FileDns, services
from hypothesis import given
from hypothesis import strategies as st

from bcp.contracts.action import Happened, StepInfo
from bcp.contracts.dns import Domain, MxHost, MxSet, Reading
from bcp.engine.approvals import DryApprovals
from bcp.engine.dry import DryDns
from bcp.kernel.errors import Permanent
from bcp.plugins.actions.dns_mx_switch import Switch, SwitchArgs, target
from bcp.testing.effects import Recorder

STEP = StepInfo("mx", "run/mx#0")


@pytest.fixture
def world(tmp_path):
    """Services over files."""
    return services(tmp_path, Recorder(tmp_path / "effects"), None, DryApprovals(lambda r: frozenset(), "x"), "run", "sum")


def test_the_planned_change_is_the_recorded_effect(world) -> None:
    """Plan honesty, for the action that matters most."""
    action, args = Switch(), SwitchArgs(domains=["corp.test"], to="relay", ttl=300)
    plan = asyncio.run(action.plan(args, world, STEP))
    assert not plan.refusals and len(plan.changes) == 1
    dry = replace(world, dry=True, dns={"main": DryDns(world.dns["main"])})
    asyncio.run(action.perform(args, dry, replace(STEP, extra={"outputs": plan.outputs})))
    assert world.dns["main"].now().same(PRIMARY)
    outcome = asyncio.run(action.perform(args, world, replace(STEP, extra={"outputs": plan.outputs})))
    assert str(world.dns["main"].now()) == plan.changes[0].after == str(RELAY)
    assert outcome.outputs["before"] == plan.outputs["before"] and outcome.outputs["everywhere"]
    assert asyncio.run(action.probe(args, world, replace(STEP, extra={"outputs": plan.outputs}))).happened is Happened.YES
    asyncio.run(action.undo(args, outcome.outputs, world, STEP))
    assert world.dns["main"].now().same(PRIMARY)


def test_the_swap_is_guarded_by_what_the_plan_saw(world) -> None:
    """Not by what stands there when the step runs."""
    seen = {"before": {"corp.test": MxSet((MxHost(5, "other.test."),), 60).to_data()}, "after": {"corp.test": RELAY.to_data()}}
    with pytest.raises(Permanent, match="conflict"):
        asyncio.run(Switch().perform(SwitchArgs(domains=["corp.test"]), world, replace(STEP, extra={"outputs": seen})))
    assert world.dns["main"].now().same(PRIMARY)


def test_undo_leaves_alone_what_somebody_else_changed(world, monkeypatch) -> None:
    """And says what to do by hand."""

    async def foreign(self, domains):
        return [Reading(d, d, MxSet((MxHost(1, "somebody.test."),), 60)) for d in domains]

    monkeypatch.setattr(FileDns, "read", foreign)
    before = {"before": {"corp.test": PRIMARY.to_data()}, "after": {"corp.test": RELAY.to_data()}}
    with pytest.raises(Permanent, match="not touched") as caught:
        asyncio.run(Switch().undo(SwitchArgs(domains=["corp.test"]), before, world, STEP))
    assert "primary.test." in caught.value.hint


hosts = st.lists(st.builds(MxHost, st.integers(0, 100), st.sampled_from(["a.test.", "b.test.", "relay.test."])), min_size=1, max_size=3, unique_by=lambda h: h.host)


@given(hosts, st.sampled_from(["switch", "standing"]), st.sampled_from(["relay", "before", "primary"]), st.booleans())
def test_no_target_is_ever_empty_and_the_relay_stands_behind(now, mode, to, known) -> None:
    """Never no MX; in standing mode the relay is the last resort."""
    import types

    mx = MxSet(tuple(now), 60)
    given_ = types.SimpleNamespace(recorded={}, domains={"corp.test": Domain("corp.test", "main", PRIMARY if known else None)}, relays={"mx-backup": types.SimpleNamespace(mx=RELAY.hosts)})
    found = target(SwitchArgs(domains=["corp.test"], to=to, mode=mode), "corp.test", mx, given_)
    if isinstance(found, MxSet):
        assert found.hosts and found.ttl_s >= 1
        if to == "relay" and mode == "switch":
            assert found.hosts == RELAY.hosts
        if to == "relay" and mode == "standing":
            relay = next(h for h in found.hosts if h.host == "relay.test.")
            assert all(h.preference < relay.preference for h in found.hosts if h is not relay)
            assert len(found.hosts) >= 2


def test_a_mail_by_the_relay_carries_our_key(tmp_path) -> None:
    """So that a repeat can be recognised; mailboxes that are down are skipped."""
    import time

    from bcp.contracts.channel import Delivery, Message
    from bcp.contracts.contact import Contact
    from bcp.lab.mailhost import MailHost
    from bcp.lab.net import free_port
    from bcp.plugins.channels.email import Email, EmailSettings

    async def work():
        host = MailHost("relay", {"outside.test"}, tmp_path / "spool")
        port = free_port("127.0.0.1")
        await host.start("127.0.0.1", port)
        channel = Email("mail", EmailSettings.model_validate({"kind": "email", "host": "127.0.0.1", "port": port, "from": "it@backup.test", "avoid_domains": ["corp.test"]}))
        assert channel.address_of(Contact("a", email="a@corp.test")) == ""
        receipt = await channel.send(Delivery("run/tell/mail/a", "a@outside.test", Message("m", "email", "de", "Störung", "Bitte nicht erneut senden. Grüße"), time.time()))
        with pytest.raises(Permanent):
            await channel.send(Delivery("k", "b@other.test", Message("m", "email", "en", "s", "b"), time.time()))
        assert (await channel.check())[0].state == "ok"
        await host.stop()
        return receipt

    receipt = asyncio.run(work())
    text = next((tmp_path / "spool" / "new").iterdir()).read_text()
    assert receipt.id in text and "Auto-Submitted: auto-generated" in text
