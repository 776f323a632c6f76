"""Azure DNS behind Resource Manager, with Entra's sign-in, as documented, over zones that the lab's name server serves.

It enforces what the documents say (learn.microsoft.com/rest/api/dns, 2018-05-01): ETags that change with every write,
If-Match and If-None-Match; PATCH that leaves metadata alone and PUT that drops it; roles assigned on a subscription,
group, zone or record set; locks; errors with and without an envelope; tokens of Entra that end.
"""

from __future__ import annotations

import base64
import fnmatch
import json
import secrets
import time
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from bcp.lab.cloud import CloudLab, mx_of, name_servers, serve
from bcp.lab.nameserver import Zone

TENANT = "11111111-1111-1111-1111-111111111111"
SUBSCRIPTION = "22222222-2222-2222-2222-222222222222"
GROUP = "dns-rg"
ANY = [(f"/subscriptions/{SUBSCRIPTION}", ["*"])]
READ = [(f"/subscriptions/{SUBSCRIPTION}", ["*/read"])]
SETS = {"MX": "MXRecords", "A": "ARecords", "AAAA": "AAAARecords", "TXT": "TXTRecords", "CNAME": "CNAMERecord"}


class SaysNo(Exception):
    """A call that is refused. ``arm``: by Resource Manager, whose errors have an envelope."""

    def __init__(self, status: int, code: str, message: str, *, arm: bool = False) -> None:
        super().__init__(message)
        self.status, self.code, self.message, self.arm = status, code, message, arm


@dataclass
class Principal:
    """An application or a managed identity, and the roles it has: scope and actions."""

    secret: str
    roles: list[tuple[str, list[str]]] = field(default_factory=lambda: list(ANY))
    ended: bool = False
    """Its tokens are over when they arrive."""


@dataclass
class AzureZone:
    """One zone: record sets by relative name and type."""

    served: Zone
    group: str = GROUP
    private: bool = False
    locked: bool = False
    sets: dict[tuple[str, str], dict[str, Any]] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """Without the final dot."""
        return self.served.name.to_text().rstrip(".")

    @property
    def id(self) -> str:
        """The resource id."""
        where = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/{self.group}"
        return f"{where}/providers/Microsoft.Network/dnsZones/{self.name}"

    def put(self, name: str, kind: str, properties: dict[str, Any]) -> dict[str, Any]:
        """Somebody writes a set, whatever was there."""
        one = self.sets[self.relative(name), kind] = {"etag": secrets.token_hex(16), "properties": properties}
        if kind == "MX":
            values = [f"{r['preference']} {r['exchange'].rstrip('.')}." for r in properties["MXRecords"]]
            serve(self.served, name, values, properties["TTL"])
        return one

    def drop(self, name: str, kind: str) -> None:
        """Somebody deletes a set."""
        if self.sets.pop((self.relative(name), kind), None) is not None and kind == "MX":
            serve(self.served, name, [], 0)

    def relative(self, name: str) -> str:
        """``@`` for the zone itself."""
        return "@" if name == self.name else name.removesuffix(f".{self.name}")

    def full(self, relative: str) -> str:
        """The reverse."""
        return self.name if relative == "@" else f"{relative}.{self.name}"


