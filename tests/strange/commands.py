"""Three zones at a strange provider, met by the command line through a ``bcp.yaml`` of documented settings."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml
from real.test_partly import bcp

from strange.house import Fault
from strange.play import SERVERS, house, own_mx

NAMES = ("one.test", "two.test", "three.test")
OLD, NEW = "0 primary.out.test", "10 relay.out.test"
RUN = ("run", "hostile", "--yes", "--no-hold")
BOOK = """version: 1
name: hostile
title: Hostile
covers: [B]
concurrency: {group: "mx:{{ domains | join(',') }}"}
activation:
  - {id: mx, uses: dns.mx.switch, with: {domains: "{{ domains }}", to: relay, converge: 1s}, undo: automatic}
"""


class Town:
    """The provider, its zones, and a folder with a configuration."""

    def __init__(self, folder: Path, kind: str) -> None:
        self.folder, self.house = folder, house(kind).start()
        self.house.towards = "relay.out.test"
        self.zones = [self.house.add(n, [f"{OLD}."], 60, SERVERS) for n in NAMES]
        out = self.house.add("out.test", ["1 x.out.test."], 60, SERVERS)
        for name in ("relay", "primary"):
            self.house.put(out, f"{name}.out.test", "A", ["127.0.0.1"], 60)
        (folder / "playbooks").mkdir()
        (folder / "playbooks/hostile.yaml").write_text(BOOK)
        (folder / "contacts.csv").write_text("id,groups\nalice,oncall\n")
        self.configure()

    def configure(self, **more: Any) -> None:
        """Write ``bcp.yaml``, with these settings of the host."""
        at = self.house.at
        main = {**self.house.settings(self.folder), "authoritative": [at], "resolvers": [at], "timeout": "2s",
                "settle": "500ms", **more}  # fmt: skip
        relay = {"kind": "smtp", "hosts": [{"host": "relay.out.test", "addresses": ["127.0.0.1"]}], "port": 9}
        given = {
            "version": 1, "organisation": {"name": "T"}, "state": "state", "dns": {"main": main},
            "domains": [{"name": n, "dns": "main"} for n in NAMES], "relays": {"mx-backup": relay},
            "contacts": {"file": "contacts.csv"}, "playbooks": ["playbooks"],
        }  # fmt: skip
        (self.folder / "bcp.yaml").write_text(yaml.safe_dump(given))

    def run(self, *faults: Fault) -> tuple[int, str, list[str]]:
        """The whole command: its exit code, its words, and where mail goes then."""
        self.house.faults, before = list(faults), self.house.changes
        ended = bcp(self.folder, *RUN)
        self.house.faults, self.changed = [], self.house.changes - before
        said = " ".join((ended.stdout + ended.stderr).split())
        assert "Traceback" not in said, said
        return ended.returncode, said, [own_mx(z) for z in self.zones]
