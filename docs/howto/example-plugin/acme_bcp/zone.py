"""``acme-zone``: a DNS host that is a folder of files, one an MX set; a lock makes the swap atomic."""

from __future__ import annotations

import fcntl
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

from bcp.contracts.dns import (
    Capabilities,
    Guard,
    MxSet,
    Permission,
    Progress,
    Proof,
    Reading,
    Sent,
    SentState,
    Step,
    SwapOrder,
    Trouble,
    Warmth,
    Writer,
)
from bcp.contracts.dns_settings import DnsPlugin, DnsSettings
from bcp.kernel.clock import Clock


class ZoneSettings(DnsSettings):
    """A folder."""

    kind: Literal["acme-zone"] = "acme-zone"
    """Which plug-in."""
    folder: Path
    """One file a domain: `example.org.json`."""


class Zone(Writer):
    """Reads a file, and writes another in its place while it holds the lock: strong and atomic."""

    def __init__(self, name: str, settings: ZoneSettings, clock: Clock, zones: Mapping[str, str], /) -> None:
        self.name, self.settings, self.zones = name, settings, zones

    @property
    def capabilities(self) -> Capabilities:
        """A lock, and a comparison below it."""
        return Capabilities(guard=Guard.STRONG)

    @property
    def servers(self) -> tuple[str, ...]:
        """None but those of the settings."""
        return ()

    async def warm(self, domains: Sequence[str]) -> Warmth:
        """Each domain is a zone of its own."""
        here = {d: self.zones.get(d, d) for d in domains if self._file(d).exists()}
        return Warmth(here, None, {d: "there is no file of it" for d in domains if d not in here})

    async def read(self, domains: Sequence[str]) -> list[Reading]:
        """What stands in the files."""
        return [self._read(d) for d in domains]

    async def swap(self, orders: Sequence[SwapOrder]) -> list[Sent]:
        """Each order once, in order."""
        return [self._swap(o) for o in orders]

    async def progress(self, sent: Sequence[Sent]) -> list[Progress]:
        """There is nothing to wait for."""
        return [Progress(s.domain, Step.DONE) for s in sent]

    async def prove(self, orders: Sequence[SwapOrder]) -> list[Proof]:
        """Whether the folder can be written."""
        try:
            with self._alone():
                return [Proof(o.domain, Permission.ALLOWED) for o in orders]
        except OSError as error:
            return [Proof(o.domain, Permission.NOT_ALLOWED, str(error.strerror), "Fix it.") for o in orders]

    async def close(self) -> None:
        """Nothing is open."""

    def _file(self, domain: str) -> Path:
        return self.settings.folder / f"{domain}.json"

    def _read(self, domain: str) -> Reading:
        zone = self.zones.get(domain, domain)
        if not self._file(domain).exists():
            return Reading(domain, "", None, problem="there is no file of it", trouble=Trouble.NO_ZONE)
        try:
            data = json.loads(self._file(domain).read_text(encoding="utf-8"))
            return Reading(domain, zone, MxSet.from_data(data))
        except (OSError, ValueError, KeyError, TypeError) as error:
            return Reading(domain, zone, None, problem=f"{domain}.json: {error}", trouble=Trouble.ERROR)

    def _swap(self, order: SwapOrder) -> Sent:
        try:
            with self._alone():
                if not self._file(order.domain).exists():
                    return Sent(order.domain, SentState.REFUSED, "zone", "there is no file of it", "Make it there.")
                now = self._read(order.domain).mx
                if now is None or not now.same(order.old):
                    return Sent(order.domain, SentState.STALE, message="something else stands there")
                fresh = self.settings.folder / f".{order.domain}.new"
                fresh.write_text(json.dumps(order.new.to_data()), encoding="utf-8")
                fresh.replace(self._file(order.domain))
                return Sent(order.domain, SentState.ACCEPTED)
        except OSError as error:
            return Sent(order.domain, SentState.NOT_SENT, message=str(error.strerror or error))

    @contextmanager
    def _alone(self) -> Iterator[None]:
        with (self.settings.folder / ".lock").open("w") as handle:
            fcntl.flock(handle, fcntl.LOCK_EX)
            yield


PLUGIN = DnsPlugin(api=1, settings=ZoneSettings, make=Zone)