@dataclass
class AzureLab(CloudLab):
    """Sign-in and API. ``principals`` by client id; the one called ``managed`` is this machine's own."""

    principals: dict[str, Principal] = field(default_factory=dict)
    zones: list[AzureZone] = field(default_factory=list)
    lives_s: int = 3_599
    signin_down: bool = False
    offset_s: float = 0.0
    """How far Entra's clock is ahead of this machine's."""
    page: int = 100
    tokens: dict[str, tuple[Principal, float]] = field(default_factory=dict)
    signins: int = 0

    def add(self, served: Zone, **more: Any) -> AzureZone:
        """Take a zone over, with the MX that it has."""
        zone = AzureZone(served, **more)
        for name, ttl, values in mx_of(served):
            rows = [{"preference": int(v.split()[0]), "exchange": v.split()[1].rstrip(".")} for v in values]
            zone.put(name, "MX", {"metadata": {"owner": "dns team"}, "TTL": ttl, "MXRecords": rows})
        served.serial = 1
        self.zones.append(zone)
        return zone

    def routes(self, app: web.Application) -> None:
        add = app.router.add_route
        add("GET", "/{tenant}/v2.0/.well-known/openid-configuration", self._discovery)
        add("POST", "/{tenant}/oauth2/v2.0/token", self._signin)
        add("GET", "/msi/token", self._managed)
        base = "/subscriptions/{sub}"
        zone = base + "/resourceGroups/{group}/providers/Microsoft.Network/dnsZones/{zone}"
        add("GET", base + "/providers/Microsoft.Network/dnszones", self._guarded(self._list))
        add("GET", zone, self._guarded(self._get))
        add("*", zone + "/{kind}/{name}", self._guarded(self._set))

    # -- sign-in -------------------------------------------------------------------------------------------------

    async def _discovery(self, request: web.Request) -> web.Response:
        if request.match_info["tenant"] != TENANT:
            return _signin_error("AADSTS90002", "Tenant not found. Check to make sure you have the correct tenant ID.")
        base = f"{self.url}/{TENANT}"
        return web.json_response(
            {
                "authorization_endpoint": f"{base}/oauth2/v2.0/authorize",
                "token_endpoint": f"{base}/oauth2/v2.0/token",
                "issuer": f"{base}/v2.0",
            }
        )

    async def _signin(self, request: web.Request) -> web.Response:
        form = await request.post()
        if self.signin_down:
            return web.json_response({"error": "temporarily_unavailable"}, status=503)
        who = self.principals.get(str(form.get("client_id")))
        if who is None:
            return _signin_error("AADSTS700016", "Application was not found in the directory.")
        assertion = str(form.get("client_assertion", ""))
        if assertion.count(".") == 2:  # a certificate's
            claims = json.loads(base64.urlsafe_b64decode(assertion.split(".")[1] + "=="))
            now = time.time() + self.offset_s
            if not claims["iat"] - 300 <= now <= claims["exp"]:
                return _signin_error("AADSTS700024", "Client assertion is not within its valid time range.")
        elif who.secret not in {form.get("client_secret"), assertion}:
            return _signin_error("AADSTS7000215", "Invalid client secret provided.")
        return web.json_response({"token_type": "Bearer", "expires_in": self.lives_s, "access_token": self._issue(who)})

    async def _managed(self, request: web.Request) -> web.Response:
        token, until = self._issue(self.principals["managed"]), int(time.time()) + self.lives_s
        return web.json_response({"access_token": token, "expires_on": str(until), "token_type": "Bearer"})

    def _issue(self, who: Principal) -> str:
        self.signins += 1
        token = "lab-" + secrets.token_hex(16)
        self.tokens[token] = (who, time.time() + self.lives_s)
        return token

    # -- who may -------------------------------------------------------------------------------------------------

    def _guarded(self, work: Any) -> Any:
        async def handle(request: web.Request) -> web.StreamResponse:
            try:
                who = self._who(request)
                if request.query.get("api-version") != "2018-05-01":
                    raise SaysNo(400, "InvalidApiVersionParameter", "The api-version is invalid.", arm=True)
                if request.match_info["sub"] != SUBSCRIPTION:
                    text = f"The subscription '{request.match_info['sub']}' could not be found."
                    raise SaysNo(404, "SubscriptionNotFound", text, arm=True)
                answer: web.StreamResponse = await work(request, who)
                return answer
            except SaysNo as no:
                inner = {"code": no.code, "message": no.message}
                return web.json_response({"error": inner} if no.arm else inner, status=no.status)

        return handle

    def _who(self, request: web.Request) -> Principal:
        found = self.tokens.get(request.headers.get("Authorization", "").removeprefix("Bearer "))
        if found is None:
            raise SaysNo(401, "InvalidAuthenticationToken", "The access token is invalid.", arm=True)
        if found[0].ended or found[1] < time.time():
            text = "The access token expiry UTC time is earlier than current UTC time."
            raise SaysNo(401, "ExpiredAuthenticationToken", text, arm=True)
        return found[0]

    # -- zones ---------------------------------------------------------------------------------------------------

    async def _list(self, request: web.Request, who: Principal) -> web.Response:
        seen = [z for z in self.zones if _allows(who, "Microsoft.Network/dnsZones/read", z.id)]
        at = int(request.query.get("$skipToken", "0"))
        shown = [_zone(z) for z in seen[at : at + self.page]]
        more = {}
        if at + self.page < len(seen):
            more["nextLink"] = f"{self.url}{request.path}?api-version=2018-05-01&$skipToken={at + self.page}"
        return web.json_response({"value": shown, **more})

    async def _get(self, request: web.Request, who: Principal) -> web.Response:
        _may(who, "Microsoft.Network/dnsZones/read", request.path)
        return web.json_response(_zone(self._zone(request)))

    def _zone(self, request: web.Request) -> AzureZone:
        group, name = request.match_info["group"], request.match_info["zone"]
        if group not in {z.group for z in self.zones}:
            raise SaysNo(404, "ResourceGroupNotFound", f"Resource group '{group}' could not be found.", arm=True)
        for zone in self.zones:
            if (zone.group, zone.name) == (group, name):
                return zone
        text = f"The Resource 'Microsoft.Network/dnszones/{name}' under resource group '{group}' was not found."
        raise SaysNo(404, "ResourceNotFound", text, arm=True)

    # -- record sets ---------------------------------------------------------------------------------------------

    async def _set(self, request: web.Request, who: Principal) -> web.StreamResponse:
        kind, name = request.match_info["kind"], request.match_info["name"]
        right = "read" if request.method == "GET" else "write"
        if request.method != "GET":
            self.before_change()
        _may(who, f"Microsoft.Network/dnsZones/{kind}/{right}", request.path)
        zone = self._zone(request)
        now = zone.sets.get((name, kind))
        if request.method == "GET":
            if now is None:
                raise SaysNo(404, "NotFound", f"The resource record '{name}' does not exist in '{zone.name}'.")
            return web.json_response(_record(zone, name, kind, now))
        if zone.locked:
            text = f"The scope '{request.path}' cannot perform write operation because following scope(s) are locked."
            raise SaysNo(409, "ScopeLocked", text, arm=True)
        if self.takes("throttle"):
            error = {"code": "TooManyRequests", "message": "The request was throttled."}
            return web.json_response({"error": error}, status=429, headers={"Retry-After": "3"})
        if zone.full(name) in self.failing:
            raise SaysNo(500, "InternalServerError", "An internal error occurred.")
        made = self._write(request, zone, name, kind, now, await request.json())
        return await self.answer(request, web.json_response(_record(zone, name, kind, made)))

    def _write(
        self, request: web.Request, zone: AzureZone, name: str, kind: str, now: dict[str, Any] | None, body: Any
    ) -> dict[str, Any]:
        wanted = request.headers.get("If-Match")
        broken = wanted not in {None, "*"} and (now is None or now["etag"] != (wanted or "").strip('"'))
        broken = broken or (request.headers.get("If-None-Match") == "*" and now is not None)
        if broken and not self.unconditional:
            raise SaysNo(412, "PreconditionFailed", "The condition '' in the If-Match header was not satisfied.")
        if now is None and request.method == "PATCH":
            raise SaysNo(404, "NotFound", f"The resource record '{name}' does not exist.")
        if kind == "MX" and (name, "CNAME") in zone.sets:
            raise SaysNo(400, "BadRequest", "A CNAME record with the same name exists: CNAME records must be alone.")
        given = body["properties"]
        if not 1 <= given.get("TTL", 1) <= 2_147_483_647:
            raise SaysNo(400, "BadRequest", "The value for the TTL property is invalid.")
        kept = dict(now["properties"]) if now is not None and request.method == "PATCH" else {}
        return zone.put(zone.full(name), kind, {**kept, **given})


