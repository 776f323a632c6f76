"""Cloudflare: one batch replaces the whole set, deletes before posts in one transaction.

There is no compare-and-swap: the records are read, deleted by their ids (an id that vanished fails the whole batch,
81044), and read again. An edit in place keeps its id; it is seen in what the batch says that it deleted, and told.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

from pydantic import Field

from bcp.contracts.dns import (
    Capabilities,
    Guard,
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
    Wildcard,
    Writer,
)
from bcp.contracts.dns_settings import DnsPlugin, DnsSettings
from bcp.kernel.clock import Clock
from bcp.kernel.secret import Secret
from bcp.kit.at_once import AtOnce
from bcp.kit.pace import Window
from bcp.plugins.vendors.cloudflare import Cloudflare, End, Told
from bcp.plugins.vendors.cloudflare_records import (
    GONE,
    ZoneAt,
    ends,
    is_at,
    is_called,
    lenient,
    post_of,
    remarks,
    rows,
    said,
    sent_of,
    sentence,
    set_of,
    trouble_of,
    unread,
    zone_of,
)

NO_RECORDS = json.dumps([])
"""What a reading without a record of its own has as its token."""
NOBODY = "0" * 32
"""An id that no record has."""
PAGE = "100"
MAX_PAGES = 100
AT_ONCE = 4
CALLS, CALLS_S = 1_150, 300.0
"""A user has 1,200 calls in five minutes, and is shut out for five more after that. The rest is for the dashboard and
whatever else the token's owner runs."""
SHADOWED = frozenset({"A", "AAAA", "TXT"})


class CloudflareSettings(DnsSettings):
    """A zone at Cloudflare, and an API token that may edit its DNS and nothing else."""

    kind: Literal["cloudflare"] = "cloudflare"
    """Which plug-in."""
    token: Secret
    """API token (not the global key), by reference. Permission: Zone, DNS, Edit; resources: these zones."""
    zone_ids: dict[str, Annotated[str, Field(pattern=r"^[0-9a-f]{32}$")]] = Field(default_factory=dict)
    """Zone id by zone, where a name alone does not say which is meant. It saves a call, too."""
    min_ttl: Annotated[int, Field(ge=30, le=3600)] = 60
    """Smallest TTL: 60 s; 30 s on Enterprise zones."""
    api_url: Annotated[str, Field(pattern=r"^$|^https?://\S+$")] = ""
    """Another base URL, for tests."""


@dataclass(frozen=True, slots=True)
class There:
    """All records of one name, or why they could not be read."""

    records: tuple[Mapping[str, Any], ...] = ()
    told: Told = field(default_factory=lambda: Told(End.GOOD))

    def of(self, kind: str) -> list[Mapping[str, Any]]:
        """Those of one type."""
        return [r for r in self.records if r["type"] == kind]


