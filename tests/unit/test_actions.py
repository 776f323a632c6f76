"""Actions: what the plan says is what the run does."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest
from crash.fakes import PRIMARY, RELAY, FileDns, services
from hypothesis import given
from hypothesis import strategies as st

from bcp.contracts.action import Happened, StepInfo
from bcp.contracts.dns import MxHost, MxSet, Reading
from bcp.engine.approvals import DryApprovals
from bcp.engine.dry import DryDns
from bcp.kernel.errors import Permanent
from bcp.mx.target import Known, Wish, target
from bcp.plugins.actions.dns_mx_switch import Switch, SwitchArgs
from bcp.testing.effects import Recorder

STEP = StepInfo("mx", "run/mx#0")


@pytest.fixture
def world(tmp_path):
    """Services over files."""
    return services(
        tmp_path, Recorder(tmp_path / "effects"), None, DryApprovals(lambda r: frozenset(), "x"), "run", "sum"
    )


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
    assert (
        asyncio.run(action.probe(args, world, replace(STEP, extra={"outputs": plan.outputs}))).happened is Happened.YES
    )
    asyncio.run(action.undo(args, outcome.outputs, world, STEP))
    assert world.dns["main"].now().same(PRIMARY)


def test_the_swap_is_guarded_by_what_the_plan_saw(world) -> None:
    """Not by what stands there when the step runs."""
    seen = {
        "before": {"corp.test": MxSet((MxHost(5, "other.test."),), 60).to_data()},
        "after": {"corp.test": RELAY.to_data()},
    }
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


hosts = st.lists(
    st.builds(MxHost, st.integers(0, 100), st.sampled_from(["a.test.", "b.test.", "relay.test."])),
    min_size=1,
    max_size=3,
    unique_by=lambda h: h.host,
)


@given(hosts, st.sampled_from(["switch", "standing"]), st.sampled_from(["relay", "before", "primary"]), st.booleans())
def test_no_target_is_ever_empty_and_the_relay_stands_behind(now, mode, to, known) -> None:
    """Never no MX; in standing mode the relay is the last resort."""
    mx = MxSet(tuple(now), 60)
    found = target(Wish(to, mode, None, RELAY.hosts), Known("corp.test", mx, PRIMARY if known else None))
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
        channel = Email(
            "mail",
            EmailSettings.model_validate(
                {
                    "kind": "email",
                    "host": "127.0.0.1",
                    "port": port,
                    "from": "it@backup.test",
                    "avoid_domains": ["corp.test"],
                }
            ),
        )
        assert channel.address_of(Contact("a", email="a@corp.test")) == ""
        receipt = await channel.send(
            Delivery(
                "run/tell/mail/a",
                "a@outside.test",
                Message("m", "email", "de", "Störung", "Bitte nicht erneut senden. Grüße"),
                time.time(),
            )
        )
        with pytest.raises(Permanent):
            await channel.send(Delivery("k", "b@other.test", Message("m", "email", "en", "s", "b"), time.time()))
        assert (await channel.check())[0].state == "ok"
        await host.stop()
        return receipt

    receipt = asyncio.run(work())
    text = next((tmp_path / "spool" / "new").iterdir()).read_text()
    assert receipt.id in text and "Auto-Submitted: auto-generated" in text


def test_a_signed_mail_verifies_as_it_arrives_and_doctor_sees_a_wrong_key(tmp_path) -> None:
    """Judged by dkimpy's verifier on what lies in the mail host's spool; the key is looked up over a real socket."""
    import base64
    import time

    import dkim
    import dns.message
    import dns.rrset
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import rsa
    from pydantic import ValidationError

    from bcp.contracts.channel import Delivery, Message
    from bcp.lab.mailhost import MailHost
    from bcp.lab.net import free_port
    from bcp.plugins.channels.email import Email, EmailSettings

    def pair():
        key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        pem = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
        )
        public = key.public_key().public_bytes(
            serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        return pem.decode(), b"v=DKIM1; k=rsa; p=" + base64.b64encode(public)

    published: list[bytes] = []

    async def resolver(reader, writer):
        query = dns.message.from_wire(await reader.readexactly(int.from_bytes(await reader.readexactly(2))))
        reply = dns.message.make_response(query)
        name = query.question[0].name
        if name.to_text() == "bcp1._domainkey.backup.test." and published:
            text = " ".join(f'"{published[0][i : i + 200].decode()}"' for i in range(0, len(published[0]), 200))
            reply.answer.append(dns.rrset.from_text(name, 60, "IN", "TXT", text))
        wire = reply.to_wire()
        writer.write(len(wire).to_bytes(2) + wire)
        await writer.drain()
        writer.close()

    pem, public = pair()
    (tmp_path / "dkim.pem").write_text(pem)
    base = {"kind": "email", "host": "127.0.0.1", "from": "it@notice.backup.test"}

    async def work():
        host = MailHost("relay", {"outside.test"}, tmp_path / "spool")
        port = free_port("127.0.0.1")
        await host.start("127.0.0.1", port)
        names = await asyncio.start_server(resolver, "127.0.0.1", 0)
        told = [f"127.0.0.1:{names.sockets[0].getsockname()[1]}"]
        signing = {"selector": "bcp1", "domain": "backup.test", "key": f"file:{tmp_path}/dkim.pem", "resolvers": told}
        channel = Email("mail", EmailSettings.model_validate({**base, "port": port, "dkim": signing}))
        await channel.send(
            Delivery(
                "k",
                "a@outside.test",
                Message("m", "email", "de", "Störung bei E-Mail", ".\nGrüße\n\n" + "lang " * 300 + "\n.\n"),
                time.time(),
            )
        )
        checks = [[c.state for c in await channel.check()]]
        for key in (public, pair()[1]):
            published[:] = [key]
            checks.append([c.state for c in await channel.check()])
        bad = Email(
            "mail",
            EmailSettings.model_validate(
                {**base, "port": port, "dkim": {**signing, "key": f"file:{tmp_path}/none.pem"}}
            ),
        )
        with pytest.raises(Permanent, match=r"none\.pem"):
            await bad.send(Delivery("k2", "a@outside.test", Message("m", "email", "en", "s", "b"), time.time()))
        (tmp_path / "none.pem").write_text("no key")
        with pytest.raises(Permanent, match="DKIM"):
            await bad.send(Delivery("k2", "a@outside.test", Message("m", "email", "en", "s", "b"), time.time()))
        names.close()
        await host.stop()
        return checks

    assert asyncio.run(work()) == [["ok", "fail"], ["ok", "ok"], ["ok", "fail"]]
    (kept,) = (tmp_path / "spool" / "new").iterdir()
    raw = kept.read_bytes()
    raw = raw[raw.lower().index(b"dkim-signature:") :]
    raw = raw.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
    assert dkim.verify(raw, dnsfunc=lambda *_a, **_k: public)
    assert not dkim.verify(
        raw.replace(b"Auto-Submitted: auto", b"Auto-Submitted: Auto-"), dnsfunc=lambda *_a, **_k: public
    )
    with pytest.raises(ValidationError, match="DMARC"):
        EmailSettings.model_validate({**base, "dkim": {"selector": "s", "domain": "other.test", "key": "env:K"}})
