"""Cloudflare, from developers.cloudflare.com/api (zones, dns records, batch, tokens) and its page about limits."""

from __future__ import annotations

import hashlib
import itertools
from typing import Any

from strange.house import Answer, Asked, House, Set, Zone

BASE = "/client/v4"


class Cloudflare(House):
    """One token, and what it may do."""

    def __init__(self, token: str = "strange-cf-token-0123") -> None:
        super().__init__()
        self.token, self.expired, self.read_only = token, False, False
        self._count = itertools.count(1)

    def settings(self, folder: Any) -> dict[str, Any]:
        """Of ``dns:``, as the page documents them."""
        (folder / "cf-token").write_text(self.token)
        return {"kind": "cloudflare", "token": f"file:{folder}/cf-token", "api_url": self.url + BASE}

    def add(self, name: str, mx: list[str], ttl: int, servers: tuple[str, ...]) -> Zone:
        """A zone with an MX."""
        zone = Zone(name, hashlib.md5(f"{name}{next(self._count)}".encode()).hexdigest(), servers)
        self.zones.append(zone)
        self.put(zone, name, "MX", mx, ttl)
        return zone

    def put(self, zone: Zone, name: str, kind: str, values: list[str], ttl: int) -> None:
        """Somebody writes a whole set."""
        self.changes += 1
        zone.sets[(name, kind)] = Set(ttl, list(values), ids=[self._id() for _ in values])

    def _id(self) -> str:
        return f"{next(self._count):032x}"

    # -- the API -------------------------------------------------------------------------------------------------

    def busy(self) -> Answer:
        """The limit of the user: 1,200 in five minutes."""
        text = "Please wait and consider throttling your request speed"
        return _no(429, 10429, text, headers={"Retry-After": "1"})

    def broken(self) -> Answer:
        """An internal error."""
        return _no(500, 10500, "Internal Server Error")

    def answer(self, asked: Asked) -> Answer:
        """By path."""
        if asked.headers.get("authorization") != f"Bearer {self.token}":
            return _no(403, 9109, "Invalid access token")
        if self.expired:
            return _no(401, 10000, "Authentication error")
        parts = asked.path.removeprefix(BASE).strip("/").split("/")
        if parts == ["user", "tokens", "verify"]:
            return _yes({"id": "t", "status": "active", "not_before": None, "expires_on": None})
        if parts == ["zones"]:
            found = [self._shown(z) for z in self.zones if asked.query.get("name", z.name) == z.name]
            return _paged(found, asked, 50)
        zone = next((z for z in self.zones if len(parts) > 1 and z.id == parts[1]), None)
        if zone is None:
            return _no(404, 7003, "Could not route to the zone, perhaps your object identifier is invalid?")
        if len(parts) == 2:
            return _yes(self._shown(zone))
        if parts[2:] == ["dns_records"] and asked.method == "GET":
            rows = [r for r in self._rows(zone) if _wanted(r, asked.query)]
            return _paged(rows, asked, 5_000_000)
        if parts[2:] == ["dns_records", "batch"] and asked.method == "POST":
            return self._batch(zone, asked.data())
        return _no(405, 10405, "Method not allowed for this authentication scheme")

    def _shown(self, zone: Zone) -> dict[str, Any]:
        names = [s.rstrip(".") for s in zone.servers]
        return {"id": zone.id, "name": zone.name, "status": "active", "paused": False, "type": "full",
                "development_mode": 0, "name_servers": names, "account": {"id": "a", "name": "T"},
                "permissions": ["#dns_records:read"] + ([] if self.read_only else ["#dns_records:edit"])}  # fmt: skip

    def _rows(self, zone: Zone) -> list[dict[str, Any]]:
        for found in zone.sets.values():  # a set that came from a primary has no ids of ours yet
            found.ids += [self._id() for _ in found.values[len(found.ids) :]]
        return [_row(zone, name, kind, s.ttl, v, i) for (name, kind), s in zone.sets.items()
                for v, i in zip(s.values, s.ids, strict=True)]  # fmt: skip

    def _batch(self, zone: Zone, body: dict[str, Any]) -> Answer:
        """Deletes, patches, puts, posts, as one transaction."""
        if self.read_only:
            return _no(403, 10000, "Authentication error")
        rows = {r["id"]: r for r in self._rows(zone)}
        gone = []
        for one in body.get("deletes") or []:
            if one["id"] not in rows:
                return _no(404, 81044, f"Record does not exist: {one['id']}")
            gone.append(rows.pop(one["id"]))
        made = []
        for one in body.get("posts") or []:
            name = one["name"].rstrip(".").lower()
            name = name if name == zone.name or name.endswith("." + zone.name) else f"{name}.{zone.name}"
            if one["ttl"] != 1 and not 60 <= one["ttl"] <= 86400:
                return _no(400, 9021, "TTL must be between 60 and 86400 seconds, or 1 for Automatic")
            text = f"{one['priority']} {one['content']}" if one["type"] == "MX" else one["content"]
            row = _row(zone, name, one["type"], one["ttl"], text, self._id())
            if any((r["name"], r["type"], r["content"]) == (name, row["type"], row["content"]) for r in rows.values()):
                return _no(400, 81058, "An identical record already exists.")
            rows[row["id"]] = row
            made.append(row)
        fresh: dict[tuple[str, str], Set] = {}
        for r in rows.values():
            found = fresh.setdefault((r["name"], r["type"]), Set(r["ttl"], []))
            found.values.append(f"{r['priority']} {r['content']}" if r["type"] == "MX" else r["content"])
            found.ids.append(r["id"])
        zone.replace(fresh)
        self.changes += bool(made or gone)
        return _yes({"deletes": gone, "patches": [], "puts": [], "posts": made})


def _row(zone: Zone, name: str, kind: str, ttl: int, text: str, ident: str) -> dict[str, Any]:
    row = {"id": ident, "name": name, "type": kind, "ttl": ttl, "proxied": False, "proxiable": False, "settings": {},
           "meta": {}, "comment": None, "tags": [], "created_on": "2026-01-01T00:00:00Z"}  # fmt: skip
    if kind == "MX":
        priority, content = text.split()
        return {**row, "priority": int(priority), "content": content.rstrip(".")}
    return {**row, "content": text}


def _wanted(row: dict[str, Any], query: dict[str, str]) -> bool:
    name = query.get("name") or query.get("name.exact") or row["name"]
    return row["name"] == name.rstrip(".").lower() and query.get("type", row["type"]) == row["type"]


def _paged(rows: list[Any], asked: Asked, most: int) -> Answer:
    page, size = int(asked.query.get("page", 1)), min(int(asked.query.get("per_page", 20)), most)
    part = rows[(page - 1) * size : page * size]
    info = {"page": page, "per_page": size, "count": len(part), "total_count": len(rows),
            "total_pages": max(1, -(-len(rows) // size))}  # fmt: skip
    return _yes(part, result_info=info)


def _yes(result: Any, **more: Any) -> Answer:
    return Answer(200, {"success": True, "errors": [], "messages": [], "result": result, **more})


def _no(status: int, code: int, message: str, headers: dict[str, str] | None = None) -> Answer:
    body = {"success": False, "errors": [{"code": code, "message": message}], "messages": [], "result": None}
    return Answer(status, body, headers or {})
