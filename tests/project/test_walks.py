"""How far a person must walk through the house to follow one thing. docs/architecture.md says what is counted."""

from __future__ import annotations

import asyncio
import base64
import threading
from collections.abc import Iterator
from pathlib import Path

import dns.rdataset
import dns.rdatatype
import pytest
from project.walks import Walk
from typer.testing import CliRunner

from bcp.cli.app import app
from bcp.contracts.action import StepInfo
from bcp.contracts.dns import SwapOrder
from bcp.lab.nameserver import NameServer, Zone
from bcp.lab.net import free_port
from bcp.plan.model import Plan, PlannedStep
from bcp.playbook.load import Placed

SECRET = base64.b64encode(b"s3cret-never-shown-0123456789abc").decode()
BOOK = """\
version: 1
name: one-switch
title: One switch
concurrency: {group: "mx:{{ domains | join(',') }}"}
activation:
  - {id: mx, uses: dns.mx.switch, with: {domains: "{{ domains }}", to: relay, ttl: 60}, undo: automatic}
"""
CONFIG = """\
version: 1
organisation: {{name: Corp}}
domains: [{{name: corp.test, dns: main, primary: [{{host: primary.out.test}}]}}]
dns:
  main:
    kind: rfc2136
    server: "{here}"
    key: {{name: bcp., secret: "file:tsig"}}
    authoritative: ["{here}"]
    resolvers: ["{here}"]
    timeout: 2s
relays: {{mx-backup: {{kind: smtp, hosts: [{{host: relay.out.test, preference: 10}}]}}}}
playbooks: [playbooks]
"""


@pytest.fixture
def zone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Zone]:
    """A name server that takes updates, and a folder with a configuration and a playbook of one effect."""
    mine = Zone("corp.test", [("@", 3600, "MX", ["10 primary.out.test."]), ("@", 60, "NS", ["ns1.corp.test."])])
    hosts = [(name, 60, "A", ["127.0.0.1"]) for name in ("relay", "primary")]
    theirs = Zone("out.test", [*hosts, ("@", 60, "NS", ["ns1.out.test."])])
    loop, port = asyncio.new_event_loop(), free_port("127.0.0.1")
    threading.Thread(target=loop.run_forever, daemon=True).start()
    server = NameServer([mine, theirs], {"bcp.": SECRET})
    asyncio.run_coroutine_threadsafe(server.start(["127.0.0.1"], port), loop).result(5)
    (tmp_path / "tsig").write_text(SECRET)
    (tmp_path / "playbooks").mkdir()
    (tmp_path / "playbooks" / "one-switch.yaml").write_text(BOOK)
    (tmp_path / "bcp.yaml").write_text(CONFIG.format(here=f"127.0.0.1:{port}"))
    monkeypatch.chdir(tmp_path)
    yield mine
    asyncio.run_coroutine_threadsafe(server.stop(), loop).result(5)
    loop.call_soon_threadsafe(loop.stop)


def carried(value: object) -> bool:
    """What a run is about, in its forms one after the other: the name that was typed, the plan, a step of it, the
    order to a DNS host."""
    return isinstance(value, (Plan, PlannedStep, Placed, StepInfo, SwapOrder)) or (
        isinstance(value, str) and value == "one-switch"
    )


def test_the_walk_of_a_run_crosses_at_most_ten_rooms(zone) -> None:
    """From the command to the update at the name server, with the plan before it and the journal beside it."""
    walk = Walk(carried)
    with walk.walked():
        done = CliRunner().invoke(app, ["run", "one-switch", "--yes"])
    assert done.exit_code == 0, done.output
    assert "relay.out.test." in str(zone.sets[zone.name, dns.rdatatype.MX])
    assert {"cli", "deeds", "plan", "engine", "plugins", "mx"} <= set(walk.rooms), "the walk was not seen"
    assert ("kit/dns_update.py", "swap") in walk.stations, "the walk did not reach the wire"
    assert len(walk.rooms) <= 10, walk.rooms
    assert len(walk.files) <= 22, walk.files


def test_a_walk_knows_what_it_follows() -> None:
    """Only functions of ours that are given one of the values; wires are named apart."""
    from bcp.kernel.secret import redact
    from bcp.plan.model import said_by

    walk = Walk(lambda value: value == "mx")
    with walk.walked():
        redact("mx")
        redact("other")
        said_by("mx", type("Refusal", (), {"message": "mx: no"})())
        len("mx")
    secret, plan = "kernel/secret.py", "plan/model.py"
    assert list(walk.stations) == [(secret, "redact"), (secret, "_without"), (plan, "said_by")]
    assert walk.rooms == ["plan"] and walk.files == ["kernel/secret.py", "plan/model.py"]
