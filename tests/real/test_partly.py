"""One of three domains is changed by somebody else while the run is under way:
the whole command, against a real server."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import dns.message
import dns.query
import pytest

from real.servers import NAMED, DnsServer, have

pytestmark = pytest.mark.real
ROOT = Path(__file__).parents[2]
NAMES = ("one.test", "two.test", "three.test")
CONFIG = """version: 1
organisation: {{name: T}}
state: state
domains: [{domains}]
dns: {{main: {{kind: rfc2136, server: "{at}", authoritative: ["{at}"], resolvers: ["{at}"], key: {{name: bcp., secret: \
"file:tsig"}}, timeout: 2s, settle: 500ms}}}}
relays: {{mx-backup: {{kind: smtp, hosts: [{{host: relay.out.test, addresses: [127.0.0.1]}}], port: 9}}}}
contacts: {{file: contacts.csv}}
audiences: {{oncall: {{groups: [oncall]}}}}
shell: {{allow: ["{python}", "false"]}}
playbooks: [playbooks]
"""
BOOK = """version: 1
name: NAME
title: Three domains
covers: [B]
concurrency: {group: "mx:x"}
activation:
  - {id: somebody, uses: shell, with: {run: ["PYTHON", edit.py]}, irreversible: it is somebody else}
  - id: mx
    uses: dns.mx.switch
    with: {domains: "{{ domains }}", to: relay, converge: 1s}
    undo: automatic
"""
HOLD = """hold:
  - {id: look, uses: wait, every: 30m, with: {for: 1s}}
recovery: {playbook: back}
"""
BACK = """version: 1
name: back
title: Back
concurrency: {group: "mx:{{ domains | join(',') }}"}
activation:
  - {id: mx, uses: dns.mx.switch, with: {domains: "{{ domains }}", to: before, converge: 1s}, undo: automatic}
"""
LATER = '  - {id: later, uses: shell, with: {run: ["false"]}, irreversible: it fails}\n'
EDIT = """import os, sys
if os.path.exists("edited"): sys.exit()
open("edited", "w").close()
import base64, dns.query, dns.tsig, dns.update
update = dns.update.UpdateMessage("two.test", keyring=dns.tsig.Key("bcp.", open("tsig").read(), dns.tsig.HMAC_SHA256))
update.replace("two.test.", 60, "MX", "5 somebody.else.test.")
assert dns.query.tcp(update, "127.0.0.1", port=PORT, timeout=60).rcode() == 0
"""


@pytest.fixture
def world(tmp_path):
    if why := have(NAMED):
        pytest.skip(why)
    server = DnsServer("bind", tmp_path / "dns", zones=NAMES).start()
    (tmp_path / "playbooks").mkdir()
    (tmp_path / "playbooks/back.yaml").write_text(BACK)
    for name, more in (("three", ""), ("failing", LATER), ("holding", HOLD)):
        (tmp_path / f"playbooks/{name}.yaml").write_text(
            BOOK.replace("NAME", name).replace("PYTHON", sys.executable) + more
        )
    (tmp_path / "edit.py").write_text(EDIT.replace("PORT", str(server.port)))
    (tmp_path / "tsig").write_text(server.secret)
    (tmp_path / "contacts.csv").write_text("id,groups\nalice,oncall\n")
    domains = ", ".join(f"{{name: {n}, dns: main}}" for n in NAMES)
    (tmp_path / "bcp.yaml").write_text(
        CONFIG.format(domains=domains, at=f"127.0.0.1:{server.port}", python=sys.executable)
    )
    yield tmp_path, server
    server.stop()


def run(folder, name):
    return bcp(folder, "run", name, "--yes")


def bcp(folder, *words):
    clean = {k: v for k, v in os.environ.items() if not k.startswith("BCP_")}
    arguments = [sys.executable, "-m", "bcp", *words]
    return subprocess.run(
        arguments,
        cwd=folder,
        env={**clean, "COLUMNS": "200", "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=120,
        stdin=subprocess.DEVNULL,
        check=False,
    )


def mx(server, name):
    reply = dns.query.tcp(dns.message.make_query(name, "MX"), "127.0.0.1", port=server.port, timeout=60)
    return reply.answer[0][0].to_text()


def test_the_others_stay_where_they_were_moved_and_it_is_said_which_was_not(world) -> None:
    """Their mail would else go back to what is down."""
    folder, server = world
    ended = run(folder, "three")
    assert [mx(server, n) for n in NAMES] == ["10 relay.out.test.", "5 somebody.else.test.", "10 relay.out.test."]
    assert ended.returncode == 1, ended.stdout + ended.stderr
    said = ended.stdout + ended.stderr
    assert (
        "2 of 3 domain(s) switched" in said
        and "NOT moved: two.test: conflict" in said
        and "5 somebody.else.test." in said
    )


def test_a_later_failure_puts_back_what_was_moved_and_not_what_somebody_else_changed(world) -> None:
    folder, server = world
    ended = run(folder, "failing")
    assert ended.returncode == 1, ended.stdout + ended.stderr
    assert [mx(server, n) for n in NAMES] == ["0 primary.out.test.", "5 somebody.else.test.", "0 primary.out.test."]
    assert "set two.test" not in ended.stdout + ended.stderr


def test_those_that_did_not_move_are_tried_again_by_the_one_command_while_the_first_run_holds(world) -> None:
    """It holds what it moved and no more: its way back leaves alone what the second run moved."""
    folder, server = world
    first = bcp(folder, "run", "holding", "--yes", "--no-hold", "--output", "json")
    assert first.returncode == 1, first.stdout + first.stderr
    data = json.loads(first.stdout)
    assert data["exit_code"] == 1
    assert data["status"] == "holding" and [(x["domain"], x["state"]) for x in data["left"]] == [
        ("two.test", "conflict")
    ]
    assert data["try_again"] == f"bcp run --rest-of {data['run']}"
    told = bcp(folder, "status").stdout
    assert told.startswith("NOT moved: 1 of 3 domains") and "5 somebody.else.test." in told
    assert f"Try again: {data['try_again']}" in told
    refused = bcp(folder, "run", "holding", "--yes", "--no-hold", "--domain", "one.test")
    assert refused.returncode == 3 and data["run"] in refused.stderr
    again = bcp(folder, *data["try_again"].split()[1:], "--yes", "--no-hold")
    assert again.returncode == 0, again.stdout + again.stderr
    assert [mx(server, n) for n in NAMES] == ["10 relay.out.test."] * 3
    told = bcp(folder, "status", data["run"]).stdout
    assert "taken up by run-" in told and "Try again" not in told
    assert bcp(folder, *data["try_again"].split()[1:], "--yes").returncode == 3  # nothing is left
    back = bcp(folder, "failback", data["run"], "--yes")
    assert back.returncode == 0, back.stdout + back.stderr
    assert [mx(server, n) for n in NAMES] == ["0 primary.out.test.", "10 relay.out.test.", "0 primary.out.test."]
