"""PowerDNS from Debian's package with its HTTP interface, on loopback ports."""

from __future__ import annotations

import json
import secrets
import sqlite3
import urllib.request
from dataclasses import dataclass, field
from pathlib import Path

from real.servers import Processes, free_port, wait_port

PDNS = "/usr/sbin/pdns_server"
SCHEMAS = (
    Path("/usr/share/pdns-backend-sqlite3/schema/schema.sqlite3.sql"),
    Path("/usr/share/doc/pdns-backend-sqlite3/schema.sqlite3.sql"),
)


@dataclass
class PowerDns:
    """A primary whose zones are changed by HTTP."""

    folder: Path
    zones: tuple[str, ...]
    port: int = 0
    api_port: int = 0
    key: str = field(default_factory=lambda: secrets.token_hex(16))
    processes: Processes = field(default_factory=Processes)

    def start(self) -> PowerDns:
        self.port, self.api_port = free_port(), free_port()
        database = sqlite3.connect(self.folder / "pdns.db")
        database.executescript(next(p for p in SCHEMAS if p.exists()).read_text())
        database.close()
        (self.folder / "pdns.conf").write_text(
            f"launch=gsqlite3\ngsqlite3-database={self.folder}/pdns.db\nlocal-address=127.0.0.1\n"
            f"local-port={self.port}\nsocket-dir={self.folder}\nwebserver=yes\nwebserver-address=127.0.0.1\n"
            f"webserver-port={self.api_port}\nwebserver-allow-from=127.0.0.1\napi=yes\napi-key={self.key}\n"
            "daemon=no\nguardian=no\ncache-ttl=0\nquery-cache-ttl=0\nnegquery-cache-ttl=0\nzone-cache-refresh-interval=0\n"
        )
        self.processes.start(PDNS, f"--config-dir={self.folder}", log=self.folder / "pdns.log")
        wait_port("127.0.0.1", self.api_port)
        wait_port("127.0.0.1", self.port)
        for zone in self.zones:
            body = {"name": f"{zone}.", "kind": "Native", "nameservers": [f"ns1.{zone}."]}
            self.call("POST", "zones", body)
        return self

    def call(self, method: str, path: str, body: object = None) -> object:
        """The HTTP interface."""
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.api_port}/api/v1/servers/localhost/{path}",
            data=None if body is None else json.dumps(body).encode(),
            method=method,
            headers={"X-API-Key": self.key, "Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=120) as reply:
            text = reply.read()
        return json.loads(text) if text else None

    def put(self, zone: str, name: str, kind: str, ttl: int, *contents: str) -> None:
        """Replace one set, as somebody else would."""
        records = [{"content": c, "disabled": False} for c in contents]
        one = {"name": f"{name}.", "type": kind, "ttl": ttl, "changetype": "REPLACE", "records": records}
        self.call("PATCH", f"zones/{zone}.", {"rrsets": [one]})

    def stop(self) -> None:
        self.processes.stop()
