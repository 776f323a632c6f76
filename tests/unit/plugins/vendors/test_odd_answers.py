"""Answers that are well by their form and odd in what they hold: nulls, numbers for names, endless pages, a failure
that is told with 200, and what people wrote beside a record."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from bcp.contracts.dns import MxHost, MxSet, SentState, SwapOrder
from bcp.kernel.secret import Secret
from bcp.kit.http import Reply
from bcp.plugins.dns import azure, cloudflare, google
from bcp.plugins.vendors import azure as arm
from bcp.plugins.vendors import google as cloud
from bcp.plugins.vendors.cloudflare import Told
from bcp.plugins.vendors.cloudflare_records import is_at, is_called, posts_of, zone_of
from bcp.plugins.vendors.hosted import Fault, ZoneAt
from bcp.plugins.vendors.route53 import fault_of
from bcp.plugins.vendors.route53_host import Route53Dns
from bcp.testing.clock import FakeClock

NAME, ID = "two.test", "0" * 31 + "a"
OLD, NEW = MxSet((MxHost(0, "old.test."),), 300), MxSet((MxHost(10, "relay.test."),), 300)


def test_a_field_that_is_null_is_one_that_is_not_there() -> None:
    path = f"/subscriptions/s/resourceGroups/g/providers/Microsoft.Network/dnszones/{NAME}"
    assert azure._zone({"name": NAME, "id": path, "properties": {"zoneType": None, "nameServers": None}}, NAME)
    assert google._zone({"name": "two", "dnsName": f"{NAME}.", "visibility": None, "nameServers": None}, NAME)
    assert zone_of(NAME, {"id": ID, "name": NAME, "status": None, "type": None, "paused": None}).id == ID
    with pytest.raises(Fault, match="pending, full"):
        zone_of(NAME, {"id": ID, "name": NAME, "status": "pending", "type": None})


def test_an_id_may_be_a_number_and_a_record_without_one_is_never_passed_over() -> None:
    """A set of which one record was not seen would be taken for the whole."""
    record = {"name": NAME, "type": "MX", "content": "a.test", "priority": 1}
    assert is_called({"name": NAME, "id": 7}, NAME) and is_at({**record, "id": 7}, NAME)
    for none in (None, "", True, ["x"]):
        with pytest.raises(Fault, match=r"\(MX\) of two\.test without an id"):
            is_at({**record, "id": none}, NAME)
    assert not is_at({**record, "name": "other.test"}, NAME)


def test_a_deletion_at_google_gives_the_ttl_as_a_number() -> None:
    read = {"name": f"{NAME}.", "type": "MX", "ttl": "300", "rrdatas": ["0 old.test."], "kind": "x"}
    assert json.loads(google._token(read))["ttl"] == 300


@pytest.mark.parametrize(
    ("told", "body"),
    [
        (arm.told, {"error": {"code": "InternalServerError", "message": "backend error"}}),
        (cloud.told, {"error": {"code": 500, "message": "backend error"}}),
    ],
)
def test_a_failure_told_with_200_is_a_failure_after_which_nobody_knows(told, body) -> None:
    with pytest.raises(Fault, match="answers 200, and that it failed: backend error") as caught:
        told(Reply(200, {}, json.dumps(body)))
    assert caught.value.state is SentState.LOST


class Pages:
    """An API whose listing gives the same page for ever."""

    def __init__(self, page: dict[str, Any]) -> None:
        self.page, self.calls = page, 0

    async def call(self, *_: Any, **__: Any) -> dict[str, Any]:
        self.calls += 1
        return self.page

    async def get(self, *_: Any) -> Told:
        self.calls += 1
        return Told(self.page["result"], 10**6)


def _azure() -> Any:
    uuid = "00000000-0000-0000-0000-000000000000"
    settings = azure.AzureSettings(subscription_id=uuid, identity="managed")
    made = azure.AzureDns("a", settings, FakeClock(), {})
    row = {"name": NAME, "id": f"/subscriptions/{uuid}/x/{NAME}", "properties": {}}
    made._api = Pages({"value": [row], "nextLink": "https://management.azure.com/again"})  # type: ignore[assignment]
    return made


def _google() -> Any:
    made = google.GoogleDns("g", google.GoogleSettings(project="proj-1"), FakeClock(), {})
    row = {"name": "two", "dnsName": f"{NAME}."}
    made._api = Pages({"managedZones": [row], "nextPageToken": "again"})  # type: ignore[assignment]
    return made


def _cloudflare() -> Any:
    made = cloudflare.CloudflareDns("c", cloudflare.CloudflareSettings(token=Secret("env:X")), FakeClock(), {})
    made._api = Pages({"result": [{"name": NAME, "id": ID}]})  # type: ignore[assignment]
    return made


def _route53() -> Any:
    from bcp.plugins.dns.route53 import Route53Settings

    made = Route53Dns("r", Route53Settings(), FakeClock(), {})
    zones = [{"Name": f"{NAME}.", "Id": "/hostedzone/Z1"}]
    more = {"IsTruncated": True, "NextDNSName": f"{NAME}.", "NextHostedZoneId": "Z1"}
    made._api = Pages({"HostedZones": zones, **more})  # type: ignore[assignment]
    return made


@pytest.mark.parametrize("make", [_azure, _google, _cloudflare, _route53])
def test_pages_that_come_again_end_at_once_and_are_not_a_hundred_zones(make) -> None:
    made = make()
    reading = asyncio.run(made.read([NAME]))[0]
    assert "does not end" in reading.problem and made._api.calls <= 3


class Endless:
    """A listing in which each page is another one, and none is the last."""

    def __init__(self, key: str, link: str) -> None:
        self.key, self.link, self.calls = key, link, 0

    async def call(self, *_: object, **__: object) -> dict[str, Any]:
        self.calls += 1
        return {self.key: [], self.link: f"https://management.azure.com/{self.calls}"}

    async def get(self, *_: object) -> Told:
        self.calls += 1
        return Told([{"name": f"z{self.calls}.test", "id": str(self.calls)}], 1_000)


@pytest.mark.parametrize(
    ("make", "key", "link"),
    [(_azure, "value", "nextLink"), (_google, "managedZones", "nextPageToken"), (_cloudflare, "result", "")],
)
def test_a_listing_of_ever_new_pages_is_left_and_called_what_it_is(make, key, link) -> None:
    made = make()
    made._api = api = Endless(key, link)
    reading = asyncio.run(made.read([NAME]))[0]
    assert "does not end: 100 pages came, and there are more" in reading.problem and api.calls == 100


def test_a_zone_that_two_pages_name_is_one_zone() -> None:
    made = _cloudflare()
    made._api.get = lambda *_: asyncio.sleep(0, Told([{"name": NAME, "id": ID}], 1))

    async def twice(name: str) -> list[ZoneAt]:
        return [ZoneAt(ID, name), ZoneAt(ID, name)]

    made._zones_called = twice
    assert asyncio.run(made._zone(NAME)).id == ID


@pytest.mark.parametrize("ignores", [False, True], ids=["pages", "no pages"])
def test_a_listing_that_does_not_count_its_pages_is_read_until_no_more_rows_come(ignores: bool) -> None:
    """Its first page may be a short one: half an MX would be deleted, and the other half would stay."""
    from bcp.plugins.vendors.cloudflare import told

    made, rows = _cloudflare(), [_record(i) for i in range(3)]

    async def get(path: str, asked: dict[str, str]) -> Told:
        page = int(asked["page"])
        body = {"success": True, "errors": [], "result": rows if ignores else rows[page - 1 : page]}
        return told(Reply(200, {}, json.dumps(body)))

    made._api.get = get
    assert asyncio.run(made._list("/x", {})) == rows


def _record(number: int, **more: Any) -> dict[str, Any]:
    base = {"id": str(number), "name": NAME, "type": "MX", "content": "old.test", "priority": 0, "ttl": 300}
    return {**base, "comment": None, "tags": [], **more}


def test_what_people_wrote_at_a_record_goes_over_to_what_replaces_it() -> None:
    gone = [_record(1, comment="ask Alice", tags=["team:mail"], ttl=1), _record(2, ttl=1, priority=5)]
    post = posts_of(NAME, NEW, gone)[0]
    assert (post["comment"], post["tags"], post["ttl"]) == ("ask Alice", ["team:mail"], 1)
    assert posts_of(NAME, MxSet(NEW.hosts, 60), gone)[0]["ttl"] == 60, "automatic is 300 s and nothing else"
    assert posts_of(NAME, NEW, [gone[0], _record(2)])[0]["ttl"] == 300
    several = MxSet((*NEW.hosts, MxHost(20, "b.test."), MxHost(30, "c.test.")), 300)
    assert [p.get("comment") for p in posts_of(NAME, several, gone)] == ["ask Alice", None, None]
    for bare in (posts_of(NAME, NEW, gone, bare=True), posts_of(NAME, NEW, []), posts_of(NAME, NEW, [_record(1)])):
        assert not {"comment", "tags"} & set(bare[0])


@pytest.mark.parametrize(("code", "batches"), [("server", 2), ("permission", 1)])
def test_a_comment_that_the_host_does_not_take_costs_no_switch(code, batches) -> None:
    """Refused whole, so nothing was done: it goes once more without."""
    made, sent = _cloudflare(), []

    async def post(path: str, body: dict[str, Any]) -> Told:
        sent.append(body)
        if len(sent) == 1:
            raise Fault(SentState.REFUSED, code, "comments are too long in this plan")
        return Told({})

    made._api.post = post
    made._records = lambda *_: asyncio.sleep(0, [_record(1, comment="x" * 200)])
    order = SwapOrder(NAME, OLD, NEW, token='["1"]')
    try:
        told = asyncio.run(made._send(ZoneAt(ID, NAME), order))
        assert told.state is SentState.ACCEPTED and "comment" not in sent[1]["posts"][0]
    except Fault as fault:
        assert fault.code == code == "permission"
    assert len(sent) == batches and sent[0]["posts"][0]["comment"]


def _of_azure(domain: str) -> Fault:
    scope = f"/subscriptions/1/resourceGroups/dns/providers/Microsoft.Network/dnsZones/{domain}/MX/@"
    text = (
        "The client '1-2' with object id '3-4' does not have authorization to perform action "
        f"'Microsoft.Network/dnsZones/MX/write' over scope '{scope}' or the scope is invalid. Please refresh."
    )
    with pytest.raises(Fault) as caught:
        arm.told(Reply(403, {}, json.dumps({"error": {"code": "AuthorizationFailed", "message": text}})))
    return caught.value


def _of_aws(domain: str) -> Fault:
    from botocore.exceptions import ClientError

    text = (
        "User: arn:aws:iam::1:user/bcp is not authorized to perform: route53:GetHostedZone on resource: "
        f"arn:aws:route53:::hostedzone/{domain} because no identity-based policy allows it"
    )
    return fault_of(ClientError({"Error": {"Code": "AccessDenied", "Message": text}}, "GetHostedZone"))


def _of_aws_away(domain: str) -> Fault:
    from botocore.exceptions import ConnectionClosedError

    return fault_of(ConnectionClosedError(endpoint_url=f"http://127.0.0.1:9/hostedzone/{domain}?name={domain}"))


@pytest.mark.parametrize(
    ("fault", "holds"),
    [
        (_of_azure, "allow Microsoft.Network/dnsZones/MX/write to client 1-2 in /subscriptions/1/resourceGroups/dns"),
        (_of_aws, "to perform: route53:GetHostedZone because no identity-based policy"),
        (_of_aws_away, "http://127.0.0.1:9"),
    ],
)
def test_one_right_that_is_missing_or_one_dead_host_is_one_reason_for_all_domains(fault, holds) -> None:
    """A thousand domains had a thousand sentences, which differed by the name of a record set."""
    one, two = fault("one.test"), fault("two.test")
    assert one.message == two.message and holds in one.message and "one.test" not in one.message
