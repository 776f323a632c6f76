"""Google Cloud DNS, from cloud.google.com/dns/docs/reference/v1 and the page about service accounts (signed JWT)."""

from __future__ import annotations

import base64
import itertools
import json
import uuid
from typing import Any
from urllib.parse import parse_qs

from strange.house import Answer, Asked, House, Set, Zone

PROJECT = "strange-dns-1"
ROOT = "/dns/v1/projects"


class Google(House):
    """One service account in one project."""

    def __init__(self, key: str) -> None:
        super().__init__()
        self.private, self.expired, self.tokens = key, False, set[str]()
        self.revoked = False
        self.done: dict[str, str] = {}
        self._count = itertools.count(1)

    def settings(self, folder: Any) -> dict[str, Any]:
        """Of ``dns:``, as the page documents them."""
        account = {
            "type": "service_account", "project_id": PROJECT, "private_key_id": "k1", "private_key": self.private,
            "client_email": f"bcp@{PROJECT}.iam.gserviceaccount.test", "client_id": "1",
            "token_uri": f"{self.url}/token",
        }  # fmt: skip
        (folder / "google.json").write_text(json.dumps(account))
        return {"kind": "google", "project": PROJECT, "credentials": f"file:{folder}/google.json", "endpoint": self.url}

    def add(self, name: str, mx: list[str], ttl: int, servers: tuple[str, ...]) -> Zone:
        """A zone with an MX."""
        zone = Zone(name, f"{name.replace('.', '-')}-{next(self._count)}", servers)
        self.zones.append(zone)
        self.put(zone, name, "MX", mx, ttl)
        self.put(zone, name, "NS", list(servers), 21600)
        return zone

    def put(self, zone: Zone, name: str, kind: str, values: list[str], ttl: int) -> None:
        """Somebody writes a whole set."""
        self.changes += 1
        zone.sets[(name, kind)] = Set(ttl, list(values))

    def busy(self) -> Answer:
        """The quota of the project, as 403 with a reason (as Google's older interfaces say it)."""
        return _no(
            403, "Quota exceeded for quota metric 'Queries' of service 'dns.googleapis.com'", "rateLimitExceeded"
        )

    def broken(self) -> Answer:
        """An internal error."""
        return _no(500, "Internal error encountered.", "backendError")

    def is_write(self, asked: Asked) -> bool:
        return asked.method != "GET" and asked.path != "/token"

    def answer(self, asked: Asked) -> Answer:
        """By path."""
        if asked.path == "/token":
            return self._token(parse_qs(asked.body.decode()))
        token = asked.headers.get("authorization", "").removeprefix("Bearer ")
        if self.expired or token not in self.tokens:
            return _no(401, "Request had invalid authentication credentials.", "authError")
        parts = asked.path.removeprefix(ROOT).strip("/").split("/")
        if parts[0] != PROJECT:
            return _no(403, f"Permission denied on resource project {parts[0]}.", "forbidden")
        if parts[1:] == ["managedZones"]:
            rows = [self._shown(z) for z in self.zones if asked.query.get("dnsName", f"{z.name}.") == f"{z.name}."]
            return _paged("managedZones", rows, asked)
        zone = next((z for z in self.zones if len(parts) > 2 and parts[2] in {z.id, str(_number(z))}), None)
        if zone is None:
            return _no(404, f"The 'parameters.managedZone' resource named '{parts[2]}' does not exist.", "notFound")
        if len(parts) == 3:
            return Answer(200, self._shown(zone))
        if parts[3] == "rrsets" and asked.method == "GET":
            rows = [_row(n, k, s) for (n, k), s in sorted(zone.sets.items())
                    if asked.query.get("name", f"{n}.") == f"{n}." and asked.query.get("type", k) == k]  # fmt: skip
            return _paged("rrsets", rows, asked)
        if parts[3] == "changes":
            return self._change(zone, asked) if asked.method == "POST" else self._how_far(parts[4])
        return _no(404, "Not found", "notFound")

    def _how_far(self, ident: str) -> Answer:
        if ident not in self.done:
            return _no(404, f"The 'parameters.changeId' resource named '{ident}' does not exist.", "notFound")
        status, self.done[ident] = self.done[ident], "done"
        return Answer(200, {"kind": "dns#change", "id": ident, "status": status})

    def _shown(self, zone: Zone) -> dict[str, Any]:
        return {"kind": "dns#managedZone", "name": zone.id, "id": str(_number(zone)), "dnsName": f"{zone.name}.",
                "visibility": "private" if zone.private else "public", "nameServers": list(zone.servers)}  # fmt: skip

    def _change(self, zone: Zone, asked: Asked) -> Answer:
        """All or nothing; what is deleted must be there exactly."""
        given = asked.data()
        fresh = {k: Set(s.ttl, list(s.values)) for k, s in zone.sets.items()}
        for i, row in enumerate(given.get("deletions") or []):
            at = (row["name"].rstrip(".").lower(), row["type"])
            what = f"entity.change.deletions[{i}]"
            if at not in fresh:
                return _no(
                    404, f"The '{what}' resource named '{row['name']} ({row['type']})' does not exist.", "notFound"
                )
            if (fresh[at].ttl, sorted(fresh[at].values)) != (row["ttl"], sorted(row["rrdatas"])):
                return _no(412, f"Precondition not met for '{what}'", "conditionNotMet")
            del fresh[at]
        for i, row in enumerate(given.get("additions") or []):
            at = (row["name"].rstrip(".").lower(), row["type"])
            if at in fresh:
                text = (
                    f"The resource 'entity.change.additions[{i}]' named '{row['name']} ({row['type']})' already exists"
                )
                return _no(409, text, "alreadyExists")
            fresh[at] = Set(row["ttl"], list(row["rrdatas"]))
        zone.replace(fresh)
        self.changes += 1
        ident = str(next(self._count))
        self.done[ident] = "pending"
        return Answer(200, {"kind": "dns#change", "id": ident, "status": "pending", "startTime": "2026-11-28T11:00:00Z",
                            "additions": given.get("additions"), "deletions": given.get("deletions")})  # fmt: skip

    def _token(self, given: dict[str, list[str]]) -> Answer:
        """For a signed assertion (RFC 7523): an access token."""
        if given.get("grant_type") != ["urn:ietf:params:oauth:grant-type:jwt-bearer"]:
            return Answer(400, {"error": "unsupported_grant_type", "error_description": "Invalid grant_type"})
        body = given["assertion"][0].split(".")[1]
        claims = json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))
        if self.revoked or not claims["iss"].startswith("bcp@") or "cloud" not in claims["scope"] + "ndev.cloud":
            return Answer(400, {"error": "invalid_grant", "error_description": "Invalid grant: account not found"})
        token = uuid.uuid4().hex
        self.tokens.add(token)
        return Answer(200, {"access_token": token, "expires_in": 3599, "token_type": "Bearer"})


def _number(zone: Zone) -> int:
    return abs(hash(zone.id)) % 10**18


def _row(name: str, kind: str, found: Set) -> dict[str, Any]:
    return {"kind": "dns#resourceRecordSet", "name": f"{name}.", "type": kind, "ttl": found.ttl,
            "rrdatas": found.values, "signatureRrdatas": []}  # fmt: skip


def _paged(what: str, rows: list[Any], asked: Asked) -> Answer:
    at, size = int(asked.query.get("pageToken", 0)), min(100, int(asked.query.get("maxResults", 100)))
    body = {"kind": f"dns#{what}ListResponse", what: rows[at : at + size]}
    return Answer(200, {**body, "nextPageToken": str(at + size)} if at + size < len(rows) else body)


def _no(status: int, message: str, reason: str) -> Answer:
    one = {"message": message, "domain": "global", "reason": reason}
    return Answer(status, {"error": {"code": status, "message": message, "errors": [one]}})
