"""Google Cloud DNS with sign-in and metadata server, as documented, over zones that the lab's name server serves.

It enforces what the documents say (cloud.google.com/dns/docs/reference/rest/v1): a change is one transaction; deletions
must match exactly, TTL included (412), and exist (404); an addition of what exists is 409; permissions with conditions
on record sets; signed assertions in their time; listings in pages; a change is pending before it is done.
"""

from __future__ import annotations

import base64
import json
import re
import secrets
import time
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from bcp.lab.cloud import CloudLab, mx_of, name_servers, serve
from bcp.lab.nameserver import Zone

PROJECT = "mail-dns"
Grants = list[tuple[list[str], str]]
"""Permissions, and the condition (CEL) under which they hold; empty: always."""
ANY: Grants = [(["dns.*"], "")]
READ: Grants = [
    (["dns.managedZones.list", "dns.managedZones.get", "dns.resourceRecordSets.list", "dns.changes.get"], "")
]


class SaysNo(Exception):
    """A call that is refused: status, reason, words."""

    def __init__(self, status: int, reason: str, message: str) -> None:
        super().__init__(message)
        self.status, self.reason, self.message = status, reason, message


@dataclass
class Robot:
    """A service account. ``public``: checks its signatures; ``None``: its key is not known here."""

    public: Any = None
    grants: Grants = field(default_factory=lambda: list(ANY))
    ended: bool = False
    """Its tokens are over when they arrive."""


@dataclass
class GoogleZone:
    """One managed zone: record sets by name and type."""

    served: Zone
    private: bool = False
    id: str = ""
    sets: dict[tuple[str, str], dict[str, Any]] = field(default_factory=dict)
    done: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.id = self.id or f"{self.name.replace('.', '-')}-{secrets.token_hex(3)}"

    @property
    def name(self) -> str:
        """The DNS name without its final dot."""
        return self.served.name.to_text().rstrip(".")

    def put(self, name: str, kind: str, ttl: int, values: list[str], **more: Any) -> None:
        """Somebody writes a set, whatever was there."""
        self.sets[name, kind] = {"name": f"{name}.", "type": kind, "ttl": ttl, "rrdatas": values, **more}
        if kind == "MX" and not more:
            serve(self.served, name, values, ttl)

    def drop(self, name: str, kind: str) -> None:
        """Somebody deletes a set."""
        self.sets.pop((name, kind), None)
        if kind == "MX":
            serve(self.served, name, [], 0)


