"""Cloudflare's DNS API, as documented, over a zone that the lab's name server serves.

It enforces what the documents say (developers.cloudflare.com/api/resources/dns): a batch is one transaction, deletes
before posts; an id that is not there fails all of it; TTLs from 60 to 86400 or 1; no MX beside a CNAME but at the top
of a zone; no record twice; a token with its rights. It can lose an answer after applying it, throttle, fail, and let
somebody edit between.
"""

from __future__ import annotations

import asyncio
import json
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import dns.name
import dns.rdataset
import dns.rdatatype
from aiohttp import web

from bcp.lab.nameserver import Zone
from bcp.lab.net import only_loopback

EDIT, READ = "edit", "read"
MAX_ZONES_PAGE = 50


class SaysNo(Exception):
    """A call that Cloudflare refuses: status, code, words."""

    def __init__(self, status: int, code: int, message: str) -> None:
        super().__init__(message)
        self.status, self.code, self.message = status, code, message


@dataclass
class CloudflareZone:
    """One zone: its records by id, and the lab's zone that serves them."""

    served: Zone
    status: str = "active"
    type: str = "full"
    id: str = field(default_factory=lambda: secrets.token_hex(16))
    records: dict[str, dict[str, Any]] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """Without the final dot."""
        return self.served.name.to_text().rstrip(".")

    def shown(self) -> dict[str, Any]:
        """As the API shows it."""
        return {"id": self.id, "name": self.name, "status": self.status, "type": self.type, "paused": False}


@dataclass
class CloudflareLab:
    """The API. ``tokens`` may read or edit; ``faults`` by kind: how often still (lose, throttle, fail)."""

    tokens: dict[str, str] = field(default_factory=dict)
    zones: list[CloudflareZone] = field(default_factory=list)
    faults: dict[str, int] = field(default_factory=dict)
    failing: set[str] = field(default_factory=set)
    """Batches at these names end in 500, with nothing changed."""
    expires_on: str = ""
    before_batch: Callable[[], None] = lambda: None
    """Called when a batch has arrived and not begun: somebody else edits between."""
    batches: int = 0
    calls: list[tuple[str, str]] = field(default_factory=list)
    url: str = ""
    _runner: web.AppRunner | None = None

    @property
    def changes(self) -> int:
        """How many batches were applied."""
        return self.batches

    def add(self, served: Zone, **more: Any) -> CloudflareZone:
        """Take a zone over, with the MX that it has."""
        zone = CloudflareZone(served, **more)
        self.zones.append(zone)
        for (owner, kind), rdataset in list(served.sets.items()):
            if kind == dns.rdatatype.MX:
                for r in rdataset:
                    self._keep(zone, _mx(owner.to_text().rstrip("."), r, int(rdataset.ttl)))
        return zone

    def edit(self, zone: CloudflareZone, records: list[dict[str, Any]], name: str = "") -> None:
        """Somebody replaces all MX of a name, with new ids."""
        name = name or zone.name
        for ident in [i for i, r in zone.records.items() if r["type"] == "MX" and r["name"] == name]:
            del zone.records[ident]
        for record in records:
            self._keep(zone, {"type": "MX", "name": name, "proxied": False, **record})
        self._serve(zone, name)

    def edit_in_place(self, zone: CloudflareZone, content: str) -> None:
        """Somebody changes the first MX; its id stays."""
        record = next(r for r in zone.records.values() if r["type"] == "MX")
        record["content"] = content
        self._serve(zone, record["name"])

    def put(self, zone: CloudflareZone, **record: Any) -> None:
        """Any other record: an A that is proxied, a CNAME."""
        self._keep(zone, {"ttl": 1, "proxied": False, **record})

    # -- the server ----------------------------------------------------------------------------------------------

    async def start(self, address: str, port: int) -> None:
        """Listen."""
        app = web.Application()
        app.router.add_get("/client/v4/user/tokens/verify", self._guarded(self._verify))
        app.router.add_get("/client/v4/zones", self._guarded(self._list_zones))
        app.router.add_get("/client/v4/zones/{zone}", self._guarded(self._one_zone))
        app.router.add_get("/client/v4/zones/{zone}/dns_records", self._guarded(self._list_records))
        app.router.add_post("/client/v4/zones/{zone}/dns_records/batch", self._guarded(self._batch))
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.2)
        await self._runner.setup()
        await web.TCPSite(self._runner, only_loopback(address), port).start()
        self.url = f"http://{address}:{port}/client/v4"

    async def stop(self) -> None:
        """Listen no more."""
        if self._runner is not None:
            await self._runner.cleanup()

    def _guarded(self, work: Any) -> Any:
        async def handle(request: web.Request) -> web.StreamResponse:
            self.calls.append((request.method, request.path))
            try:
                right = self.tokens.get(request.headers.get("Authorization", "").removeprefix("Bearer "))
                if right is None:
                    raise SaysNo(403, 9109, "Invalid access token")
                answer: web.StreamResponse = await work(request, right)
                return answer
            except SaysNo as no:
                errors = [{"code": no.code, "message": no.message}]
                return web.json_response(
                    {"success": False, "errors": errors, "messages": [], "result": None}, status=no.status
                )

        return handle

    async def _verify(self, request: web.Request, right: str) -> web.Response:
        ends = {"expires_on": self.expires_on} if self.expires_on else {}
        return _good({"id": "0" * 32, "status": "active", **ends})

    async def _list_zones(self, request: web.Request, right: str) -> web.Response:
        size = int(request.query.get("per_page", "20"))
        if not 5 <= size <= MAX_ZONES_PAGE:
            raise SaysNo(400, 1003, "per_page is out of range")
        name = request.query.get("name", "")
        found = [z for z in self.zones if not name or z.name == name]
        return _page([z.shown() for z in found], int(request.query.get("page", "1")), size)

    async def _one_zone(self, request: web.Request, right: str) -> web.Response:
        return _good(self._zone(request).shown())

    async def _list_records(self, request: web.Request, right: str) -> web.Response:
        zone = self._zone(request)
        name, kind = request.query.get("name", ""), request.query.get("type", "")
        found = [
            r for r in zone.records.values() if (not name or r["name"] == name) and (not kind or r["type"] == kind)
        ]
        return _page(found, int(request.query.get("page", "1")), int(request.query.get("per_page", "100")))

    def _zone(self, request: web.Request) -> CloudflareZone:
        ident = request.match_info["zone"]
        for zone in self.zones:
            if zone.id == ident:
                return zone
        raise SaysNo(404, 7003, "Could not route to /zones/..., perhaps your object identifier is invalid?")

    async def _batch(self, request: web.Request, right: str) -> web.StreamResponse:
        zone, body = self._zone(request), json.loads(await request.text())
        self.before_batch()
        if self._takes("throttle"):
            error = [{"code": 971, "message": "Please wait and consider throttling your request speed"}]
            headers = {"Retry-After": "2"}
            return web.json_response({"success": False, "errors": error}, status=429, headers=headers)
        if right != EDIT:
            raise SaysNo(403, 10000, "Authentication error")
        names = {p.get("name") for p in body.get("posts", ())}
        if names & self.failing or self._takes("fail"):
            raise SaysNo(500, 1, "internal error")
        result = self._transact(zone, body.get("deletes", []), body.get("posts", []))
        self.batches += 1
        if self._takes("lose"):
            assert request.transport is not None
            request.transport.abort()
            await asyncio.sleep(0)
        return _good(result)

    def _transact(
        self, zone: CloudflareZone, deletes: list[dict[str, Any]], posts: list[dict[str, Any]]
    ) -> dict[str, Any]:
        """All or nothing: deletes, then posts."""
        missing = [d["id"] for d in deletes if d["id"] not in zone.records]
        if missing:
            raise SaysNo(404, 81044, "Record does not exist.")
        left = {i: r for i, r in zone.records.items() if i not in {d["id"] for d in deletes}}
        made = [_checked(p, left, zone.name) for p in posts]
        gone = [zone.records[d["id"]] for d in deletes]
        zone.records = left
        made = [self._keep(zone, p) for p in made]
        for name in {r["name"] for r in (*gone, *made)}:
            self._serve(zone, name)
        return {"deletes": gone, "patches": [], "puts": [], "posts": made}

    def _takes(self, fault: str) -> bool:
        if self.faults.get(fault, 0) <= 0:
            return False
        self.faults[fault] -= 1
        return True

    def _keep(self, zone: CloudflareZone, record: dict[str, Any]) -> dict[str, Any]:
        found = {"id": secrets.token_hex(16), **record}
        zone.records[found["id"]] = found
        return found

    def _serve(self, zone: CloudflareZone, name: str) -> None:
        """What the API holds is what the name server serves."""
        key = (dns.name.from_text(name), dns.rdatatype.MX)
        found = [r for r in zone.records.values() if r["type"] == "MX" and r["name"] == name]
        if found:
            ttl = max(300 if r["ttl"] == 1 else r["ttl"] for r in found)
            texts = [f"{r['priority']} {r['content'].rstrip('.')}." for r in found]
            zone.served.sets[key] = dns.rdataset.from_text("IN", "MX", ttl, *texts)
        else:
            zone.served.sets.pop(key, None)
        zone.served.serial += 1


