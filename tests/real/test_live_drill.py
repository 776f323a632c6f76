"""A live drill on BIND, Unbound and Postfix: real MX, real mail, texts to volunteers, and an end that nobody had to
call for. The relay dies in the middle; the drill aborts by itself, and MX is where it was."""

from __future__ import annotations

import json
import os
import re
import shutil
import smtplib
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import dns.message
import dns.query
import pytest
from demands import check
from support import ROOT

from bcp.deeds.exercises import record_of
from bcp.deeds.reports import write_report
from bcp.kernel.clock import SystemClock
from bcp.settings import load
from bcp.wiring import make_app
from real.machine import inside
from real.net import IP, Net, able
from real.phones import ADDRESS, PORT, Phones

pytestmark = [pytest.mark.real, pytest.mark.slow]

CONFIG = f"""\
version: 1
organisation: {{name: Real Corp}}
state: state
domains: [{{name: corp.test, dns: main, primary: [{{host: primary.out.test, preference: 0}}], primary_ttl: 5}}]
dns: {{main: {{kind: rfc2136, server: {IP["dns"]}, key: {{name: bcp., secret: "env:TSIG"}}, \
resolvers: [{IP["cache"]}]}}}}
resolvers: {{cache: {IP["cache"]}}}
relays:
  mx-backup: {{kind: smtp, hosts: [{{host: relay.out.test, preference: 10}}], probe_recipient: alice@corp.test}}
channels:
  sms: {{kind: twilio-sms, account_sid: "env:SID", auth_token: "env:TOKEN", from: "+15005550006", \
api_url: "http://{ADDRESS}:{PORT}"}}
  status-page: {{kind: status-page, folder: public}}
contacts: {{file: contacts.csv}}
audiences: {{employees: {{groups: [staff]}}, oncall: {{groups: [oncall]}}, volunteers: {{people: [carol]}}}}
approvals: {{codes: {{bob: "env:CODE_BOB"}}}}
detect:
  interval: 1s
  threshold: 2
  recheck: {{looks: 2, apart: 100ms}}
  probes:
    rcpt: {{kind: smtp, host: primary.out.test, recipient: alice@corp.test, timeout: 2s}}
playbooks: [playbooks]
"""
CONTACTS = """id,name,phone,groups
alice,Alice,+12025550101,staff
bob,Bob,+12025550102,staff;oncall
carol,Carol,+12025550103,staff
"""
OUT = """\
version: 1
name: drill-out
title: Mail of the drill domain goes to the relay
covers: [B]
objectives: {rto_receive: 30m, rto_communicate: 15m}
concurrency: {group: "mx:{{ domains | join(',') }}"}
ready: [{id: relay-accepts, uses: relay.check, with: {relay: mx-backup}}]
steady_state: {before: [{id: real, uses: verdict, expect: "outputs.state == 'down'"}]}
activation:
  - {id: approve, uses: approval, with: {from: [group:oncall], min: 1, timeout: 2m}}
  - {id: mx, uses: dns.mx.switch, with: {domains: "{{ domains }}", to: relay, ttl: 5}, undo: automatic}
  - id: tell
    uses: notify
    with: {audience: employees, template: inbound-on-backup, channels: [sms, status-page]}
hold:
  - id: update
    uses: notify
    every: 30m
    with: {audience: employees, template: inbound-update, channels: [status-page]}
"""
QUICK = """
import bcp.rehearse.live as live
live.WATCH_S = 0.5
from bcp.cli.main import main
raise SystemExit(main())
"""
"""The command, looking twice a second."""
PATIENT_S = 60.0


