"""Route 53's API, as documented, over zones that the lab's name server serves.

It enforces what the documents say (docs.aws.amazon.com/Route53/latest/APIReference): signatures, times and regions; IAM
policies with the conditions of record sets; a batch is one transaction; DELETE needs the current values and TTL; CREATE
of what exists fails; listings start at a name, in the order of reversed labels, and come in pages.
"""

from __future__ import annotations

import fnmatch
import re
import secrets
import time
import xml.etree.ElementTree as ET
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from typing import Any
from xml.sax.saxutils import escape

from aiohttp import web

from bcp.lab.cloud import CloudLab, mx_of, name_servers, serve
from bcp.lab.nameserver import Zone
from bcp.lab.sigv4 import BadSignature, check, key_of

NS = "https://route53.amazonaws.com/doc/2013-04-01/"
ANY = {"Statement": [{"Effect": "Allow", "Action": ["route53:*"], "Resource": ["*"]}]}
READ = {"Statement": [{"Effect": "Allow", "Action": ["route53:Get*", "route53:List*"], "Resource": ["*"]}]}
MISMATCH = (
    "Tried to delete resource record set [name='{}', type='MX'] but the values provided do not match the current values"
)
MISSING = "Tried to delete resource record set [name='{}', type='MX'] but it was not found"
EXISTS = "Tried to create resource record set [name='{}', type='MX'] but it already exists"
BESIDE = (
    "RRSet of type MX with DNS name {} is not permitted because a conflicting RRSet of type CNAME with the same DNS "
    "name already exists in zone"
)