def _may(who: Principal, action: str, scope: str) -> None:
    if not _allows(who, action, scope):
        text = f"The client does not have authorization to perform action '{action}' over scope '{scope}'."
        raise SaysNo(403, "AuthorizationFailed", text, arm=True)


def _allows(who: Principal, action: str, scope: str) -> bool:
    """A role counts on the scope that it is assigned on and on everything below it."""
    return any(
        (scope + "/").lower().startswith(at.lower().rstrip("/") + "/")
        and any(fnmatch.fnmatchcase(action.lower(), a.lower()) for a in actions)
        for at, actions in who.roles
    )


def _zone(zone: AzureZone) -> dict[str, Any]:
    kind = "Private" if zone.private else "Public"
    servers = name_servers(zone.served, "ns1-01.azure-dns.test.", "ns2-01.azure-dns.test.")
    properties = {"zoneType": kind, "nameServers": servers}
    return {"id": zone.id, "name": zone.name, "type": "Microsoft.Network/dnszones", "properties": properties}


def _record(zone: AzureZone, name: str, kind: str, one: dict[str, Any]) -> dict[str, Any]:
    properties = {**one["properties"], "fqdn": zone.full(name) + ".", "provisioningState": "Succeeded"}
    ident = f"{zone.id}/{kind}/{name}"
    return {"id": ident, "name": name, "type": f"Microsoft.Network/dnszones/{kind}", "etag": one["etag"],
            "properties": properties}  # fmt: skip


def _signin_error(code: str, words: str) -> web.Response:
    body = {"error": "invalid_client", "error_description": f"{code}: {words}", "error_codes": [int(code[6:])]}
    return web.json_response(body, status=401 if code != "AADSTS90002" else 400)
