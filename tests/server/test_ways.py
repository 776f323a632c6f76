"""Two persons by two ways, a key in a call, reports of delivery, signs of life, the daemon's own notices."""

from __future__ import annotations

import json
import os
import re
import socket
import threading
from urllib.parse import urlencode, urlsplit

import pytest
from twilio.request_validator import RequestValidator

from bcp.incident.codes import codes_in
from server.world import alert

FORM = {"Content-Type": "application/x-www-form-urlencoded"}
TWO = """\
version: 1
name: two-persons
title: Two persons
covers: [B, E]
concurrency: {group: "mx:{{ domains | join(',') }}"}
steady_state:
  before: [{id: real, uses: verdict, expect: "outputs.state == 'down'"}]
activation:
  - {id: approve, uses: approval, with: {from: [alice, bob], min: 2, timeout: 1m}}
  - {id: mx, uses: dns.mx.switch, with: {domains: "{{ domains }}", to: relay, ttl: 60}, undo: automatic}
"""


def test_two_persons_by_two_ways(world) -> None:
    """One yes, even twice, is not enough; the second person's opens the gate. Both stand in the run's report."""
    w = world()
    (w.folder / "playbooks" / "two-persons.yaml").write_text(TWO)
    w.data["serve"]["hooks"]["alertmanager"]["playbook"] = "two-persons"
    w.write()
    w.start()
    w.break_("refuse")
    w.hook(alert())
    question = w.wait(lambda: w.api("/questions")[1])[0]
    assert question["needed"] == 2
    w.wait(lambda: sum(1 for m in w.vendors.sms if " = " in m["body"]) >= 2)
    mine = [m["body"] for m in w.vendors.sms if m["to"] == "+12025550101" and " = " in m["body"]][-1]
    w.vendors.reply("+12025550101", "+15005550006", codes_in(mine)[0])
    w.wait(lambda: w.events("answered"))
    assert w.ask("POST", re.search(r"(/a/\S+)", mine)[1], b"answer=yes", FORM)[0] in {409, 410}  # the same person again
    w.rounds()
    assert w.api("/questions")[1]
    other = [m["body"] for m in w.vendors.sms if m["to"] == "+12025550102" and " = " in m["body"]][-1]
    assert w.ask("POST", re.search(r"(/a/\S+)", other)[1], b"answer=yes", FORM)[0] == 200
    w.wait(lambda: w.api(f"/runs/{question['run']}")[1]["status"] == "done")
    report = (
        json.loads((w.folder / "state" / "reports" / question["run"] / "report.json").read_text())
        if (w.folder / "state" / "reports" / question["run"]).exists()
        else None
    )
    timeline = w.run("status", question["run"], "--timeline").stdout
    assert "alice" in timeline and "bob" in timeline and report is None


def test_a_key_pressed_in_a_call_answers_the_question(world) -> None:
    """The call says what it is about; 1 is yes. Unsigned or with another token: nothing."""
    w = world(twilio={"auth_token": "file:secrets/twilio-token"})
    w.data["channels"]["voice"] = {
        "kind": "twilio-voice",
        "account_sid": "file:secrets/twilio-sid",
        "auth_token": "file:secrets/twilio-token",
        "from": "+15005550006",
        "api_url": w.vendors.url,
    }
    w.data["serve"]["ask"]["channels"] = ["voice"]
    w.write()
    w.start()
    w.break_("refuse")
    w.hook(alert())
    question = w.wait(lambda: w.api("/questions")[1])[0]
    call = w.wait(lambda: [c for c in w.vendors.calls if c["to"] == "+12025550101" and "Gather" in c["twiml"]])[0]
    assert "Press 1 to start" in call["twiml"]
    path = urlsplit(re.search(r'action="([^"]+)"', call["twiml"])[1]).path
    validator = RequestValidator(w.vendors.twilio_token)

    def press(where: str, digit: str, sign: bool = True) -> tuple[int, bytes]:
        fields = {"CallSid": "CA1", "From": "+15005550006", "To": "+12025550101", "Digits": digit}
        mark = validator.compute_signature(w.base + where, fields) if sign else "x"
        status, _, body = w.ask("POST", where, urlencode(fields).encode(), {**FORM, "X-Twilio-Signature": mark})
        return status, body

    assert press(path, "1", sign=False)[0] == 401
    assert b"not genuine" in press(path[:-4] + "AAAA", "1")[1]
    assert b"Nothing was answered" in press(path, "7")[1]
    assert not w.events("answered")
    status, body = press(path, "1")
    assert status == 200 and b"Yes from alice" in body, body
    w.wait(lambda: w.api(f"/runs/{question['run']}")[1]["status"] == "holding")
    assert press("/twilio/keys", "2")[0] == 200
    assert '"text": "2"' in (w.folder / "state" / "answers.jsonl").read_text()


