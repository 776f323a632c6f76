"""Readiness and a run ask the relay about the same person: what was ready is not refused then."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from bcp import registry
from bcp.contracts.relay import RelayPlugin
from bcp.kernel.clock import SystemClock
from bcp.settings.load import load
from bcp.wiring import make_app

TEXT = """\
version: 1
organisation: {name: X}
domains: [{name: corp.test, dns: main}, {name: other.test, dns: main}, {name: third.test, dns: main}]
dns: {main: {kind: manual}}
relays:
  postfix: {kind: smtp, hosts: [{host: relay.out.test, addresses: [127.0.0.1], preference: 10}]}
  hosted: {kind: hosted, hosts: [{host: mx.out.test, addresses: [127.0.0.1], preference: 10}]}
  named: {kind: smtp, probe_recipient: me@corp.test, hosts: [{host: r.out.test, addresses: [127.0.0.1], preference: 1}]}
canary: {to: alice@corp.test, known: [bob@corp.test, Eve@Other.test]}
"""
WHOM = {"corp.test": "alice@corp.test", "other.test": "Eve@Other.test", "third.test": "postmaster@third.test"}


@pytest.mark.parametrize("name", ["postfix", "hosted"])
def test_somebody_who_exists_is_asked_for(tmp_path, monkeypatch, name: str) -> None:
    asked = list[str]()

    async def probe(hosts: Any, port: int, wanted: str, timeout: float) -> list[Any]:
        asked.append(wanted)
        return []

    (tmp_path / "bcp.yaml").write_text(TEXT)
    app = make_app(load(tmp_path / "bcp.yaml"), SystemClock())
    kind = type(app.world.relays[name])
    monkeypatch.setattr(f"{kind.__module__}.probe_hosts", probe)
    for domain in WHOM:
        asyncio.run(app.world.relays[name].probe(domain, ""))  # as a run does
    assert asked == list(WHOM.values())
    assert app.world.relay_settings["named"].whom("corp.test") == "me@corp.test"


def test_settings_that_were_told_nothing_ask_postmaster() -> None:
    plugin = registry.find(RelayPlugin, "hosted")
    made = plugin.settings.model_validate({"kind": "hosted", "hosts": [{"host": "mx.out.test"}]})
    assert made.whom("corp.test") == "postmaster@corp.test"