def _checked(post: dict[str, Any], left: dict[str, dict[str, Any]], zone: str) -> dict[str, Any]:
    """A record as it would be made. A name outside the zone becomes relative to it, as at Cloudflare."""
    if post["ttl"] != 1 and not 60 <= post["ttl"] <= 86_400:
        raise SaysNo(400, 9021, "Invalid TTL. Must be between 60 and 86400 seconds, or 1 for Automatic.")
    if post.get("proxied"):
        raise SaysNo(400, 9004, "This record type cannot be proxied.")
    name = post["name"] if post["name"] == zone or post["name"].endswith("." + zone) else f"{post['name']}.{zone}"
    same = [r for r in left.values() if r["name"] == name]
    if name != zone and any(r["type"] == "CNAME" for r in same):  # at the top of a zone it is flattened
        raise SaysNo(400, 81054, "A CNAME record with that host already exists.")
    if any((r["type"], r.get("content"), r.get("priority")) == ("MX", post["content"], post["priority"]) for r in same):
        raise SaysNo(400, 81058, "An identical record already exists.")
    return {**post, "name": name}


def _mx(name: str, rdata: Any, ttl: int) -> dict[str, Any]:
    content = rdata.exchange.to_text().rstrip(".")
    return {"type": "MX", "name": name, "content": content, "priority": rdata.preference, "ttl": ttl, "proxied": False}


def _good(result: Any, **info: int) -> web.Response:
    return web.json_response(
        {"success": True, "errors": [], "messages": [], "result": result, **({"result_info": info} if info else {})}
    )


def _page(rows: list[Any], page: int, size: int) -> web.Response:
    shown = rows[(page - 1) * size : page * size]
    pages = max(1, -(-len(rows) // size))
    return _good(shown, page=page, per_page=size, count=len(shown), total_count=len(rows), total_pages=pages)
