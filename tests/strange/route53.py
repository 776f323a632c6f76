"""Route 53, from docs.aws.amazon.com/Route53/latest/APIReference and the pages about signature version 4."""

from __future__ import annotations

import datetime
import hashlib
import hmac
import itertools
import xml.etree.ElementTree as ET
from typing import Any
from urllib.parse import quote, unquote
from xml.sax.saxutils import escape

from strange.house import Answer, Asked, House, Set, Zone

NS = "https://route53.amazonaws.com/doc/2013-04-01/"
VERSION = "/2013-04-01"


class Route53(House):
    """One access key."""

    def __init__(self) -> None:
        super().__init__()
        self.key, self.secret, self.region = "AKIASTRANGE000000001", "strange/aws/secret", "us-east-1"
        self.expired, self.changing = False, dict[str, str]()
        self._count = itertools.count(1)

    def settings(self, folder: Any) -> dict[str, Any]:
        """Of ``dns:``, as the page documents them."""
        (folder / "aws-id").write_text(self.key)
        (folder / "aws-key").write_text(self.secret)
        return {"kind": "route53", "access_key_id": f"file:{folder}/aws-id", "calls_per_s": 50,
                "secret_access_key": f"file:{folder}/aws-key", "endpoint_url": self.url}  # fmt: skip

    def add(self, name: str, mx: list[str], ttl: int, servers: tuple[str, ...]) -> Zone:
        """A zone with an MX."""
        zone = Zone(name, f"Z0{next(self._count):018d}", servers)
        self.zones.append(zone)
        self.put(zone, name, "MX", mx, ttl)
        self.put(zone, name, "NS", list(servers), 172800)
        return zone

    def put(self, zone: Zone, name: str, kind: str, values: list[str], ttl: int) -> None:
        """Somebody writes a whole set."""
        self.changes += 1
        zone.sets[(name, kind)] = Set(ttl, list(values))

    def busy(self) -> Answer:
        """Five a second for the account."""
        return _no(400, "Throttling", "Rate exceeded")

    def broken(self) -> Answer:
        """An internal error."""
        return _no(500, "InternalFailure", "We encountered an internal error. Please try again.")

    def answer(self, asked: Asked) -> Answer:
        """By path."""
        refused = self._signed(asked)
        if refused is not None:
            return refused
        parts = asked.path.removeprefix(VERSION).strip("/").split("/")
        if parts == ["hostedzonesbyname"]:
            return self._by_name(asked)
        if parts[0] == "change":
            status = self.changing.get(parts[1], "")
            if not status:
                return _no(404, "NoSuchChange", f"Could not find resource with ID: {parts[1]}")
            self.changing[parts[1]] = "INSYNC"
            return _yes("GetChangeResponse", _change(parts[1], status))
        zone = next((z for z in self.zones if z.id == parts[1]), None)
        if zone is None:
            return _no(404, "NoSuchHostedZone", f"No hosted zone found with ID: {parts[1]}")
        if len(parts) == 2:
            names = "".join(f"<NameServer>{s.rstrip('.')}</NameServer>" for s in zone.servers)
            servers = f"<DelegationSet><NameServers>{names}</NameServers></DelegationSet>"
            return _yes("GetHostedZoneResponse", _zone(zone) + servers)
        return self._sets(zone, asked) if asked.method == "GET" else self._write(zone, asked.body)

    def _by_name(self, asked: Asked) -> Answer:
        """All zones from a name on, by reversed labels; 100 a page."""
        rows = sorted(self.zones, key=lambda z: (_reversed(z.name), z.id))
        start = asked.query.get("dnsname", "").rstrip(".")
        rows = [z for z in rows if (_reversed(z.name), z.id) >= (_reversed(start), asked.query.get("hostedzoneid", ""))]
        size = int(asked.query.get("maxitems", 100))
        more = ""
        if len(rows) > size:
            after = rows[size]
            more = f"<NextDNSName>{after.name}.</NextDNSName><NextHostedZoneId>{after.id}</NextHostedZoneId>"
        body = f"<HostedZones>{''.join(map(_zone, rows[:size]))}</HostedZones><DNSName>{start}.</DNSName>"
        cut = "true" if more else "false"
        return _yes(
            "ListHostedZonesByNameResponse", f"{body}<IsTruncated>{cut}</IsTruncated>{more}<MaxItems>{size}</MaxItems>"
        )

    def _sets(self, zone: Zone, asked: Asked) -> Answer:
        """From a name and type on; 300 a page at most."""
        rows = sorted(zone.sets.items(), key=lambda kv: (_reversed(kv[0][0]), kv[0][1]))
        name = unquote(asked.query.get("name", "")).rstrip(".").lower()
        if name:
            start = (_reversed(name), asked.query.get("type", ""))
            rows = [r for r in rows if (_reversed(r[0][0]), r[0][1]) >= start]
        size = min(300, int(asked.query.get("maxitems", 300)))
        text = "".join(_set(n, k, s) for (n, k), s in rows[:size])
        more = ""
        if len(rows) > size:
            (n, k), _ = rows[size]
            more = f"<NextRecordName>{n}.</NextRecordName><NextRecordType>{k}</NextRecordType>"
        cut = "true" if more else "false"
        body = f"<ResourceRecordSets>{text}</ResourceRecordSets><IsTruncated>{cut}</IsTruncated>{more}"
        return _yes("ListResourceRecordSetsResponse", f"{body}<MaxItems>{size}</MaxItems>")

    def _write(self, zone: Zone, body: bytes) -> Answer:
        """One transaction."""
        root = ET.fromstring(body)
        fresh = {k: Set(s.ttl, list(s.values)) for k, s in zone.sets.items()}
        wrong = []
        for change in root.iter(f"{{{NS}}}Change"):
            action = change.findtext(f"{{{NS}}}Action")
            at = change.find(f"{{{NS}}}ResourceRecordSet")
            name = (at.findtext(f"{{{NS}}}Name") or "").rstrip(".").lower()
            kind, ttl = at.findtext(f"{{{NS}}}Type"), int(at.findtext(f"{{{NS}}}TTL"))
            values = [v.text for v in at.iter(f"{{{NS}}}Value")]
            there = fresh.get((name, kind))
            what = f"[name='{name}.', type='{kind}']"
            if name != zone.name and not name.endswith("." + zone.name):
                wrong.append(f"RRSet with DNS name {name}. is not permitted in zone {zone.name}.")
            elif action == "DELETE":
                if there is None:
                    wrong.append(f"Tried to delete resource record set {what} but it was not found")
                elif (there.ttl, sorted(there.values)) != (ttl, sorted(values)):
                    why = "but the values provided do not match the current values"
                    wrong.append(f"Tried to delete resource record set {what} {why}")
                else:
                    del fresh[(name, kind)]
            elif action == "CREATE":
                if there is not None:
                    wrong.append(f"Tried to create resource record set {what} but it already exists")
                fresh[(name, kind)] = Set(ttl, values)
            else:
                fresh[(name, kind)] = Set(ttl, values)
        if wrong:
            return _no(400, "InvalidChangeBatch", "[" + ", ".join(wrong) + "]")
        zone.replace(fresh)
        self.changes += 1
        ident = f"C{next(self._count):012d}"
        self.changing[ident] = "PENDING"
        return _yes("ChangeResourceRecordSetsResponse", _change(ident, "PENDING"))

    def _signed(self, asked: Asked) -> Answer | None:
        """Signature version 4: key, region, time and the signature itself."""
        told = asked.headers.get("authorization", "")
        if not told.startswith("AWS4-HMAC-SHA256 "):
            return _no(403, "MissingAuthenticationToken", "Missing Authentication Token")
        parts = dict(p.strip().split("=", 1) for p in told[17:].split(","))
        key, day, region, service, _ = parts["Credential"].split("/")
        if key != self.key:
            return _no(403, "InvalidClientTokenId", "The security token included in the request is invalid.")
        if self.expired:
            return _no(403, "ExpiredToken", "The security token included in the request is expired")
        if region != self.region:
            return _no(403, "SignatureDoesNotMatch", f"Credential should be scoped to a valid region, not '{region}'. ")
        at = asked.headers["x-amz-date"]
        when = datetime.datetime.strptime(at, "%Y%m%dT%H%M%SZ").replace(tzinfo=datetime.UTC)
        if abs((datetime.datetime.now(datetime.UTC) - when).total_seconds()) > 300:
            return _no(403, "SignatureDoesNotMatch", f"Signature expired: {at} is now earlier than now (5 min.)")
        names = parts["SignedHeaders"].split(";")
        headers = "".join(f"{n}:{' '.join(asked.headers.get(n, '').split())}\n" for n in names)
        pairs = sorted(p.partition("=")[::2] for p in asked.raw_query.split("&") if p)
        query = "&".join(f"{quote(unquote(k), safe='-_.~')}={quote(unquote(v), safe='-_.~')}" for k, v in pairs)
        digest = hashlib.sha256(asked.body).hexdigest()
        whole = "\n".join([asked.method, quote(asked.path, safe="/-_.~"), query, headers, ";".join(names), digest])
        scope = f"{day}/{region}/{service}/aws4_request"
        text = "\n".join(["AWS4-HMAC-SHA256", at, scope, hashlib.sha256(whole.encode()).hexdigest()])
        made = f"AWS4{self.secret}".encode()
        for part in (day, region, service, "aws4_request"):
            made = hmac.new(made, part.encode(), hashlib.sha256).digest()
        if hmac.new(made, text.encode(), hashlib.sha256).hexdigest() != parts["Signature"]:
            return _no(
                403,
                "SignatureDoesNotMatch",
                "The request signature we calculated does not match the signature you provided.",
            )
        return None


