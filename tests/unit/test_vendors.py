"""What the adapters send, checked against the vendors' own documents;
what they do when things go wrong, over real sockets."""

from __future__ import annotations

import asyncio
import json
import re
import time
from pathlib import Path
from typing import Any

import pytest

from bcp.contracts.channel import Delivery, Message, NotSent, RateLimited
from bcp.kernel.errors import InDoubt, Permanent
from bcp.kernel.secret import Secret
from bcp.lab.net import free_port
from bcp.lab.vendors import Vendors
from bcp.plugins.channels.slack import Slack, SlackSettings
from bcp.plugins.channels.twilio_sms import TwilioSms, TwilioSmsSettings
from bcp.plugins.directories.graph import GraphDirectory, GraphSettings

SMS = Message("t", "sms", "en", "", "Do not resend mail.")


def against(specs: Path):
    """A checker over the published documents: unknown and missing parameters, types, patterns, enumerations."""
    twilio = json.loads((specs / "twilio_api_v2010.json").read_text())
    slack = json.loads((specs / "slack_methods_2026.json").read_text())["methods"]
    graph = json.loads((specs / "graph_trimmed.json").read_text())
    seen: list[str] = []

    def check(method: str, path: str, parameters: dict[str, Any]) -> list[str]:
        seen.append(path)
        if path.startswith("/2010-04-01"):
            return _twilio(twilio, method, path, parameters)
        if path.startswith("/api/"):
            return _slack(slack, path.removeprefix("/api/"), parameters)
        return _graph(graph, method, path.removeprefix("/v1.0"), parameters)

    return check, seen


def _twilio(document, method, path, parameters) -> list[str]:
    for template, item in document["paths"].items():
        if (
            re.fullmatch(re.sub(r"\{[^}]+\}", "[^/]+", template).replace(".json", r"\.json"), path)
            and method.lower() in item
        ):
            operation = item[method.lower()]
            if method == "POST":
                schema = operation["requestBody"]["content"]["application/x-www-form-urlencoded"]["schema"]
                known, required = schema["properties"], schema.get("required", [])
            else:
                known = {p["name"]: p["schema"] for p in operation.get("parameters", []) if p["in"] == "query"}
                known |= {p["name"]: p["schema"] for p in item.get("parameters", []) if p["in"] == "query"}
                required = []
            wrong = [f"twilio: unknown parameter {n}" for n in parameters if n not in known]
            wrong += [f"twilio: {n} is missing" for n in required if n not in parameters]
            for name, value in parameters.items():
                kind = known.get(name, {})
                if kind.get("type") == "integer" and not str(value).lstrip("-").isdigit():
                    wrong.append(f"twilio: {name} is no integer")
                if kind.get("pattern") and not re.search(kind["pattern"], str(value)):
                    wrong.append(f"twilio: {name} does not match")
            return wrong
    return [f"twilio: no operation {method} {path}"]


def _slack(methods, name, parameters) -> list[str]:
    if name not in methods:
        return [f"slack: no method {name}"]
    known = methods[name]["args"]
    return [f"slack: unknown argument {n}" for n in parameters if n not in known and n != "token"] + [
        f"slack: {n} is missing" for n, a in known.items() if a["required"] and n != "token" and n not in parameters
    ]


def _graph(document, method, path, parameters) -> list[str]:
    item = document["paths"].get(path.replace("/users/delta()", "/users/microsoft.graph.delta()"))
    if item is None or method.lower() not in item:
        return [f"graph: no operation {method} {path}"]
    known = {p["name"]: p for p in item[method.lower()].get("parameters", []) if "name" in p}
    wrong = [
        f"graph: unknown parameter {n}"
        for n in parameters
        if n not in known
        and n not in {"$skiptoken", "$deltatoken"}
        and not any("$ref" in p for p in item[method.lower()].get("parameters", []))
    ]
    allowed = known.get("$select", {}).get("schema", {}).get("items", {}).get("enum")
    if allowed and "$select" in parameters:
        wrong += [f"graph: $select={f} is not allowed" for f in parameters["$select"].split(",") if f not in allowed]
    return wrong


def run(work) -> tuple[Any, Vendors]:
    """Work against running emulators."""

    async def main():
        vendors = Vendors()
        await vendors.start("127.0.0.1", free_port("127.0.0.1"))
        try:
            return await work(vendors), vendors
        finally:
            await vendors.stop()

    return asyncio.run(asyncio.wait_for(main(), 120))


def twilio(vendors: Vendors, tmp_path, **more) -> TwilioSms:
    (tmp_path / "sid").write_text(vendors.twilio_sid)
    (tmp_path / "token").write_text(more.pop("token", vendors.twilio_token))
    settings = TwilioSmsSettings.model_validate(
        {
            "kind": "twilio-sms",
            "account_sid": "file:sid",
            "auth_token": "file:token",
            "from": "+15005550006",
            "api_url": vendors.url,
            "timeout": "60s",
            **more,
        }
    )
    return TwilioSms(
        "sms",
        settings.model_copy(
            update={"account_sid": Secret("file:sid", tmp_path), "auth_token": Secret("file:token", tmp_path)}
        ),
    )


def slack(vendors: Vendors, tmp_path, timeout="60s") -> Slack:
    (tmp_path / "slack").write_text(vendors.slack_token)
    settings = SlackSettings.model_validate(
        {"kind": "slack", "token": "file:slack", "channel": "C0LAB000001", "api_url": vendors.url, "timeout": timeout}
    )
    return Slack("slack", settings.model_copy(update={"token": Secret("file:slack", tmp_path)}))


