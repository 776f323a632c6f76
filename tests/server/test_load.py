"""A storm of alerts, a kill in the middle, an automatic start, reload, resume:
what the daemon promises under pressure."""

from __future__ import annotations

import asyncio
import http.client
import json
import re
import socket
import statistics
import threading
import time

import pytest

from server.world import TOKEN, alert

AUTO = """\
version: 1
name: auto-mx
title: Automatic switch for a test
covers: [B, E]
inputs: {}
concurrency: {group: "mx:{{ domains | join(',') }}"}
limits: {automatic_runs: 1, per: 24h}
cooldown: {period: 1s, lift: acknowledge}
steady_state:
  before:
    - {id: outage-is-real, uses: verdict, expect: "outputs.state == 'down'"}
activation:
  - id: mx
    uses: dns.mx.switch
    with: {domains: "{{ domains }}", to: relay, ttl: 60}
    undo: automatic
hold:
  - {id: update, uses: notify, every: 30m, with: {audience: oncall, template: inbound-update, channels: [slack]}}
recovery: {playbook: exchange-failback, automatic: false}
always: []
"""


async def storm(port: int, requests: int, connections: int) -> list[float]:
    """So many alerts, each its own request, over so many connections; seconds of each answer."""
    left, took = list(range(requests)), []

    async def work() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        while left:
            i = left.pop()
            raw = json.dumps(alert(key=f"fp{i}", name=f"Smtp{i}")).encode()
            start = time.perf_counter()
            head = (
                "POST /hooks/alertmanager HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
                f"Authorization: Bearer {TOKEN}\r\nContent-Length: {len(raw)}\r\n\r\n"
            )
            writer.write(head.encode() + raw)
            answer = await reader.readuntil(b"\r\n\r\n")
            size = int(re.search(rb"content-length: (\d+)", answer.lower())[1])
            await reader.readexactly(size)
            took.append(time.perf_counter() - start)
            assert b" 202 " in answer[:15], answer
        writer.close()

    await asyncio.gather(*(work() for _ in range(connections)))
    return took


def rss(pid: int) -> float:
    """MiB now."""
    for line in open(f"/proc/{pid}/status"):
        if line.startswith("VmHWM"):
            return int(line.split()[1]) / 1024
    return 0.0


def still_open(s: socket.socket) -> bool:
    """Has the other side neither answered nor hung up?"""
    s.setblocking(False)
    try:
        s.recv(1, socket.MSG_PEEK)
    except BlockingIOError:
        return True
    except OSError:
        return False
    return False


def test_a_thousand_alerts_are_one_incident_and_one_question(own_processes, world) -> None:
    """Each its own request, all at once; answers stay quick, memory small."""
    w = world().start()
    w.break_("refuse")
    w.wait(lambda: w.get("/readyz")[0] == 200)

    began = time.perf_counter()
    took = asyncio.run(storm(w.port, 1000, 60))
    lasted = time.perf_counter() - began
    question = w.wait(lambda: w.api("/questions")[1])
    w.rounds()
    assert len(w.api("/incidents")[1]) == 1 and len(w.api("/questions")[1]) == len(question) == 1
    assert len(w.api("/runs")[1]) == 1
    p95 = statistics.quantiles(took, n=20)[-1]
    memory = rss(w.process.pid)
    print(f"1000 alerts in {lasted:.2f} s, p50 {statistics.median(took):.3f} s, p95 {p95:.3f} s, {memory:.0f} MiB")
    assert memory < 200, memory
    assert w.run("incident", "verify").returncode == 0


