"""An outage at a strange provider: through the daemon, from the hook to the way back, and by the command line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import yaml
from unit.plugins.dns.clouds import certificate

from bcp.testing.lab import Lab
from bcp.testing.world import World, alert
from strange.azure import Azure
from strange.cloudflare import Cloudflare
from strange.google import Google
from strange.house import House, Zone
from strange.route53 import Route53

DOMAIN = "corp.test"
SERVERS = ("ns1.strange.test.", "ns2.strange.test.")
BACK, THERE = "protection.outlook", "mx.backup.test"


def house(kind: str) -> House:
    """A provider of this kind, not started."""
    if kind == "azure":
        return Azure(certificate())
    if kind == "google":
        return Google(certificate().read_text().split("-----BEGIN CERT")[0])
    return Cloudflare() if kind == "cloudflare" else Route53()


def own_mx(zone: Zone) -> str:
    """Where mail goes, in a word."""
    return " ".join(zone.mx())


class Outage:
    """The lab's Exchange, a daemon, and the zone at a strange provider."""

    def __init__(self, folder: Path, kind: str, lab: Lab) -> None:
        self.lab, self.house = lab, house(kind)
        (folder / "world").mkdir()
        self.world = World(folder / "world", lab=lab)
        data = self.world.data
        resolver = data["dns"]["main"]["resolvers"][0]
        host, _, port = resolver.rpartition(":")
        self.house.start(forward=(host, int(port)))
        primary = data["domains"][0]["primary"][0]
        self.old = f"{primary['preference']} {primary['host'].rstrip('.')}"
        self.zone = self.house.add(DOMAIN, [f"{self.old}."], 300, SERVERS)
        (folder / "keys").mkdir()
        data["dns"]["main"] = {
            **self.house.settings(folder / "keys"), "authoritative": [self.house.at], "resolvers": [self.house.at],
            "timeout": "3s", "settle": "500ms",
        }  # fmt: skip
        data["canary"]["resolvers"] = [self.house.at]
        data["domains"][0]["name"] = DOMAIN
        self.world.write()
        self.config = yaml.safe_dump(data)

    def begin(self) -> str:
        """From the alert to the question; the run that is asked about."""
        self.world.start()
        self.world.break_("refuse")
        status, first = self.world.hook(alert())
        assert status == 202, first
        return str(self.world.wait(lambda: self.world.api("/questions")[1])[0]["run"])

    def yes(self, run: str) -> None:
        """Somebody says yes by the API."""
        asked = next(q for q in self.world.api("/questions")[1] if q["run"] == run)
        given = {"yes": True, "checksum": asked["checksum"]}
        status, said = self.world.api(f"/questions/{asked['id']}/answer", given)
        assert status == 200, said

    def step(self, run: str, name: str = "mx") -> dict[str, Any]:
        """How a step ended, when it has."""

        def ended() -> dict[str, Any] | None:
            found = self.world.api(f"/runs/{run}")[1]
            step = next((s for s in found["steps"] if s["id"] == name), {})
            return step if step.get("status") not in {None, "pending", "running", "waiting"} else None

        return self.world.wait(ended)

    def over(self, run: str) -> str:
        """All is well again; the question about the way back, and its run."""
        self.world.wait(lambda: self.world.api(f"/runs/{run}")[1]["status"] == "holding")
        self.house.towards = BACK
        self.world.heal()
        self.world.hook(alert("resolved"))
        asked = self.world.wait(lambda: [q for q in self.world.api("/questions")[1] if q["run"] != run])
        return str(asked[0]["run"])

    def errors(self) -> str:
        """What the daemon wrote."""
        return self.world.errors.read_text()

    def said(self) -> str:
        """What the command line says of it all."""
        done = self.world.run("status", "--output", "json")
        return json.dumps(json.loads(done.stdout)) if done.stdout else done.stderr

    def close(self) -> None:
        """End."""
        self.world.close()
        self.house.stop()
