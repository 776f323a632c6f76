"""From the alert to the way back: each of the ways to answer, once through the whole story, over real sockets."""

from __future__ import annotations

import hashlib
import hmac
import json
import re
import time
from urllib.parse import urlencode

import pytest

from server.world import alert

SLACK = {"slack": {"app_token": "file:secrets/xapp", "api_url": "", "signing_secret": "file:secrets/signing"}}


def codes(world, number: str) -> tuple[str, str, str]:
    """Yes, no and the link in the newest text to a number."""
    text = [m["body"] for m in world.vendors.sms if m["to"] == number and re.search(r"\d{6} = ", m["body"])][-1]
    yes, no = re.findall(r"(\d{6}) = ", text)
    return yes, no, re.search(r"(/a/\S+)", text)[1]


def by_text(world, run: str) -> None:
    yes, _, _ = codes(world, "+12025550101")
    world.vendors.reply("+12025550101", "+15005550006", f"  {yes[:3]} {yes[3:]} ok")


def by_link(world, run: str) -> None:
    _, _, path = codes(world, "+12025550102")
    status, body = world.get(path)
    assert (status == 200 and b"bob" in body and b"MX of corp.test" in body) or b"corp.test" in body, body
    assert world.get(path)[0] == 200  # looking answers nothing
    status, _, body = world.ask("POST", path, b"answer=yes", {"Content-Type": "application/x-www-form-urlencoded"})
    assert status == 200 and "Ihr Ja ist vermerkt" in body.decode(), body  # bob of the lab reads German
    status, _, body = world.ask("POST", path, b"answer=yes", {"Content-Type": "application/x-www-form-urlencoded"})
    assert status in {409, 410}, (status, body)  # single use


def by_socket(world, run: str) -> None:
    question = world.api("/questions")[1][0]["id"]
    world.loop.do(world.slack.press("UNOBODY", f"{question}:yes"))
    world.wait(lambda: any("belongs to nobody" in s["text"] for s in world.slack.said))
    world.loop.do(world.slack.press("UALICE", f"{question}:yes"))
    world.wait(lambda: any("Yes from alice" in s["text"] for s in world.slack.said))


def by_http_button(world, run: str) -> None:
    question = world.api("/questions")[1][0]["id"]
    payload = {
        "type": "block_actions",
        "user": {"id": "UBOB"},
        "actions": [{"action_id": "bcp-answer-0", "value": f"{question}:yes"}],
    }
    raw = urlencode({"payload": json.dumps(payload)}).encode()

    def press(moment: float, key: bytes) -> int:
        mark = hmac.new(key, b"v0:%d:" % moment + raw, hashlib.sha256).hexdigest()
        return world.ask(
            "POST",
            "/slack/interactive",
            raw,
            {
                "Content-Type": "application/x-www-form-urlencoded",
                "X-Slack-Request-Timestamp": str(int(moment)),
                "X-Slack-Signature": f"v0={mark}",
            },
        )[0]

    assert press(time.time(), b"wrong") == 401
    assert press(time.time() - 400, b"slack-signing-secret") == 401
    assert press(time.time(), b"slack-signing-secret") == 200


def by_command(world, run: str) -> None:
    done = world.run(
        "approve",
        run,
        "--as",
        "alice",
        env={"BCP_APPROVAL_CODE": (world.lab.folder / "secrets" / "code-alice").read_text()},
    )
    assert done.returncode == 0, done.stderr


def by_api(world, run: str) -> None:
    question = world.api("/questions")[1][0]
    assert world.api(f"/questions/{question['id']}/answer", {"yes": True, "checksum": "0" * 64})[0] == 409
    status, said = world.api(f"/questions/{question['id']}/answer", {"yes": True, "checksum": question["checksum"]})
    assert status == 200, said


WAYS = {
    "text": by_text,
    "link": by_link,
    "socket": by_socket,
    "http-button": by_http_button,
    "command": by_command,
    "api": by_api,
}


@pytest.mark.parametrize("way", WAYS)
def test_alert_question_answer_run_and_the_question_of_the_way_back(world, way) -> None:
    """Repeats of the alert start nothing; the answer of each way starts the switch;
    when all is well the way back is asked about."""
    w = world(**SLACK)
    w.data["serve"]["slack"]["api_url"] = w.slack.url
    w.write()
    w.start()
    w.break_("refuse")
    status, first = w.hook(alert())
    assert status == 202 and first["opened"] and first["incident"], first
    question = w.wait(lambda: w.api("/questions")[1])[0]
    run = question["run"]
    w.wait(lambda: sum(1 for m in w.vendors.sms if " = " in m["body"]) >= 2)
    w.wait(lambda: any(b.get("type") == "actions" for p in w.vendors.posts for b in p.get("blocks") or ()))
    if way == "socket":
        w.wait(lambda: w.slack.sockets)
    WAYS[way](w, run)
    w.wait(lambda: w.api(f"/runs/{run}")[1]["status"] == "holding")
    w.wait(lambda: "mx.backup" in str(json.loads((w.lab.folder / "count.json").read_text())["mx"]), 5)
    if way == "command":  # nobody is told that all is well before it is
        done = w.run("comms", "send", "employees", "employees-restored", "--class", "A", "--channel", "sms", "--yes")
        assert done.returncode != 0 and "must be healthy" in " ".join((done.stdout + done.stderr).split()), (
            done.stdout + done.stderr
        )
        done = w.run("comms", "send", "employees", "employees-restored", "--class", "B", "--channel", "sms", "--yes")
        assert done.returncode == 2 and "mx-on-primary" in done.stderr, done.stdout + done.stderr
    for _ in range(3):  # the sender repeats itself
        status, again = w.hook(alert())
        assert (status, again["incident"], again["new"], again["repeated"]) == (202, first["incident"], 0, 1)
    w.heal()
    status, over = w.hook(alert("resolved"))
    assert status == 202 and over["resolved"] and over["incident"] == first["incident"]
    back = w.wait(lambda: [q for q in w.api("/questions")[1] if q["run"] != run])[0]
    assert w.api(f"/runs/{back['run']}")[1]["playbook"] == "exchange-failback"
    assert len([r for r in w.api("/runs")[1] if not r["parent"]]) == 1
    if way == "command":
        done = w.run("comms", "send", "employees", "employees-restored", "--class", "A", "--channel", "sms", "--yes")
        assert done.returncode == 0, done.stdout + done.stderr
        assert any("You can use mail and calendars again." in m["body"] for m in w.vendors.sms)
    if way in {"text", "api"}:
        status, said = w.api(f"/questions/{back['id']}/answer", {"yes": True, "checksum": back["checksum"]})
        assert status == 200, said
        w.wait(lambda: w.api(f"/runs/{back['run']}")[1]["steps"][2]["status"] in {"ok", "running"})
    assert w.run("incident", "verify").returncode == 0
    assert w.stop() == 0, w.errors.read_text()[-2000:]
    assert "Traceback" not in w.errors.read_text()