def test_hook_to_first_write_of_an_automatic_playbook(world) -> None:
    """No gate: from the alert to the changed MX; at most once in 24 h, and then people are asked."""
    w = world()
    w.data["serve"]["hooks"]["alertmanager"] |= {"mode": "auto", "playbook": "auto-mx"}
    w.data["serve"]["verdict"] = "notify"
    w.data["detect"] |= {"interval": "5s", "decide": {"b": "0s", "e": "0s"}}
    (w.folder / "playbooks" / "auto-mx.yaml").write_text(AUTO)
    w.write()
    w.start()
    w.wait(lambda: w.get("/readyz")[0] == 200)
    w.break_("refuse")
    began = time.time()
    status, first = w.hook(alert())
    assert status == 202 and first["opened"]
    run = w.wait(lambda: [r for r in w.api("/runs")[1] if r["playbook"] == "auto-mx"])[0]["id"]
    w.wait(lambda: w.api(f"/runs/{run}")[1]["status"] == "holding")
    print(f"hook to first write: {written(w, run) - began:.2f} s")
    assert w.events("proposed")[-1]["data"]["mode"] == "auto"
    assert w.api(f"/runs/{run}/abort", {})[0] == 409  # it moved mail: the consequence has to be seen
    shown = w.api(f"/runs/{run}/abort")[1]
    assert shown["moves_mail"] and shown["anyway"]  # towards a service that looks dead: a second yes
    assert w.api(f"/runs/{run}/abort", {"consequence": shown["consequence"], "anyway": shown["anyway"]})[0] == 200
    w.wait(lambda: w.api(f"/runs/{run}")[1]["status"] == "aborted")
    w.heal()
    w.hook(alert("resolved"))
    w.wait(lambda: w.incident()["state"] == "closed")
    w.break_("refuse")
    assert w.hook(alert(started="2026-01-23T08:00:00Z"))[1]["opened"]
    question = w.wait(lambda: w.api("/questions")[1])[0]  # the second time in 24 h a person decides
    assert question["step"].startswith("plan:") and not question["run"]
    assert w.events("refused")[-1]["data"]["rule"] == "automatic-limit"
    assert len(w.api("/runs")[1]) == 1


def written(w, run: str) -> float:
    """When the ledger claimed the first effect on DNS."""
    from bcp.plugins.engines.embedded import EmbeddedStore

    record = EmbeddedStore().view(w.folder / "state" / "runs" / f"{run}.db")
    return min(e.claimed_at for e in record.effects if e.step == "mx")


def test_kill_between_receipt_and_answer_leaves_one_incident(world) -> None:
    """The sender's retry finds it; the question is asked; six kills at other moments each."""
    w = world().start()
    w.break_("refuse")
    ids: set[str] = set()
    for i in range(6):
        raw = json.dumps(alert(key=f"fp{i}")).encode()
        results: list[int] = []

        def post(raw=raw, results=results) -> None:
            try:
                results.append(
                    w.ask(
                        "POST",
                        "/hooks/alertmanager",
                        raw,
                        {"Content-Type": "application/json", "Authorization": f"Bearer {TOKEN}"},
                        timeout=5,
                    )[0]
                )
            except (OSError, http.client.HTTPException):
                results.append(0)

        thread = threading.Thread(target=post)
        thread.start()
        time.sleep(0.001 * i * 2)
        w.kill()
        thread.join()
        w.start()
        status, again = w.hook(raw)
        assert status == 202 and again["incident"], again
        ids.add(again["incident"])
    assert len(ids) == 1 and len(w.api("/incidents")[1]) == 1
    assert w.wait(lambda: w.api("/questions")[1])
    assert w.run("incident", "verify").returncode == 0
    assert len(w.api("/runs")[1]) == 1


def test_a_killed_daemon_goes_on_with_its_run(world) -> None:
    """Killed while people are asked, it takes the run up again; the answer counts; a run that holds is taken over."""
    w = world().start()
    w.break_("refuse")
    w.hook(alert())
    question = w.wait(lambda: w.api("/questions")[1])[0]
    w.wait(lambda: any(" = " in m["body"] and m["to"] == "+12025550101" for m in w.vendors.sms))
    w.kill()
    w.start()
    run = question["run"]
    w.wait(lambda: w.api(f"/runs/{run}")[1]["live"])
    # The first text, whether or not we had written down that it left: its number stays good.
    text = next(m["body"] for m in w.vendors.sms if m["to"] == "+12025550101" and " = " in m["body"])
    w.vendors.reply("+12025550101", "+15005550006", re.findall(r"(\d{6}) = ", text)[0])
    w.wait(lambda: w.api(f"/runs/{run}")[1]["status"] == "holding")
    w.kill()
    assert not json.loads(w.run("status", run, "--output", "json").stdout).get("live")
    w.start()
    w.wait(lambda: w.api(f"/runs/{run}")[1]["live"])
    assert w.stop() == 0
    w.start()
    w.wait(lambda: w.api(f"/runs/{run}")[1]["live"])
    assert w.run("audit", "verify").returncode == 0