class CloudflareDns(Writer):
    """The back end."""

    def __init__(self, name: str, settings: CloudflareSettings, clock: Clock, zones: Mapping[str, str], /) -> None:
        self.name, self.settings, self._named = name, settings, dict(zones)
        self._clock = clock
        self._api = Cloudflare(
            settings.token, pace=Window(clock, CALLS, CALLS_S), api_url=settings.api_url, timeout_s=settings.timeout
        )
        self._zones: dict[str, ZoneAt] = {}
        self._at_once = AtOnce(AT_ONCE)

    @property
    def capabilities(self) -> Capabilities:
        """Weak, and not atomic in DNS; 1,200 calls in five minutes (developers.cloudflare.com, API rate limits)."""
        return Capabilities(
            guard=Guard.WEAK,
            atomic=False,
            min_ttl_s=self.settings.min_ttl,
            max_ttl_s=86_400,
            uses_token=True,
            proves=False,
            calls_a_zone=5,
            calls_per_s=CALLS / CALLS_S,
            burst=CALLS,
            paces=True,
        )

    @property
    def servers(self) -> tuple[str, ...]:
        """Cloudflare's servers stand in the NS records."""
        return ()

    async def warm(self, domains: Sequence[str]) -> Warmth:
        """Zone ids, and when the token ends."""
        zones = await self._all(domains, self._zone)
        verified = await self._api.get("/user/tokens/verify")
        until = ends(verified.result) if verified.good else None
        problems = {d: z.problem for d, z in zip(domains, zones, strict=True) if z.problem}
        return Warmth({d: z.id for d, z in zip(domains, zones, strict=True) if z.id}, until, problems)

    async def _all(self, things: Sequence[Any], work: Any) -> list[Any]:
        """``work`` for each, some at once, in order."""

        async def one(thing: Any) -> Any:
            async with self._at_once.here:
                return await work(thing)

        return await asyncio.gather(*(one(t) for t in things))

    # -- zones ---------------------------------------------------------------------------------------------------

    async def _zone(self, domain: str) -> ZoneAt:
        """The zone of a domain: what was found stays known, what was not is asked again."""
        if domain not in self._zones or not self._zones[domain].id:
            self._zones[domain] = await self._find(domain)
        return self._zones[domain]

    async def _find(self, domain: str) -> ZoneAt:
        labels = domain.split(".")
        named = self._named.get(domain, "")
        for candidate in [named] if named else [".".join(labels[i:]) for i in range(len(labels) - 1)]:
            if candidate in self.settings.zone_ids:
                return ZoneAt(self.settings.zone_ids[candidate], candidate)
            told = await self._api.get("/zones", {"name": candidate, "per_page": "50"})
            if not told.good:
                return ZoneAt(problem=sentence(told), trouble=trouble_of(told))
            found = [z for z in rows(told.result) if is_called(z, candidate)]
            if found:
                return zone_of(candidate, found)
        return ZoneAt(problem=f"this token sees no zone for {domain} at Cloudflare", trouble=Trouble.NO_ZONE)

    # -- reading -------------------------------------------------------------------------------------------------

    async def read(self, domains: Sequence[str]) -> list[Reading]:
        """What the API has at each name: MX, CNAME, and a wildcard where the name itself has nothing."""
        return await self._all(domains, self._read)

    async def _read(self, domain: str) -> Reading:
        zone = await self._zone(domain)
        if not zone.id:
            return Reading(domain, "", None, problem=zone.problem, trouble=zone.trouble)
        there = await self._records(zone, domain)
        if not there.told.good:
            return Reading(domain, zone.name, None, problem=sentence(there.told), trouble=trouble_of(there.told))
        if not there.records and domain != zone.name:
            return await self._wildcard(domain, zone)
        cname = next((str(r.get("content", "")) for r in there.of("CNAME")), "")
        try:
            mx = set_of(there.of("MX"))
        except ValueError as error:
            text = f"Cloudflare shows an MX that is none: {error}"
            return Reading(domain, zone.name, None, problem=text, trouble=Trouble.ERROR)
        token = json.dumps(sorted(str(r["id"]) for r in there.of("MX")))
        return Reading(
            domain, zone.name, mx, cname, token=token, name_servers=zone.name_servers, remarks=remarks(there.of("MX"))
        )

    async def _wildcard(self, domain: str, zone: ZoneAt) -> Reading:
        """The name has nothing of its own: what the nearest wildcard above it gives (RFC 4592)."""
        labels = domain.split(".")
        for k in range(1, len(labels) - zone.name.count(".")):
            owner = "*." + ".".join(labels[k:])
            there = await self._records(zone, owner)
            if not there.told.good:
                return Reading(domain, zone.name, None, problem=sentence(there.told), trouble=trouble_of(there.told))
            if there.of("MX"):
                shadows = tuple(sorted({r["type"] for r in there.records} & SHADOWED))
                return Reading(
                    domain, zone.name, set_of(there.of("MX")), token=NO_RECORDS, wildcard=Wildcard(owner, shadows)
                )
        return Reading(domain, zone.name, None, token=NO_RECORDS, name_servers=zone.name_servers)

    async def _records(self, zone: ZoneAt, name: str) -> There:
        """Every record at exactly this name."""
        found: list[Mapping[str, Any]] = []
        for page in range(1, MAX_PAGES + 1):
            asked = {"name": name, "per_page": PAGE, "page": str(page)}
            told = await self._api.get(f"/zones/{zone.id}/dns_records", asked)
            if not told.good:
                return There(told=told)
            if not isinstance(told.result, list):
                return There(told=Told(End.LOST, message="Cloudflare's list of records is no list"))
            found += [r for r in rows(told.result) if is_at(r, name)]
            if page >= told.pages:
                return There(tuple(found))
        return There(told=Told(End.LOST, message=f"{name} has more records than are read"))

    # -- writing -------------------------------------------------------------------------------------------------

    async def swap(self, orders: Sequence[SwapOrder]) -> list[Sent]:
        """Read, compare with what the token knows, and send one batch; each order once."""
        return await self._all(orders, self._swap)

    async def _swap(self, order: SwapOrder) -> Sent:
        domain = order.domain
        zone = await self._zone(domain)
        if not zone.id:
            return unread(domain, zone.trouble, zone.problem)
        if not self.settings.min_ttl <= order.new.ttl_s <= 86_400:
            text = f"Cloudflare takes TTLs from {self.settings.min_ttl} to 86400 s, not {order.new.ttl_s}"
            return Sent(domain, SentState.REFUSED, "ttl", text)
        there = await self._records(zone, domain)
        if not there.told.good:
            return unread(domain, trouble_of(there.told), said(there.told), there.told)
        records = there.of("MX")
        if json.dumps(sorted(str(r["id"]) for r in records)) != order.token or (bool(records) is bool(order.wildcard)):
            return Sent(domain, SentState.STALE, "stale")
        if records and not order.old.same(lenient(records)):
            return Sent(domain, SentState.STALE, "stale")
        deletes, posts = [{"id": r["id"]} for r in records], [post_of(domain, h, order.new) for h in order.new.hosts]
        body = {"deletes": deletes, "posts": posts}
        told = await self._api.post(f"/zones/{zone.id}/dns_records/batch", body)
        return sent_of(order, told)

    async def progress(self, sent: Sequence[Sent]) -> list[Progress]:
        """The API has it at once; the servers follow within seconds and are asked by ours."""
        return [Progress(s.domain, Step.DONE) for s in sent]

    async def prove(self, orders: Sequence[SwapOrder]) -> list[Proof]:
        """A delete of an id that nobody has: a *no* is sure; that the record is missing is no proof of a *yes*."""
        return await self._all(orders, self._prove)

    async def _prove(self, order: SwapOrder) -> Proof:
        domain, zone = order.domain, await self._zone(order.domain)
        if not zone.id:
            sure = zone.trouble in {Trouble.NO_ZONE, Trouble.TWO_ZONES, Trouble.NOT_ALLOWED}
            return Proof(domain, Permission.NOT_ALLOWED if sure else Permission.CANNOT_SAY, zone.problem)
        if proxied := await self._proxied(order, zone):
            hint = "Turn the proxy (orange cloud) off for this name: mail does not pass it."
            return Proof(domain, Permission.NOT_ALLOWED, f"{proxied} is proxied by Cloudflare", hint)
        told = await self._api.post(f"/zones/{zone.id}/dns_records/batch", {"deletes": [{"id": NOBODY}]})
        if told.end is End.CREDENTIAL:
            return Proof(domain, Permission.NOT_ALLOWED, told.message, told.hint)
        text = "Cloudflare has no way to show it without a change" if told.code == GONE else said(told)
        return Proof(domain, Permission.CANNOT_SAY, text, told.hint)

    async def _proxied(self, order: SwapOrder, zone: ZoneAt) -> str:
        """A host of the new set that is in this zone and behind the proxy; empty: none."""
        for host in order.new.hosts:
            name = host.host.rstrip(".")
            if name.endswith("." + zone.name):
                there = await self._records(zone, name)
                if any(r.get("proxied") is True for r in there.records):
                    return name
        return ""

    async def close(self) -> None:
        """Let connections go."""
        await self._api.close()


def policy(settings: CloudflareSettings, zones: Mapping[str, str], /) -> str:
    """The token, in the words of Cloudflare's form (My Profile, API Tokens, Create Custom Token). Pure.

    Cloudflare has no permission for one type of records or one name: DNS, Edit of the zone is the least.
    """
    lines = ["Permissions:     Zone | DNS | Edit"]
    for n, zone in enumerate(sorted({zone or domain for domain, zone in zones.items()})):
        ident = f" ({settings.zone_ids[zone]})" if zone in settings.zone_ids else ""
        lines.append(f"{'Zone Resources:' if n == 0 else '':<17}Include | Specific zone | {zone}{ident}")
    lines.append("IP filtering:    Is in | the addresses from which bcp calls")
    lines.append("TTL:             an end date; bcp says when it is near")
    return "\n".join(lines) + "\n"


PLUGIN = DnsPlugin(api=1, settings=CloudflareSettings, make=CloudflareDns, policy=policy)