def test_reports_of_delivery_by_call_and_by_asking(world) -> None:
    """The report and `comms receipts` say what became of every text; the last status wins whatever the order."""
    w = world(twilio={"auth_token": "file:secrets/twilio-token"})
    w.data["channels"]["sms"]["status_callback"] = f"{w.base}/twilio/status"
    w.write()
    w.start()
    done = w.run("comms", "send", "employees", "employees-investigating", "--channel", "sms", "--class", "A", "--yes")
    assert done.returncode == 0, done.stderr
    sent = [m for m in w.vendors.sms if m.get("sid")]
    assert len(sent) == 4
    posts = [p for m, path, p in w.vendors.log if m == "POST" and path.endswith("Messages.json")]
    assert all(p.get("StatusCallback") == f"{w.base}/twilio/status" for p in posts), posts[0]
    validator = RequestValidator(w.vendors.twilio_token)
    for message, states in zip(sent, (["delivered", "sent"], ["sent", "undelivered"], ["sent"], []), strict=True):
        for state in states:
            fields = {
                "MessageSid": message["sid"],
                "MessageStatus": state,
                "ErrorCode": "30003" if state == "undelivered" else "",
            }
            assert (
                w.ask(
                    "POST",
                    "/twilio/status",
                    urlencode(fields).encode(),
                    {**FORM, "X-Twilio-Signature": validator.compute_signature(w.base + "/twilio/status", fields)},
                )[0]
                == 204
            )
    run = w.run("report", "last")
    assert run.returncode == 0
    report = json.loads(next((w.folder / "state" / "reports").glob("*/report.json")).read_text())
    row = next(m for m in report["messages"] if m["channel"] == "sms")
    assert row["reported"] == {"delivered": 1, "sent": 1, "undelivered": 1}
    assert "1 undelivered" in next((w.folder / "state" / "reports").glob("*/report.html")).read_text()
    for message in sent:
        message["status"] = "delivered"
    asked = json.loads(w.run("comms", "receipts", "--output", "json").stdout)
    assert asked["messages"][0]["reported"] == {"delivered": 3, "undelivered": 1}, asked


def test_stop_and_start_by_text_are_remembered(world) -> None:
    """The forecast leaves them out; START brings them back; Twilio answers such texts itself."""
    w = world(twilio={"auth_token": "file:secrets/twilio-token"}).start()
    validator = RequestValidator(w.vendors.twilio_token)

    def text(body: str, **more: str) -> bytes:
        fields = {"From": "+12025550103", "To": "+15005550006", "Body": body, "MessageSid": f"SM{body}", **more}
        return w.ask(
            "POST",
            "/twilio/sms",
            urlencode(fields).encode(),
            {**FORM, "X-Twilio-Signature": validator.compute_signature(w.base + "/twilio/sms", fields)},
        )[2]

    def reached() -> int:
        return json.loads(
            w.run(
                "comms",
                "forecast",
                "employees",
                "employees-investigating",
                "--channel",
                "sms",
                "--class",
                "A",
                "--output",
                "json",
            ).stdout
        )["channels"][0]["messages"]

    assert reached() == 4
    assert b"<Message>" not in text("Stop.")
    assert reached() == 3
    text("please stop sending")
    assert reached() == 3
    text("START")
    assert reached() == 4
    text("x", OptOutType="STOP")
    assert reached() == 3


def test_heartbeat_watchdog_and_ready(world) -> None:
    """systemd hears READY, WATCHDOG and STOPPING; the check outside is called while the watch is alive."""
    w = world()
    url, beats = w.listener("/beat")
    (w.lab.folder / "secrets" / "beat").write_text(url)
    w.data["serve"]["heartbeat"] = {"url": "file:secrets/beat", "every": "300ms"}
    w.write()
    path = str(w.folder / "notify")
    heard: list[str] = []
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as s:
        s.bind(path)
        s.settimeout(60)

        def listen() -> None:
            while not heard or heard[-1] != "STOPPING=1":
                heard.append(s.recv(100).decode())

        thread = threading.Thread(target=listen)
        thread.start()
        os.environ |= {"NOTIFY_SOCKET": path, "WATCHDOG_USEC": "500000"}
        try:
            w.start()
        finally:
            del os.environ["NOTIFY_SOCKET"], os.environ["WATCHDOG_USEC"]
        w.wait(lambda: len(beats) >= 3 and heard.count("WATCHDOG=1") >= 2)
        assert w.stop() == 0
        thread.join(10)
    assert heard[0] in {"READY=1", "WATCHDOG=1"} and "READY=1" in heard and heard[-1] == "STOPPING=1"
    unit = w.run("serve", "--systemd-unit").stdout
    assert "Type=notify" in unit and "NoNewPrivileges=yes" in unit and str(w.folder / "state") in unit


def test_a_trace_of_each_request_reaches_a_collector(world) -> None:
    """OTLP over HTTP; path tokens are not in it."""
    pytest.importorskip("opentelemetry.exporter.otlp.proto.http.trace_exporter")
    w = world()
    w.data["serve"]["traces"], got = w.listener("/v1/traces")
    w.write()
    w.start()
    w.ask("GET", "/a/" + "t0ken" * 6)
    w.wait(lambda: any(b"GET /a/********" in b for b in got))
    assert not any(b"t0kent0ken" in b for b in got)


def test_notify_mode_tells_and_starts_nothing(world) -> None:
    """The people on call hear what is seen and which playbook fits."""
    w = world(verdict="notify")
    w.data["serve"]["hooks"]["alertmanager"]["mode"] = "notify"
    w.write()
    w.start()
    w.break_("refuse")
    w.hook(alert())
    w.wait(lambda: [m for m in w.vendors.sms if "exchange-inbound-outage" in m["body"]])
    w.rounds(5)
    assert not w.api("/runs")[1] and not w.api("/questions")[1]
    assert w.events("proposed")[-1]["data"]["mode"] == "notify"


def test_an_alert_without_an_outage_is_noted_and_nothing_else(world) -> None:
    """Our own look finds it well: facts decide."""
    w = world().start()
    w.wait(lambda: w.get("/readyz")[0] == 200)
    status, first = w.hook(alert())
    assert status == 202 and first["opened"]
    w.wait(lambda: w.events("look_disagrees"))
    assert not w.api("/runs")[1] and not w.vendors.sms
    w.hook(alert("resolved"))
    w.wait(lambda: w.incident()["state"] == "closed")