@dataclass
class GoogleLab(CloudLab):
    """Sign-in, metadata and API. ``robots`` by address; ``federated``: what a token of elsewhere stands for."""

    robots: dict[str, Robot] = field(default_factory=dict)
    federated: dict[str, str] = field(default_factory=dict)
    own: str = ""
    """The service account of this machine."""
    zones: list[GoogleZone] = field(default_factory=list)
    offset_s: float = 0.0
    """How far Google's clock is ahead of this machine's."""
    switched_on: bool = True
    page: int = 100
    tokens: dict[str, Robot] = field(default_factory=dict)
    signins: int = 0

    def add(self, served: Zone, **more: Any) -> GoogleZone:
        """Take a zone over, with the MX that it has."""
        zone = GoogleZone(served, **more)
        for name, ttl, values in mx_of(served):
            zone.sets[name, "MX"] = {"name": f"{name}.", "type": "MX", "ttl": ttl, "rrdatas": values}
        self.zones.append(zone)
        return zone

    def routes(self, app: web.Application) -> None:
        add = app.router.add_route
        add("POST", "/token", self._signin)
        add("POST", "/v1/token", self._exchange)
        add("GET", "/computeMetadata/v1/instance/service-accounts/default/token", self._metadata)
        base = "/dns/v1/projects/{project}/managedZones"
        add("GET", base, self._guarded(self._list))
        add("GET", base + "/{zone}", self._guarded(self._get))
        add("GET", base + "/{zone}/rrsets", self._guarded(self._sets))
        add("POST", base + "/{zone}/changes", self._guarded(self._change))
        add("GET", base + "/{zone}/changes/{change}", self._guarded(self._status))

    # -- sign-in -------------------------------------------------------------------------------------------------

    async def _signin(self, request: web.Request) -> web.Response:
        """A service account's signed assertion (RFC 7523)."""
        assertion = str((await request.post()).get("assertion", ""))
        head, body, signature = assertion.split(".")
        claims = json.loads(_decoded(body))
        robot, now = self.robots.get(claims["iss"]), time.time() + self.offset_s
        if robot is None or not _signed(robot, f"{head}.{body}", signature):
            return _no_token("Invalid JWT Signature.")
        if not claims["iat"] - 300 <= now <= claims["exp"] or claims["exp"] - claims["iat"] > 3_600:
            text = (
                "Invalid JWT: Token must be a short-lived token (60 minutes) and in a reasonable timeframe. Check iat."
            )
            return _no_token(text)
        return web.json_response({"access_token": self._issue(robot), "expires_in": 3_599, "token_type": "Bearer"})

    async def _exchange(self, request: web.Request) -> web.Response:
        """A token of elsewhere for one of Google (RFC 8693)."""
        subject = str((await request.post()).get("subject_token", ""))
        if subject not in self.federated:
            return _no_token("The given credential is rejected by the attribute condition.")
        token = self._issue(self.robots[self.federated[subject]])
        kind = "urn:ietf:params:oauth:token-type:access_token"
        body = {"access_token": token, "issued_token_type": kind, "token_type": "Bearer", "expires_in": 3_599}
        return web.json_response(body)

    async def _metadata(self, request: web.Request) -> web.Response:
        if request.headers.get("Metadata-Flavor") != "Google" or not self.own:
            return web.Response(status=404, text="Not found")
        token = self._issue(self.robots[self.own])
        return web.json_response({"access_token": token, "expires_in": 3_599, "token_type": "Bearer"})

    def _issue(self, robot: Robot) -> str:
        self.signins += 1
        token = "ya29.lab-" + secrets.token_hex(16)
        self.tokens[token] = robot
        return token

    # -- who may -------------------------------------------------------------------------------------------------

    def _guarded(self, work: Any) -> Any:
        async def handle(request: web.Request) -> web.StreamResponse:
            try:
                robot = self.tokens.get(request.headers.get("Authorization", "").removeprefix("Bearer "))
                if robot is None or robot.ended:
                    raise SaysNo(401, "authError", "Request had invalid authentication credentials.")
                if request.match_info["project"] != PROJECT:
                    raise SaysNo(
                        403, "forbidden", f"Permission denied on resource project {request.match_info['project']}."
                    )
                if not self.switched_on:
                    text = f"Google Cloud DNS API has not been used in project {PROJECT} before or it is disabled."
                    raise SaysNo(403, "accessNotConfigured", text)
                answer: web.StreamResponse = await work(request, robot)
                return answer
            except SaysNo as no:
                rows = [{"domain": "global", "reason": no.reason, "message": no.message}]
                error = {"code": no.status, "message": no.message, "errors": rows}
                return web.json_response({"error": error}, status=no.status)

        return handle

    # -- reading -------------------------------------------------------------------------------------------------

    async def _list(self, request: web.Request, robot: Robot) -> web.Response:
        _may(robot, "dns.managedZones.list", f"projects/{PROJECT}")
        wanted = request.query.get("dnsName", "")
        return self._paged(request, "managedZones", [_zone(z) for z in self.zones if wanted in {"", f"{z.name}."}])

    async def _get(self, request: web.Request, robot: Robot) -> web.Response:
        zone = self._zone(request)
        _may(robot, "dns.managedZones.get", _path(zone))
        return web.json_response(_zone(zone))

    async def _sets(self, request: web.Request, robot: Robot) -> web.Response:
        zone = self._zone(request)
        _may(robot, "dns.resourceRecordSets.list", _path(zone))
        name, kind = request.query.get("name", ""), request.query.get("type", "")
        if kind and not name:
            raise SaysNo(400, "invalidParameter", "The parameter 'type' must be used together with 'name'.")
        rows = [s for s in zone.sets.values() if name in {"", s["name"]} and kind in {"", s["type"]}]
        return self._paged(request, "rrsets", rows)

    def _paged(self, request: web.Request, key: str, rows: list[Any]) -> web.Response:
        at, size = int(request.query.get("pageToken", "0")), int(request.query.get("maxResults", "100"))
        size = min(size, self.page)
        more = {"nextPageToken": str(at + size)} if at + size < len(rows) else {}
        shown = {key: rows[at : at + size]} if rows else {}
        return web.json_response({"kind": f"dns#{key}ListResponse", **shown, **more})

    def _zone(self, request: web.Request) -> GoogleZone:
        for zone in self.zones:
            if zone.id == request.match_info["zone"]:
                return zone
        text = f"The 'parameters.managedZone' resource named '{request.match_info['zone']}' does not exist."
        raise SaysNo(404, "notFound", text)

    # -- writing -------------------------------------------------------------------------------------------------

    async def _change(self, request: web.Request, robot: Robot) -> web.StreamResponse:
        zone, body = self._zone(request), await request.json()
        self.before_change()
        deletions, additions = body.get("deletions", []), body.get("additions", [])
        _may(robot, "dns.changes.create", _path(zone))
        _may_each(robot, zone, deletions, additions)
        if self.takes("throttle"):
            raise SaysNo(403, "rateLimitExceeded", "Rate Limit Exceeded")
        if {s["name"].rstrip(".") for s in additions} & self.failing:
            raise SaysNo(500, "backendError", "Backend Error")
        self._transact(zone, deletions, additions)
        ident = str(len(zone.done) + 1)
        zone.done[ident] = self.pending
        shown = {"kind": "dns#change", "id": ident, "status": "pending", "additions": additions, "deletions": deletions}
        return await self.answer(request, web.json_response(shown))

    def _transact(self, zone: GoogleZone, deletions: list[Any], additions: list[Any]) -> None:
        """All or nothing: deletions, then additions."""
        left = dict(zone.sets)
        for n, one in enumerate(deletions):
            key = (one["name"].rstrip("."), one["type"])
            now = left.get(key)
            if now is None and not self.unconditional:
                text = (
                    f"The 'entity.change.deletions[{n}]' resource named '{one['name']} ({one['type']})' does not exist."
                )
                raise SaysNo(404, "notFound", text)
            same = now is not None and (now["ttl"], sorted(now["rrdatas"])) == (one["ttl"], sorted(one["rrdatas"]))
            if not same and not self.unconditional:
                raise SaysNo(412, "conditionNotMet", f"Precondition not met for 'entity.change.deletions[{n}]'")
            left.pop(key, None)
        for n, one in enumerate(additions):
            key = (one["name"].rstrip("."), one["type"])
            if key in left:
                text = (
                    f"The resource 'entity.change.additions[{n}]' named '{one['name']} ({one['type']})' already exists"
                )
                raise SaysNo(409, "alreadyExists", text)
            if (key[0], "CNAME") in left:
                text = f"The resource record set 'entity.change.additions[{n}]' is invalid because of a CNAME."
                raise SaysNo(400, "cnameResourceRecordSetConflict", text)
            left[key] = dict(one)
        zone.sets = left
        for name in {s["name"].rstrip(".") for s in (*deletions, *additions) if s["type"] == "MX"}:
            made = left.get((name, "MX"))
            serve(zone.served, name, made["rrdatas"] if made else [], made["ttl"] if made else 0)

    async def _status(self, request: web.Request, robot: Robot) -> web.Response:
        zone, ident = self._zone(request), request.match_info["change"]
        _may(robot, "dns.changes.get", _path(zone))
        if ident not in zone.done:
            raise SaysNo(404, "notFound", f"The 'parameters.changeId' resource named '{ident}' does not exist.")
        zone.done[ident] -= 1
        return web.json_response({"id": ident, "status": "pending" if zone.done[ident] >= 0 else "done"})


