"""The provider's interface is down in the same event: the switch goes by the zone's hidden primary, and says so."""

from __future__ import annotations

import json
import socket
from pathlib import Path

import pytest

from real.servers import NAMED, DnsServer, have
from real.test_partly import bcp, mx

pytestmark = pytest.mark.real
NAMES = ("one.test", "two.test")
CONFIG = """version: 1
organisation: {{name: T}}
state: state
domains: [{{name: one.test, dns: main}}, {{name: two.test, dns: main}}]
dns:
  main: {{kind: cloudflare, api_url: "http://127.0.0.1:{port}/client/v4", token: "file:token", authoritative: ["{at}"],
    resolvers: ["{at}"], timeout: 1s, settle: 200ms, second: primary}}
  primary: {{kind: rfc2136, server: "{at}", authoritative: ["{at}"], resolvers: ["{at}"], timeout: 2s, settle: 500ms,
    key: {{name: bcp., secret: "file:tsig"}}}}
relays: {{mx-backup: {{kind: smtp, hosts: [{{host: relay.out.test, addresses: [127.0.0.1]}}], port: 9}}}}
contacts: {{file: contacts.csv}}
playbooks: [playbooks]
"""
BOOK = """version: 1
name: away
title: Away
covers: [B]
concurrency: {group: "mx:{{ domains | join(',') }}"}
activation:
  - {id: mx, uses: dns.mx.switch, with: {domains: "{{ domains }}", to: relay, converge: 1s}, undo: automatic}
"""


@pytest.fixture
def world(tmp_path: Path):
    if why := have(NAMED):
        pytest.skip(why)
    server = DnsServer("bind", tmp_path / "dns", zones=NAMES).start()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    (tmp_path / "playbooks").mkdir()
    (tmp_path / "playbooks/away.yaml").write_text(BOOK)
    (tmp_path / "tsig").write_text(server.secret)
    (tmp_path / "token").write_text("t" * 40)
    (tmp_path / "contacts.csv").write_text("id,groups\nalice,oncall\n")
    (tmp_path / "bcp.yaml").write_text(CONFIG.format(port=port, at=f"127.0.0.1:{server.port}"))
    yield tmp_path, server
    server.stop()


def test_the_switch_goes_by_the_second_way_and_it_is_said_in_check_plan_and_result(world) -> None:
    folder, server = world
    check = bcp(folder, "dns", "check", "--output", "json")
    lines = {(x["domain"], x["aspect"]): x for x in json.loads(check.stdout)["checks"]}
    assert (
        lines["one.test", "reach"]["state"] == "warn" and "second way primary" in lines["one.test", "reach"]["message"]
    )
    assert lines["one.test", "second-way"]["state"] == "ok"
    assert lines["one.test", "reach"]["rule"] == "dns.first-way"
    planned = bcp(folder, "plan", "away")
    assert planned.returncode == 0 and "by the second way primary, because main" in " ".join(planned.stdout.split())
    ended = bcp(folder, "run", "away", "--yes", "--no-hold")
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert "by the second way primary" in " ".join((ended.stdout + ended.stderr).split())
    assert [mx(server, n) for n in NAMES] == ["10 relay.out.test."] * 2
