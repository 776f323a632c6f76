"""Azure DNS and Entra, from learn.microsoft.com/rest/api/dns (2018-05-01), its pages on locks, etags and throttling,
and the identity platform's page on client credentials."""

from __future__ import annotations

import itertools
import re
import ssl
import uuid
from typing import Any
from urllib.parse import parse_qs, unquote

from strange.house import Answer, Asked, House, Set, Zone

SUBSCRIPTION, TENANT = "0d1c2b3a-0000-4000-8000-000000000001", "7e11a4e0-0000-4000-8000-000000000002"
CLIENT, SECRET = "c11e47c0-0000-4000-8000-000000000003", "strange~azure~secret"


class Azure(House):
    """One application in one tenant, one subscription, one resource group ``dns``."""

    def __init__(self, certificate: Any) -> None:
        super().__init__()
        self.tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.tls.load_cert_chain(certificate)
        self.certificate = certificate
        self.expired, self.tokens, self.locked, self.secret_ended = False, set[str](), False, False
        self._count = itertools.count(1)

    def settings(self, folder: Any) -> dict[str, Any]:
        """Of ``dns:``, as the page documents them."""
        (folder / "azure-secret").write_text(SECRET)
        return {"kind": "azure", "subscription_id": SUBSCRIPTION, "resource_group": "dns", "tenant_id": TENANT,
                "client_id": CLIENT, "client_secret": f"file:{folder}/azure-secret", "api_url": self.url,
                "authority_url": self.url, "api_ca_file": str(self.certificate)}  # fmt: skip

    def add(self, name: str, mx: list[str], ttl: int, servers: tuple[str, ...], group: str = "dns") -> Zone:
        """A zone with an MX."""
        ident = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/{group}/providers/Microsoft.Network/dnszones/{name}"
        zone = Zone(name, ident, servers)
        self.zones.append(zone)
        self.put(zone, name, "MX", mx, ttl)
        return zone

    def put(self, zone: Zone, name: str, kind: str, values: list[str], ttl: int) -> None:
        """Somebody writes a whole set."""
        self.changes += 1
        zone.sets[(name, kind)] = Set(ttl, list(values), etag=next(self._count))

    def busy(self) -> Answer:
        """The limit of Resource Manager."""
        error = {"code": "TooManyRequests", "message": "The request is being throttled."}
        return Answer(429, {"error": error}, {"Retry-After": "1"})

    def broken(self) -> Answer:
        """The DNS provider failed."""
        return Answer(500, {"code": "InternalServerError", "message": "Encountered internal server error."})

    def is_write(self, asked: Asked) -> bool:
        return asked.method in {"PATCH", "PUT", "DELETE"}

    def answer(self, asked: Asked) -> Answer:
        """By path."""
        path = unquote(asked.path)
        if path.endswith("/.well-known/openid-configuration"):
            return self._discovery(path)
        if path.endswith("/oauth2/v2.0/token"):
            return self._token(path, parse_qs(asked.body.decode()))
        token = asked.headers.get("authorization", "").removeprefix("Bearer ")
        if self.expired or token not in self.tokens:
            text = "The access token expiry UTC time '11/28/2026 1:00:00 AM' is earlier than current UTC time."
            return _arm(401, "ExpiredAuthenticationToken", text)
        if asked.query.get("api-version") is None:
            return _arm(
                400, "MissingApiVersionParameter", "The api-version query parameter (?api-version=) is required."
            )
        found = re.match(r"(?i)/subscriptions/([^/]+)(.*)", path)
        if not found or found[1] != SUBSCRIPTION:
            text = f"The subscription '{found[1] if found else ''}' could not be found."
            return _arm(404, "SubscriptionNotFound", text)
        if found[2].lower() == "/providers/microsoft.network/dnszones":
            return self._list(asked)
        return self._below(path, asked)

    def _below(self, path: str, asked: Asked) -> Answer:
        found = re.match(
            r"(?i)/subscriptions/[^/]+/resourceGroups/([^/]+)/providers/Microsoft\.Network/dnsZones/([^/]+)(/.*)?$",
            path,
        )
        if not found:
            return _arm(404, "InvalidResourceType", "The resource type could not be found.")
        group, name, rest = found[1], found[2].lower(), found[3] or ""
        if not any(z.id.split("/")[4].lower() == group.lower() for z in self.zones):
            return _arm(404, "ResourceGroupNotFound", f"Resource group '{group}' could not be found.")
        zone = next((z for z in self.zones if z.id.lower() == path.removesuffix(rest).lower()), None)
        if zone is None:
            text = f"The Resource 'Microsoft.Network/dnszones/{name}' under resource group '{group}' was not found."
            return _arm(404, "ResourceNotFound", text)
        if not rest:
            return Answer(200, self._shown(zone))
        kind, _, relative = rest.strip("/").partition("/")
        return self._set(zone, kind.upper(), relative, asked)

    def _shown(self, zone: Zone) -> dict[str, Any]:
        more = {"maxNumberOfRecordSets": 10000, "numberOfRecordSets": len(zone.sets), "zoneType": "Public",
                "nameServers": list(zone.servers)}  # fmt: skip
        return {"id": zone.id, "name": zone.name, "type": "Microsoft.Network/dnszones", "etag": "z", "tags": {},
                "location": "global", "properties": more}  # fmt: skip

    def _list(self, asked: Asked) -> Answer:
        """Two a page, so that there is a next one."""
        at = int(asked.query.get("$skipToken", 0))
        body: dict[str, Any] = {"value": [self._shown(z) for z in self.zones[at : at + 2]]}
        if at + 2 < len(self.zones):
            path = f"/subscriptions/{SUBSCRIPTION}/providers/Microsoft.Network/dnszones"
            body["nextLink"] = f"{self.url}{path}?api-version=2018-05-01&$skipToken={at + 2}"
        return Answer(200, body)

    def _set(self, zone: Zone, kind: str, relative: str, asked: Asked) -> Answer:
        name = zone.name if relative == "@" else f"{relative}.{zone.name}".lower()
        there = zone.sets.get((name, kind))
        if asked.method == "GET":
            if there is None:
                text = f"The resource record '{relative}' does not exist in resource group 'dns'."
                return Answer(404, {"code": "NotFound", "message": text})
            return Answer(200, _record(zone, kind, relative, name, there))
        if self.locked:
            text = f"The scope '{zone.id}' cannot perform write operation because following scope(s) are locked."
            return _arm(409, "ScopeLocked", text)
        match, none = asked.headers.get("if-match"), asked.headers.get("if-none-match")
        if (match and match != "*" and (there is None or match.strip('"') != _etag(there))) or (none == "*" and there):
            text = f"The condition '{match or none}' in the If-Match header was not satisfied."
            return Answer(412, {"code": "PreconditionFailed", "message": text})
        if asked.method == "PATCH" and there is None:
            return Answer(404, {"code": "NotFound", "message": "The resource record does not exist."})
        given = asked.data().get("properties") or {}
        ttl = given.get("TTL", given.get("ttl", there.ttl if there else 3600))
        rows = given.get("MXRecords", given.get("mxRecords"))
        if kind != "MX" or rows is None:
            return Answer(400, {"code": "BadRequest", "message": "The resource request body was invalid."})
        self.put(zone, name, kind, [f"{r['preference']} {r['exchange']}" for r in rows], ttl)
        return Answer(201 if there is None else 200, _record(zone, kind, relative, name, zone.sets[(name, kind)]))

    def _discovery(self, path: str) -> Answer:
        tenant = path.split("/")[1]
        if tenant != TENANT:
            return Answer(400, _sts("invalid_tenant", f"AADSTS90002: Tenant '{tenant}' not found."))
        base = f"{self.url}/{tenant}"
        return Answer(200, {"issuer": f"{base}/v2.0", "token_endpoint": f"{base}/oauth2/v2.0/token",
                            "authorization_endpoint": f"{base}/oauth2/v2.0/authorize", "jwks_uri": f"{base}/keys",
                            "tenant_region_scope": "EU", "cloud_instance_name": "microsoftonline.com"})  # fmt: skip

    def _token(self, path: str, given: dict[str, list[str]]) -> Answer:
        if path.split("/")[1] != TENANT:
            return Answer(400, _sts("invalid_request", "AADSTS90002: Tenant was not found."))
        if given.get("client_id") != [CLIENT]:
            return Answer(400, _sts("unauthorized_client", "AADSTS700016: Application was not found in the directory."))
        if self.secret_ended or given.get("client_secret") != [SECRET]:
            return Answer(401, _sts("invalid_client", "AADSTS7000222: The provided client secret keys are expired."))
        token = uuid.uuid4().hex
        self.tokens.add(token)
        return Answer(200, {"token_type": "Bearer", "expires_in": 3599, "ext_expires_in": 3599, "access_token": token})