def _may(robot: Robot, permission: str, resource: str) -> None:
    for permissions, condition in robot.grants:
        if (permission in permissions or "dns.*" in permissions) and _holds(condition, resource):
            return
    raise SaysNo(403, "forbidden", f"Permission '{permission}' denied on resource '{resource}' (or it may not exist).")


def _may_each(robot: Robot, zone: GoogleZone, deletions: list[Any], additions: list[Any]) -> None:
    """A set that is deleted and added is updated."""
    gone = {(s["name"], s["type"]) for s in deletions}
    made = {(s["name"], s["type"]) for s in additions}
    for name, kind in gone | made:
        verb = "update" if (name, kind) in gone & made else ("delete" if (name, kind) in gone else "create")
        _may(robot, f"dns.resourceRecordSets.{verb}", f"{_path(zone)}/rrsets/{name}/{kind}")


def _holds(condition: str, resource: str) -> bool:
    """The part of CEL that policies of ours have."""
    parts = [
        re.fullmatch(r'resource\.name\.endsWith\("([^"]+)"\)', c.strip()) for c in condition.split("||") if condition
    ]
    return not condition or any(m is not None and resource.endswith(m.group(1)) for m in parts)


def _path(zone: GoogleZone) -> str:
    return f"projects/{PROJECT}/managedZones/{zone.id}"


def _zone(zone: GoogleZone) -> dict[str, Any]:
    servers = name_servers(zone.served, "ns-cloud-a1.googledomains.test.", "ns-cloud-a2.googledomains.test.")
    visibility = "private" if zone.private else "public"
    return {"name": zone.id, "dnsName": f"{zone.name}.", "visibility": visibility, "nameServers": servers}


def _decoded(part: str) -> bytes:
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))


def _signed(robot: Robot, text: str, signature: str) -> bool:
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import padding

    if robot.public is None:
        return False
    try:
        robot.public.verify(_decoded(signature), text.encode(), padding.PKCS1v15(), hashes.SHA256())
    except InvalidSignature:
        return False
    return True


def _no_token(words: str) -> web.Response:
    return web.json_response({"error": "invalid_grant", "error_description": words}, status=400)
