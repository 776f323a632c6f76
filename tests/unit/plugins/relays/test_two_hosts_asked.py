"""A relay of two hosts that is asked by the user's own programs: each host by itself, and a dead one is named."""

from __future__ import annotations

import asyncio
import json

import pytest

from bcp.contracts.relay import unheard_of
from bcp.engine.dry import DryRelay
from bcp.kernel.errors import Permanent, Transient
from bcp.plugins.relays import smtp
from bcp.plugins.relays.smtp import SmtpRelay, SmtpRelaySettings
from bcp.relay.sources import doubts

ONE, TWO = "relay1.test", "relay2.test"


def relay(**more: object) -> SmtpRelay:
    hosts = [{"host": ONE, "addresses": ["192.0.2.11"]}, {"host": TWO, "addresses": ["192.0.2.12"], "preference": 20}]
    return SmtpRelay("mx-backup", SmtpRelaySettings.model_validate({"hosts": hosts, **more}))


def row(ident: str) -> str:
    return json.dumps({"queue_id": ident, "sender": "s@o", "arrival_time": 5, "recipients": [{"address": "a@c.test"}]})


def program(folder, text: str) -> list[str]:
    path = folder / "ask"
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return [str(path), "{host}"]


def test_each_queue_is_looked_at_and_a_dead_host_is_not_an_empty_queue(tmp_path) -> None:
    words = program(tmp_path, f"[ $1 = {TWO} ] && {{ echo 'no route to host' >&2; exit 255; }}; echo '{row('A')}'")
    it = relay(queue={"command": words})
    assert [m.queue_id for m in asyncio.run(it.queue())] == [f"A@{ONE}"]
    assert list(it.unheard) == [TWO] and "no route to host" in it.unheard[TWO]
    dry = DryRelay(it)
    assert unheard_of(dry) == {}
    asyncio.run(dry.queue())
    assert list(unheard_of(dry)) == [TWO]
    assert unheard_of(object()) == {}
    central = relay(queue={"command": [words[0], ONE]})
    assert [m.queue_id for m in asyncio.run(central.queue())] == ["A"] and central.unheard == {}


def test_each_host_is_told_to_deliver(tmp_path) -> None:
    words = program(tmp_path, f"echo $1 >> {tmp_path}/asked; [ $1 = {ONE} ]")
    it = relay(drain="command", drain_command=words)
    assert asyncio.run(it.drain(["c.test"])) == f"{ONE}: asked"
    assert sorted((tmp_path / "asked").read_text().split()) == [ONE, TWO] and list(it.unheard) == [TWO]
    with pytest.raises(Transient, match="ended with 1"):
        asyncio.run(relay(drain="command", drain_command=[words[0], TWO]).drain(["c.test"]))


def test_each_log_tells_of_its_own(tmp_path) -> None:
    said = "Nov 27 10:00:03 r postfix/smtp[1]: 4XABCDE123: to=<a@c.test>, relay=m[1]:25, dsn=2.0.0, status=sent (250)\n"
    (tmp_path / f"{ONE}.log").write_text(said)
    it = relay(log=str(tmp_path / "{host}.log"))
    found = asyncio.run(it.fates([f"4XABCDE123@{ONE}", f"4XABCDE123@{TWO}"]))
    assert [(f.queue_id, f.status) for f in found] == [(f"4XABCDE123@{ONE}", "sent")] and list(it.unheard) == [TWO]


def test_etrn_reaches_whoever_lives(monkeypatch) -> None:
    async def etrn(address: str, port: int, domains: object, timeout_s: float) -> str:
        if address in dead:
            raise Transient(f"the relay at {address} cannot be asked")
        if address in refusing:
            raise Permanent("refuses ETRN")
        return "c.test: 250 ok"

    dead, refusing = {"192.0.2.11"}, set[str]()
    monkeypatch.setattr(smtp, "_etrn", etrn)
    said = asyncio.run(relay().drain(["c.test"]))
    assert said == "c.test: 250 ok; the relay at 192.0.2.11 cannot be asked"
    refusing = {"192.0.2.12"}
    with pytest.raises(Permanent):
        asyncio.run(relay().drain(["c.test"]))
    dead = {"192.0.2.11", "192.0.2.12"}
    with pytest.raises(Transient, match=r"192\.0\.2\.11"):
        asyncio.run(relay().drain(["c.test"]))


def test_one_machine_that_answers_for_both_hosts_shows_each_mail_once() -> None:
    """``reach:`` without a placeholder: asked for each host, it would be drained and counted twice."""
    row = '{"queue_id": "A", "sender": "s@o", "arrival_time": 5, "recipients": [{"address": "u@corp.test"}]}'
    hosts = [{"host": "r1.test"}, {"host": "r2.test"}]
    one = {"hosts": hosts, "kit": {"reach": ["sh", "-c", f"echo '{row}'"]}}
    asked = SmtpRelay("r", SmtpRelaySettings.model_validate(one))
    assert [m.queue_id for m in asyncio.run(asked.queue())] == ["A"]
    (said,) = doubts("r", asked.settings)
    assert "asks one machine for all" in said
    each = {"hosts": hosts, "kit": {"reach": ["sh", "-c", f"echo '{row}' # {{host}}"]}}
    apart = SmtpRelay("r", SmtpRelaySettings.model_validate(each))
    assert [m.queue_id for m in asyncio.run(apart.queue())] == ["A@r1.test", "A@r2.test"]
    assert doubts("r", apart.settings) == []
