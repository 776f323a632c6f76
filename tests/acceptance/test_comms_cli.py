"""Messages through the command line, in the lab: forecast, send, status, answers, stop; nothing without its fact."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys

import pytest
from support import ROOT, bcp, next_second

from bcp.lab.net import free_port
from bcp.lab.vendors import Vendors


def test_forecast_send_status(lab) -> None:
    """What it would take, then what it took; the report is written."""
    done = lab.run(
        "comms",
        "forecast",
        "employees",
        "employees-investigating",
        "--class",
        "A",
        "--channel",
        "sms",
        "--channel",
        "slack",
    )
    assert done.returncode == 0 and "4 of 4" in done.stdout and "SEGMENTS" in done.stdout, done.stdout + done.stderr
    done = lab.run(
        "comms",
        "send",
        "employees",
        "employees-investigating",
        "--class",
        "A",
        "--channel",
        "sms",
        "--channel",
        "slack",
        "--yes",
    )
    assert done.returncode == 0, done.stdout + done.stderr
    rows = json.loads(lab.run("comms", "status", "--output", "json").stdout)
    assert {(d["channel"], d["sent"], d["failed"]) for d in rows["deliveries"]} == {("sms", 4, 0), ("slack", 1, 0)}
    dry = lab.run("comms", "send", "oncall", "oncall-investigating", "--class", "D", "--channel", "sms", "--dry-run")
    assert dry.returncode == 0 and "would_run" in dry.stdout + dry.stderr


def test_no_word_before_its_fact_and_no_draft_leaves(lab) -> None:
    """That the backup keeps mail cannot be said by a send of its own in class B;
    in class A nothing of the kind is said."""
    done = lab.run("comms", "send", "employees", "employees-identified", "--class", "B", "--channel", "sms", "--yes")
    assert (
        done.returncode == 2
        and "mx-on-relay" in done.stderr
        and "no run has made that true" in " ".join(done.stderr.split())
    )
    assert (
        lab.run(
            "comms", "send", "employees", "employees-identified", "--class", "A", "--channel", "sms", "--yes"
        ).returncode
        == 0
    )
    draft = lab.run(
        "comms", "send", "employees", "regulator-investigating", "--class", "A", "--channel", "sms", "--yes"
    )
    assert draft.returncode == 2


def test_shared_fate_is_refused(lab) -> None:
    """A step whose only channel is Teams."""
    text = (lab.folder / "bcp.yaml").read_text()
    (lab.folder / "secrets" / "teams").write_text("http://127.0.0.1:1/hook")
    path = lab.folder / "teams.yaml"
    path.write_text(text.replace("channels:\n", "channels:\n  teams: {kind: teams, url: 'file:secrets/teams'}\n", 1))
    try:
        done = bcp(
            "comms",
            "send",
            "employees",
            "employees-investigating",
            "--class",
            "A",
            "--channel",
            "teams",
            "--yes",
            env={"BCP_CONFIG": str(path)},
        )
        assert done.returncode == 2 and "microsoft" in done.stderr
    finally:
        path.unlink()


@pytest.fixture
def many(tmp_path):
    """Two thousand people and a slow vendor."""
    for name, value in {"sid": "AC" + "0" * 32, "token": "lab-token"}.items():
        (tmp_path / name).write_text(value)
        (tmp_path / name).chmod(0o600)
    rows = [f"p{i},Person {i},+49151{10_000_000 + i},en,staff" for i in range(2000)]
    (tmp_path / "contacts.csv").write_text("id,name,phone,language,groups\n" + "\n".join(rows) + "\n")

    def write(url: str):
        (tmp_path / "bcp.yaml").write_text(
            "version: 1\norganisation: {name: Corp}\ndomains: [{name: corp.test, dns: main}]\n"
            "dns: {main: {kind: rfc2136, server: 127.0.0.1:1, key: {name: k, secret: 'env:NONE'}}}\n"
            f"channels: {{sms: {{kind: twilio-sms, account_sid: file:sid, auth_token: file:token, from: "
            f"'+15005550006', api_url: '{url}', concurrency: 10}}}}\n"
            "contacts: {file: contacts.csv}\naudiences: {employees: {groups: [staff]}}\n"
        )
        return {**os.environ, "PYTHONPATH": str(ROOT), "BCP_CONFIG": str(tmp_path / "bcp.yaml"), "NONE": "eA=="}

    return write


def test_stop_send_takes_a_second_and_answers_are_counted(many, tmp_path) -> None:
    """What has not left stays here; who answered what, who is silent."""

    async def run():
        vendors = Vendors(delay_s=0.05)
        await vendors.start("127.0.0.1", free_port("127.0.0.1"))
        env = many(vendors.url)

        async def command(*words):
            return await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                "bcp",
                *words,
                env=env,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
            )

        send = await command("comms", "send", "employees", "employees-investigating", "--class", "A", "--yes")
        try:
            while len(vendors.sms) < 100:
                assert send.returncode is None, await send.communicate()
                await asyncio.sleep(0.05)
            vendors.delay_s = 2.0  # however long the command takes to start, there is something left to stop
            stop = await command("comms", "stop")
            await stop.communicate()
            vendors.delay_s = 0.05
            out = await asyncio.wait_for(send.communicate(), 120)
            sent = len(vendors.sms)
            assert sent < 1500, sent
            vendors.reply("+4915110000000", "+15005550006", "1")
            vendors.reply("+4915110000001", "+15005550006", "2 please call")
            vendors.reply("+4915110000002", "+15005550006", "what is up?")
            vendors.reply("+4900000000", "+15005550006", "1")
            asked = await command("comms", "answers", "--output", "json")
            answers = json.loads((await asked.communicate())[0])
        finally:
            await vendors.stop()
        return out, sent, answers

    out, _, answers = asyncio.run(asyncio.wait_for(run(), 400))
    assert "stopped before they left" in (out[0] + out[1]).decode(), out
    kept = json.loads(next((tmp_path / ".bcp" / "reports").glob("*/report.json")).read_text())["answers"]
    assert kept["answers"] == answers["answers"] and kept["silent"] == answers["silent"]
    page = next((tmp_path / ".bcp" / "reports").glob("*/report.html")).read_text()
    assert "<h2>Answers</h2>" in page and f"Silent: {len(answers['silent'])}" in page
    assert (
        answers["answers"]["1"]["people"] == ["p0"]
        and answers["answers"]["2"]["people"] == ["p1"]
        and [u["who"] for u in answers["unclear"]] == ["p2"]
    )
    assert len(answers["silent"]) == 1997


ESCALATION = """version: 1
name: escalate
title: The first group, then the next
concurrency: {group: escalate}
activation:
  - {id: ask, uses: notify, with: {audience: first, template: access-down, channels: [sms]}}
  - {id: wait, uses: answers.wait, with: {audience: first, min: 1, within: WITHIN, digits: ["1"], ask_every: 200ms}}
  - {id: next, uses: notify, when: "not steps.wait.outputs.enough", with: {audience: second, template: access-down, \
channels: [sms]}}
"""


@pytest.mark.parametrize("answers", [True, False])
def test_the_next_group_is_told_when_nobody_answers(tmp_path, answers) -> None:
    """Fewer than N answers in M minutes: the next group. With an answer: nobody else is woken."""
    for name, value in {"sid": "AC" + "0" * 32, "token": "lab-token"}.items():
        (tmp_path / name).write_text(value)
        (tmp_path / name).chmod(0o600)
    (tmp_path / "contacts.csv").write_text("id,name,phone,groups\na,A,+4915110000000,one\nb,B,+4915110000001,two\n")
    (tmp_path / "escalate.yaml").write_text(ESCALATION.replace("WITHIN", "100s" if answers else "1s"))

    async def run():
        vendors = Vendors()
        await vendors.start("127.0.0.1", free_port("127.0.0.1"))
        (tmp_path / "bcp.yaml").write_text(
            "version: 1\norganisation: {name: Corp}\ndomains: [{name: corp.test, dns: main}]\n"
            "dns: {main: {kind: rfc2136, server: 127.0.0.1:1, key: {name: k, secret: 'env:NONE'}}}\n"
            f"channels: {{sms: {{kind: twilio-sms, account_sid: file:sid, auth_token: file:token, from: "
            f"'+15005550006', api_url: '{vendors.url}'}}}}\n"
            "contacts: {file: contacts.csv}\naudiences: {first: {groups: [one]}, second: {groups: [two]}}\n"
        )
        env = {**os.environ, "PYTHONPATH": str(ROOT), "BCP_CONFIG": str(tmp_path / "bcp.yaml"), "NONE": "eA=="}
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "bcp",
            "run",
            str(tmp_path / "escalate.yaml"),
            "--yes",
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        while not vendors.sms:
            assert process.returncode is None, await process.communicate()
            await asyncio.sleep(0.05)
        if answers:
            next_second()
            vendors.reply("+4915110000000", "+15005550006", "1")
        out = (await asyncio.wait_for(process.communicate(), 120))[0].decode()
        await vendors.stop()
        return process.returncode, out, [m["to"] for m in vendors.sms]

    code, out, told = asyncio.run(asyncio.wait_for(run(), 300))
    assert code == 0, out
    assert told == (["+4915110000000"] if answers else ["+4915110000000", "+4915110000001"]), out


def test_what_the_howto_shows_is_right(tmp_path) -> None:
    """Audiences and the playbook of the page."""
    import re

    page = (ROOT / "docs" / "howto" / "tell-people.md").read_text()
    assert (
        bcp(
            "init",
            "--domain",
            "example.com",
            "--dns-server",
            "127.0.0.1:1",
            "--relay",
            "relay.example.net",
            "--canary",
            "canary@example.com",
            cwd=tmp_path,
        ).returncode
        == 0
    )
    text = (tmp_path / "bcp.yaml").read_text()
    own = re.search(r"```yaml\n# bcp.yaml, audiences:\n(.*?)```", page, re.DOTALL)[1]
    (tmp_path / "bcp.yaml").write_text(re.sub(r"audiences:\n(  .*\n)+", own + "  oncall: {groups: [oncall]}\n", text))
    done = bcp("config", "check", cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    (tmp_path / "playbooks").mkdir()
    (tmp_path / "playbooks" / "ask.yaml").write_text(
        re.search(r"```yaml\n# playbooks/ask.yaml\n(.*?)```", page, re.DOTALL)[1]
    )
    done = bcp("playbook", "lint", "playbooks/ask.yaml", cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr


def test_contacts_follow_graph_by_delta(tmp_path) -> None:
    """All at first, page by page; then only changes; who is gone goes; a link that is too old begins anew;
    the documents have no complaint."""
    (tmp_path / "secret").write_text("s" * 20)
    (tmp_path / "secret").chmod(0o600)

    def user(i, **more):
        return {
            "id": f"u{i}",
            "displayName": f"User {i}",
            "mail": f"u{i}@corp.test",
            "userPrincipalName": f"u{i}@corp.test",
            "mobilePhone": f"+4915110000{i:03}",
            "preferredLanguage": "de-DE",
            "accountEnabled": True,
            "department": "staff",
            **more,
        }

    async def run():
        vendors = Vendors(users=[user(i) for i in range(5)])
        await vendors.start("127.0.0.1", free_port("127.0.0.1"))
        (tmp_path / "bcp.yaml").write_text(
            "version: 1\norganisation: {name: Corp}\ndomains: [{name: corp.test, dns: main}]\n"
            "dns: {main: {kind: rfc2136, server: 127.0.0.1:1, key: {name: k, secret: 'env:NONE'}}}\n"
            f"contacts: {{snapshot: people.json}}\n"
            f"graph: {{tenant_id: t, client_id: c, client_secret: file:secret, api_url: '{vendors.url}'}}\n"
        )

        async def sync(*more):
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                "bcp",
                "contacts",
                "sync",
                "--output",
                "json",
                *more,
                cwd=tmp_path,
                env={**os.environ, "PYTHONPATH": str(ROOT)},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
            )
            out, err = await process.communicate()
            assert process.returncode == 0, err.decode()
            data = json.loads(out)
            return data["people"], data["added"], data["removed"], data["changed"]

        seen = [await sync(), await sync()]
        vendors.changes += [
            user(1, mobilePhone="+4915110000777"),
            {"id": "u2", "@removed": {"reason": "deleted"}},
            user(9),
        ]
        before = len([r for r in vendors.log if "delta" in r[1]])
        seen.append(await sync())
        asked = len([r for r in vendors.log if "delta" in r[1]]) - before
        (tmp_path / ".bcp" / "contacts.delta").write_text(f"{vendors.url}/v1.0/users/delta()?$deltatoken=99")
        seen.append(await sync())
        await vendors.stop()
        return seen, asked

    seen, asked = asyncio.run(asyncio.wait_for(run(), 300))
    assert seen[:3] == [(5, 5, 0, 0), (5, 0, 0, 0), (5, 1, 1, 1)] and asked == 1
    assert seen[3][0] == 5


def test_groups_and_managers_come_from_graph_too(tmp_path) -> None:
    """Members page by page, also those who joined since; who left a group leaves it here;
    the call tree knows who is above."""
    (tmp_path / "secret").write_text("s" * 20)
    (tmp_path / "secret").chmod(0o600)
    users = [
        {
            "id": f"u{i}",
            "displayName": f"User {i}",
            "accountEnabled": True,
            "department": "staff",
            "manager": {"@odata.type": "#microsoft.graph.user", "id": "u0"} if i else None,
        }
        for i in range(5)
    ]

    async def run():
        vendors = Vendors(users=users, members={"g-1": ["u1", "u2", "u4"]})
        await vendors.start("127.0.0.1", free_port("127.0.0.1"))
        (tmp_path / "bcp.yaml").write_text(
            "version: 1\norganisation: {name: Corp}\ndomains: [{name: corp.test, dns: main}]\n"
            "dns: {main: {kind: rfc2136, server: 127.0.0.1:1, key: {name: k, secret: 'env:NONE'}}}\n"
            f"contacts: {{snapshot: people.json}}\naudiences: {{oncall: {{groups: [oncall]}}}}\n"
            f"graph: {{tenant_id: t, client_id: c, client_secret: file:secret, groups: {{oncall: g-1}}, managers: "
            f"true, api_url: '{vendors.url}'}}\n"
        )

        async def command(*words):
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                "bcp",
                *words,
                cwd=tmp_path,
                env={**os.environ, "PYTHONPATH": str(ROOT)},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
            )
            out, err = await process.communicate()
            assert process.returncode == 0, err.decode()
            return out.decode()

        await command("contacts", "sync")
        first = (tmp_path / "people.json").read_text()
        vendors.members["g-1"] = ["u3"]
        await command("contacts", "sync")
        second = (tmp_path / "people.json").read_text()
        await vendors.stop()
        return first, second

    def who(text: str) -> tuple[list[str], dict[str, str]]:
        people = json.loads(text)["contacts"]
        return sorted(p["id"] for p in people if "oncall" in p["groups"]), {
            p["id"]: p.get("manager", "") for p in people
        }

    first, second = asyncio.run(asyncio.wait_for(run(), 300))
    assert who(first)[0] == ["u1", "u2", "u4"] and who(second)[0] == ["u3"]
    assert who(second)[1]["u3"] == "u0" and all("staff" in p["groups"] for p in json.loads(second)["contacts"])


DEADMAN = """version: 1
name: deadman
title: An update that must not be forgotten
concurrency: {group: deadman}
activation:
  - {id: arm, uses: deadman.arm, with: {audience: first, template: access-update-due, channels: [sms], after: 45m}}
