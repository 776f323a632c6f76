"""What peace looked like: a dated file of every fact that an outage hides.
Read by playbooks, compared, and shown its age."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bcp.kernel.clock import iso
from bcp.kernel.errors import Invalid
from bcp.kernel.files import make_private, write_atomic
from bcp.kernel.hashing import digest

SCHEMA = "bcp.snapshot/1"
KEEP = 60


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Facts by domain and relay. What could not be read is listed, and taken over from nowhere."""

    taken: float
    domains: Mapping[str, Mapping[str, Any]]
    relays: Mapping[str, Any] = field(default_factory=dict)
    health: Mapping[str, str] = field(default_factory=dict)
    unreadable: tuple[str, ...] = ()
    accepted: tuple[str, ...] | None = None
    """Domains that the tenant accepts mail for; ``None``: nobody said."""

    def to_data(self) -> dict[str, Any]:
        """As it is kept."""
        body = {
            "schema": SCHEMA,
            "taken": self.taken,
            "date": iso(self.taken),
            "domains": {n: dict(f) for n, f in self.domains.items()},
            "relays": dict(self.relays),
            "health": dict(self.health),
            "unreadable": list(self.unreadable),
        }
        if self.accepted is not None:
            body["accepted"] = list(self.accepted)
        return {**body, "digest": digest(body)}


def from_data(data: Mapping[str, Any], where: str = "") -> Snapshot:
    """Read it back. Raises ``Invalid`` when it is none, or was altered."""
    body = {k: v for k, v in data.items() if k != "digest"}
    if body.get("schema") != SCHEMA or data.get("digest") != digest(body):
        raise Invalid(f"{where or 'this'} is no snapshot, or was altered", hint="Make a new one: bcp snapshot")
    accepted = tuple(body["accepted"]) if "accepted" in body else None
    taken, unreadable = float(body["taken"]), tuple(body["unreadable"])
    return Snapshot(taken, body["domains"], body["relays"], body["health"], unreadable, accepted)


class Snapshots:
    """A folder of them, named after their dates."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def files(self) -> list[Path]:
        """All, oldest first."""
        return sorted(self.folder.glob("snapshot-*.json")) if self.folder.is_dir() else []

    def write(self, snapshot: Snapshot) -> Path:
        """Keep it; the oldest beyond ``KEEP`` go. Raises ``StorageError``."""
        name = "snapshot-" + iso(snapshot.taken).replace(":", "").replace("-", "") + ".json"
        path = make_private(self.folder) / name
        write_atomic(path, json.dumps(snapshot.to_data(), indent=1, ensure_ascii=False))
        for old in self.files()[:-KEEP]:
            old.unlink(missing_ok=True)
        return path

    def read(self, path: Path) -> Snapshot:
        """One of them. Raises ``Invalid``."""
        try:
            return from_data(json.loads(path.read_text(encoding="utf-8")), path.name)
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise Invalid(f"{path} cannot be read: {error}", hint="Make a new one: bcp snapshot") from error

    def latest(self) -> Snapshot | None:
        """The newest that can be read; ``None`` without one."""
        for path in reversed(self.files()):
            try:
                return self.read(path)
            except Invalid:
                continue
        return None


def differences(old: Snapshot, new: Snapshot) -> list[tuple[str, Any, Any]]:
    """(what, before, after) of every fact that changed. What could not be read in one of them is no change."""
    out: list[tuple[str, Any, Any]] = []
    blind = {*old.unreadable, *new.unreadable}
    for title, a, b in (("", old.domains, new.domains), ("relay ", old.relays, new.relays)):
        for name in sorted({*a, *b}):
            one, two = a.get(name), b.get(name)
            if one is None or two is None:
                out.append((f"{title}{name}", "there" if one is not None else "-", "there" if two is not None else "-"))
                continue
            for fact in sorted({*one, *two}):
                where = f"{title}{name} {fact}"
                if one.get(fact) != two.get(fact) and where not in blind:
                    out.append((where, one.get(fact), two.get(fact)))
    if old.accepted is not None and new.accepted is not None:
        for name in sorted({*old.accepted} ^ {*new.accepted}):
            there, gone = ("there", "-") if name in old.accepted else ("-", "there")
            out.append((f"accepted domain {name}", there, gone))
    for name in sorted({*old.health, *new.health}):
        if old.health.get(name) != new.health.get(name) and "health" not in blind:
            out.append((f"health {name}", old.health.get(name), new.health.get(name)))
    return out
