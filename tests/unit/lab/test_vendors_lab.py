"""The lab's vendors refuse what the real ones refuse, and keep what they took: else a drill would prove nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import pytest

from bcp.lab.net import free_port
from bcp.lab.vendors import Vendors

TO, FROM = "+12025550101", "+15005550006"


def visit(work: Callable[[Vendors, httpx.AsyncClient], Awaitable[Any]]) -> Any:
    """Something with running vendors, and a client that has the account's token."""

    async def main() -> Any:
        vendors = Vendors()
        await vendors.start("127.0.0.1", free_port("127.0.0.1"))
        try:
            auth = (vendors.twilio_sid, vendors.twilio_token)
            async with httpx.AsyncClient(base_url=vendors.url, auth=auth, timeout=60) as client:
                return await work(vendors, client)
        finally:
            await vendors.stop()

    return asyncio.run(asyncio.wait_for(main(), 300))


def of(vendors: Vendors, what: str) -> str:
    return f"/2010-04-01/Accounts/{vendors.twilio_sid}{what}.json"


@pytest.mark.parametrize(
    ("form", "code"),
    [
        ({"To": "12025550101", "From": FROM, "Body": "x"}, 21211),
        ({"To": "+1abc", "From": FROM, "Body": "x"}, 21211),
        ({"To": "+12025550199", "From": FROM, "Body": "x"}, 21211),
        ({"To": "+12025550198", "From": FROM, "Body": "x"}, 21610),
        ({"To": TO, "Body": "x"}, 21603),
        ({"To": TO, "From": FROM}, 21602),
        ({"To": TO, "From": FROM, "Body": "x" * 1601}, 21617),
        ({"To": TO, "From": FROM, "Body": "x", "ValidityPeriod": "36001"}, 21622),
    ],
)
def test_a_text_that_twilio_would_refuse_is_refused_with_its_code(form, code) -> None:
    async def work(vendors: Vendors, client: httpx.AsyncClient) -> None:
        vendors.invalid_numbers.add("+12025550199")
        vendors.opted_out.add("+12025550198")
        answer = await client.post(of(vendors, "/Messages"), data=form)
        assert (answer.status_code, answer.json()["code"]) == (400, code) and vendors.sms == []

    visit(work)


def test_a_scheduled_text_can_be_taken_back_once() -> None:
    async def work(vendors: Vendors, client: httpx.AsyncClient) -> None:
        form = {"To": TO, "MessagingServiceSid": "MG1", "Body": "x", "ScheduleType": "fixed", "SendAt": "z"}
        kept = (await client.post(of(vendors, "/Messages"), data=form)).json()
        left = (await client.post(of(vendors, "/Messages"), data={"To": TO, "From": FROM, "Body": "y"})).json()
        assert (kept["status"], left["status"]) == ("scheduled", "queued")
        for sid, status, wanted in (
            ("SMnone", "canceled", 404),
            (left["sid"], "canceled", 400),
            (kept["sid"], "sent", 400),
            (kept["sid"], "canceled", 200),
            (kept["sid"], "canceled", 400),
        ):
            answer = await client.post(of(vendors, f"/Messages/{sid}"), data={"Status": status})
            assert answer.status_code == wanted, (sid, status)
        listed = (await client.get(of(vendors, "/Messages"), params={"To": TO})).json()["messages"]
        assert [m["status"] for m in listed] == ["queued", "canceled"]

    visit(work)


def test_a_call_needs_who_calls_and_what_is_said() -> None:
    async def work(vendors: Vendors, client: httpx.AsyncClient) -> None:
        vendors.invalid_numbers.add("+12025550199")
        for form, code in (
            ({"To": "x", "From": FROM, "Twiml": "t"}, 21211),
            ({"To": "+12025550199", "From": FROM, "Twiml": "t"}, 21211),
            ({"To": TO, "From": FROM}, 21213),
            ({"To": TO, "Twiml": "t"}, 21213),
        ):
            answer = await client.post(of(vendors, "/Calls"), data=form)
            assert (answer.status_code, answer.json()["code"]) == (400, code)
        made = await client.post(of(vendors, "/Calls"), data={"To": TO, "From": FROM, "Twiml": "<Response/>"})
        assert made.status_code == 201 and vendors.calls[0]["twiml"] == "<Response/>"
        calls = (await client.get(of(vendors, "/Calls"))).json()["calls"]
        assert [c["sid"] for c in calls] == [made.json()["sid"]] and "twiml" not in calls[0]
        assert (await client.get(of(vendors, "/Calls"), params={"To": "+1"})).json()["calls"] == []

    visit(work)