class Small(Net):
    """Without a Postfix of senders: the world's mail comes from the test."""

    def start(self) -> Small:
        self._wires()
        self._dns()
        self._cache()
        for host in ("primary", "relay"):
            self.postfix(host)
            self._await_postfix(host)
        return self

    def deliver(self, number: int) -> str:
        """As a sender would: the MX as the cache tells it now, and a mail to it; returns the host that took it."""
        with inside(self.ns("sender")):
            query = dns.message.make_query("corp.test", "MX")
            answer = dns.query.udp(query, IP["cache"], timeout=20).answer[0]
            host = min(answer, key=lambda r: r.preference).exchange.to_text(omit_final_dot=True)
            with smtplib.SMTP(IP[host.partition(".")[0]], 25, "sender.outside.test", timeout=20) as smtp:
                smtp.sendmail("x@outside.test", ["alice@corp.test"], f"X-Lab-Number: {number}\r\n\r\nhello\r\n")
        return host

    def mx(self) -> str:
        """As BIND has it."""
        with inside(self.ns("ops")):
            answer = dns.query.tcp(dns.message.make_query("corp.test", "MX"), IP["dns"], timeout=20).answer[0]
        return " ".join(r.to_text() for r in answer)


class Ops:
    """Whoever conducts it, in a namespace of their own."""

    def __init__(self, net: Net, folder: Path) -> None:
        self.net, self.folder, self.log = net, folder, folder / "log"
        (folder / "playbooks").mkdir(parents=True)
        (folder / "bcp.yaml").write_text(CONFIG)
        (folder / "contacts.csv").write_text(CONTACTS)
        (folder / "playbooks" / "drill-out.yaml").write_text(OUT)
        given = {"TSIG": net.secret, "SID": "AC" + "0" * 32, "TOKEN": "lab-token", "CODE_BOB": "7351"}
        more = {"BCP_CONFIG": str(folder / "bcp.yaml"), "BCP_APPROVAL_CODE": "7351", "PYTHONPATH": str(ROOT)}
        self.env = {**os.environ, **given, **more, "COLUMNS": "80"}

    def start(self, *words: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [*self.net.inside("ops"), sys.executable, *words], env=self.env, cwd=self.folder, text=True,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=self.log.open("a"),
        )  # fmt: skip

    def run(self, *words: str) -> str:
        process = self.start("-m", "bcp", *words)
        out, _ = process.communicate(timeout=PATIENT_S)
        assert process.returncode == 0, f"{words}: {out}{self.log.read_text()[-2000:]}"
        return out

    def until(self, words: str, played: subprocess.Popen[str]) -> None:
        deadline = time.monotonic() + PATIENT_S
        while words not in self.log.read_text():
            assert played.poll() is None and time.monotonic() < deadline, self.log.read_text()[-3000:]
            time.sleep(0.1)


@pytest.fixture
def net():
    if why := able():
        pytest.skip(why)
    folder = Path(tempfile.mkdtemp(prefix="bcp-drill-"))  # Postfix's users must reach their mail
    folder.chmod(0o755)
    net = Small(folder)
    try:
        yield net.start()
    finally:
        net.stop()
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def phones(net):
    made = Phones(net.ns("ops")).start()
    yield made
    made.stop()


def arrived(net: Small, number: int) -> None:
    deadline = time.monotonic() + PATIENT_S
    while number not in net.numbers():
        assert time.monotonic() < deadline, net.tails()
        time.sleep(0.05)


def aborted_at_home(net: Small, ops: Ops, phones, played) -> dict[str, Any]:
    """It ends aborted, with MX where it was, and nobody but volunteers was told. What it said last."""
    out, _ = played.communicate(timeout=PATIENT_S)
    assert played.returncode == 1, ops.log.read_text()[-3000:]
    assert net.mx() == "0 primary.out.test."
    said = json.loads(out.splitlines()[-1])
    assert (said["kind"], said["outcome"], said["met"]) == ("live", "aborted", False)
    assert {number for number, _ in phones.texts()} == {"+12025550103"}, "volunteers alone"
    return dict(said)