class SaysNo(Exception):
    """A call that is refused: status, code, words."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status, self.code, self.message = status, code, message


@dataclass
class Key:
    """One access key: its secret, what it may do, and whether it has ended."""

    secret: str
    policy: Mapping[str, Any] = field(default_factory=lambda: ANY)
    token: str = ""
    ended: bool = False


@dataclass
class Route53Zone:
    """One zone: record sets by name, type and set identifier."""

    served: Zone
    private: bool = False
    id: str = field(default_factory=lambda: "Z" + secrets.token_hex(8).upper())
    sets: dict[tuple[str, str, str], dict[str, Any]] = field(default_factory=dict)

    @cached_property
    def name(self) -> str:
        """Without the final dot."""
        return self.served.name.to_text().rstrip(".")

    def put(self, name: str, kind: str, ttl: int, values: list[str], **more: Any) -> None:
        """Somebody writes a set, whatever was there."""
        self.sets[name, kind, str(more.get("SetIdentifier", ""))] = {"TTL": ttl, "values": values, **more}
        if kind == "MX" and not more:
            serve(self.served, name, values, ttl)

    def drop(self, name: str, kind: str) -> None:
        """Somebody deletes a set."""
        self.sets.pop((name, kind, ""), None)
        if kind == "MX":
            serve(self.served, name, [], 0)


@dataclass
class Route53Lab(CloudLab):
    """The API. ``keys`` by id."""

    keys: dict[str, Key] = field(default_factory=dict)
    zones: list[Route53Zone] = field(default_factory=list)
    region: str = "us-east-1"
    offset_s: float = 0.0
    """How far AWS's clock is ahead of this machine's."""
    old_form: bool = False
    """InvalidChangeBatch as a document of messages."""
    page: int = 100
    waiting: dict[str, int] = field(default_factory=dict)

    def add(self, served: Zone, **more: Any) -> Route53Zone:
        """Take a zone over, with the MX that it has."""
        zone = Route53Zone(served, **more)
        for name, ttl, values in mx_of(served):
            zone.sets[name, "MX", ""] = {"TTL": ttl, "values": values}
        self.zones.append(zone)
        return zone

    def routes(self, app: web.Application) -> None:
        base = "/2013-04-01"
        app.router.add_get(base + "/hostedzonesbyname", self._guarded("ListHostedZonesByName", self._by_name))
        app.router.add_get(base + "/hostedzone/{zone}", self._guarded("GetHostedZone", self._get))
        app.router.add_get(base + "/hostedzone/{zone}/rrset", self._guarded("ListResourceRecordSets", self._sets))
        app.router.add_post(base + "/hostedzone/{zone}/rrset/", self._guarded("ChangeResourceRecordSets", self._change))
        app.router.add_get(base + "/change/{change}", self._guarded("GetChange", self._status))

    # -- who may -------------------------------------------------------------------------------------------------

    def _guarded(self, action: str, work: Any) -> Any:
        async def handle(request: web.Request) -> web.StreamResponse:
            body = await request.read()
            try:
                key = self._key(request, body)
                answer: web.StreamResponse = await work(request, body, lambda r, c=None: _may(key, action, r, c or {}))
                return answer
            except BadSignature as bad:
                return _error(SaysNo(403, bad.code, bad.message))
            except SaysNo as no:
                return _batch_error(no) if self.old_form and no.code == "InvalidChangeBatch" else _error(no)

        return handle

    def _key(self, request: web.Request, body: bytes) -> Key:
        key = self.keys.get(key_of(request.headers))
        if key is None:
            raise SaysNo(403, "InvalidClientTokenId", "The security token included in the request is invalid.")
        now = time.time() + self.offset_s
        check(request.method, request.path, request.query_string, request.headers, body, key.secret, self.region, now)
        if request.headers.get("X-Amz-Security-Token", "") != key.token:
            raise SaysNo(403, "InvalidClientTokenId", "The security token included in the request is invalid.")
        if key.ended:
            raise SaysNo(403, "ExpiredToken", "The security token included in the request is expired")
        return key

    # -- reading -------------------------------------------------------------------------------------------------

    async def _by_name(self, request: web.Request, body: bytes, may: Any) -> web.Response:
        may("*")
        start = (_order(request.query.get("dnsname", "")), request.query.get("hostedzoneid", ""))
        rows = sorted((_order(z.name), z.id, z) for z in self.zones)
        rows = [r for r in rows if (r[0], r[1]) >= start] if start[1] else [r for r in rows if r[0] >= start[0]]
        size = min(self.page, int(request.query.get("maxitems", self.page)))
        shown, after = rows[:size], rows[size : size + 1]
        text = "".join(f"<HostedZone>{_zone(z)}</HostedZone>" for *_, z in shown)
        more = "".join(
            f"<NextDNSName>{z.name}.</NextDNSName><NextHostedZoneId>{z.id}</NextHostedZoneId>" for *_, z in after
        )
        cut = str(bool(after)).lower()
        inner = f"<HostedZones>{text}</HostedZones><IsTruncated>{cut}</IsTruncated>{more}<MaxItems>{size}</MaxItems>"
        return _xml("ListHostedZonesByNameResponse", inner)

    async def _get(self, request: web.Request, body: bytes, may: Any) -> web.Response:
        zone = self._zone(request)
        may(f"arn:aws:route53:::hostedzone/{zone.id}")
        names = name_servers(zone.served, "ns-1.awsdns-01.test", "ns-2.awsdns-02.test")
        servers = "".join(f"<NameServer>{n.rstrip('.')}</NameServer>" for n in names)
        return _xml(
            "GetHostedZoneResponse",
            f"<HostedZone>{_zone(zone)}</HostedZone><DelegationSet><NameServers>{servers}</NameServers></DelegationSet>",
        )

    async def _sets(self, request: web.Request, body: bytes, may: Any) -> web.Response:
        zone, query = self._zone(request), request.query
        may(f"arn:aws:route53:::hostedzone/{zone.id}")
        size = min(int(query.get("maxitems", "300")), 300)
        start = (_order(query.get("name", "")), query.get("type", ""), query.get("identifier", ""))
        rows = sorted(((_order(n), k, i), n, s) for (n, k, i), s in zone.sets.items())
        rows = [r for r in rows if r[0] >= start]
        shown, after = rows[:size], rows[size : size + 1]
        text = "".join(_set(name, key[1], one) for key, name, one in shown)
        more = "".join(f"<NextRecordName>{_escaped(n)}.</NextRecordName><NextRecordType>{k[1]}</NextRecordType>"
                       + (f"<NextRecordIdentifier>{k[2]}</NextRecordIdentifier>" if k[2] else "")
                       for k, n, _ in after)  # fmt: skip
        cut = str(bool(after)).lower()
        inner = f"<ResourceRecordSets>{text}</ResourceRecordSets><IsTruncated>{cut}</IsTruncated>{more}"
        return _xml("ListResourceRecordSetsResponse", f"{inner}<MaxItems>{size}</MaxItems>")

    def _zone(self, request: web.Request) -> Route53Zone:
        for zone in self.zones:
            if zone.id == request.match_info["zone"]:
                return zone
        raise SaysNo(404, "NoSuchHostedZone", f"No hosted zone found with ID: {request.match_info['zone']}")

    # -- writing -------------------------------------------------------------------------------------------------

    async def _change(self, request: web.Request, body: bytes, may: Any) -> web.StreamResponse:
        zone, changes = self._zone(request), _read(body)
        self.before_change()
        names = [c["name"] for c in changes]
        may(
            f"arn:aws:route53:::hostedzone/{zone.id}",
            {
                "NormalizedRecordNames": names,
                "RecordTypes": [c["type"] for c in changes],
                "Actions": [c["action"] for c in changes],
            },
        )
        if self.takes("throttle"):
            raise SaysNo(400, "Throttling", "Rate exceeded")
        if self.takes("prior"):
            raise SaysNo(
                400, "PriorRequestNotComplete", "The request was rejected because Route 53 was still processing"
            )
        if self.failing & set(names):
            raise SaysNo(500, "InternalFailure", "We encountered an internal error. Please try again.")
        self._transact(zone, changes)
        ident = "C" + secrets.token_hex(8).upper()
        self.waiting[ident] = self.pending
        return await self.answer(request, _info("ChangeResourceRecordSetsResponse", ident, "PENDING"))

    def _transact(self, zone: Route53Zone, changes: list[dict[str, Any]]) -> None:
        """All or nothing, in the order given; every problem is told."""
        left, wrong = dict(zone.sets), []
        for change in changes:
            key = (change["name"], change["type"], "")
            if (why := self._apply(left, key, change)) is not None:
                wrong.append(why.format(change["name"] + "."))
        if wrong:
            raise SaysNo(400, "InvalidChangeBatch", f"[{', '.join(wrong)}]")
        zone.sets = left
        for change in {c["name"]: c for c in changes if c["type"] == "MX"}.values():
            now = left.get((change["name"], "MX", ""))
            serve(zone.served, change["name"], now["values"] if now else [], now["TTL"] if now else 0)

    def _apply(self, left: dict[Any, Any], key: tuple[str, str, str], change: dict[str, Any]) -> str | None:
        now, given = left.get(key), {"TTL": change["ttl"], "values": change["values"]}
        if change["action"] == "DELETE":
            if now is None:
                return None if self.unconditional else MISSING
            same = now["TTL"] == given["TTL"] and sorted(now["values"]) == sorted(given["values"])
            if not same and not self.unconditional:
                return MISMATCH
            del left[key]
            return None
        if change["action"] == "CREATE" and now is not None:
            return EXISTS
        if any(n == key[0] and k == "CNAME" for n, k, _ in left):
            return BESIDE
        left[key] = given
        return None

    async def _status(self, request: web.Request, body: bytes, may: Any) -> web.Response:
        ident = request.match_info["change"]
        may(f"arn:aws:route53:::change/{ident}")
        if ident not in self.waiting:
            raise SaysNo(404, "NoSuchChange", f"A change with ID {ident} does not exist.")
        self.waiting[ident] -= 1
        return _info("GetChangeResponse", ident, "PENDING" if self.waiting[ident] >= 0 else "INSYNC")


def _may(key: Key, action: str, resource: str, conditions: Mapping[str, list[str]]) -> None:
    """IAM: some statement must allow it, with its conditions (ForAllValues:StringEquals)."""
    for one in key.policy["Statement"]:
        wanted = one.get("Condition", {}).get("ForAllValues:StringEquals", {})
        given = {f"route53:ChangeResourceRecordSets{k}": v for k, v in conditions.items()}
        if (
            any(fnmatch.fnmatchcase(f"route53:{action}", a) for a in one["Action"])
            and any(fnmatch.fnmatchcase(resource, r) for r in one["Resource"])
            and all(set(given.get(k, [])) <= set(v) for k, v in wanted.items())
        ):
            return
    raise SaysNo(403, "AccessDenied", f"User is not authorized to perform: route53:{action} on resource: {resource}")


@lru_cache(maxsize=4096)
def _order(name: str) -> tuple[str, ...]:
    """Route 53 sorts by the labels from behind."""
    plain = re.sub(r"\\([0-7]{3})", lambda m: chr(int(m.group(1), 8)), name)
    return tuple(reversed(plain.rstrip(".").lower().split(".")))


def _escaped(name: str) -> str:
    return name.replace("*", "\\052")


def _zone(zone: Route53Zone) -> str:
    config = f"<Config><PrivateZone>{str(zone.private).lower()}</PrivateZone></Config>"
    return f"<Id>/hostedzone/{zone.id}</Id><Name>{zone.name}.</Name><CallerReference>x</CallerReference>{config}"


def _set(name: str, kind: str, one: Mapping[str, Any]) -> str:
    more = "".join(f"<{k}>{escape(str(v))}</{k}>" for k, v in one.items() if k in {"SetIdentifier", "Weight", "Region"})
    if target := one.get("AliasTarget"):
        alias = f"<HostedZoneId>Z</HostedZoneId><DNSName>{target}</DNSName>"
        more += f"<AliasTarget>{alias}<EvaluateTargetHealth>false</EvaluateTargetHealth></AliasTarget>"
    else:
        values = "".join(f"<ResourceRecord><Value>{escape(v)}</Value></ResourceRecord>" for v in one["values"])
        more += f"<TTL>{one['TTL']}</TTL><ResourceRecords>{values}</ResourceRecords>"
    return f"<ResourceRecordSet><Name>{_escaped(name)}.</Name><Type>{kind}</Type>{more}</ResourceRecordSet>"


def _read(body: bytes) -> list[dict[str, Any]]:
    out, at = [], {"r": NS}
    for change in ET.fromstring(body).iterfind(".//r:Change", at):
        one = change.find("r:ResourceRecordSet", at)
        assert one is not None
        out.append(
            {
                "action": change.findtext("r:Action", "", at),
                "name": one.findtext("r:Name", "", at).rstrip(".").lower(),
                "type": one.findtext("r:Type", "", at),
                "ttl": int(one.findtext("r:TTL", "0", at)),
                "values": [v.text or "" for v in one.iterfind(".//r:Value", at)],
            }
        )
    return out


def _xml(root: str, inner: str, status: int = 200) -> web.Response:
    text = f'<?xml version="1.0"?>\n<{root} xmlns="{NS}">{inner}</{root}>'
    return web.Response(status=status, text=text, content_type="text/xml")


def _info(root: str, ident: str, status: str) -> web.Response:
    inner = f"<Id>/change/{ident}</Id><Status>{status}</Status><SubmittedAt>2026-11-27T00:00:00Z</SubmittedAt>"
    return _xml(root, f"<ChangeInfo>{inner}</ChangeInfo>")


def _error(no: SaysNo) -> web.Response:
    inner = f"<Error><Type>Sender</Type><Code>{no.code}</Code><Message>{escape(no.message)}</Message></Error>"
    return _xml("ErrorResponse", f"{inner}<RequestId>r-1</RequestId>", no.status)


def _batch_error(no: SaysNo) -> web.Response:
    each = f"<Message>{escape(no.message)}</Message><Message>The batch was not applied</Message>"
    inner = f"<Messages>{each}</Messages><RequestId>r-1</RequestId>"
    return _xml("InvalidChangeBatch", inner, no.status)