@pytest.mark.parametrize(("vendor", "what"), [("twilio", "/Messages"), ("twilio-voice", "/Calls")])
def test_trouble_is_played_once_and_what_was_taken_before_it_stays_taken(vendor, what) -> None:
    async def work(vendors: Vendors, client: httpx.AsyncClient) -> list[int]:
        form = {"To": TO, "From": FROM, "Body": "x", "Twiml": "t"} if what == "/Calls" else {
            "To": TO, "From": FROM, "Body": "x"}  # fmt: skip
        vendors.fail_next(vendor, "429", retry_after="7")
        vendors.fail_next(vendor, "503-after")
        answers = [await client.post(of(vendors, what), data=form) for _ in range(3)]
        assert answers[0].headers["retry-after"] == "7"
        assert len(vendors.sms) + len(vendors.calls) == 2
        return [a.status_code for a in answers]

    assert visit(work) == [429, 503, 201]


def test_without_the_token_nothing_is_told() -> None:
    async def work(vendors: Vendors, client: httpx.AsyncClient) -> None:
        for method, what in (("GET", "/Messages"), ("POST", "/Messages"), ("GET", "/Calls"), ("POST", "/Calls"),
                             ("GET", ""), ("POST", "/Messages/SM1")):  # fmt: skip
            answer = await client.request(method, of(vendors, what), auth=(vendors.twilio_sid, "wrong"))
            assert answer.status_code == 401
        assert (await client.get(of(vendors, ""))).json()["status"] == "active"

    visit(work)


def test_people_members_and_changes_come_page_by_page() -> None:
    async def work(vendors: Vendors, client: httpx.AsyncClient) -> None:
        vendors.users = [{"id": str(i)} for i in range(3)]
        vendors.members = {"g1": ["0", "1", "2"]}
        for path in ("/v1.0/users", "/v1.0/groups/g1/transitiveMembers/graph.user", "/v1.0/users/delta()"):
            first = (await client.get(path)).json()
            second = (await client.get(first["@odata.nextLink"])).json()
            assert [r["id"] for r in first["value"] + second["value"]] == ["0", "1", "2"]
            assert "@odata.nextLink" not in second
        vendors.changes = [{"id": "1", "@removed": {}}]
        later = (await client.get(second["@odata.deltaLink"])).json()
        assert later["value"] == vendors.changes
        assert (await client.get("/v1.0/users/delta()", params={"$deltatoken": "9"})).status_code == 410
        assert (await client.get("/v1.0/groups/none/transitiveMembers/graph.user")).status_code == 404

    visit(work)


def test_health_mailboxes_and_records() -> None:
    async def work(vendors: Vendors, client: httpx.AsyncClient) -> None:
        base = "/v1.0/admin/serviceAnnouncement"
        assert (await client.get(f"{base}/healthOverviews")).json()["value"][0]["status"] == vendors.health
        assert (await client.get(f"{base}/issues")).json()["value"] == vendors.issues
        assert (await client.get("/v1.0/users/a/mailFolders/inbox")).json()["displayName"] == "Inbox"
        vendors.mailbox_faults = {"*": 503, "a": 404}
        assert (await client.get("/v1.0/users/a/mailFolders/inbox")).status_code == 404
        assert (await client.get("/v1.0/users/b/mailFolders/inbox")).status_code == 503
        found = (await client.get("/v1.0/domains/corp.test/serviceConfigurationRecords")).json()["value"]
        assert found[0]["mailExchange"] == "corp-test.mail.protection.outlook.com"

    visit(work)


@pytest.mark.parametrize(
    ("state", "form", "status"),
    [
        ("", {"grant_type": "client_credentials", "client_secret": "s"}, 200),
        ("", {"grant_type": "client_credentials"}, 400),
        ("", {"grant_type": "password", "client_secret": "s"}, 400),
        ("token-503", {"grant_type": "client_credentials", "client_secret": "s"}, 503),
        ("AADSTS7000222", {"grant_type": "client_credentials", "client_secret": "s"}, 401),
    ],
)
def test_entra_gives_a_token_or_says_why_not(state, form, status) -> None:
    async def work(vendors: Vendors, client: httpx.AsyncClient) -> None:
        found = (await client.get("/t/v2.0/.well-known/openid-configuration")).json()
        vendors.entra = state or vendors.entra
        answer = await client.post(found["token_endpoint"], data=form)
        assert answer.status_code == status and vendors.tokens == 1
        vendors.entra = "metadata-503"
        assert (await client.get("/t/v2.0/.well-known/openid-configuration")).status_code == 503

    visit(work)