def test_it_aborts_by_itself_when_the_relay_dies_and_mx_comes_back(net, phones, tmp_path, monkeypatch) -> None:
    ops = Ops(net, tmp_path / "ops")
    ops.run("drill", "new", "live", "--playbook", "drill-out", "--domain", "corp.test", "--volunteers", "volunteers")
    assert net.deliver(1) == "primary.out.test"
    played = ops.start("-c", QUICK, "drill", "run", "last", "--no-plans")
    ops.until("waiting for 1 approval", played)
    ops.run("approve", "--as", "bob")
    ops.until("holding", played)
    assert net.mx() == "10 relay.out.test."
    deadline, number = time.monotonic() + PATIENT_S, 2
    while net.deliver(number) != "relay.out.test":  # what is left of the old TTL in a real cache
        assert time.monotonic() < deadline
        number += 1
        time.sleep(0.2)
    arrived(net, number)
    assert "by relay.out.test (Postfix)" in "".join(p.read_text() for p in mailbox(net).glob("*"))

    net.signal_all("relay", 9)
    ops.until("aborted: the relay mx-backup does not take mail for corp.test", played)
    ops.until("? undo:", played)
    ops.run("approve", "--as", "bob")  # what moves MX is a person's yes, in a drill as ever
    said = aborted_at_home(net, ops, phones, played)
    assert {o["judged"] for o in said["objectives"]}.isdisjoint({"met"})
    assert all(t.startswith("EXERCISE") and t.endswith("EXERCISE") for _, t in phones.texts())
    assert len(phones.texts()) == 2, "what they were told, and that it is so no more"
    assert not (ops.folder / "public").exists(), "everybody reads the page: it said nothing"
    for name in ("TSIG", "SID", "TOKEN", "CODE_BOB"):
        monkeypatch.setenv(name, ops.env[name])
    told_of(ops.folder)


def test_it_aborts_by_itself_when_the_service_turns_bad_and_mx_waits_for_two_yes(
    net, phones, tmp_path, monkeypatch
) -> None:
    """Nobody's mail is moved into a path that fails: not by itself, and not by one yes."""
    ops = Ops(net, tmp_path / "ops")
    ops.run("drill", "new", "live", "--playbook", "drill-out", "--domain", "corp.test", "--volunteers", "volunteers")
    played = ops.start("-c", QUICK, "drill", "run", "last", "--no-plans")
    ops.until("waiting for 1 approval", played)
    ops.run("approve", "--as", "bob")
    ops.until("holding", played)
    net.break_("kill")
    ops.until("aborted: the watch of the real service says", played)
    ops.until("? undo:", played)
    assert net.mx() == "10 relay.out.test.", "nobody has said yes"
    ops.run("approve", "--as", "bob")
    ops.until("mail would go to a dead server", played)
    assert net.mx() == "10 relay.out.test.", "one yes is not enough while nothing listens where mail would go"
    ops.run("approve", "--as", "bob")
    aborted_at_home(net, ops, phones, played)
    for name in ("TSIG", "SID", "TOKEN", "CODE_BOB"):
        monkeypatch.setenv(name, ops.env[name])
    app = make_app(load(ops.folder / "bcp.yaml"), SystemClock())
    record = record_of(app, "last")
    assert (record.outcome, record.met) == ("aborted", False)
    assert record.reason.startswith("the watch of the real service says ")
    assert {o.code: o.judged for o in record.objectives} == {"rto_receive": "not-reached", "rto_communicate": "void"}
    assert {s.id: s.result for s in record.steps}["mx"] == "undone"
    assert [d.step for d in record.decisions if d.result == "approved"] == ["approve", "undo", "undo-anyway"]
    _, paths = write_report(app, "last-drill")
    data = json.loads(Path(paths["json"]).read_text())
    assert (data["answer"]["code"], data["answer"]["reached"]) == ("no", 0)
    assert "the watch of the real service says" in data["answer"]["sentence"]
    check(data, Path(paths["html"]).read_text())