hold:
  - {id: again, uses: deadman.arm, every: 30s, with: {audience: first, template: access-update-due, channels: [sms], \
after: 45m}}
always:
  - {id: off, uses: deadman.disarm}
"""


def test_a_dead_mans_switch_at_the_vendor(tmp_path) -> None:
    """One message always waits while the run holds; killed, it stays; resumed and ended, nothing waits any more."""
    for name, value in {"sid": "AC" + "0" * 32, "token": "lab-token"}.items():
        (tmp_path / name).write_text(value)
        (tmp_path / name).chmod(0o600)
    (tmp_path / "contacts.csv").write_text("id,name,phone,groups\na,A,+4915110000000,one\n")
    (tmp_path / "deadman.yaml").write_text(DEADMAN)
    (tmp_path / "messages").mkdir()
    (tmp_path / "messages" / "access-update-due.yaml").write_text(
        "version: 1\nname: access-update-due\ntitle: Due\nphase: update\nsms:\n"
        "  en: 'The promised update did not come. Speak now. Next news {{ next_update }}.'\n"
    )

    async def run():
        vendors = Vendors()
        await vendors.start("127.0.0.1", free_port("127.0.0.1"))
        (tmp_path / "bcp.yaml").write_text(
            "version: 1\norganisation: {name: Corp}\ndomains: [{name: corp.test, dns: main}]\ndns: {main: {kind: "
            "rfc2136, server: 127.0.0.1:1, key: {name: k, secret: 'env:NONE'}}}\nmessages: [messages]\n"
            f"channels: {{sms: {{kind: twilio-sms, account_sid: file:sid, auth_token: file:token, "
            f"messaging_service_sid: MG{'0' * 32}, api_url: '{vendors.url}'}}}}\n"
            "contacts: {file: contacts.csv}\naudiences: {first: {groups: [one]}}\n"
        )
        env = {**os.environ, "PYTHONPATH": str(ROOT), "BCP_CONFIG": str(tmp_path / "bcp.yaml"), "NONE": "eA=="}

        async def start(*words):
            return await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                "bcp",
                *words,
                env=env,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
            )

        def waiting():
            return [m for m in vendors.sms if m["status"] == "scheduled"]

        async def status():
            asked = await start("status", "--output", "json")
            return json.loads((await asked.communicate())[0])["status"]

        process = await start("run", str(tmp_path / "deadman.yaml"), "--yes")
        while not waiting():
            assert process.returncode is None, await process.communicate()
            await asyncio.sleep(0.05)
        ahead = waiting()[0]["send_at"]
        while await status() != "holding":
            assert process.returncode is None, await process.communicate()
        process.kill()
        await process.wait()
        held = len(waiting())
        end = await start("abort")
        out = (await asyncio.wait_for(end.communicate(), 120))[0].decode()
        await vendors.stop()
        return ahead, held, len(waiting()), out

    ahead, held, after, out = asyncio.run(asyncio.wait_for(run(), 300))
    assert ahead and held == 1 and after == 0, (held, after, out)