def test_nobody_answers_and_everybody_hears_that_nothing_was_done(world) -> None:
    """The next group is asked after its time; then the gate closes; no MX was moved."""
    w = world()
    w.data["serve"]["ask"] |= {"after": "1s", "cycles": 1, "timeout": "14s", "groups": ["alice", "bob"]}
    w.write()
    (w.folder / "playbooks" / "quiet.yaml").write_text(AUTO.replace("auto-mx", "quiet"))
    w.data["serve"]["hooks"]["alertmanager"]["playbook"] = "quiet"
    w.write()
    w.start()
    w.break_("refuse")
    w.hook(alert())
    w.wait(lambda: any(" = " in m["body"] for m in w.vendors.sms if m["to"] == "+12025550102"))
    asked = [m["to"] for m in w.vendors.sms if " = " in m["body"]]
    assert asked[0] == "+12025550101" and asked.index("+12025550102") > 0, asked  # alice, and then bob
    w.wait(lambda: not w.api("/questions")[1])
    told = w.wait(lambda: [m["body"] for m in w.vendors.sms if "Nothing was done" in m["body"]])
    assert told
    assert w.events("question_closed")[-1]["data"]["result"].startswith("not approved: no answer in time")
    assert not w.api("/runs")[1]


def test_asked_again_when_the_decision_time_is_over_and_nobody_had_answered(world) -> None:
    """Once more, no more; a no is not asked about again."""
    w = world()
    gated = AUTO.replace("auto-mx", "gated").replace(
        "activation:\n",
        "activation:\n  - {id: approve, uses: approval, with: {from: [group:oncall], min: 1, timeout: 3s}}\n",
    )
    (w.folder / "playbooks" / "gated.yaml").write_text(gated)
    w.data["serve"]["hooks"]["alertmanager"]["playbook"] = "gated"
    w.data["detect"]["decide"] = {"b": "9s", "e": "9s"}
    w.write()
    w.start()
    w.break_("refuse")
    w.hook(alert())
    w.wait(lambda: len(w.events("question")) >= 2)
    w.wait(lambda: len(w.events("question_closed")) == 2)
    w.rounds(6)  # one question more would have been asked by now
    assert len(w.events("question")) == 2 and [e["data"]["action"] for e in w.events("proposed")] == ["wait", "switch"]
    w.heal()
    w.hook(alert("resolved"))
    w.wait(lambda: w.incident()["state"] == "closed")
    assert w.run("audit", "verify").returncode == 0


def test_a_new_configuration_without_a_restart_and_a_broken_one_changes_nothing(world) -> None:
    """HUP."""
    import signal

    w = world().start()
    assert w.hook(alert(), source="second")[0] == 404
    w.data["serve"]["hooks"]["second"] = {"kind": "alertmanager", "auth": {"bearer": ["file:secrets/am"]}}
    w.write()
    w.process.send_signal(signal.SIGHUP)
    w.wait(lambda: w.hook(alert(), source="second")[0] == 202)
    w.config.write_text("version: 1\norganisation: {}\n")
    w.process.send_signal(signal.SIGHUP)
    w.wait(lambda: "was not taken over" in w.errors.read_text())
    assert w.hook(alert(), source="second")[0] == 202
    w.write()


def test_a_second_daemon_is_refused_and_a_taken_port_is_said(world) -> None:
    """Exit codes as documented."""
    w = world().start()
    second = w.run("serve", timeout=120)
    assert second.returncode == 3 and "another daemon" in second.stderr, second.stderr
    w.data["state"] = str(w.folder / "other")
    w.write()
    taken = w.run("serve", timeout=120)
    assert taken.returncode == 2 and "cannot listen" in taken.stderr, taken.stderr


@pytest.mark.parametrize("how", ["head", "body"])
def test_slow_requests_are_cut_off_and_others_served(world, how) -> None:
    """Slowloris: many connections that send a byte now and then."""

    w = world().start()
    slow = []
    for _ in range(200):
        s = socket.create_connection(("127.0.0.1", w.port))
        if how == "head":
            s.sendall(b"POST /hooks/alertmanager HTTP/1.1\r\nHost: x\r\nX-A: ")
        else:
            s.sendall(
                b"POST /hooks/alertmanager HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer x\r\n"
                b"Content-Length: 1000\r\n\r\n{"
            )
        slow.append(s)
    assert w.hook(alert())[0] == 202
    assert any(still_open(s) for s in slow)  # others were served before these were cut off
    ended = 0
    deadline = time.monotonic() + 120
    for s in slow:
        s.settimeout(max(0.1, deadline - time.monotonic()))
        try:
            data = s.recv(1000)
            ended += data == b"" or b"408" in data
        except OSError:
            ended += 0
        s.close()
    assert ended == 200, ended