def test_requests_conform_to_the_published_documents(specs, tmp_path) -> None:
    """Twilio, Slack and Graph would accept every one of them."""
    check, seen = against(specs)

    async def work(vendors: Vendors):
        vendors.checker = check
        vendors.users = [
            {
                "id": str(i),
                "displayName": f"U{i}",
                "userPrincipalName": f"u{i}@corp.test",
                "mobilePhone": "+12025550101",
                "accountEnabled": True,
            }
            for i in range(5)
        ]
        sms, chat = twilio(vendors, tmp_path), slack(vendors, tmp_path)
        delivery = Delivery("k1", "+12025550101", SMS, time.time())
        await sms.send(delivery)
        assert await sms.find(delivery) is not None
        assert (await sms.check())[0].state == "ok"
        await chat.send(Delivery("k2", "C0LAB000001", Message("t", "chat", "en", "", "*Hello*"), time.time()))
        assert await chat.find(Delivery("k2", "", SMS, time.time())) is not None
        assert (await chat.check())[0].state == "ok"
        (tmp_path / "graph").write_text("s")
        (tmp_path / "graph").chmod(0o600)
        given = GraphSettings(
            tenant_id="t", client_id="c", client_secret=Secret("file:graph", tmp_path), api_url=vendors.url
        )
        users = (await GraphDirectory("graph", given).changes()).people
        await sms.close()
        await chat.close()
        return users

    users, vendors = run(work)
    assert len(users) == 5
    assert not vendors.complaints
    assert {p.rsplit("/", 1)[-1].split(".json")[0] for p in seen} >= {
        "Messages",
        "chat.postMessage",
        "conversations.history",
        "auth.test",
        "delta()",
    }


@pytest.mark.parametrize("vendor", ["twilio", "slack"])
@pytest.mark.parametrize(("fault", "expected"), [("429", RateLimited), ("503-after", InDoubt), ("hang-after", InDoubt)])
def test_outcomes_are_typed_and_one_request_is_one_request(tmp_path, vendor, fault, expected) -> None:
    """429 is safe to repeat, a lost answer is not; neither client repeats by itself."""

    async def work(vendors: Vendors):
        patience = "1s" if fault == "hang-after" else "60s"  # a busy machine is no answer that is missing
        channel = (twilio if vendor == "twilio" else slack)(vendors, tmp_path, timeout=patience)
        delivery = Delivery("key-1", "+12025550101", SMS, time.time())
        vendors.fail_next(vendor, fault, retry_after="7")
        with pytest.raises(expected) as caught:
            await channel.send(delivery)
        if fault == "429":
            assert caught.value.retry_after_s == 7
        found = await channel.find(delivery)
        await channel.close()
        return found

    found, vendors = run(work)
    posts = [
        entry
        for entry in vendors.log
        if entry[0] == "POST" and entry[1].endswith(("Messages.json", "chat.postMessage"))
    ]
    assert len(posts) == 1
    assert (found is not None) == (fault != "429")


def test_a_vendor_that_is_away_is_not_sent(tmp_path) -> None:
    """No connection: nothing left this machine."""

    async def work(vendors: Vendors):
        gone = twilio(vendors, tmp_path, api_url=f"http://127.0.0.1:{free_port('127.0.0.1')}")
        with pytest.raises(NotSent):
            await gone.send(Delivery("k", "+12025550101", SMS, 0.0))
        wrong = twilio(vendors, tmp_path, token="wrong")
        with pytest.raises(Permanent, match="credentials"):
            await wrong.send(Delivery("k", "+12025550101", SMS, 0.0))
        await gone.close()
        await wrong.close()

    run(work)


def test_an_opted_out_and_an_invalid_number_are_permanent(tmp_path) -> None:
    """They are never tried again."""

    async def work(vendors: Vendors):
        vendors.opted_out.add("+12025550102")
        vendors.invalid_numbers.add("+12025550103")
        channel = twilio(vendors, tmp_path)
        for number, word in (("+12025550102", "opted out"), ("+12025550103", "not a phone number")):
            with pytest.raises(Permanent, match=word):
                await channel.send(Delivery("k", number, SMS, 0.0))
        await channel.close()

    run(work)


@pytest.mark.parametrize(
    ("numbers", "state", "words"),
    [
        ({"+15551234567": ("sms", "voice")}, "ok", "can sms"),
        ({"+15551234567": ("voice",)}, "fail", "cannot sms"),
        ({}, "fail", "not a number of this account"),
    ],
)
def test_doctor_asks_whether_the_number_can_text(tmp_path, numbers, state, words) -> None:
    """Before the day, not on it."""

    async def work(vendors):
        vendors.numbers = numbers
        channel = twilio(vendors, tmp_path, **{"from": "+15551234567"})
        checks = await channel.check()
        await channel.close()
        return checks

    checks, _ = run(work)
    assert checks[-1].state == state and words in checks[-1].message


def test_doctor_names_the_scopes_that_slack_says_are_missing(tmp_path) -> None:
    """Slack tells them in a header."""

    async def work(vendors):
        out = []
        for scopes in ("chat:write,channels:history", "chat:write"):
            vendors.scopes = scopes
            channel = slack(vendors, tmp_path)
            out.append(await channel.check())
            await channel.close()
        return out

    (fine, short), _ = run(work)
    assert [c.state for c in fine] == ["ok"] and short[-1].state == "fail" and "channels:history" in short[-1].message