def _reversed(name: str) -> str:
    return ".".join(reversed(name.split("."))) + "."


def _zone(zone: Zone) -> str:
    private = "true" if zone.private else "false"
    return (
        f"<HostedZone><Id>/hostedzone/{zone.id}</Id><Name>{zone.name}.</Name><CallerReference>x</CallerReference>"
        f"<Config><PrivateZone>{private}</PrivateZone></Config><ResourceRecordSetCount>{len(zone.sets)}"
        "</ResourceRecordSetCount></HostedZone>"
    )


def _set(name: str, kind: str, found: Set) -> str:
    values = "".join(f"<ResourceRecord><Value>{escape(v)}</Value></ResourceRecord>" for v in found.values)
    text = f"<Name>{name.replace('*', chr(92) + '052')}.</Name><Type>{kind}</Type><TTL>{found.ttl}</TTL>"
    return f"<ResourceRecordSet>{text}<ResourceRecords>{values}</ResourceRecords></ResourceRecordSet>"


def _change(ident: str, status: str) -> str:
    at = "<SubmittedAt>2026-11-28T11:00:00Z</SubmittedAt>"
    return f"<ChangeInfo><Id>/change/{ident}</Id><Status>{status}</Status>{at}</ChangeInfo>"


def _yes(root: str, inside: str) -> Answer:
    return Answer(200, f'<?xml version="1.0"?>\n<{root} xmlns="{NS}">{inside}</{root}>', kind="text/xml")


def _no(status: int, code: str, message: str) -> Answer:
    kind = "Receiver" if status >= 500 else "Sender"
    body = f"<Error><Type>{kind}</Type><Code>{code}</Code><Message>{escape(message)}</Message></Error>"
    return Answer(status, f'<?xml version="1.0"?>\n<ErrorResponse xmlns="{NS}">{body}</ErrorResponse>', kind="text/xml")