def _etag(found: Set) -> str:
    return f"{found.etag:08x}-0000-4000-8000-00000000e7a6"


def _record(zone: Zone, kind: str, relative: str, name: str, found: Set) -> dict[str, Any]:
    more: dict[str, Any] = {
        "TTL": found.ttl,
        "fqdn": f"{name}.",
        "provisioningState": "Succeeded",
        "targetResource": {},
    }
    if kind == "MX":
        pairs = [v.split() for v in found.values]
        more["MXRecords"] = [{"preference": int(p), "exchange": x.rstrip(".")} for p, x in pairs]
    elif kind == "CNAME":
        more["CNAMERecord"] = {"cname": found.values[0]}
    else:
        more["ARecords"] = [{"ipv4Address": v} for v in found.values]
    return {"id": f"{zone.id}/{kind}/{relative}", "name": relative, "type": f"Microsoft.Network/dnszones/{kind}",
            "etag": _etag(found), "properties": more}  # fmt: skip


def _arm(status: int, code: str, message: str) -> Answer:
    return Answer(status, {"error": {"code": code, "message": message}})


def _sts(error: str, text: str) -> dict[str, Any]:
    return {"error": error, "error_description": text, "error_codes": [int(re.search(r"\d+", text)[0])],
            "timestamp": "2026-11-28 11:00:00Z", "trace_id": "t", "correlation_id": "c"}  # fmt: skip