def test_a_playbook_without_a_way_back_leaves_no_mail_at_the_relay(net, phones, tmp_path) -> None:
    """Its end used to say that mail was back where it was, with the MX at the relay."""
    ops = Ops(net, tmp_path / "ops")
    fixed = ("--playbook", "drill-out", "--domain", "corp.test", "--volunteers", "volunteers", "--hold", "1s")
    ops.run("drill", "new", "live", *fixed)
    played = ops.start("-c", QUICK, "drill", "run", "last", "--no-plans")
    ops.until("drill-out names no way back", played)
    ops.until("waiting for 1 approval", played)
    ops.run("approve", "--as", "bob")
    ops.until("? undo:", played)
    assert net.mx() == "10 relay.out.test.", "nobody has said yes"
    ops.run("approve", "--as", "bob")
    aborted_at_home(net, ops, phones, played)
    assert "mail is back where it was" not in ops.log.read_text()


def test_whoever_ends_a_drill_that_was_killed_tells_volunteers_alone(net, phones, tmp_path) -> None:
    """Everybody got the correction of a text that only volunteers had had, and it stood on the public page."""
    ops = Ops(net, tmp_path / "ops")
    ops.run("drill", "new", "live", "--playbook", "drill-out", "--domain", "corp.test", "--volunteers", "volunteers")
    played = ops.start("-c", QUICK, "drill", "run", "last", "--no-plans")
    ops.until("waiting for 1 approval", played)
    ops.run("approve", "--as", "bob")
    ops.until("holding", played)
    played.kill()
    played.wait()
    refused = ops.start("-m", "bcp", "drill", "run", "last", "--no-plans")  # it was interrupted, and its run was not
    refused.communicate(timeout=PATIENT_S)
    assert refused.returncode
    shown = ops.start("-m", "bcp", "abort", "last", "--as", "bob")
    shown.communicate(timeout=PATIENT_S)
    consequence = re.findall(r"--consequence\s+(\w+)", ops.log.read_text())[-1]
    assert net.mx() == "10 relay.out.test."
    ops.start("-m", "bcp", "abort", "last", "--as", "bob", "--consequence", consequence).communicate(timeout=PATIENT_S)
    assert net.mx() == "0 primary.out.test."
    assert {number for number, _ in phones.texts()} == {"+12025550103"}, "volunteers alone"
    assert len(phones.texts()) == 2, "what they were told, and that it is so no more"
    assert all(t.startswith("EXERCISE") for _, t in phones.texts())
    assert not (ops.folder / "public").exists(), "everybody reads the page: it said nothing"


def mailbox(net: Net) -> Path:
    return net.folder / "primary" / "mail" / "alice" / "new"


def told_of(folder: Path) -> None:
    """What the record and the report say."""
    app = make_app(load(folder / "bcp.yaml"), SystemClock())
    record = record_of(app, "last")
    assert (record.outcome, record.met) == ("aborted", False)
    assert record.reason.startswith("the relay mx-backup does not take mail for corp.test")
    assert {s.id: s.result for s in record.steps}["mx"] == "undone"
    curve = [(p.what, p.new, p.asked) for p in record.propagation]
    assert ("resolvers", 0, 1) in curve
    assert ("resolvers", 1, 1) in curve, "a real cache, asked until it told the relay"
    assert ("authoritative", 1, 1) in curve, "every server of BIND's, at the end of the switch"
    run = app.running.runs.view(record.runs[0])
    assert run.record.meta["shared_fate"]["state"] == record.shared_fate.state == "ok"
    assert str(run.record.meta["clock"]).startswith("clock of this machine, UTC; ")
    assert [(e.data["new"], e.data["asked"]) for e in run.record.events if e.kind == "mx_told"][-1] == (1, 1)
    assert [d.result for d in record.decisions if d.by == "bob"].count("approved") >= 1
    _, paths = write_report(app, "last-drill")
    data = json.loads(Path(paths["json"]).read_text())
    assert data["answer"]["code"] == "no"
    assert data["answer"]["reached"] == 0
    check(data, Path(paths["html"]).read_text())
